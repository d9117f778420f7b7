"""The process that answers HTTP: bounded connections in, the Dispatcher, bounded time and slots.

It listens on a socket that it shares with the process before and after it, and gets their idle connections.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from email.utils import formatdate
from functools import partial
from typing import Any, TypeVar

from portable.app import RESERVED, App
from portable.binding import Binding
from portable.console import COOKIES
from portable.context import Context
from portable.dispatch import Dispatcher, Endpoint, Fail
from portable.errors import NotFound, Timeout, Unavailable
from portable.http import Request, Response
from portable.identifiers import new_ids

from .child import Loaded
from .documentation import Documentation
from .otlp_inlet import OTLP_PREFIX, OtlpInlet
from .pauses import PAUSES
from .recording import QueueRecorder
from .server import Bounds, Exchange, Site
from .signed import MOST_BYTES, SIGNED_PREFIX, signed_request
from .transport import Channel, FrameReader

T = TypeVar("T")

SYNC_SLOTS = 40
ASYNC_SLOTS = 200
LOOK_SECONDS = 0.05
"""A handler past its time is answered for so much later at most."""
DRAIN_SECONDS = 35.0
"""More than a handler may take, and less than a slow client is given."""
DESCRIPTORS = 16
QUIET_SECONDS = 0.1
"""After it has begun to serve: a request that a reload has kept waiting goes first."""


class TimedDispatcher(Dispatcher):
    """Bounds what one process answers at a time, and how long an answer may take.

    A handler past its time is answered for with 504; what it still does holds its slot until it ends.
    """

    def __init__(self, app: App, binding: Binding | None = None, *, dev: bool = False) -> None:
        super().__init__(app, binding, dev=dev)
        self._sync_slots = asyncio.Semaphore(SYNC_SLOTS)
        self._async_slots = asyncio.Semaphore(ASYNC_SLOTS)
        self._threads = ThreadPoolExecutor(SYNC_SLOTS, thread_name_prefix="handler")
        self._late: set[asyncio.Future[Any]] = set()
        self._limits: set[TimeLimit] = set()
        self._is_watching = False
        self._documentation = Documentation(app)

    def _find(self, request: Request) -> Endpoint | Response:
        """What the app has, and only then the pages that describe it."""
        try:
            return super()._find(request)
        except NotFound:
            page = self._documentation.page(request)
            if page is None:
                raise
            return self._foreign("documentation", page, (), is_async=False)

    def respond(self, exchange: Exchange) -> Awaitable[Response | None]:
        return self.answered(exchange.request, partial(self._timed, exchange), exchange.header_bytes)

    def failed(self, request: Request, error: Exception) -> Response:
        """The answer to a request that failed outside of any handler; logged."""
        if not request.id:
            request.id, request.traceparent = new_ids()
        return self._failed(request, error)

    async def in_thread(self, function: Callable[[], T]) -> T:
        """Runs `function` on a thread of the pool, in the caller's context variables."""
        run = partial(copy_context().run, function)
        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    async def _timed(self, exchange: Exchange, endpoint: Endpoint, within: Context, fail: Fail) -> Response | None:
        """Runs an endpoint in a slot of its kind, so long at most; None if its time was over and it was answered."""
        request = exchange.request
        loop = asyncio.get_running_loop()
        ends = loop.time() + endpoint.timeout
        slots = self._async_slots if endpoint.is_async else self._sync_slots
        if slots.locked():
            try:
                await asyncio.wait_for(slots.acquire(), PAUSES.limit(endpoint.timeout))
            except TimeoutError as error:
                raise Unavailable("every slot is taken by a handler that has not ended") from error
        else:
            await slots.acquire()
        ends -= PAUSES.seconds()
        if endpoint.is_async:
            limit = TimeLimit(self, exchange, endpoint.timeout, ends, fail)
            self._limits.add(limit)
            if not self._is_watching:
                self._is_watching = True
                loop.call_later(LOOK_SECONDS, self._watch)
            try:
                response = await self._run_async(endpoint, request, within)
            except BaseException:
                if limit.is_over:
                    # Its 504 is logged.
                    return None
                raise
            finally:
                self._limits.discard(limit)
                slots.release()
            return None if limit.is_over else response
        context = copy_context()
        running: asyncio.Future[Response]
        running = loop.run_in_executor(self._threads, lambda: context.run(self._run, endpoint, request, within))
        try:
            done = await ended(running, PAUSES.limit(ends - loop.time()))
            while not done and (left := ends + PAUSES.seconds() - loop.time()) > 0:
                # Somebody looks, or has looked, at a breakpoint.
                done = await ended(running, max(left, 0.05))
        finally:
            if running.done():
                slots.release()
            else:
                running.add_done_callback(lambda _: slots.release())
        if done:
            return running.result()
        self.keep_late(running)
        raise timed_out(endpoint.timeout)

    def _watch(self) -> None:
        """Looks after the time of every `async def` handler that runs: a timer for each would cost more."""
        loop = asyncio.get_running_loop()
        self._is_watching = bool(self._limits)
        if self._is_watching:
            loop.call_later(LOOK_SECONDS, self._watch)
        now = loop.time()
        for limit in list(self._limits):
            limit.look(now)

    def keep_late(self, running: "asyncio.Future[Any]") -> None:
        """Whatever a handler past its time still does: nobody else refers to it."""
        self._late.add(running)
        running.add_done_callback(self._ended_late)

    def _ended_late(self, running: "asyncio.Future[Any]") -> None:
        self._late.discard(running)
        if not running.cancelled():
            # Its time is over and its 504 is logged; what it raised must only count as looked at.
            running.exception()


