"""Examples for an OpenAPI document: one small value that fits a JSON Schema, or none.

What a schema gives in `examples` or `default` comes first; else one is made. Nothing is offered that does not fit: an
example that is refused teaches less than none.
"""

import math
from collections.abc import Iterator
from typing import Any, cast

from .fitting import PREFIX, Definitions, Schema, fits, number_fits, target, text_fits
from .sampling import MOST_REPEATS, NoExample, sample

DEEPEST = 12
FORMATS: dict[str, str] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "uuid": "8c1c5ac6-3d0c-4d3e-9f0a-5f1d1f6f7b11",
    "email": "someone@example.com",
    "name-email": "Someone <someone@example.com>",
    "uri": "https://example.com/",
    "multi-host-uri": "https://example.com/",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "ipvanyaddress": "192.0.2.1",
    "ipvanynetwork": "192.0.2.0/24",
    "ipvanyinterface": "192.0.2.1/24",
    "ipv4network": "192.0.2.0/24",
    "ipv6network": "2001:db8::/32",
    "ipv4interface": "192.0.2.1/24",
    "ipv6interface": "2001:db8::1/32",
    "json-string": "{}",
    "base64url": "YWJj",
    "base64": "YWJj",
    "file-path": "file.txt",
    "directory-path": "folder",
    "path": "folder/file.txt",
}
TEXTS = ("string", "abc", "ABC", "1", "0", "a", "A", "abc-123", "2026-01-31", "someone@example.com")


def example(schema: Schema, definitions: Definitions) -> tuple[Any] | None:
    """One value that fits `schema`, in a tuple; None if there is none that is found. Never raises."""
    try:
        value = make(schema, definitions, ())
    except (NoExample, RecursionError):
        return None
    return (value,) if fits(value, schema, definitions) else None


# Making


def make(schema: Schema, definitions: Definitions, inside: tuple[str, ...], variant: int = 0) -> Any:
    """A value for `schema`; `inside` are the references that are being followed. `variant` > 0: a different one."""
    if len(inside) > DEEPEST:
        raise NoExample
    given: list[Any] = schema.get("examples") or []
    for value in given if not variant else ():
        if fits(value, schema, definitions):
            return value
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.removeprefix(PREFIX)
        if name in inside or name not in definitions:
            raise NoExample
        return make(definitions[name], definitions, (*inside, name), variant)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][variant % len(schema["enum"])]
    if schema.get("default") not in (None, [], {}) and not variant and fits(schema["default"], schema, definitions):
        return schema["default"]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return first_of(schema[key], definitions, inside, variant)
    if "allOf" in schema:
        merged: Schema = {key: value for key, value in schema.items() if key != "allOf"}
        for part in schema["allOf"]:
            merged = {**target(part, definitions), **merged}
        return make(merged, definitions, inside, variant)
    return made_of_type(schema, definitions, inside, variant)


def first_of(options: list[Schema], definitions: Definitions, inside: tuple[str, ...], variant: int) -> Any:
    """By the first alternative that gives anything; null comes last."""
    for option in sorted(options, key=lambda option: option.get("type") == "null"):
        try:
            return make(option, definitions, inside, variant)
        except NoExample:
            continue
    raise NoExample


def made_of_type(schema: Schema, definitions: Definitions, inside: tuple[str, ...], variant: int) -> Any:
    kinds: Any = schema.get("type")
    kind: Any = kinds
    if isinstance(kinds, list):
        kind = next((name for name in cast("list[str]", kinds) if name != "null"), "null")
    if kind == "object" or (kind is None and "properties" in schema):
        return make_object(schema, definitions, inside)
    if kind == "array":
        return make_array(schema, definitions, inside)
    if kind == "string":
        return make_text(schema, variant)
    if kind in ("integer", "number"):
        return make_number(schema, kind == "integer", variant)
    if kind == "boolean":
        return not variant % 2
    return None if kind == "null" else f"any{variant or ''}"


