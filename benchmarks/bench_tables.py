"""Tables: get, put (1 and 64 writers) and a query of 100, against SQLite by hand, moto and dynalite; how they grow.

    python benchmarks/bench_tables.py [--quick] [--rounds 15] [--seconds 0.2] [--write docs/benchmarks.md]

Documents of 1 KB, 100 to a pk, on the disk, each write durable when it returns (synchronous=FULL). Ours is what a
handler calls: `table.get`, `put` and `query`, once in a process beside a real `portable dev`, which writes for it, and
once with the store in the same process. By hand is sqlite3 and json with no check of anything; for many writers also
with a commit that they share. The emulators (in memory, not durable) are asked by boto3. CPU is that of client and
server together.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import options as common
from findings import Findings, Table, Target, median_range, number, versions
from measure import Figures, calibrated, ratio, sync_milliseconds, timed, timed_threads, turns
from processes import NotStarted
from stores import (
    PER_PK,
    ByHand,
    Grouped,
    InMoto,
    Numbers,
    Store,
    document,
    dynalite,
    key,
    moto_server,
    portable_alone,
    portable_dev,
)

DEV, ALONE, HAND, GROUPED = "portable dev", "portable, one process", "sqlite3 + json", "sqlite3 + json, group commit"
MOTO, MOTO_SERVER, DYNALITE = "moto, in process", "moto server", "dynalite"
ITEMS = 5_000
WRITERS = (1, 2, 4, 8, 16, 32, 64)
MANY = 64
SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 10_000)


def opened(name: str, folder: Path, stack: ExitStack) -> Store:
    """A store by its name, empty. Raises NotStarted."""
    folder.mkdir(parents=True)
    if name == HAND:
        return ByHand(folder / "store.sqlite")
    if name == GROUPED:
        return Grouped(folder / "store.sqlite")
    if name == MOTO:
        return InMoto()
    makers: dict[str, Callable[[Path], AbstractContextManager[Store]]] = {
        DEV: portable_dev,
        ALONE: portable_alone,
        MOTO_SERVER: moto_server,
        DYNALITE: dynalite,
    }
    return stack.enter_context(makers[name](folder))


def check(name: str, store: Store) -> None:
    """A store that answers wrongly is not measured."""
    with store.active():
        number_ = PER_PK + 3
        found = store.get(number_)
        assert {**found, "total": int(found["total"])}["note"] == document(number_)["note"], name
        assert found["lines"] == document(number_)["lines"], name
        assert [item["sk"] for item in store.query(number_)] == [key(n)[1] for n in range(PER_PK)], name


def repeated(call: Callable[[], object], times: int) -> None:
    for _ in range(times):
        call()


def one_round(store: Store, call: Callable[[], object], size: int) -> Mapping[str, float]:
    with store.active():
        return timed(size, call, store.cpu)


def rounds_of(store: Store, seconds: float, seed: int) -> dict[str, Callable[[], Mapping[str, float]]]:
    """One round of each operation."""
    numbers = Numbers(seed, store.count)
    calls = {
        "get": lambda: store.get(numbers()),
        "put": lambda: store.put(numbers()),
        "query of 100": lambda: store.query(numbers()),
    }
    made: dict[str, Callable[[], Mapping[str, float]]] = {}
    for operation, call in calls.items():
        with store.active():
            size = calibrated(partial(repeated, call), seconds)
        made[operation] = partial(one_round, store, call, size)
    return made


def writers_round(store: Store, threads: int, seconds: float, seed: int) -> Callable[[], Mapping[str, float]]:
    numbers = Numbers(seed, store.count)

    def write() -> None:
        store.put(numbers())

    calls = calibrated(lambda times: timed_threads(threads, times, write, store.cpu), seconds)
    return lambda: timed_threads(threads, calls, write, store.cpu)


def shown(title: str, figures: Figures, base: str) -> Table:
    rows: list[list[str]] = []
    reference = figures.get(base)
    for name, found in sorted(figures.items(), key=lambda row: -statistics.median(row[1]["rate"])):
        rate = statistics.median(found["rate"])
        rows.append(
            [
                name,
                median_range(found["rate"]),
                "-" if reference is None else number(rate / statistics.median(reference["rate"])),
                number(min(found["cpu"])),
                number(statistics.median(found["cpu"])),
                "-" if reference is None else number(min(found["cpu"]) / min(reference["cpu"])),
            ]
        )
    columns = ("store", "per second (range)", f"x {base}", "CPU µs, minimum", "median", f"minimum x {base}")
    return Table(title, columns, rows)


def operations(options: argparse.Namespace, found: Findings, folder: Path, seconds: float) -> None:
    """get, put, query of 100."""
    names = [n for n in (DEV, ALONE, HAND, MOTO, MOTO_SERVER, DYNALITE) if common.is_wanted(n, options)]
    with ExitStack() as stack:
        candidates: dict[tuple[str, str], Callable[[], Mapping[str, float]]] = {}
        for name in names:
            try:
                store = opened(name, folder / name.replace(" ", "-"), stack)
            except (NotStarted, ImportError) as error:
                print(f"NOT MEASURED: {name}: {error}", file=sys.stderr)
                found.missing.append(f"{name}: {getattr(error, 'reason', error)}")
                continue
            store.fill(ITEMS)
            check(name, store)
            for operation, once in rounds_of(store, seconds, options.seed).items():
                candidates[operation, name] = once
            print(f"ready: {name}", file=sys.stderr)
        figures = turns(candidates, rounds=options.rounds, seed=options.seed)
    for operation in ("get", "put", "query of 100"):
        rows = {name: row for (of, name), row in figures.items() if of == operation}
        found.tables.append(shown(f"{operation}, {ITEMS:,} items, one client", rows, HAND))
        if operation != "put":
            goal = 0.4 if operation == "get" else 0.7
            for ours in (DEV, ALONE):
                found.targets.append(Target(f"{operation}: {ours} over {HAND}", goal, ratio(rows, ours, HAND, "rate")))
        for other in (MOTO, MOTO_SERVER, DYNALITE):
            found.targets.append(Target(f"{operation}: {DEV} over {other}", 30, ratio(rows, DEV, other, "rate")))


def writers(options: argparse.Namespace, found: Findings, folder: Path, seconds: float) -> None:
    """put by 1 to 64 threads."""
    names = [n for n in (DEV, ALONE, HAND, GROUPED) if common.is_wanted(n, options)]
    counts = (1, 8, 64) if options.quick else WRITERS
    with ExitStack() as stack:
        candidates: dict[tuple[str, int], Callable[[], Mapping[str, float]]] = {}
        for name in names:
            store = opened(name, folder / name.replace(" ", "-"), stack)
            store.fill(ITEMS)
            for threads in counts:
                candidates[name, threads] = writers_round(store, threads, seconds, options.seed)
        figures = turns(candidates, rounds=options.rounds, seed=options.seed)
    rows = [[name, *(median_range(figures[name, threads]["rate"]) for threads in counts)] for name in names]
    columns = ("puts per second (range)", *(f"{threads} writers" for threads in counts))
    found.tables.append(Table("put, durable, by threads of one process", columns, rows))
    many = {name: row for (name, threads), row in figures.items() if threads == MANY}
    found.tables.append(shown(f"put, durable, {MANY} writers", many, GROUPED))
    for ours in (DEV, ALONE):
        rate = statistics.median(many[ours]["rate"]) if ours in many else None
        found.targets.append(Target(f"put by {MANY} writers: {ours}", 5_000, rate, unit="per second"))


def growth(options: argparse.Namespace, found: Findings, folder: Path, seconds: float) -> None:
    """The same operations while the table grows."""
    names = [n for n in (ALONE, HAND) if common.is_wanted(n, options)]
    sizes = options.sizes or (QUICK_SIZES if options.quick else SIZES)
    rows: dict[tuple[str, str], list[str]] = {}
    with ExitStack() as stack:
        stores = {name: opened(name, folder / name.replace(" ", "-"), stack) for name in names}
        for size in sizes:
            candidates: dict[tuple[str, str], Callable[[], Mapping[str, float]]] = {}
            for name, store in stores.items():
                store.fill(size)
                for operation, once in rounds_of(store, seconds / 2, options.seed).items():
                    candidates[operation, name] = once
            figures = turns(candidates, rounds=options.rounds, seed=options.seed)
            for of, row in figures.items():
                rows.setdefault(of, []).append(number(statistics.median(row["rate"])))
            print(f"ready: {size:,} items", file=sys.stderr)
    columns = ("per second, median", *(f"{size:,} items" for size in sizes))
    shown_rows = [[f"{of}, {name}", *cells] for (of, name), cells in rows.items()]
    found.tables.append(Table("As the table grows, one client", columns, shown_rows))


def run(options: argparse.Namespace) -> Findings:
    seconds = options.seconds or (0.05 if options.quick else 0.2)
    found = Findings(
        "tables",
        common.command_of(__file__, options),
        f"{options.rounds} interleaved rounds of about {seconds} s, seed {options.seed}.",
        versions=versions("portable-serverless", "boto3", "moto"),
    )
    found.versions["sqlite"] = __import__("sqlite3").sqlite_version
    with tempfile.TemporaryDirectory(prefix="bench-tables-", dir=options.folder) as place:
        found.method += f" A sync of this disk took {sync_milliseconds(Path(place)):.2f} ms before it began."
        parts = {"operations": operations, "writers": writers, "growth": growth}
        for name, part in parts.items():
            if options.part in (None, name):
                part(options, found, Path(place) / name, seconds)
    return found


def main() -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--seconds", type=float, help="of a round, by default 0.2 (with --quick 0.05)")
    parser.add_argument("--part", choices=("operations", "writers", "growth"), help="only this one")
    parser.add_argument("--sizes", type=int, nargs="+", help="of the tables of the part `growth`")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; by default the temporary folder's")
    return common.main(run, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
