"""The time of an `async def` handler over real connections: who is answered, what is recorded, what goes on."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from portable_local.http_child import TimedDispatcher, bounds_of
from portable_local.server import Site

from portable import App
from portable.binding import Binding, SystemClock
from portable.capabilities import strictest
from portable.telemetry import CallRecord, InvocationRecord, LogRecord

Ask = Callable[[str], Awaitable[tuple[int, str]]]


class Records:
    """Keeps what is recorded of requests."""

    payloads = False
    spans = False

    def __init__(self) -> None:
        self.invocations: list[InvocationRecord] = []

    def skips(self, *_: object) -> bool:
        return False

    def invocation(self, record: InvocationRecord, /) -> None:
        self.invocations.append(record)

    def call(self, record: CallRecord, /) -> None: ...

    def log(self, record: LogRecord, /) -> None: ...


def shop(let_go: asyncio.Event, ended: list[str]) -> App:
    app = App("shop")

    @app.get("/hears", timeout=1)
    async def hears() -> str:
        try:
            await let_go.wait()
        finally:
            ended.append("hears")
        return "late"

    @app.get("/is-deaf", timeout=1)
    async def is_deaf() -> str:
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                ended.append("was cancelled")
        ended.append("is-deaf")
        return "late"

    @app.get("/raises-late", timeout=1)
    async def raises_late() -> str:
        try:
            await let_go.wait()
        except asyncio.CancelledError:
            ended.append("raises-late")
            raise LookupError("too late") from None
        return "late"

    @app.get("/")
    async def root() -> str:
        return "here"

    return app


async def with_site(work: Callable[[Ask, TimedDispatcher, Site, asyncio.Event, list[str]], Awaitable[None]]) -> Records:
    """Serves the shop on a free port of loopback; `ask` sends one request after the other over one connection."""
    let_go, ended, records = asyncio.Event(), list[str](), Records()
    app = shop(let_go, ended)
    drivers: Any = None  # the shop has no resource
    binding = Binding(
        app="shop",
        stage="dev",
        adapter="local",
        drivers=drivers,
        profile=strictest(app.targets),
        clock=SystemClock(),
        recorder=records,
    )
    dispatcher = TimedDispatcher(app, binding)
    site = Site(dispatcher.respond, bounds_of(dispatcher))
    server = await asyncio.get_running_loop().create_server(site.protocol, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])

        async def ask(path: str) -> tuple[int, str]:
            writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
            return int(head.split(" ")[1]), (await reader.readexactly(length)).decode()

        try:
            await asyncio.wait_for(work(ask, dispatcher, site, let_go, ended), 30)
        finally:
            let_go.set()
            writer.close()
            while dispatcher._late:
                await asyncio.sleep(0.01)
    return records


def told(records: Records) -> list[tuple[str, int]]:
    return [(record.name, record.status) for record in records.invocations]


@pytest.mark.parametrize("name", ["hears", "raises-late"])
def test_a_handler_that_ends_when_it_is_cancelled_leaves_nothing_behind(name: str) -> None:
    async def work(ask: Ask, dispatcher: TimedDispatcher, site: Site, let_go: asyncio.Event, ended: list[str]) -> None:
        assert (await ask(f"/{name}"))[0] == 504
        assert await ask("/") == (200, "here")
        assert ended == [name]
        assert not dispatcher._late
        assert not site.state.tasks

    assert told(asyncio.run(with_site(work))) == [(f"GET /{name}", 504), ("GET /", 200)]


def test_a_handler_that_does_not_hear_its_end_holds_its_slot_and_no_request() -> None:
    async def work(ask: Ask, dispatcher: TimedDispatcher, site: Site, let_go: asyncio.Event, ended: list[str]) -> None:
        free = dispatcher._async_slots._value
        assert (await ask("/is-deaf"))[0] == 504
        assert await ask("/") == (200, "here")
        assert ended == ["was cancelled"]
        assert dispatcher._async_slots._value == free - 1
        assert len(dispatcher._late) == 1
        # Nobody waits for it when this process is to go.
        assert not site.state.tasks
        let_go.set()
        while dispatcher._late:
            await asyncio.sleep(0.01)
        assert ended == ["was cancelled", "is-deaf"]
        assert dispatcher._async_slots._value == free
        assert await ask("/") == (200, "here")

    # What it says in the end is told to nobody, and recorded by nobody.
    assert told(asyncio.run(with_site(work))) == [("GET /is-deaf", 504), ("GET /", 200), ("GET /", 200)]


def test_many_handlers_are_watched_at_once_and_in_time_ones_are_left_alone() -> None:
    async def work(ask: Ask, dispatcher: TimedDispatcher, site: Site, let_go: asyncio.Event, ended: list[str]) -> None:
        for _ in range(20):
            assert await ask("/") == (200, "here")
        assert not dispatcher._limits
        assert (await ask("/hears"))[0] == 504
        assert not dispatcher._limits

    records = asyncio.run(with_site(work))
    assert [record.status for record in records.invocations] == [*[200] * 20, 504]


def test_what_headers_say_of_ids_is_heard() -> None:
    """Requests without such headers skip the look for them."""

    async def main() -> None:
        app = App("shop")

        @app.get("/")
        async def root() -> str:
            return "here"

        dispatcher = TimedDispatcher(app)
        site = Site(dispatcher.respond, bounds_of(dispatcher))
        server = await asyncio.get_running_loop().create_server(site.protocol, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
            trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            heads: list[str] = []
            for extra in ("", "X-Request-Id: mine-12345\r\n", f"TraceParent: {trace}\r\n"):
                writer.write(f"GET / HTTP/1.1\r\nhost: localhost\r\n{extra}\r\n".encode())
                heads.append((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
                await reader.readexactly(4)
            writer.close()
        plain, named, traced = heads
        assert "x-request-id: " in plain
        assert "traceparent: 00-" in plain
        assert "x-request-id: mine-12345\r\n" in named
        assert f"traceparent: {trace[:35]}" in traced

    asyncio.run(main())
