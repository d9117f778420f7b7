"""The stand-in's own way between JSON and protocol buffers is json_format's, to the byte."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from hypothesis import given, settings
from hypothesis import strategies as st

from .firestore_json import answered, parsed, plain, put
from .firestore_protos import REQUESTS, QueryAnswer, Value

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    TEXT.map(lambda text: {"stringValue": text}),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: {"integerValue": str(number)}),
    st.booleans().map(lambda value: {"booleanValue": value}),
    st.floats().map(lambda number: {"doubleValue": number if number == number and abs(number) < 1e308 else "NaN"}),
    st.just({"nullValue": None}),
    st.binary(max_size=5).map(lambda data: {"bytesValue": base64.b64encode(data).decode()}),
    st.just({"timestampValue": "2026-11-27T00:18:10.123456Z"}),
    st.just({"referenceValue": "projects/p/databases/d/documents/a/b"}),
    st.just({"geoPointValue": {"latitude": 1.5, "longitude": -2}}),
)
VALUES: Any = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.dictionaries(TEXT, inner, max_size=3).map(lambda fields: {"mapValue": {"fields": fields} if fields else {}}),
        st.lists(inner, max_size=3).map(lambda values: {"arrayValue": {"values": values} if values else {}}),
    ),
    max_leaves=12,
)
ODD: list[Any] = [
    {},
    {"stringValue": 1},
    {"stringValue": "a", "integerValue": "1"},
    {"string_value": "a"},
    {"integerValue": 7},
    {"integerValue": "-7"},
    {"integerValue": "9223372036854775808"},
    {"integerValue": "1.5"},
    {"integerValue": "x"},
    {"doubleValue": 3},
    {"doubleValue": "Infinity"},
    {"booleanValue": "true"},
    {"bytesValue": "!"},
    {"mapValue": []},
    {"mapValue": {"fields": []}},
    {"mapValue": {"other": {}}},
    {"arrayValue": {"values": {}}},
    {"integerValue": "007"},
    {"integerValue": "-0"},
    {"integerValue": "999999999999999999"},
    {"arrayValue": {"values": [None]}},
    {"arrayValue": {"values": ["x"]}},
    {"mapValue": {"fields": {"a": None}}},
    {"mapValue": {"fields": {"a": 1}}},
    {"mapValue": {"fields": {"a": {}}}},
    {"stringValue": "\ud800"},
    {"unknownValue": 1},
    "text",
    None,
    [],
]


def outcome(make: Callable[[], Any]) -> Any:
    try:
        return make().SerializeToString(deterministic=True)
    except (ParseError, ValueError, TypeError, AttributeError) as error:
        # The front answers both alike.
        return "refused" if isinstance(error, ParseError | ValueError) else type(error)


def put_new(given: Any) -> Any:
    value = Value()
    put(value, given)
    return value


@settings(deadline=None)
@given(VALUES)
def test_a_value_is_read_and_told_as_json_format_does(value: Any) -> None:
    expected = ParseDict(value, Value())
    found = put_new(value)
    assert found == expected
    assert plain(found) == MessageToDict(expected)


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_what_is_odd_or_wrong_is_taken_and_refused_as_json_format_does(value: Any) -> None:
    assert outcome(lambda: put_new(value)) == outcome(lambda: ParseDict(value, Value()))


@settings(deadline=None)
@given(st.lists(st.dictionaries(TEXT, VALUES, max_size=3), max_size=3))
def test_a_request_is_read_as_json_format_does(documents: list[dict[str, Any]]) -> None:
    writes: list[Any] = [
        {"update": {"name": f"n{place}", "fields": fields}, "currentDocument": {"exists": False}}
        for place, fields in enumerate(documents)
    ]
    writes += [{"delete": "n"}, {"update": {"name": "n"}, "updateMask": {}}]
    request = {"database": "d", "writes": writes}
    kind = REQUESTS["Commit"]
    assert parsed(request, kind()) == ParseDict(request, kind())


@settings(deadline=None)
@given(st.dictionaries(TEXT, VALUES, max_size=3))
def test_an_answer_is_told_as_json_format_does(fields: dict[str, Any]) -> None:
    answer = ParseDict({"document": {"name": "n", "fields": fields}, "readTime": "2026-11-27T00:18:10Z"}, QueryAnswer())
    assert answered(answer, "document") == MessageToDict(answer)
    assert answer.document.fields.keys() == fields.keys()
    assert answered(QueryAnswer(), "document") == {}


@pytest.mark.parametrize(
    "writes", [None, {}, "x", [None], ["x"], [{"update": None}], [{"update": {"fields": []}}], [{}]]
)
def test_a_request_of_another_form_is_taken_and_refused_as_json_format_does(writes: Any) -> None:
    kind = REQUESTS["Commit"]
    request = {"database": "d", "writes": writes}
    assert outcome(lambda: parsed(request, kind())) == outcome(lambda: ParseDict(request, kind()))
