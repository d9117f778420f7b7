"""Specs <-> JSON: one walk over the values, one over their types, by the same rules, so that neither can drift.

A NamedTuple is an object with all its fields; a Location has its file relative to the project; a tuple of pairs that
start with a text is an object; other tuples are arrays; triggers also say their `type`.
"""

import os
import sys
import types
from functools import lru_cache
from pathlib import PurePath
from typing import Any, Literal, Union, cast, get_args, get_origin, get_type_hints

from .errors import Location
from .specs import BucketEvent, Delivery, Route, Schedule, StaticSpec, TableChange

TRIGGER_TYPES: dict[type[Any], str] = {
    Route: "route",
    Schedule: "schedule",
    Delivery: "delivery",
    BucketEvent: "bucket",
    TableChange: "table",
}
OMITTED = ("root",)
SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def is_record(type_: Any) -> bool:
    """Whether a type is a NamedTuple's."""
    return isinstance(type_, type) and tuple in type_.__bases__ and "_fields" in type_.__dict__


def kind_of(value: object) -> Any:
    return type(value)


def pairs(type_: object) -> tuple[Any, Any] | None:
    """(key type, value type) if `type_` is `tuple[tuple[str, X], ...]`."""
    arguments = get_args(type_)
    if get_origin(type_) is not tuple or len(arguments) != 2 or arguments[1] is not Ellipsis:
        return None
    inner = get_args(arguments[0])
    if get_origin(arguments[0]) is tuple and len(inner) == 2 and inner[0] is str and inner[1] is not Ellipsis:
        return inner[0], inner[1]
    return None


# Values


def to_plain(value: Any, root: str, annotation: Any = None) -> Any:
    """A spec as JSON-able values; files are written relative to `root`."""
    if kind_of(value) in SCALARS:
        return value
    if isinstance(value, Location):
        return {"file": relative(value.file, root), "line": value.line}
    if is_record(kind_of(value)):
        return _record(value, root)
    if kind_of(value) is tuple:
        found = mapped(annotation)
        if found is not None:
            return {key: to_plain(item, root, found[1]) for key, item in sorted(value)}
        return [to_plain(item, root) for item in value]
    return value


@lru_cache(1024)
def mapped(annotation: Any) -> tuple[Any, Any] | None:
    """The `pairs` of an annotation, or of one of those that it is a choice of."""
    return next((found for choice in (annotation, *get_args(annotation)) if (found := pairs(choice)) is not None), None)


@lru_cache(256)
def hints_of(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _record(value: Any, root: str) -> dict[str, Any]:
    kind = kind_of(value)
    hints = hints_of(kind)
    found: dict[str, Any] = {}
    if kind in TRIGGER_TYPES:
        found["type"] = TRIGGER_TYPES[kind]
    for name in kind._fields:
        item = getattr(value, name)
        if kind is StaticSpec and name == "directory":
            item = relative(item, root)
        found[name] = to_plain(item, root, hints[name])
    return found


def relative(file: str, root: str) -> str:
    """A file's place without this machine in it: below the project, else below where Python found it."""
    if file.startswith("<"):
        return file
    path = os.path.abspath(file)
    below = below_root(path, root)
    if below is not None:
        return below
    for folder in (root, *sorted((os.path.abspath(entry) for entry in sys.path), key=len, reverse=True)):
        if path == folder or path.startswith(folder.rstrip(os.sep) + os.sep):
            return PurePath(os.path.relpath(path, folder)).as_posix()
    return PurePath(path).name


@lru_cache(4096)
def below_root(path: str, root: str) -> str | None:
    folder = root.rstrip(os.sep) + os.sep
    return PurePath(path[len(folder) :]).as_posix() if path.startswith(folder) else None


# Types


def manifest_schema(type_: type[Any], format: int) -> Schema:
    """The JSON Schema of `to_dict()` of `type_`, each record under `$defs`."""
    definitions: dict[str, Schema] = {}
    found = _record_schema(type_, definitions)
    found["properties"]["format"] = {"const": format}
    return {
        "$schema": SCHEMA_ID,
        "title": "Manifest",
        **found,
        "$defs": {name: definitions[name] for name in sorted(definitions)},
    }


def _record_schema(type_: type[Any], definitions: dict[str, Schema]) -> Schema:
    hints = get_type_hints(type_)
    properties: dict[str, Schema] = {}
    if type_ in TRIGGER_TYPES:
        properties["type"] = {"const": TRIGGER_TYPES[type_]}
    for name in cast("tuple[str, ...]", getattr(type_, "_fields", ())):
        if name not in OMITTED:
            properties[name] = type_schema(hints[name], definitions)
    described = (type_.__doc__ or "").strip().partition("\n")[0]
    return {
        "type": "object",
        "description": described,
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


SCALARS: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def type_schema(annotation: Any, definitions: dict[str, Schema]) -> Schema:
    """The JSON Schema of one field's annotation. Raises TypeError for one that the rules do not cover."""
    if annotation in SCALARS:
        return {"type": SCALARS[annotation]}
    if is_record(annotation):
        name = cast("type", annotation).__name__
        if name not in definitions:
            definitions[name] = {}
            definitions[name] = _record_schema(annotation, definitions)
        return {"$ref": f"#/$defs/{name}"}
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return {"enum": list(arguments)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [type_schema(choice, definitions) for choice in arguments]}
    mapping = pairs(annotation)
    if mapping is not None:
        return {"type": "object", "additionalProperties": type_schema(mapping[1], definitions)}
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        return {"type": "array", "items": type_schema(arguments[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": {"type": "object"}}
    raise TypeError(f"{annotation!r} has no place in the manifest")
