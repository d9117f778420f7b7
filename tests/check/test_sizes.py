"""The smallest JSON of a model: never more than what some value of it has."""

from datetime import date
from enum import Enum
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from portable.check.sizes import smallest_bytes


class Colour(Enum):
    red = "red"
    ultramarine = "ultramarine"


class Line(BaseModel):
    name: str = Field(min_length=3)
    count: int


class Order(BaseModel):
    lines: list[Line] = Field(min_length=2)
    note: str | None
    when: date
    extra: str = ""


class Tree(BaseModel):
    value: str = Field(min_length=10)
    below: "list[Tree]" = []


class Endless(BaseModel):
    """No value of it is finite, and its size is found all the same."""

    again: "Endless"


EXACT: dict[str, tuple[Any, bytes]] = {
    "a text": (str, b'""'),
    "a text with a minimum": (Line, b'{"name":"abc","count":1}'),
    "numbers": (list[int], b"[]"),
    "one of two": (int | str, b"1"),
    "an enum": (Colour, b'"red"'),
    "a literal": (Literal["left", "right"], b'"left"'),
    "a pair": (tuple[int, str], b'[1,""]'),
    "a recursive model": (Tree, b'{"value":"0123456789"}'),
    "any": (Any, b"1"),
    "a dict": (dict[str, int], b"{}"),
}


@pytest.mark.parametrize("what", EXACT)
def test_the_smallest_value_has_as_many_bytes(what: str) -> None:
    annotation, smallest = EXACT[what]
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    adapter.validate_json(smallest)
    assert smallest_bytes(adapter.json_schema()) == len(smallest)


def test_a_model_of_models_has_at_least_what_is_required() -> None:
    value = b'{"lines":[{"name":"abc","count":1},{"name":"abc","count":1}],"note":null,"when":"2026-01-01"}'
    Order.model_validate_json(value)
    found = smallest_bytes(Order.model_json_schema())
    assert len(value) - 20 < found <= len(value)


def test_a_schema_without_an_end_has_a_size() -> None:
    assert smallest_bytes(Endless.model_json_schema()) > 1


@pytest.mark.parametrize("schema", [{}, {"type": "array", "minItems": 3}, {"$ref": "#/nowhere"}, {"$ref": 5}])
def test_an_odd_schema_is_at_least_a_byte(schema: dict[str, Any]) -> None:
    assert 1 <= smallest_bytes(schema) <= 7
