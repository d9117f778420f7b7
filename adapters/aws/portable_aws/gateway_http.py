"""HTTP requests as API Gateway (HTTP API, payload 2.0) and function URLs deliver them, and the answers that they take.

Pure, and the hot path of every request: what is always so is done in few steps; what is odd is mended first.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import re
from typing import Any, cast

from portable.errors import LimitExceeded
from portable.http import GivenHeaders, Request, Response
from portable.identifiers import new_ids
from portable.shapes import MalformedEvent, is_unicode, object_in

from .traces import NO_TRACE, SPAN, traceparent_of

MOST_ANSWER_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html: of an answer, as JSON."""
FRAME_BYTES = 512
"""Braces, names and numbers of an answer's JSON, with room to spare."""
SMALL_BYTES = MOST_ANSWER_BYTES // 6 - 64 * 1024
"""A body of so many bytes fits as text, even if each of its characters becomes six in JSON."""
ODD_IN_PATH = re.compile(r"%(?![0-9A-Fa-f]{2})|[^!-~]|[\"#<>?\\^`{|}]")

from_hex = bytes.fromhex
MOST_USUAL = 64
usual_names: set[str] = set()
"""Names of headers, joined, that are known to be in lower case, with no id and nothing of ours among them."""

_new_request = Request.__new__


class MendedEvent(dict[str, Any]):
    """An event in the form that AWS itself sends."""


# In


def request_of(event: dict[str, Any], request_id: str = "") -> Request:
    """The request of an event. Raises MalformedEvent. `received` says more."""
    return received(event, request_id)[0]


def received(event: dict[str, Any], request_id: str = "") -> tuple[Request, int]:
    """The request of an event, and what `Dispatcher.http` is told of its headers. Raises MalformedEvent.

    `request_id` is Lambda's, under which the logs have it: the request's id, unless the client sent one.
    """
    try:
        about = event["requestContext"]
        http = about["http"]
        given, path, body = event["headers"], event["rawPath"], event.get("body")
        # Only text can be joined: what holds is known of all of them at once.
        names, values = "".join(given), "".join(given.values())
        method, query, client = http["method"], event["rawQueryString"], http["sourceIp"]
        # Two lists could be added as well.
        if type(query) is not str or not method + query + client:
            raise ValueError("not as AWS sends it")
        is_usual = names in usual_names or becomes_usual(names)
        if about["stage"] != "$default":
            path = without_stage(path, about)
        if path[0] != "/" or not path.isascii() or not path.isprintable():
            raise ValueError("not as AWS sends it")
        if "%" in path or " " in path or "?" in path or "#" in path:
            path = encoded_path(path)
        headers = GivenHeaders()
        headers._given = given
        # What Request(...) does, without a call that has nine arguments: a test compares the two.
        request = _new_request(Request)
        request.method = method
        request.path = path
        request.query_string = query
        request.headers = headers
        request.body = b"" if body is None else binary(body) if event["isBase64Encoded"] else body.encode()
        request.client = client
        request.scheme = given.get("x-forwarded-proto", "https")
        request.params = {}
        request.state = {}
        request._query = request._cookies = None
        size = len(names) + len(values)
        cookies = event.get("cookies")
        if cookies:
            if type(cookies) is not list:
                raise ValueError("not as AWS sends it")
            headers._items = [item for item in headers._items if item[0] != "cookie"]
            headers._items.append(("cookie", "; ".join(cast("list[str]", cookies))))
            size = -1
        if not (is_usual and request_id):
            size = -1
            request.id = "" if "x-request-id" in given else request_id
            request.traceparent = "" if "traceparent" in given else traceparent_of(given.get("x-amzn-trace-id"))
        else:
            request.id = request_id
            trace = given.get("x-amzn-trace-id", "")
            root = trace[7:15] + trace[16:]
            try:
                is_plain = len(root) == 32 and trace[:7] == "Root=1-" and from_hex(root).hex() == root != NO_TRACE
            except ValueError:
                is_plain = False
            if is_plain:
                # Without a span in it, this process is the span.
                request.traceparent = f"00-{root}-{SPAN}-01"
            else:
                request.traceparent = traceparent_of(trace) or new_ids()[1]
    except (LookupError, TypeError, AttributeError, ValueError):
        if type(event) is MendedEvent:
            raise
        return received(mended(event), request_id)
    return request, size


