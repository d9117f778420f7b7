"""Items as DynamoDB has them: every value comes back as it was, orders are kept, and nothing outgrows an item."""

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from portable_aws.dynamodb_items import (
    Attributes,
    Versions,
    attribute,
    attributes_of,
    deleted_version,
    document_of,
    image,
    key_order,
    plain,
    stored_item,
    version_of,
)

from portable.capabilities import load_profile
from portable.documents import DocumentRules, encode, size_of
from portable.drivers import NewItem
from portable.errors import LimitExceeded
from portable.specs import IndexSpec

LARGEST_ITEM = 400 * 1024

numbers = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value == 0 or 1e-130 <= abs(value) <= 1e125),
)
names = st.text(min_size=1, max_size=20).filter(lambda name: not (len(name) > 3 and name[:2] == name[-2:] == "__"))
leaves = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    st.text(),
    st.binary(),
    st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0)),
    st.decimals(-(10**20), 10**20, places=5),
)
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=6)


def typed(value: Any) -> Any:
    """A value together with its type, all the way down."""
    if isinstance(value, dict):
        return {name: typed(item) for name, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value).__name__, repr(value)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.dictionaries(names, values, max_size=4))
def test_a_document_comes_back_with_every_type(document: dict[str, Any]) -> None:
    try:
        checked = DocumentRules(load_profile()).check(document)
    except LimitExceeded:
        # Nested too deep.
        reject()
    assert typed(document_of(attribute(checked)["M"])) == typed(checked)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1E+15", 10**15), ("1000000000000000", 10**15), ("0.5", 0.5), ("1E-130", 1e-130), ("-3", -3), ("0", 0)],
)
def test_numbers_are_read_however_dynamodb_writes_them(text: str, expected: float) -> None:
    found = plain({"N": text})
    assert (found, type(found)) == (expected, type(expected))


def test_what_portable_did_not_write_is_told_and_not_guessed() -> None:
    with pytest.raises(ValueError, match="SS"):
        plain({"SS": ["a"]})
    with pytest.raises(ValueError, match="portable did not write it"):
        stored_item({"pk": {"S": "a"}, "sk": {"S": "b"}})


def dynamodb_size(value: Attributes) -> int:
    """What DynamoDB counts of an attribute, by its documentation and generously."""
    [(kind, content)] = value.items()
    if kind == "S":
        return len(content.encode())
    if kind == "B":
        return len(content)
    if kind == "N":
        digits = len(content.replace(".", "").strip("-0"))
        return math.ceil(digits / 2) + 1 + int(content.startswith("-"))
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + dynamodb_size(item) for name, item in content.items())
    if kind == "L":
        return 3 + sum(1 + dynamodb_size(item) for item in content)
    if kind == "SS":
        return sum(len(name.encode()) for name in content)
    return 1


LIMIT = 262_144
HEAVY: dict[str, dict[str, Any]] = {
    "digits": {"x": [1] * 131_000},
    "fractions": {"x": [0.1] * 65_000},
    "fields of fractions": {f"{number:05}": 0.5 for number in range(20_000)},
    "long names": {f"{number:0255}": 0.5 for number in range(980)},
    "names": {f"{number:04}": 1 for number in range(26_000)},
    "empty texts": {"x": [""] * 87_000},
    "empty maps": {"x": [{}] * 87_000},
    "one text": {"x": "x" * 262_000},
    "wide text": {"x": "\U0001f600" * 65_000},
    "nulls": {"x": [None] * 52_000},
}


@pytest.mark.parametrize("name", HEAVY)
def test_the_largest_items_fit_into_dynamodb(name: str) -> None:
    document = HEAVY[name]
    encoded = encode(document)
    assert LIMIT * 0.9 < size_of(encoded) <= LIMIT
    index = IndexSpec("by_x", ("a", "b"), ("str", "str"))
    item = NewItem("p" * 330, "s" * 330, document, encoded, {"by_x": ("i" * 330, "j" * 330)}, 1)
    found = attributes_of(item, Versions().draw(), {"by_x": index})
    assert sum(len(key) + dynamodb_size(value) for key, value in found.items()) <= LARGEST_ITEM


# Keys and versions


keys = st.text(alphabet=st.sampled_from("\0\1\2\3ab~é\uffff\U0010ffff"), min_size=1, max_size=6)


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.lists(st.tuples(keys, keys), min_size=2, max_size=8))
def test_an_index_of_one_field_is_in_the_order_of_keys(pairs: list[tuple[str, str]]) -> None:
    in_order = sorted(pairs, key=lambda pair: (pair[0].encode(), pair[1].encode()))
    assert sorted(pairs, key=lambda pair: key_order(*pair).encode()) == in_order
    assert len({key_order(*pair) for pair in pairs}) == len(set(pairs))


def test_the_order_of_the_longest_keys_fits_into_a_sort_key() -> None:
    for pk, sk in [("\0" * 330, "\0" * 330), ("\U0010ffff" * 82, "é" * 165), ("a" * 330, "b" * 330)]:
        assert len(key_order(pk, sk).encode()) <= 1024
    assert key_order("\0" * 330, "\0" * 330) != key_order("\0" * 330, "\0" * 329)


def test_versions_grow_also_when_the_clock_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Versions()
    moments = [2_000_000_000_000_000_000, 1_000_000_000_000_000_000, 1_000_000_000_000_000_000]
    monkeypatch.setattr("portable_aws.dynamodb_items.time.time_ns", lambda: moments[0])
    first = made.draw()
    moments.pop(0)
    second = made.draw()
    made.saw("3" * 22)
    third = made.draw(after=second)
    assert first < second < "3" * 22 < third
    assert {len(version) for version in (first, second, third)} == {22}
    assert first < deleted_version(first) < f"{int(first) + 1}"


def test_versions_drawn_by_two_processes_at_one_moment_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("portable_aws.dynamodb_items.time.time_ns", lambda: 2_000_000_000_000_000_000)
    assert len({Versions().draw() for _ in range(50)}) > 45


def test_a_version_is_read_however_dynamodb_writes_it() -> None:
    assert version_of({"_v": {"N": "1.8E+21"}}) == "18" + "0" * 20
    assert version_of({"_v": {"N": "1" * 22}}) == "1" * 22


def test_an_image_of_a_stream_is_the_item_in_json() -> None:
    document = {"pk": "a", "at": datetime(2026, 1, 1, tzinfo=UTC), "price": Decimal("1.50"), "n": 1}
    item = NewItem("a", "-", document, encode(document), {}, None)
    text, version = image(attributes_of(item, "1" * 22, {}))
    assert (text, version) == (encode(document), "1" * 22)
    assert json.loads(text)["price"] == {"__decimal__": "1.50"}
