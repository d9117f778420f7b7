"""What one writer knows of its keys: what was acknowledged, and what may or may not have happened since. Pure.

A key's state is a number (0: absent) that only grows while the key lives. One writer has a key to itself, and leaves it
alone from an answer that was lost until it has been read again, so that what may be found is exactly known.
"""

from collections.abc import Iterable, Mapping


class Ledger:
    """Keys and their possible states."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._doubt: dict[str, list[int]] = {}
        self.acknowledged = 0
        self.in_doubt = 0

    def intend(self, key: str, state: int) -> None:
        """A write has been asked for; from now on it may be there."""
        self._doubt.setdefault(key, []).append(state)

    def acknowledge(self, key: str, state: int) -> None:
        """The write that was asked for last was confirmed: it is there, and no earlier one is."""
        assert self._doubt[key][-1] == state
        self._known[key] = state
        self._doubt[key].clear()
        self.acknowledged += 1

    def refuse(self, key: str, state: int) -> None:
        """The write that was asked for last was answered with: nothing happened."""
        assert self._doubt[key].pop() == state

    def is_open(self, key: str) -> bool:
        """Whether the key must be read before it is written again."""
        return bool(self._doubt.get(key))

    def possible(self, key: str) -> set[int]:
        return {self._known.get(key, 0), *self._doubt.get(key, ())}

    def names(self) -> list[str]:
        return sorted({*self._known, *self._doubt})

    def settle(self, found: Mapping[str, int]) -> list[str]:
        """Compares with all that is there after a restart; what is wrong, in words. What was read stays."""
        faults = [
            f"{key} is {found.get(key, 0)}, and could only be {sorted(self.possible(key))}"
            for key in self.names()
            if found.get(key, 0) not in self.possible(key)
        ]
        faults += [f"{key} is {found[key]}, and was never written" for key in found if key not in self._all()]
        for key in self.names():
            self.in_doubt += len(self._doubt.get(key, ()))
            self._known[key] = found.get(key, 0)
            self._doubt[key] = []
        return faults

    def _all(self) -> set[str]:
        return {*self._known, *self._doubt}


def ledger_of(lines: Iterable[str], ledger: Ledger | None = None) -> Ledger:
    """What a writer printed, whole lines: `try KEY STATE`, then `ack KEY STATE` or `no KEY STATE`."""
    found = Ledger() if ledger is None else ledger
    for line in lines:
        word, key, state = line.split(" ")
        {"try": found.intend, "ack": found.acknowledge, "no": found.refuse}[word](key, int(state))
    return found
