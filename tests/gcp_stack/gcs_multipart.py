"""Bodies of `uploadType=multipart`: a JSON description, and the bytes as they are.

https://cloud.google.com/storage/docs/uploads-downloads#multipart-uploads
"""

import json
from email.message import Message
from typing import Any

from .server import Request


class Malformed(ValueError):
    """A body that is none; it says why."""


def parts_of(request: Request) -> tuple[dict[str, Any], bytes, str]:
    """The description, the content and its type. Raises Malformed."""
    header = Message()
    header["content-type"] = request.headers.get("content-type", "")
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/related" or not isinstance(boundary, str) or not boundary:
        raise Malformed(f"The content type {header['content-type']!r} is not multipart/related with a boundary")
    mark = b"--" + boundary.encode()
    first, *parts = (b"\r\n" + request.body).split(b"\r\n" + mark)
    if first.strip() or len(parts) != 3 or parts[2].strip() != b"--":
        raise Malformed("Multipart must have exactly two parts")
    [description, content] = [part_of(part) for part in parts[:2]]
    if description[0].get_content_type() != "application/json":
        raise Malformed("The first part must be JSON")
    try:
        described = json.loads(description[1])
    except ValueError as error:
        raise Malformed(f"The first part is no JSON: {error}") from error
    return described, content[1], content[0].get("content-type", "application/octet-stream")


def part_of(part: bytes) -> tuple[Message, bytes]:
    head, gap, body = part.partition(b"\r\n\r\n")
    if not gap:
        raise Malformed("A part has no empty line after its headers")
    headers = Message()
    for line in head.decode("latin-1").strip().split("\r\n"):
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed(f"{line!r} is no header")
        headers[name.strip()] = value.strip()
    return headers, body
