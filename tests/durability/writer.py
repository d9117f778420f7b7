"""A program that writes to data folders until it ends or is ended: `python -m tests.durability.writer FOLDER FIRST`.

`... FOLDER FIRST count` tells on stderr how often it passed each place in which a process can be made to end.
It prints what it is about to do, does it, and prints that it was acknowledged. It works through three folders in turn
and opens each twice, so that every place of the store is passed at least three times. FIRST is the number of its first
write: a second run after a crash goes on above the first.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from portable_local.store import crash_points
from portable_local.values import write_value

from portable.errors import PortableError, Unknown

from .stored import TOGETHER, Opened, files, items, opened, sealed, sealed_bytes, tell

ROUNDS = 2
FOLDERS = ("0", "1", "2")


def say(line: str) -> None:
    """At once, and whole: what was said has been said though the process is killed."""
    os.write(1, line.encode())


class Writer:
    """Writes to one opened folder; `scope` comes before the keys that it names."""

    def __init__(self, folder: Path, place: Opened, number: int) -> None:
        self.folder = folder
        self.store = place.store
        self.number = number

    def do(self, key: str, state: int, write: Callable[[], object]) -> None:
        scoped = f"{self.folder.name}/{key}"
        say(tell("try", scoped, state))
        try:
            write()
        except Unknown:
            return
        except PortableError as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            say(tell("no", scoped, state))
            return
        say(tell("ack", scoped, state))

    def round(self) -> None:
        """One write of every kind."""
        self.number = n = self.number + 1
        single = f"k{n % 3}"
        self.do(f"item:single:{single}", n, lambda: items.put({"pk": "single", "sk": single, **sealed(single, n)}))
        if items.get("counter", "c") is None:
            # Its first state is that it was counted once.
            self.do("item:counter:c", 1, lambda: items.put({"pk": "counter", "sk": "c", "n": 1}, if_absent=True))
        count = items.require("counter", "c")["n"] + 1
        self.do("item:counter:c", count, lambda: items.increment("counter", "c", field="n"))
        both = [items.putting({"pk": "pair", "sk": side, **sealed(side, n)}) for side in TOGETHER]
        self.do("item:pair", n, lambda: items.transact(both))
        self.do(f"item:single:{single}", 0, lambda: items.delete("single", single))
        self.do("object:a/kept", n, lambda: files.put("a/kept", sealed_bytes("a/kept", n)))
        self.do("object:a", n, lambda: files.put("a", sealed_bytes("a", n)))
        self.do("object:a", 0, lambda: files.delete("a"))
        self.copy(n)
        self.task(f"{n:032x}")
        self.do("param:p", n, lambda: write_value(self.folder, "param", "p", str(n)))

    def copy(self, n: int) -> None:
        """A copy has the bytes of its source: see `stored.seal_of`."""
        self.do("object:source", n, lambda: files.put("source", sealed_bytes("copied", n)))
        self.do("object:copied", n, lambda: files.copy("source", "copied"))
        self.do("object:source", 0, lambda: files.delete("source"))

    def resume(self) -> None:
        """As the supervisor does at its start; and what waits is taken, so that the tasks of this run come first."""
        self.store.call("queue.release", {})
        waiting = [
            row[0] for row in self.store.read("SELECT id FROM deliveries WHERE state = 'queued' ORDER BY due, n")
        ]
        for id in waiting:
            say(tell("try", f"{self.folder.name}/task:{id}", 2))
        if waiting:
            self.store.call("queue.claim", {"worker": "w", "slots": len(waiting), "lease": 1e9})
        for id in waiting:
            say(tell("ack", f"{self.folder.name}/task:{id}", 2))

    def task(self, id: str) -> None:
        message = {
            "task": "work",
            "id": id,
            "body": f'{{"task":"{id}"}}',
            "enqueued_at": 0.0,
            "due": 0.0,
            "dedup": None,
            "traceparent": "",
        }
        self.do(f"task:{id}", 1, lambda: self.store.call("queue.send", message))
        fences: list[int] = []

        def claim() -> None:
            for delivery in self.store.call("queue.claim", {"worker": "w", "slots": 1, "lease": 60}):
                assert delivery["id"] == id
                fences.append(delivery["fence"])

        self.do(f"task:{id}", 2, claim)
        if fences:
            outcome = {"id": id, "fence": fences[0], "status": "succeeded", "result": "null"}
            self.do(f"task:{id}", 3, lambda: self.store.call("queue.finish", outcome))


def main() -> None:
    passed: Counter[str] = Counter()
    if sys.argv[3:] == ["count"]:
        crash_points.reach = lambda name: passed.update((name,))
    work(Path(sys.argv[1]), int(sys.argv[2]))
    if passed:
        sys.stderr.write(json.dumps(passed))


def work(root: Path, number: int) -> None:
    for name in FOLDERS:
        folder = root / name
        for _ in range(2):
            with opened(folder) as place:
                writer = Writer(folder, place, number)
                writer.resume()
                for _ in range(ROUNDS):
                    writer.round()
                number = writer.number
            # As a process leaves it that ends between file and database.
            (next((folder / "objects").iterdir()) / "left-by-a-crash").touch()
    say(tell("try", "done", 1))
    say(tell("ack", "done", 1))


if __name__ == "__main__":
    main()
