"""What items may hold, by values."""

import json
import math
import random
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, HttpUrl

from portable.capabilities import load_profile
from portable.documents import check_document, decode, encode, path_text, rules_for, size_of
from portable.errors import InvalidArgument, LimitExceeded, PortableError
from portable.testing.conformance.table_types import ODD_KEYS, REFUSED_VALUES, VALUES, typed

PROFILE = load_profile()
BIG = 2**53 - 1


def stored(value: Any) -> Any:
    return decode(encode(check_document({"value": value}, PROFILE)))["value"]


@pytest.mark.parametrize(("name", "value", "expected"), VALUES, ids=[name for name, _, _ in VALUES])
def test_every_legal_value_survives_check_encode_and_decode(name: str, value: Any, expected: Any) -> None:
    assert stored(value) == expected
    assert typed(stored(value)) == typed(expected)
    assert typed(check_document({"value": value}, PROFILE)["value"]) == typed(expected)


@pytest.mark.parametrize(("name", "value", "error", "limit"), REFUSED_VALUES, ids=[name for name, *_ in REFUSED_VALUES])
def test_every_other_value_is_refused_with_its_place(
    name: str, value: Any, error: type[PortableError], limit: str
) -> None:
    with pytest.raises(error, match="outer") as caught:
        check_document({"outer": value}, PROFILE)
    assert getattr(caught.value, "limit", "") == limit


def test_a_checked_document_shares_nothing_that_can_change_with_what_was_given() -> None:
    given_item: dict[str, Any] = {"list": [[1]], "dict": {"a": {}}}
    document = check_document(given_item, PROFILE)
    given_item["list"][0].append(2)
    given_item["dict"]["a"]["b"] = 1
    assert document == {"list": [[1]], "dict": {"a": {}}}


def test_the_message_has_the_whole_path_and_the_problem_its_parts() -> None:
    item = {"orders": [{}, {"lines": [{"price of": math.nan}]}]}
    with pytest.raises(InvalidArgument) as caught:
        check_document(item, PROFILE, what="table 'x'", resource="table:x", key="k")
    assert caught.value.message == "table 'x': orders[1].lines[0]['price of']: nan is not a finite number"
    assert caught.value.problems[0].where == ("orders", 1, "lines", 0, "price of")
    assert (caught.value.resource, caught.value.key) == ("table:x", "k")


def test_a_path_is_written_as_people_write_it() -> None:
    assert path_text(()) == ""
    assert path_text(("a",)) == "a"
    assert path_text(("a", 0, "b c", "d")) == "a[0]['b c'].d"


def test_a_limit_is_named_with_the_provider_it_is_from() -> None:
    with pytest.raises(LimitExceeded, match=r"a\[1\].*integer.*azure") as caught:
        check_document({"a": [0, BIG + 1]}, PROFILE)
    assert (caught.value.limit, caught.value.provider) == ("integer", "azure")


@pytest.mark.parametrize("value", [None, 1, "a", b"a", [], (), [("a", 1)], {"a"}, object(), dict])
def test_an_item_is_a_mapping(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="dict"):
        check_document(value, PROFILE)


def test_subclasses_of_plain_types_become_plain() -> None:
    class Text(str):
        __slots__ = ()

        def __str__(self) -> str:
            return "something else"

    class Number(int):
        pass

    item: dict[str, object] = {"t": Text("a"), "n": Number(3), "d": OrderedDict(a=1), Text("k"): 1}
    document = check_document(item, PROFILE)
    assert [type(value) for value in document.values()] == [str, int, dict, int]
    assert document == {"t": "a", "n": 3, "d": {"a": 1}, "k": 1}
    assert all(type(name) is str for name in document)


def test_values_of_the_standard_library_and_of_models_that_are_their_text() -> None:
    class Site(BaseModel):
        url: HttpUrl

    site = Site.model_validate({"url": "https://example.com/a"})
    assert stored(site.url) == "https://example.com/a"
    assert stored(PurePosixPath("a/b")) == "a/b"
    assert stored(ip_address("::1")) == "::1"
    assert stored(timedelta(minutes=1.5)) == 90
    assert stored(timedelta(microseconds=1500)) == 0.0015


def test_a_datetime_is_kept_to_the_microsecond_in_utc() -> None:
    moment = datetime(2026, 10, 25, 2, 30, 0, 1, tzinfo=UTC).astimezone()
    assert stored(moment) == moment
    assert stored(moment).tzinfo == UTC
    assert encode(check_document({"at": moment}, PROFILE)) == (
        '{"at":{"__datetime__":"2026-10-25T02:30:00.000001+00:00"}}'
    )


