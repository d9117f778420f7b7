"""What Cloud Tasks, Pub/Sub and Scheduler send to functions: when it is due, who has it, and what became of it.

A service hands in *work*: something that may be attempted from a time on. It is given out by `due`, or sent over HTTP
in the threads of `pushing.py`; what was answered goes to `settle`, which says when the work is due again, if ever.
"""

import heapq
import itertools
import threading
import uuid
from collections import defaultdict
from typing import NamedTuple, Protocol

from .clocks import Clocks

MICROSECOND = 1e-6
REMEMBERED = 1000
"""Deliveries that were answered well and can be had again."""


class Attempt(NamedTuple):
    """A request as it is sent. `deadline` is in seconds."""

    service: str
    resource: str
    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    deadline: float


class Work(Protocol):
    """Something that is to be attempted until it is done."""

    def is_there(self) -> bool:
        """Whether it has not been deleted meanwhile."""
        ...

    def may_start(self) -> bool:
        """Whether its queue lets it start now."""
        ...

    def start(self, now: float) -> Attempt | None:
        """Begins an attempt. None: there is nothing to send, and it is gone."""
        ...

    def settle(self, status: int, now: float) -> float | None:
        """An attempt has ended, with 0 for none that was answered. When the next one is due; None if it is done."""
        ...

    def again(self) -> "Work":
        """The same once more, as at-least-once delivery allows."""
        ...


class Held(NamedTuple):
    """A delivery that was given out."""

    project: str
    work: Work
    attempt: Attempt
    until: float


class Deliveries:
    """The work of all projects. `changed` is its lock too: of the services as well, which all take it."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks
        self.changed = threading.Condition(threading.RLock())
        self._numbers = itertools.count()
        self._waiting: dict[str, list[tuple[float, int, Work]]] = defaultdict(list)
        self._held: dict[str, Held] = {}
        self._done: dict[str, tuple[str, Work]] = {}

    def add(self, project: str, at: float, work: Work) -> None:
        """To be attempted from `at` on."""
        with self.changed:
            heapq.heappush(self._waiting[project], (at, next(self._numbers), work))
            self.changed.notify_all()

    def due(self, project: str, most: int) -> list[tuple[str, Attempt]]:
        """Begins at most `most` attempts of what is due, the earliest first; each with its id."""
        with self.changed:
            now = self.clocks.now(project)
            self._expire(project, now)
            waiting = self._waiting[project]
            later: list[tuple[float, int, Work]] = []
            found: list[tuple[str, Attempt]] = []
            # Times that were written down are whole microseconds, and the project's may lie between two of them.
            while waiting and waiting[0][0] < now + MICROSECOND and len(found) < most:
                entry = heapq.heappop(waiting)
                work = entry[2]
                if not work.is_there():
                    continue
                if not work.may_start():
                    later.append(entry)
                    continue
                attempt = work.start(now)
                if attempt is None:
                    continue
                id = uuid.uuid4().hex
                self._held[id] = Held(project, work, attempt, now + attempt.deadline)
                found.append((id, attempt))
            for entry in later:
                heapq.heappush(waiting, entry)
            return found

    def _expire(self, project: str, now: float) -> None:
        """What was not answered before its deadline has failed."""
        for id, held in list(self._held.items()):
            if held.project == project and held.until < now:
                self.answer(project, id, 0)

    def next_due(self, project: str) -> float | None:
        """When something changes by itself, as far as that is known."""
        with self.changed:
            times = [at for at, _, work in self._waiting[project] if work.is_there()]
            times += [held.until for held in self._held.values() if held.project == project]
            return min(times, default=None)

    def answer(self, project: str, id: str, status: int) -> bool:
        """What became of a delivery. Whether there was one of that id which had not ended."""
        with self.changed:
            held = self._held.get(id)
            if held is None or held.project != project:
                return False
            del self._held[id]
            now = self.clocks.now(project)
            following = held.work.settle(status, now)
            if following is not None:
                self.add(project, following, held.work)
            elif 200 <= status < 300:
                self._done[id] = project, held.work
                while len(self._done) > REMEMBERED:
                    del self._done[next(iter(self._done))]
            self.changed.notify_all()
            return True

    def again(self, project: str, id: str) -> bool:
        """What was answered well is due once more. Whether there was such a delivery."""
        with self.changed:
            known = self._done.get(id)
            if known is None or known[0] != project:
                return False
            self.add(project, self.clocks.now(project), known[1].again())
            return True

    def forget(self, project: str) -> None:
        with self.changed:
            self._waiting.pop(project, None)
            self._held = {id: held for id, held in self._held.items() if held.project != project}
            self._done = {id: known for id, known in self._done.items() if known[0] != project}


def backoff(retries: int, least: float, most: float, doublings: int) -> float:
    """The wait before a retry, counted from 1: doubles some times, then grows by the last step.

    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#retryconfig
    """
    doubled = min(retries - 1, doublings)
    wait = least * 2.0**doubled
    if retries - 1 > doublings:
        wait += least * 2.0**doublings * (retries - 1 - doublings)
    return min(wait, most)
