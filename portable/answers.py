"""What handlers return -> Response, and errors -> problem documents (RFC 9457)."""

from typing import TYPE_CHECKING, Any

from .capabilities import Profile
from .codec import to_json_bytes
from .errors import HTTPError, InvalidArgument, LimitExceeded, PortableError, text_of
from .http import GivenHeaders, Headers, Request, Response

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
BODILESS = (204, 205, 304)
MOST_PROBLEMS = 1000
MOST_DETAIL = 4000
MOST_INSTANCE = 4096
DROPPED_HEADERS = frozenset(
    ("connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
"""Headers of a connection, not of an answer: the server's business (RFC 9110, section 7.6.1)."""

TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


JSON_ONLY: dict[str, str] = {"content-type": JSON_TYPE}
TEXT_ONLY: dict[str, str] = {"content-type": "text/plain; charset=utf-8"}
"""Shared by all answers that have no other header: GivenHeaders never change their dict."""


class Answer(Response):
    """A Response that was made here, for one request: it may be finished in place."""

    __slots__ = ()
    if not TYPE_CHECKING:
        # Whoever makes one fills it: there is no call of a function for it.
        __init__ = object.__init__


NEW_HEADERS = Headers.__new__


def answer_with(body: bytes, status: int, items: list[tuple[str, str]]) -> Answer:
    """An Answer with such headers, whose names are in lower case."""
    found = Answer()
    found.body = body
    found.status = status
    found.headers = headers = NEW_HEADERS(Headers)
    headers._items = items
    return found


def json_answer(value: Any, status: int, headers: dict[str, str] = JSON_ONLY) -> Answer:
    """What most handlers return, without the calls of a constructor.

    `headers` are all that it has, if it is final. Raises TypeError if there is no JSON of it: the handler's fault, not
    the client's.
    """
    found = Answer()
    try:
        found.body = to_json_bytes(value)
    except InvalidArgument as error:
        raise TypeError(f"the handler's answer: {error.message}") from error
    found.status = status
    found.headers = given = GivenHeaders()
    given._given = headers
    return found


def plain_response(body: bytes, status: int, content_type: str | None) -> Response:
    """An Answer with no headers but its content type."""
    return answer_with(body, status, [] if content_type is None else [("content-type", content_type)])


def answer(value: Any, status: int) -> Response:
    """A handler's return value as a Response; `status` is the route's. Raises TypeError for what is no answer.

    Response as it is; None: 204 (or `status`); str: text/plain; bytes: octet-stream; `(body, status)` and
    `(body, status, headers)`; anything else (models, dataclasses, dicts, lists, numbers): JSON.
    """
    kind: type[object] = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is dict or kind is list:
        return json_answer(value, status)
    if isinstance(value, Response):
        return value
    if value is None:
        return plain_response(b"", 204 if status == 200 else status, None)
    if kind is str:
        found = Answer()
        found.body = value.encode()
        found.status = status
        found.headers = headers = GivenHeaders()
        headers._given = TEXT_ONLY
        return found
    if kind is bytes or kind is bytearray:
        return plain_response(bytes(value), status, "application/octet-stream")
    if kind is tuple:
        return answer_tuple(value)
    if hasattr(value, "send") and hasattr(value, "close"):
        value.close()
        raise TypeError("the handler returned a generator; answers are whole, so return a list or bytes")
    return json_answer(value, status)


def json_body(value: Any) -> bytes:
    """JSON of what a handler returned. Raises TypeError if there is none: the handler's fault, not the client's."""
    try:
        return to_json_bytes(value)
    except InvalidArgument as error:
        raise TypeError(f"the handler's answer: {error.message}") from error


def answer_tuple(value: tuple[Any, ...]) -> Response:
    """`(body, status)` or `(body, status, headers)`."""
    body = value[0] if value else None
    # A NamedTuple is a document, as it is when it stands alone.
    if not 2 <= len(value) <= 3 or type(value[1]) is not int or type(body) is tuple or isinstance(body, Response):
        raise TypeError("the handler returned a tuple that is neither (body, status) nor (body, status, headers)")
    if not 200 <= value[1] <= 599:
        raise ValueError(f"the handler answered with status {value[1]}, which is not 200-599")
    response = answer(value[0], value[1])
    if value[0] is None:
        response.status = value[1]
    if len(value) == 3:
        headers = value[2]
        for name, text in headers.items() if hasattr(headers, "items") else headers:
            response.headers[name] = text
    return response


def checked_headers(items: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers as they may be sent, a new list. Raises ValueError for what would split or break the answer."""
    found: list[tuple[str, str]] = []
    for item in items:
        name, value = item
        if name in DROPPED_HEADERS or name == "x-request-id" or name == "traceparent":
            continue
        if not (value.isascii() and value.isprintable()):
            check_value(name, value)
        if name != "content-type" and (not name or not TOKEN.issuperset(name)):
            raise ValueError(f"{name!r} cannot be the name of a header")
        found.append(item)
    return found


def check_value(name: str, value: str) -> None:
    try:
        raw = value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"header {name}: {value!r} is not Latin-1; encode it, for instance by RFC 8187") from None
    if any(byte < 32 and byte != 9 for byte in raw) or 127 in raw:
        raise ValueError(f"header {name}: {value!r} has control characters")


def response_too_large(profile: Profile, actual: int) -> LimitExceeded:
    """The handler's fault, not the client's: status 500."""
    error = profile.exceeded("http_response_bytes", actual, "the response")
    error.status = 500
    return error


def reason(status: int) -> str:
    """The standard phrase of a status."""
    from http import HTTPStatus

    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def problem(error: BaseException, request: Request, *, dev: bool) -> Response:
    """The problem document of an error. Outside `dev` nothing of a 5xx but its id and title is shown."""
    headers: dict[str, str] = {}
    if isinstance(error, PortableError):
        status, code, title, detail, hint = error.status, error.code, error.title, error.message, error.hint
        if isinstance(error, HTTPError):
            title, headers = reason(status), error.headers
    else:
        status, code, title, hint = 500, PortableError.code, "Internal error", None
        detail = f"{type(error).__name__}: {text_of(error)}"
    if not 200 <= status <= 599:
        status, title, detail = 500, "Internal error", f"HTTPError with status {status}, which is not 200-599"
    if (not isinstance(error, PortableError) or (status >= 500 and not isinstance(error, HTTPError))) and not dev:
        detail, hint = "", None
    document: dict[str, Any] = {"type": f"urn:portable:error:{code}", "title": title, "status": status, "code": code}
    if detail:
        document["detail"] = shortened(detail, MOST_DETAIL)
    if hint:
        document["hint"] = hint
    document["instance"] = request.path[:MOST_INSTANCE]
    document["request_id"] = request.id
    if isinstance(error, InvalidArgument) and error.problems:
        document["errors"] = [
            {
                "where": [shortened(part) for part in fault.where],
                "message": shortened(fault.message),
                "kind": fault.kind,
            }
            for fault in error.problems[:MOST_PROBLEMS]
        ]
    body = b"" if status in BODILESS else problem_body(document)
    response = plain_response(body, status, PROBLEM_TYPE if body else None)
    for name, value in headers.items():
        response.headers[name] = value
    return response


def shortened(text: Any, most: int = 1000) -> Any:
    """A text that may be the client's, bounded: what is sent back is never much larger than what is read."""
    return text if not isinstance(text, str) or len(text) <= most else f"{text[:most]}..."


def problem_body(document: dict[str, Any]) -> bytes:
    """ASCII JSON: what a client sent may hold lone surrogates, which no UTF-8 can carry."""
    import json

    return json.dumps(document, separators=(",", ":")).encode()
