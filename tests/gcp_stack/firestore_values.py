"""Values of documents: their order, the fields that paths name, and what Firestore refuses or counts.

https://firebase.google.com/docs/firestore/manage-data/data-types#value_type_ordering
"""

import re
from collections.abc import Iterator
from typing import Any

from .firestore_protos import MapValue, Refused, Value

RANKS = {
    "null_value": 0,
    "boolean_value": 1,
    "integer_value": 2,
    "double_value": 2,
    "timestamp_value": 3,
    "string_value": 4,
    "bytes_value": 5,
    "reference_value": 6,
    "geo_point_value": 7,
    "array_value": 8,
    "map_value": 9,
}
MOST_BYTES = 1024 * 1024
MOST_FIELD_BYTES = MOST_BYTES - 89
MAP_BYTES = 32
DEEPEST = 20
MOST_ENTRIES = 40_000
NAME_BYTES = 1500
PATH_BYTES = 6 * 1024
RESERVED = re.compile(r"__.*__", re.DOTALL)
NUMERIC_ID = re.compile(r"__id(-?\d+)__")


def order_of(value: Any) -> tuple[int, Any]:
    """A key by which values of any type sort as in Firestore."""
    kind = value.WhichOneof("value_type")
    content = getattr(value, kind)
    if kind == "timestamp_value":
        content = (content.seconds, content.nanos)
    elif kind == "string_value":
        content = content.encode()
    elif kind == "reference_value":
        content = name_order(content)
    elif kind == "geo_point_value":
        content = (content.latitude, content.longitude)
    elif kind == "array_value":
        content = tuple(order_of(one) for one in content.values)
    elif kind == "map_value":
        content = tuple(
            (name.encode(), order_of(content.fields[name])) for name in sorted(content.fields, key=str.encode)
        )
    elif kind == "null_value":
        content = 0
    return RANKS[kind], content


def name_order(name: str) -> tuple[tuple[int, int, bytes], ...]:
    """Numeric ids come before texts."""
    found = []
    for part in name.split("/"):
        match = NUMERIC_ID.fullmatch(part)
        found.append((0, int(match[1]), b"") if match else (1, 0, part.encode()))
    return tuple(found)


# Paths


def split_path(path: str) -> list[str]:
    """The names in a path: a.`b.c`.d."""
    found: list[str] = []
    current, is_quoted, position = "", False, 0
    while position < len(path):
        character = path[position]
        if is_quoted and character == "\\":
            position += 1
            current += path[position]
        elif character == "`":
            is_quoted = not is_quoted
        elif character == "." and not is_quoted:
            found.append(current)
            current = ""
        else:
            current += character
        position += 1
    if is_quoted or not current:
        raise Refused("INVALID_ARGUMENT", f"Invalid field path {path!r}")
    return [*found, current]


def field_of(document: Any, path: str) -> Any:
    """The value at a path, or None."""
    if path == "__name__":
        return Value(reference_value=document.name)
    fields, value = document.fields, None
    for name in split_path(path):
        if name not in fields:
            return None
        value = fields[name]
        fields = value.map_value.fields
    return value


def set_field(document: Any, path: str, value: Any) -> None:
    """With None: removes it."""
    names = split_path(path)
    fields = document.fields
    for name in names[:-1]:
        if value is None and name not in fields:
            return
        if fields[name].WhichOneof("value_type") != "map_value":
            fields[name].CopyFrom(Value(map_value=MapValue()))
        fields = fields[name].map_value.fields
    if value is None:
        fields.pop(names[-1], None)
    else:
        fields[names[-1]].CopyFrom(value)


# What is refused. https://firebase.google.com/docs/firestore/quotas, https://firebase.google.com/docs/firestore/storage-size


def check_name(name: str, documents: str) -> None:
    """Refuses what is no name of a document of this database."""
    relative = name.removeprefix(f"{documents}/").split("/")
    if not name.startswith(f"{documents}/") or len(relative) % 2:
        raise Refused(
            "INVALID_ARGUMENT", f'Document name "{name}" lacks "{documents}/" at its start, or is a collection'
        )
    if len("/".join(relative).encode()) > PATH_BYTES:
        raise Refused("INVALID_ARGUMENT", f"The path of {name[:80]!r} is longer than {PATH_BYTES} bytes")
    for part in relative:
        if not part or part in (".", "..") or len(part.encode()) > NAME_BYTES:
            raise Refused("INVALID_ARGUMENT", f'Resource id "{part[:80]}" is empty, too long, or "." or ".."')
        if RESERVED.fullmatch(part) and not NUMERIC_ID.fullmatch(part):
            raise Refused("INVALID_ARGUMENT", f'Resource id "{part}" is invalid because it is reserved.')


def check_document(document: Any) -> None:
    for name, value in document.fields.items():
        check_field(name, value, 1)
    parts = document.name.split("/")[5:]
    size = sum(len(part.encode()) + 1 for part in parts) + 16 + MAP_BYTES
    size += sum(len(name.encode()) + 1 + size_of(value) for name, value in document.fields.items())
    if size > MOST_BYTES:
        raise Refused(
            "INVALID_ARGUMENT",
            f"Document '{document.name}' cannot be written because its size ({size:,} bytes) exceeds "
            f"the maximum allowed size of {MOST_BYTES:,} bytes.",
        )


def check_field(name: str, value: Any, depth: int) -> None:
    if not name or len(name.encode()) > NAME_BYTES or RESERVED.fullmatch(name):
        raise Refused("INVALID_ARGUMENT", f"field name {name[:80]!r} is empty, too long or reserved.")
    check_value(value, depth)


def check_value(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise Refused("INVALID_ARGUMENT", f"Property is nested deeper than the maximum of {DEEPEST}")
    kind = value.WhichOneof("value_type")
    if kind is None:
        raise Refused("INVALID_ARGUMENT", "A value has no type")
    if kind == "map_value":
        for name, inner in value.map_value.fields.items():
            check_field(name, inner, depth + 1)
    elif kind == "array_value":
        for inner in value.array_value.values:
            if inner.WhichOneof("value_type") == "array_value":
                raise Refused("INVALID_ARGUMENT", "Cannot convert an array value in an array value.")
            check_value(inner, depth + 1)
    elif kind in ("string_value", "bytes_value") and size_of(value) > MOST_FIELD_BYTES:
        raise Refused("INVALID_ARGUMENT", f"A value is longer than {MOST_FIELD_BYTES} bytes")


def size_of(value: Any) -> int:
    """By the rules of the page on storage size."""
    kind = value.WhichOneof("value_type")
    if kind == "string_value":
        return len(value.string_value.encode()) + 1
    if kind == "bytes_value":
        return len(value.bytes_value)
    if kind == "map_value":
        # "The size of the map, calculated the same way as document size".
        fields = value.map_value.fields.items()
        return MAP_BYTES + sum(len(name.encode()) + 1 + size_of(inner) for name, inner in fields)
    if kind == "array_value":
        return sum(map(size_of, value.array_value.values))
    if kind == "reference_value":
        return sum(len(part.encode()) + 1 for part in value.reference_value.split("/")[5:]) + 16
    return {"null_value": 1, "boolean_value": 1, "geo_point_value": 16}.get(kind, 8)


def leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[str, ...]]:
    """The path of each value that has index entries of its own."""
    kind = value.WhichOneof("value_type")
    if kind == "map_value":
        for name, inner in value.map_value.fields.items():
            yield from leaves((*path, name), inner)
    elif kind == "array_value":
        for _ in value.array_value.values:
            yield path
    else:
        yield path
