"""Google's own Firestore emulator with the control of our stand-in, so that apps run in a test's process on it.

Requests go on to the emulator as they are. Indexes are taken note of by nobody, since it demands none, and of changes
nothing is told: what listens to tables is seen on our stand-in.
"""

import atexit
import functools
from collections.abc import Generator
from http.client import HTTPConnection
from typing import Any

import pytest

from .firestore_fixtures import firestore_official
from .fixtures import leading_to, shared_services
from .official import OfficialFirestore
from .server import Reply, Request, Stand

CONTROL = "/_portable/"
ACTIONS: dict[str, dict[str, Any]] = {"changes": {"changes": []}, "forget": {}, "indexes": {}}
FORWARDED = ("content-type", "authorization")
SECONDS = 60.0


class OfficialFront:
    """In threads of this process; connections to the emulator are kept for the next request."""

    def __init__(self, emulator: OfficialFirestore) -> None:
        self._place = emulator.rest
        self._idle: list[HTTPConnection] = []
        self._stand = Stand(self._answer, "official-firestore")
        self.environment = {"FIRESTORE_EMULATOR_HOST": self._stand.endpoint.removeprefix("http://")}

    def close(self) -> None:
        self._stand.close()
        while self._idle:
            self._idle.pop().close()

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith(CONTROL):
            return Reply(200, ACTIONS[request.path.removeprefix(CONTROL)])
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = HTTPConnection(self._place, timeout=SECONDS)
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        connection.request(request.verb, request.path, request.body, headers)
        answer = connection.getresponse()
        body = answer.read()
        self._idle.append(connection)
        return Reply(answer.status, body, (("Content-Type", answer.headers.get("content-type", "")),))


@functools.cache
def shared_front(official: OfficialFirestore) -> OfficialFront:
    """The one of an emulator, for all tests in this process; it ends with it."""
    found = OfficialFront(official)
    atexit.register(found.close)
    return found


@pytest.fixture
def official_stack(firestore_official: OfficialFirestore) -> Generator[OfficialFront]:
    """All of the stack, with Google's Firestore in it; the environment of this process leads to it."""
    front = shared_front(firestore_official)
    with leading_to({**shared_services().environment(), **front.environment}):
        yield front


__all__ = ["OfficialFront", "firestore_official", "official_stack"]
