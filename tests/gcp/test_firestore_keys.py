"""Keys as names of documents: every key comes back, the order is kept, and Firestore takes the name."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_gcp.firestore_items import item_name, keys_of
from portable_gcp.firestore_keys import escaped, key_order, unescaped

SPACES = "\x85\xa0\xa1\u1680\u2000\u200a\u200b\u2027\u2028\u2029\u202a\u202f\u205f\u3000\u3001"
ODD = SPACES + "\0\x01\x1f !\"#%&'+,-./09:;<?@AZ[\\]^_`az{|}~\x7f\x80é\uff5e\uffff\U0001f600"
keys = st.text(st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"])), min_size=1, max_size=12)
FIXED = [".", "..", "...", "/", "//", "__", "___", "__a__", "_", "-_", "_-", "a_", ":", ";", " ", "  ", "\0", "a:b/c.d"]
property_test = settings(deadline=None, derandomize=True, max_examples=300)


@property_test
@given(keys)
def test_every_key_comes_back(key: str) -> None:
    assert unescaped(escaped(key)) == key


@pytest.mark.parametrize("key", FIXED)
def test_keys_that_firestore_has_a_rule_on_come_back(key: str) -> None:
    assert unescaped(escaped(key)) == key


@property_test
@given(keys, keys)
def test_names_are_in_the_order_of_keys(one: str, other: str) -> None:
    assert (escaped(one).encode() < escaped(other).encode()) == (one.encode() < other.encode())


def test_the_order_holds_between_all_pairs_of_odd_keys() -> None:
    tried = [*FIXED, *ODD, *(f"{first}{second}" for first in ODD for second in ODD)]
    by_key = sorted(set(tried), key=str.encode)
    assert sorted(map(escaped, by_key), key=str.encode) == list(map(escaped, by_key))


@property_test
@given(keys)
def test_a_name_keeps_firestores_rules_and_needs_no_colon_in_a_path(key: str) -> None:
    name = escaped(key)
    assert not re.fullmatch(r"\.\.?|__.*__", name, re.DOTALL)
    assert not re.search(r"[\s\x00-\x20%/:]", name)
    assert len(name.encode()) <= 2 * len(key.encode())


@pytest.mark.parametrize(
    "name", ["_a", "a.", "%", "a%2Fb", "&", "a.x", "!", "!b", ";2", "a!~", "_", "a b", "a\u3000b", "/"]
)
def test_a_name_that_stands_for_no_key_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="portable did not write it"):
        unescaped(name)


@property_test
@given(keys, keys, keys, keys)
def test_pairs_of_keys_are_in_order_as_bytes(pk: str, sk: str, other_pk: str, other_sk: str) -> None:
    one, other = (pk.encode(), sk.encode()), (other_pk.encode(), other_sk.encode())
    assert (key_order(pk, sk) < key_order(other_pk, other_sk)) == (one < other)


def test_pairs_of_the_longest_keys_are_ordered_by_what_firestore_compares() -> None:
    assert len(key_order("\0" * 330, "\0" * 330)) <= 1500


def test_the_name_of_an_item_tells_its_keys() -> None:
    documents = "projects/p/databases/shop-dev/documents"
    name = item_name(documents, "orders", "a/b", "2026:1")
    assert name == f"{documents}/roots/a.Ab/orders/2026;@1"
    assert keys_of(name) == ("a/b", "2026:1")
    with pytest.raises(ValueError, match="portable did not write it"):
        keys_of(f"{documents}/users/a/orders/b")
