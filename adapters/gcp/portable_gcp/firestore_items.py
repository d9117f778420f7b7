"""Items as Firestore has them: fields, versions, expiry; and back. No I/O.

Versions. The version of an item is Firestore's own `updateTime`, 16 digits of microseconds. Where the item expires, the
second of that follows after a dot: who has a version knows without a look whether its item is still there. Firestore
promises that `updateTime` "increases monotonically with each change to the document", also when that is deleted and
made anew (https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.documents#Document): no clock
of ours is asked, nothing is kept of what was deleted, and a condition on it is Firestore's own precondition.

A write that changes nothing leaves `updateTime` as it is. Therefore each writes a mark of its own, `m.w`: a version
then changes with every write, and a write whose answer was lost recognises what it wrote. `m.n` is the item's size, by
which pages are kept small; `m.t` the traceparent of who wrote it, where a handler listens.
"""

import os
import re
from datetime import UTC, datetime
from typing import Any, cast

from portable.binding import current_context
from portable.documents import decode, encode
from portable.drivers import Document, IndexValue, NewItem, StoredItem
from portable.specs import IndexSpec

from .firestore_keys import escaped, key_order, unescaped
from .firestore_values import Fields, bytes_value, document_of, fields_of, plain
from .layout import DOCUMENT, FIRST, INDEXES, MARK, ORDER, ROOTS, SECOND, TTL

Found = dict[str, Any]
"""A document as it was read: `name`, `fields`, `updateTime`."""

TEXT_CHARACTERS = 80_000
"""Of a document's JSON; one of more is stored as text, since a document of Firestore has at most 1 MiB: an empty list
in a list, three characters of JSON, takes 38 bytes there. https://firebase.google.com/docs/firestore/storage-size"""
VERSION = re.compile(r"(?!0{16})[0-9]{16}(\.-?[0-9]{1,12})?")
"""Not the time zero, which Google's emulator takes for that of a document that is not there."""
VERSION_DIGITS = 16
MICROSECONDS = 10**6
LAST_MOMENT = 253_402_300_799
FIRST_MOMENT = -62_135_596_800
"""Years 1 to 9999: https://protobuf.dev/reference/protobuf/google.protobuf/#timestamp"""


# Names


def item_name(documents: str, collection: str, pk: str, sk: str) -> str:
    """The document of an item; `documents` is the path of the database's documents."""
    return f"{documents}/{ROOTS}/{escaped(pk)}/{collection}/{escaped(sk)}"


def keys_of(name: str) -> tuple[str, str]:
    """pk and sk of a document. Raises ValueError for one that is no item."""
    *_, roots, pk, _, sk = name.split("/")
    if roots != ROOTS:
        raise ValueError(f"the document {name} is no item: portable did not write it")
    return unescaped(pk), unescaped(sk)


# Items


def item_fields(
    item: NewItem, mark: str, indexes: dict[str, IndexSpec], *, is_heard: bool, is_text: bool = False
) -> Fields:
    """All that is stored of an item. `is_text`: the document is its JSON, not a map."""
    found: Fields = {
        ORDER: bytes_value(item.sk.encode()),
        DOCUMENT: {"stringValue": item.encoded} if is_text else {"mapValue": {"fields": fields_of(item.document)}},
        MARK: mark_value(mark, len(item.encoded), is_heard=is_heard),
    }
    if item.expires_at is not None:
        seconds = max(FIRST_MOMENT, min(item.expires_at, LAST_MOMENT))
        found[TTL] = {"timestampValue": moment_text(seconds, 0)}
    projected: Fields = {
        name: {
            "mapValue": {
                "fields": {
                    FIRST: index_value(values[0]),
                    SECOND: index_value(values[1]) if len(values) > 1 else bytes_value(key_order(item.pk, item.sk)),
                }
            }
        }
        for name, values in item.index_values.items()
        if name in indexes
    }
    if projected:
        found[INDEXES] = {"mapValue": {"fields": projected}}
    return found


def index_value(value: IndexValue) -> dict[str, Any]:
    """Texts as bytes: their order is that of UTF-8 wherever they are compared."""
    return {"integerValue": str(value)} if isinstance(value, int) else bytes_value(value.encode())


def new_mark() -> str:
    return os.urandom(9).hex()


