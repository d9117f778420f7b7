"""Interleaved measurement: the candidates take turns in random order, so that a noisy machine hits all alike."""

import platform
import random
import statistics
import time
from collections.abc import Callable
from typing import Any


def cpu_rounds(
    candidates: dict[str, tuple[Callable[[], Any], Callable[[Any], object]]], *, rounds: int, calls: int, seed: int
) -> dict[str, list[float]]:
    """CPU microseconds per call of each candidate, one figure per round.

    A candidate is (make an input, call with it); inputs are made before the clock starts.
    """
    order = list(candidates)
    shuffle = random.Random(seed).shuffle
    figures: dict[str, list[float]] = {name: [] for name in order}
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            make, call = candidates[name]
            inputs = [make() for _ in range(calls)]
            start = time.process_time()
            for given in inputs:
                call(given)
            figures[name].append((time.process_time() - start) / calls * 1e6)
    return figures


def report(figures: dict[str, list[float]], reference: str, unit: str) -> None:
    """Prints medians and minima with their ratios to the reference."""
    print(f"{'':28} {'median':>9} {'ratio':>7} {'minimum':>9} {'ratio':>7}   ({unit})")
    base = figures[reference]
    for name, values in figures.items():
        median, least = statistics.median(values), min(values)
        print(f"{name:28} {median:9.2f} {median / statistics.median(base):7.3f} {least:9.2f} {least / min(base):7.3f}")


def machine() -> str:
    """The machine in one line."""
    name = "unknown processor"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or name
    return f"{name}, {platform.system()} {platform.release()}, Python {platform.python_version()}"
