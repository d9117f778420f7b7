"""Frames between the supervisor and the processes that it started: a length, then JSON. Both ends, nothing else.

Every conversation is one request, one answer, in turn, so that no frame carries a number. Long texts may follow the
JSON as they are, each after a zero byte, which no JSON holds: nobody has to quote them, and nobody to undo it.
"""

import json
import socket
from collections.abc import Callable
from typing import Any, TypeGuard, cast

from portable.errors import Unavailable, Unknown

Message = Any
Socket = socket.socket

HEADER = 4
FRAME_BYTES = 64 * 1024 * 1024
"""More than any message that the limits of a profile allow; a longer one is a fault, never memory."""
READ_BYTES = 256 * 1024

to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_scan: Callable[[str, int], tuple[Message, int]] = cast("Any", json.JSONDecoder()).scan_once
"""What `json.loads` is made of, without its search for white space: there is none."""
SEPARATOR = "\0"


class BrokenFrame(ValueError):
    """What arrived is no frame of ours."""


def frame(message: Message) -> bytes:
    """A message as it travels. Lone surrogates survive, so that a fault in user data is told by who checks it."""
    return framed(to_json(message))


def framed(text: str) -> bytes:
    """What `to_json` made of a message, perhaps with texts behind it, as it travels."""
    body = text.encode("utf-8", "surrogatepass")
    if len(body) > FRAME_BYTES:
        raise BrokenFrame(f"a message of {len(body):,} bytes does not fit into a frame of {FRAME_BYTES:,}")
    return len(body).to_bytes(HEADER, "big") + body


def parsed(text: str) -> Message:
    """The message of a frame; texts that follow it become its last element. Raises BrokenFrame."""
    try:
        message, end = _scan(text, 0)
    except (ValueError, RecursionError, StopIteration) as error:
        raise BrokenFrame(f"a frame that is no JSON: {error}") from error
    if end == len(text):
        return message
    if text[end] != SEPARATOR or not is_list(message):
        raise BrokenFrame("a frame that goes on behind its message")
    return [*message, text[end + 1 :].split(SEPARATOR)]


def is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


class FrameReader:
    """Bytes as they arrive -> messages."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def rest(self) -> bytes:
        """What has arrived of the next message."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that `data` completes. Raises BrokenFrame."""
        buffer = self._buffer
        buffer += data
        found: list[Message] = []
        start = 0
        while len(buffer) - start >= HEADER:
            length = int.from_bytes(buffer[start : start + HEADER], "big")
            if length > FRAME_BYTES:
                raise BrokenFrame(f"a frame of {length:,} bytes")
            end = start + HEADER + length
            if len(buffer) < end:
                break
            try:
                text = buffer[start + HEADER : end].decode("utf-8", "surrogatepass")
            except ValueError as error:
                raise BrokenFrame(f"a frame that is no UTF-8: {error}") from error
            found.append(parsed(text))
            start = end
        if start:
            del buffer[:start]
        return found


class Channel:
    """The blocking end, for one thread of a child."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self._reader = FrameReader()
        self._waiting: list[Message] = []

    @classmethod
    def connect(cls, path: str) -> "Channel":
        """Connects to the owner of a data folder. Raises OSError."""
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.connect(path)
        except OSError:
            connected.close()
            raise
        return cls(connected)

    def fileno(self) -> int:
        return self.socket.fileno()

    def send(self, message: Message) -> None:
        self.socket.sendall(frame(message))

    def receive(self) -> Message | None:
        """The next message, or None when the other end is gone."""
        while not self._waiting:
            data = self.socket.recv(READ_BYTES)
            if not data:
                return None
            self._waiting.extend(self._reader.feed(data))
        return self._waiting.pop(0)

    def receive_handed(self) -> tuple[Message | None, socket.socket | None]:
        """The next message, which begins a new read, and the socket that came with it."""
        data, descriptors, _, _ = socket.recv_fds(self.socket, READ_BYTES, 1)
        self._waiting.extend(self._reader.feed(data))
        handed = socket.socket(fileno=descriptors[0]) if descriptors else None
        if handed is not None:
            handed.set_inheritable(False)
        return (self.receive() if data else None), handed

    def call(self, message: Message) -> Message:
        """Sends and waits for the answer. Raises Unavailable if nothing was sent, Unknown if the answer was lost."""
        return self.call_framed(frame(message))

    def call_framed(self, data: bytes) -> Message:
        """The same, of a frame."""
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Unavailable("the local runtime is shutting down", hint="start `portable dev` again") from error
        try:
            answer = self.receive()
        except (OSError, BrokenFrame) as error:
            raise Unknown(f"the local runtime went away before it answered: {error}") from error
        if answer is None:
            raise Unknown("the local runtime went away before it answered")
        return answer

    def close(self) -> None:
        self.socket.close()


class Peer:
    """The supervisor's end of one connection: never blocks."""

    __slots__ = ("_out", "_reader", "closed", "role", "socket", "worker")

    def __init__(self, connected: "Socket") -> None:
        connected.setblocking(False)
        self.socket: Socket = connected
        self.role = ""
        self.worker: int | None = None
        """The number of the child that speaks here, once it has said so."""
        self.closed = False
        self._reader = FrameReader()
        self._out = bytearray()

    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def waiting(self) -> int:
        """Bytes that the other end has not taken yet."""
        return len(self._out)

    def read(self) -> list[Message] | None:
        """What has arrived, or None when the other end is gone or speaks nonsense."""
        try:
            data = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        try:
            return self._reader.feed(data)
        except BrokenFrame:
            return None

    def send(self, message: Message) -> bool:
        """Queues and sends what the socket takes; False if something is left to be flushed."""
        return self.send_frame(frame(message))

    def send_frame(self, data: bytes) -> bool:
        if self.closed:
            return True
        if self._out:
            self._out += data
            return False
        self._out += data
        return self.flush()

    def send_handing(self, message: Message, handed: Socket) -> bool:
        """Sends a message and a copy of a socket with it; False if that must wait, and nothing was sent."""
        if self.closed or self._out:
            return self.closed
        data = frame(message)
        try:
            sent = socket.send_fds(self.socket, [data], [handed.fileno()])
        except BlockingIOError:
            return False
        except OSError:
            return True  # a dead peer is found by reading
        self._out += data[sent:]
        self.flush()
        return True

    def flush(self) -> bool:
        """Sends what is queued; True when nothing is left. A dead peer is found by reading."""
        while self._out:
            try:
                sent = self.socket.send(self._out)
            except BlockingIOError:
                return False
            except OSError:
                self._out.clear()
                return True
            del self._out[:sent]
        return True

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._out.clear()
            self.socket.close()
