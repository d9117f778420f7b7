"""Annotations and JSON: what is read, what is refused with which place, what is written."""

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from portable.codec import DEEPEST, Codec, invalid, kept_json, malformed, parse_json, to_json, to_json_bytes
from portable.errors import InvalidArgument, Problem


class Color(Enum):
    RED = "red"


class Line(BaseModel):
    amount: int = Field(ge=0)
    tags: list[str] = []


class Order(BaseModel):
    id: UUID
    lines: list[Line]
    price: Decimal = Decimal("1.50")
    at: datetime | None = None


@dataclass
class Point:
    x: int
    y: float = 0.5


ORDER = {"id": "00000000-0000-0000-0000-000000000001", "lines": [{"amount": 1}]}


# Reading


@pytest.mark.parametrize(
    ("annotation", "raw", "value"),
    [
        (Any, "null", None),
        (Any, " [1] ", [1]),
        (object, '"x"', "x"),
        (dict, "{}", {}),
        (dict[str, Any], '{"a": 1}', {"a": 1}),
        (list, "[]", []),
        (list[Any], "[{}]", [{}]),
        (int, "5", 5),
        (str, '"\\u00e9"', "é"),
        (bool, "true", True),
        (int | None, "null", None),
        (date, '"2026-02-28"', date(2026, 2, 28)),
        (UUID, f'"{ORDER["id"]}"', UUID(int=1)),
        (Color, '"red"', Color.RED),
        (list[int], "[1, 2]", [1, 2]),
        (dict[str, Point], '{"a": {"x": 1}}', {"a": Point(1)}),
        (Point, '{"x": 1, "y": 2}', Point(1, 2.0)),
        (Line, '{"amount": 3}', Line(amount=3)),
        (Line | Point, '{"x": 1}', Point(1)),
        (bytes, '"abc"', b"abc"),
    ],
    ids=[str(number) for number in range(20)],
)
def test_json_becomes_what_the_annotation_says(annotation: Any, raw: str, value: Any) -> None:
    codec: Codec[Any] = Codec(annotation)
    for text in (raw, raw.encode()):
        found = codec.decode_json(text)
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize("annotation", [Any, dict, list[Any], int, Line, list[Line]], ids=str)
@pytest.mark.parametrize(
    "raw",
    ["", " ", "{", "[1,]", "nul", "'a'", '{"a":1}}', "{a: 1}", b"\xff", b'"\xff"', b"\xef\xbb\xbf{}", '"\n"', '{"a"'],
    ids=ascii,
)
def test_what_is_no_json_is_400_whatever_was_asked_for(annotation: Any, raw: str | bytes) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Codec[Any](annotation).decode_json(raw)
    assert caught.value.status == 400
    assert [problem.kind for problem in caught.value.problems] == ["json_invalid"]


@pytest.mark.parametrize(
    ("annotation", "raw", "where"),
    [
        (dict, "[]", ()),
        (dict[str, Any], "1", ()),
        (list, "{}", ()),
        (list[Any], "null", ()),
        (int, '"x"', ()),
        (Line, "{}", ("amount",)),
        (Line, '{"amount": -1}', ("amount",)),
        (Line, '{"amount": 1, "tags": ["a", 2]}', ("tags", 1)),
        (list[Line], '[{"amount": 1}, {"amount": null}]', (1, "amount")),
        (dict[str, list[int]], '{"a": [1, "b"]}', ("a", 1)),
        (Order, json.dumps({**ORDER, "id": "x"}), ("id",)),
    ],
    ids=[str(number) for number in range(11)],
)
def test_what_does_not_fit_is_422_at_its_place(annotation: Any, raw: str, where: tuple[str | int, ...]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Codec[Any](annotation).decode_json(raw)
    assert caught.value.status == 422
    assert [problem.where for problem in caught.value.problems] == [where]
    assert caught.value.problems[0].message
    assert ".".join(map(str, where)) in caught.value.message


def test_every_fault_is_listed_at_once() -> None:
    with pytest.raises(InvalidArgument) as caught:
        Codec(Order).decode_json('{"id": 1, "lines": [{"amount": -1}, {}], "price": "much"}')
    assert [problem.where for problem in caught.value.problems] == [
        ("id",),
        ("lines", 0, "amount"),
        ("lines", 1, "amount"),
        ("price",),
    ]


def test_a_value_that_was_refused_is_not_shown_in_the_error() -> None:
    # It may be a password.
    with pytest.raises(InvalidArgument) as caught:
        Codec(Line).decode_json('{"amount": "s3cr3t"}')
    assert "s3cr3t" not in f"{caught.value} {caught.value.problems}"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("annotation", [Any, dict, Line], ids=str)
@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["lists", "dicts"])
def test_depth_is_bounded_and_never_a_crash(annotation: Any, opening: str) -> None:
    for depth in (DEEPEST + 1, 1000, 100_000):
        with pytest.raises(InvalidArgument):
            Codec[Any](annotation).decode_json(opening * depth)


def test_numbers_of_five_thousand_digits_are_refused_and_take_no_time() -> None:
    for annotation in (Any, int, Line):
        with pytest.raises(InvalidArgument):
            Codec[Any](annotation).decode_json("1" * 5000)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[NaN]", '{"a": Infinity}'])
def test_numbers_that_json_has_not_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="not JSON") as caught:
        parse_json(text)
    assert caught.value.status == 400


