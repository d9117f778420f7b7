"""What a client of a test sends: targets, queries, and bodies of JSON, forms and files, as browsers write them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, quote_plus, urlencode

from portable.errors import InvalidArgument
from portable.http import UploadFile

Fields = Mapping[str, Any] | Iterable[tuple[str, Any]]
"""Names and values; a list as a value stands for several of the name."""
FileValue = bytes | Path | UploadFile | tuple[str, bytes] | tuple[str, bytes, str]
"""Bytes, a file on the disk, an UploadFile, or (filename, bytes) or (filename, bytes, content type)."""
Files = Mapping[str, FileValue | Sequence[FileValue]]

ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
PATH_SAFE = "/!$&'()*+,;=:@~%"
QUERY_SAFE = PATH_SAFE + "?"


def target_of(path: str, params: Fields | None) -> str:
    """The path and query of a request line: what must be percent-encoded is, what is already stays as it is."""
    path = path.partition("#")[0]
    path, mark, query = path.partition("?")
    if params is not None:
        query = "&".join(part for part in (query, urlencode(pairs(params))) if part)
    path = quote(ESCAPE.sub("%25", path), safe=PATH_SAFE)
    query = quote(ESCAPE.sub("%25", query), safe=QUERY_SAFE)
    return f"{path}?{query}" if mark or query else path


def pairs(fields: Fields) -> list[tuple[str, str]]:
    """(name, text) for each value of a form or a query."""
    items: Iterable[tuple[str, Any]] = (
        cast("Mapping[str, Any]", fields).items() if isinstance(fields, Mapping) else fields
    )
    found: list[tuple[str, str]] = []
    for name, value in items:
        several: Iterable[Any] = cast("Iterable[Any]", value) if isinstance(value, list | tuple | set) else (value,)
        found.extend((name, text_of(name, single)) for single in several)
    return found


def text_of(name: str, value: object) -> str:
    """A value as a form or a query carries it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or isinstance(value, bytes | dict):
        raise InvalidArgument(
            f"{name}={value!r:.100} has no text in a form or a query", hint="leave it out, or send it as text"
        )
    moment = getattr(value, "isoformat", None)
    return str(value) if moment is None else str(moment())


def form_body(data: Fields) -> tuple[bytes, str]:
    """A body as application/x-www-form-urlencoded, and its type."""
    return urlencode(pairs(data), quote_via=quote_plus).encode(), "application/x-www-form-urlencoded"


def multipart_body(data: Fields, files: Files) -> tuple[bytes, str]:
    """A body as multipart/form-data (RFC 7578), and its type."""
    from secrets import token_hex

    boundary = f"portable-{token_hex(16)}"
    parts: list[bytes] = []
    for name, text in pairs(data):
        parts.append(head(boundary, f'name="{escaped(name)}"', None) + text.encode() + b"\r\n")
    for name, value in files.items():
        several = value if isinstance(value, Sequence) and not isinstance(value, bytes | tuple) else [value]
        for single in cast("Sequence[FileValue]", several):
            file = upload_of(name, single)
            disposition = f'name="{escaped(name)}"; filename="{escaped(file.filename)}"'
            parts.append(head(boundary, disposition, file.content_type) + file.data + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


def head(boundary: str, disposition: str, content_type: str | None) -> bytes:
    """The boundary and headers of one part."""
    kind = "" if content_type is None else f"content-type: {content_type}\r\n"
    return f"--{boundary}\r\ncontent-disposition: form-data; {disposition}\r\n{kind}\r\n".encode()


def escaped(name: str) -> str:
    """A name in quotes, as the HTML standard has it."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def upload_of(name: str, value: FileValue) -> UploadFile:
    """One file of a body. Raises InvalidArgument for what is none."""
    if isinstance(value, UploadFile):
        return value
    if isinstance(value, Path):
        return UploadFile(value.name, kind_of(value.name), value.read_bytes())
    if isinstance(value, bytes):
        return UploadFile(name, "application/octet-stream", value)
    # What a type checker would have told; tests are not always checked.
    parts = [*cast("tuple[Any, ...]", value), None, None] if type(value) is tuple else [None, None]
    filename, data = parts[0], parts[1]
    if isinstance(filename, str) and isinstance(data, bytes):
        return UploadFile(filename, parts[2] or kind_of(filename), data)
    raise InvalidArgument(
        f"files: {name!r} is a {type(value).__name__}",
        hint="bytes, a Path, an UploadFile, (filename, bytes) or (filename, bytes, content type)",
    )


def kind_of(filename: str) -> str:
    """The content type that a browser would guess."""
    from mimetypes import guess_type

    return guess_type(filename)[0] or "application/octet-stream"
