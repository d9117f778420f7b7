"""HTTP requests as a WSGI server hands them over, which is what functions-framework is; and the answers that it takes.

Cloud Run functions get the request that a client has sent: no event, no base64. https://peps.python.org/pep-3333/
"""

import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from portable.http import Request, Response
from portable.identifiers import is_request_id, is_traceparent, new_ids

RAW_TARGETS = ("RAW_URI", "REQUEST_URI")
"""Where gunicorn and werkzeug keep the target as it was sent; WSGI itself only has a decoded path."""
CHUNK = 64 * 1024
ABSOLUTE = re.compile(r"https?://[^/?]*", re.ASCII | re.IGNORECASE)
CLOUD_TRACE = re.compile(r"([0-9a-fA-F]{32})/([0-9]{1,20})(?:;o=([01]))?", re.ASCII).fullmatch
"""https://cloud.google.com/trace/docs/trace-context#legacy-http-header"""
INTERNAL = "x-portable-"
OF_FRONT = frozenset(
    (
        *("forwarded", "host", "traceparent", "tracestate", "via"),
        *("x-cloud-trace-context", "x-forwarded-for", "x-forwarded-proto"),
    )
)
"""What Google's front adds to a request or sets in it."""
NO_TRACE, NO_SPAN = "0" * 32, "0" * 16

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def headers_of(environ: Mapping[str, Any]) -> dict[str, str]:
    """The headers of a request, their names in lower case."""
    found = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    if "CONTENT_TYPE" in environ:
        found["content-type"] = environ["CONTENT_TYPE"]
    if environ.get("CONTENT_LENGTH"):
        found["content-length"] = environ["CONTENT_LENGTH"]
    return found


def target_of(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Path and query as they were sent."""
    raw = next((environ[name] for name in RAW_TARGETS if environ.get(name)), None)
    if raw is None:
        from urllib.parse import quote

        path = quote(environ.get("PATH_INFO", "").encode("latin-1"), safe="/!$&'()*+,;=:@~-._")
        return path or "/", environ.get("QUERY_STRING", "")
    path, _, query = ABSOLUTE.sub("", raw, count=1).partition("?")
    return path or "/", query


def body_of(environ: Mapping[str, Any], most: int) -> bytes:
    """At most `most` bytes and one of the body. What is longer is read all the same, since whoever sends it waits."""
    length, stream = environ.get("CONTENT_LENGTH") or "", environ["wsgi.input"]
    left = int(length) if length.isascii() and length.isdecimal() else -1
    if left < 0 and not environ.get("wsgi.input_terminated"):
        return b""
    parts: list[bytes] = []
    kept = 0
    while left != 0:
        part = stream.read(CHUNK if left < 0 else min(CHUNK, left))
        if not part:
            break
        left -= len(part) if left > 0 else 0
        if kept <= most:
            parts.append(part)
            kept += len(part)
    return b"".join(parts)[: most + 1]


def request_of(environ: Mapping[str, Any], most: int) -> tuple[Request, int]:
    """The request, and how many bytes its headers have that are the client's; both of its ids are given.

    Of its body there is as much as tells that it is longer than `most` bytes. The client is who Google's front has
    spoken with: it puts that at the end of x-forwarded-for, behind what the client itself may have made up.
    """
    path, query = target_of(environ)
    headers = {name: value for name, value in headers_of(environ).items() if not name.startswith(INTERNAL)}
    request = Request(
        environ["REQUEST_METHOD"],
        path,
        query_string=query,
        headers=list(headers.items()),
        body=body_of(environ, most),
        client=headers.get("x-forwarded-for", "").rpartition(",")[2].strip() or environ.get("REMOTE_ADDR", ""),
        scheme=headers.get("x-forwarded-proto") or environ.get("wsgi.url_scheme", "http"),
    )
    id, trace = headers.get("x-request-id", ""), headers.get("traceparent", "")
    new_id, new_trace = new_ids()
    request.id = id if is_request_id(id) else new_id
    request.traceparent = (
        trace if is_traceparent(trace) else traceparent_of(headers.get("x-cloud-trace-context", "")) or new_trace
    )
    return request, sum(len(name) + len(value) for name, value in headers.items() if name not in OF_FRONT)


def traceparent_of(header: str) -> str:
    """The traceparent (W3C) of an X-Cloud-Trace-Context header; "" for none."""
    found = CLOUD_TRACE(header)
    if found is None:
        return ""
    trace, span, sampled = found.groups()
    parent = f"{int(span):016x}"
    if trace == NO_TRACE or parent == NO_SPAN or len(parent) > 16:
        return ""
    return f"00-{trace.lower()}-{parent}-0{sampled or 1}"


def answered(response: Response, start_response: StartResponse) -> Iterable[bytes]:
    """Gives an answer to a WSGI server."""
    headers = list(response.headers._items)
    body = response.body
    if response.status >= 200 and response.status not in (204, 304) and "content-length" not in dict(headers):
        headers.append(("content-length", str(len(body))))
    start_response(f"{response.status} {reason_of(response.status)}", headers)
    return [body]


def reason_of(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
