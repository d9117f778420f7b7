"""Items as DynamoDB has them: keys, document, version, expiry, what indexes need; and back. No I/O.

An item has the attributes of layout.py and

- `doc`: the document as a map. Text, bytes, bool, None, lists and maps are DynamoDB's own, ints and fractions are
  numbers. What DynamoDB has no type for is a map of one field that no document can have: Decimals (whose trailing
  zeros a number would lose), moments, and floats without a fraction (which would come back as ints).
- `_v`: the version, a number of 22 digits: 16 of microseconds since 1970 and 6 at random. See versions below.
- `_t`: which invocation wrote it, in tables whose changes are listened to: streams have no place for a trace. It
  counts for one version, since an increment leaves it as it is. See traces.py.
- `_f`: the names of top-level fields that hold fractions, if there are any: a condition can ask whether a field is a
  number, not whether it is whole.

Versions. Every write makes the version larger, by condition or by adding to it, so those of one item follow the order
in which its writes took effect, whoever writes and whatever its clock says. A write draws its version from the clock
of its machine, and never below one that its process has seen; a write that finds a larger one there learns it and
draws again. Nothing is kept of a deleted item. Its successor's version is larger still because time has passed: the
order across a deletion thus relies on clocks that differ by less than the time between two writes of two machines
that have not heard of one another (microseconds to a millisecond within AWS; AWS answers nobody whose clock is off by
more than 5 minutes). A tombstone would rely on nothing, and would cost a write, storage, and a filter in every read
of every table. The machine's clock is taken, not the app's: a test that stops time still writes one thing after
another. The random digits make a version name one write, so that a retry recognises what an attempt whose answer was
lost has written.
"""

import os
import threading
import time
from typing import Any, cast

from portable.documents import BYTES_TAG, DATETIME_TAG, DECIMAL_TAG, encode
from portable.drivers import Document, IndexValue, NewItem, StoredItem
from portable.specs import IndexSpec

from .layout import PK, SK, TTL, index_attributes

DOCUMENT = "doc"
VERSION = "_v"
FRACTIONS = "_f"
TRACE = "_t"
FLOAT_TAG = "__float__"
ANY_FIELD = "*"
"""In place of the names when there are too many; also a legal name, which only makes an increment look twice."""
MOST_FRACTIONS = 32
MOST_FRACTION_BYTES = 2048

ORDER_BYTES = 1024
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

Attributes = dict[str, Any]
"""Attributes of an item, each as {"S": ...}, {"N": ...} and so on."""


# Values


def attribute(value: Any) -> dict[str, Any]:
    """A plain value of documents.py as DynamoDB takes it."""
    kind = type(value)  # pyright: ignore[reportUnknownVariableType]
    if kind is str:
        return {"S": value}
    if kind is int:
        return {"N": str(value)}
    if kind is bool:
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if kind is dict:
        return {"M": {name: attribute(item) for name, item in value.items()}}
    if kind is list:
        return {"L": [attribute(item) for item in value]}
    if kind is float:
        return {"M": {FLOAT_TAG: {"S": repr(value)}}} if value.is_integer() else {"N": repr(value)}
    if kind is bytes:
        return {"B": value}
    isoformat = getattr(value, "isoformat", None)
    return (
        {"M": {DATETIME_TAG: {"S": isoformat()}}} if isoformat is not None else {"M": {DECIMAL_TAG: {"S": str(value)}}}
    )


def document_of(fields: Attributes) -> Document:
    """The document of a map of attributes."""
    return {name: plain(value) for name, value in fields.items()}


def plain(value: dict[str, Any]) -> Any:
    """The plain value of one attribute."""
    for kind, content in value.items():
        if kind == "S" or kind == "BOOL" or kind == "B":
            return content
        if kind == "N":
            return number(content)
        if kind == "M":
            if len(content) == 1:
                return tagged(content)
            return {name: plain(item) for name, item in content.items()}
        if kind == "L":
            return [plain(item) for item in content]
        if kind == "NULL":
            return None
        raise ValueError(f"documents have no {kind}")
    raise ValueError("an attribute without a value")


def tagged(content: Attributes) -> Any:
    """A map of one field: perhaps what DynamoDB has no type for."""
    [(name, item)] = content.items()
    if name == DECIMAL_TAG:
        from decimal import Decimal

        return Decimal(item["S"])
    if name == DATETIME_TAG:
        from datetime import datetime

        return datetime.fromisoformat(item["S"])
    if name == FLOAT_TAG:
        return float(item["S"])
    return {name: plain(item)}


def number(text: str) -> int | float:
    """An int, or a float where it has a fraction or an exponent."""
    try:
        return int(text)
    except ValueError:
        found = float(text)
        # Not every DynamoDB writes out a large int.
        return int(found) if found.is_integer() else found


# Items