def make_object(schema: Schema, definitions: Definitions, inside: tuple[str, ...]) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    found: dict[str, Any] = {}
    for name, part in schema.get("properties", {}).items():
        try:
            found[name] = make(part, definitions, inside)
        except NoExample:
            if name in required:
                raise
    wanted = max(schema.get("minProperties", 0), len(found))
    rest: Any = schema.get("additionalProperties")
    open_schemas: list[Schema] = [*schema.get("patternProperties", {}).values()]
    if isinstance(rest, dict):
        open_schemas.append(cast("Schema", rest))
    if open_schemas and not found:
        wanted = max(wanted, min(1, schema.get("maxProperties", 1)))
    for number in range(wanted - len(found)):
        try:
            found[make_key(schema, number)] = make(open_schemas[0] if open_schemas else {}, definitions, inside)
        except NoExample:
            if len(found) < schema.get("minProperties", 0):
                raise
            break
    return found


def make_key(schema: Schema, number: int) -> str:
    names: Schema = dict(schema.get("propertyNames", {}))
    patterns = list(schema.get("patternProperties", {}))
    if patterns:
        names["pattern"] = patterns[0]
    if "enum" in names:
        return str(names["enum"][number % len(names["enum"])])
    return make_text(names, number) if names else f"key{number or ''}"


def make_array(schema: Schema, definitions: Definitions, inside: tuple[str, ...]) -> list[Any]:
    found = [make(part, definitions, inside) for part in schema.get("prefixItems", ())]
    least = schema.get("minItems", 0)
    if least > MOST_REPEATS:
        raise NoExample
    stated: Any = schema.get("items")
    items: Schema = {}
    wanted = least
    if isinstance(stated, dict):
        items = cast("Schema", stated)
        wanted = max(least, min(len(found) + 1, schema.get("maxItems", math.inf)))
    try:
        for number in range(len(found), int(wanted)):
            item = make(items, definitions, inside, number if schema.get("uniqueItems") else 0)
            found.append(item)
    except NoExample:
        if len(found) < least:
            raise
    return found


def make_number(schema: Schema, whole: bool, variant: int) -> float:
    low, above = schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf)
    high, below = schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf)
    step = schema.get("multipleOf") or (1 if whole else 0)
    floor, ceiling = max(low, above), min(high, below)
    candidates: list[float] = [1, 0]
    if math.isfinite(floor):
        first = math.ceil(floor / step) * step if step else floor
        candidates.extend([first, first + (step or 1)])
    if math.isfinite(ceiling):
        last = math.floor(ceiling / step) * step if step else ceiling
        candidates.extend([last, last - (step or 1)])
    if math.isfinite(floor) and math.isfinite(ceiling):
        candidates.append((floor + ceiling) / 2)
    if step:
        candidates.append(step)
    for candidate in candidates:
        value = candidate + variant * (step or 1)
        value = int(value) if float(value).is_integer() else value
        if number_fits(value, schema) and (not whole or isinstance(value, int)):
            return value
    raise NoExample


def make_text(schema: Schema, variant: int) -> str:
    for candidate in texts(schema, variant):
        if text_fits(candidate, schema):
            return candidate
    raise NoExample


def texts(schema: Schema, variant: int) -> Iterator[str]:
    """Texts that may fit, the nicest first."""
    least = schema.get("minLength", 0)
    if least > MOST_REPEATS:
        return
    ending = str(variant) if variant else ""
    form = schema.get("format")
    if form in FORMATS:
        yield FORMATS[form]
    for text in TEXTS:
        padded = (text + ending).ljust(least, text[-1])
        yield padded[: schema["maxLength"]] if "maxLength" in schema else padded
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        for wanted in dict.fromkeys((1 + variant, least, 0)):
            sampled = sample(pattern, wanted)
            if sampled is not None:
                yield sampled
