"""A running app as a test holds it: one code above what every adapter's `running` gives (portable.adapter.Running)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from portable.adapter import Running
from portable.app import App
from portable.config import Param, Secret
from portable.drivers import DeadLetter
from portable.errors import InvalidArgument
from portable.http import Response

from .client import Client, HeaderItems

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
        self._running.advance(by.total_seconds() if isinstance(by, timedelta) else by)

    def advance_to(self, moment: datetime) -> None:
        """Moves on to an aware datetime. Raises InvalidArgument for one that is past."""
        if moment.utcoffset() is None:
            raise InvalidArgument(f"{moment!r} is naive", hint="give it a time zone: datetime(..., tzinfo=UTC)")
        if moment < self.moment():
            raise InvalidArgument(f"{moment} is past: it is {self.moment()}", hint="time goes forward only")
        self._running.advance(max(0.0, moment.timestamp() - self._running.now()))


class RunningApp:
    """What `running(app)` gives. Handlers run in the test's own thread, when it sends, drains or fires; never alone."""

    def __init__(self, running: Running) -> None:
        self.running = running
        """The adapter's own side of it."""
        self.app: App = running.app
        self.clock: AppClock = AppClock(running)
        self.client: Client = Client(running)

    def __repr__(self) -> str:
        return f"<RunningApp {self.app.name}>"

    # HTTP

    def new_client(self, *, headers: HeaderItems = (), follow_redirects: bool = False) -> Client:
        """Another client, with cookies of its own; `headers` go with each of its requests."""
        return Client(self.running, headers=headers, follow_redirects=follow_redirects)

    def request(
        self, method: str, target: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        """Sends one request exactly as it is given: the raw path and query, no header added, no cookie kept."""
        return self.running.request(method, target, headers=headers, body=body)

    # Deliveries

    def drain(self) -> None:
        """Delivers all that is due, and all that follows from it, and lets indexes catch up.

        A handler that raises is tried again when the clock has moved past its wait, and is a dead letter in the end.
        """
        self.running.drain()

    def fire(self, schedule: HandlerName, at: datetime | None = None) -> None:
        """Queues a run of a schedule as if `at` (default: now) were a fire time; `drain` runs it."""
        self.running.fire(self._name(schedule), at)

    def dead_letters(self, handler: HandlerName) -> list[DeadLetter]:
        """What a background handler has failed on for good, the oldest first."""
        return self.running.dead_letters(self._name(handler))

    def redeliver(self, handler: HandlerName) -> int:
        """Delivers the newest delivery that succeeded once more, as at-least-once allows; how many that were."""
        return self.running.redeliver(self._name(handler))

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
        found = {
            resource.id: resource
            for part in self.app.parts()
            for (resource_kind, _), resource in part.resources.items()
            if resource_kind == kind
        }
        id = f"{kind}:{setting}" if isinstance(setting, str) else setting.id
        if id not in found:
            names = ", ".join(name.partition(":")[2] for name in found) or "none"
            raise InvalidArgument(f"there is no {kind} {id.partition(':')[2]!r}", hint=f"there are: {names}")
        self.running.set_value(kind, id.partition(":")[2], value)
        found[id].rebound()
