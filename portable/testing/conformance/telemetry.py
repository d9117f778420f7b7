"""Conformance of what is recorded: one record for each invocation and call, tied into traces, and harming nothing."""

from types import FunctionType
from typing import Any, cast

import pytest
from pydantic import BaseModel

from portable.app import App
from portable.context import Context
from portable.errors import HTTPError, InvalidArgument, NotFound, PermissionDenied
from portable.http import Request
from portable.telemetry import CallRecord, InvocationRecord, LogRecord
from portable.testing.recorder import MemoryRecorder

from .harness import Harness

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"
TRACE = f"00-{TRACE_ID}-{PARENT_ID}-01"
RECORDS = 4


class Item(BaseModel):
    id: str
    text: str = ""
    count: int = 0


class BrokenRecorder(MemoryRecorder):
    """Raises, whatever it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: int = 0

    def refuse(self) -> None:
        self.asked += 1
        raise RuntimeError("the recorder is broken")

    def invocation(self, record: InvocationRecord, /) -> None:
        self.refuse()

    def call(self, record: CallRecord, /) -> None:
        self.refuse()

    def log(self, record: LogRecord, /) -> None:
        self.refuse()


def of_an_app(function: FunctionType) -> FunctionType:
    """The function as if it were in a module of an app: lines of portable's own are in no traceback that users see."""
    names = {**function.__globals__, "__name__": "conformance_app"}
    return FunctionType(function.__code__, names, function.__name__, function.__defaults__, function.__closure__)


def by_handler(recorder: MemoryRecorder) -> dict[str, InvocationRecord]:
    found = {record.handler: record for record in recorder.invocations}
    assert len(found) == len(recorder.invocations)
    return found


