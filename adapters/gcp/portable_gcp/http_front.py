"""STAND-IN of ours: what a function's server makes of a request, for apps that run in a test.

A request becomes the environment of WSGI that functions-framework's server (gunicorn) hands over, with what
Google's front adds.
https://peps.python.org/pep-3333/, https://cloud.google.com/run/docs/container-contract
"""

import io
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

from portable.http import Response

CLIENT = "127.0.0.1"
TARGET = re.compile(r"/(?:[!-$&-~]|%[0-9A-Fa-f]{2})*", re.ASCII).fullmatch


def is_target(target: str) -> bool:
    """Whether a target is a path, with a query perhaps, as RFC 3986 has them; a front forwards nothing else."""
    return TARGET(target) is not None


def bad_request() -> Response:
    return Response("Bad Request", status=400)


def environ_of(method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes, host: str) -> dict[str, Any]:
    """The environment of a request. Repeats of a header are joined; names with underscores are dropped."""
    path, _, query = target.partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "RAW_URI": target,
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "169.254.169.126",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.input_terminated": True,
        "HTTP_HOST": host,
        "HTTP_X_FORWARDED_PROTO": "https",
    }
    for name, value in headers:
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        # Cookies as HTTP/2, which Google's front speaks, has them joined: RFC 9113, section 8.2.3.
        between = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{between}{value}" if key in environ and key != "HTTP_HOST" else value
    if body or method in ("POST", "PUT", "PATCH"):
        environ["CONTENT_LENGTH"] = str(len(body))
    before = environ.get("HTTP_X_FORWARDED_FOR")
    environ["HTTP_X_FORWARDED_FOR"] = f"{before},{CLIENT}" if before else CLIENT
    return environ
