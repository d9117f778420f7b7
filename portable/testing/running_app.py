"""A running app as a test holds it: one code above what every adapter's `running` gives (portable.adapter.Running)."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from portable.adapter import Running
from portable.app import App
from portable.binding import Resource
from portable.config import Param, Secret
from portable.drivers import DeadLetter, StoredItem
from portable.errors import InvalidArgument, NotBound
from portable.http import Request, Response
from portable.invocation import Outcome
from portable.log_records import captured
from portable.specs import Route, Schedule
from portable.tables import Table
from portable.telemetry import CallRecord, InvocationRecord, LogRecord

from .client import Client, ClientResponse, HeaderItems
from .recorder import MemoryRecorder

INDEX_SECONDS = 1.0
HandlerName = str | Callable[..., Any]
"""A handler by its (qualified) name, or the decorated function itself."""


class AppClock:
    """The time of a running app, which stands still until the test moves it.

    It is what portable goes by: delays, retries, schedules, ttl, signed URLs. What the app itself asks of `time` or
    `datetime` is the machine's.
    """

    def __init__(self, running: Running) -> None:
        self._running = running

    def __repr__(self) -> str:
        return f"<AppClock {self.moment().isoformat()}>"

    def now(self) -> float:
        """The time as an epoch in seconds, as `time.time()` gives it."""
        return self._running.now()

    def moment(self) -> datetime:
        """The time as a datetime in UTC."""
        return datetime.fromtimestamp(self._running.now(), UTC)

    def advance(self, by: timedelta | float) -> None:
        """Moves on by a timedelta or seconds. Schedules on the way are queued; `drain` delivers what has come due."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        if not isinstance(cast("object", seconds), int | float):
            raise InvalidArgument(f"time is not advanced by {by!r}", hint="give seconds, or a timedelta")
        self._running.advance(seconds)

    def advance_to(self, moment: datetime) -> None:
        """Moves on to an aware datetime. Raises InvalidArgument for one that is past."""
        if moment.utcoffset() is None:
            raise InvalidArgument(f"{moment!r} is naive", hint="give it a time zone: datetime(..., tzinfo=UTC)")
        if moment < self.moment():
            raise InvalidArgument(f"{moment} is past: it is {self.moment()}", hint="time goes forward only")
        self._running.advance(max(0.0, moment.timestamp() - self._running.now()))


class Ended:
    """In the place of an adapter's side when the block has ended: whatever is asked of it says so."""

    def __init__(self, app: str) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        raise NotBound(f"app {self._app!r} runs no longer: its block has ended", hint="inside `with running(app)`")


class Recorded:
    """What a client sends to: the adapter's side, with logs and prints recorded while a handler runs."""

    def __init__(self, running: Running, recorder: MemoryRecorder) -> None:
        self._running = running
        self._recorder = recorder

    def during(self) -> AbstractContextManager[None]:
        return captured(self._recorder, self._running.app.binding)

    def request(self, *arguments: Any, **named: Any) -> Response:
        with self.during():
            return self._running.request(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._running, name)


