"""Google's REST APIs over the standard library: a pool of connections, tokens, retries, and errors with their doubt.

Retries are those of Google's client libraries (429, what was never sent; back-off with jitter), and of reads also 503
and what was lost. A write that is answered with 503, or not at all, may have been carried out: it is repeated only
where the caller says that this does no harm.
https://google.aip.dev/194
"""

import json
import time
from _thread import allocate_lock
from collections.abc import Callable, Collection, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from .errors import GoogleError
from .rest_answers import Answer, error_of, lost, parsed

if TYPE_CHECKING:
    from ssl import SSLContext

    from .endpoints import Endpoint
    from .tokens import Token, Tokens

CONNECT_SECONDS = 4
READ_SECONDS = 20
"""An answer that takes longer is lost: a handler has 28 seconds for a request."""
ATTEMPTS = 4
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 4.0
IDLE = 32
"""Connections kept for the next call."""
IDLE_SECONDS = 100.0
"""Google closes idle connections some minutes later, and an instance that was frozen wakes up with dead ones."""
TELLS_NOTHING = frozenset({408, 500, 502, 503, 504})
"""Of a write: it may have been carried out."""
JSON = "application/json; charset=utf-8"

Query = Mapping[str, str | int | bool | list[str]]
T = TypeVar("T")


_context: "SSLContext | None" = None
_context_lock = allocate_lock()


class Call(NamedTuple):
    """One request and how often it may be sent. `accepted` are statuses past 299 that are no errors to the caller."""

    method: str
    target: str
    body: bytes | None
    headers: Mapping[str, str]
    is_read: bool
    repeat: bool
    attempts: int
    timeout: float
    accepted: Collection[int] = ()


class Kept(NamedTuple):
    connection: HTTPConnection
    since: float


