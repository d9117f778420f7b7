"""Examples that are made fit their schemas, as a real validator sees it; what has no end gets none."""

import random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from portable.openapi.examples import example
from portable.openapi.fitting import PREFIX, fits
from portable.openapi.sampling import sample

DEFINITIONS: dict[str, dict[str, Any]] = {
    "Tree": {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "children": {"type": "array", "items": {"$ref": f"{PREFIX}Tree"}},
            "parent": {"anyOf": [{"$ref": f"{PREFIX}Tree"}, {"type": "null"}]},
        },
        "required": ["name"],
    },
    "Endless": {"type": "object", "properties": {"next": {"$ref": f"{PREFIX}Endless"}}, "required": ["next"]},
    "Colour": {"enum": ["red", "blue"], "type": "string"},
}

SCHEMAS: list[dict[str, Any]] = [
    {},
    {"type": "null"},
    {"type": "boolean"},
    {"type": ["null", "string"]},
    {"const": 7},
    {"enum": [True, 1, "a"]},
    {"type": "integer", "minimum": 10, "maximum": 11},
    {"type": "integer", "exclusiveMinimum": 10, "exclusiveMaximum": 12},
    {"type": "integer", "maximum": -5},
    {"type": "integer", "exclusiveMaximum": 0},
    {"type": "integer", "multipleOf": 7, "minimum": 15},
    {"type": "integer", "minimum": 2.5},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "minimum": 0.25, "maximum": 0.5},
    {"type": "number", "multipleOf": 0.5, "minimum": 1.2},
    {"type": "string", "minLength": 12},
    {"type": "string", "maxLength": 2},
    {"type": "string", "minLength": 3, "maxLength": 3, "pattern": "^[0-9]+$"},
    {"type": "string", "pattern": r"^\d{4}-[A-F]{2}(x|y)+\.$"},
    {"type": "string", "pattern": "^(?:GB|DE)[0-9]{2} ?[^a-z]{4}$"},
    {"type": "string", "format": "date-time"},
    {"type": "array"},
    {"type": "array", "items": {"type": "integer"}, "minItems": 3},
    {"type": "array", "items": {"type": "integer", "minimum": 4}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "items": {"type": "string"}, "minItems": 2, "uniqueItems": True},
    {"type": "array", "items": {"$ref": f"{PREFIX}Colour"}, "minItems": 2, "uniqueItems": True},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "minItems": 2, "maxItems": 2},
    {"type": "array", "items": {"type": "string"}, "maxItems": 0},
    {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 2},
    {"type": "object", "additionalProperties": {"type": "string"}, "propertyNames": {"pattern": "^[a-z]{2}$"}},
    {"type": "object", "patternProperties": {"^x-": {"type": "integer"}}, "additionalProperties": False},
    {"type": "object", "properties": {"a": {"default": 5, "type": "integer"}}, "additionalProperties": False},
    {"allOf": [{"$ref": f"{PREFIX}Colour"}], "default": "blue"},
    {"oneOf": [{"type": "integer"}, {"type": "string"}]},
    {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 2}]},
    {"type": "integer", "examples": ["not one", 12]},
    {"type": "integer", "default": "not one"},
    {"$ref": f"{PREFIX}Tree"},
]


def is_valid(schema: dict[str, Any], value: Any) -> bool:
    return Draft202012Validator({**schema, "components": {"schemas": DEFINITIONS}}).is_valid(value)


@pytest.mark.parametrize("schema", SCHEMAS, ids=[str(number) for number in range(len(SCHEMAS))])
def test_there_is_an_example_and_it_fits(schema: dict[str, Any]) -> None:
    found = example(schema, DEFINITIONS)
    assert found is not None
    assert is_valid(schema, found[0]), found


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": f"{PREFIX}Endless"},
        {"$ref": f"{PREFIX}Absent"},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "string", "pattern": r"^(?=a)b$"},
        {"type": "string", "pattern": r"^\p{Lu}$"},
        {"type": "string", "minLength": 10**9},
        {"type": "array", "items": {"type": "boolean"}, "minItems": 3, "uniqueItems": True},
        {"type": "array", "items": {"type": "string"}, "minItems": 10**9},
    ],
    ids=["endless", "absent", "empty", "assertion", "rust", "long", "distinct", "large"],
)
def test_what_nothing_is_found_for_has_no_example(schema: dict[str, Any]) -> None:
    assert example(schema, DEFINITIONS) is None


def test_an_example_that_is_given_wins_over_the_default_and_both_over_what_is_made() -> None:
    assert example({"type": "integer", "examples": ["no", 12], "default": 3}, {}) == (12,)
    assert example({"type": "integer", "examples": ["no"], "default": 3}, {}) == (3,)
    assert example({"type": "integer", "examples": ["no"], "default": "no"}, {}) == (1,)


def test_fitting_agrees_with_a_validator_on_whatever_values() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)

    def value(depth: int = 0) -> Any:
        kind = chance.randrange(8 if depth < 3 else 6)
        if kind == 6:
            return [value(depth + 1) for _ in range(chance.randrange(4))]
        if kind == 7:
            names = ("name", "children", "parent", "a", "x-y", "ab", "key")
            return {chance.choice(names): value(depth + 1) for _ in range(chance.randrange(4))}
        plain: list[Any] = [
            None,
            chance.choice([True, False]),
            chance.randrange(-20, 20),
            chance.choice([0.25, 0.5, 2.0, 0.7]),
            chance.choice(["", "a", "ab", "red", "blue", "123", "GB00 ABCD", "2026-AAx."]),
            7,
        ]
        return plain[kind]

    counts = {True: 0, False: 0}
    for schema in SCHEMAS:
        if "format" in schema:
            continue
        for _ in range(150):
            tried = value()
            expected = is_valid(schema, tried)
            assert fits(tried, schema, DEFINITIONS) is expected, (schema, tried)
            counts[expected] += 1
    assert min(counts.values()) > 200, counts


@pytest.mark.parametrize("pattern", [r"a{2000}", r"(a)\1", r"[^\x00-\U0010ffff]", "("])
def test_an_expression_that_is_beyond_us_gives_nothing(pattern: str) -> None:
    assert sample(pattern, 1) is None
