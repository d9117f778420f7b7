"""Traces leave over OTLP/HTTP: OpenTelemetry's own exporter, and its own messages to read what arrived."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from portable import App, Context
from portable.conventions import attributes_of, severity, span_kind, span_name
from portable.log_records import captured
from portable.otlp import MOST_CALLS, MOST_OPEN, OtlpRecorder, exporter_of
from portable.records import payload_of
from portable.telemetry import CallRecord, InvocationRecord, LogRecord

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GET = InvocationRecord(
    TRACE, "b" * 16, "", "http", "notes.read", "request-1", 1, 1000.0, 0.5, "GET /notes/{id}", "failed", 500,
    "KeyError: 'x'", "Traceback...", ("app.py", 7, "read"), payload_of(b"", target="GET /notes/1?full=1"),
    payload_of(b"{}"), 0.0, True, 1,
)  # fmt: skip
TASK = GET._replace(
    span_id="c" * 16, parent_id="b" * 16, kind="task", handler="work", name="task:work", status=0, outcome="succeeded",
    error=None, traceback=None, frame=None, request=None, response=None, waited=1.5, cold=False, calls=0,
)  # fmt: skip
CALL = CallRecord(TRACE, "d" * 16, "b" * 16, "table:notes", "get", "1", 1000.1, 0.01, None)
LOG = LogRecord(TRACE, "b" * 16, "request-1", "notes.read", 1000.2, "WARNING", "shop", "low", {"n": 1}, "logging", None)


class Collector(HTTPServer):
    """Takes what exporters send."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, ExportTraceServiceRequest]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def spans(self) -> list[Any]:
        return [
            span
            for _, request in self.requests
            for of_resource in request.resource_spans
            for scope in of_resource.scope_spans
            for span in scope.spans
        ]


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.requests.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


def text_of(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


def test_an_invocation_its_calls_and_its_logs_are_sent_when_it_ends(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    recorder = exporter_of({"OTEL_SERVICE_NAME": "shop"})
    recorder.call(CALL)
    recorder.log(LOG)
    assert collector.requests == []
    recorder.invocation(GET)
    recorder.invocation(TASK)
    recorder.close()
    assert [path for path, _ in collector.requests] == ["/v1/traces", "/v1/traces"]
    resource = text_of(collector.requests[0][1].resource_spans[0].resource.attributes)
    assert resource["service.name"] == "shop"
    request, call, task = collector.spans
    assert (request.trace_id.hex(), request.span_id.hex(), request.parent_span_id.hex()) == (TRACE, "b" * 16, "")
    assert (call.parent_span_id.hex(), task.parent_span_id.hex()) == ("b" * 16, "b" * 16)
    assert (request.name, call.name, task.name) == ("GET /notes/{id}", "get notes", "process work")
    # Numbers of the protocol: server, client, consumer; error, unset.
    assert (request.kind, call.kind, task.kind) == (2, 3, 5)
    assert (request.status.code, request.status.message, call.status.code) == (2, "KeyError: 'x'", 0)
    assert (request.start_time_unix_nano, request.end_time_unix_nano) == (1000 * 10**9, 1000 * 10**9 + 5 * 10**8)
    assert text_of(request.attributes)["http.route"] == "/notes/{id}"
    (event,) = request.events
    assert text_of(event.attributes) == {
        "n": 1,
        "portable.logger": "shop",
        "portable.handler": "notes.read",
        "faas.invocation_id": "request-1",
        "log.level": "WARNING",
        "log.message": "low",
    }


class Kept:
    """An exporter that sends nowhere."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def export(self, spans: list[Any]) -> None:
        self.spans.extend(spans)

    def shutdown(self) -> None:
        self.spans.clear()


def test_an_app_that_runs_with_it_is_one_trace() -> None:
    from portable.adapter import find_adapter

    app = App("shop")

    @app.post("/start")
    def start(context: Context) -> str:
        context.logger.error("started")
        work.send()
        return context.traceparent

    @app.task
    def work() -> None:
        return None

    kept = Kept()
    recorder = OtlpRecorder(kept, exporter_of({})._resource)
    with find_adapter("local").running(app, recorder=recorder) as running, captured(recorder):
        traceparent = running.request("POST", "/start").body.decode()
        running.drain()
    request, send, ran = kept.spans
    assert [span.name for span in kept.spans] == ["POST /start", "send work", "process work"]
    ids = {f"{span.context.trace_id:032x}" for span in kept.spans}
    assert ids == {traceparent.split("-")[1]}
    assert send.parent.span_id == ran.parent.span_id == request.context.span_id
    assert [event.attributes["log.message"] for event in request.events] == ["started"]


def test_what_never_ends_is_let_go_of() -> None:
    kept = Kept()
    recorder = OtlpRecorder(kept, exporter_of({})._resource)
    for number in range(MOST_OPEN + 50):
        recorder.call(CALL._replace(parent_id=f"{number + 1:016x}"))
    assert len(recorder._open) == MOST_OPEN
    for _ in range(MOST_CALLS + 5):
        recorder.call(CALL)
    recorder.invocation(GET)
    assert len(kept.spans) == 1 + MOST_CALLS


def test_names_are_those_of_the_conventions() -> None:
    request = attributes_of(GET)
    assert request["http.request.method"] == "GET"
    assert request["http.response.status_code"] == 500
    assert (request["url.path"], request["url.query"]) == ("/notes/1", "full=1")
    assert (request["error.type"], request["exception.stacktrace"]) == ("KeyError", "Traceback...")
    assert (request["code.file.path"], request["code.line.number"]) == ("app.py", 7)
    assert (request["faas.trigger"], request["faas.coldstart"]) == ("http", True)
    task = attributes_of(TASK)
    assert (task["messaging.destination.name"], task["messaging.operation.type"]) == ("work", "process")
    assert (task["portable.attempt"], task["portable.waited"]) == (1, 1.5)
    call = attributes_of(CALL)
    assert (call["db.operation.name"], call["db.collection.name"]) == ("get", "notes")
    send = attributes_of(CALL._replace(resource="topic:news", verb="publish", error="Throttled: wait"))
    assert (send["messaging.operation.type"], send["error.type"]) == ("send", "Throttled")
    printed = attributes_of(LOG._replace(source="stdout", logger=""))
    assert (printed["log.iostream"], printed["n"]) == ("stdout", 1)
    odd = attributes_of(GET._replace(name="BREW", handler="", request=None, response=None))
    assert (odd["http.request.method"], odd["http.request.method_original"]) == ("_OTHER", "BREW")
    assert "http.route" not in odd


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("http", "GET /x", ("server", "GET /x", "http")),
        ("task", "task:work", ("consumer", "process work", "pubsub")),
        ("topic", "topic:news", ("consumer", "process news", "pubsub")),
        ("schedule", "schedule:nightly", ("internal", "schedule nightly", "timer")),
        ("bucket", "bucket:files", ("consumer", "bucket files", "datasource")),
        ("table", "table:notes", ("consumer", "table notes", "datasource")),
    ],
)
def test_every_kind_has_a_kind_of_span_a_name_and_a_trigger(kind: Any, name: str, expected: tuple[str, ...]) -> None:
    record = GET._replace(kind=kind, name=name)
    assert (span_kind(record), span_name(record), attributes_of(record)["faas.trigger"]) == expected


def test_levels_have_the_numbers_of_severities() -> None:
    assert [severity(level) for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "x")] == [
        5,
        9,
        13,
        17,
        21,
        0,
    ]