def becomes_usual(names: str) -> bool:
    """Whether headers of such names, joined, have no id and nothing of ours among them. Raises ValueError for capitals.

    If so, it is known of them from then on: clients are much alike, and each sends the same ones again and again.
    """
    if names.lower() != names:
        raise ValueError("not as AWS sends it")
    # Looked for in the whole text, which does not say where a name ends.
    if "x-request-id" in names or "traceparent" in names or "x-portable-" in names:
        return False
    if len(usual_names) >= MOST_USUAL:
        usual_names.clear()
    usual_names.add(names)
    return True


def binary(body: str) -> bytes:
    """A body that came as base64."""
    from binascii import a2b_base64

    try:
        return a2b_base64(body, strict_mode=True)
    except ValueError as error:
        raise MalformedEvent(f"the body of the event is not base64: {error}") from None


def encoded_path(path: str) -> str:
    """A path as it stood in the URL.

    HTTP APIs decode it, function URLs do not, and nothing says which: what cannot stand in a path is encoded (also a
    percent sign that begins no escape), what can is left alone.
    """
    from urllib.parse import quote

    return ODD_IN_PATH.sub(lambda found: quote(found[0], safe=""), path)


def without_stage(path: str, about: dict[str, Any]) -> str:
    """The path below a stage that is not the default one. Under a domain of one's own the stage is not in the path."""
    stage, domain = about["stage"], about.get("domainName")
    if not stage or (isinstance(domain, str) and domain.count(".") >= 2 and ".execute-api." not in domain):
        return path
    if path == f"/{stage}":
        return "/"
    return path.removeprefix(f"/{stage}") if path.startswith(f"/{stage}/") else path


def mended(event: object) -> MendedEvent:
    """The event as AWS itself would send it, from one that others send: fields missing or null, headers in capitals.

    Raises MalformedEvent where what is needed is not there: a method, a path, a body that is text.
    """
    if not isinstance(event, dict):
        raise MalformedEvent(f"an HTTP event is a JSON object, not {type(event).__name__}")
    given = cast("dict[str, Any]", event)
    about = object_in(given, "requestContext")
    http = object_in(about, "http")
    if not http:
        older = " (it looks like payload format 1.0: set the integration to 2.0)" if "httpMethod" in given else ""
        raise MalformedEvent(f"the event has no requestContext.http{older}")
    method, path = http.get("method"), given.get("rawPath")
    if path is None:
        path = http.get("path")
    if not isinstance(method, str) or not method:
        raise MalformedEvent("the event has no requestContext.http.method")
    if not isinstance(path, str) or not is_unicode(path):
        raise MalformedEvent("the event has no rawPath that is text")
    body, is_binary = given.get("body"), given.get("isBase64Encoded")
    if body is not None and not isinstance(body, str):
        raise MalformedEvent(f"the body of the event is {type(body).__name__}, not text")
    if is_binary not in (None, True, False):
        raise MalformedEvent(f"isBase64Encoded is {is_binary!r:.40}")
    if body is not None and not is_binary and not is_unicode(body):
        raise MalformedEvent("the body of the event has lone surrogates")
    sender, stage = http.get("sourceIp"), about.get("stage")
    return MendedEvent(
        requestContext={
            "http": {"method": method, "sourceIp": sender if isinstance(sender, str) else ""},
            "stage": stage if isinstance(stage, str) and stage else "$default",
            "domainName": about.get("domainName"),
        },
        rawPath=encoded_path(path if path.startswith("/") else f"/{path}"),
        rawQueryString=mended_query(given),
        headers=mended_headers(given.get("headers")),
        cookies=mended_cookies(given.get("cookies")),
        body=body,
        isBase64Encoded=is_binary,
    )


