"""The app in this process: what a provider's platform does, on one clock and when it is told to."""

import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal, cast

from portable.app import App
from portable.binding import Binding
from portable.capabilities import Profile, strictest
from portable.config import check_value
from portable.dispatch import Dispatcher
from portable.drivers import DeadLetter
from portable.errors import InvalidArgument
from portable.grants import derive
from portable.http import Request, Response
from portable.invocation import Invocation, InvocationKind
from portable.manifest import build_manifest
from portable.permissions import authorizer, permissions
from portable.schedules import fire_times
from portable.specs import BucketSpec, ParamSpec, Schedule, SecretSpec, TableSpec, TaskSpec, TopicSpec
from portable.telemetry import Recorder
from portable.testing.clock import ManualClock

from .buckets import MemoryBucket
from .queues import MemoryDeadLetters, MemoryTask, MemoryTopic, MemoryValue
from .store import Delivery, Store
from .tables import MemoryTable

MOST_DELIVERIES = 100_000
MOST_FIRES = 100_000


class MemoryDrivers:
    """The portable.drivers.DriverFactory of one app."""

    def __init__(self, store: Store, app: str) -> None:
        self._store = store
        self._app = app

    def _name(self, spec: Any) -> str:
        return str(spec.name if spec.service == self._app else f"{spec.service}.{spec.name}")

    def table(self, spec: TableSpec) -> MemoryTable:
        return MemoryTable(self._store, self._name(spec))

    def bucket(self, spec: BucketSpec) -> MemoryBucket:
        return MemoryBucket(self._store, self._name(spec))

    def task(self, spec: TaskSpec) -> MemoryTask:
        return MemoryTask(self._store, self._name(spec))

    def topic(self, spec: TopicSpec) -> MemoryTopic:
        return MemoryTopic(self._store, self._name(spec))

    def dead_letters(self, handler: str) -> MemoryDeadLetters:
        return MemoryDeadLetters(self._store, handler)

    def param(self, spec: ParamSpec) -> MemoryValue:
        return MemoryValue(self._store, "param", self._name(spec))

    def secret(self, spec: SecretSpec) -> MemoryValue:
        return MemoryValue(self._store, "secret", self._name(spec))

    def state(self) -> MemoryTable:
        # No app can declare a table of this name.
        return MemoryTable(self._store, "portable_state")


