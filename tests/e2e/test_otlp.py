"""Spans of others join the app's transactions: of OpenTelemetry's own exporter, of a page, of none from elsewhere."""

import json
import textwrap
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.exporter.otlp.json.http import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.console.otlp_requests import request as spans_of
from tests.console.otlp_requests import span

from .browser import browser
from .dev import Answer, Dev, portable, request, started, until, write
from .test_console import Console

APP = textwrap.dedent("""
    from portable import App, Response

    app = App("shop")
    orders = app.table("orders", key="id")

    # What a page does by itself: makes ids, sends a request with them, and tells of it when it is done.
    PAGE = '''<!doctype html><title>shop</title><script type="module">
    const hex = (bytes) => [...crypto.getRandomValues(new Uint8Array(bytes))]
      .map((one) => one.toString(16).padStart(2, "0")).join("");
    const [trace, span] = [hex(16), hex(8)];
    const begun = Date.now();
    await fetch("/orders/7", { method: "POST", headers: { traceparent: `00-${trace}-${span}-01` } });
    const string = (key, stringValue) => ({ key, value: { stringValue } });
    const made = { traceId: trace, spanId: span, name: "click buy", kind: 3, startTimeUnixNano: `${begun}000000`,
      endTimeUnixNano: `${Date.now() + 1}000000`, attributes: [string("url.full", location.href)] };
    const answer = await fetch("/_portable/otlp/v1/traces", { method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resourceSpans: [{ resource: { attributes: [string("service.name", "shop-page")] },
        scopeSpans: [{ spans: [made] }] }] }) });
    window.told = { status: answer.status, trace };
    </script>'''


    @app.get("/")
    def page() -> Response:
        return Response(PAGE, media_type="text/html")


    @app.post("/orders/{id}")
    def order(id: str) -> None:
        orders.put({"id": id})
""")


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    project = write(tmp_path_factory.mktemp("otlp") / "shop", {"app.py": APP})
    with started(project) as running:
        yield running.serves()


@pytest.fixture
def console(dev: Dev) -> Console:
    return Console(dev)


def trace_with(console: Console, trace: str, kind: str, *, spans: int = 1) -> dict[str, Any]:
    """The trace, once it has spans of that kind, and so many of all: those of others and the app's come by two ways."""

    def look() -> dict[str, Any] | None:
        answer = console_answer(console, f"traces/{trace}")
        if answer.status == 404:
            return None
        found: dict[str, Any] = answer.json
        is_there = len(found["spans"]) >= spans and any(one["kind"] == kind for one in found["spans"])
        return found if is_there else None

    return until(f"{kind} spans in {trace}", look)