def test_depth_has_its_boundary_for_dicts_lists_and_both() -> None:
    def deep(dicts: int, lists: int) -> Any:
        value: Any = 0
        for _ in range(lists):
            value = [value]
        for _ in range(dicts):
            value = {"a": value}
        return value

    # The item itself is one level; a list below a dict is one more, a list below a list two more.
    for dicts, lists in ((16, 0), (15, 1), (13, 2), (2, 7), (1, 8)):
        levels = dicts + (1 + 2 * (lists - 1) if lists else 0)
        value = deep(dicts, lists)
        if levels <= 16:
            assert check_document(value, PROFILE) == value
            with pytest.raises(LimitExceeded):
                check_document(deep(dicts + 1 + 16 - levels, lists), PROFILE)
        else:
            with pytest.raises(LimitExceeded):
                check_document(value, PROFILE)


def test_field_names_have_1_to_255_bytes_and_are_not_reserved() -> None:
    for name in ["a", "n" * 255, "é" * 127, "__a", "a__", "___", "__", "_", " ", "\x00", "a.b", "__a__b"]:
        assert check_document({name: 1}, PROFILE) == {name: 1}
    for name in ["", "__a__", "____", "__decimal__", "_____", "\ud800"]:
        with pytest.raises(InvalidArgument):
            check_document({name: 1}, PROFILE)
    for name in ["n" * 256, "é" * 128]:
        with pytest.raises(LimitExceeded):
            check_document({name: 1}, PROFILE)


def test_names_once_seen_are_checked_alike_the_second_time() -> None:
    for _ in range(2):
        with pytest.raises(InvalidArgument):
            check_document({"good": {"__bad__": 1}}, PROFILE)
        assert check_document({"good": {"good": 1}}, PROFILE) == {"good": {"good": 1}}


def test_invented_names_do_not_grow_the_process_without_bound() -> None:
    rules = rules_for(PROFILE)
    for number in range(10_000):
        rules.check({f"name {number}": 1})
    assert len(rules._names) <= 4096


def test_canonical_json_is_compact_sorted_and_keeps_characters() -> None:
    document = check_document({"b": [1, 1.5, True, None], "a": 'é\u2028\x00"\\/', "B": {}}, PROFILE)
    assert encode(document) == '{"B":{},"a":"é\u2028\\u0000\\"\\\\/","b":[1,1.5,true,null]}'
    assert size_of(encode(document)) == len(encode(document).encode())


def test_the_order_of_fields_does_not_show_in_the_json() -> None:
    assert encode({"a": 1, "b": {"d": 1, "c": 2}}) == encode({"b": {"c": 2, "d": 1}, "a": 1})


def test_a_tag_that_lies_is_refused() -> None:
    for text in (
        '{"a":{"__decimal__":"x"}}',
        '{"a":{"__decimal__":[]}}',
        '{"a":{"__bytes__":5}}',
        '{"a":{"__bytes__":"é"}}',
        '{"a":{"__datetime__":"soon"}}',
        '{"a":{"__datetime__":null}}',
    ):
        with pytest.raises(InvalidArgument, match="__"):
            decode(text)
    for text in ("", "{", "nothing"):
        with pytest.raises(ValueError):
            decode(text)


def test_text_that_looks_like_a_tag_stays_text() -> None:
    for key in [*ODD_KEYS, '"__decimal__"', '{"__bytes__":""}', '\\"__datetime__']:
        document = {"a": key, "b": [key], "c": Decimal(1)}
        assert decode(encode(check_document(document, PROFILE))) == document


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-BIG, BIG)
    | st.floats(allow_nan=False, allow_infinity=False, min_value=-1e125, max_value=1e125).filter(
        lambda number: number == 0 or abs(number) >= 1e-130
    )
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**20), max_value=10**20)
    | st.datetimes(timezones=st.just(UTC))
)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(
    lambda name: not (len(name) >= 4 and name.startswith("__") and name.endswith("__"))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(names, values, max_size=5))
def test_whatever_passes_the_check_comes_back_as_checked(item: dict[str, Any]) -> None:
    try:
        document = check_document(item, PROFILE)
    except LimitExceeded:
        # Random nesting may be deeper than 16; nothing else here is over a limit.
        return
    text = encode(document)
    assert typed(decode(text)) == typed(document)
    assert document == item
    assert encode(decode(text)) == text
    assert check_document(document, PROFILE) == document
    json.loads(text)


def test_random_damage_to_stored_json_never_gives_another_error() -> None:
    seed = random.randrange(10**9)
    rng = random.Random(seed)
    text = encode(check_document({name: value for name, value, _ in VALUES}, PROFILE))
    for _ in range(500):
        at = rng.randrange(len(text))
        damaged = text[:at] + rng.choice(['"', "{", "}", "_", "x", ""]) + text[at + 1 :]
        try:
            decode(damaged)
        except (ValueError, InvalidArgument):
            continue
        except Exception as error:
            raise AssertionError(f"seed {seed}: {damaged!r}") from error
