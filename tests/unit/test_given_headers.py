"""Headers that a gateway gives in one dict are like all others to whoever reads or changes them."""

import pytest

from portable.http import GivenHeaders, Headers

GIVEN = {"content-type": "text/plain", "x-a": "1"}


def given() -> GivenHeaders:
    found = GivenHeaders.__new__(GivenHeaders)
    found._given = dict(GIVEN)
    return found


def test_they_read_as_headers_do_before_and_after_their_pairs_are_made() -> None:
    found, other = given(), Headers(GIVEN.items())
    assert found._last("x-a") == other._last("x-a") == "1"
    assert found._last("x-b") is other._last("x-b") is None
    assert found.items() == other.items() == [*GIVEN.items()]
    assert type(found) is GivenHeaders
    assert found.get("X-A") == "1"
    assert type(found) is Headers
    assert found == other
    assert repr(found) == repr(other)
    assert found._last("x-a") == "1"


@pytest.mark.parametrize("name", ["X-A", "x-a"])
def test_what_is_set_is_what_is_read(name: str) -> None:
    found = given()
    found[name] = "2"
    assert found._last("x-a") == "2"
    assert found.items() == [("content-type", "text/plain"), ("x-a", "2")]
    assert GIVEN["x-a"] == "1"


def test_what_is_added_or_deleted_is_seen() -> None:
    found = given()
    found.add("X-A", "2")
    assert found["x-a"] == "1, 2"
    assert found._last("x-a") == "2"
    found = given()
    del found["content-type"]
    assert found.items() == [("x-a", "1")]


def test_the_dict_itself_is_never_changed() -> None:
    found = given()
    shared = found._given
    found["x-a"] = "2"
    found.add("x-b", "3")
    assert shared == GIVEN
