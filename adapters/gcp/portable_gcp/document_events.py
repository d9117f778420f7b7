"""What Firestore tells of a document that changed: protocol buffers, read by hand.

The message is `DocumentEventData`, of which this is the published definition, field by field:
https://github.com/googleapis/google-cloudevents/blob/main/proto/google/events/cloud/firestore/v1/data.proto
What comes out has the form of Firestore's own JSON (REST), so that documents are read by the same code wherever they
come from. By hand, because Google's library for it would be the only compiled part of a bundle, and costs a function
without it more at each cold start than all that it reads here: docs/design/0019.
https://protobuf.dev/programming-guides/encoding/
"""

import struct
from binascii import b2a_base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from portable.shapes import MalformedEvent

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
VARINT_BYTES = 10
DEEPEST = 64
"""Firestore nests 20 deep, and a level here is up to three messages: https://cloud.google.com/firestore/quotas"""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NANOSECONDS = 10**9

# By the numbers of fields in the definition.
VALUE, OLD_VALUE = 1, 2
NAME, FIELDS, CREATED, UPDATED = 1, 2, 3, 4
BOOLEAN, INTEGER, DOUBLE, REFERENCE, MAP, POINT, ARRAY, TIMESTAMP, NULL, STRING, BYTES = (
    1, 2, 3, 5, 6, 8, 9, 10, 11, 17, 18,
)  # fmt: skip
TYPES = {
    BOOLEAN: VARINT,
    INTEGER: VARINT,
    NULL: VARINT,
    DOUBLE: FIXED64,
    REFERENCE: DELIMITED,
    MAP: DELIMITED,
    POINT: DELIMITED,
    ARRAY: DELIMITED,
    TIMESTAMP: DELIMITED,
    STRING: DELIMITED,
    BYTES: DELIMITED,
}
"""How each kind of value is written."""

Field = tuple[int, int, Any]
"""(number, how it is written, an int or bytes)"""


class Documents(NamedTuple):
    """A document after and before a change, each as REST has it: `name`, `fields`, `createTime`, `updateTime`.

    `new` is None where it was deleted, `old` where it was created.
    """

    new: dict[str, Any] | None
    old: dict[str, Any] | None


def documents_of(raw: bytes) -> Documents:
    """Reads a `DocumentEventData`. Raises MalformedEvent for bytes that are none."""
    new: dict[str, Any] | None = None
    old: dict[str, Any] | None = None
    for number, kind, value in message(raw):
        if number == VALUE:
            new = document(expect(kind, DELIMITED, value))
        elif number == OLD_VALUE:
            old = document(expect(kind, DELIMITED, value))
    # A document without a name stands for none.
    new, old = (one if one is not None and "name" in one else None for one in (new, old))
    if new is None and old is None:
        raise MalformedEvent("the event of Firestore has no document, neither as it is nor as it was")
    return Documents(new, old)


