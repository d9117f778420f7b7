"""Fifty processes that try to own one folder at the same moment: `python -m tests.durability.racers FOLDER COUNT`.

They are forked before anything else happens, wait for one another, and print what came of it; the winner holds the
folder until all have tried.
"""

import json
import os
import sys
import time
from pathlib import Path

from portable_local.store.owner import hold_folder

from portable.errors import ProjectConflict


def race(folder: Path, started: int, going: int, answers: int, until: int) -> None:
    """One racer: says that it is there, waits for the word, tries."""
    os.write(started, b".")
    os.read(going, 1)
    try:
        lock = hold_folder(folder, "portable race")
    except ProjectConflict as error:
        os.write(answers, (json.dumps({"pid": os.getpid(), "conflict": error.message}) + "\n").encode())
        return
    os.write(answers, (json.dumps({"pid": os.getpid(), "conflict": None}) + "\n").encode())
    # Closed by the parent when every racer has answered.
    os.read(until, 1)
    lock.release()


def main() -> None:
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    started, going, answers, until = os.pipe(), os.pipe(), os.pipe(), os.pipe()
    children: list[int] = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            os.close(until[1])
            os.close(going[1])
            race(folder, started[1], going[0], answers[1], until[0])
            os._exit(0)
        children.append(pid)
    for end in (started[1], answers[1]):
        os.close(end)
    there = 0
    while there < count:
        there += len(os.read(started[0], count))
    os.close(going[1])
    lines = b""
    deadline = time.monotonic() + 60
    while lines.count(b"\n") < count and time.monotonic() < deadline:
        lines += os.read(answers[0], 65536)
    os.close(until[1])
    codes = [os.waitpid(pid, 0)[1] for pid in children]
    sys.stdout.write(lines.decode())
    sys.exit(any(codes))


if __name__ == "__main__":
    main()
