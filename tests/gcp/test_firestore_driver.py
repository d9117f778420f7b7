"""The table driver over a Firestore: our stand-in always, Google's own emulator where the machine has it.

Google's own client reads what the driver wrote, and writes what it meets. What lasts long there (others at the same
item) is kept small; the conformance suite has the rest.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

import pytest
from google.cloud.firestore import Client
from portable_gcp.clients import Clients
from portable_gcp.firestore import FirestoreTable
from portable_gcp.firestore_indexes import indexes
from portable_gcp.firestore_items import TEXT_CHARACTERS

from portable.documents import encode
from portable.drivers import (
    ALWAYS,
    CheckAction,
    Condition,
    DeleteAction,
    IndexValue,
    NewItem,
    PutAction,
    SortCondition,
    StoredPage,
    WriteAction,
)
from portable.errors import ConfigurationError, Conflict, LimitExceeded, NotFound
from portable.specs import IndexSpec
from portable.testing.clock import ManualClock
from tests.gcp_stack.firestore import Firestore
from tests.gcp_stack.firestore_fixtures import control, firestore_fake, firestore_official, google_client
from tests.gcp_stack.official import OfficialFirestore

__all__ = ["firestore_fake", "firestore_official"]

NOW = 1_800_000_000
BOUND = 2**53 - 1
DATABASE = "shop-dev"
TABLES: list[dict[str, Any]] = [{"name": "items", "ttl": "ends", "indexes": [{"name": "by-tag"}, {"name": "by_size"}]}]
SPECS = (IndexSpec("by-tag", ("tag",), ("str",)), IndexSpec("by_size", ("tag", "size"), ("str", "int")))
ABSENT, PRESENT = Condition(absent=True), Condition(present=True)
projects = count(1)


class Stand(NamedTuple):
    """A project of its own in one of the Firestores."""

    clients: Clients
    clock: ManualClock
    grpc: str

    def table(self, name: str = "items", **options: Any) -> FirestoreTable:
        return FirestoreTable(self.clients, DATABASE, name, self.clock, **{"indexes": SPECS, **options})

    def google(self) -> Client:
        """Google's own client of the same database."""
        return google_client(self.grpc, self.clients.project, DATABASE)


@pytest.fixture(params=["ours", "official"])
def stand(request: pytest.FixtureRequest) -> Generator[Stand]:
    is_official = request.param == "official"
    firestore = request.getfixturevalue("firestore_official" if is_official else "firestore_fake")
    with project_in(firestore) as found:
        yield found


@pytest.fixture
def ours(firestore_fake: Firestore) -> Generator[Stand]:
    with project_in(firestore_fake) as found:
        yield found


