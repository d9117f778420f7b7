"""What records hold, cut to size, and how they travel between processes; deployed functions have no use for either."""

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from .telemetry import MESSAGE_BYTES, PAYLOAD_BYTES, CallRecord, InvocationRecord, LogRecord, Payload, Record, Scalar


class SpanRecord(NamedTuple):
    """A span that somebody else made, a browser or another process, in a trace of the app's."""

    trace_id: str
    span_id: str
    parent_id: str
    """"" for the first of a trace."""
    service: str
    """Its maker's `service.name`."""
    name: str
    kind: str
    """As OpenTelemetry has it: server, client, producer, consumer or internal."""
    started_at: float
    seconds: float
    error: str | None
    attributes: dict[str, Scalar]


AnyRecord: TypeAlias = Record | SpanRecord
"""What travels to the console; what the app makes itself is a Record."""


def payload_of(
    body: bytes | str,
    content_type: str = "",
    headers: Iterable[tuple[str, str]] = (),
    target: str = "",
) -> Payload:
    """What is kept of a body. Bytes that are no UTF-8 are kept as base64."""
    if isinstance(body, str):
        body = body.encode("utf-8", "backslashreplace")
    size = len(body)
    if size > PAYLOAD_BYTES:
        return _cut(body, size, content_type, tuple(headers), target)
    try:
        return Payload(body.decode(), size, content_type, "text", tuple(headers), target)
    except UnicodeDecodeError:
        return _cut(body, size, content_type, tuple(headers), target)


def _cut(body: bytes, size: int, content_type: str, headers: tuple[tuple[str, str], ...], target: str) -> Payload:
    import base64

    start = body[:PAYLOAD_BYTES]
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        # A character that the cut went through has at most three bytes left.
        if size <= PAYLOAD_BYTES or error.start < PAYLOAD_BYTES - 3 or error.reason != "unexpected end of data":
            kept = base64.b64encode(body[: PAYLOAD_BYTES // 4 * 3]).decode()
            return Payload(kept, size, content_type, "base64", headers, target)
        text = start[: error.start].decode()
    return Payload(text, size, content_type, "text", headers, target)


def cut_message(text: str) -> str:
    """A message of at most MESSAGE_BYTES bytes, which encodes."""
    if text.isascii() and len(text) <= MESSAGE_BYTES:
        return text
    raw = text.encode("utf-8", "backslashreplace")
    return raw.decode() if len(raw) <= MESSAGE_BYTES else raw[:MESSAGE_BYTES].decode("utf-8", "ignore")


# Between processes: JSON has lists for tuples, and nothing else of a record needs to be told.

KINDS = {"i": "invocation", "c": "call", "l": "log", "s": "span"}
"""What a letter stands for where records are counted."""
LETTERS: dict[str, type[AnyRecord]] = {"i": InvocationRecord, "c": CallRecord, "l": LogRecord, "s": SpanRecord}
LETTER_OF = {kind: letter for letter, kind in LETTERS.items()}


def letter_of(record: AnyRecord) -> str:
    return LETTER_OF[type(record)]


def record_of(letter: str, fields: list[Any]) -> AnyRecord:
    """The record whose fields came as JSON. Raises ValueError for what is none."""
    kind = LETTERS.get(letter)
    if kind is None or len(fields) != len(kind._fields):
        raise ValueError(f"{letter!r} with {len(fields)} fields is no record")
    if kind is not InvocationRecord:
        return kind(*fields)
    record = InvocationRecord(*fields)
    frame: Any = record.frame
    return record._replace(
        frame=None if frame is None else tuple(frame),
        request=_payload(record.request),
        response=_payload(record.response),
    )


def _payload(fields: Any) -> Payload | None:
    if fields is None:
        return None
    body, size, content_type, encoding, headers, target = fields
    return Payload(body, size, content_type, encoding, tuple((name, value) for name, value in headers), target)
