"""A provider in memory for tests of tasks, topics and dead letters: it keeps what it is called with, or fails."""

from collections.abc import Callable
from typing import Any

import pytest

from portable.app import App
from portable.binding import Binding
from portable.capabilities import load_profile
from portable.drivers import DeadLetter, DeadLetterPage, EventMessage, RunRecord, TaskMessage
from portable.errors import PortableError


class Refused(Exception):
    """What a provider's library might raise; `kind` is what it means to us."""

    def __init__(self, message: str, kind: type[PortableError] | None) -> None:
        super().__init__(message)
        self.kind = kind


class Broker:
    """Drivers of tasks, topics and dead letters, and the clock."""

    def __init__(self) -> None:
        self.time = 1_790_000_000.0
        self.sent: list[TaskMessage] = []
        self.published: list[list[EventMessage]] = []
        self.records: dict[str, RunRecord] = {}
        self.letters: dict[str, list[DeadLetter]] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.fails: list[Exception] = []
        self.denied: set[tuple[str, str]] = set()
        self.asked: list[tuple[str, str]] = []

    Refused = Refused

    def now(self) -> float:
        return self.time

    def bind(self, app: App) -> None:
        factory: Any = self
        app.bind(
            Binding(
                app=app.name,
                stage="dev",
                adapter="broker",
                drivers=factory,
                profile=load_profile(),
                clock=self,
                authorize=self.authorize,
            )
        )

    def authorize(self, resource: str, verb: str) -> None:
        self.asked.append((resource, verb))
        if (resource, verb) in self.denied:
            raise PermissionError(f"{verb} on {resource}")

    def task(self, _: Any) -> Any:
        return self

    def topic(self, _: Any) -> Any:
        return self

    def dead_letters(self, handler: str) -> Any:
        return Letters(self, handler)

    def classify(self, error: Exception) -> type[PortableError] | None:
        return error.kind if isinstance(error, Refused) else None

    def call(self, *what: Any) -> None:
        self.calls.append(what)
        if self.fails:
            raise self.fails.pop(0)

    # As a task's and a topic's driver

    def send(self, message: TaskMessage) -> str:
        self.call("send")
        self.sent.append(message)
        earlier = [sent.id for sent in self.sent if message.dedup is not None and sent.dedup == message.dedup]
        return earlier[0] if earlier else message.id

    def run(self, id: str) -> RunRecord | None:
        self.call("run", id)
        return self.records.get(id)

    def publish(self, events: list[EventMessage]) -> None:
        self.call("publish")
        self.published.append(list(events))


class Letters:
    """The dead letters of one handler."""

    def __init__(self, broker: Broker, handler: str) -> None:
        self.broker = broker
        self.handler = handler
        self.classify: Callable[[Exception], type[PortableError] | None] = broker.classify

    def list(self, *, limit: int, cursor: str | None) -> DeadLetterPage:
        self.broker.call("list", self.handler, limit, cursor)
        found = self.broker.letters.get(self.handler, [])
        start = int(cursor or 0)
        more = start + limit < len(found)
        return DeadLetterPage(found[start : start + limit], str(start + limit) if more else None)

    def redrive(self, id: str) -> bool:
        return self.take("redrive", id)

    def discard(self, id: str) -> bool:
        return self.take("discard", id)

    def take(self, verb: str, id: str) -> bool:
        self.broker.call(verb, self.handler, id)
        found = self.broker.letters.get(self.handler, [])
        kept = [letter for letter in found if letter.id != id]
        self.broker.letters[self.handler] = kept
        return len(kept) < len(found)


@pytest.fixture
def broker() -> Broker:
    return Broker()