class RunningApp:
    """What `running(app)` gives. Handlers run in the test's own thread, when it sends, drains or fires; never alone."""

    def __init__(self, running: Running, recorder: MemoryRecorder | None = None) -> None:
        self.running: Running = running
        """The adapter's own side of it."""
        self.app: App = running.app
        self.recorder: MemoryRecorder = recorder or MemoryRecorder()
        """What was recorded; `invocations`, `calls` and `logs` pick from it."""
        self._recorded: Recorded = Recorded(running, self.recorder)
        self.clock: AppClock = AppClock(running)
        self._clients: list[Client] = []
        self.client: Client = self.new_client()

    def __repr__(self) -> str:
        return f"<RunningApp {self.app.name}>"

    def end(self) -> None:
        """The block is over: who kept this, its clock or a client of it is told so. Called by `running` itself."""
        ended: Any = Ended(self.app.name)
        self._recorded = ended
        self.running, self.clock._running = ended, ended
        for client in self._clients:
            client._running = ended

    # HTTP

    def new_client(self, *, headers: HeaderItems = (), follow_redirects: bool = False) -> Client:
        """Another client, with cookies of its own; `headers` go with each of its requests."""
        made = Client(cast("Running", self._recorded), headers=headers, follow_redirects=follow_redirects)
        self._clients.append(made)
        return made

    def request(
        self, method: str, target: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        """Sends one request exactly as it is given: the raw path and query, no header added, no cookie kept."""
        return self._recorded.request(method, target, headers=headers, body=body)

    def send(
        self,
        method: str,
        target: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        id: str = "",
        raises: bool = False,
    ) -> ClientResponse:
        """As `request`, with the answer as a client has it, and `id` as the request's id.

        With `raises` a fault of the handler (what would be a 500) is raised as it is.
        """
        from .direct import send

        path, _, query = target.partition("?")
        sent = Request(method, path, query_string=query, headers=headers, body=body, client="127.0.0.1", id=id)
        with self._recorded.during():
            return ClientResponse(method, target, send(self.app, sent, raises=raises))

    # Items

    def put_items(self, table: Table[Any] | str, *items: dict[str, Any]) -> None:
        """Puts items into a table, by its (qualified) name or itself, as they are stored: dicts, whatever its model.

        Indexes show them at once: the clock moves on by a second for that.
        """
        found: Table[Any] = cast("Table[Any]", self._resource("table", table))
        for item in items:
            found.put(found._items.load(StoredItem("", "", "", item, None)))
        if found.spec.indexes:
            self.running.advance(INDEX_SECONDS)

    def _resource(self, kind: str, resource: Resource[Any] | str) -> Resource[Any]:
        found = {
            one.id: one
            for part in self.app.parts()
            for (resource_kind, _), one in part.resources.items()
            if resource_kind == kind
        }
        id = f"{kind}:{resource}" if isinstance(resource, str) else resource.id
        if id not in found:
            names = ", ".join(name.partition(":")[2] for name in found) or "none"
            raise InvalidArgument(f"there is no {kind} {id.partition(':')[2]!r}", hint=f"there are: {names}")
        return found[id]

    # Deliveries

    def deliver(
        self,
        handler: HandlerName,
        body: str = "null",
        *,
        id: str | None = None,
        attempt: int = 1,
        attributes: dict[str, str] | None = None,
        scheduled_at: datetime | None = None,
        raises: bool = False,
    ) -> Outcome:
        """Delivers `body` (JSON) to a background handler once, now, beside the queue: nothing is tried again.

        With `raises` what the handler raises is raised as it is, instead of being an Outcome.
        """
        from .direct import deliver, invocation

        made = invocation(
            self.app,
            self._background(handler),
            body,
            self.now(),
            id=id,
            attempt=attempt,
            attributes=attributes or {},
            scheduled_at=scheduled_at,
        )
        with self._recorded.during():
            return deliver(self.app, made, raises=raises)

    def drain(self) -> None:
        """Delivers all that is due, and all that follows from it, and lets indexes catch up.

        A handler that raises is tried again when the clock has moved past its wait, and is a dead letter in the end.
        """
        with self._recorded.during():
            self.running.drain()

    def fire(self, schedule: HandlerName, at: datetime | None = None) -> None:
        """Queues a run of a schedule as if `at` (default: now) were a fire time; `drain` runs it."""
        name = self._name(schedule)
        trigger = self.app.all_handlers()[name].spec.trigger
        if not isinstance(trigger, Schedule):
            names = [one for one, found in self.app.all_handlers().items() if isinstance(found.spec.trigger, Schedule)]
            raise InvalidArgument(
                f"{name!r} is no schedule", hint=f"schedules are: {', '.join(names)}" if names else "there is none"
            )
        self.running.fire(name, at)

    def dead_letters(self, handler: HandlerName) -> list[DeadLetter]:
        """What a background handler has failed on for good, the oldest first."""
        return self.running.dead_letters(self._background(handler))

    def redeliver(self, handler: HandlerName) -> int:
        """Delivers the newest delivery that succeeded once more, as at-least-once allows; how many that were."""
        name = self._background(handler)
        with self._recorded.during():
            return self.running.redeliver(name)

    def _background(self, handler: HandlerName) -> str:
        name = self._name(handler)
        if isinstance(self.app.all_handlers()[name].spec.trigger, Route):
            raise InvalidArgument(
                f"{name!r} answers requests: nothing is delivered to it", hint="name a background handler"
            )
        return name

    def _name(self, handler: HandlerName) -> str:
        handlers = self.app.all_handlers()
        if isinstance(handler, str):
            if handler not in handlers:
                raise InvalidArgument(
                    f"there is no handler {handler!r}", hint=f"there are: {', '.join(handlers) or 'none'}"
                )
            return handler
        function = getattr(handler, "__wrapped__", handler)
        names = [name for name, found in handlers.items() if found.function in (handler, function)]
        if len(names) != 1:
            what = f"several handlers: {', '.join(names)}" if names else "no handler of this app"
            raise InvalidArgument(f"{getattr(handler, '__name__', handler)!r} is {what}", hint="give its name")
        return names[0]

    # What was recorded

    def invocations(self, handler: HandlerName | None = None) -> list[InvocationRecord]:
        """What handlers have run (of one of them, or all), the one that ended first at first."""
        name = None if handler is None else self._name(handler)
        return [record for record in self.recorder.invocations if name in (None, record.handler)]

    def calls(self, resource: Resource[Any] | str | None = None, verb: str | None = None) -> list[CallRecord]:
        """What resources were called for, also by the test; a resource is given by its id (`table:notes`) or itself."""
        id = resource if resource is None or isinstance(resource, str) else resource.id
        return [
            record for record in self.recorder.calls if id in (None, record.resource) and verb in (None, record.verb)
        ]

    def logs(self, handler: HandlerName | None = None) -> list[LogRecord]:
        """What handlers have logged, as far as the levels of loggers let it through, and printed."""
        name = None if handler is None else self._name(handler)
        return [record for record in self.recorder.logs if name in (None, record.handler)]

    # Time

    def now(self) -> float:
        """As `clock.now()`."""
        return self.running.now()

    def advance(self, seconds: timedelta | float) -> None:
        """As `clock.advance()`."""
        self.clock.advance(seconds)

    # Settings

    def set_param(self, param: Param | str, value: str) -> None:
        """Sets a param, by its name or itself; the next `get` has the new value."""
        self._set("param", param, value)

    def set_secret(self, secret: Secret | str, value: str) -> None:
        """Sets a secret, by its name or itself; the next `get` has the new value."""
        self._set("secret", secret, value)

    def set_value(self, kind: Literal["param", "secret"], name: str, value: str) -> None:
        """As `portable config set` and `portable secret set` do: a value that was read lately counts for 5 minutes."""
        self.running.set_value(kind, name, value)

    def _set(self, kind: Literal["param", "secret"], setting: Param | Secret | str, value: str) -> None:
        found = self._resource(kind, setting)
        self.running.set_value(kind, found.id.partition(":")[2], value)
        found.rebound()
