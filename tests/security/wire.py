"""A client that knows nothing of HTTP but how to take an answer apart, strictly: it can send what no library would."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

PATIENCE = 20.0
"""Seconds without a byte, after which a server hangs: generous, since the machine may be busy with other tests."""
CRLF = b"\r\n"


class BrokenAnswer(AssertionError):
    """What the server sent is no answer of HTTP/1.1, or not the whole of one."""


class Answer(NamedTuple):
    """One answer as it was on the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that must not be there twice."""
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{name} is there {len(found)} times: {self.headers}"
        return found[0] if found else None

    @property
    def closes(self) -> bool:
        return (self.header("connection") or "").lower() == "close"


class Wire:
    """One connection."""

    def __init__(self, port: int, host: str = "127.0.0.1", receive_buffer: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect((host, port))
        except OSError:
            self.socket.close()
            raise
        self._read = b""
        self.ended = False

    def send(self, data: bytes) -> "Wire":
        self.socket.sendall(data)
        return self

    def try_send(self, data: bytes) -> bool:
        """Sends, unless the server has had enough."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def receive(self) -> bytes:
        """What comes next; nothing when the server has closed. A hang fails."""
        try:
            data = self.socket.recv(1 << 20)
        except TimeoutError:
            raise BrokenAnswer(f"nothing came for {PATIENCE:.0f} seconds after {self._read[:200]!r}") from None
        except ConnectionResetError:
            data = b""
        self.ended = self.ended or not data
        return data

    def _until(self, mark: bytes, what: str) -> bytes:
        while mark not in self._read:
            data = self.receive()
            if not data:
                raise BrokenAnswer(f"the connection ended within {what}: {self._read[:200]!r}")
            self._read += data
        found, _, self._read = self._read.partition(mark)
        return found

    def _exactly(self, count: int) -> bytes:
        parts = [self._read]
        have = len(self._read)
        while have < count:
            data = self.receive()
            if not data:
                raise BrokenAnswer(f"{have} of {count} bytes of a body came")
            parts.append(data)
            have += len(data)
        whole = b"".join(parts)
        self._read = whole[count:]
        return whole[:count]

    def answer(self, method: str = "GET") -> Answer:
        """The next answer, to a request of `method`."""
        lines = self._until(CRLF + CRLF, "a head").split(CRLF)
        status, headers = parse_head(lines)
        answer = Answer(status, headers, b"")
        if method == "HEAD" or status in (204, 304) or status < 200:
            return answer
        length = answer.header("content-length")
        if length is None or not length.isdigit():
            raise BrokenAnswer(f"the end of the body is not told: {lines}")
        return answer._replace(body=self._exactly(int(length)))

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        parts = [self._read]
        while data := self.receive():
            parts.append(data)
        self._read = b""
        return b"".join(parts)

    def closed(self) -> bool:
        """Whether the server has closed, and nothing is left to be read; waits for the one or the other."""
        if not self._read:
            self._read = self.receive()
        return not self._read

    def hang_up(self) -> None:
        """Closes with a reset: what a client does that is killed."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


def parse_head(lines: list[bytes]) -> tuple[int, list[tuple[str, str]]]:
    """The status and headers of an answer's head."""
    start = lines[0].split(b" ", 2)
    if len(start) != 3 or start[0] != b"HTTP/1.1" or not start[1].isdigit() or len(start[1]) != 3:
        raise BrokenAnswer(f"no status line: {lines[0][:200]!r}")
    headers: list[tuple[str, str]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip() or b"\n" in line or b"\r" in line:
            raise BrokenAnswer(f"no header: {line[:200]!r}")
        headers.append((name.decode("ascii").lower(), value.decode("latin-1").strip()))
    return int(start[1]), headers


def answers_in(data: bytes) -> list[Answer]:
    """All answers of a connection that has ended, none of them to HEAD. Raises BrokenAnswer for anything else."""
    found: list[Answer] = []
    while data:
        head, mark, data = data.partition(CRLF + CRLF)
        if not mark:
            raise BrokenAnswer(f"half a head: {head[:200]!r}")
        status, headers = parse_head(head.split(CRLF))
        answer = Answer(status, headers, b"")
        if status in (204, 304) or status < 200:
            found.append(answer)
            continue
        length = answer.header("content-length")
        if length is None or not length.isdigit() or int(length) > len(data):
            raise BrokenAnswer(f"a body of {length} bytes, of which {len(data)} came: {head[:200]!r}")
        found.append(answer._replace(body=data[: int(length)]))
        data = data[int(length) :]
    return found


@contextmanager
def connected(port: int, receive_buffer: int = 0) -> Iterator[Wire]:
    """A connection for the time of a block."""
    wire = Wire(port, receive_buffer=receive_buffer)
    try:
        yield wire
    finally:
        wire.socket.close()


def talk(port: int, data: bytes) -> bytes:
    """Sends on a connection of its own; all that comes until the server closes."""
    with connected(port) as wire:
        wire.try_send(data)
        return wire.rest()


def ask(port: int, data: bytes, method: str = "GET") -> Answer:
    """Sends one request on a connection of its own; its answer."""
    with connected(port) as wire:
        return wire.send(data).answer(method)


def get(target: str, *headers: str, method: str = "GET", body: bytes = b"", host: str = "localhost") -> bytes:
    """A sound request as bytes; with a body it has a content-length."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


def soon(what: str, look: "object") -> None:
    """Waits until `look()` is true; fails after a while."""
    assert callable(look)
    ends = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < ends, f"it did not come within {PATIENCE:.0f} seconds: {what}"
        time.sleep(0.01)
