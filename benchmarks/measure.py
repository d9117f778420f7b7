"""Interleaved measurement: the candidates take turns in random order, so that a noisy machine hits all alike."""

import os
import random
import resource
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

Figures = dict[str, dict[str, list[float]]]
"""Candidate -> figure -> one value for each round."""
Round = Callable[[], Mapping[str, float]]
Name = TypeVar("Name")

ROUNDS = 15
QUICK_ROUNDS = 3
MOST_CALLS = 200_000


def turns(candidates: Mapping[Name, Round], *, rounds: int, seed: int) -> dict[Name, dict[str, list[float]]]:
    """Calls every candidate `rounds` times, in a new random order each time; what its figures were."""
    order = list(candidates)
    shuffle = random.Random(seed).shuffle
    figures: dict[Name, dict[str, list[float]]] = {name: {} for name in order}
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            for figure, value in candidates[name]().items():
                figures[name].setdefault(figure, []).append(value)
    return figures


def timed(calls: int, call: Callable[[], object], cpu: Callable[[], float]) -> Mapping[str, float]:
    """Calls `call` so often: calls per second, and CPU microseconds for each by the clock `cpu` (seconds)."""
    used = cpu()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    seconds = time.perf_counter() - start
    return {"rate": calls / seconds, "cpu": (cpu() - used) / calls * 1e6}


def timed_threads(
    threads: int, calls: int, call: Callable[[], object], cpu: Callable[[], float]
) -> Mapping[str, float]:
    """As `timed`, from so many threads at once: `calls` of each of them. Raises what a thread raised."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(threads + 1)

    def work() -> None:
        barrier.wait()
        try:
            for _ in range(calls):
                call()
        except BaseException as error:
            failures.append(error)

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    used = cpu()
    barrier.wait()
    start = time.perf_counter()
    for thread in running:
        thread.join()
    seconds = time.perf_counter() - start
    if failures:
        raise failures[0]
    return {"rate": calls * threads / seconds, "cpu": (cpu() - used) / (calls * threads) * 1e6}


def calibrated(call: Callable[[int], object], seconds: float) -> int:
    """How many calls take about so long: `call(n)` makes n of them. At least 1."""
    calls = 1
    while True:
        start = time.perf_counter()
        call(calls)
        took = time.perf_counter() - start
        if took > seconds / 4 or calls >= MOST_CALLS:
            return max(1, min(MOST_CALLS, round(calls * seconds / took)))
        calls *= 4


def sync_milliseconds(folder: Path, times: int = 50) -> float:
    """What one small durable write takes on this disk, just now: the median of a write and an fdatasync."""
    path = folder / "sync-probe"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        found: list[float] = []
        for number in range(times):
            start = time.perf_counter()
            os.pwrite(descriptor, bytes(4096), number * 4096)
            os.fdatasync(descriptor)
            found.append((time.perf_counter() - start) * 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    return statistics.median(found)


def cpu_rounds(
    candidates: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]], *, rounds: int, calls: int, seed: int
) -> dict[str, list[float]]:
    """CPU microseconds per call of each candidate, one figure per round.

    A candidate is (make an input, call with it); inputs are made before the clock starts.
    """

    def one(make: Callable[[], Any], call: Callable[[Any], object]) -> Mapping[str, float]:
        inputs = [make() for _ in range(calls)]
        start = time.process_time()
        for given in inputs:
            call(given)
        return {"cpu": (time.process_time() - start) / calls * 1e6}

    rows = {name: (lambda pair=pair: one(*pair)) for name, pair in candidates.items()}
    return {name: found["cpu"] for name, found in turns(rows, rounds=rounds, seed=seed).items()}


def ratio(figures: Figures, one: str, other: str, figure: str) -> float | None:
    """The ratio of two candidates' medians; None if one was not measured."""
    if one not in figures or other not in figures or not figures[one] or not figures[other]:
        return None
    return statistics.median(figures[one][figure]) / statistics.median(figures[other][figure])


def run_once(command: list[str], folder: Path, environment: dict[str, str]) -> Mapping[str, float]:
    """Wall and CPU milliseconds of one command with its children. Raises what it said if it fails."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall": wall * 1000, "cpu": used * 1000}