class MemoryRunning:
    """Implements portable.adapter.Running."""

    def __init__(self, app: App, binding: Binding, store: Store, clock: ManualClock) -> None:
        self.app = app
        self.dispatcher = Dispatcher(app, binding)
        self._profile = binding.profile
        self._store = store
        self._clock = clock
        self._draining = threading.RLock()
        self._acknowledged: dict[str, Invocation] = {}
        self._fired = {name: clock.now() for name, trigger in store.triggers.items() if isinstance(trigger, Schedule)}

    def request(
        self, method: str, target: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        path, _, query = target.partition("?")
        return self.dispatcher.http(
            Request(method, path, query_string=query, headers=headers, body=body, client="127.0.0.1")
        )

    # Deliveries

    def drain(self) -> None:
        with self._draining:
            for _ in range(MOST_DELIVERIES):
                delivery = self._next()
                if delivery is None:
                    return
                self._deliver(delivery)
        raise RuntimeError(f"{MOST_DELIVERIES:,} deliveries, and still more")

    def _next(self) -> Delivery | None:
        """What has been due for longest, its attempt counted."""
        now = self._clock.now()
        with self._store.lock:
            due = [one for one in self._store.deliveries.values() if one.waits and one.due <= now]
            if not due:
                return None
            found = min(due, key=lambda one: (one.due, one.number))
            found.state, found.attempts, found.updated_at = "running", found.attempts + 1, now
            return found

    def _deliver(self, one: Delivery) -> None:
        now = self._clock.now()
        invocation = Invocation(
            id=one.id,
            kind=cast("InvocationKind", one.kind),
            handler=one.handler,
            body=one.body,
            attempt=one.attempts,
            enqueued_at=one.enqueued_at,
            deadline=now + self._store.handlers[one.handler].timeout,
            traceparent=one.traceparent,
            attributes=one.attributes,
            scheduled_at=one.scheduled_at,
        )
        outcome = self.dispatcher.invoke(invocation)
        with self._store.lock:
            now = one.updated_at = self._clock.now()
            one.error = outcome.error
            if outcome.status == "succeeded":
                self._acknowledged[one.handler] = invocation
                one.state, one.result = "succeeded", outcome.result
                if one.kind != "task":
                    del self._store.deliveries[one.id, one.handler]
            else:
                one.state, one.due = outcome.status, now + outcome.retry_after

    def redeliver(self, handler: str) -> int:
        self._check(handler)
        with self._draining:
            invocation = self._acknowledged.get(handler)
            if invocation is not None:
                self.dispatcher.invoke(invocation)
            return int(invocation is not None)

    def dead_letters(self, handler: str) -> list[DeadLetter]:
        self._check(handler)
        return MemoryDeadLetters(self._store, handler).list(limit=MOST_DELIVERIES, cursor=None).letters

    def _check(self, handler: str) -> None:
        if handler not in self._store.handlers:
            raise InvalidArgument(f"there is no handler {handler!r}")

    # Time

    def now(self) -> float:
        return self._clock.now()

    def advance(self, seconds: float) -> None:
        if not seconds >= 0:
            raise InvalidArgument(f"time is not advanced by {seconds} seconds")
        end = self._clock.now() + seconds
        fires: list[tuple[float, str]] = []
        for name, last in self._fired.items():
            trigger = self._store.triggers[name]
            assert isinstance(trigger, Schedule)
            for at in fire_times(trigger.cron, trigger.zone, last):
                if at > end:
                    break
                fires.append((at, name))
                if len(fires) > MOST_FIRES:
                    raise InvalidArgument(f"more than {MOST_FIRES:,} fire times", hint="take smaller steps")
        for at, name in sorted(fires):
            self._clock.advance(max(0.0, at - self._clock.now()))
            self._fired[name] = at
            self._queue(name, at)
        self._clock.advance(max(0.0, end - self._clock.now()))

    def fire(self, schedule: str, at: datetime | None = None) -> None:
        self._check(schedule)
        if at is not None and at.utcoffset() is None:
            raise InvalidArgument(f"at={at!r} is naive", hint="give it a time zone: datetime(..., tzinfo=UTC)")
        self._queue(schedule, self._clock.now() if at is None else at.timestamp())

    def _queue(self, name: str, at: float) -> None:
        """One run of a fire time: each once, and none beside an unfinished one unless they may overlap."""
        trigger = self._store.triggers[name]
        with self._store.lock:
            is_busy = any(one.handler == name for one in self._store.deliveries.values() if one.state != "dead")
            if not is_busy or (isinstance(trigger, Schedule) and trigger.overlap == "allow"):
                body = json.dumps({"scheduled_at": datetime.fromtimestamp(at, UTC).isoformat()})
                self._store.deliver(name, "schedule", body, scheduled_at=at, traceparent="")

    # Settings

    def set_value(self, kind: Literal["param", "secret"], name: str, value: str) -> None:
        self._store.values[kind, name] = check_value(kind, name, value, self._profile)


@contextmanager
def running(app: App, profile: Profile | None, recorder: Recorder | None = None) -> Generator[MemoryRunning]:
    """Binds `app` to an empty store until the block ends."""
    clock = ManualClock()
    store = Store(clock, build_manifest(app, with_grants=False))
    binding = Binding(
        app=app.name,
        stage="dev",
        adapter="memory",
        drivers=MemoryDrivers(store, app.name),
        profile=profile or strictest(app.targets),
        clock=clock,
        authorize=authorizer(app, lambda: permissions(derive(app).grants)),
        recorder=recorder,
    )
    app.bind(binding)
    try:
        started = MemoryRunning(app, binding, store, clock)
        try:
            yield started
        finally:
            started.dispatcher.close()
    finally:
        app.unbind()
