"""Tasks: from enqueue to done with 64 producers, and how soon one is run on an idle machine.

    python benchmarks/bench_tasks.py [--quick] [--rounds 15] [--seconds 0.5] [--write docs/benchmarks.md]

A task writes a byte into a pipe. 64 threads of one process send as many as take about half a second, and the clock
stops when all were run. Ours: a real `portable dev` with its workers as by default, the producer beside it as one of
its children. Against: a queue in SQLite by hand without lease, retry, result or dead letter; huey, persist-queue, DBOS
(SQLite), dramatiq (Redis). FULL: what was acknowledged survives a loss of power; NORMAL: the last moments may be lost.
All are up, one at a time is at work, in random order. CPU is that of producer, worker and store together.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import options as common
from findings import Findings, Table, Target, median_range, number, tool_version, versions
from measure import Figures, ratio, sync_milliseconds, turns
from processes import NotStarted
from senders import DBOS, GROUPED, HUEY, MAKERS, PERSIST, PIPE_BYTES, PORTABLE, REDIS, SINGLE, Sender, sender

PRODUCERS = 64
SENDS = 25
PAUSE_SECONDS = 0.03
"""Between single sends, so that each finds an idle worker."""


def produce(queue: Sender, each: int) -> Mapping[str, float]:
    """`each` tasks from each of 64 threads, until the last one is done."""
    barrier = threading.Barrier(PRODUCERS + 1)
    failures: list[BaseException] = []

    def work() -> None:
        barrier.wait()
        try:
            for _ in range(each):
                queue.send()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(PRODUCERS)]
    for thread in threads:
        thread.start()
    used = queue.cpu()
    barrier.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    sent = time.perf_counter() - start
    if failures:
        raise NotStarted(f"{queue.name}: {type(failures[0]).__name__}: {failures[0]}")
    count = PRODUCERS * each
    queue.pipe.wait(count, queue.name)
    seconds = time.perf_counter() - start
    return {"rate": count / seconds, "sent": count / sent, "cpu": (queue.cpu() - used) / count * 1e6}


def latency(queue: Sender) -> Mapping[str, float]:
    """Milliseconds from one send until the task has run."""
    time.sleep(PAUSE_SECONDS)
    queue.pipe.drop()
    start = time.perf_counter()
    queue.send()
    queue.pipe.wait(1, queue.name)
    return {"ms": (time.perf_counter() - start) * 1000}


def size_of(queue: Sender, seconds: float) -> int:
    """How many tasks each producer sends so that a round takes about so long."""
    produce(queue, 1)  # as warm as it will be
    rate = produce(queue, 1)["rate"]
    return max(1, min(round(rate * seconds / PRODUCERS), PIPE_BYTES // PRODUCERS - 1))


def shown(queues: Mapping[str, Sender], figures: Figures) -> Table:
    base = figures.get(GROUPED)
    rows: list[list[str]] = []
    for name, found in sorted(figures.items(), key=lambda row: -statistics.median(row[1]["rate"])):
        rows.append(
            [
                name,
                queues[name].durability,
                median_range(found["rate"]),
                "-" if base is None else number(statistics.median(found["rate"]) / statistics.median(base["rate"])),
                number(statistics.median(found["sent"])),
                number(min(found["cpu"])),
                number(statistics.median(found["cpu"])),
            ]
        )
    columns = (
        "queue",
        "durable",
        "done per second (range)",
        f"x {GROUPED}",
        "sent per second",
        "CPU µs, minimum",
        "median",
    )
    return Table(f"Enqueue to done, {PRODUCERS} producers", columns, rows)


def idle(figures: Figures) -> Table:
    rows = [
        [name, number(statistics.median(found["ms"])), number(max(found["ms"]))]
        for name, found in sorted(figures.items(), key=lambda row: statistics.median(row[1]["ms"]))
    ]
    return Table(f"From a send to the run, idle, {SENDS} sends", ("queue", "p50 ms", "maximum ms"), rows)


def run(options: argparse.Namespace) -> Findings:
    seconds = options.seconds or (0.2 if options.quick else 0.5)
    sends = 5 if options.quick else SENDS
    found = Findings(
        "tasks",
        common.command_of(__file__, options),
        f"{options.rounds} interleaved rounds of about {seconds} s, {sends} single sends, seed {options.seed}.",
        versions=versions("portable-serverless", "huey", "persist-queue", "dramatiq", "redis", "dbos"),
    )
    redis = shutil.which("redis-server")
    if redis is not None:
        found.versions["redis-server"] = tool_version(redis, "--version")
    with tempfile.TemporaryDirectory(prefix="bench-tasks-", dir=options.folder) as place, ExitStack() as stack:
        found.method += f" A sync of this disk took {sync_milliseconds(Path(place)):.2f} ms before it began."
        queues: dict[str, Sender] = {}
        for index, name in enumerate(MAKERS):
            if not common.is_wanted(name, options):
                continue
            try:
                queues[name] = stack.enter_context(sender(name, Path(place) / str(index)))
            except (NotStarted, ImportError) as error:
                print(f"NOT MEASURED: {name}: {error}", file=sys.stderr)
                found.missing.append(f"{name}: {getattr(error, 'reason', error)}")
                continue
            print(f"ready: {name}", file=sys.stderr)
        rounds: dict[str, Callable[[], Mapping[str, float]]] = {
            name: partial(produce, queue, size_of(queue, seconds)) for name, queue in queues.items()
        }
        figures = turns(rounds, rounds=options.rounds, seed=options.seed)
        singles: dict[str, Callable[[], Mapping[str, float]]] = {
            name: partial(latency, queue) for name, queue in queues.items()
        }
        latencies = turns(singles, rounds=sends, seed=options.seed)
    found.tables = [shown(queues, figures), idle(latencies)]
    found.targets = [
        Target(f"tasks: {PORTABLE} over {GROUPED}", 0.8, ratio(figures, PORTABLE, GROUPED, "rate")),
        Target(f"tasks: {PORTABLE} over {SINGLE}", 0.8, ratio(figures, PORTABLE, SINGLE, "rate")),
        *(
            Target(f"tasks: {PORTABLE} over {other}", 1.0, ratio(figures, PORTABLE, other, "rate"))
            for other in (HUEY, PERSIST, DBOS, REDIS)
        ),
    ]
    if PORTABLE in latencies:
        p50 = statistics.median(latencies[PORTABLE]["ms"])
        found.targets.append(Target("idle latency, p50", 2.0, p50, at_most=True, unit="ms"))
    return found


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--seconds", type=float, help="of a round, by default 0.5 (with --quick 0.2)")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; by default the temporary folder's")
    return common.main(run, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
