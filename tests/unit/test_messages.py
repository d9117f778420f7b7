"""Ids and bodies of tasks and events, as every queue carries them."""

import json
import random
import re
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import BaseModel, Field

from portable.binding import current_context
from portable.context import Context
from portable.errors import InvalidArgument
from portable.identifiers import is_traceparent
from portable.messages import (
    ALPHABET,
    MessageCodec,
    at,
    check_message_id,
    escaped,
    model_name,
    new_message_id,
    outgoing_traceparent,
)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
# What SQS takes: https://www.w3.org/TR/REC-xml/#charsets
XML_ONLY = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")


class Note(BaseModel):
    id: str
    text: str = Field(default="", alias="Text")


@dataclass
class Point:
    x: int
    y: list[int]


# Ids


def decoded(id: str) -> int:
    number = 0
    for character in id:
        number = number * 32 + ALPHABET.index(character)
    return number


@pytest.mark.parametrize("now", [0.0, 0.001, 1_790_000_000.123, 2**48 / 1000 - 1])
def test_an_id_holds_its_millisecond_and_eighty_random_bits(now: float) -> None:
    ids = {new_message_id(now) for _ in range(200)}
    assert len(ids) == 200
    for id in ids:
        assert len(id) == 26
        assert decoded(id) >> 80 == int(now * 1000)


def test_ids_sort_by_time() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(seed)
    times = sorted(source.uniform(0, 2**38) for _ in range(300))
    ids = [new_message_id(now) for now in times]
    assert ids == sorted(ids)


@pytest.mark.parametrize(
    "id",
    ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "be75d47a61b585a3f23a21bacf56ef38", "a", "0", "a" * 128, "5f2a-3b.c:d_e"],
    ids=str,
)
def test_ids_of_ours_and_of_providers_are_taken(id: str) -> None:
    assert check_message_id(id, "run", "task:work") == id


@pytest.mark.parametrize(
    "id", ["", " ", "a b", "a/b", "-a", "é", "a" * 129, "a\n", "\x00", "\ud800", None, 5, b"a", ["a"]], ids=ascii
)
def test_what_is_no_id_is_refused(id: object) -> None:
    with pytest.raises(InvalidArgument, match="is not the id of a run") as caught:
        check_message_id(id, "run", "task:work")
    assert caught.value.resource == "task:work"
    assert len(caught.value.message) < 200


# Traces


def test_what_is_sent_by_a_handler_goes_on_with_its_trace() -> None:
    context = Context(
        id="1", kind="task", handler="work", app="shop", stage="dev", attempt=1, deadline=0, traceparent=TRACE
    )
    token = current_context.set(context)
    try:
        assert outgoing_traceparent() == TRACE
        context.traceparent = "nonsense"
        assert is_traceparent(outgoing_traceparent())
    finally:
        current_context.reset(token)
    first, second = outgoing_traceparent(), outgoing_traceparent()
    assert is_traceparent(first)
    assert first != second


# Bodies


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("é", "\\u00e9"),
        ("\uffff", "\\uffff"),
        ("😀", "\\ud83d\\ude00"),
        ("\U0010ffff", "\\udbff\\udfff"),
        ("a\x7fb", "a\x7fb"),
        ("", ""),
    ],
    ids=ascii,
)
def test_what_is_not_ascii_is_escaped_as_json_does(text: str, expected: str) -> None:
    assert escaped(text) == expected
    assert json.loads(f'"{escaped(text)}"') == text


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError):
        escaped("a\ud800")


VALUES: list[tuple[Any, Any]] = [
    (Any, {"a": [1, 2.5, None, True, "é😀\x00\x1f\x7f\u2028\ufffe"]}),
    (Any, None),
    (Any, "\x00"),
    (dict[str, Any], {"": {}}),
    (list[int], [1, -2]),
    (int, 2**53),
    (str, "\ufffe\x0b"),
    (Note, Note(id="1", Text="x\x00é")),
    (list[Note], [Note(id="1")]),
    (Point, Point(1, [2])),
    (Note | None, None),
    (dict[int, str], {1: "a"}),
    (tuple[int, str], (1, "a")),
    (bool, False),
]


@pytest.mark.parametrize(("annotation", "value"), VALUES, ids=[str(number) for number in range(len(VALUES))])
def test_a_value_is_read_back_as_it_was_and_every_queue_can_carry_it(annotation: Any, value: Any) -> None:
    codec: MessageCodec[Any] = MessageCodec(annotation)
    text = codec.encode_json(value)
    assert text.isascii()
    assert XML_ONLY.fullmatch(text)
    assert codec.decode_json(text) == value
    assert codec.decode_json(text.encode()) == value


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (dict[str, Any], []),
        (list[Any], {}),
        (int, "x"),
        (Note, {"text": "x"}),
        (Note, Point(1, [])),
        (Any, object()),
        (Any, float("nan")),
        (Any, "\ud800"),
        (float, float("inf")),
        (list[float], [float("nan")]),
        (str, "\udfff"),
        (Any, {1, object()}),
    ],
    ids=[str(number) for number in range(12)],
)
def test_what_does_not_fit_or_cannot_travel_is_refused_before_it_is_sent(annotation: Any, value: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        MessageCodec[Any](annotation).encode_json(value)
    assert caught.value.message


def test_a_model_that_was_spoilt_after_it_was_made_is_refused() -> None:
    note = Note(id="1")
    note.id = 5  # type: ignore[assignment]
    with pytest.raises(InvalidArgument):
        MessageCodec[Note](Note).encode_json(note)


def test_names_and_aliases_are_both_read() -> None:
    codec: MessageCodec[Note] = MessageCodec(Note)
    assert codec.decode_json('{"id": "1", "Text": "a"}') == codec.decode_json('{"id": "1", "text": "a"}')


@pytest.mark.parametrize(
    "raw", ["", "{", "NaN", "[1,]", b"\xff", "[" * 100_000, '{"id": 1}'], ids=lambda raw: ascii(raw)[:9]
)
def test_what_is_no_such_body_is_refused(raw: str | bytes) -> None:
    with pytest.raises(InvalidArgument) as caught:
        MessageCodec[Note](Note).decode_json(raw)
    assert caught.value.problems


def test_an_error_says_what_it_is_about_and_keeps_a_nearer_resource() -> None:
    error = at("task 'work': the payload", "task:work", InvalidArgument("is wrong"))
    assert str(error) == error.message == "task 'work': the payload: is wrong"
    assert error.resource == "task:work"
    assert at("x", "task:work", InvalidArgument("y", resource="table:a")).resource == "table:a"


@pytest.mark.parametrize(
    ("annotation", "name"),
    [(Note, f"{__name__}:Note"), (Point, f"{__name__}:Point"), (int, None), (dict[str, int], None), (None, None)],
    ids=str,
)
def test_classes_are_named_and_built_in_ones_are_not(annotation: Any, name: str | None) -> None:
    assert model_name(annotation) == name
