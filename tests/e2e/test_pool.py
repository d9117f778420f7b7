"""Deliveries that workers take by themselves: a worker that ends takes down the one that it is at, and no other."""

import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .dev import Dev, request, started, until, write

RUNS = 400
FATAL = 40
"""One in so many ends its process at the first attempt."""

APP = """
import os
import signal
import time
from pathlib import Path

from portable import App, Context

app = App("pool")
place = Path(os.environ["POOL_LOG"])
log = os.open(place / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def note(number: int, context: Context) -> None:
    os.write(log, f"{number} {context.attempt}\\n".encode())


@app.task(max_attempts=3, min_backoff=0.05, max_backoff=0.1)
def quick(number: int, context: Context) -> None:
    note(number, context)
    if number % FATAL == FATAL - 1 and context.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@app.task
def slow(number: int, context: Context) -> None:
    note(number, context)
    while not (place / "go").exists():
        time.sleep(0.01)


@app.post("/quick/{count}")
def send(count: int) -> None:
    for number in range(count):
        quick.send(number)


@app.post("/slow/{number}")
def start(number: int) -> None:
    slow.send(number)
""".replace("FATAL", str(FATAL))


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    (tmp_path / "log").mkdir()
    write(tmp_path / "app", {"app.py": APP})
    with started(tmp_path / "app", POOL_LOG=str(tmp_path / "log")) as made:
        yield made.serves()


def log_of(dev: Dev) -> Path:
    return dev.project.parent / "log"


def ends(dev: Dev) -> Counter[tuple[str, int]]:
    """How many deliveries ended in a state after so many attempts."""
    with closing(sqlite3.connect(f"file:{dev.data / 'store.sqlite'}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT state, attempts FROM deliveries WHERE handler = 'quick'").fetchall()
    return Counter((state, attempts) for state, attempts in rows)


def runs(dev: Dev) -> Counter[tuple[int, int]]:
    lines = (log_of(dev) / "log.txt").read_text().split("\n")[:-1]
    return Counter((int(number), int(attempt)) for number, attempt in (line.split() for line in lines))


@pytest.mark.parametrize("saves", [False, True], ids=["undisturbed", "while it reloads"])
def test_a_worker_that_is_killed_costs_the_run_that_it_was_at_and_no_other(dev: Dev, saves: bool) -> None:
    request(dev.api, "POST", f"/quick/{RUNS}")
    fatal = [number for number in range(RUNS) if number % FATAL == FATAL - 1]
    wanted = {("succeeded", 1): RUNS - len(fatal), ("succeeded", 2): len(fatal)}

    def are_done() -> bool:
        if saves:
            (dev.project / "app.py").write_text(APP + f"# {time.monotonic()}\n")
        return ends(dev) == wanted

    until("all of them", are_done, 90)
    assert len(fatal) == RUNS // FATAL
    expected = Counter([*((number, 1) for number in range(RUNS)), *((number, 2) for number in fatal)])
    assert runs(dev) == expected, "each was run once, those that ended their process once more"


def test_a_slow_run_holds_up_nothing(dev: Dev) -> None:
    request(dev.api, "POST", "/slow/-1")
    until("the slow one", lambda: (log_of(dev) / "log.txt").exists() and runs(dev)[-1, 1] == 1)
    request(dev.api, "POST", f"/quick/{FATAL - 1}")
    until("all others", lambda: ends(dev) == {("succeeded", 1): FATAL - 1}, 90)
    (log_of(dev) / "go").touch()
