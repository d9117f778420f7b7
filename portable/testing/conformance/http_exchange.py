"""How the tests of HTTP look at an exchange: JSON answers, problem documents, handlers made from an annotation."""

import json
import re
from collections.abc import Callable
from typing import Any, cast

from portable.app import Service
from portable.http import Request, Response

EMPTY: Any = object()
"""Stands for a parameter without a default."""
TARGET = re.compile(r"/(?:[!-$&-~]|%[0-9A-Fa-f]{2})*").fullmatch


def json_of(response: Response, status: int = 200) -> Any:
    """The JSON of an answer, which must have `status`."""
    assert response.status == status, (response.status, response.body)
    assert response.headers["content-type"] == "application/json"
    return json.loads(response.body)


def text_of(response: Response, status: int = 200) -> str:
    """The plain text of an answer, which must have `status`."""
    assert response.status == status, (response.status, response.body)
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    return response.body.decode()


def problem_of(response: Response, status: int) -> dict[str, Any]:
    """The problem document of an answer, which must have `status` and all that RFC 9457 and we ask for."""
    assert response.status == status, (response.status, response.body)
    assert response.headers["content-type"] == "application/problem+json"
    found = cast("dict[str, Any]", json.loads(response.body))
    assert found["status"] == status
    assert found["type"] == f"urn:portable:error:{found['code']}"
    assert found["title"]
    assert found["request_id"] == response.headers["x-request-id"]
    assert "instance" in found
    assert "Traceback" not in response.body.decode()
    return found


def is_of_a_front(target: str, response: Response) -> bool:
    """Whether a provider's front has refused by itself what is no path and query as RFC 3986 has them."""
    has_problem = response.headers.get("content-type") == "application/problem+json"
    return response.status == 400 and TARGET(target) is None and not has_problem


def faults_of(response: Response, status: int = 422) -> list[list[str | int]]:
    """Where the faults are that a problem document lists."""
    found = problem_of(response, status)
    for fault in found["errors"]:
        assert fault["message"]
        assert fault["kind"]
    return [fault["where"] for fault in found["errors"]]


def echoing(annotation: Any, default: Any = EMPTY) -> Callable[..., dict[str, str]]:
    """A handler with one parameter, `value`, which answers with its repr."""

    def required(value: Any) -> dict[str, str]:
        return {"value": repr(value)}

    def optional(value: Any = default) -> dict[str, str]:
        return {"value": repr(value)}

    found = required if default is EMPTY else optional
    found.__annotations__ = {"value": annotation, "return": dict[str, str]}
    return found


def multipart(boundary: str, parts: list[tuple[str, str | None, str | None, bytes]]) -> bytes:
    """A multipart/form-data body (RFC 7578) of (name, filename, content type, data)."""
    lines: list[bytes] = []
    for name, filename, content_type, data in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        lines.append(f"--{boundary}\r\ncontent-disposition: {disposition}\r\n".encode())
        if content_type is not None:
            lines.append(f"content-type: {content_type}\r\n".encode())
        lines.append(b"\r\n" + data + b"\r\n")
    return b"".join(lines) + f"--{boundary}--\r\n".encode()


JSON_BODY = [("content-type", "application/json")]
URLENCODED = [("content-type", "application/x-www-form-urlencoded")]
MULTIPART = [("content-type", "multipart/form-data; boundary=xyz")]


def declare(part: Service, methods: str, path: str, answer: object, seen: list[str] | None = None) -> None:
    """A handler that answers the same every time; a str gets the path parameters where it has `{name}`.

    `methods` are separated by spaces. What reaches it is added to `seen`.
    """

    def handler(request: Request) -> object:
        if seen is not None:
            seen.append(f"{request.method} {request.path}")
        return answer.format(**request.params) if isinstance(answer, str) else answer

    part.route(path, methods=methods.split(), name=f"handler-{len(part.handlers)}")(handler)
