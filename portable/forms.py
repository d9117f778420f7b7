"""Form bodies: URL-encoded (by the standard library) and multipart (by python-multipart), whole and bounded."""

from typing import Any
from urllib.parse import parse_qsl

from .errors import HTTPError, InvalidArgument
from .extractors import FormData, check_content_coding
from .http import Request, UploadFile

MOST_FIELDS = 1000
MOST_PART_HEADERS = 16


def parse_form(request: Request) -> FormData:
    """The fields and files of a form body, in order.

    Raises HTTPError 415 for another content type, InvalidArgument with status 400 for a malformed body, and 413 for
    more than 1,000 fields and files together.
    """
    check_content_coding(request)
    content_type = request.headers.get("content-type") or ""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return parse_urlencoded(request.body)
    if kind == "multipart/form-data":
        return parse_multipart(request.body, content_type)
    raise HTTPError(415, f"the form came as {kind!r}; send application/x-www-form-urlencoded or multipart/form-data")


def parse_urlencoded(body: bytes) -> FormData:
    """`a=1&b=2` (WHATWG URL standard), UTF-8 only."""
    if body.count(b"&") >= MOST_FIELDS:
        raise too_many()
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise malformed(str(error)) from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return FormData(fields, {})


class Parts:
    """Collects what the multipart parser calls out."""

    def __init__(self) -> None:
        self.fields: dict[str, list[str]] = {}
        self.files: dict[str, list[UploadFile]] = {}
        self.count: int = 0
        self.finished: bool = False
        self._headers: dict[str, bytes] = {}
        self._name = bytearray()
        self._value = bytearray()
        self._data = bytearray()

    def begin(self) -> None:
        self.count += 1
        if self.count > MOST_FIELDS:
            raise too_many()
        self._headers, self._data = {}, bytearray()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = bytes(self._value)
        if len(self._headers) > MOST_PART_HEADERS:
            raise malformed("a part has too many headers")
        self._name, self._value = bytearray(), bytearray()

    def data(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def part_end(self) -> None:
        from python_multipart.multipart import parse_options_header

        disposition, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"name")
        if disposition != b"form-data" or name is None:
            raise malformed("a part has no content-disposition with a name")
        try:
            key = name.decode("utf-8")
            filename = options.get(b"filename")
            if filename is None:
                self.fields.setdefault(key, []).append(self._data.decode("utf-8"))
                return
            content_type = self._headers.get("content-type", b"application/octet-stream").decode("latin-1")
            file = UploadFile(filename.decode("utf-8"), content_type, bytes(self._data))
        except UnicodeDecodeError:
            raise malformed("a name or a field is not UTF-8") from None
        self.files.setdefault(key, []).append(file)

    def end(self) -> None:
        self.finished = True


def parse_multipart(body: bytes, content_type: str) -> FormData:
    """A multipart/form-data body (RFC 7578)."""
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    _, options = parse_options_header(content_type.encode("latin-1", "replace"))
    boundary = options.get(b"boundary", b"")
    if not boundary or len(boundary) > 70:
        raise malformed("the content type has no boundary of 1-70 characters")
    parts = Parts()
    callbacks: dict[str, Any] = {
        "on_part_begin": parts.begin,
        "on_part_data": parts.data,
        "on_part_end": parts.part_end,
        "on_header_field": parts.header_name,
        "on_header_value": parts.header_value,
        "on_header_end": parts.header_end,
        "on_end": parts.end,
    }
    try:
        parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise malformed(str(error)) from None
    if not parts.finished:
        raise malformed("it ends before its last boundary")
    return FormData(parts.fields, parts.files)


def malformed(why: str) -> InvalidArgument:
    error = InvalidArgument(f"the form is malformed: {why}")
    error.status = 400
    return error


def too_many() -> HTTPError:
    return HTTPError(413, f"the form has more than {MOST_FIELDS:,} fields")
