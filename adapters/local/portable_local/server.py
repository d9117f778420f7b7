"""uvicorn's HTTP/1.1 protocol, bounded: the one file that knows uvicorn, written against the version that is pinned.

What is added: requests that can be read in two ways are refused (RFC 9112, section 6.1 and 3.2; both lengths, no or two
Hosts), sizes and times are bounded, a request reaches the app whole or not at all, one write per answer, and idle
connections can be handed over to the process that takes this one's place.
"""

import asyncio
import logging
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, NamedTuple, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from portable.http import GivenHeaders, Request, Response
from portable.identifiers import new_root

Respond = Callable[["Exchange"], Awaitable[Response | None]]
"""Answers an exchange's request; None if that was done by `answer_early`."""

HOST = re.compile(rb"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
ODD_IN_TARGET = re.compile(rb"[^!-~]|#")
"""What a client has to percent-encode."""
BODILESS = (204, 304)
"""Whose end is told by their head alone (RFC 9112, section 6.3); 205 is not among them."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Bounds(NamedTuple):
    """What one connection, and all together, may take. Sizes in bytes, times in seconds.

    The Dispatcher checks the exact limits of the profile; these keep memory and time bounded before it is asked.
    """

    url: int = 8 * 1024
    headers: int = 16 * 1024
    header_count: int = 100
    body: int = 4 * 1024 * 1024
    body_of: str = ""
    """What the client is told of it: the limit's name, and whose it is."""
    large_prefix: bytes = b"\0"
    """Paths below it take larger bodies: uploads into buckets."""
    large_body: int = 0
    bodies: int = 256 * 1024 * 1024
    """All that has been received, or is, and is not answered, together."""
    header_time: float = 15.0
    body_time: float = 45.0
    """A large body gets more, by `pace`."""
    pace: int = 1024 * 1024
    """Bytes a second."""
    idle_time: float = 55.0
    connections: int = 2000
    hidden_cookies: bytes = b""
    """How the names of the cookies begin that are taken out of requests before anybody sees them."""


class Refused(Exception):
    """A request that is not let in; raised inside the parser's callbacks, which end it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Site:
    """What the connections of one process share."""

    def __init__(self, respond: Respond, bounds: Bounds) -> None:
        self.respond = respond
        self.bounds = bounds
        self.config = Config(
            app=respond,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=int(bounds.idle_time),
        )
        self.config.load()
        self.state = ServerState()
        self.stamp = b""
        """What every answer carries."""
        self.body_bytes = 0
        self.draining = False
        self.hand_over: Callable[[int], bool] | None = None
        """Takes over a connection's descriptor, or says that it cannot right now."""

    def protocol(self) -> "BoundedProtocol":
        """For a new connection."""
        return BoundedProtocol(self, self.bounds.header_time)

    def heir(self) -> "BoundedProtocol":
        """For a connection that another process kept, and handed over."""
        return BoundedProtocol(self, self.bounds.idle_time)

    def date(self, text: bytes) -> None:
        """Sets the Date that answers carry; once a second."""
        self.stamp = b"date: %s\r\n" % text

    def drain(self, hand_over: Callable[[int], bool] | None) -> None:
        """Lets go of every connection as soon as its request is answered: to `hand_over`, or by closing it."""
        self.draining, self.hand_over = True, hand_over
        for connection in list(self.state.connections):
            cast("BoundedProtocol", connection).let_go()


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, site: Site, patience: float) -> None:
        super().__init__(site.config, site.state, {}, asyncio.get_running_loop())
        self.site = site
        self.bounds = site.bounds
        self._patience = patience
        self._in_head = False
        self._in_body = False
        self._head_bytes = 0
        self.plain_bytes = -1
        """Of the headers of the last request, if there is none among them that a Dispatcher looks for."""
        self._found_nothing = 0
        """Bytes since the parser last found something: what it, or httptools, keeps of a field that has no end yet."""
        self._most = site.bounds.body
        self._expects = False
        self._body = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._ends: float | None = None
        """When what the peer is waited for must have come; None: nothing is."""
        self._pending: float | None = None
        """What `_limit` is to be called with once all that has arrived is parsed: most requests arrive whole."""
        self._refusal: Refused | None = None
        self._deaf = False
        self._exchange: Exchange | None = None

    # Connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._limit(self._patience)
        if len(self.connections) > self.bounds.connections:
            self._refuse(Refused(503, "Too many connections."))
        elif self.site.draining:
            # It was on its way here when the others were let go of.
            self.loop.call_soon(self.let_go)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ends = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._forget_body()
        self._forget_pipeline()
        super().connection_lost(exc)

    def _limit(self, seconds: float | None) -> None:
        """(Re)starts the time that the peer is waited for; None: it is not.

        Three times for each request, so the timer is left as it is while it goes off early enough to look again.
        """
        if seconds is None:
            self._ends = self._pending = None
            return
        ends = self._ends = self.loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= ends:
                return
            self._timer.cancel()
        self._timer = self.loop.call_at(ends, self._look)

    def _look(self) -> None:
        """Whether the time is over."""
        self._timer = None
        if self._ends is None:
            return
        if self.loop.time() < self._ends:
            self._timer = self.loop.call_at(self._ends, self._look)
            return
        self._ends = None
        self._too_slow()

    def _too_slow(self) -> None:
        if self.flow.read_paused and not self._deaf:
            # Not the peer's fault: the rest is left in the kernel until earlier requests are answered.
            self._limit(self.bounds.header_time)
        elif self._in_head or self._in_body:
            self._refuse(Refused(408, "The request took too long to arrive."))
        else:
            self.timeout_keep_alive_handler()

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        # A peer that does not read what it asked for keeps a closing transport open.
        self.loop.call_later(5, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if data[0] in b"\r\n" and not self._in_head and not self._in_body and not data.strip(b"\r\n"):
            # Empty lines before a request (RFC 9112, section 2.2) begin none, and must not keep a connection open.
            return
        self._found_nothing += len(data)
        super().data_received(data)
        if self._pending is not None:
            self._limit(self._pending)
            self._pending = None
        if self._found_nothing > self.bounds.headers and (self._in_head or self._in_body) and not self._deaf:
            self._refuse(Refused(431, "A header, a trailer or a chunk extension is too large."))

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls for whatever the parser, or a callback below, did not take."""
        self._refuse(self._refusal or Refused(400, msg))

    def _unsupported_upgrade_warning(self) -> None:
        """An Upgrade that is not known is ignored (RFC 9110, section 7.8); nothing is parsed after it."""
        self._deaf = True

    def _refuse(self, refused: Refused) -> None:
        """Answers and closes; an answer that is still being made to an earlier request goes first."""
        self._deaf = True
        self._in_head = self._in_body = False
        self._limit(None)
        self._forget_body()
        if self._exchange is not None:
            self._refusal = refused
            self.flow.pause_reading()
            return
        if self.transport.is_closing():
            return
        message = refused.message.encode()
        lines = [STATUS_LINE[refused.status], self.site.stamp]
        lines.append(b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n")
        lines.append(b"content-length: %d\r\n\r\n" % len(message))
        self.transport.write(b"".join(lines) + message)
        self.linger()

    def linger(self) -> None:
        """Closes so that the peer can read the answer though it is still sending: a reset would take it away."""
        self._deaf, self._refusal = True, None
        self._forget_pipeline()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        try:
            self.transport.write_eof()
        except OSError:
            # The peer has reset the connection, and the loop has not come to see it yet.
            self.transport.abort()
            return
        self.loop.call_later(2.0, self.transport.close)
        self.loop.call_later(self.bounds.idle_time, self.transport.abort)

    # What the parser finds

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = self._found_nothing = 0
        self._pending = self.bounds.header_time
        # What uvicorn keeps for a request, without the half that is for ASGI.
        self.url = b""
        self.headers = []

    def on_url(self, url: bytes) -> None:
        self.url += url
        self._found_nothing = 0
        if len(self.url) > self.bounds.url:
            self._stop(_long_url())

    def on_header(self, name: bytes, value: bytes) -> None:
        self._found_nothing = 0
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self.bounds.headers or len(self.headers) >= self.bounds.header_count:
            self._stop(Refused(431, "The headers are too large or too many."))
        if self._in_head:
            # Trailers are dropped: none of them may become a header (RFC 9110, section 6.5.1).
            self.headers.append((name.lower(), value))

    def _stop(self, refused: Refused) -> None:
        self._refusal = refused
        raise refused

    def on_headers_complete(self) -> None:
        try:
            length = self._check_head()
        except Refused as refused:
            self._stop(refused)
            raise
        self._in_head, self._in_body = False, True
        self._pending = self._body_time()
        if length and self.site.body_bytes + length > self.bounds.bodies:
            self._stop(Refused(503, "Too much is being received at once."))
        if self._expects and self._exchange is None:
            self.transport.write(CONTINUE)

    def _body_time(self) -> float:
        return self.bounds.body_time + max(0, self._most - self.bounds.body) / self.bounds.pace

    def _check_head(self) -> int:
        """Refuses a head that could be read in more than one way. Returns the declared length of the body."""
        parser: Any = self.parser
        version = parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise Refused(505, "HTTP/1.0 and HTTP/1.1 are spoken here.")
        found = dict(self.headers)
        repeated = () if len(found) == len(self.headers) else repeats(self.headers)
        host = found.get(b"host")
        if host is None or b"host" in repeated or HOST.fullmatch(host) is None:
            raise Refused(400, "There must be one Host, and it must be a host.")
        coding, digits = found.get(b"transfer-encoding"), found.get(b"content-length")
        if coding is not None:
            if digits is not None or version == "1.0":
                raise Refused(400, "Content-Length and Transfer-Encoding exclude each other.")
            if coding.strip().lower() != b"chunked" or b"transfer-encoding" in repeated:
                raise Refused(501, "The one transfer coding that is known is chunked.")
        if digits is not None and (not digits.isdigit() or b"content-length" in repeated):
            raise Refused(400, "The Content-Length is no number.")
        if b"cookie" in found and self.bounds.hidden_cookies:
            self.headers = without_cookies(self.headers, self.bounds.hidden_cookies)
        length = 0 if digits is None else int(digits[:20])
        has_body = length > 0 or coding is not None
        self._most = self.bounds.large_body if self.url.startswith(self.bounds.large_prefix) else self.bounds.body
        if length > self._most:
            raise self._large_body()
        if has_body and parser.should_upgrade():
            # The parser takes what follows for another protocol; without its body the request is not to be answered.
            raise Refused(501, "No other protocol is spoken here: send the body without an Upgrade.")
        if ODD_IN_TARGET.search(self.url) is not None:
            raise Refused(400, "The request target has characters that must be percent-encoded.")
        if not self.url.startswith(b"/") and (self.url != b"*" or parser.get_method() != b"OPTIONS"):
            # RFC 9112, section 3.2.2: the absolute form names the host again.
            scheme, _, rest = self.url.partition(b"://")
            authority, slash, path = rest.partition(b"/")
            if scheme.lower() not in (b"http", b"https") or authority.lower() != host.lower():
                raise Refused(400, "The request target is neither a path nor a URL of this host.")
            self.url = slash + path or b"/"
        self._expects = has_body and version == "1.1" and found.get(b"expect", b"").lower() == b"100-continue"
        names = b" ".join(found)
        is_plain = b"traceparent" not in names and b"x-request-id" not in names and b"x-portable-" not in names
        self.plain_bytes = self._head_bytes if is_plain else -1
        return length

    def _large_body(self) -> Refused:
        whose = f" ({self.bounds.body_of})" if self.bounds.body_of and self._most == self.bounds.body else ""
        return Refused(413, f"The body is larger than {self._most} bytes{whose}.")

    def on_body(self, body: bytes) -> None:
        self._found_nothing = 0
        self._body += body
        self.site.body_bytes += len(body)
        if len(self._body) > self._most:
            self._stop(self._large_body())
        if self.site.body_bytes > self.bounds.bodies:
            self._stop(Refused(503, "Too much is being received at once."))

    def on_message_complete(self) -> None:
        self._in_body = False
        self._ends = self._pending = None
        # Its bytes stay counted until it is answered.
        exchange = Exchange(self, bytes(self._body))
        self._body = bytearray()
        if self._exchange is None:
            self._begin(exchange)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, cast("Any", self.app)))

    def _forget_body(self) -> None:
        self.site.body_bytes -= len(self._body)
        self._body = bytearray()

    def _forget_pipeline(self) -> None:
        """Drops the requests that wait for earlier ones to be answered."""
        for exchange, _ in self.pipeline:
            cast("Exchange", exchange).forget_body()
        self.pipeline.clear()

    # Answers

    def _begin(self, exchange: "Exchange") -> None:
        self._exchange = self.cycle = exchange
        exchange.task = task = self.loop.create_task(exchange.answer())
        self.tasks.add(task)

    def answered(self) -> None:
        """The answer is written: the next request of the pipeline, or the wait for one."""
        self._exchange = None
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._begin(cast("Exchange", self.pipeline.pop()[0]))
            return
        if self._refusal is not None:
            self._refuse(self._refusal)
            return
        if self._deaf:
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
            if self._in_head or self._in_body:
                self._limit(self.bounds.header_time if self._in_head else self._body_time())
        if self._expects and self._in_body:
            self.transport.write(CONTINUE)
        if not self._in_head and not self._in_body:
            self._limit(self.bounds.idle_time)
            if self.site.draining:
                self.let_go()

    def let_go(self) -> None:
        """Hands an idle connection over, or closes it; one in use when it has been answered."""
        hand_over = self.site.hand_over
        busy = self._in_head or self._in_body or self._exchange is not None or bool(self.pipeline)
        if self.transport.is_closing() or self._deaf:
            return
        if hand_over is None:
            if not busy:
                self.transport.close()
            elif self._exchange is not None:
                self._exchange.keep_alive = False
            return
        if busy:
            return
        if self.transport.get_write_buffer_size():
            self.loop.call_later(0.005, self.let_go)
            return
        # What arrives from here on stays in the kernel, for the other process.
        self.flow.pause_reading()
        descriptor = os.dup(self.transport.get_extra_info("socket").fileno())
        try:
            taken = hand_over(descriptor)
        finally:
            os.close(descriptor)
        if taken:
            self.transport.abort()
        else:
            self.flow.resume_reading()
            self.loop.call_later(0.005, self.let_go)


class StreamedResponse(Response):
    """An answer without a known end, sent in chunks. There is one reader of them: whoever has asked."""

    __slots__ = ("chunks",)

    def __init__(self, chunks: AsyncGenerator[bytes], *, media_type: str) -> None:
        super().__init__(b"", 200, media_type=media_type)
        self.chunks = chunks


class Unwaited(asyncio.Event):
    """Stands for an event that a connection sets and nobody waits for."""

    def set(self) -> None:
        return


NOBODY_WAITS = Unwaited()


class Exchange(RequestResponseCycle):
    """One whole request and its answer. In place of ASGI's messages: a Request in, a Response out, one write."""

    def __init__(self, connection: BoundedProtocol, body: bytes) -> None:
        # Only the fields that the connection looks at are set: the ASGI half is not used.
        self.connection = connection
        self.response_complete = False
        self.disconnected = False
        self.message_event = NOBODY_WAITS
        self.task: asyncio.Task[None] | None = None
        self._body_bytes = len(body)
        parser: Any = connection.parser
        path, _, query = connection.url.decode("ascii").partition("?")
        self.request = Request(
            parser.get_method().decode("ascii"),
            path,
            query_string=query,
            headers=RawHeaders(connection.headers),
            body=body,
            client=connection.client[0] if connection.client else "",
        )
        self.header_bytes = connection.plain_bytes
        """What `Dispatcher.answered` is told."""
        if self.header_bytes >= 0:
            self.request.id, self.request.traceparent = new_root()
        self.keep_alive = (
            parser.get_http_version() == "1.1" and parser.should_keep_alive() and not parser.should_upgrade()
        )

    async def answer(self) -> None:
        """Asks the app and writes what it says. The app's `respond` turns its own failures into answers."""
        connection = self.connection
        try:
            try:
                response = await connection.site.respond(self)
                if response is None:
                    return
                self.forget_body()
                if isinstance(response, StreamedResponse):
                    await self._stream(response)
                    return
                data = self._encode(response)
            except asyncio.CancelledError:
                self.forget_body()
                connection.transport.abort()
                raise
            except Exception:
                logging.getLogger("portable.http").exception("an answer could not be made")
                self.forget_body()
                data = self._encode(Response("Internal Server Error", 500))
            if not self.disconnected:
                connection.transport.write(data)
                if connection.flow.write_paused:
                    await self._wait_until_read(len(data))
            self._end()
        finally:
            connection.tasks.discard(self.task)

    def answer_early(self, response: Response) -> None:
        """Answers while `respond` goes on; once. What that still does holds up no other request."""
        self.forget_body()
        if not self.disconnected:
            self.connection.transport.write(self._encode(response))
        self.connection.tasks.discard(self.task)
        self._end()

    def _end(self) -> None:
        if not self.disconnected and not self.keep_alive:
            self.connection.linger()
        self.response_complete = True
        self.connection.answered()

    async def _stream(self, response: "StreamedResponse") -> None:
        """Sends what comes as it comes; its end is that of the connection. A peer that does not read is let go of."""
        connection = self.connection
        self.keep_alive = False
        try:
            async with aclosing(response.chunks) as chunks:
                if not self.disconnected:
                    connection.transport.write(self._encode(response))
                async for chunk in chunks:
                    if self.disconnected or connection.transport.is_closing():
                        break
                    connection.transport.write(chunk)
                    if connection.flow.write_paused:
                        await self._wait_until_read(len(chunk))
        finally:
            self.response_complete = True
            if not self.disconnected:
                connection.linger()
            connection.answered()

    async def _wait_until_read(self, size: int) -> None:
        """Nothing more is made for a peer that does not read, and it may not keep what was made for ever."""
        bounds = self.connection.bounds
        try:
            async with asyncio.timeout(bounds.idle_time + size / bounds.pace):
                await self.connection.flow.drain()
        except TimeoutError:
            self.connection.transport.abort()

    def forget_body(self) -> None:
        """The body no longer counts as received. May be called twice."""
        self.connection.site.body_bytes -= self._body_bytes
        self._body_bytes = 0

    def _encode(self, response: Response) -> bytes:
        status, body = response.status, response.body
        items = response.headers.items()
        text = "".join([f"{name}: {value}\r\n" for name, value in items])
        lines = [
            STATUS_LINE.get(status) or b"HTTP/1.1 %d \r\n" % status,
            self.connection.site.stamp,
            text.encode("latin-1"),
        ]
        if status not in BODILESS and "content-length" not in dict(items) and type(response) is not StreamedResponse:
            lines.append(b"content-length: %d\r\n" % len(body))
        lines.append(b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")
        if self.request.method != "HEAD" and status not in BODILESS:
            lines.append(body)
        return b"".join(lines)


def repeats(headers: list[tuple[bytes, bytes]]) -> set[bytes]:
    """The names that come more than once."""
    seen: set[bytes] = set()
    found: set[bytes] = set()
    for name, _ in headers:
        (found if name in seen else seen).add(name)
    return found


def without_cookies(headers: list[tuple[bytes, bytes]], prefix: bytes) -> list[tuple[bytes, bytes]]:
    """The headers without the cookies whose names begin so; those that had no other are gone."""
    found: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        if name == b"cookie" and prefix in value:
            value = b"; ".join(
                part for one in value.split(b";") if (part := one.strip()) and not part.startswith(prefix)
            )
            if not value:
                continue
        found.append((name, value))
    return found


class RawHeaders(GivenHeaders):
    """Headers as they came: most requests are answered without a look at most of theirs."""

    __slots__ = ()

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._given: Any = raw

    def _pairs(self) -> list[tuple[str, str]]:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._given]

    def _last(self, name: str) -> str | None:
        wanted, found = name.encode("latin-1"), None
        for key, value in self._given:
            if key == wanted:
                found = value
        return None if found is None else found.decode("latin-1")


def _long_url() -> Refused:
    return Refused(414, "The URL is too long.")
