"""Connections to debugpy's adapter, of editors and of processes: none of them can end it, or make it deaf to others.

debugpy's adapter is made for one editor, with whom it ends: at what it does not expect it ends its process, its thread
that accepts connections waits for each of them, and what it cannot read leaves a connection that is never over. Here
that happens to the connection alone. What holds for all: whoever connects is served on threads of its own; a handler
that fails, or a message that cannot be read, closes its own connection; and the end of a connection ends what it had
begun. If even that fails the process does end, and the supervisor starts it again.
"""

import importlib
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

UNSENT = -1
"""The number of a message that nobody got."""
RETRY_SECONDS = 0.2
"""Until a system that had no file descriptor left for a connection is asked again."""


def accept(listener: socket.socket, greet: Callable[[socket.socket], object]) -> None:
    """Greets each connection on a thread of its own, as long as this process lives. One that cannot be is closed."""
    log: Any = importlib.import_module("debugpy.common.log")
    listener.setblocking(True)

    def greeted(connection: socket.socket) -> None:
        try:
            greet(connection)
        except Exception:
            # It may have been lost again already. What did begin ends when its messages do.
            log.swallow_exception("a connection:", level="info")

    def accepting() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                threading.Thread(target=greeted, args=(connection,), daemon=True).start()
            except (OSError, RuntimeError):
                log.swallow_exception("no connection can be accepted:", level="info")
                time.sleep(RETRY_SECONDS)

    threading.Thread(target=accepting, daemon=True).start()


def editors() -> Any:
    """What greets an editor: debugpy's `Client`, which hears of no process that it will not follow into."""
    clients: Any = importlib.import_module("debugpy.adapter.clients")

    class Editor(clients.Client):  # type: ignore[misc]
        def notify_of_subprocess(self, connection: Any) -> None:
            """Raises ConnectionError when it is leaving, or never came to attach: then the process need not wait."""
            with self.session:
                if self.session.is_finalizing or self.start_request is None:
                    raise ConnectionError(f"{self} is not attached")
                clients.Client.notify_of_subprocess(self, connection)

    return Editor


def processes() -> Any:
    """What greets a process: debugpy's `Connection`."""
    # They import each other, which goes well in one order only.
    importlib.import_module("debugpy.adapter.clients")
    servers: Any = importlib.import_module("debugpy.adapter.servers")

    class Process(servers.Connection):  # type: ignore[misc]
        def __init__(self, connection: socket.socket) -> None:
            self.is_greeted = threading.Event()
            try:
                servers.Connection.__init__(self, connection)
            finally:
                self.is_greeted.set()

        def attach_to_session(self, session: Any) -> None:
            """After what lets it run on if no editor is there: that ends with `disconnect`, which drops breakpoints."""
            self.is_greeted.wait()
            servers.Connection.attach_to_session(self, session)

        def disconnect(self) -> None:
            # The session is told without the lock of all connections: it has a lock of its own, whose holder may be
            # waiting for this one.
            with servers._lock:
                self.disconnected = True
                server = self.server
                if server is None and self in servers._connections:
                    servers._connections.remove(self)
                    servers._connections_changed.set()
            if server is not None:
                server.disconnect()

    return Process


def outlive() -> None:
    """What goes wrong on one connection stays there."""
    messaging: Any = importlib.import_module("debugpy.common.messaging")
    channels: Any = messaging.JsonMessageChannel
    messaging.Request.respond = answering(messaging)
    channels._parse_incoming_message = parsing(messaging, channels._parse_incoming_message)
    channels._enqueue_handlers = enqueueing(messaging, channels._enqueue_handlers)


def answering(messaging: Any) -> Any:
    """`Request.respond` that drops an answer that nobody waits for any more.

    An editor is gone before its answer when it crashes, or when it closes as soon as it hears `terminated`.
    """
    log: Any = importlib.import_module("debugpy.common.log")
    respond = messaging.Request.respond

    def answer(request: Any, body: Any) -> None:
        if request.response is not None and request.response.seq == UNSENT:
            # The handler failed at the lost answer, and this tells of that.
            return
        try:
            respond(request, body)
        except messaging.JsonIOError:
            log.swallow_exception("an answer came too late:", level="info")
            request.response = messaging.Response(request.channel, UNSENT, request, {} if body is None else body)

    return answer


def parsing(messaging: Any, parse: Any) -> Any:
    """What cannot be read is the end of a connection: whoever sends it, a browser say, speaks another protocol."""
    log: Any = importlib.import_module("debugpy.common.log")

    def parse_or_end(channel: Any) -> None:
        try:
            parse(channel)
        except messaging.NoMoreMessages:
            raise
        except Exception as error:
            log.swallow_exception("{0} is not understood:", channel, level="info")
            raise messaging.NoMoreMessages(str(error), stream=channel.stream) from error

    return parse_or_end


def enqueueing(messaging: Any, enqueue: Any) -> Any:
    """A handler that fails closes its connection, which is heard as its end, and ends the session."""
    log: Any = importlib.import_module("debugpy.common.log")

    def handle(channel: Any, handler: Callable[[], None]) -> None:
        try:
            handler()
        except Exception:
            log.swallow_exception("{0} is closed:", channel, level="info")
            channel.close()

    def enqueue_kept(channel: Any, message: Any, *handlers: Callable[[], None]) -> None:
        if not isinstance(message, messaging.Disconnect):
            handlers = tuple(partial(handle, channel, handler) for handler in handlers)
        enqueue(channel, message, *handlers)

    return enqueue_kept
