"""An app that runs in this process, for tests, with what it uses in a test stack of AWS: real calls, real messages.

Functions are not deployed: their code runs here, given the events that AWS would give. What stands in for AWS itself is
http_front.py, event_sources.py and whatever AWS_ENDPOINT_URL names. Each running app has an account of its own, and
leaves nothing in it.
"""

import threading
import time
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from http.client import HTTPConnection
from typing import Any, Literal
from urllib.parse import urlsplit

from portable.app import App
from portable.binding import Binding
from portable.capabilities import Profile
from portable.config import check_value
from portable.deploy.functions import group
from portable.drivers import DeadLetter
from portable.envelopes import encode
from portable.http import Response
from portable.invocation import Invocation, Outcome
from portable.manifest import build_manifest
from portable.telemetry import Recorder
from portable.testing.in_process import NotingDispatcher, check_handler, dead_letters, grants_enforced, manual_run

from .accounts import REGION, AccountClients, AccountClock, clients_of, new_account
from .event_sources import EventSources
from .http_front import bad_request, event_of, is_target, response_of
from .names import Names
from .provision import Provisioner
from .runtime import Entry, bind
from .translate import Bundle, Stage, functions_of, translate

STAGE = "test"
HTTP_SECONDS = 29.0
MOST_ROUNDS = 20_000
MOST_DELIVERIES = 100_000
S3_TIMEOUT = 60.0


class FunctionContext:
    """What Lambda gives a handler beside the event."""

    def __init__(self, name: str, arn: str, seconds: float) -> None:
        self.aws_request_id = str(uuid.uuid4())
        self.function_name = name
        self.function_version = "$LATEST"
        self.invoked_function_arn = arn
        self.memory_limit_in_mb = "512"
        self.log_group_name = f"/aws/lambda/{name}"
        self.log_stream_name = "test"
        self.client_context = None
        self.identity = None
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """The time stands still in a test, and so does this."""
        return int(self._seconds * 1000)


class RunningApp:
    """What `running` gives; see portable.adapter.Running."""

    def __init__(
        self, app: App, binding: Binding, names: Names, clients: AccountClients, clock: AccountClock, made: Provisioner
    ) -> None:
        self.app = app
        self.clock = clock
        self.dispatcher = NotingDispatcher(app, binding)
        self._binding = binding
        self._names = names
        self._clients = clients
        self._made = made
        self._entry = Entry(app, self.dispatcher, names, clients, binding)
        manifest = build_manifest(app, with_grants=False).to_dict()
        physical = functions_of(manifest, STAGE)
        self._seconds = {physical[one.id]: float(one.timeout) for one in group(manifest)}
        self._sources = EventSources(made.mappings, made.queues, clients, self._invoke, names.account, names.region)
        self._acknowledged: dict[str, tuple[str, dict[str, Any]]] = {}
        self._draining = threading.RLock()

    # HTTP

    def request(
        self, method: str, target: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Response:
        if target.startswith(tuple(f"/{bucket}/" for bucket in self._made.buckets)):
            return self._of_bucket(method, target, headers, body)
        if not is_target(target):
            return bad_request()
        context = FunctionContext("http", self._names.arn("lambda", "function:http"), HTTP_SECONDS)
        id = context.aws_request_id
        event = event_of(method, target, headers, body, id=id, now=self.now(), account=self._names.account)
        return response_of(self._entry.handle(event, context))

    def _of_bucket(self, method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes) -> Response:
        """A signed URL: whoever has it asks S3 itself."""
        parts = urlsplit(str(self._clients.s3.meta.endpoint_url))
        connection = HTTPConnection(parts.hostname or "", parts.port, timeout=S3_TIMEOUT)
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
            for _ in range(MOST_ROUNDS):
                self.clock.settle()
                taken = self._sources.poll()
                if not taken:
                    return
                left -= taken
                if left < 0:
                    break
            raise RuntimeError(
                f"{MOST_DELIVERIES:,} deliveries, and still more: a handler starts itself again and again"
            )

    def _invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Calls a function's code as Lambda would."""
        self.dispatcher.last = None
        arn = self._names.arn("lambda", f"function:{function}")
        context = FunctionContext(function, arn, self._seconds[function])
        answer = self._entry.handle(event, context)
        last: tuple[Invocation, Outcome] | None = self.dispatcher.last
        if last is not None and last[1].status == "succeeded":
            self._acknowledged[last[0].handler] = function, event
        return answer

    def redeliver(self, handler: str) -> int:
        """Delivers again the newest acknowledged delivery of `handler`, as at-least-once allows; how many."""
        check_handler(self.app, handler)
        with self._draining:
            found = self._acknowledged.get(handler)
            if found is None:
                return 0
            self._invoke(*found)
            return 1

    def dead_letters(self, handler: str) -> list[DeadLetter]:
        check_handler(self.app, handler)
        return dead_letters(self._binding, handler)

    # Time

    def now(self) -> float:
        return self.clock.now()

    def advance(self, seconds: float) -> None:
        """Moves the clock on; the schedules on the way put their messages into the queues."""
        self.clock.advance(seconds)

    def fire(self, schedule: str, at: datetime | None = None) -> None:
        """Queues a run of a schedule as if `at` (default: now) were a fire time."""
        check_handler(self.app, schedule)
        body = encode(manual_run(at, self.now()))
        self._clients.sqs.send_message(QueueUrl=self._made.queues[self._names.queue(schedule)], MessageBody=body)

    # Settings

    def set_value(self, kind: Literal["param", "secret"], name: str, value: str) -> None:
        from .written_values import write_value

        check_value(kind, name, value, self._binding.profile)
        write_value(self._clients, self._names, kind, name, value)
        self._made.forget_value(kind, self._names.parameter(name) if kind == "param" else self._names.secret(name))


@contextmanager
def running(app: App, *, profile: Profile | None = None, recorder: Recorder | None = None) -> Generator[RunningApp]:
    """Runs `app` in this process with empty data until the block ends. Several threads may use its resources."""
    account = new_account()
    names = Names(app.name, STAGE, account, REGION)
    template = template_of(app)
    with clients_of(account, REGION) as clients:
        clock = AccountClock(account, time.time())
        try:
            made = Provisioner(template, clients, account, REGION)
            try:
                made.make()
                authorize = grants_enforced(app)
                binding = bind(
                    app, names, clients, clock=clock, profile=profile, recorder=recorder, authorize=authorize
                )
                try:
                    started = RunningApp(app, binding, names, clients, clock, made)
                    try:
                        yield started
                    finally:
                        started.dispatcher.close()
                finally:
                    app.unbind()
            finally:
                # Nothing may arrive in what the next one has under the same name.
                clock.settle()
                made.remove()
        finally:
            clock.close()


def template_of(app: App) -> dict[str, Any]:
    """The template that a deploy of the app would use; without grants, since no role is made of it."""
    manifest = build_manifest(app, with_grants=False).to_dict()
    keys = {one.id: "none.zip" for one in group(manifest)}
    template = translate(manifest, Stage(STAGE), Bundle(keys, "none"))
    return {"Resources": {id.replace("/", ""): found for id, found in template.resources().items()}}
