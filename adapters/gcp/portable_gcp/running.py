"""An app that runs in this process, for tests, with what it uses in a test stack of Google Cloud: real calls, messages.

Functions are not deployed: their code runs here, given the requests that Google's services would send. What stands in
for Google is http_front.py, provision.py and the stack that stand_ins.py speaks with. Each running app has a project of
its own, and leaves nothing in it.
"""

import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPConnection
from typing import Literal

from portable.app import App
from portable.binding import Binding
from portable.capabilities import Profile
from portable.config import check_value
from portable.drivers import DeadLetter
from portable.envelopes import encode
from portable.http import Response
from portable.invocation import Invocation, Outcome
from portable.manifest import build_manifest
from portable.telemetry import Recorder
from portable.testing.in_process import NotingDispatcher, check_handler, dead_letters, grants_enforced, manual_run

from .clients import Clients
from .cloud_tasks import Queue
from .endpoints import endpoint
from .firestore_indexes import indexes
from .grouping import groups_of
from .http_front import bad_request, environ_of, is_target
from .names import Names
from .provision import Trigger, make
from .runtime import Entry, bind
from .stand_ins import (
    LOCATION,
    NUMBER,
    Deliverer,
    Delivery,
    ProjectClock,
    check_stack,
    declare_indexes,
    forget,
    new_project,
)
from .translate import Stage, translate

STAGE = "test"
MOST_DELIVERIES = 100_000
MOST_REPEATS = 20
"""Of one change that a function does not take: it puts aside what fails by itself, so this is a fault."""
STORAGE_SECONDS = 60.0


class Refused(Exception):
    """A change that a function did not take again and again."""


class RunningApp:
    """What `running` gives; see portable.adapter.Running."""

    def __init__(
        self,
        app: App,
        binding: Binding,
        names: Names,
        clients: Clients,
        clock: ProjectClock,
        triggers: list[Trigger],
    ) -> None:
        self.app = app
        self.clock = clock
        self.dispatcher = NotingDispatcher(app, binding)
        self._binding = binding
        self._names = names
        self._clients = clients
        self._triggers = triggers
        self._http = Entry(app, self.dispatcher, names, clients, binding, "http")
        self._background = Entry(app, self.dispatcher, names, clients, binding, "background")
        self._buckets = tuple(f"/{names.bucket(name)}/" for name in buckets_of(app))
        self._deliverer = Deliverer(names.project, names.database())
        self._acknowledged: dict[str, Delivery] = {}
        self._draining = threading.RLock()

    # HTTP

    def request(
        self, method: str, target: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        if target.startswith(self._buckets):
            return self._of_bucket(method, target, headers, body)
        if not is_target(target):
            return bad_request()
        host = self._names.url(self._names.http_function(self.app.name)).removeprefix("https://")
        return self._http.respond(environ_of(method, target, headers, body, host))

    def _of_bucket(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Response:
        """A signed URL: whoever has it asks Cloud Storage itself."""
        place = endpoint("storage")
        connection = HTTPConnection(place.host, place.port, timeout=STORAGE_SECONDS)
        try:
            connection.request(method, target, body=body or None, headers=dict(headers))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        return Response(content, status=answer.status, headers=answer.getheaders())

    # Deliveries

    def drain(self) -> None:
        """Delivers all that is due, and all that follows from it."""
        with self._draining:
            left = MOST_DELIVERIES
            while left > 0:
                due = self._deliverer.due()
                for delivery in due:
                    self._deliverer.answered(delivery, self._call(delivery))
                changes = self._deliverer.changes()
                for change in changes:
                    self._tell(change)
                if not due and not changes:
                    return
                left -= len(due) + len(changes)
            raise RuntimeError(
                f"{MOST_DELIVERIES:,} deliveries, and still more: a handler starts itself again and again"
            )

    def _tell(self, change: Delivery) -> None:
        """Tells the triggers of a change, each until it is taken."""
        for trigger in self._triggers:
            if not trigger.matches(change.resource):
                continue
            told = change._replace(path=trigger.path)
            if not any(self._call(told) < 300 for _ in range(MOST_REPEATS)):
                raise Refused(f"{trigger.path} did not take a change of {change.resource} in {MOST_REPEATS} attempts")

    def _call(self, delivery: Delivery) -> int:
        """Calls the background function as Google's service would; the status of its answer."""
        self.dispatcher.last = None
        environ = environ_of(delivery.method, delivery.path, delivery.headers, delivery.body, "function")
        status = self._background.respond(environ).status
        last: tuple[Invocation, Outcome] | None = self.dispatcher.last
        if last is not None and last[1].status == "succeeded":
            self._acknowledged[last[0].handler] = delivery
        return status

    def redeliver(self, handler: str) -> int:
        """Delivers again the newest acknowledged delivery of `handler`, as at-least-once allows; how many."""
        check_handler(self.app, handler)
        with self._draining:
            found = self._acknowledged.get(handler)
            if found is None:
                return 0
            self._call(found)
            return 1

    def dead_letters(self, handler: str) -> list[DeadLetter]:
        check_handler(self.app, handler)
        return dead_letters(self._binding, handler)

    # Time

    def now(self) -> float:
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Moves the clock on; the schedules on the way become due."""
        self.clock.advance(seconds)

    def fire(self, schedule: str, at: datetime | None = None) -> None:
        """Queues a run of a schedule as if `at` (default: now) were a fire time."""
        check_handler(self.app, schedule)
        queue = Queue(self._names, self._clients, self._binding.state, self.clock, schedule)
        queue.send(encode(manual_run(at, self.now())))

    # Settings

    def set_value(self, kind: Literal["param", "secret"], name: str, value: str) -> None:
        from .written_values import write_value

        check_value(kind, name, value, self._binding.profile)
        write_value(self._clients, self._names, kind, name, value)


def buckets_of(app: App) -> list[str]:
    """The qualified names of its buckets."""
    return [part.qualify(name) for part in app.parts() for kind, name in part.resources if kind == "bucket"]


@contextmanager
def running(app: App, *, profile: Profile | None = None, recorder: Recorder | None = None) -> Generator[RunningApp]:
    """Runs `app` in this process with empty data until the block ends. Several threads may use its resources."""
    check_stack()
    names = Names(app.name, STAGE, new_project(), LOCATION, NUMBER)
    manifest = build_manifest(app, with_grants=False).to_dict()
    sources = {one.id: "none.zip" for one in groups_of(manifest)}
    wanted = translate(manifest, Stage(STAGE), names, sources)
    clients = Clients(names.project)
    clock = ProjectClock(names.project, time.time())
    try:
        declare_indexes(names.project, names.database(), indexes(manifest))
        triggers = make(wanted.resources, clients)
        authorize = grants_enforced(app)
        binding = bind(app, names, clients, clock=clock, profile=profile, recorder=recorder, authorize=authorize)
        try:
            started = RunningApp(app, binding, names, clients, clock, triggers)
            try:
                yield started
            finally:
                started.dispatcher.close()
        finally:
            app.unbind()
    finally:
        forget(names.project)
        clients.close()
