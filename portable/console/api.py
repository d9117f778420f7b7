"""The console's JSON API under /api/v1: the only way to what was recorded, for pages, the command line and tests.

Runs on threads: every method may wait for the database, or for whatever runs the app.
"""

import base64
import binascii
import re
import time
from collections.abc import Callable
from typing import Any

from portable.capabilities import PROVIDERS
from portable.codec import parse_json
from portable.cost import estimate
from portable.cost.values import value_of
from portable.errors import InvalidArgument, NotFound
from portable.replay import redacted_paths, replay_file

from . import figures
from .access import Access
from .backend import Backend
from .description import Description, kind_of, trigger_text
from .plain import is_object
from .reading import Filters, Item, Reading
from .routes import Call, Route, Routes
from .runs import Runs, present
from .shapes import document
from .store import Event, Store

HOUR = 3600.0
DAY = 86400.0
MOST_HOURS = 366 * 24
MONTH_SECONDS = 10.0
"""How old the estimate on the overview may be."""
PREVIEW_BYTES = 1024 * 1024
FIRES = 5
IDENTIFIER = re.compile(r"[0-9a-f]{16}")


class Api:
    """One console's. `write` runs a function on the thread that writes to the store, and returns what it returns."""

    def __init__(
        self,
        reading: Reading,
        backend: Backend,
        access: Access,
        write: Callable[[Callable[[Store], Any]], Any],
        publish: Callable[[list[Event]], None],
        *,
        version: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.reading = reading
        self.backend = backend
        self.access = access
        self._write = write
        self._publish = publish
        self._version = version
        self._clock = clock
        self._month_is_of: float | None = None
        self._month_value: Item | None = None
        self.runs: Runs = Runs(reading, backend, write, version)
        self.routes: Routes = Routes(self._table())

    def _table(self) -> tuple[Route, ...]:
        window = ("from", "to")
        invocation = ("handler", "service", "kind", "outcome", "status", "q", "trace", "id", *window)
        pages = ("cursor", "limit")
        return (
            Route("POST", "session", self.session, "Session", "Key", is_open=True, summary="Swap a code for a cookie"),
            Route("GET", "status", self.status, "Status", summary="What runs, and what was dropped"),
            Route("GET", "overview", self.overview, "Overview", query=("service", "outcome", *window)),
            Route("GET", "invocations", self.invocations, "Invocations", query=(*invocation, *pages)),
            Route("GET", "invocations/{id}", self.invocation, "Invocation"),
            Route(
                *("POST", "invocations/{id}/replay", self.runs.replay, "Started", "Replay"),
                summary="Run it again",
                is_long=True,
            ),
            Route(
                *("POST", "replays", self.runs.replay_of_file, "Started", "ReplayFile"),
                summary="Run what a replay file has again",
                is_long=True,
            ),
            Route(
                *("GET", "invocations/{id}/difference", self.runs.difference, "Comparison"),
                summary="Of a replay to its first",
            ),
            Route("GET", "invocations/{id}/file", self.runs.file, "Document", summary="For `portable replay FILE`"),
            Route("GET", "invocations/{id}/test", self.runs.test, "Test", summary="A pytest that repeats it"),
            Route("POST", "invocations/{id}/test", self.runs.test, "Test", "Fill", summary="The same, filled in"),
            Route(
                *("POST", "requests", self.runs.request, "Started", "Request"),
                summary="Send a request to the app",
                is_long=True,
            ),
            Route("GET", "traces", self.traces, "Transactions", query=(*invocation, *pages)),
            Route("GET", "traces/{id}", self.trace, "Trace"),
            Route("GET", "logs", self.logs, "Logs", query=("level", "q", "handler", "trace", "after", *window, *pages)),
            Route("GET", "issues", self.issues, "Issues"),
            Route("GET", "issues/{id}", self.issue, "IssueDetail"),
            Route("POST", "issues/{id}/mute", self.mute, "Issue", "Mute", summary="Hide it, or show it again"),
            Route("GET", "map", self.map, "Map"),
            Route("GET", "functions", self.functions, "Functions"),
            Route(
                *("POST", "functions/{handler}/invoke", self.runs.invoke, "Started", "Invoke"),
                summary="Run it once, now",
                is_long=True,
            ),
            Route("GET", "schedules", self.schedules, "Schedules"),
            Route("POST", "schedules/{handler}/run", self.run_schedule, "Done", "Nothing"),
            Route("POST", "schedules/{handler}/pause", self.pause_schedule, "Done", "Nothing"),
            Route("POST", "schedules/{handler}/resume", self.resume_schedule, "Done", "Nothing"),
            Route("GET", "queues", self.queues, "Queues"),
            Route("GET", "queues/{handler}/dead-letters", self.dead_letters, "DeadLetters", query=pages),
            Route(
                "POST", "queues/{handler}/redrive", self.redrive, "Counted", "Redrive", summary="ids, or all of them"
            ),
            Route("POST", "queues/{handler}/discard", self.discard, "Counted", "Ids"),
            Route("GET", "tables", self.tables, "Tables"),
            Route("GET", "tables/{name}/items", self.items, "Items", query=("pk", "index", *pages)),
            Route("PUT", "tables/{name}/items", self.put_item, "Item", "ItemBody"),
            Route("DELETE", "tables/{name}/items", self.delete_item, "Done", "ItemKey"),
            Route("GET", "buckets", self.buckets, "Buckets"),
            Route("GET", "buckets/{name}/objects", self.objects, "Objects", query=("prefix", *pages)),
            Route("GET", "buckets/{name}/object", self.read_object, "Object", query=("key",)),
            Route("PUT", "buckets/{name}/object", self.write_object, "ObjectHead", "ObjectBody", query=("key",)),
            Route("DELETE", "buckets/{name}/object", self.delete_object, "Done", "Nothing", query=("key",)),
            Route("GET", "values", self.values, "Values"),
            Route("PUT", "values/{name}", self.write_value, "Done", "Value"),
            Route("GET", "cost", self.cost, "Cost", query=("hours",), summary="A month at the observed traffic"),
            Route("GET", "openapi", self.openapi, "Document"),
            Route("GET", "schema", self.schema, "Document"),
        )

    # The console itself

    def session(self, call: Call) -> Item:
        """Answered with the cookie by the site, which looks at `accepted`."""
        link = self.access.link_of(call.field("key", str))
        return {"accepted": link is not None and bool(self._write(lambda store: store.use_link(link)))}

    def status(self, _: Call | None = None) -> Item:
        return {
            "app": "",
            "stage": "dev",
            "pid": None,
            "started_at": None,
            "api_url": None,
            "watched_files": 0,
            "last_reload": None,
            "import_error": None,
            "is_running": False,
            "is_recorded": True,
            **self.backend.status(),
            "services": self.reading.services(),
            "console_version": self._version,
            "dropped": self.reading.dropped(),
            "counts": self.backend.described().counts(),
            "issues": self.reading.rows("SELECT count(*) FROM issues WHERE is_muted = 0")[0][0],
            "providers": list(PROVIDERS),
        }

    def schema(self, _: Call) -> Item:
        return document(self.routes.routes)

    # What was recorded

    def overview(self, call: Call) -> Item:
        until = call.number("to") or self._clock()
        since = call.number("from")
        since = until - HOUR if since is None else since
        if not 1 <= until - since <= 366 * DAY:
            raise InvalidArgument("`from` is not before `to`, or more than a year")
        filters = Filters(service=call.text("service"), outcome=call.text("outcome"))
        found = figures.overview(self.reading, filters, since, until)
        found["month"] = self._month()
        found["schedules"] = [
            {"handler": one["handler"], "service": one["service"], "text": one["text"], "next": one["next"][0]}
            for one in sorted(self.backend.schedules(1), key=lambda one: (one["next"] or [0])[0])
            if one["next"] and not one["is_paused"]
        ]
        return found

    def _month(self) -> Item | None:
        """What `portable cost` says of the app's provider; None if nothing has run. All pages have it from here.

        It reads all that is recorded: an overview that is looked at while much happens asks for it less often.
        """
        now = time.monotonic()
        if self._month_is_of is None or now - self._month_is_of > MONTH_SECONDS:
            provider = self.backend.described().provider
            try:
                found = estimate(self.reading.traffic(None), provider)
            except NotFound:
                return None
            self._month_is_of = now
            self._month_value = {"provider": provider, "usd": found.usd, "hours": found.hours}
        return self._month_value

    def _filters(self, call: Call) -> Filters:
        texts = {
            name: call.text(name) for name in ("handler", "service", "kind", "outcome", "status", "q", "trace", "id")
        }
        return Filters(**texts, since=call.number("from"), until=call.number("to"))

    def invocations(self, call: Call) -> Item:
        return self.reading.invocations(self._filters(call), limit=call.limit(), cursor=call.text("cursor"))

    def invocation(self, call: Call) -> Item:
        found = present(self.reading.invocation(call.parameters[0]), "invocation", call.parameters[0])
        file = replay_file(found, app=self.backend.described().name, portable=self._version)
        return {**found, "needed": redacted_paths(file), "needed_by_test": redacted_paths(file, with_state=True)}

    def traces(self, call: Call) -> Item:
        return self.reading.traces(self._filters(call), limit=call.limit(20), cursor=call.text("cursor"))

    def trace(self, call: Call) -> Item:
        return present(self.reading.trace(call.parameters[0]), "trace", call.parameters[0])

    def logs(self, call: Call) -> Item:
        after = call.text("after")
        if after and (not after.isdecimal() or len(after) > 18):
            raise InvalidArgument(f"after={after!r} is no id of a line")
        return self.reading.logs(
            limit=call.limit(100),
            cursor=call.text("cursor"),
            after=int(after) if after else None,
            level=call.text("level"),
            q=call.text("q"),
            handler=call.text("handler"),
            trace=call.text("trace"),
            since=call.number("from"),
            until=call.number("to"),
        )

    def issues(self, _: Call) -> Item:
        return whole(self.reading.issues(now=self._clock()))

    def issue(self, call: Call) -> Item:
        return present(self.reading.issue(call.parameters[0], now=self._clock()), "issue", call.parameters[0])

    def mute(self, call: Call) -> Item:
        id, is_muted = call.parameters[0], call.field("is_muted", bool)
        self._publish(self._write(lambda store: store.mute(id, is_muted=is_muted)))
        found = present(self.reading.issue(id, now=self._clock()), "issue", id)
        found.pop("invocations")
        return found

    def map(self, _: Call) -> Item:
        # Its edges need the grants; what asks for it may wait for them once.
        self.backend.full_description()
        return figures.system_map(self.reading, self._clock())

    def cost(self, call: Call) -> Item:
        """As `portable cost`, for each provider: `hours` are the newest that are recorded, by default all of them."""
        hours = call.number("hours")
        if hours is not None and not 0 < hours <= MOST_HOURS:
            raise InvalidArgument(f"hours={call.text('hours')!r} is not more than 0, or more than a year")
        traffic = self.reading.traffic(hours)
        return value_of(traffic, [estimate(traffic, provider) for provider in PROVIDERS])

    # The app

    def functions(self, _: Call) -> Item:
        described = self.backend.full_description()
        seen = figures.handler_figures(self.reading, self._clock() - DAY)
        grants: dict[str, list[Item]] = {}
        for grant in described.manifest["grants"]:
            grants.setdefault(grant["handler"], []).append(
                {name: grant[name] for name in ("resource", "verb", "how", "locations")}
            )
        nothing: Item = dict.fromkeys(("last_at", "p95", "request_bytes", "response_bytes")) | {"all": 0, "failed": 0}
        return whole(
            [
                {
                    **self._function(described, handler),
                    "grants": grants.get(handler["name"], []),
                    **seen.get(handler["name"], nothing),
                }
                for handler in described.manifest["handlers"]
            ]
        )

    def _function(self, described: Description, handler: Item) -> Item:
        schema = described.schema(described.payload_model(handler))
        return {
            "handler": handler["name"],
            "service": handler["service"],
            "kind": kind_of(handler),
            "trigger": trigger_text(handler),
            "timeout": handler["timeout"],
            "memory": described.memory(handler["name"]),
            "max_attempts": described.max_attempts(handler["name"]),
            "schema": schema,
            "example": example_of(schema),
            "file": handler["location"]["file"],
            "line": handler["location"]["line"],
        }

    def openapi(self, _: Call) -> Item:
        return self.backend.openapi()

    # What it runs on

    def schedules(self, _: Call) -> Item:
        return whole(self.backend.schedules(FIRES))

    def run_schedule(self, call: Call) -> Item:
        self.backend.run_schedule(call.parameters[0])
        return {"done": True}

    def pause_schedule(self, call: Call) -> Item:
        self.backend.pause_schedule(call.parameters[0], is_paused=True)
        return {"done": True}

    def resume_schedule(self, call: Call) -> Item:
        self.backend.pause_schedule(call.parameters[0], is_paused=False)
        return {"done": True}

    def queues(self, _: Call) -> Item:
        return whole(self.backend.queues())

    def dead_letters(self, call: Call) -> Item:
        return self.backend.dead_letters(call.parameters[0], limit=call.limit(), cursor=call.optional("cursor"))

    def redrive(self, call: Call) -> Item:
        """`{"all": true}` or `{"ids": [...]}`."""
        is_all = call.field("all", bool, optional=True)
        ids = call.field("ids", list, optional=True)
        if bool(is_all) == (ids is not None):
            raise InvalidArgument("either `ids` or `all` says which", hint="see /api/v1/schema")
        return {"count": self.backend.redrive(call.parameters[0], None if is_all else texts(ids))}

    def discard(self, call: Call) -> Item:
        return {"count": self.backend.discard(call.parameters[0], texts(call.field("ids", list)))}

    def tables(self, _: Call) -> Item:
        return whole(self.backend.tables())

    def items(self, call: Call) -> Item:
        return self.backend.items(
            call.parameters[0],
            pk=call.optional("pk"),
            index=call.optional("index"),
            limit=call.limit(),
            cursor=call.optional("cursor"),
        )

    def put_item(self, call: Call) -> Item:
        version = call.field("version", str, optional=True)
        return self.backend.put_item(call.parameters[0], call.field("item", dict), version)

    def delete_item(self, call: Call) -> Item:
        sk = call.field("sk", str, optional=True)
        version = call.field("version", str, optional=True)
        self.backend.delete_item(call.parameters[0], call.field("pk", str), sk or "", version)
        return {"done": True}

    def buckets(self, _: Call) -> Item:
        return whole(self.backend.buckets())

    def objects(self, call: Call) -> Item:
        return self.backend.objects(
            call.parameters[0], prefix=call.text("prefix"), cursor=call.optional("cursor"), limit=call.limit()
        )

    def _key(self, call: Call) -> str:
        key = call.text("key")
        if not key:
            raise InvalidArgument("which object?", hint="?key=...")
        return key

    def read_object(self, call: Call) -> Item:
        return self.backend.read_object(call.parameters[0], self._key(call), PREVIEW_BYTES)

    def write_object(self, call: Call) -> Item:
        body = call.field("body", str)
        if call.field("encoding", str, optional=True) == "base64":
            try:
                data = base64.b64decode(body, validate=True)
            except binascii.Error as error:
                raise InvalidArgument("`body` is no base64") from error
        else:
            data = body.encode()
        kind = call.field("content_type", str, optional=True) or "application/octet-stream"
        return self.backend.write_object(call.parameters[0], self._key(call), data, kind)

    def delete_object(self, call: Call) -> Item:
        self.backend.delete_object(call.parameters[0], self._key(call))
        return {"done": True}

    def values(self, _: Call) -> Item:
        return whole(self.backend.values())

    def write_value(self, call: Call) -> Item:
        self.backend.write_value(call.parameters[0], call.field("value", str, optional=True))
        return {"done": True}


def whole(items: list[Item]) -> Item:
    """A list that has no further page."""
    return {"items": items, "next": None}


def texts(values: list[Any]) -> list[str]:
    """Raises InvalidArgument."""
    if len(values) > 1000 or any(type(value) is not str for value in values):
        raise InvalidArgument("`ids` are at most 1000 texts")
    return values


def example_of(schema: Item | None) -> Any:
    """A payload that the schema allows, where one can be made up."""
    if schema is None:
        return None
    from portable.openapi.examples import example

    found = example(schema, schema.get("$defs", {}))
    return found[0] if found is not None else None


def parsed(body: bytes) -> dict[str, Any]:
    """A request's body. Raises InvalidArgument."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise InvalidArgument("the body is not UTF-8") from error
    value: Any = parse_json(text) if text.strip() else {}
    if not is_object(value):
        raise InvalidArgument("the body is no JSON object")
    return value