def mended_headers(value: object) -> dict[str, str]:
    """Lower-case names, one text each; repeats, whether lists or names that differ in case only, joined by commas."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedEvent(f"the headers of the event are {type(value).__name__}, not an object")
    found: dict[str, str] = {}
    for name, content in cast("dict[object, Any]", value).items():
        if content is None or not isinstance(name, str) or not name:
            continue
        parts = cast("list[object]", content) if isinstance(content, list) else [content]
        if not all(isinstance(part, str | int | float) for part in parts):
            raise MalformedEvent(f"header {name!r:.100} of the event is no text")
        text = ",".join(map(str, parts))
        key = name.lower()
        found[key] = f"{found[key]},{text}" if key in found else text
    return found


def mended_cookies(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(part, str) for part in cast("list[object]", value)):
        raise MalformedEvent("the cookies of the event are no list of texts")
    return cast("list[str]", value)


def mended_query(event: dict[str, Any]) -> str:
    """The raw query; where there is none, one that says the same as the parameters that were taken apart."""
    query, parameters = event.get("rawQueryString"), event.get("queryStringParameters")
    if isinstance(query, str):
        return query
    if query is not None:
        raise MalformedEvent("the rawQueryString of the event is no text")
    if parameters is None:
        return ""
    if not isinstance(parameters, dict):
        raise MalformedEvent("the queryStringParameters of the event are no object")
    from urllib.parse import urlencode

    pairs = [(name, text) for name, text in cast("dict[object, object]", parameters).items() if text is not None]
    try:
        return urlencode([(str(name), str(text)) for name, text in pairs])
    except UnicodeEncodeError:
        raise MalformedEvent("the queryStringParameters of the event have lone surrogates") from None


# Out


def answer_of(response: Response) -> dict[str, Any]:
    """The answer as Lambda gives it to API Gateway. Raises LimitExceeded for one that Lambda does not take."""
    given = response.headers
    if type(given) is GivenHeaders:
        answer: dict[str, Any] = {"statusCode": response.status, "headers": given._given}
    else:
        items = given._items
        headers = dict(items)
        answer = {"statusCode": response.status, "headers": headers}
        if len(headers) != len(items) or "set-cookie" in headers:
            apart(answer, items)
    body = response.body
    if len(body) > SMALL_BYTES:
        fit(answer, body)
        return answer
    try:
        answer["body"] = body.decode()
    except UnicodeDecodeError:
        as_base64(answer, body)
    return answer


def as_base64(answer: dict[str, Any], body: bytes) -> None:
    from binascii import b2a_base64

    answer["body"] = b2a_base64(body, newline=False).decode("ascii")
    answer["isBase64Encoded"] = True


def apart(answer: dict[str, Any], items: list[tuple[str, str]]) -> None:
    """Cookies in a list of their own, since each must be a header by itself; other repeats joined."""
    headers: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in items:
        if name == "set-cookie":
            cookies.append(value)
        else:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    answer["headers"] = headers
    if cookies:
        answer["cookies"] = cookies


def fit(answer: dict[str, Any], body: bytes) -> None:
    """A large body in the form that is shorter in JSON."""
    import json

    try:
        text: str | None = body.decode()
    except UnicodeDecodeError:
        text = None
    size, other = (len(body) + 2) // 3 * 4 + 2, None if text is None else len(json.dumps(text))
    if text is not None and other is not None and other <= size:
        answer["body"], size = text, other
    else:
        as_base64(answer, body)
    size += len(json.dumps({**answer, "body": ""})) + FRAME_BYTES
    if size > MOST_ANSWER_BYTES:
        raise LimitExceeded(
            f"the answer is {size:,} bytes of JSON, over the {MOST_ANSWER_BYTES:,} that Lambda takes",
            limit="http_response_bytes",
            provider="aws",
            hint="put what is large into a bucket and answer with its signed URL",
        )