def test_plain_values_are_decoded_too() -> None:
    assert Codec(Order).decode(ORDER) == Order.model_validate(ORDER)
    with pytest.raises(InvalidArgument) as caught:
        Codec(Order).decode({})
    assert [problem.where for problem in caught.value.problems] == [("id",), ("lines",)]


# Errors


def test_an_error_keeps_its_places_below_a_prefix() -> None:
    inner = InvalidArgument("no", problems=(Problem(("a", 0), "bad", "kind"),))
    found = invalid(inner, ("body",))
    assert found.problems == (Problem(("body", "a", 0), "bad", "kind"),)
    assert found.message == "body.a.0: bad"
    assert invalid(InvalidArgument("no"), ("q",)).problems == (Problem(("q",), "no"),)
    assert invalid(ValueError("odd")).problems == (Problem((), "odd"),)
    assert invalid(malformed("x")).status == 400


# Writing


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ({"é": [1, 2.5, True]}, '{"é":[1,2.5,true]}'),
        ("\x00\u2028", '"\\u0000\u2028"'),
        (Line(amount=1), '{"amount":1,"tags":[]}'),
        ([Line(amount=1)], '[{"amount":1,"tags":[]}]'),
        (Point(1), '{"x":1,"y":0.5}'),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, '{"at":"2026-01-01T00:00:00Z"}'),
        (date(2026, 1, 1), '"2026-01-01"'),
        (UUID(int=1), f'"{ORDER["id"]}"'),
        (Color.RED, '"red"'),
        (Decimal("1.50"), '"1.50"'),
        ((1, "a"), '[1,"a"]'),
        (b"\xff\x00", '"_wA="'),
        ({1: "a"}, '{"1":"a"}'),
        ("NaN and Infinity", '"NaN and Infinity"'),
    ],
    ids=[str(number) for number in range(15)],
)
def test_values_are_written_compactly(value: Any, text: str) -> None:
    assert to_json(value) == text
    assert to_json_bytes(value) == text.encode()
    assert json.loads(kept_json(value)) == json.loads(text)


def cyclic() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize(
    "value",
    [
        object(),
        float("nan"),
        [float("inf")],
        {"a": -float("inf")},
        "\ud800",
        {"\ud800": 1},
        cyclic(),
        Exception("x"),
        print,
    ],
    ids=[str(number) for number in range(9)],
)
def test_what_does_not_fit_into_json_is_refused(value: Any) -> None:
    for write in (to_json, to_json_bytes, kept_json):
        with pytest.raises(InvalidArgument, match=r"does not fit into JSON|utf-8|surrogate"):
            write(value)


def random_value(source: random.Random, depth: int = 0) -> Any:
    kind = source.randrange(8 if depth < 4 else 6)
    if kind == 6:
        return [random_value(source, depth + 1) for _ in range(source.randrange(4))]
    if kind == 7:
        return {f"k{source.randrange(9)}é": random_value(source, depth + 1) for _ in range(source.randrange(4))}
    return [
        None,
        source.random() < 0.5,
        source.randrange(-(2**53), 2**53),
        source.uniform(-1e9, 1e9),
        "".join(
            chr(source.choice([0, 9, 34, 92, 127, 233, 0x2028, 0xFFFF, 0x1F600])) for _ in range(source.randrange(6))
        ),
        "",
    ][kind]


def test_random_values_are_read_back_as_they_were() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(seed)
    codec: Codec[Any] = Codec(Any)
    for _ in range(500):
        value = random_value(source)
        assert codec.decode_json(to_json(value)) == value, seed
        assert codec.decode_json(kept_json(value)) == value, seed
        assert json.loads(codec.encode_json(value)) == value, seed


WITHOUT = """
import sys
from portable.codec import Codec, to_json
assert Codec(dict).decode_json('{"a": [1]}') == {"a": [1]}
assert to_json({"a": "é", "b": [None, 1.5]}) == '{"a":"é","b":[null,1.5]}'
loaded = sorted(name for name in sys.modules if name.startswith("pydantic"))
assert loaded == [], loaded
"""


def test_plain_annotations_need_no_pydantic() -> None:
    subprocess.run([sys.executable, "-X", "utf8", "-c", WITHOUT], check=True, timeout=60)


def test_without_pydantic_the_same_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of a bucket, moments, sets: what an app can have that neither imports nor asks for any of it."""
    source = random.Random(12)
    values: list[Any] = [set(), frozenset({"a"}), bytearray(b"\xfa\xfb"), b"", UUID(int=7)]
    for _ in range(500):
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=source.randrange(10**15))
        zone = timezone(timedelta(minutes=source.randrange(-700, 700)))
        values += [
            source.randbytes(source.randrange(40)),
            source.choice([moment, moment.replace(tzinfo=None, microsecond=0), moment.astimezone(zone), moment.date()]),
            source.choice([moment.time(), moment.timetz()]),
            Decimal(source.randrange(-(10**9), 10**9)).scaleb(source.randrange(-9, 9)),
            {source.randrange(5)},
        ]
    wanted = [to_json({"value": [value]}) for value in values]
    monkeypatch.setattr("portable.codec._fast_encode", None)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pydantic", "pydantic_core")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pydantic_core", None)
    assert [to_json({"value": [value]}) for value in values] == wanted
    with pytest.raises(InvalidArgument, match="does not fit into JSON: Unable to serialize unknown type"):
        to_json({"value": object()})
