"""Whether what many clients saw of one item can be explained by one order of their calls.

The search is that of Wing and Gong ("Testing and verifying concurrent objects", 1993) with Lowe's memory of what was
tried ("Testing for linearizability", 2017): a call may be put next if none of those left had ended before it began; a
set of calls that led to a state before is not tried again. A call whose answer was lost may take effect at any later
time, or never.
"""

import itertools
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from portable.errors import Conflict, NotFound, Unknown

NEVER = math.inf


class Version(NamedTuple):
    """What is known of an item's version: its text, or None after a call that does not tell."""

    text: str | None


class State(NamedTuple):
    """The item: its number, and its version. The absent item is `ABSENT`."""

    number: int
    version: Version


ABSENT = None
Item = State | None


class Operation(NamedTuple):
    """What a client asked for. `kind`: get, put, put_absent, put_version, delete, delete_version, increment."""

    kind: str
    number: int = 0
    version: str = ""


class Answer(NamedTuple):
    """What it was told. `kind`: ok, conflict, missing, lost."""

    kind: str
    number: int | None = None
    version: str | None = None


class Event(NamedTuple):
    """One call: when it began, when it ended (NEVER for a lost answer), what was asked and answered."""

    began: float
    ended: float
    operation: Operation
    answer: Answer


LOST = Answer("lost")


def step(state: Item, operation: Operation, answer: Answer) -> list[Item]:
    """The states that the call may leave behind if it gets this answer in this state; none: it cannot."""
    kind = operation.kind
    is_lost = answer.kind == "lost"
    written = State(operation.number, Version(answer.version))
    if kind == "get":
        return [state] if is_lost else _read(state, answer)
    holds = {
        "put": True,
        "delete": True,
        "put_absent": state is None,
        "put_version": state is not None and state.version.text == operation.version,
        "delete_version": state is not None and state.version.text == operation.version,
        "increment": state is not None,
    }[kind]
    after: Item
    if kind == "increment":
        after = None if state is None else State(state.number + 1, Version(None))
        if after is not None and answer.kind == "ok" and after.number != answer.number:
            return []
    else:
        after = None if kind.startswith("delete") else written
    if is_lost:
        return [after] if holds else [state]
    if answer.kind == "ok":
        return [after] if holds else []
    refusal = "missing" if kind == "increment" else "conflict"
    return [state] if not holds and answer.kind == refusal else []


def _read(state: Item, answer: Answer) -> list[Item]:
    if answer.number is None:
        return [state] if state is None else []
    if state is None or state.number != answer.number:
        return []
    if state.version.text is None:
        # The first look at what a call wrote that does not tell the version.
        return [State(state.number, Version(answer.version))]
    return [state] if state.version.text == answer.version else []


def is_linearizable(history: Sequence[Event], start: Item = ABSENT) -> bool:
    """Whether one order of the calls, each between its begin and its end, gives every one its answer."""
    count = len(history)
    everything = (1 << count) - 1
    # What must have happened: a call whose answer was lost need not.
    needed = sum(1 << position for position, event in enumerate(history) if event.answer.kind != "lost")
    tried: set[tuple[int, Item]] = set()
    waiting: list[tuple[int, Item]] = [(0, start)]
    while waiting:
        done, state = waiting.pop()
        if done & needed == needed:
            return True
        if (done, state) in tried:
            continue
        tried.add((done, state))
        left = everything & ~done
        first_end = min(history[position].ended for position in _positions(left))
        for position in _positions(left):
            event = history[position]
            if event.began <= first_end:
                waiting.extend((done | 1 << position, after) for after in step(state, event.operation, event.answer))
    return False


def _positions(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def explained_by_brute_force(history: Sequence[Event], start: Item = ABSENT) -> bool:
    """The same question, answered by trying every order of every possible set of calls; for small histories only."""
    lost = [position for position, event in enumerate(history) if event.answer.kind == "lost"]
    told = [position for position, event in enumerate(history) if event.answer.kind != "lost"]
    for size in range(len(lost) + 1):
        for chosen in itertools.combinations(lost, size):
            for order in itertools.permutations([*told, *chosen]):
                if _keeps_time(history, order) and _plays(history, order, start):
                    return True
    return False


def _keeps_time(history: Sequence[Event], order: Sequence[int]) -> bool:
    return all(
        history[earlier].began <= history[later].ended
        for index, earlier in enumerate(order)
        for later in order[index + 1 :]
    )


def _plays(history: Sequence[Event], order: Sequence[int], start: Item) -> bool:
    states = [start]
    for position in order:
        event = history[position]
        states = [after for state in states for after in step(state, event.operation, event.answer)]
        if not states:
            return False
    return True


class Recorder:
    """The history of one item, written by many threads. Time is the order in which calls begin and end."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._lock = threading.Lock()
        self._ticks = itertools.count()

    def record(self, operation: Operation, call: Callable[[], tuple[int | None, str | None]]) -> Answer:
        """Makes the call and notes its answer: `call` gives (number, version), as far as the answer has them."""
        began = self._tick()
        try:
            answer = Answer("ok", *call())
        except Conflict:
            answer = Answer("conflict")
        except NotFound:
            answer = Answer("missing")
        except Unknown:
            answer = LOST
        ended = NEVER if answer is LOST else self._tick()
        with self._lock:
            self.events.append(Event(began, ended, operation, answer))
        return answer

    def _tick(self) -> float:
        with self._lock:
            return next(self._ticks)


def shown(history: Sequence[Event]) -> str:
    """A history for people, in the order in which the calls began."""
    return "\n".join(
        f"{event.began:>6.0f} - {event.ended:>6.0f}  {tuple(event.operation)} -> {tuple(event.answer)}"
        for event in sorted(history)
    )