class TelemetryConformance:
    """One invocation, one record; one call, one record; one transaction, one trace."""

    def test_a_request_is_one_record_with_a_span_of_its_own_under_the_senders(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.get("/notes/{id}")
        def read(id: str, context: Context) -> dict[str, str]:
            seen.append(context.traceparent)
            return {"id": id}

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            answer = running.request(
                "GET", "/notes/7?full=1", headers=[("traceparent", TRACE), ("x-request-id", "request-7")]
            )
            again = running.request("GET", "/notes/8")
        first, second = recorder.invocations
        assert (first.trace_id, first.parent_id) == (TRACE_ID, PARENT_ID)
        assert first.span_id not in ("", PARENT_ID)
        assert seen[0] == answer.headers["traceparent"] == f"00-{TRACE_ID}-{first.span_id}-01"
        assert seen[1] == again.headers["traceparent"] == f"00-{second.trace_id}-{second.span_id}-01"
        assert second.trace_id != TRACE_ID
        assert second.parent_id == ""
        assert (first.kind, first.handler, first.name) == ("http", "read", "GET /notes/{id}")
        assert (first.id, first.attempt, first.outcome, first.status) == ("request-7", 1, "succeeded", 200)
        assert (first.error, first.traceback, first.frame, first.waited, first.calls) == (None, None, None, 0.0, 0)
        assert first.seconds >= 0
        assert (first.cold, second.cold) == (True, False)

    def test_a_record_has_the_request_and_the_answer(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/items", status=201)
        def create(item: Item) -> Item:
            return item

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            body = b'{"id": "1", "text": "\xc3\xa4"}'
            running.request(
                "POST", "/items?x=%20", headers=[("content-type", "application/json"), ("a", "b")], body=body
            )
        (record,) = recorder.invocations
        request, response = record.request, record.response
        assert request is not None
        assert (request.body, request.size, request.encoding) == (body.decode(), len(body), "text")
        assert (request.target, request.content_type) == ("POST /items?x=%20", "application/json")
        assert ("a", "b") in request.headers
        assert response is not None
        assert response.body == '{"id":"1","text":"ä","count":0}'
        assert response.content_type == "application/json"
        assert ("x-request-id", record.id) in response.headers

    def test_bodies_are_kept_up_to_a_size_and_bytes_as_base64(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/size")
        def measure(request: Request) -> bytes:
            return request.body[:8]

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            for body in ("ä".encode() * 40_000, bytes(range(256)), b"\xff" * 80_000):
                running.request("POST", "/size", headers=[("content-type", "application/octet-stream")], body=body)
        kept = [record.request for record in recorder.invocations if record.request is not None]
        assert [(one.size, one.encoding, one.is_cut) for one in kept] == [
            (80_000, "text", True),
            (256, "base64", False),
            (80_000, "base64", True),
        ]
        assert kept[0].body == "ä" * 32_768
        assert max(len(one.body.encode()) for one in kept) <= 65_536

    def test_what_no_handler_answers_and_what_fails_is_recorded_as_that(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/gone")
        def gone() -> None:
            raise HTTPError(410, "it is gone")

        def broken() -> None:
            raise ValueError("no such\nluck")

        app.get("/broken")(of_an_app(cast("FunctionType", broken)))

        @app.get("/said")
        def said() -> tuple[str, int]:
            return "busy", 503

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            statuses = [running.request("GET", path).status for path in ("/nothing", "/gone", "/broken", "/said")]
        nothing, left, failed, answered = recorder.invocations
        assert statuses == [record.status for record in recorder.invocations] == [404, 410, 500, 503]
        assert (nothing.handler, nothing.name, nothing.outcome) == ("", "GET", "succeeded")
        assert (left.handler, left.outcome, left.traceback) == ("gone", "succeeded", None)
        assert "it is gone" in (left.error or "")
        assert (failed.handler, failed.outcome, failed.error) == ("broken", "failed", "ValueError: no such luck")
        assert "in broken" in (failed.traceback or "")
        assert (failed.traceback or "").count("  File ") == 1
        assert failed.frame is not None
        assert (failed.frame[0], failed.frame[2]) == (__file__, "broken")
        assert (answered.outcome, answered.traceback) == ("failed", None)
        assert "503" in (answered.error or "")

    def test_each_attempt_is_a_record_under_the_span_that_sent_it(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/start")
        def start() -> None:
            work.send(Item(id="1"))

        def fail(item: Item) -> str:
            raise LookupError(item.id)

        failing = of_an_app(cast("FunctionType", fail))
        failing.__annotations__ = fail.__annotations__
        work: Any = app.task(max_attempts=2, min_backoff=1, max_backoff=1, name="work")(failing)

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            running.request("POST", "/start")
            running.drain()
            running.advance(60)
            running.drain()
        sent, *attempts = recorder.invocations
        assert len(attempts) == 2
        assert [one.attempt for one in attempts] == [1, 2]
        assert [one.outcome for one in attempts] == ["failed", "dead"]
        assert {(one.trace_id, one.parent_id) for one in attempts} == {(sent.trace_id, sent.span_id)}
        assert len({sent.span_id, *(one.span_id for one in attempts)}) == 3
        assert len({one.id for one in attempts}) == 1
        assert {(one.kind, one.handler, one.name, one.status) for one in attempts} == {("task", "work", "task:work", 0)}
        assert attempts[1].waited > attempts[0].waited >= 0
        for one in attempts:
            assert one.error == "LookupError: 1"
            assert "in fail" in (one.traceback or "")
            assert one.frame is not None
            assert one.frame[2] == "fail"
            assert one.request is not None
            assert '"id":"1"' in one.request.body.replace(" ", "")
            assert one.response is None

    def test_a_payload_that_does_not_decode_is_recorded_as_dead(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")

        @news.subscribe
        def heard(item: Item) -> None:
            raise AssertionError(item)

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            news.publish({"text": "no id"})
            running.drain()
        (record,) = recorder.invocations
        assert (record.handler, record.name, record.outcome) == ("heard", "topic:news", "dead")
        assert "does not decode" in (record.error or "")

    def test_a_request_and_all_that_follows_from_it_is_one_trace(self, harness: Harness) -> None:
        app = App("conformance")
        items = app.table("items", Item)
        news = app.topic("news")
        bodies: list[Any] = []

        @app.post("/start")
        def start() -> None:
            work.send(Item(id="1"))

        @app.task()
        def work(item: Item) -> None:
            news.publish(item)

        @news.subscribe
        def heard(item: Item, context: Context) -> None:
            bodies.append((item.model_dump(), dict(context.attributes)))
            items.put(item)

        @items.on_change
        def changed(change: Any) -> None:
            bodies.append(change)

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            running.request("POST", "/start", headers=[("traceparent", TRACE)])
            running.drain()
            stored = items.require("1")
        found = by_handler(recorder)
        assert set(found) == {"start", "work", "heard", "changed"}
        assert {record.trace_id for record in found.values()} == {TRACE_ID}
        parents = [found[name].parent_id for name in ("start", "work", "heard", "changed")]
        assert parents == [PARENT_ID, *(found[name].span_id for name in ("start", "work", "heard"))]
        assert (found["changed"].kind, found["changed"].name) == ("table", "table:items")
        # Nothing of it is in what users see.
        assert bodies[0] == ({"id": "1", "text": "", "count": 0}, {})
        assert stored == Item(id="1")
        assert TRACE_ID not in repr(bodies) + repr(stored)

    def test_each_call_of_a_resource_is_a_record_under_its_invocation(self, harness: Harness) -> None:
        app = App("conformance")
        items = app.table("items", Item)
        files = app.bucket("files")
        news = app.topic("news")
        mode = app.param("mode", default="slow")

        @news.subscribe
        def heard() -> None:
            return None

        @app.task()
        def work(item: Item) -> None:
            raise AssertionError(item)

        @app.post("/all")
        def everything() -> str:
            items.put(Item(id="1"))
            items.get("1")
            items.update("1", change=lambda item: item.model_copy(update={"text": "x"}))
            items.increment("1", field="count", by=2)
            list(items.scan(limit=10).items)
            items.delete("1")
            files.put("a/b", b"text")
            files.get("a/b")
            files.delete("a/b")
            news.publish("x")
            work.send(Item(id="2"))
            return mode.get()

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            assert running.request("POST", "/all").status == 200
        (record,) = recorder.invocations
        calls = list(recorder.calls)
        assert {(call.trace_id, call.parent_id) for call in calls} == {(record.trace_id, record.span_id)}
        assert len({call.span_id for call in calls} | {record.span_id}) == len(calls) + 1
        assert record.calls == len(calls)
        verbs = [(call.resource, call.verb) for call in calls]
        expected = {
            "table:items": {"put", "get", "update", "increment", "scan", "delete"},
            "bucket:files": {"put", "get", "delete"},
            "topic:news": {"publish"},
            "task:work": {"send"},
            "param:mode": {"get"},
        }
        found = {resource: {verb for at, verb in verbs if at == resource} for resource, _ in verbs}
        assert found == expected
        assert {call.key for call in calls if call.resource == "bucket:files"} == {"a/b"}
        assert all(call.seconds >= 0 and call.error is None for call in calls)

    def test_a_call_that_fails_says_why(self, harness: Harness) -> None:
        app = App("conformance")
        items = app.table("items", Item)

        @app.get("/missing")
        def missing() -> None:
            try:
                items.require("1")
            except NotFound:
                return

        @app.get("/wrong")
        def wrong() -> None:
            with pytest.raises(InvalidArgument):
                items.get(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            assert running.request("GET", "/missing").status < 300
            assert running.request("GET", "/wrong").status < 300
        errors = [call.error for call in recorder.calls]
        # What the caller did wrong never was a call; that nothing was found is no failure of one.
        assert errors == [None]
        assert [record.calls for record in recorder.invocations] == [1, 0]

    def test_calls_outside_of_handlers_belong_to_no_invocation(self, harness: Harness) -> None:
        app = App("conformance")
        items = app.table("items", Item)
        recorder = MemoryRecorder()
        with harness.running(app, recorder):
            items.put(Item(id="1"))
            items.get("1")
        assert [(call.verb, call.parent_id) for call in recorder.calls] == [("put", ""), ("get", "")]
        assert len({call.trace_id for call in recorder.calls}) == 2
        assert not recorder.invocations

    def test_a_recorder_that_raises_harms_nothing(self, harness: Harness) -> None:
        app = App("conformance")
        items = app.table("items", Item)
        seen: list[str] = []

        @app.post("/start")
        def start() -> str:
            items.put(Item(id="1"))
            work.send(Item(id="1"))
            return "started"

        @app.task()
        def work(item: Item) -> None:
            seen.append(items.require(item.id).id)

        recorder = BrokenRecorder()
        with harness.running(app, recorder) as running:
            response = running.request("POST", "/start")
            assert (response.status, response.body) == (200, b"started")
            running.drain()
        assert seen == ["1"]
        assert recorder.asked >= RECORDS

    def test_without_a_recorder_the_senders_traceparent_goes_on_as_it_is(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/x")
        def read(context: Context) -> str:
            return context.traceparent

        with harness.running(app) as running:
            response = running.request("GET", "/x", headers=[("traceparent", TRACE)])
        assert response.body.decode() == response.headers["traceparent"] == TRACE

    def test_what_a_handler_may_not_do_is_a_call_that_failed(self, harness: Harness) -> None:
        app = App("conformance")
        items = app.table("items", Item)

        @app.get("/x", uses=[items.can("get")])
        def read() -> str:
            try:
                items.put(Item(id="1"))
            except PermissionDenied:
                return "refused"
            return "written"

        recorder = MemoryRecorder()
        with harness.running(app, recorder) as running:
            answer = running.request("GET", "/x").body
        (call,) = recorder.calls
        assert (call.resource, call.verb) == ("table:items", "put")
        # Where grants are roles of the provider, a test has none.
        assert (call.error or "").startswith("PermissionDenied") is (answer == b"refused")
