"""Stand-in, ours: Eventarc tells functions of documents that were written, by the triggers that a deploy has made.

What Firestore's stand-in has seen is looked at again and again; what a function does not take comes again for a day.
https://cloud.google.com/eventarc/docs/retry-events
"""

import base64
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from portable_gcp.provision import Trigger

from .deliveries import Attempt, Deliveries, Work, backoff
from .identity import Keys

LOOK_SECONDS = 0.05
MOST = 100
DAY = 86_400.0
LEAST_WAIT, MOST_WAIT, DOUBLINGS = 10.0, 600.0, 60
DEADLINE = 600.0
Ask = Callable[..., dict[str, Any]]


class Change(NamedTuple):
    """One write, as the stand-in of Firestore tells of it."""

    document: str
    headers: list[tuple[str, str]]
    body: bytes


class Event:
    """One change for one trigger; as work it is sent until it is taken. `target` is the URL of the function."""

    def __init__(
        self,
        name: str,
        resource: Mapping[str, Any],
        target: str,
        change: Change,
        keys: Keys,
        is_there: Callable[[], bool],
    ) -> None:
        self._name = name
        self._resource = resource
        self._target = target
        self._change = change
        self._keys = keys
        self._exists = is_there
        self._attempts = 0
        self._first = 0.0

    def is_there(self) -> bool:
        return self._exists()

    def may_start(self) -> bool:
        return True

    def start(self, now: float) -> Attempt | None:
        self._first = self._first or now
        if now - self._first > DAY:
            return None
        self._attempts += 1
        token = self._keys.token(self._resource["serviceAccount"], self._target, now)
        path = self._resource["destination"]["cloudRun"].get("path", "/")
        headers = [*self._change.headers, ("authorization", f"Bearer {token}")]
        return Attempt("eventarc", self._name, "POST", self._target + path, headers, self._change.body, DEADLINE)

    def settle(self, status: int, now: float) -> float | None:
        if 200 <= status < 300:
            return None
        return now + backoff(self._attempts, LEAST_WAIT, MOST_WAIT, DOUBLINGS)

    def again(self) -> Work:
        return Event(self._name, self._resource, self._target, self._change, self._keys, self._exists)


class Eventarc:
    """`databases` and `triggers` give those that there are now, and `is_there` tells of one trigger.

    `target` is the URL of a trigger's function.

    A database is looked at from its beginning, so that no trigger is told of what was written before it was made.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        keys: Keys,
        firestore: Ask,
        databases: Callable[[], Iterable[tuple[str, str]]],
        is_there: Callable[[str], bool],
        triggers: Callable[[], Mapping[str, Mapping[str, Any]]],
        target: Callable[[Mapping[str, Any], str], str],
    ) -> None:
        self._deliveries = deliveries
        self._keys = keys
        self._firestore = firestore
        self._databases = databases
        self._is_there = is_there
        self._triggers = triggers
        self._target = target
        self._seen: dict[tuple[str, str], int] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="eventarc", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ends.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.wait(LOOK_SECONDS):
            for project, database in self._databases():
                while self._look(project, database) == MOST:
                    pass

    def _look(self, project: str, database: str) -> int:
        """How many changes there were since the last look."""
        triggers = self._triggers()
        after = self._seen.get((project, database), 0)
        found = self._firestore("changes", project=project, database=database, after=after, most=MOST)["changes"]
        for one in found:
            headers = [(name, value) for name, value in one["headers"]]
            change = Change(one["document"], headers, base64.b64decode(one["body"]))
            for name, trigger in triggers.items():
                if place_of(name, trigger) == (project, database) and hears(trigger, change):
                    self._deliveries.add(
                        project, self._deliveries.clocks.now(project), self._event(name, trigger, change)
                    )
            self._seen[project, database] = one["number"]
        return len(found)

    def _event(self, name: str, trigger: Mapping[str, Any], change: Change) -> Event:
        target = self._target(trigger, name)
        return Event(name, trigger, target, change, self._keys, lambda: self._is_there(name))


def filters_of(trigger: Mapping[str, Any]) -> dict[str, str]:
    return {one["attribute"]: one["value"] for one in trigger["eventFilters"]}


def place_of(name: str, trigger: Mapping[str, Any]) -> tuple[str, str]:
    """Project and database."""
    return name.split("/")[1], filters_of(trigger)["database"]


def hears(trigger: Mapping[str, Any], change: Change) -> bool:
    wanted = filters_of(trigger)
    return dict(change.headers)["ce-type"] == wanted["type"] and Trigger(wanted["document"], "").matches(
        change.document
    )
