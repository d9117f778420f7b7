"""One probe per limit: what it takes to measure exactly `n` of it, by a verb of the SDK or a declaration."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from portable import App, Request, Response
from portable.capabilities import Limit, Profile
from portable.errors import LimitExceeded
from portable.testing import RunningApp

ROUND = 1_790_000_000


class Measured:
    """An app with a resource of each kind, running under one profile; each method measures `n` of one limit."""

    def __init__(self, targets: tuple[str, ...] = ("aws", "gcp", "azure")) -> None:
        app = self.app = App("measured", targets=targets)
        self.items = app.table("items")
        self.pairs = app.table("pairs", key=("a", "b"))
        self.files = app.bucket("files")
        self.events: Any = app.topic("events")
        self.started: RunningApp
        self.profile: Profile
        app.param("setting")
        app.secret("password")

        @app.route("/", methods=["GET", "POST"])
        def root(request: Request) -> Response:
            return Response(b"a" * int(request.headers.get("x-answer") or 0))

        @app.route("/{rest}", methods=["GET"])
        def rest(request: Request) -> Response:
            return Response(b"")

        @app.task
        def work(text: str) -> None:
            assert text

        self.work = work

    # HTTP

    def send(self, target: str, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        """Raises what the answer says was too much, as the SDK's verbs do."""
        running: Any = self.started.running
        # So that also what is the handler's fault is told.
        running.dispatcher.dev = True
        response = running.request("POST" if body else "GET", target, headers=list((headers or {}).items()), body=body)
        if response.status in (413, 414, 431, 500):
            detail = str(json.loads(response.body)["detail"])
            raise LimitExceeded(detail)
        assert response.status == 200

    def http_request_bytes(self, n: int) -> None:
        self.send("/", body=b"a" * n)

    def http_response_bytes(self, n: int) -> None:
        self.send("/", {"x-answer": str(n)})

    def http_url_bytes(self, n: int) -> None:
        self.send("/" + "a" * (n - 1))

    def http_query_bytes(self, n: int) -> None:
        self.send("/?" + "a" * n)

    def http_header_bytes(self, n: int) -> None:
        self.send("/", {"x-long": "a" * (n - len("x-long"))})

    # Tables

    def item_bytes(self, n: int) -> None:
        self.items.put({"id": "a", "text": "a" * (n - size({"id": "a", "text": ""}))})

    def item_depth(self, n: int) -> None:
        value: dict[str, Any] = {}
        for _ in range(n - 2):
            value = {"in": value}
        self.items.put({"id": "a", "in": value})

    def key_bytes(self, n: int) -> None:
        self.items.get("a" * n)

    def field_name_bytes(self, n: int) -> None:
        self.items.put({"id": "a", "f" * n: 1})

    def integer(self, n: int) -> None:
        self.items.put({"id": "a", "number": n})

    def decimal_digits(self, n: int) -> None:
        self.items.put({"id": "a", "number": Decimal("1" * n)})

    def float_exponent_max(self, n: int) -> None:
        self.items.put({"id": "a", "number": float(f"1e{n}")})

    def float_exponent_min(self, n: int) -> None:
        self.items.put({"id": "a", "number": float(f"1e-{n}")})

    def transaction_items(self, n: int) -> None:
        self.pairs.transact([self.pairs.putting({"a": "a", "b": str(number)}) for number in range(n)])

    def transaction_bytes(self, n: int) -> None:
        each = min(self.profile.value("item_bytes"), n) // 2
        count = -(-n // each)
        sizes = [each] * (count - 1) + [n - each * (count - 1)]
        items = [{"a": "a", "b": f"{number:03}", "text": ""} for number in range(count)]
        self.pairs.transact(
            [
                self.pairs.putting({**item, "text": "a" * (wanted - size(item))})
                for item, wanted in zip(items, sizes, strict=True)
            ]
        )

    # Buckets

    def object_key_bytes(self, n: int) -> None:
        self.files.put("a" * n, b"")

    def object_key_segments(self, n: int) -> None:
        self.files.put("/".join("a" * n), b"")

    def object_metadata_bytes(self, n: int) -> None:
        self.files.put("a", b"", metadata={"m": "a" * (n - 1)})

    def signed_url_seconds(self, n: int) -> None:
        self.files.signed_url("a", expires_in=n)

    # Tasks, topics, settings

    def task_body_bytes(self, n: int) -> None:
        self.work.send("a" * (n - 2))

    def task_delay_seconds(self, n: int) -> None:
        self.work.send("a", delay=n)

    def event_body_bytes(self, n: int) -> None:
        self.events.publish("a" * (n - 2))

    def event_attributes(self, n: int) -> None:
        self.events.publish("a", attributes={f"a{number}": "1" for number in range(n)})

    def event_attribute_bytes(self, n: int) -> None:
        self.events.publish("a", attributes={"a": "a" * n})

    def secret_bytes(self, n: int) -> None:
        self.started.running.set_value("secret", "password", "a" * n)

    def param_bytes(self, n: int) -> None:
        self.started.running.set_value("param", "setting", "a" * n)


def size(item: dict[str, Any]) -> int:
    return len(json.dumps(item, separators=(",", ":")))


VERBS: tuple[str, ...] = tuple(name for name in vars(Measured) if not name.startswith("_") and name != "send")
"""The limits that a verb enforces."""


def nothing() -> None:
    """A handler."""


def declare_http(app: App, n: int) -> None:
    app.get("/", timeout=n)(nothing)


def declare_task(app: App, n: int) -> None:
    app.task(timeout=n)(nothing)


def declare_schedule(app: App, n: int) -> None:
    app.every(minutes=1, timeout=n)(nothing)


def declare_event(app: App, n: int) -> None:
    app.topic("events").subscribe(timeout=n)(nothing)


def declare_memory(app: App, n: int) -> None:
    app.get("/", memory=n)(nothing)


def declare_attempts(app: App, n: int) -> None:
    app.task(max_attempts=n)(nothing)


def declare_name(app: App, n: int) -> None:
    app.param("a" * n)


DECLARATIONS: dict[str, Callable[[App, int], None]] = {
    "http_seconds": declare_http,
    "task_seconds": declare_task,
    "schedule_seconds": declare_schedule,
    "event_seconds": declare_event,
    "memory_mb": declare_memory,
    "task_attempts": declare_attempts,
    "value_name_characters": declare_name,
}
"""The limits that are enforced where something is declared."""

UNREACHABLE = {
    "environment_bytes": "the SDK sets no environment variables: params and secrets are read at run time",
    "package_bytes": "there is no package before a deploy",
    "scratch_bytes": "the temporary folder is written by the app itself, not through the SDK",
    "object_bytes": "no machine that tests run on holds an object of 5 TiB",
    "schedule_period_seconds": "a five-field cron expression has no seconds; every() takes minutes, hours and days",
    "table_indexes": "nothing enforces it before a deploy but `portable check`, whose tests plant it",
    "log_message_bytes": "no verb of the SDK writes a log",
    "log_field_bytes": "no verb of the SDK writes a log",
}
"""Limits that cannot be met in a process, each with its reason."""

FOR_ALL = {
    "task_attempts": "declared before the targets count: the same number for every provider",
    "value_name_characters": "declared before the targets count: the same number for every provider",
}
"""Limits of a provider that are the portable profile's wherever they are checked."""


def hidden_by(profile: Profile, limit: Limit) -> str | None:
    """Why another limit of the same profile is always met first; None if there is none."""
    if limit.name == "http_query_bytes" and profile.value("http_url_bytes") <= limit.value + 2:
        return "the URL that it is a part of is too long before"
    return None