@contextmanager
def project_in(firestore: Firestore | OfficialFirestore) -> Generator[Stand]:
    project = f"driver-{next(projects)}"
    if isinstance(firestore, Firestore):
        control(firestore, "indexes", project=project, database=DATABASE, document=indexes({"tables": TABLES}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in firestore.environment().items():
            patch.setenv(name, value)
        clients = Clients(project)
        yield Stand(clients, ManualClock(float(NOW)), firestore.grpc)
        clients.close()


def item(sk: str = "s", pk: str = "p", *, ends: int | None = None, index: Any = None, **fields: Any) -> NewItem:
    document = {"pk": pk, "sk": sk, **fields}
    return NewItem(pk, sk, document, encode(document), index or {}, ends)


def sks(page: StoredPage) -> list[str]:
    return [found.sk for found in page.items]


# One item


def test_a_put_is_read_back_with_its_version(stand: Stand) -> None:
    table = stand.table()
    assert table.get("p", "s") is None
    version = table.put(item(n=1, price=Decimal("1.50"), x=[[b"\xff"], 0.5, None]), ALWAYS)
    found = table.get("p", "s")
    assert found is not None
    assert (found.pk, found.sk, found.version) == ("p", "s", version)
    assert found.document == {"pk": "p", "sk": "s", "n": 1, "price": Decimal("1.50"), "x": [[b"\xff"], 0.5, None]}


def test_a_version_changes_with_every_write_also_of_the_same_and_grows_across_a_deletion(stand: Stand) -> None:
    table = stand.table()
    seen = [table.put(item(n=1), ALWAYS) for _ in range(5)]
    table.delete("p", "s", ALWAYS)
    seen += [table.put(item(n=1), ALWAYS) for _ in range(3)]
    assert sorted(set(seen)) == seen


def test_odd_keys_are_read_queried_and_scanned(stand: Stand) -> None:
    table = stand.table()
    keys = [
        "/",
        ".",
        "..",
        "__a__",
        "a/b",
        "a:b",
        "a%2Fb",
        " ",
        "\0",
        "é",
        "\U0001f600",
        "\uff5e",
        "?x=1&y#z",
        "_",
        "+",
        "\u3000",
        "%252F",
    ]
    for pk in keys:
        for sk in keys[:3]:
            table.put(item(sk, pk), ALWAYS)
    for pk in keys:
        assert sks(table.query(pk, None, reverse=False, limit=10, cursor=None)) == sorted(keys[:3])
    page = table.scan(limit=1000, cursor=None)
    assert sorted((found.pk, found.sk) for found in page.items) == sorted((pk, sk) for pk in keys for sk in keys[:3])


@pytest.mark.parametrize("expires", [True, False])
def test_conditions_of_a_put_hold_for_what_is_there(stand: Stand, expires: bool) -> None:
    table = stand.table(expires=expires)
    for condition in (
        PRESENT,
        Condition(version="1" * 16),
        Condition(version="0" * 16),
        Condition(version="no version"),
    ):
        with pytest.raises(Conflict):
            table.put(item(), condition)
    first = table.put(item(n=1), ABSENT)
    second = table.put(item(n=2), PRESENT)
    third = table.put(item(n=3), Condition(version=second))
    assert first < second < third
    for condition, fault in (
        (ABSENT, "it exists already"),
        (Condition(version=first), "it has another version"),
        (Condition(version="no version"), "it has another version"),
    ):
        with pytest.raises(Conflict, match=fault):
            table.put(item(n=4), condition)
    found = table.get("p", "s")
    assert found is not None
    assert found.document == item(n=3).document


@pytest.mark.parametrize("expires", [True, False])
def test_conditions_of_a_deletion_hold_for_what_is_there(stand: Stand, expires: bool) -> None:
    table = stand.table(expires=expires)
    table.delete("p", "s", ALWAYS)
    table.delete("p", "s", ABSENT)
    with pytest.raises(Conflict, match="it is not there"):
        table.delete("p", "s", PRESENT)
    with pytest.raises(Conflict):
        table.delete("p", "s", Condition(version="0" * 16))
    old = table.put(item(n=1), ALWAYS)
    version = table.put(item(n=2), ALWAYS)
    for condition in (ABSENT, Condition(version=old)):
        with pytest.raises(Conflict):
            table.delete("p", "s", condition)
    table.delete("p", "s", Condition(version=version))
    table.put(item(n=3), ABSENT)
    table.delete("p", "s", PRESENT)
    assert table.get("p", "s") is None


def test_an_expired_item_is_absent_to_every_verb_at_once(stand: Stand) -> None:
    table = stand.table()
    version = table.put(item(n=1, ends=NOW + 10, index={"by-tag": ("red",)}), ALWAYS)
    stand.clock.advance(10)
    assert table.get("p", "s") is None
    assert table.query("p", None, reverse=False, limit=10, cursor=None).items == []
    assert table.query_index("by-tag", "red", None, reverse=False, limit=10, cursor=None).items == []
    assert table.scan(limit=10, cursor=None).items == []
    assert table.batch_get([("p", "s")]) == []
    for condition in (PRESENT, Condition(version=version)):
        with pytest.raises(Conflict, match="it is not there"):
            table.put(item(n=2), condition)
        with pytest.raises(Conflict, match="it is not there"):
            table.delete("p", "s", condition)
        with pytest.raises(Conflict, match="it is not there"):
            table.transact([CheckAction("p", "s", condition)], "t")
    with pytest.raises(NotFound):
        table.increment("p", "s", "n", 1, None, BOUND)
    table.delete("p", "s", ABSENT)
    assert table.transact([CheckAction("p", "s", ABSENT)], "t") == [None]
    assert table.put(item(n=3), ABSENT) > version


# Counters


def test_an_increment_adds_to_an_integer_and_to_nothing_else(stand: Stand) -> None:
    table = stand.table()
    table.put(item(n=1, text="x", whole=2.5), ALWAYS)
    assert table.increment("p", "s", "n", 5, None, BOUND) == 6
    assert table.increment("p", "s", "new", -3, None, BOUND) == -3
    assert table.increment("p", "s", "odd `name`.x", 1, None, BOUND) == 1
    for field in ("text", "whole"):
        with pytest.raises(Conflict, match="no integer"):
            table.increment("p", "s", field, 1, None, BOUND)
    with pytest.raises(LimitExceeded):
        table.increment("p", "s", "n", BOUND, None, BOUND)
    with pytest.raises(NotFound):
        table.increment("p", "gone", "n", 1, None, BOUND)
    found = table.get("p", "s")
    assert found is not None
    assert found.document == {"pk": "p", "sk": "s", "n": 6, "text": "x", "whole": 2.5, "new": -3, "odd `name`.x": 1}


def test_an_increment_keeps_ttl_and_indexes_and_makes_a_new_version(stand: Stand) -> None:
    table = stand.table()
    version = table.put(item(n=1, ends=NOW + 10, index={"by-tag": ("red",)}), ALWAYS)
    table.increment("p", "s", "n", 1, None, BOUND)
    [found] = table.query_index("by-tag", "red", None, reverse=False, limit=10, cursor=None).items
    assert found.version > version
    stand.clock.advance(10)
    assert table.get("p", "s") is None


def test_a_token_counts_once_and_answers_alike_also_when_the_item_is_gone(stand: Stand) -> None:
    table = stand.table()
    table.put(item(n=1), ALWAYS)
    assert [table.increment("p", "s", "n", 2, "t", BOUND) for _ in range(3)] == [3, 3, 3]
    assert table.increment("p", "s", "n", 2, "other", BOUND) == 5
    assert stand.table("others").get("p", "s") is None
    table.delete("p", "s", ALWAYS)
    assert table.increment("p", "s", "n", 2, "t", BOUND) == 3
    with pytest.raises(NotFound):
        table.increment("p", "s", "n", 2, "third", BOUND)
    stand.clock.advance(3600)
    with pytest.raises(NotFound):
        table.increment("p", "s", "n", 2, "t", BOUND)


def test_a_token_is_remembered_outside_the_table(stand: Stand) -> None:
    table = stand.table()
    table.put(item(n=1), ALWAYS)
    table.increment("p", "s", "n", 2, "t", BOUND)
    assert [found.pk for found in table.scan(limit=10, cursor=None).items] == ["p"]
    [record] = stand.table("-state", indexes=()).scan(limit=10, cursor=None).items
    assert record.pk.startswith("token#items#")


def test_increments_by_several_at_once_add_exactly(stand: Stand) -> None:
    table = stand.table()
    table.put(item(n=0), ALWAYS)
    found: list[int] = []

    def add() -> None:
        found.extend(table.increment("p", "s", "n", 1, None, BOUND) for _ in range(3))

    threads = [threading.Thread(target=add) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(1, 10))


def test_an_item_too_large_for_a_map_is_kept_as_text_and_counted(stand: Stand) -> None:
    table = stand.table()
    table.put(item(n=1, x=[[]] * (TEXT_CHARACTERS // 2)), ALWAYS)
    assert table.increment("p", "s", "n", 1, None, BOUND) == 2
    found = table.get("p", "s")
    assert found is not None
    assert found.encoded == encode({"n": 2, "pk": "p", "sk": "s", "x": [[]] * (TEXT_CHARACTERS // 2)})


# Several items


def test_a_transaction_does_all_or_nothing_and_says_which_step_failed(stand: Stand) -> None:
    table = stand.table()
    kept = table.put(item("kept"), ALWAYS)
    table.put(item("gone"), ALWAYS)
    versions = table.transact(
        [
            PutAction(item("new", n=1), ABSENT),
            DeleteAction("p", "gone", PRESENT),
            DeleteAction("p", "never", ALWAYS),
            CheckAction("p", "kept", Condition(version=kept)),
            CheckAction("p", "nothing", ABSENT),
            PutAction(item("second", n=2), ALWAYS),
        ],
        "t",
    )
    assert [version is not None for version in versions] == [True, False, False, False, False, True]
    there = {found.sk: found.version for found in table.query("p", None, reverse=False, limit=10, cursor=None).items}
    assert there == {"kept": kept, "new": versions[0], "second": versions[5]}
    refused: list[WriteAction] = [
        PutAction(item("new"), ABSENT),
        DeleteAction("p", "nothing", PRESENT),
        CheckAction("p", "kept", ABSENT),
        CheckAction("p", "nothing", PRESENT),
        CheckAction("p", "kept", Condition(version="1" * 16)),
    ]
    for position, action in enumerate(refused):
        writes: list[Any] = [PutAction(item(f"w{number}"), ALWAYS) for number in range(position)]
        with pytest.raises(Conflict, match=f"step {position}, on "):
            table.transact([*writes, action, PutAction(item("last"), ALWAYS)], "t")
    assert {found.sk for found in table.query("p", None, reverse=False, limit=10, cursor=None).items} == set(there)


def test_a_check_leaves_the_item_as_it_is(stand: Stand) -> None:
    table = stand.table()
    version = table.put(item("a", n=1), ALWAYS)
    for expires in (True, False):
        same = stand.table(expires=expires)
        same.transact([CheckAction("p", "a", PRESENT), PutAction(item("b"), ALWAYS)], "t")
        same.transact([CheckAction("p", "a", Condition(version=version)), CheckAction("p", "c", ABSENT)], "t")
        same.transact([CheckAction("p", "a", ALWAYS)], "t")
    found = table.get("p", "a")
    assert found is not None
    assert (found.version, found.document) == (version, item("a", n=1).document)


def test_a_hundred_items_of_a_mebibyte_are_one_transaction(stand: Stand) -> None:
    table = stand.table()
    actions: list[Any] = [PutAction(item(f"{number:03}", x=[1] * 5000), ALWAYS) for number in range(100)]
    assert sum(len(action.item.encoded) for action in actions) > 1_000_000
    assert len(set(table.transact(actions, "t"))) == 1
    assert len(table.query("p", None, reverse=False, limit=200, cursor=None).items) == 100


def test_batches_of_any_size_write_and_read(stand: Stand) -> None:
    table = stand.table()
    keys = [("p", f"{number:03}") for number in range(450)]
    assert table.batch_write([PutAction(item(sk, n=1), ALWAYS) for _, sk in keys]) == []
    mixed: list[Any] = [DeleteAction("p", sk, ALWAYS) for _, sk in keys[:300]]
    assert table.batch_write([*mixed, PutAction(item("449", n=2), ALWAYS)]) == []
    found = {one.sk: one.document for one in table.batch_get([*keys, ("q", "gone")])}
    assert sorted(found) == [sk for _, sk in keys[300:]]
    assert found["449"] == item("449", n=2).document


# Queries


SORTS: list[tuple[SortCondition | None, list[str]]] = [
    (None, ["", "a", "a\0", "a/", "aa", "ab", "b", "é", "\uff5e", "\U0001f600"]),
    (SortCondition("eq", "a"), ["a"]),
    (SortCondition("lt", "aa"), ["", "a", "a\0", "a/"]),
    (SortCondition("le", "aa"), ["", "a", "a\0", "a/", "aa"]),
    (SortCondition("gt", "b"), ["é", "\uff5e", "\U0001f600"]),
    (SortCondition("ge", "b"), ["b", "é", "\uff5e", "\U0001f600"]),
    (SortCondition("between", "a/", "ab"), ["a/", "aa", "ab"]),
    (SortCondition("between", "b", "a"), []),
    (SortCondition("prefix", "a"), ["a", "a\0", "a/", "aa", "ab"]),
    (SortCondition("prefix", "\uff5e"), ["\uff5e"]),
]


@pytest.mark.parametrize(("sort", "expected"), SORTS)
def test_sort_keys_are_compared_as_bytes_in_both_directions_and_by_pages(
    stand: Stand, sort: SortCondition | None, expected: list[str]
) -> None:
    table = stand.table()
    names = [sk or "!" for sk in SORTS[0][1]]
    expected = [sk or "!" for sk in expected]
    table.batch_write([PutAction(item(sk), ALWAYS) for sk in names])
    table.put(item("a", "other"), ALWAYS)
    for reverse in (False, True):
        order = expected[::-1] if reverse else expected
        assert sks(table.query("p", sort, reverse=reverse, limit=100, cursor=None)) == order
        found: list[str] = []
        cursor = None
        while True:
            page = table.query("p", sort, reverse=reverse, limit=2, cursor=cursor)
            found += sks(page)
            cursor = page.cursor
            if cursor is None:
                break
            assert len(page.items) == 2
        assert found == order


def index_keys(table: FirestoreTable, index: str, value: IndexValue, **options: Any) -> list[tuple[str, str]]:
    """All pages of two items."""
    found: list[tuple[str, str]] = []
    cursor = None
    while True:
        page = table.query_index(
            index, value, options.get("sort"), reverse=options.get("reverse", False), limit=2, cursor=cursor
        )
        found += [(one.pk, one.sk) for one in page.items]
        cursor = page.cursor
        if cursor is None:
            return found


def test_an_index_orders_by_its_second_field_else_by_key_in_both_directions(stand: Stand) -> None:
    table = stand.table()
    keys = [("a", "1"), ("a", "2"), ("a\0", "0"), ("a/b", "0"), ("b", "0")]
    sizes = [5, -1, 5, 10, 9]
    table.batch_write(
        [
            PutAction(item(sk, pk, index={"by-tag": ("red",), "by_size": ("red", size)}), ALWAYS)
            for (pk, sk), size in zip(keys, sizes, strict=True)
        ]
    )
    table.put(item("x", "x", index={"by-tag": ("blue",)}), ALWAYS)
    table.put(item("y", "y"), ALWAYS)
    assert index_keys(table, "by-tag", "red") == keys
    assert index_keys(table, "by-tag", "red", reverse=True) == keys[::-1]
    assert index_keys(table, "by-tag", "blue") == [("x", "x")]
    by_size = [("a", "2"), ("a", "1"), ("a\0", "0"), ("b", "0"), ("a/b", "0")]
    assert index_keys(table, "by_size", "red") == by_size
    assert index_keys(table, "by_size", "red", reverse=True) == by_size[::-1]
    for sort, expected in (
        (SortCondition("gt", 5), by_size[3:]),
        (SortCondition("between", -1, 5), by_size[:3]),
        (SortCondition("eq", 5), by_size[1:3]),
    ):
        assert index_keys(table, "by_size", "red", sort=sort) == expected
        assert index_keys(table, "by_size", "red", sort=sort, reverse=True) == expected[::-1]


def test_a_scan_gives_every_item_of_the_table_once(stand: Stand) -> None:
    table = stand.table()
    keys = sorted((f"p{number % 7}", f"{number:03}") for number in range(45))
    table.batch_write([PutAction(item(sk, pk), ALWAYS) for pk, sk in keys])
    stand.table("others").put(item("x"), ALWAYS)
    found: list[tuple[str, str]] = []
    cursor = None
    while True:
        page = table.scan(limit=10, cursor=cursor)
        found += [(one.pk, one.sk) for one in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == keys


def test_a_page_is_filled_over_expired_items(stand: Stand) -> None:
    table = stand.table()
    actions: list[Any] = [
        PutAction(item(f"{number:03}", ends=NOW + 10 if number % 5 else None), ALWAYS) for number in range(300)
    ]
    table.batch_write(actions)
    stand.clock.advance(10)
    page = table.query("p", None, reverse=False, limit=50, cursor=None)
    assert (len(page.items), page.cursor) == (50, "245")
    page = table.query("p", None, reverse=False, limit=50, cursor=page.cursor)
    assert (len(page.items), page.cursor) == (10, None)


def test_a_page_of_large_items_is_cut_short_and_goes_on(stand: Stand) -> None:
    table = stand.table()
    names = [f"{number:03}" for number in range(120)]
    assert table.batch_write([PutAction(item(sk, text="x" * 85_000), ALWAYS) for sk in names]) == []
    first = table.query("p", None, reverse=False, limit=1000, cursor=None)
    assert first.cursor is not None
    assert len(first.items) * 85_000 < 9_000_000
    second = table.query("p", None, reverse=False, limit=1000, cursor=first.cursor)
    assert (sks(first) + sks(second), second.cursor) == (names, None)


def test_a_query_without_a_declared_index_is_refused_as_in_production(ours: Stand) -> None:
    """Not over Google's emulator, which demands none."""
    table = ours.table("undeclared")
    table.put(item(index={"by-tag": ("red",)}), ALWAYS)
    with pytest.raises(Exception, match="requires an index") as caught:
        table.query_index("by-tag", "red", None, reverse=False, limit=1, cursor=None)
    assert table.classify(caught.value) is ConfigurationError
    assert len(table.query("p", None, reverse=True, limit=1, cursor=None).items) == 1


# Google's own client


def test_googles_client_reads_what_the_driver_wrote(stand: Stand) -> None:
    table = stand.table()
    table.put(item("a/b", n=1, price=Decimal("1.50"), x=[[1], b"\xff"], ends=NOW, index={"by-tag": ("é",)}), ALWAYS)
    found = stand.google().document("roots", "p", "items", "a.Ab").get().to_dict()
    assert found is not None
    assert found["d"] == {
        "pk": "p", "sk": "a/b", "n": 1, "price": {"$decimal": "1.50"}, "x": [{"$list": [1]}, b"\xff"],
    }  # fmt: skip
    assert found["sk"] == b"a/b"
    assert found["ttl"].timestamp() == NOW
    assert found["x"] == {"by-tag": {"a": "é".encode(), "b": b"p\0\1a/b"}}


def test_a_write_of_googles_client_in_between_is_seen(stand: Stand) -> None:
    table = stand.table()
    version = table.put(item(n=1), ALWAYS)
    stand.google().document("roots", "p", "items", "s").update({"d.n": 41})
    with pytest.raises(Conflict, match="another version"):
        table.put(item(n=2), Condition(version=version))
    assert table.increment("p", "s", "n", 1, None, BOUND) == 42


def test_googles_client_is_what_native_gives(stand: Stand) -> None:
    table = stand.table()
    table.put(item(n=1), ALWAYS)
    client = table.native(Client)
    assert isinstance(client, Client)
    assert (client.project, client._database) == (stand.clients.project, DATABASE)
    assert table.native(type(stand.clients.firestore)) is stand.clients.firestore
