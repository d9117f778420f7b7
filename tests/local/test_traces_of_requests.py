"""A request over a real connection and the trace that it is in: whoever is answered can look up what was recorded."""

import asyncio
from typing import Any

import pytest
from portable_local.http_child import TimedDispatcher, bounds_of
from portable_local.server import Site

from portable import App, Context
from portable.binding import Binding, SystemClock
from portable.capabilities import strictest
from portable.identifiers import is_traceparent
from portable.testing.recorder import MemoryRecorder

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def shop() -> App:
    app = App("shop")

    @app.get("/hello")
    async def hello(context: Context) -> str:
        return context.traceparent

    @app.get("/broken")
    async def broken() -> str:
        raise LookupError("nothing there")

    return app


async def asked(recorder: MemoryRecorder | None, *requests: tuple[str, str]) -> list[tuple[int, dict[str, str], str]]:
    """Status, headers and body of what is answered to each path, with headers, over one connection."""
    drivers: Any = None  # the shop has no resource
    app = shop()
    binding = Binding(
        app="shop",
        stage="dev",
        adapter="local",
        drivers=drivers,
        profile=strictest(app.targets),
        clock=SystemClock(),
        recorder=recorder,
    )
    dispatcher = TimedDispatcher(app, binding)
    server = await asyncio.get_running_loop().create_server(
        Site(dispatcher.respond, bounds_of(dispatcher)).protocol, "127.0.0.1", 0
    )
    found: list[tuple[int, dict[str, str], str]] = []
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        try:
            for path, headers in requests:
                writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n".encode())
                head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
                given = dict(line.lower().split(": ", 1) for line in lines)
                body = (await reader.readexactly(int(given["content-length"]))).decode()
                found.append((int(head.split(" ")[1]), given, body))
        finally:
            writer.close()
    return found


@pytest.mark.parametrize("path", ["/hello", "/broken", "/nowhere", "/a%zz"])
def test_a_request_that_comes_with_nothing_begins_the_trace_that_its_answer_names(path: str) -> None:
    recorder = MemoryRecorder()
    answers = asyncio.run(asked(recorder, (path, ""), (path, "")))
    first, second = recorder.invocations
    assert first.trace_id != second.trace_id
    for record, (status, headers, body) in zip((first, second), answers, strict=True):
        assert (record.status, record.parent_id) == (status, "")
        assert headers["traceparent"] == f"00-{record.trace_id}-{record.span_id}-01"
        assert is_traceparent(headers["traceparent"])
        assert headers["x-request-id"] == record.id
        if path == "/hello":
            assert body == headers["traceparent"]


@pytest.mark.parametrize("path", ["/hello", "/broken", "/nowhere", "/a%zz"])
def test_a_request_that_comes_with_a_trace_has_a_span_of_its_own_in_it(path: str) -> None:
    recorder = MemoryRecorder()
    ((_, headers, _),) = asyncio.run(asked(recorder, (path, f"traceparent: {TRACE}\r\n")))
    (record,) = recorder.invocations
    assert (record.trace_id, record.parent_id) == (TRACE[3:35], TRACE[36:52])
    assert record.span_id != record.parent_id
    assert headers["traceparent"] == f"00-{record.trace_id}-{record.span_id}-01"


def test_where_nothing_is_recorded_a_trace_goes_on_as_it_came() -> None:
    with_trace, without = asyncio.run(asked(None, ("/hello", f"traceparent: {TRACE}\r\n"), ("/hello", "")))
    assert with_trace[1]["traceparent"] == with_trace[2] == TRACE
    assert without[1]["traceparent"] == without[2]