class Rest:
    """One service at one endpoint; one object serves all threads. `tokens` None: nobody asks who calls."""

    def __init__(self, endpoint: "Endpoint", tokens: "Tokens | None") -> None:
        self.endpoint = endpoint
        self._tokens = None if endpoint.is_emulator else tokens
        self._idle: list[Kept] = []
        self._lock = allocate_lock()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        is_read: bool,
        repeat: bool = False,
        attempts: int = ATTEMPTS,
        timeout: float = READ_SECONDS,
    ) -> Any:
        """Sends `body` as JSON and gives what is answered, parsed; None for an empty answer.

        `path` is escaped already and begins with a slash. `is_read`: it changes nothing, so that a lost answer is asked
        for again; that of a write is only with `repeat`, as is what is answered with 503. `timeout` is of one attempt
        in seconds, and no attempt begins later than that. Raises GoogleError.
        """
        sent = None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        given = dict(headers or {})
        if sent is not None:
            given.setdefault("Content-Type", JSON)
        call = Call(method, self._target(path, query), sent, given, is_read, repeat, attempts, timeout)
        return self._perform(call, parsed)

    def open(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        is_read: bool,
        repeat: bool = False,
        attempts: int = ATTEMPTS,
        timeout: float = READ_SECONDS,
        accepted: Collection[int] = (),
    ) -> Answer:
        """As `call`, with bytes both ways: the answer's body is not read yet. `accepted` are statuses past 299 that are
        answers too, such as 308 of an upload. Raises GoogleError."""
        target = self._target(path, query)
        return self._perform(
            Call(method, target, body, headers or {}, is_read, repeat, attempts, timeout, accepted), as_it_is
        )

    def close(self) -> None:
        """Closes idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for kept in idle:
            kept.connection.close()

    def _target(self, path: str, query: Query | None) -> str:
        target = self.endpoint.prefix + path
        if not query:
            return target
        plain = {name: str(value).lower() if isinstance(value, bool) else value for name, value in query.items()}
        return f"{target}?{urlencode(plain, doseq=True)}"

    def _perform(self, call: Call, consume: "Callable[[Answer], T]") -> T:
        """Attempts until one succeeds; raises the last error, which knows of the doubt that any of them left."""
        latest = time.monotonic() + call.timeout
        in_doubt = False
        is_renewed = False
        attempt = 0
        while True:
            attempt += 1
            token = None if self._tokens is None else self._tokens.token()
            try:
                response, connection = self._send(call, token)
                if response.status < 300 or response.status in call.accepted:
                    return consume(Answer(response, connection, self, is_read=call.is_read))
                error = error_of(response.status, content_of_error(Answer(response, connection, self, is_read=True)))
                wait = response.headers.get("Retry-After")
            except GoogleError as unanswered:
                error, wait = unanswered, None
            if error.status == 401 and token is not None and self._tokens is not None and not is_renewed:
                # Taken back before its time. Nothing was done, and this is no attempt.
                self._tokens.drop(token)
                is_renewed = True
                attempt -= 1
                continue
            is_lost = error.in_doubt or error.status in TELLS_NOTHING
            may_repeat = (
                error.status == 429
                or (is_lost and (call.is_read or call.repeat))
                or (error.status == 0 and not is_lost)
            )
            error.in_doubt = in_doubt = not call.is_read and (in_doubt or is_lost)
            pause = pause_before(attempt, wait)
            if not may_repeat or attempt >= call.attempts or time.monotonic() + pause > latest:
                raise error
            time.sleep(pause)

    def _send(self, call: Call, token: "Token | None") -> tuple[HTTPResponse, HTTPConnection]:
        """One attempt, up to the head of its answer."""
        connection = self._take()
        try:
            if connection.sock is None:
                connection.timeout = CONNECT_SECONDS
                try:
                    connection.connect()
                except (OSError, HTTPException) as error:
                    raise lost(self.endpoint.url, error, in_doubt=False) from error
            assert connection.sock is not None
            connection.sock.settimeout(call.timeout)
            try:
                connection.request(call.method, call.target, call.body, self._headers(call, token))
                return connection.getresponse(), connection
            except (OSError, HTTPException) as error:
                raise lost(self.endpoint.url, error, in_doubt=not call.is_read) from error
        except BaseException:
            connection.close()
            raise

    def _headers(self, call: Call, token: "Token | None") -> dict[str, str]:
        headers = {"User-Agent": "portable", **call.headers}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.text}"
            if token.quota_project is not None:
                headers["X-Goog-User-Project"] = token.quota_project
        elif self.endpoint.is_emulator:
            # As Google's clients do: to an emulator of Firestore this is who is bound by no rules.
            headers["Authorization"] = "Bearer owner"
        return headers

    # The pool

    def _take(self) -> HTTPConnection:
        """A connection: the one used last, if its other end is still there, else one not yet connected."""
        oldest = time.monotonic() - IDLE_SECONDS
        while True:
            with self._lock:
                if not self._idle:
                    break
                kept = self._idle.pop()
            if kept.since >= oldest and is_open(kept.connection):
                return kept.connection
            kept.connection.close()
        endpoint = self.endpoint
        if not endpoint.is_secure:
            return HTTPConnection(endpoint.host, endpoint.port)
        return HTTPSConnection(endpoint.host, endpoint.port, context=secure())

    def give_back(self, connection: HTTPConnection, *, is_reusable: bool) -> None:
        """For the next call, unless it cannot be used again or enough are kept."""
        if is_reusable and connection.sock is not None:
            with self._lock:
                if len(self._idle) < IDLE:
                    self._idle.append(Kept(connection, time.monotonic()))
                    return
        connection.close()


def secure() -> "SSLContext":
    """The one TLS context of the process: making it reads all certificates of the machine."""
    global _context
    with _context_lock:
        if _context is None:
            from ssl import create_default_context

            _context = create_default_context()
        return _context


def as_it_is(answer: Answer) -> Answer:
    return answer


def content_of_error(answer: Answer) -> bytes:
    """The body; what breaks off is as good as none."""
    try:
        return answer.read()
    except GoogleError:
        return b""


def is_open(connection: HTTPConnection) -> bool:
    """Whether nobody has closed it: what can be read of an idle connection is its end."""
    from select import POLLIN, poll

    if connection.sock is None:
        return False
    watched = poll()
    watched.register(connection.sock, POLLIN)
    return not watched.poll(0)


def pause_before(attempt: int, wait: str | None) -> float:
    """Seconds to wait after an attempt (from 1), longer and longer, with jitter; `wait`: what the service asks for."""
    from random import random

    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (attempt - 1)) * (0.5 + random() / 2)  # noqa: S311 - jitter
    return max(pause, float(wait)) if wait is not None and wait.isascii() and wait.isdecimal() else pause
