"""Whether a JSON value fits a JSON Schema: as much of draft 2020-12 as pydantic writes.

For the examples of a document only; requests are validated by pydantic itself.
"""

import math
import re
from collections.abc import Callable
from typing import Any, cast

Schema = dict[str, Any]
Definitions = dict[str, Schema]

PREFIX = "#/components/schemas/"
MOST_REFERENCES = 12


def target(schema: Schema, definitions: Definitions) -> Schema:
    """What a schema that is a mere reference stands for."""
    for _ in range(MOST_REFERENCES):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith(PREFIX):
            return schema
        schema = definitions.get(reference.removeprefix(PREFIX), {})
    return schema


TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())
    ),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def fits(value: Any, schema: Schema, definitions: Definitions, depth: int = 0) -> bool:
    """Whether a JSON value fits a schema."""
    if depth > 100:
        return False
    parts = [*schema.get("allOf", ())]
    if "$ref" in schema:
        parts.append(target({"$ref": schema["$ref"]}, definitions))
    if not all(fits(value, part, definitions, depth + 1) for part in parts):
        return False
    if "anyOf" in schema and not any(fits(value, part, definitions, depth + 1) for part in schema["anyOf"]):
        return False
    if "oneOf" in schema and sum(fits(value, part, definitions, depth + 1) for part in schema["oneOf"]) != 1:
        return False
    if "const" in schema and not same(value, schema["const"]):
        return False
    if "enum" in schema and not any(same(value, choice) for choice in schema["enum"]):
        return False
    kinds = schema.get("type")
    if kinds is not None and not any(TYPES[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return False
    if isinstance(value, str):
        return text_fits(value, schema)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number_fits(value, schema)
    if TYPES["array"](value):
        return array_fits(cast("list[Any]", value), schema, definitions, depth)
    return not isinstance(value, dict) or object_fits(cast("dict[str, Any]", value), schema, definitions, depth)


def same(value: Any, other: Any) -> bool:
    """Equality of JSON: true is not 1."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def text_fits(value: str, schema: Schema) -> bool:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", math.inf):
        return False
    form = schema.get("format")
    if form in ("date", "date-time", "time", "uuid") and re.fullmatch(SHAPES[form], value) is None:
        return False
    pattern = schema.get("pattern")
    try:
        return pattern is None or re.search(pattern, value) is not None
    except re.error:
        # Rust's expressions, which pydantic uses, have words that Python's have not.
        return False


SHAPES = {
    "date": r"\d{4}-\d\d-\d\d",
    "date-time": r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*",
    "time": r"\d\d:\d\d.*",
    "uuid": r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
}


def number_fits(value: float, schema: Schema) -> bool:
    step = schema.get("multipleOf")
    if step:
        quotient = value / step
        if abs(quotient - round(quotient)) > 1e-9:
            return False
    return bool(
        schema.get("minimum", -math.inf) <= value <= schema.get("maximum", math.inf)
        and value > schema.get("exclusiveMinimum", -math.inf)
        and value < schema.get("exclusiveMaximum", math.inf)
    )


def array_fits(value: list[Any], schema: Schema, definitions: Definitions, depth: int) -> bool:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", math.inf):
        return False
    if schema.get("uniqueItems") and any(item in value[:index] for index, item in enumerate(value)):
        return False
    first: list[Schema] = schema.get("prefixItems", [])
    rest: Any = schema.get("items", True)
    if rest is False and len(value) > len(first):
        return False
    further: Schema = cast("Schema", rest) if isinstance(rest, dict) else {}
    parts: list[Schema] = [*first[: len(value)], *([further] * (len(value) - len(first)))]
    return all(fits(item, part, definitions, depth + 1) for item, part in zip(value, parts, strict=True))


def object_fits(value: dict[str, Any], schema: Schema, definitions: Definitions, depth: int) -> bool:
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", math.inf):
        return False
    if any(name not in value for name in schema.get("required", ())):
        return False
    known: dict[str, Schema] = schema.get("properties", {})
    patterns: dict[str, Schema] = schema.get("patternProperties", {})
    rest: Any = schema.get("additionalProperties", True)
    for name, item in value.items():
        if not fits(name, schema.get("propertyNames", {}), definitions, depth + 1):
            return False
        matching: list[Schema] = [part for pattern, part in patterns.items() if re.search(pattern, name)]
        if name in known:
            matching.append(known[name])
        elif not matching:
            if rest is False:
                return False
            matching = [cast("Schema", rest)] if isinstance(rest, dict) else []
        if not all(fits(item, part, definitions, depth + 1) for part in matching):
            return False
    return True