class TimeLimit:
    """The time of an `async def` handler: when it is over the client is told so, and the handler is cancelled.

    It runs in the task of its exchange: a task for each handler, and a wait for it, would cost more than many do.
    """

    __slots__ = ("_dispatcher", "_ends", "_exchange", "_fail", "_seconds", "is_over")

    def __init__(self, dispatcher: TimedDispatcher, exchange: Exchange, seconds: int, ends: float, fail: Fail) -> None:
        self.is_over = False
        self._dispatcher = dispatcher
        self._exchange = exchange
        self._seconds = seconds
        self._ends = ends
        self._fail = fail

    def look(self, now: float) -> None:
        """Ends it if it is time. At a breakpoint, or after one, it is later."""
        if now < self._ends + PAUSES.seconds() or PAUSES.forever:
            return
        self.is_over = True
        task = self._exchange.task
        assert task is not None
        self._dispatcher.keep_late(task)
        self._exchange.answer_early(self._fail(timed_out(self._seconds)))
        task.cancel()


def timed_out(seconds: int) -> Timeout:
    return Timeout(f"the handler did not answer within {seconds} seconds")


async def ended(running: "asyncio.Future[Any]", seconds: float | None) -> bool:
    """Waits for it, so long at most; whether it has ended. As asyncio.wait does for many, at less cost."""
    loop = asyncio.get_running_loop()
    waiter: asyncio.Future[None] = loop.create_future()

    def wake(_: object = None) -> None:
        if not waiter.done():
            waiter.set_result(None)

    running.add_done_callback(wake)
    timer = None if seconds is None else loop.call_later(seconds, wake)
    try:
        await waiter
    finally:
        if timer is not None:
            timer.cancel()
        running.remove_done_callback(wake)
    return running.done()


def bounds_of(dispatcher: Dispatcher) -> Bounds:
    """What connections may take of a process that serves an app, and its buckets."""
    profile = dispatcher.profile
    limit = profile.limit("http_request_bytes")
    return Bounds(
        body=profile.bound(limit.name),
        # In a profile that only warns the bound is not the limit, but what protects the process.
        body_of="" if profile.warns else f"{limit.name}, from {limit.provider}",
        large_prefix=SIGNED_PREFIX.encode(),
        large_body=MOST_BYTES,
        hidden_cookies=COOKIES.encode(),
    )