def mark_value(mark: str, size: int, *, is_heard: bool) -> dict[str, Any]:
    fields: Fields = {"w": {"stringValue": mark}, "n": {"integerValue": str(size)}}
    context = current_context.get() if is_heard else None
    if context is not None:
        fields["t"] = {"stringValue": context.traceparent}
    return {"mapValue": {"fields": fields}}


def mark_of(found: Found) -> str:
    """The mark of who wrote this; "" if portable did not."""
    text: str = marks(found).get("w", {}).get("stringValue", "")
    return text


def size_of(found: Found) -> int:
    """About how many bytes the item has."""
    return int(marks(found).get("n", {}).get("integerValue", "0"))


def traceparent_of(found: Found) -> str:
    """Of the handler that wrote this; "" outside of handlers."""
    text: str = marks(found).get("t", {}).get("stringValue", "")
    return text


def marks(found: Found) -> Fields:
    fields: Fields = found.get("fields", {}).get(MARK, {}).get("mapValue", {}).get("fields", {})
    return fields


def stored_item(found: Found) -> StoredItem:
    """What was read. Raises ValueError for a document that portable did not write."""
    pk, sk = keys_of(found["name"])
    content = content_of(found)
    if "stringValue" in content:
        return StoredItem(pk, sk, version_of(found), None, content["stringValue"])
    return StoredItem(pk, sk, version_of(found), document_of(content["mapValue"].get("fields") or {}), None)


def content_of(found: Found) -> dict[str, Any]:
    """The value that has the document: a map, or a text with its JSON."""
    content: dict[str, Any] | None = found.get("fields", {}).get(DOCUMENT)
    if content is None or not ("mapValue" in content or "stringValue" in content):
        raise ValueError(f"the document {found['name']} has no {DOCUMENT!r}: portable did not write it")
    return content


def image(found: Found) -> tuple[str, str]:
    """The canonical JSON of a document and its version: what portable.changes.change_body takes."""
    stored = stored_item(found)
    return stored.encoded if stored.encoded is not None else encode(cast("Document", stored.document)), stored.version


def document_field(found: Found, field: str) -> Any:
    """A field of the item's document; 0 if it has none."""
    content = content_of(found)
    if "stringValue" in content:
        return decode(content["stringValue"]).get(field, 0)
    fields: Fields = content["mapValue"].get("fields") or {}
    return plain(fields[field]) if field in fields else 0


def with_field(found: Found, field: str, value: int) -> dict[str, Any]:
    """The value that has the document, with a field changed."""
    content = content_of(found)
    if "stringValue" in content:
        return {"stringValue": encode({**decode(content["stringValue"]), field: value})}
    return {"mapValue": {"fields": {**(content["mapValue"].get("fields") or {}), field: {"integerValue": str(value)}}}}


def is_expired(found: Found, now: int) -> bool:
    ends = found.get("fields", {}).get(TTL)
    return ends is not None and microseconds(ends["timestampValue"]) <= now * MICROSECONDS


# Versions


def version_of(found: Found) -> str:
    version = f"{microseconds(found['updateTime']):0{VERSION_DIGITS}d}"
    ends = found.get("fields", {}).get(TTL)
    return version if ends is None else f"{version}.{microseconds(ends['timestampValue']) // MICROSECONDS}"


def update_time(version: str) -> str:
    """The `updateTime` of an item that has this version."""
    seconds, rest = divmod(int(version[:VERSION_DIGITS]), MICROSECONDS)
    return moment_text(seconds, rest)


def is_over(version: str, now: int) -> bool:
    """Whether the item of this version has expired."""
    ends = version[VERSION_DIGITS + 1 :]
    return bool(ends) and int(ends) <= now


def deleted_version(version: str) -> str:
    """The version of the deletion of an item that had `version`: after that one, before any that is written later."""
    return f"{version}d"


def could_be_version(version: str) -> bool:
    """Whether a text that a user gave can be compared with a version at all."""
    return VERSION.fullmatch(version) is not None


def microseconds(moment: str) -> int:
    """Of a time as Firestore writes it, `2026-11-27T00:18:10.123456Z`, since 1970. It has none that is finer."""
    whole, _, fraction = moment.rstrip("Z").partition(".")
    seconds = int(datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp())
    return seconds * MICROSECONDS + int(fraction[:6].ljust(6, "0"))


def moment_text(seconds: int, micros: int) -> str:
    whole = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    return f"{whole}.{micros:06d}Z" if micros else f"{whole}Z"
