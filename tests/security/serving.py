"""The server of the local runtime in this process: the real HttpChild on a port of its own, on a loop in a thread.

A test says how long things may take (`server.Bounds`) instead of waiting for it, counts what reached the app, sees what
was logged, and plays the supervisor that tells a child to drain.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from portable_local.child import Loaded
from portable_local.http_child import HttpChild, TimedDispatcher, bounds_of
from portable_local.runtime import bind
from portable_local.store.access import LocalStore
from portable_local.store.engine import Engine
from portable_local.translate import translate
from portable_local.transport import Channel, frame

from portable import App
from portable.testing.clock import ManualClock

STOPS = 60.0


class Log(logging.Handler):
    """What was logged while a server ran."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def faults(self) -> list[str]:
        """What is a warning, or worse."""
        return [
            f"{record.levelname} {record.name}: {record.getMessage()} {record.exc_info[1] if record.exc_info else ''}"
            for record in self.records
            if record.levelno >= logging.WARNING
        ]


class Served:
    """A running HttpChild."""

    def __init__(self, place: "Place", app: App, bounds: dict[str, Any], *, dev: bool) -> None:
        self._place = place
        self._app = app
        self._bounds = bounds
        self._dev = dev
        self._ours, theirs = socket.socketpair()
        self._channel = Channel(theirs)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self.child: HttpChild
        self._thread = threading.Thread(target=self._run, name="server")
        self._thread.start()
        assert self._ready.wait(STOPS)
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as failure:
            self._failure = failure
            self._ready.set()

    async def _serve(self) -> None:
        place = self._place
        dispatcher = TimedDispatcher(self._app, place.binding, dev=self._dev)
        settings: dict[str, Any] = {
            "listener": place.listener.dup().detach(),
            "handover": [end.dup().detach() for end in place.handover],
        }
        bounds = bounds_of(dispatcher)._replace(**self._bounds)
        self.child = HttpChild(settings, self._channel, Loaded(place.store, dispatcher, {}), bounds)  # type: ignore[arg-type]
        asyncio.get_running_loop().call_soon(self._ready.set)
        try:
            await self.child.go()
        finally:
            self.child.listener.close()
            self.child.incoming.close()
            self.child.outgoing.close()
            dispatcher._threads.shutdown()

    @property
    def lives(self) -> bool:
        return self._thread.is_alive()

    def say(self, word: str) -> None:
        """What the supervisor says: "drain" or "stop"."""
        self._ours.sendall(frame(word))

    def end(self) -> None:
        """Stops it, if it has not left by itself, and fails if it ended otherwise."""
        if self.lives:
            self.say("stop")
        self._thread.join(STOPS)
        assert not self.lives, "the server does not stop"
        self._ours.close()
        self._channel.close()
        if self._failure is not None:
            raise self._failure


class Place:
    """What servers that follow each other share: the port, the store, the sockets of the hand-over."""

    def __init__(self, app: App, stack: ExitStack) -> None:
        self.app = app
        self._stack = stack
        self.clock = ManualClock()
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        self.handover = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in self.handover:
            stack.enter_context(end)
        engine = Engine(None, self.clock)
        stack.callback(engine.close)
        self.store = LocalStore(engine, f"http://127.0.0.1:{self.port}")
        stack.callback(self.store.close)
        self.store.call("bind", {"wiring": translate(app.manifest().to_dict())})
        self.binding = bind(app, self.store)
        stack.callback(app.unbind)
        self.log = Log()
        self.served: list[Served] = []

    def serve(self, *, dev: bool = False, **bounds: Any) -> Served:
        """Starts a server with these `Bounds`; it ends with the place."""
        served = Served(self, self.app, bounds, dev=dev)
        self._stack.callback(served.end)
        self.served.append(served)
        return served


@contextmanager
def place(app: App) -> Iterator[Place]:
    """Where servers of `app` run, and whatever they log is kept."""
    root = logging.getLogger()
    # As the child process has it: the server says itself what there is to say.
    parser = logging.getLogger("uvicorn.error")
    before = root.level, parser.level
    with ExitStack() as stack:
        here = Place(app, stack)
        root.addHandler(here.log)
        root.setLevel(logging.INFO)
        parser.setLevel(logging.CRITICAL)
        try:
            yield here
            stack.close()
        finally:
            root.removeHandler(here.log)
            root.setLevel(before[0])
            parser.setLevel(before[1])