def test_another_process_joins_by_opentelemetrys_own_exporter(dev: Dev, console: Console) -> None:
    # As OTEL_EXPORTER_OTLP_ENDPOINT has it, to which exporters add the signal's path.
    exporter = OTLPSpanExporter(endpoint=f"{dev.api}/_portable/otlp/v1/traces")
    provider = TracerProvider(resource=Resource.create({"service.name": "cashier"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("till")
    with tracer.start_as_current_span("ring up", attributes={"till": 4, "url.full": "http://x/?token=abc"}) as ringing:
        headers: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(headers)
        answer = request(dev.api, "POST", "/orders/1", headers=headers)
        with tracer.start_as_current_span("print receipt") as printing:
            printing.add_event("jammed", {"tray": 2})
            printing.record_exception(ValueError("no paper"))
    assert answer.status == 204
    provider.shutdown()
    context = ringing.get_span_context()
    assert context is not None
    trace, root = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    found = trace_with(console, trace, "external", spans=4)
    spans = {one["name"]: one for one in found["spans"]}
    assert set(spans) == {"ring up", "print receipt", "POST /orders/{id}", "table:orders put"}
    assert spans["ring up"]["service"] == "cashier"
    assert spans["ring up"]["parent"] is None
    assert spans["ring up"]["attributes"]["till"] == 4
    assert spans["ring up"]["attributes"]["url.full"] == "http://x/?token=[redacted]"
    assert {spans[name]["parent"] for name in ("print receipt", "POST /orders/{id}")} == {root}
    assert [line["message"] for line in found["logs"]] == ["jammed", "ValueError: no paper"]
    done = portable("trace", trace, "--app", dev.project)
    assert done.code == 0, done
    lines = [line.strip() for line in done.out.splitlines()]
    assert lines[1].startswith("cashier: ring up")
    assert any(line.startswith("cashier: print receipt") for line in lines)


def test_a_page_of_the_app_joins_and_is_the_first_of_its_trace(dev: Dev, console: Console) -> None:
    with browser() as tab:
        tab.go(f"{dev.api}/", "window.told !== undefined")
        told = tab.run("window.told")
        assert told["status"] == 200
        assert tab.faults == []
    found = trace_with(console, told["trace"], "external", spans=3)
    first = found["spans"][0]
    assert (first["service"], first["name"], first["kind"]) == ("shop-page", "click buy", "external")
    assert [one["parent"] for one in found["spans"] if one["kind"] == "http"] == [first["id"]]


class Elsewhere(ThreadingHTTPServer):
    """A page of another origin. A browser opens connections ahead, which nobody has to wait for."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Empty)


class Empty(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def test_a_page_from_elsewhere_can_send_nothing(dev: Dev, console: Console) -> None:
    trace = f"{time.time_ns():032x}"
    body = spans_of(span(traceId=trace)).decode()
    server = Elsewhere()
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    tries = """(async ([target, body]) => {
        const outcomes = [];
        for (const [mode, type] of [["cors", "application/json"], ["cors", "text/plain"], ["no-cors", "text/plain"],
                                    ["no-cors", "application/x-www-form-urlencoded"]]) {
            outcomes.push(await fetch(target, { method: "POST", mode, body, headers: { "content-type": type } }).then(
                (answer) => answer.type, () => "refused"));
        }
        navigator.sendBeacon(target, body);
        navigator.sendBeacon(target, new Blob([body], { type: "application/json" }));
        return outcomes;
    })"""
    given = json.dumps([f"{dev.api}/_portable/otlp/v1/traces", body])
    try:
        with browser() as tab:
            tab.go(f"http://127.0.0.1:{server.server_port}/", "document.title === 'elsewhere'")
            outcomes = tab.run(f"{tries}({given})")
            # An opaque answer tells nothing, not even whether it was a refusal.
            assert outcomes == ["refused", "refused", "opaque", "opaque"]
            # Beacons are on their way; one more request of the same page comes after them.
            tab.run(f"fetch({dev.api + '/'!r}, {{ mode: 'no-cors' }}).then(() => 1)")
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
    send(dev, spans_of(span(traceId=f"{1:032x}")))
    trace_with(console, f"{1:032x}", "external")
    answer = console_answer(console, f"traces/{trace}")
    assert answer.status == 404


def console_answer(console: Console, path: str) -> Answer:
    return request(console.url, "GET", f"/api/v1/{path}", headers={"authorization": f"Bearer {console.key}"})


def send(dev: Dev, body: bytes, **headers: str) -> Answer:
    given = {"content-type": "application/json", **headers}
    return request(dev.api, "POST", "/_portable/otlp/v1/traces", body, given)


def test_spans_are_no_invocations_and_the_console_tells_of_them_as_they_come(dev: Dev, console: Console) -> None:
    before = console.get("invocations?limit=1")["items"]
    trace = f"{time.time_ns():032x}"
    assert send(dev, spans_of(span(traceId=trace))).status == 200
    trace_with(console, trace, "external")
    assert console.get("invocations?limit=1")["items"] == before
    assert console.get("status")["dropped"]["span"] == 0


def test_the_port_of_the_console_takes_none_and_the_apps_routes_cannot_be_there(console: Console, dev: Dev) -> None:
    assert console.send("POST", "../../_portable/otlp/v1/traces").status == 404
    assert request(dev.api, "GET", "/_portable/otlp/v1/traces").status == 405
