"""Our reading of Firestore's protocol buffers against Google's own: its definition, random documents, broken bytes."""

import math
import random
from typing import Any

import pytest
from google.events.cloud import firestore_v1
from google.protobuf.json_format import MessageToDict
from portable_gcp import document_events
from portable_gcp.document_events import Documents, documents_of

from portable.shapes import MalformedEvent

Event: Any = type(firestore_v1.DocumentEventData.pb(firestore_v1.DocumentEventData()))
DOCUMENT = Event.DESCRIPTOR.fields_by_name["value"].message_type
VALUE = DOCUMENT.fields_by_name["fields"].message_type.fields_by_name["value"].message_type
NAMES = {
    "boolean_value": document_events.BOOLEAN,
    "integer_value": document_events.INTEGER,
    "double_value": document_events.DOUBLE,
    "reference_value": document_events.REFERENCE,
    "map_value": document_events.MAP,
    "geo_point_value": document_events.POINT,
    "array_value": document_events.ARRAY,
    "timestamp_value": document_events.TIMESTAMP,
    "null_value": document_events.NULL,
    "string_value": document_events.STRING,
    "bytes_value": document_events.BYTES,
}
TEXTS = ("", "a", "é", "😀\x00", "x" * 300, "\u2028")
NUMBERS = (0, 1, -1, 7, 2**31, -(2**31), 2**53, 2**63 - 1, -(2**63))
FLOATS = (0.0, -0.0, 2.5, -1e300, 5e-324, math.inf, -math.inf, math.nan)
DOCUMENTS = 500
BROKEN = 3000


def test_the_fields_are_those_of_googles_definition() -> None:
    event = {field.name: field.number for field in Event.DESCRIPTOR.fields}
    assert (event["value"], event["old_value"]) == (document_events.VALUE, document_events.OLD_VALUE)
    names = {field.name: field.number for field in DOCUMENT.fields}
    assert names == {
        "name": document_events.NAME,
        "fields": document_events.FIELDS,
        "create_time": document_events.CREATED,
        "update_time": document_events.UPDATED,
    }
    assert {field.name: field.number for field in VALUE.fields} == NAMES
    assert set(document_events.TYPES) == set(NAMES.values())


def fill(value: Any, source: random.Random, depth: int) -> None:
    """Gives a value of Google's any content."""
    kinds = [name for name in NAMES if depth < 4 or name not in ("map_value", "array_value")]
    kind = source.choice(kinds)
    if kind == "string_value" or kind == "reference_value":
        setattr(value, kind, source.choice(TEXTS))
    elif kind == "integer_value":
        value.integer_value = source.choice(NUMBERS)
    elif kind == "double_value":
        value.double_value = source.choice(FLOATS)
    elif kind == "boolean_value":
        value.boolean_value = source.random() < 0.5
    elif kind == "null_value":
        value.null_value = 0
    elif kind == "bytes_value":
        value.bytes_value = source.randbytes(source.randrange(40))
    elif kind == "timestamp_value":
        value.timestamp_value.seconds = source.randrange(-62_135_596_800, 253_402_300_800)
        value.timestamp_value.nanos = source.choice((0, 1, 999_999_999, 250_000_000))
    elif kind == "geo_point_value":
        value.geo_point_value.latitude = source.choice((0.0, 51.5, -90.0))
        value.geo_point_value.longitude = source.choice((0.0, -0.97))
    elif kind == "array_value":
        value.array_value.SetInParent()
        for _ in range(source.randrange(4)):
            fill(value.array_value.values.add(), source, depth + 1)
    else:
        value.map_value.SetInParent()
        for name in source.sample(TEXTS, source.randrange(4)):
            fill(value.map_value.fields[name], source, depth + 1)


def a_document(message: Any, source: random.Random) -> None:
    message.name = f"projects/p/databases/d/documents/roots/a/items/{source.randrange(1000)}"
    message.create_time.seconds = source.randrange(1, 2**33)
    message.update_time.seconds = source.randrange(1, 2**33)
    message.update_time.nanos = source.choice((0, 123_456_000))
    for name in source.sample(TEXTS, source.randrange(5)):
        fill(message.fields[name], source, 0)


def an_event(source: random.Random) -> Any:
    event = Event()
    which = source.randrange(3)
    if which != 1:
        a_document(event.value, source)
    if which != 0:
        a_document(event.old_value, source)
    event.update_mask.field_paths.extend(source.sample(("a", "b.c"), source.randrange(3)))
    return event


def plain(found: Any) -> Any:
    """Google's JSON and ours in one form: times with as many digits, empty lists and maps spelled out."""
    if isinstance(found, dict):
        given: dict[str, Any] = found
        result = {name: plain(inner) for name, inner in given.items()}
        if set(given) == {"mapValue"}:
            result["mapValue"] = {"fields": result["mapValue"].get("fields", {})}
        if set(given) == {"arrayValue"}:
            result["arrayValue"] = {"values": result["arrayValue"].get("values", [])}
        if set(given) == {"geoPointValue"}:
            result["geoPointValue"] = {"latitude": 0.0, "longitude": 0.0, **result["geoPointValue"]}
        if set(given) == {"timestampValue"}:
            result["timestampValue"] = digits(given["timestampValue"])
        return result
    return [plain(inner) for inner in found] if isinstance(found, list) else found


def digits(moment: str) -> str:
    whole, _, fraction = moment.rstrip("Z").partition(".")
    return f"{whole}.{fraction:0<9}Z"


def as_googles(found: dict[str, Any] | None) -> dict[str, Any] | None:
    if found is None:
        return None
    result = {**plain(found), "fields": plain(found.get("fields", {}))}
    for name in ("createTime", "updateTime"):
        result[name] = digits(result[name])
    return result


def test_random_documents_are_read_as_google_reads_them() -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    source = random.Random(seed)
    for _ in range(DOCUMENTS):
        event = an_event(source)
        expected = MessageToDict(event)
        found = documents_of(event.SerializeToString())
        wanted = Documents(as_googles(expected.get("value")), as_googles(expected.get("oldValue")))
        assert Documents(as_googles(found.new), as_googles(found.old)) == wanted, seed


def test_broken_bytes_are_read_or_an_error_and_nothing_else() -> None:
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    source = random.Random(seed)
    refused = 0
    for _ in range(BROKEN):
        raw = bytearray(an_event(source).SerializeToString())
        for _ in range(source.choice((1, 1, 2, 5))):
            at = source.randrange(len(raw))
            what = source.randrange(4)
            if what == 0:
                del raw[at:]
            elif what == 1:
                raw[at] = source.randrange(256)
            elif what == 2:
                del raw[at]
            else:
                raw[at:at] = source.randbytes(3)
            if not raw:
                break
        try:
            documents_of(bytes(raw))
        except MalformedEvent:
            refused += 1
    print(f"{refused} of {BROKEN} are refused")
    assert refused >= BROKEN // 10


def test_an_empty_document_is_none() -> None:
    """As Google's own samples have it: an event of a creation with an empty document that it was before."""
    event = Event()
    event.value.name = "projects/p/databases/d/documents/c/d"
    event.old_value.SetInParent()
    assert documents_of(event.SerializeToString()).old is None
    with pytest.raises(MalformedEvent, match="no document"):
        documents_of(b"")


def test_what_is_nested_without_end_is_an_error() -> None:
    event = Event()
    event.value.name = "a/b"
    value = event.value.fields["a"]
    for _ in range(90):
        value = value.array_value.values.add()
    value.null_value = 0
    with pytest.raises(MalformedEvent, match="nested"):
        documents_of(event.SerializeToString())