class HttpChild:
    """Everything of this process that lives on its one event loop."""

    def __init__(
        self, settings: dict[str, Any], channel: Channel, loaded: Loaded, bounds: Bounds | None = None
    ) -> None:
        self.channel = channel
        self.loop = asyncio.get_running_loop()
        assert isinstance(loaded.dispatcher, TimedDispatcher)
        self.dispatcher = loaded.dispatcher
        self.store = loaded.store
        self.listener = socket.socket(fileno=settings["listener"])
        binding = self.dispatcher.binding
        recorder = None if binding is None else binding.recorder
        port: int = self.listener.getsockname()[1]
        self.inlet = OtlpInlet(port, recorder if isinstance(recorder, QueueRecorder) else None)
        self.incoming, self.outgoing = (socket.socket(fileno=number) for number in settings["handover"])
        self.site = Site(self.respond, bounds or bounds_of(loaded.dispatcher))
        self.stopped = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._reader = FrameReader()
        self._adopted: set[asyncio.Task[Any]] = set()

    def respond(self, exchange: Exchange) -> Awaitable[Response | None]:
        if exchange.request.path.startswith(RESERVED):
            return self._own(exchange)
        return self.dispatcher.respond(exchange)

    async def _own(self, exchange: Exchange) -> Response | None:
        """What is below a path that no app may have: the local runtime answers it itself."""
        request = exchange.request
        answer: Callable[[], Response | None]
        if request.path.startswith(SIGNED_PREFIX):
            answer = partial(signed_request, self.store, request)
        elif request.path.startswith(OTLP_PREFIX):
            answer = partial(self.inlet.respond, request)
        else:
            return await self.dispatcher.respond(exchange)
        try:
            response = await self.dispatcher.in_thread(answer)
        except Exception as error:
            return self.dispatcher.failed(request, error)
        return await self.dispatcher.respond(exchange) if response is None else response

    async def go(self) -> None:
        """Accepts connections, until told to drain or to stop."""
        self.tell_time()
        for end in (self.incoming, self.outgoing, self.channel.socket):
            end.setblocking(False)
        self._server = await self.loop.create_server(self.site.protocol, sock=self.listener, backlog=512)
        self.loop.add_reader(self.incoming, self.adopt)
        self.loop.add_reader(self.channel.socket, self.listen)
        self.listen()
        self.loop.call_later(QUIET_SECONDS, self.derive_grants)
        await self.stopped.wait()
        self.loop.remove_reader(self.channel.socket)
        await self.dispatcher.close_async()

    def derive_grants(self) -> None:
        """Finds out what handlers may do, once nothing is asked of this process: else the first request pays for it."""
        if self.stopped.is_set():
            return
        if self.site.state.tasks:
            self.loop.call_later(QUIET_SECONDS, self.derive_grants)
            return
        from portable.grants.ahead import derive_ahead

        derive_ahead(self.dispatcher.app)

    def tell_time(self) -> None:
        self.site.date(formatdate(usegmt=True).encode())
        self.loop.call_later(1.0, self.tell_time)

    def listen(self) -> None:
        """What the supervisor says: "drain" (another process takes over) or "stop"."""
        try:
            data = self.channel.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        for message in self._reader.feed(data) if data else ["stop"]:
            self.leave(self.hand_over if message == "drain" else None)

    def leave(self, hand_over: Callable[[int], bool] | None) -> None:
        """Accepts nothing more, and ends when every connection is let go of."""
        assert self._server is not None
        self.loop.remove_reader(self.listener)
        # Later: a connection that was accepted in this very turn belongs to nobody yet, and a closed Server drops it.
        self.loop.call_soon(self._server.close)
        self.loop.remove_reader(self.incoming)
        self.site.drain(hand_over)
        self.loop.call_later(DRAIN_SECONDS, self.give_up)
        self.wait_until_left()

    def give_up(self) -> None:
        if PAUSES.is_active:
            self.loop.call_later(DRAIN_SECONDS, self.give_up)
        else:
            self.stopped.set()

    def wait_until_left(self) -> None:
        if self.site.state.connections or self.site.state.tasks:
            self.loop.call_later(0.01, self.wait_until_left)
        else:
            self.stopped.set()

    def hand_over(self, descriptor: int) -> bool:
        """Passes an idle connection to whoever accepts now."""
        try:
            socket.send_fds(self.outgoing, [b"c"], [descriptor])
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            # Too many in flight (ETOOMANYREFS, ENOBUFS): later.
            return False
        return True

    def adopt(self) -> None:
        """Takes connections that another process kept open."""
        while True:
            try:
                data, descriptors, _, _ = socket.recv_fds(self.incoming, 1, DESCRIPTORS)
            except (BlockingIOError, InterruptedError):
                return
            if not data:
                self.loop.remove_reader(self.incoming)
                return
            for descriptor in descriptors:
                connection = socket.socket(fileno=descriptor)
                connection.setblocking(False)
                task = self.loop.create_task(self.take(connection))
                self._adopted.add(task)
                task.add_done_callback(self._adopted.discard)

    async def take(self, connection: socket.socket) -> None:
        try:
            await self.loop.connect_accepted_socket(self.site.heir, connection)
        except OSError:
            connection.close()  # the peer has gone in between


def serve(settings: dict[str, Any], channel: Channel, loaded: Loaded, described: dict[str, Any]) -> int:
    """Says that it is ready, and serves if it may."""

    async def main() -> None:
        child = HttpChild(settings, channel, loaded)
        if channel.call(["ready", described]) == "go":
            await child.go()

    with asyncio.Runner() as runner:
        runner.run(main())
    return 0
