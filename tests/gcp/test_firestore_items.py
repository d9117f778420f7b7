"""Items as Firestore has them: every value comes back as it was, versions are its times, and nothing outgrows it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from portable_gcp.firestore_indexes import field_overrides
from portable_gcp.firestore_items import (
    TEXT_CHARACTERS,
    could_be_version,
    deleted_version,
    document_field,
    image,
    is_expired,
    is_over,
    item_fields,
    new_mark,
    size_of,
    stored_item,
    update_time,
    version_of,
    with_field,
)
from portable_gcp.firestore_values import document_of, fields_of, plain, value

from portable.capabilities import load_profile
from portable.documents import DocumentRules, encode
from portable.drivers import NewItem
from portable.errors import LimitExceeded
from portable.specs import IndexSpec
from tests.gcp_stack.firestore_indexes import Indexes
from tests.gcp_stack.firestore_protos import Document
from tests.gcp_stack.firestore_values import check_document

TIME = "2026-11-27T00:18:10.123456Z"
NAME = "projects/p/databases/d/documents/roots/p/items/s"
LIMIT = 262_144

numbers = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(allow_nan=False, allow_infinity=False).filter(lambda value: value == 0 or 1e-130 <= abs(value) <= 1e125),
)
names = st.one_of(
    st.text(min_size=1, max_size=20).filter(lambda name: not (len(name) > 3 and name[:2] == name[-2:] == "__")),
    st.sampled_from(["$decimal", "$list", "$$list", "$", "decimal", "list", "$other"]),
)
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


def item_of(document: dict[str, Any], **more: Any) -> NewItem:
    return NewItem("p", "s", document, encode(document), more.get("index_values", {}), more.get("expires_at"))


def found(fields: dict[str, Any], time: str = TIME) -> dict[str, Any]:
    return {"name": NAME, "fields": fields, "updateTime": time}


def fields_for(document: dict[str, Any], *, is_text: bool = False, **more: Any) -> dict[str, Any]:
    return item_fields(item_of(document, **more), "mark", {}, is_heard=False, is_text=is_text)


# Values


@settings(deadline=None, derandomize=True, max_examples=80)
@given(st.dictionaries(names, values, max_size=4))
def test_a_document_comes_back_with_every_type_and_is_what_firestore_takes(document: dict[str, Any]) -> None:
    try:
        checked = DocumentRules(load_profile()).check(document)
    except LimitExceeded:
        # Nested too deep.
        reject()
    sent = json.loads(json.dumps(fields_for(checked)))
    check_document(ParseDict({"name": NAME, "fields": sent}, Document()))
    assert typed(stored_item(found(sent)).document) == typed(checked)


def test_what_is_called_like_a_tag_stays_what_it_is() -> None:
    for content in (
        {"$decimal": "1"},
        {"$$list": [1]},
        {"$list": [[1]]},
        {"$decimal": Decimal("1.50")},
        {"decimal": 1},
    ):
        assert typed(plain(value(content))) == typed(content)
        assert typed(document_of(fields_of(content))) == typed(content)


def test_the_deepest_documents_fit() -> None:
    rules = DocumentRules(load_profile())
    deep: Any = [Decimal(1)]
    for depth in range(20):
        candidate = {"d": deep}
        try:
            checked = rules.check(candidate)
        except LimitExceeded:
            assert depth > 3
            break
        check_document(ParseDict({"name": NAME, "fields": fields_for(checked)}, Document()))
        deep = [deep] if depth % 2 else {"a": deep}
    else:
        pytest.fail("no document was too deep")


@pytest.mark.parametrize(
    ("stored", "expected"),
    [({"doubleValue": 1}, 1.0), ({"doubleValue": 1e300}, 1e300), ({"integerValue": "5"}, 5), ({"integerValue": 5}, 5)],
)
def test_numbers_are_read_however_they_are_written(stored: dict[str, Any], expected: float) -> None:
    assert typed(plain(stored)) == typed(expected)


def test_moments_of_less_than_a_microsecond_are_cut() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
    assert plain({"timestampValue": "2026-01-02T03:04:05.123456789Z"}) == moment
    assert plain({"timestampValue": "2026-01-02T03:04:05Z"}) == moment.replace(microsecond=0)


def test_what_portable_did_not_write_is_told_and_not_guessed() -> None:
    with pytest.raises(ValueError, match="geoPointValue"):
        plain({"geoPointValue": {}})
    with pytest.raises(ValueError, match="without a type"):
        plain({})
    for fields in ({}, {"d": {"integerValue": "1"}}):
        with pytest.raises(ValueError, match="portable did not write it"):
            stored_item(found(fields))


# Versions


@pytest.mark.parametrize(
    ("time", "version"),
    [
        ("2026-11-27T00:18:10.123456Z", "1795738690123456"),
        ("2026-11-27T00:18:10.123456789Z", "1795738690123456"),
        ("2026-11-27T00:18:10Z", "1795738690000000"),
        ("2026-11-27T00:18:10.5Z", "1795738690500000"),
    ],
)
def test_a_version_is_the_time_of_the_write_and_back(time: str, version: str) -> None:
    assert version_of(found({}, time)) == version
    assert version_of(found({}, update_time(version))) == version
    assert could_be_version(version)


@settings(deadline=None, derandomize=True)
@given(st.integers(1, 10**16 - 2), st.integers(1, 10**16 - 2), st.none() | st.integers(-(10**10), 10**10))
def test_versions_are_in_the_order_of_times_and_know_when_their_item_ends(
    one: int, other: int, ends: int | None
) -> None:
    fields = fields_for({"a": 1}, expires_at=ends)
    first, second = (version_of(found(fields, update_time(f"{micros:016d}"))) for micros in (one, other))
    assert could_be_version(first)
    assert (first < second) == (one < other)
    assert first < deleted_version(first) < version_of(found({}, update_time(f"{one + 1:016d}")))
    assert update_time(first) == update_time(f"{one:016d}")
    assert (is_over(first, 0), is_over(first, 10**10)) == (ends is not None and ends <= 0, ends is not None)


@pytest.mark.parametrize(
    "text", ["", "1", "1" * 15, "1" * 17, "x" * 16, "-" + "1" * 15, "\uff11" * 16, "0" * 16, "1" * 16 + "."]
)
def test_a_text_that_no_item_has_as_its_version_is_recognised(text: str) -> None:
    assert not could_be_version(text)


def test_marks_tell_writes_apart() -> None:
    assert len({new_mark() for _ in range(1000)}) == 1000


# Expiry


@pytest.mark.parametrize(
    ("expires_at", "now", "expected"),
    [(100, 99, False), (100, 100, True), (None, 10**12, False), (10**15, 253_402_300_798, False), (-(10**15), 0, True)],
)
def test_an_item_is_expired_from_its_second_on(expires_at: int | None, now: int, expected: bool) -> None:
    assert is_expired(found(fields_for({"a": 1}, expires_at=expires_at)), now) is expected


# Indexes


def test_only_declared_indexes_are_projected_and_texts_as_bytes() -> None:
    indexes = {name: IndexSpec(name, ("a",), ("str",)) for name in ("by_a", "by_n")}
    item = item_of({"a": "é"}, index_values={"by_a": ("é",), "by_n": (5, "x"), "gone": ("x",)})
    projected = item_fields(item, "mark", indexes, is_heard=False)["x"]["mapValue"]["fields"]
    assert projected == {
        "by_a": {"mapValue": {"fields": {"a": {"bytesValue": "w6k="}, "b": {"bytesValue": "cAABcw=="}}}},
        "by_n": {"mapValue": {"fields": {"a": {"integerValue": "5"}, "b": {"bytesValue": "eA=="}}}},
    }


# Large items


HEAVY: dict[str, dict[str, Any]] = {
    "digits": {"x": [1] * 131_000},
    "fractions": {"x": [0.1] * 65_000},
    "fields of fractions": {f"{number:05}": 0.5 for number in range(20_000)},
    "empty texts": {"x": [""] * 87_000},
    "empty maps": {"x": [{}] * 87_000},
    "empty lists": {"x": [[]] * 87_000},
    "one text": {"x": "x" * 262_000},
    "wide text": {"x": "\U0001f600" * 65_000},
    "nulls": {"x": [None] * 52_000},
}


@pytest.mark.parametrize("size", [LIMIT, TEXT_CHARACTERS])
@pytest.mark.parametrize("name", HEAVY)
def test_the_largest_items_fit_into_firestore_as_text_and_those_below_as_maps(name: str, size: int) -> None:
    document = HEAVY[name]
    if size < LIMIT:
        document = {
            key: inner[: len(inner) * size // len(encode(document))] if isinstance(inner, (list, str)) else inner
            for key, inner in list(document.items())[: len(document) * size // len(encode(document)) or 1]
        }
    encoded = encode(document)
    assert size * 0.6 < len(encoded.encode()) <= LIMIT
    is_text = len(encoded) > TEXT_CHARACTERS
    stored = ParseDict({"name": NAME, "fields": fields_for(document, is_text=is_text)}, Document())
    check_document(stored)
    exempt = field_overrides("items", is_indexed=True, expires=True)
    Indexes({"fieldOverrides": exempt}).check_entries(stored)


def test_a_document_that_is_text_is_read_counted_and_told_alike() -> None:
    document = {"n": 41, "price": Decimal("1.50"), "x": [[1]]}
    as_map, as_text = found(fields_for(document)), found(fields_for(document, is_text=True))
    assert stored_item(as_text).encoded == encode(document)
    assert image(as_map) == image(as_text) == (encode(document), version_of(as_map))
    assert size_of(as_map) == size_of(as_text) == len(encode(document))
    for one in (as_map, as_text):
        assert document_field(one, "n") == 41
        assert document_field(one, "price") == Decimal("1.50")
        assert document_field(one, "missing") == 0
        changed = {**one, "fields": {**one["fields"], "d": with_field(one, "n", 42)}}
        assert image(changed)[0] == encode({**document, "n": 42})