def document(raw: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    found: dict[str, Any] = {"fields": fields}
    for number, kind, value in message(raw):
        if number == NAME:
            found["name"] = text(expect(kind, DELIMITED, value))
        elif number == FIELDS:
            name, inner = entry(expect(kind, DELIMITED, value), 0)
            fields[name] = inner
        elif number in (CREATED, UPDATED):
            found["createTime" if number == CREATED else "updateTime"] = timestamp(expect(kind, DELIMITED, value))
    return found


def entry(raw: bytes, depth: int) -> tuple[str, dict[str, Any]]:
    """One field of a document or map."""
    name, found = "", None
    for number, kind, value in message(raw):
        if number == 1:
            name = text(expect(kind, DELIMITED, value))
        elif number == 2:
            found = value_of(expect(kind, DELIMITED, value), depth)
    if found is None:
        raise MalformedEvent(f"the field {name!r:.80} of the document has no value")
    return name, found


def value_of(raw: bytes, depth: int) -> dict[str, Any]:
    """A `Value`: `{"stringValue": "a"}`. Of several, the last one counts."""
    if depth > DEEPEST:
        raise MalformedEvent("the document is nested deeper than Firestore takes")
    found: dict[str, Any] | None = None
    for number, kind, value in message(raw):
        expected = TYPES.get(number)
        if expected is not None:
            expect(kind, expected, value)
            found = one_value(number, value, depth)
    if found is None:
        raise MalformedEvent("a value of the document has no type that Firestore has")
    return found


def one_value(number: int, value: Any, depth: int) -> dict[str, Any]:
    if number == STRING:
        return {"stringValue": text(value)}
    if number == INTEGER:
        return {"integerValue": str(signed(value))}
    if number == MAP:
        return {"mapValue": {"fields": dict(entry(part, depth + 1) for part in parts(value))}}
    if number == ARRAY:
        return {"arrayValue": {"values": [value_of(part, depth + 1) for part in parts(value)]}}
    if number == DOUBLE:
        return {"doubleValue": double(value)}
    if number == BOOLEAN:
        return {"booleanValue": value != 0}
    if number == NULL:
        return {"nullValue": None}
    if number == TIMESTAMP:
        return {"timestampValue": timestamp(value)}
    if number == BYTES:
        return {"bytesValue": b2a_base64(value, newline=False).decode("ascii")}
    if number == REFERENCE:
        return {"referenceValue": text(value)}
    return {"geoPointValue": point(value)}


def parts(raw: bytes) -> list[bytes]:
    """What a map or an array consists of: both have it in their first field."""
    return [expect(kind, DELIMITED, value) for number, kind, value in message(raw) if number == 1]


def point(raw: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"latitude": 0.0, "longitude": 0.0}
    for number, kind, value in message(raw):
        if number in (1, 2):
            found["latitude" if number == 1 else "longitude"] = double(expect(kind, FIXED64, value))
    return found


def timestamp(raw: bytes) -> str:
    """A time as JSON has it: RFC 3339 in UTC, with as many digits as there are."""
    seconds = nanoseconds = 0
    for number, kind, value in message(raw):
        if number == 1:
            seconds = signed(expect(kind, VARINT, value))
        elif number == 2:
            nanoseconds = signed(expect(kind, VARINT, value))
    if not 0 <= nanoseconds < NANOSECONDS:
        raise MalformedEvent(f"a time of the event has {nanoseconds} nanoseconds")
    try:
        at = (EPOCH + timedelta(seconds=seconds)).isoformat()[:19]
    except OverflowError:
        raise MalformedEvent(f"a time of the event is {seconds} seconds from 1970") from None
    return f"{at}.{nanoseconds:09d}Z" if nanoseconds else f"{at}Z"


def double(raw: bytes) -> float | str:
    """A number as JSON has it: what is none is told by a word."""
    found: float = struct.unpack("<d", raw)[0]
    if found - found == 0:
        return found
    return "NaN" if found != found else "Infinity" if found > 0 else "-Infinity"


# How messages are written


def message(raw: bytes) -> Iterator[Field]:
    """The fields of a message, in the order in which they stand. Raises MalformedEvent where it breaks off."""
    at, end = 0, len(raw)
    while at < end:
        key, at = varint(raw, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = varint(raw, at)
            yield number, kind, value
            continue
        if kind == DELIMITED:
            size, at = varint(raw, at)
        elif kind == FIXED64:
            size = 8
        elif kind == FIXED32:
            size = 4
        else:
            raise MalformedEvent(f"the event has a field of the kind {kind}, which protocol buffers do not have")
        if number == 0 or size > end - at:
            raise MalformedEvent("the event breaks off within a field")
        yield number, kind, raw[at : at + size]
        at += size


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """An integer of 64 bits without its sign, and where it ends."""
    found = shift = 0
    for position in range(at, min(at + VARINT_BYTES, len(raw))):
        byte = raw[position]
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found & 0xFFFFFFFFFFFFFFFF, position + 1
        shift += 7
    raise MalformedEvent("the event breaks off within a number")


def signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def expect(kind: int, expected: int, value: Any) -> Any:
    """The value, if it is written as its field is. Raises MalformedEvent."""
    if kind != expected:
        raise MalformedEvent("a field of the event is not written as its definition has it")
    return value


def text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise MalformedEvent("a text of the event is not UTF-8") from None