def item_key(pk: str, sk: str) -> Attributes:
    return {PK: {"S": pk}, SK: {"S": sk}}


def attributes_of(item: NewItem, version: str, indexes: dict[str, IndexSpec]) -> Attributes:
    """All that is stored of an item."""
    document = item.document
    found: Attributes = {
        PK: {"S": item.pk},
        SK: {"S": item.sk},
        DOCUMENT: {"M": {name: attribute(value) for name, value in document.items()}},
        VERSION: {"N": version},
    }
    if item.expires_at is not None:
        found[TTL] = {"N": str(item.expires_at)}
    if float in map(type, document.values()):
        names = fraction_names(document)
        if names:
            found[FRACTIONS] = {"SS": names}
    for name, values in item.index_values.items():
        if name in indexes:
            first, second = index_attributes(name)
            found[first] = attribute(values[0])
            found[second] = attribute(values[1]) if len(values) > 1 else {"S": key_order(item.pk, item.sk)}
    return found


def fraction_names(document: Document) -> list[str]:
    """The top-level fields that an increment must not take for ints."""
    names = [name for name, value in document.items() if type(value) is float and not value.is_integer()]
    if len(names) > MOST_FRACTIONS or sum(len(name.encode()) for name in names) > MOST_FRACTION_BYTES:
        return [ANY_FIELD]
    return names


def key_order(pk: str, sk: str) -> str:
    """A text whose order in bytes is that of the pairs (pk, sk), at most 1024 bytes.

    Keys with hundreds of NULs would be longer; these are cut, and their order is only that of their starts.
    """
    text = pk.replace("\0", "\0\2") + "\0\1" + sk.replace("\0", "\0\2")
    if len(text) <= ORDER_BYTES // 4 or len(text.encode()) <= ORDER_BYTES:
        return text
    from hashlib import sha256

    return text.encode()[: ORDER_BYTES - 40].decode(errors="ignore") + "\0\3" + sha256(text.encode()).hexdigest()[:32]


def stored_item(found: Attributes) -> StoredItem:
    """What was read. Raises ValueError for an item that portable did not write."""
    try:
        return StoredItem(found[PK]["S"], found[SK]["S"], version_of(found), document_of(found[DOCUMENT]["M"]), None)
    except KeyError as error:
        raise ValueError(
            f"the item {found.get(PK)}, {found.get(SK)} has no {error}: portable did not write it"
        ) from None


def is_expired(found: Attributes, now: int) -> bool:
    ends = found.get(TTL)
    return ends is not None and int(ends["N"]) <= now


# Versions

VERSION_DIGITS = 22
RANDOM = 10**6
FIRST_RANDOM = 1


def version_of(found: Attributes) -> str:
    text: str = found[VERSION]["N"]
    if len(text) == VERSION_DIGITS and text.isdecimal():
        return text
    # Not every DynamoDB writes out a number with many zeros.
    from decimal import Decimal

    return f"{int(Decimal(text)):0{VERSION_DIGITS}d}"


def deleted_version(version: str) -> str:
    """The version of the deletion of an item that had `version`: after that one, before any that is written later."""
    return f"{version}d"


def could_be_version(version: str) -> bool:
    """Whether a text that a user gave can be compared with a version at all."""
    return len(version) == VERSION_DIGITS and version.isascii() and version.isdecimal()


class Versions:
    """Draws versions: larger than all that were drawn or seen before in this process. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def draw(self, after: str | None = None) -> str:
        """A version of this moment, larger than `after`."""
        now = time.time_ns() // 1000
        chance = int.from_bytes(os.urandom(4), "big") % RANDOM
        with self._lock:
            last = self._last
            if after is not None:
                last = max(last, int(after) // RANDOM)
            micros = self._last = max(now, last + 1)
        return f"{micros * RANDOM + chance:0{VERSION_DIGITS}d}"

    def saw(self, version: str) -> None:
        """Takes note of a version of another process."""
        micros = int(version) // RANDOM
        with self._lock:
            self._last = max(self._last, micros)


versions = Versions()
"""Of this process: for all tables, so that what is written because of something else sorts after it."""


# Changes


def image(found: Attributes) -> tuple[str, str]:
    """The canonical JSON of a stream's image and its version: what portable.changes.change_body takes."""
    stored = stored_item(found)
    return encode(cast("Document", stored.document)), stored.version


def index_value(value: IndexValue) -> Attributes:
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


__all__ = [
    "ANY_FIELD",
    "BYTES_TAG",
    "DOCUMENT",
    "FRACTIONS",
    "TRACE",
    "VERSION",
    "Attributes",
    "Versions",
    "attribute",
    "attributes_of",
    "could_be_version",
    "deleted_version",
    "document_of",
    "image",
    "index_value",
    "is_expired",
    "item_key",
    "number",
    "stored_item",
    "version_of",
    "versions",
]
