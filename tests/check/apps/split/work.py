"""What handlers call."""

import time

from . import kept

SOON = 60
LATER = 60 * 60
NEVER = 10 * 24 * 60 * 60
memory: list[str] = []


def slow(times: int) -> None:
    for _ in range(times):
        time.sleep(29)  # planted: P3107
    deeper()


def deeper() -> None:
    kept.files.native(object)  # planted: P3301, P3001, P3001


def remember(id: str) -> None:
    memory.append(id)  # planted: P3303


class Visits:
    def count(self) -> str:
        found = kept.notes.native(dict)  # planted: P3301, P3001
        return str(found)


def unused() -> None:
    """Nobody calls it, so that it harms nobody; but an escape is one wherever it stands."""
    memory.append("unused")
    time.sleep(10_000)
    kept.notes.native(list)  # planted: P3301
