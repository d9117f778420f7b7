"""STAND-IN of ours: the front of an HTTP API, for apps that run in a test. Made from the documentation.

A request becomes the event that a function is given, and what the function answers becomes the answer that a client
sees: names of headers in lower case, repeats joined by commas, cookies apart, bodies that are no text in base64.
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import json
import re
import time
from collections.abc import Sequence
from typing import Any

from portable.http import Response

HOST = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
CLIENT = "127.0.0.1"
TARGET = re.compile(r"/(?:[!-$&-~]|%[0-9A-Fa-f]{2})*", re.ASCII).fullmatch
TEXT = ("text/", "application/json", "application/javascript", "application/xml", "application/x-www-form-urlencoded")


def is_target(target: str) -> bool:
    """Whether a request's target is a path, with a query perhaps, as RFC 3986 has them; a front forwards nothing else.

    How HTTP APIs answer what is not is not documented: 400 is assumed.
    """
    return TARGET(target) is not None


def bad_request() -> Response:
    return Response(b'{"message":"Bad Request"}', status=400, media_type="application/json")


def event_of(
    method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes, *, id: str, now: float, account: str
) -> dict[str, Any]:
    """The event of a request, through JSON and back, as it reaches a function.

    The path is left as it stands in the URL, as function URLs have it: an HTTP API decodes it, and what then cannot be
    told apart no test could ask for.
    """
    path, _, query = target.partition("?")
    joined: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in headers:
        key = name.lower()
        if key == "cookie":
            cookies.extend(part.strip() for part in value.split(";") if part.strip())
        else:
            joined[key] = f"{joined[key]},{value}" if key in joined else value
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": joined,
        "requestContext": {
            "accountId": account,
            "apiId": HOST.partition(".")[0],
            "domainName": HOST,
            "domainPrefix": HOST.partition(".")[0],
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": CLIENT,
                "userAgent": joined.get("user-agent", ""),
            },
            "requestId": id,
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies
    if body:
        event["body"], event["isBase64Encoded"] = as_text(body, joined.get("content-type", ""))
    sent: dict[str, Any] = json.loads(json.dumps(event))
    return sent


def as_text(body: bytes, content_type: str) -> tuple[str, bool]:
    """A body in the event, and whether it is base64: text stays text only where its type says that it is some."""
    if content_type.lower().startswith(TEXT):
        try:
            return body.decode(), False
        except UnicodeDecodeError:
            # It says that it is text, and is not.
            return base64.b64encode(body).decode("ascii"), True
    return base64.b64encode(body).decode("ascii"), True


def response_of(answer: Any) -> Response:
    """The answer of a client, from what a function gave."""
    given: dict[str, Any] = json.loads(json.dumps(answer))
    text: str = given.get("body") or ""
    body = base64.b64decode(text, validate=True) if given.get("isBase64Encoded") else text.encode()
    headers: dict[str, str] = given.get("headers") or {}
    cookies: list[str] = given.get("cookies") or []
    response = Response(body, status=given["statusCode"])
    response.headers._items = [*headers.items(), *(("set-cookie", cookie) for cookie in cookies)]
    return response
