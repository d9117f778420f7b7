"""Values of documents as JSON, to protocol buffers and back: what json_format does, several times as fast.

Whatever is not of the plain forms that clients send goes to json_format itself, which is strict.
"""

import base64
import math
import re
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

SHORT_INTEGER = re.compile(r"-?[1-9][0-9]{0,17}|0", re.ASCII).fullmatch
"""One that is an int64 whatever its digits."""


def put(value: Any, given: Any) -> None:
    """Sets an empty Value to what JSON says. Raises as ParseDict does."""
    if type(given) is dict and len(given) == 1:
        [(kind, content)] = given.items()
        if kind == "stringValue" and type(content) is str:
            value.string_value = content
            return
        if kind == "mapValue" and type(content) is dict and is_plain(content, "fields", dict):
            value.map_value.SetInParent()
            put_fields(value.map_value.fields, content.get("fields", {}))
            return
        if kind == "arrayValue" and type(content) is dict and is_plain(content, "values", list):
            value.array_value.SetInParent()
            for one in content.get("values", ()):
                put_inner(value.array_value.values.add(), one)
            return
        if kind == "integerValue" and type(content) is str and SHORT_INTEGER(content) is not None:
            value.integer_value = int(content)
            return
        if kind == "booleanValue" and type(content) is bool:
            value.boolean_value = content
            return
        if kind == "doubleValue" and type(content) is float:
            value.double_value = content
            return
    ParseDict(given, value)


def put_fields(fields: Any, given: dict[str, Any]) -> None:
    for name, one in given.items():
        put_inner(fields[name], one)


def put_inner(value: Any, given: Any) -> None:
    if type(given) is not dict:
        raise ParseError(f"a value is an object, and not {given!r:.80}")
    put(value, given)


def is_plain(content: dict[str, Any], only: str, kind: type) -> bool:
    return not content or (len(content) == 1 and type(content.get(only)) is kind)


def parsed(given: dict[str, Any], message: Any) -> Any:
    """A request: `ParseDict`, but for the fields of what it writes."""
    writes = given.get("writes")
    if type(writes) is not list:
        return ParseDict(given, message)
    taken: list[dict[str, Any] | None] = []
    left: list[Any] = []
    for write in writes:
        update = write.get("update") if type(write) is dict else None
        fields = update.get("fields") if type(update) is dict else None
        if type(update) is dict and type(fields) is dict:
            taken.append(fields)
            left.append({**write, "update": {name: one for name, one in update.items() if name != "fields"}})
        else:
            taken.append(None)
            left.append(write)
    found = ParseDict({**given, "writes": left}, message)
    for write, fields in zip(found.writes, taken, strict=True):
        if fields is not None:
            put_fields(write.update.fields, fields)
    return found


def plain(value: Any) -> Any:
    """A Value as JSON."""
    kind = value.WhichOneof("value_type")
    if kind == "string_value":
        return {"stringValue": value.string_value}
    if kind == "map_value":
        fields = value.map_value.fields
        return {"mapValue": {"fields": plain_fields(fields)} if fields else {}}
    if kind == "array_value":
        values = value.array_value.values
        return {"arrayValue": {"values": [plain(one) for one in values]} if values else {}}
    if kind == "integer_value":
        return {"integerValue": str(value.integer_value)}
    if kind == "boolean_value":
        return {"booleanValue": value.boolean_value}
    if kind == "bytes_value":
        return {"bytesValue": base64.b64encode(value.bytes_value).decode()}
    if kind == "double_value" and math.isfinite(value.double_value):
        return {"doubleValue": value.double_value}
    return MessageToDict(value)


def plain_fields(fields: Any) -> dict[str, Any]:
    return {name: plain(one) for name, one in fields.items()}


def answered(answer: Any, document: str | None) -> Any:
    """An answer as JSON; `document` is the field that has a document, if it has one."""
    if document is None or not answer.HasField(document):
        return MessageToDict(answer)
    shell = type(answer)()
    shell.CopyFrom(answer)
    getattr(shell, document).ClearField("fields")
    found = MessageToDict(shell)
    fields = getattr(answer, document).fields
    if fields:
        found[document]["fields"] = plain_fields(fields)
    return found
