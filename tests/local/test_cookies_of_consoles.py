"""The console's cookie comes to the app as well, as cookies know no ports: neither handler nor record sees it."""

import asyncio
from typing import Any

import pytest
from portable_local.http_child import TimedDispatcher, bounds_of
from portable_local.server import Site, without_cookies

from portable import App, Request
from portable.binding import Binding, SystemClock
from portable.capabilities import strictest
from portable.console.access import Access, new_key

from .test_time_limits import Records


class Bodies(Records):
    """With what was asked."""

    payloads = True


async def seen(*cookies: str) -> tuple[list[str], Bodies]:
    """The Cookie headers that a handler gets of those that are sent, and what is recorded."""
    app, records = App("shop"), Bodies()
    found: list[str] = []

    @app.get("/")
    def root(request: Request) -> str:
        found.extend(value for name, value in request.headers.items() if name == "cookie")
        return "here"

    drivers: Any = None  # the shop has no resource
    profile = strictest(app.targets)
    binding = Binding(
        app="shop",
        stage="dev",
        adapter="local",
        drivers=drivers,
        profile=profile,
        clock=SystemClock(),
        recorder=records,
    )
    dispatcher = TimedDispatcher(app, binding)
    server = await asyncio.get_running_loop().create_server(
        Site(dispatcher.respond, bounds_of(dispatcher)).protocol, "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        lines = "".join(f"Cookie: {cookie}\r\n" for cookie in cookies)
        writer.write(f"GET / HTTP/1.1\r\nhost: localhost\r\n{lines}connection: close\r\n\r\n".encode())
        assert (await asyncio.wait_for(reader.read(), 30)).startswith(b"HTTP/1.1 200")
        writer.close()
    return found, records


CONSOLE = Access(new_key(), 4321).cookie


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ([f"{CONSOLE}=1.2.3"], []),
        ([f"{CONSOLE}=1.2.3; portable_console_5=x"], []),
        ([f"a=1; {CONSOLE}=1.2.3; b=portable_console_"], ["a=1; b=portable_console_"]),
        ([f"{CONSOLE}=1.2.3;a=1"], ["a=1"]),
        (["a=1;b=2 ;c"], ["a=1;b=2 ;c"]),
        (["a=1", f"{CONSOLE}=1.2.3", "b=2"], ["a=1", "b=2"]),
    ],
)
def test_neither_a_handler_nor_a_record_sees_the_cookies_of_consoles(sent: list[str], left: list[str]) -> None:
    found, records = asyncio.run(seen(*sent))
    assert found == left
    (record,) = records.invocations
    assert record.request is not None
    assert [value for name, value in record.request.headers if name == "cookie"] == left


def test_other_headers_stay_though_they_look_like_it() -> None:
    headers = [(b"x-cookie", b"portable_console_1=x"), (b"cookie", b"portable_console_1=x"), (b"a", b"b")]
    assert without_cookies(headers, b"portable_console_") == [headers[0], headers[2]]
