"""The smallest JSON that fits a JSON Schema, in bytes: never more than the truth, so that nobody is accused wrongly."""

import json
from typing import Any, cast

MOST_DEPTH = 24
Schema = dict[str, Any]


def smallest_bytes(schema: Schema) -> int:
    """How many bytes of compact JSON a value of this schema has at least, by the keywords that pydantic writes."""
    return _smallest(schema, schema, 0)


def _smallest(schema: object, root: Schema, depth: int) -> int:
    if not isinstance(schema, dict) or depth > MOST_DEPTH:
        return 1
    known = cast("Schema", schema)
    sizes = [1]
    target = _resolved(known.get("$ref"), root)
    if target is not None:
        sizes.append(_smallest(target, root, depth + 1))
    if "const" in known:
        sizes.append(_length(known["const"]))
    if known.get("enum"):
        sizes.append(min(_length(value) for value in known["enum"]))
    sizes.extend(
        min(_smallest(part, root, depth + 1) for part in known[choice])
        for choice in ("anyOf", "oneOf")
        if known.get(choice)
    )
    sizes.extend(_smallest(part, root, depth + 1) for part in known.get("allOf", ()))
    kind = known.get("type")
    if kind == "string":
        sizes.append(2 + _number(known, "minLength"))
    elif kind == "array":
        sizes.append(_array(known, root, depth))
    elif kind == "object":
        sizes.append(_object(known, root, depth))
    return max(sizes)


def _array(schema: Schema, root: Schema, depth: int) -> int:
    count = _number(schema, "minItems")
    leading: list[object] = list(schema.get("prefixItems", ()))[:count]
    inside = sum(_smallest(item, root, depth + 1) for item in leading)
    inside += (count - len(leading)) * _smallest(schema.get("items"), root, depth + 1)
    return 2 + inside + max(0, count - 1)


def _object(schema: Schema, root: Schema, depth: int) -> int:
    properties: Schema = schema.get("properties", {})
    required = [name for name in schema.get("required", ()) if name in properties]
    # The name in quotes, a colon, the value; a comma between two.
    inside = sum(_length(name) + 1 + _smallest(properties[name], root, depth + 1) for name in required)
    return 2 + inside + max(0, len(required) - 1)


def _resolved(reference: object, root: Schema) -> object:
    """The definition that a `$ref` inside the schema names; None for any other."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    found: object = root
    for part in reference[2:].split("/"):
        found = _member(found, part.replace("~1", "/").replace("~0", "~"))
    return found


def _member(value: object, name: str) -> object:
    return cast("Schema", value).get(name) if isinstance(value, dict) else None


def _number(schema: Schema, keyword: str) -> int:
    value: object = schema.get(keyword, 0)
    return value if isinstance(value, int) and value > 0 else 0


def _length(value: object) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
