"""An app that runs in this process, for tests: the real store in a temporary folder, on a clock that the test moves."""

import logging
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal, Protocol

from portable.app import App
from portable.binding import Binding
from portable.capabilities import Profile
from portable.config import check_value
from portable.dispatch import Dispatcher
from portable.drivers import DeadLetter
from portable.errors import InvalidArgument
from portable.http import Request, Response
from portable.invocation import Invocation, Outcome
from portable.manifest import build_manifest
from portable.schedules import fire_times
from portable.telemetry import Recorder
from portable.testing.clock import ManualClock

from .queues import LocalDeadLetters
from .runtime import bind
from .signed import signed_request
from .store.access import LocalStore
from .store.engine import Engine
from .translate import translate
from .values import write_value

WORKER = "running"
BATCH = 32
LEASE = 1e9
"""Longer than any test moves the clock: nobody but the one that drains ends an attempt here."""
MOST_DELIVERIES = 100_000
MOST_FIRES = 100_000
LETTERS = 1000


class MovableClock(Protocol):
    """The clock of a test."""

    def now(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


class RunningApp:
    """What `running` gives; see portable.adapter.Running."""

    def __init__(self, app: App, binding: Binding, store: LocalStore, clock: MovableClock) -> None:
        self.app = app
        self.store = store
        self.clock = clock
        self.dispatcher = Dispatcher(app, binding)
        self._binding = binding
        self._acknowledged: dict[str, Invocation] = {}
        self._draining = threading.RLock()

    # HTTP

    def request(
        self, method: str, target: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        path, _, query = target.partition("?")
        request = Request(method, path, query_string=query, headers=headers, body=body, client="127.0.0.1")
        return signed_request(self.store, request) or self.dispatcher.http(request)

    # Deliveries

    def drain(self) -> None:
        """Delivers all that is due, and all that follows from it, in the order of due times; then no index lags."""
        with self._draining:
            self.store.call("settle", {})
            left = MOST_DELIVERIES
            while claimed := self._claim():
                left -= len(claimed)
                if left < 0:
                    self._put_back()
                    raise RuntimeError(
                        f"{MOST_DELIVERIES:,} deliveries, and still more: a handler starts itself again and again"
                    )
                self._deliver(claimed)
            self.store.call("settle", {})

    def _claim(self) -> list[dict[str, Any]]:
        claimed: list[dict[str, Any]] = self.store.call(
            "queue.claim", {"worker": WORKER, "slots": BATCH, "lease": LEASE}
        )
        return claimed

    def _put_back(self) -> None:
        self.store.call("queue.release", {"worker": WORKER, "refund": True})

    def _deliver(self, claimed: list[dict[str, Any]]) -> None:
        outcomes: list[dict[str, Any]] = []
        try:
            for delivery in claimed:
                fence = delivery.pop("fence")
                invocation = Invocation(**delivery)
                outcome = self.dispatcher.invoke(invocation)
                if outcome.status == "succeeded":
                    self._acknowledged[invocation.handler] = invocation
                else:
                    _log_failure(invocation, outcome)
                outcomes.append(finishing(invocation.id, fence, outcome))
        finally:
            # Also when a test is interrupted: what was run has been run.
            self.store.call("queue.finish_many", {"outcomes": outcomes})
            if len(outcomes) < len(claimed):
                self._put_back()

    def redeliver(self, handler: str) -> int:
        """Delivers again the newest acknowledged delivery of `handler`, as at-least-once allows; how many."""
        self._check_handler(handler)
        with self._draining:
            invocation = self._acknowledged.get(handler)
            if invocation is None:
                return 0
            self.dispatcher.invoke(invocation)
            return 1

    def dead_letters(self, handler: str) -> list[DeadLetter]:
        self._check_handler(handler)
        driver = LocalDeadLetters(self.store, handler)
        letters: list[DeadLetter] = []
        cursor: str | None = None
        while True:
            page = driver.list(limit=LETTERS, cursor=cursor)
            letters.extend(page.letters)
            cursor = page.cursor
            if cursor is None:
                return letters

    def _check_handler(self, name: str) -> None:
        if name not in self.app.all_handlers():
            raise InvalidArgument(
                f"there is no handler {name!r}", hint=f"there are: {', '.join(self.app.all_handlers()) or 'none'}"
            )

    # Time

    def now(self) -> float:
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Moves the clock on, stopping at each fire time on the way to queue its run; does not deliver."""
        if not seconds >= 0:
            raise InvalidArgument(f"time is not advanced by {seconds} seconds")
        end = self.clock.now() + seconds
        fires: list[tuple[float, str]] = []
        for handler, cron, zone, _, last in self.store.call("schedule.due", {}):
            for at in fire_times(cron, zone, last):
                if at > end:
                    break
                fires.append((at, handler))
                if len(fires) > MOST_FIRES:
                    raise InvalidArgument(
                        f"more than {MOST_FIRES:,} fire times lie within {seconds:,} seconds", hint="take smaller steps"
                    )
        for at, handler in sorted(fires):
            self.clock.advance(max(0.0, at - self.clock.now()))
            self.store.call("schedule.fire", {"handler": handler, "at": at})
        self.clock.advance(max(0.0, end - self.clock.now()))

    def fire(self, schedule: str, at: datetime | None = None) -> None:
        """Queues a run of a schedule as if `at` (default: now) were a fire time."""
        self._check_handler(schedule)
        if at is not None and at.utcoffset() is None:
            raise InvalidArgument(f"at={at!r} is naive", hint="give it a time zone: datetime(..., tzinfo=UTC)")
        moment = self.clock.now() if at is None else at.timestamp()
        self.store.call("schedule.fire", {"handler": schedule, "at": moment, "manual": True})

    # Settings

    def set_value(self, kind: Literal["param", "secret"], name: str, value: str) -> None:
        check_value(kind, name, value, self._binding.profile)
        write_value(self.store.folder, kind, name, value)


def _log_failure(invocation: Invocation, outcome: Outcome) -> None:
    """So that a test that fails shows why, as it does for requests."""
    what = f"attempt {invocation.attempt} of {invocation.handler} failed" + (
        " for good" if outcome.status == "dead" else f"; again in {outcome.retry_after:.3g} s"
    )
    trace = (outcome.traceback or "").rstrip() or outcome.error
    logging.getLogger("portable.background").error("%s\n%s", what, trace)


def finishing(id: str, fence: int, outcome: Outcome) -> dict[str, Any]:
    """The arguments of `queue.finish` for an Outcome."""
    return {"id": id, "fence": fence, **outcome._asdict()}


@contextmanager
def running(
    app: App,
    clock: MovableClock | None = None,
    *,
    profile: Profile | None = None,
    recorder: Recorder | None = None,
) -> Generator[RunningApp]:
    """Runs `app` in this process with empty data until the block ends. Several threads may use its resources."""
    wiring = translate(build_manifest(app, with_grants=False).to_dict())
    moving = clock or ManualClock()
    engine = Engine(None, moving)
    store = LocalStore(engine)
    try:
        store.call("bind", {"wiring": wiring})
        binding = bind(app, store, profile, recorder=recorder)
        try:
            started = RunningApp(app, binding, store, moving)
            try:
                yield started
            finally:
                started.dispatcher.close()
        finally:
            app.unbind()
    finally:
        store.close()
        engine.close()
