"""Values of documents as Firestore's JSON has them, and back. No I/O.

Null, bool, int, float, text, bytes, moments, lists and maps are Firestore's own. What it has no type for is a map of
one field, `$decimal` for a Decimal and `$list` for a list in a list; names like `__decimal__`, which no document of
portable can have, are reserved in Firestore too. A document's own map of one field that is called so gets one more `$`.
https://firebase.google.com/docs/firestore/reference/rest/v1/Value
"""

from base64 import b64decode, b64encode
from typing import Any

from portable.drivers import Document

DECIMAL_TAG = "$decimal"
LIST_TAG = "$list"
TAGS = frozenset({"decimal", "list"})

Fields = dict[str, Any]
"""Fields of a document or map, each as {"stringValue": ...} and so on."""


def fields_of(document: Document) -> Fields:
    """The fields of a map."""
    return {name: value(item) for name, item in document.items()}


def value(plain: Any) -> dict[str, Any]:
    """A plain value of documents.py as Firestore takes it."""
    kind = type(plain)  # pyright: ignore[reportUnknownVariableType]
    if kind is str:
        return {"stringValue": plain}
    if kind is int:
        return {"integerValue": str(plain)}
    if kind is bool:
        return {"booleanValue": plain}
    if plain is None:
        return {"nullValue": None}
    if kind is dict:
        if len(plain) == 1:
            [(name, item)] = plain.items()
            return tagged("$" + name if is_like_tag(name) else name, value(item))
        return {"mapValue": {"fields": fields_of(plain)}}
    if kind is list:
        return {"arrayValue": {"values": [element(item) for item in plain]}}
    if kind is float:
        return {"doubleValue": plain}
    if kind is bytes:
        return bytes_value(plain)
    isoformat = getattr(plain, "isoformat", None)
    if isoformat is not None:
        return {"timestampValue": isoformat().replace("+00:00", "Z")}
    return tagged(DECIMAL_TAG, {"stringValue": str(plain)})


def element(plain: Any) -> dict[str, Any]:
    """A value in a list: a list directly in a list is what Firestore refuses."""
    found = value(plain)
    return tagged(LIST_TAG, found) if "arrayValue" in found else found


def tagged(name: str, content: dict[str, Any]) -> dict[str, Any]:
    """A map of one field."""
    return {"mapValue": {"fields": {name: content}}}


def bytes_value(content: bytes) -> dict[str, Any]:
    return {"bytesValue": b64encode(content).decode()}


def is_like_tag(name: str) -> bool:
    return name[:1] == "$" and name.lstrip("$") in TAGS


def document_of(fields: Fields) -> Document:
    """The document of a map's fields. Raises ValueError for a value that portable does not write."""
    return {name: plain(item) for name, item in fields.items()}


def plain(found: dict[str, Any]) -> Any:
    """The plain value of one of Firestore."""
    for kind, content in found.items():
        if kind == "stringValue" or kind == "booleanValue":
            return content
        if kind == "integerValue":
            return int(content)
        if kind == "mapValue":
            fields: Fields = content.get("fields") or {}
            return untagged(fields) if len(fields) == 1 else document_of(fields)
        if kind == "arrayValue":
            return [plain(item) for item in content.get("values") or ()]
        if kind == "nullValue":
            return None
        if kind == "doubleValue":
            return float(content)
        if kind == "bytesValue":
            return b64decode(content)
        if kind == "timestampValue":
            from datetime import datetime

            return datetime.fromisoformat(content)
        raise ValueError(f"documents have no {kind}")
    raise ValueError("a value without a type")


def untagged(fields: Fields) -> Any:
    """A map of one field: perhaps what Firestore has no type for."""
    [(name, item)] = fields.items()
    if is_like_tag(name):
        if name == DECIMAL_TAG:
            from decimal import Decimal

            return Decimal(item["stringValue"])
        if name == LIST_TAG:
            return plain(item)
        name = name[1:]
    return {name: plain(item)}
