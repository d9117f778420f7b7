"""Answers of Google's REST APIs: bodies that are read as they come, and what errors say."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, cast

from .errors import GoogleError

if TYPE_CHECKING:
    from .rest import Rest

CHUNK = 256 * 1024
MOST_TEXT = 300
"""Characters of an error that is no JSON."""


class Answer:
    """An answer whose body is not read yet: read it whole or by chunks; close it where neither is done to the end."""

    def __init__(self, response: HTTPResponse, connection: HTTPConnection, rest: "Rest", *, is_read: bool) -> None:
        self.status = response.status
        self.headers = response.headers
        """Their names in any case."""
        self._response = response
        self._connection: HTTPConnection | None = connection
        self.url = rest.endpoint.url
        self.is_read = is_read
        self._rest = rest

    def read(self) -> bytes:
        """All of it. Raises GoogleError if it breaks off."""
        return b"".join(self.chunks())

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Bytes as they come, at most `size` at once. Raises GoogleError if they break off."""
        response = self._response
        try:
            while True:
                try:
                    found = response.read(size)
                    if not found and response.length:
                        raise ConnectionError(f"it ended {response.length} bytes early")
                except (OSError, HTTPException) as error:
                    raise lost(self.url, error, in_doubt=not self.is_read) from error
                if not found:
                    return
                yield found
        finally:
            self.close()

    def close(self) -> None:
        """Gives the connection back, or ends it if there is more to read."""
        connection, self._connection = self._connection, None
        if connection is not None:
            is_whole = self._response.isclosed() and not self._response.will_close
            self._response.close()
            self._rest.give_back(connection, is_reusable=is_whole)


def parsed(answer: Answer) -> Any:
    """What is answered as JSON; None for nothing. Raises GoogleError for what is none, and for an error in a stream.

    A method that streams has answered 200 by the time that it fails: the error is then an element of its list.
    """
    content = answer.read()
    if not content:
        return None
    try:
        found: Any = json.loads(content)
    except ValueError as error:
        # Something answered, and it was not Google, or did not finish.
        raise lost(answer.url, error, in_doubt=not answer.is_read) from error
    if isinstance(found, list):
        for element in cast("Any", found):
            if isinstance(element, dict) and "error" in element:
                failed: Any = cast("dict[str, Any]", element)["error"]
                code = cast("dict[str, Any]", failed).get("code") if isinstance(failed, dict) else None
                raise error_of(code if isinstance(code, int) else 500, json.dumps([element]).encode())
    return cast("Any", found)


def lost(url: str, error: Exception, *, in_doubt: bool) -> GoogleError:
    """Of a request that has no whole answer; `in_doubt` unless it changes nothing or was never sent."""
    return GoogleError(0, "", f"no answer from {url}: {type(error).__name__}: {error}", in_doubt=in_doubt)


def error_of(status: int, content: bytes) -> GoogleError:
    """What an answer with an error says: https://google.aip.dev/193, and the older form of Storage."""
    try:
        found: Any = json.loads(content)
    except ValueError:
        found = None
    if isinstance(found, list) and found:
        # Of methods that stream.
        found = cast("Any", found[0])
    inner: Any = cast("dict[str, Any]", found).get("error") if isinstance(found, dict) else None
    if not isinstance(inner, dict):
        text = content.decode(errors="replace")[:MOST_TEXT].strip()
        return GoogleError(status, "", f"HTTP {status}: {text or 'no more is said'}")
    inner = cast("dict[str, Any]", inner)
    details: list[Any] = inner.get("details") or inner.get("errors") or []
    reason = inner.get("status")
    if reason is None and details and isinstance(details[0], dict):
        reason = cast("dict[str, Any]", details[0]).get("reason")
    message = str(inner.get("message") or f"HTTP {status}")
    return GoogleError(status, str(reason or ""), f"{reason or status}: {message}", details=details)
