"""Tables: verbs, conditions, versions, counters, transactions, batches, ttl; the face of the whole suite of tables.

Keys and values are in table_types.py, queries and paging in table_queries.py, concurrent writers in
table_concurrency.py, changes in table_changes.py.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from portable.adapter import Running
from portable.app import App
from portable.errors import Conflict, DeclarationError, InvalidArgument, LimitExceeded, NotBound, NotFound
from portable.tables import Table

from .harness import Harness
from .table_changes import TableChangeConformance
from .table_concurrency import TableConcurrencyConformance
from .table_queries import TableQueryConformance
from .table_types import TableTypesConformance

__all__ = [
    "TableChangeConformance",
    "TableConcurrencyConformance",
    "TableConformance",
    "TableQueryConformance",
    "TableTypesConformance",
]

Documents = Table[dict[str, Any]]
BIG = 2**53 - 1


class Note(BaseModel):
    owner: str
    id: str
    text: str = ""
    count: int = 0


class Session(BaseModel):
    id: str
    ends: datetime | None = None


class TableConformance:
    """One item at a time, several at once, and what time does to them."""

    @contextmanager
    def documents(self, harness: Harness) -> Generator[Documents, None, None]:
        with self.running(harness) as (table, _):
            yield table

    @contextmanager
    def running(self, harness: Harness, ttl: str | None = None) -> Generator[tuple[Documents, Running], None, None]:
        app = App("conformance")
        table = app.table("items", key=("pk", "sk"), ttl=ttl, indexes={"by_color": ("color",)})
        with harness.running(app) as running:
            yield table, running

    # Reading and writing

    def test_a_table_that_is_not_running_is_not_bound(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items", key=("pk", "sk"))
        calls: list[Callable[[], object]] = [
            lambda: table.get("a", "b"),
            lambda: table.put({"pk": "a", "sk": "b"}),
            lambda: table.query("a"),
            lambda: table.scan(),
        ]
        for call in calls:
            with pytest.raises(NotBound):
                call()
        with harness.running(app):
            assert table.get("a", "b") is None
        for call in calls:
            with pytest.raises(NotBound):
                call()

    def test_a_run_starts_with_empty_tables(self, harness: Harness) -> None:
        for _ in range(2):
            with self.documents(harness) as table:
                assert list(table.scan()) == []
                table.put({"pk": "a", "sk": "b"})

    def test_an_absent_item_is_none_or_not_found(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            assert table.get("a", "b") is None
            assert table.get("a", "b", eventual=True) is None
            assert table.get_entry("a", "b") is None
            with pytest.raises(NotFound, match="'a', 'b'") as caught:
                table.require("a", "b")
            assert caught.value.resource == "table:items"
            assert caught.value.key == ("a", "b")

    def test_a_put_is_read_back_at_once_and_whole(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for number in range(50):
                table.put({"pk": "a", "sk": "b", "n": number, f"field{number}": True})
                assert table.require("a", "b") == {"pk": "a", "sk": "b", "n": number, f"field{number}": True}
            assert table.get("a", "b", eventual=True) is not None

    def test_items_with_one_pk_and_items_with_one_sk_are_different_items(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            keys = [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b"), ("ab", "x"), ("a", "bx")]
            for pk, sk in keys:
                table.put({"pk": pk, "sk": sk, "is": f"{pk}|{sk}"})
            for pk, sk in keys:
                assert table.require(pk, sk)["is"] == f"{pk}|{sk}"

    def test_tables_do_not_see_one_another(self, harness: Harness) -> None:
        app = App("conformance")
        one, two = app.table("one"), app.table("two")
        with harness.running(app):
            one.put({"id": "a", "in": "one"})
            assert two.get("a") is None
            two.put({"id": "a", "in": "two"}, if_absent=True)
            assert one.require("a")["in"] == "one"
            two.delete("a")
            assert one.get("a") is not None
            assert list(two.scan()) == []

    def test_a_key_of_one_field_works_with_every_verb(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("singles")
        with harness.running(app):
            version = table.put({"id": "a", "n": 1}, if_absent=True)
            assert table.require("a") == {"id": "a", "n": 1}
            entry = table.get_entry("a")
            assert entry is not None
            assert entry.version == version
            assert table.increment("a", field="n") == 2
            table.update("a", change=lambda item: {**item, "more": True})
            assert table.query("a").items == [{"id": "a", "n": 2, "more": True}]
            assert table.batch_get(["a", "b", ("a",)]) == [{"id": "a", "n": 2, "more": True}]
            assert table.transact([table.deleting("a", if_present=True)]) == [None]
            assert table.get("a") is None
            with pytest.raises(InvalidArgument, match="sort key"):
                table.query("a", "b")
            for wrong in ((), ("a", "b"), ("a", "b", "c")):
                with pytest.raises(InvalidArgument, match="key field"):
                    table.get(*wrong)

    def test_a_model_table_gives_models(self, harness: Harness) -> None:
        app = App("conformance")
        notes = app.table("notes", Note, key=("owner", "id"))
        with harness.running(app):
            notes.put(Note(owner="ann", id="1", text="x"))
            assert notes.require("ann", "1") == Note(owner="ann", id="1", text="x")
            assert notes.query("ann").items == [Note(owner="ann", id="1", text="x")]

    def test_a_stored_item_that_no_longer_fits_the_model_is_an_error_that_names_it(self, harness: Harness) -> None:
        class Old(BaseModel):
            id: str

        app = App("conformance")
        table = app.table("notes", Old)
        with harness.running(app):
            table.put(Old(id="the key"))

            class New(Old):
                added: int

            changed: Table[New] = Table(app, "notes", New, key="id", indexes={}, ttl=None, location=table.location)
            changed._bound = table._driver  # the same data under a later declaration
            with pytest.raises(DeclarationError, match=r"the key.*no longer fits.*added"):
                changed.get("the key")

    def test_delete_removes_and_an_absent_item_is_no_error(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "a", "sk": "b"})
            table.delete("a", "b")
            assert table.get("a", "b") is None
            table.delete("a", "b")
            assert list(table.scan()) == []

    # Conditions and versions

    def test_the_matrix_of_conditions_holds_for_put(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            # Absent: only if_absent and no condition write.
            with pytest.raises(Conflict) as caught:
                table.put({"pk": "a", "sk": "b"}, if_present=True)
            assert caught.value.status == 409
            assert caught.value.resource == "table:items"
            with pytest.raises(Conflict):
                table.put({"pk": "a", "sk": "b"}, if_version="1")
            assert table.get("a", "b") is None
            first = table.put({"pk": "a", "sk": "b", "n": 1}, if_absent=True)
            # Present: everything but if_absent and another version.
            with pytest.raises(Conflict):
                table.put({"pk": "a", "sk": "b", "n": 2}, if_absent=True)
            assert table.get_entry("a", "b") == ({"pk": "a", "sk": "b", "n": 1}, first)
            second = table.put({"pk": "a", "sk": "b", "n": 3}, if_present=True)
            with pytest.raises(Conflict):
                table.put({"pk": "a", "sk": "b", "n": 4}, if_version=first)
            third = table.put({"pk": "a", "sk": "b", "n": 5}, if_version=second)
            with pytest.raises(Conflict):
                table.put({"pk": "a", "sk": "b", "n": 6}, if_version="made up")
            assert table.get_entry("a", "b") == ({"pk": "a", "sk": "b", "n": 5}, third)

    def test_the_matrix_of_conditions_holds_for_delete(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            with pytest.raises(Conflict):
                table.delete("a", "b", if_present=True)
            with pytest.raises(Conflict):
                table.delete("a", "b", if_version="1")
            first = table.put({"pk": "a", "sk": "b"})
            second = table.put({"pk": "a", "sk": "b"})
            with pytest.raises(Conflict):
                table.delete("a", "b", if_version=first)
            assert table.get("a", "b") is not None
            table.delete("a", "b", if_version=second)
            assert table.get("a", "b") is None
            table.put({"pk": "a", "sk": "b"}, if_absent=True)
            table.delete("a", "b", if_present=True)
            assert table.get("a", "b") is None

    @pytest.mark.parametrize(
        "conditions",
        [
            {"if_absent": True, "if_present": True},
            {"if_absent": True, "if_version": "1"},
            {"if_present": True, "if_version": "1"},
            {"if_version": ""},
            {"if_version": 1},
        ],
    )
    def test_conditions_that_exclude_one_another_are_refused(
        self, harness: Harness, conditions: dict[str, Any]
    ) -> None:
        with self.documents(harness) as table:
            with pytest.raises(InvalidArgument):
                table.put({"pk": "a", "sk": "b"}, **conditions)
            with pytest.raises(InvalidArgument):
                table.putting({"pk": "a", "sk": "b"}, **conditions)
            with pytest.raises(InvalidArgument):
                table.checking("a", "b", **conditions)
            assert table.get("a", "b") is None

    def test_versions_differ_and_sort_in_the_order_of_writes(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            versions: list[str] = []
            for number in range(30):
                versions.append(table.put({"pk": "a", "sk": "b", "n": 0}))
                if number % 7 == 3:
                    table.delete("a", "b")
                elif number % 7 == 5:
                    table.increment("a", "b", field="n")
                    entry = table.get_entry("a", "b")
                    assert entry is not None
                    versions.append(entry.version)
                elif number % 7 == 6:
                    versions.append(table.update("a", "b", change=lambda item: item))
                else:
                    entry = table.get_entry("a", "b")
                    assert entry is not None
                    assert entry.version == versions[-1]
            assert all(type(version) is str and version for version in versions)
            assert len(set(versions)) == len(versions)
            assert sorted(versions) == versions

    def test_an_item_made_anew_does_not_take_an_old_version(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            old = table.put({"pk": "a", "sk": "b"})
            table.delete("a", "b")
            table.put({"pk": "a", "sk": "b"})
            with pytest.raises(Conflict):
                table.put({"pk": "a", "sk": "b", "n": 1}, if_version=old)

    # Update

    def test_update_reads_applies_and_writes(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "a", "sk": "b", "n": 1})
            version = table.update("a", "b", change=lambda item: {**item, "n": item["n"] + 1})
            assert table.get_entry("a", "b") == ({"pk": "a", "sk": "b", "n": 2}, version)

            def in_place(item: dict[str, Any]) -> dict[str, Any]:
                item["n"] += 1
                return item

            table.update("a", "b", change=in_place)
            assert table.require("a", "b")["n"] == 3

    def test_update_of_an_absent_item_is_not_found_and_does_not_call_change(self, harness: Harness) -> None:
        def never(item: dict[str, Any]) -> dict[str, Any]:
            raise AssertionError(f"called with {item}")

        with self.documents(harness) as table, pytest.raises(NotFound):
            table.update("a", "b", change=never)

    def test_update_tries_again_when_somebody_wrote_meanwhile(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "a", "sk": "b", "n": 0})
            seen: list[int] = []

            def change(item: dict[str, Any]) -> dict[str, Any]:
                seen.append(item["n"])
                if len(seen) < 4:
                    table.put({"pk": "a", "sk": "b", "n": len(seen) * 10})
                return {**item, "n": item["n"] + 1}

            table.update("a", "b", change=change)
            assert seen == [0, 10, 20, 30]
            assert table.require("a", "b")["n"] == 31

    def test_update_gives_up_with_conflict_after_eight_lost_races(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "a", "sk": "b", "n": 0})
            calls: list[int] = []

            def change(item: dict[str, Any]) -> dict[str, Any]:
                calls.append(1)
                table.put({"pk": "a", "sk": "b", "n": -len(calls)})
                return item

            with pytest.raises(Conflict, match="8"):
                table.update("a", "b", change=change)
            assert len(calls) == 8
            assert table.require("a", "b")["n"] == -8

    def test_update_refuses_a_changed_key_nothing_and_its_errors_leave_the_item(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "a", "sk": "b", "n": 0})
            with pytest.raises(InvalidArgument, match="key"):
                table.update("a", "b", change=lambda item: {**item, "sk": "c"})
            nothing: Any = dict[str, Any].clear
            with pytest.raises(InvalidArgument, match="None"):
                table.update("a", "b", change=nothing)
            with pytest.raises(ZeroDivisionError):
                table.update("a", "b", change=lambda item: {**item, "n": 1 // item["n"]})
            assert list(table.scan()) == [{"pk": "a", "sk": "b", "n": 0}]

    # Counters

    def test_increment_adds_and_returns_the_result(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            first = table.put({"pk": "a", "sk": "b", "kept": "x"})
            assert table.increment("a", "b", field="n") == 1
            assert table.increment("a", "b", field="n", by=41) == 42
            assert table.increment("a", "b", field="n", by=-50) == -8
            assert table.increment("a", "b", field="n", by=0) == -8
            assert table.increment("a", "b", field="other name") == 1
            assert table.require("a", "b") == {"pk": "a", "sk": "b", "kept": "x", "n": -8, "other name": 1}
            with pytest.raises(Conflict):
                table.put({"pk": "a", "sk": "b"}, if_version=first)

    def test_increment_of_an_absent_item_is_not_found_and_makes_none(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            with pytest.raises(NotFound):
                table.increment("a", "b", field="n")
            assert table.get("a", "b") is None

    @pytest.mark.parametrize("value", ["1", 1.5, True, None, [1], {"a": 1}])
    def test_increment_of_what_is_no_int_is_a_conflict_and_changes_nothing(self, harness: Harness, value: Any) -> None:
        with self.documents(harness) as table:
            version = table.put({"pk": "a", "sk": "b", "n": value})
            with pytest.raises(Conflict):
                table.increment("a", "b", field="n")
            assert table.get_entry("a", "b") == ({"pk": "a", "sk": "b", "n": value}, version)

    def test_increment_stops_at_the_integer_limit(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "a", "sk": "b", "n": BIG - 1})
            assert table.increment("a", "b", field="n") == BIG
            with pytest.raises(LimitExceeded):
                table.increment("a", "b", field="n")
            assert table.require("a", "b")["n"] == BIG
            assert table.increment("a", "b", field="n", by=-BIG) == 0
            assert table.increment("a", "b", field="n", by=-BIG) == -BIG
            with pytest.raises(LimitExceeded):
                table.increment("a", "b", field="n", by=-1)
            with pytest.raises(LimitExceeded):
                table.increment("a", "b", field="n", by=BIG + 1)
            assert table.require("a", "b")["n"] == -BIG

    def test_an_increment_with_a_token_applies_once_and_answers_alike(self, harness: Harness) -> None:
        with self.running(harness) as (table, running):
            table.put({"pk": "a", "sk": "b", "n": 0})
            table.put({"pk": "a", "sk": "c", "n": 0})
            assert table.increment("a", "b", field="n", by=5, token="t1") == 5
            assert table.increment("a", "b", field="n") == 6
            assert table.increment("a", "b", field="n", by=5, token="t1") == 5
            assert table.increment("a", "b", field="n", by=5, token="t2") == 11
            running.advance(599)
            assert table.increment("a", "b", field="n", by=5, token="t1") == 5
            assert table.require("a", "b")["n"] == 11
            assert table.increment("a", "c", field="n", token="t1") == 1

    def test_increment_refuses_fields_that_are_no_counters(self, harness: Harness) -> None:
        app = App("conformance")
        notes = app.table("notes", Note, key=("owner", "id"))
        with harness.running(app), self.documents(harness) as table:
            table.put({"pk": "a", "sk": "b", "color": "red"})
            field: Any
            by: Any
            token: Any
            for field in ("pk", "sk", "color", "", "__x__", "n" * 256, 5, None, "a\ud800"):
                with pytest.raises((InvalidArgument, LimitExceeded)):
                    table.increment("a", "b", field=field)
            for by in (1.0, "1", True, None):
                with pytest.raises(InvalidArgument):
                    table.increment("a", "b", field="n", by=by)
            for token in ("", "x" * 101, 7, "a\nb"):
                with pytest.raises(InvalidArgument):
                    table.increment("a", "b", field="n", token=token)
            for field in ("text", "missing", "owner"):
                with pytest.raises(InvalidArgument):
                    notes.increment("a", "b", field=field)
            assert list(table.scan()) == [{"pk": "a", "sk": "b", "color": "red"}]

    # Transactions

    def test_a_transaction_does_all_of_its_steps(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            gone = table.put({"pk": "a", "sk": "gone"})
            checked = table.put({"pk": "a", "sk": "checked"})
            versions = table.transact(
                [
                    table.putting({"pk": "a", "sk": "new", "n": 1}, if_absent=True),
                    table.deleting("a", "gone", if_version=gone),
                    table.checking("a", "checked", if_version=checked),
                    table.checking("a", "never", if_absent=True),
                    table.putting({"pk": "a", "sk": "plain"}),
                    table.deleting("a", "not there"),
                ]
            )
            assert [version is not None for version in versions] == [True, False, False, False, True, False]
            entry = table.get_entry("a", "new")
            assert entry == ({"pk": "a", "sk": "new", "n": 1}, versions[0])
            assert [item["sk"] for item in table.query("a")] == ["checked", "new", "plain"]

    @pytest.mark.parametrize("position", [0, 1, 2, 3])
    def test_a_transaction_does_nothing_when_one_condition_fails(self, harness: Harness, position: int) -> None:
        with self.documents(harness) as table:
            versions = [table.put({"pk": "a", "sk": name}) for name in ("one", "two")]
            failing = [
                table.checking("a", "absent", if_present=True),
                table.putting({"pk": "a", "sk": "two", "n": 1}, if_absent=True),
                table.deleting("a", "two", if_version=versions[0] + "0"),
                table.checking("a", "two", if_absent=True),
            ]
            for bad in failing:
                steps = [
                    table.putting({"pk": "a", "sk": "new"}),
                    table.deleting("a", "one"),
                    table.putting({"pk": "a", "sk": "newer"}),
                ]
                steps.insert(position, bad)
                with pytest.raises(Conflict):
                    table.transact(steps)
                assert table.query("a").items == [{"pk": "a", "sk": "one"}, {"pk": "a", "sk": "two"}]
                entry = table.get_entry("a", "one")
                assert entry is not None
                assert entry.version == versions[0]

    def test_a_transaction_has_at_most_100_steps(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            steps = [table.putting({"pk": "a", "sk": f"{number:03}"}) for number in range(101)]
            with pytest.raises(LimitExceeded) as caught:
                table.transact(steps)
            assert caught.value.limit == "transaction_items"
            assert list(table.scan()) == []
            before = table.put({"pk": "a", "sk": "000"})
            versions = table.transact(steps[:100])
            # They tell writes of one item apart, and nothing else: items of one transaction may have the same.
            assert before != versions[0]
            assert len(table.query("a", limit=1000)) == 100
            for number, version in enumerate(versions):
                entry = table.get_entry("a", f"{number:03}")
                assert entry is not None
                assert entry.version == version
            again = table.transact(steps[:100])
            assert all(str(old) < str(new) for old, new in zip(versions, again, strict=True))

    def test_a_transaction_has_at_most_one_mebibyte(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            frame = len('{"pk":"a","sk":"0","text":""}')
            items = [{"pk": "a", "sk": str(number), "text": "x" * (262_144 - frame)} for number in range(4)]
            with pytest.raises(LimitExceeded) as caught:
                table.transact([table.putting(item) for item in [*items, {"pk": "a", "sk": "one more"}]])
            assert caught.value.limit == "transaction_bytes"
            assert table.get("a", "0") is None
            table.transact([table.putting(item) for item in items])
            assert table.require("a", "3")["text"] == items[3]["text"]

    def test_a_transaction_is_of_one_table_one_pk_and_different_items(self, harness: Harness) -> None:
        app = App("conformance")
        one, two = app.table("one", key=("pk", "sk")), app.table("two", key=("pk", "sk"))
        with harness.running(app):
            put = one.putting({"pk": "a", "sk": "b"})
            with pytest.raises(InvalidArgument, match="pk"):
                one.transact([put, one.putting({"pk": "b", "sk": "b"})])
            with pytest.raises(InvalidArgument, match="twice"):
                one.transact([put, one.deleting("a", "b")])
            with pytest.raises(InvalidArgument, match="twice"):
                one.transact([one.checking("a", "b", if_absent=True), put])
            with pytest.raises(InvalidArgument, match="table"):
                one.transact([put, two.putting({"pk": "a", "sk": "c"})])
            with pytest.raises(InvalidArgument):
                one.transact([put, "a step"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
            with pytest.raises(InvalidArgument, match="checking"):
                one.checking("a", "b")
            assert one.transact([]) == []
            assert list(one.scan()) == list(two.scan()) == []

    # Batches and scans

    def test_batch_get_gives_what_is_there_in_the_order_asked_for(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for number in range(0, 300, 2):
                table.put({"pk": f"p{number % 7}", "sk": f"{number:03}"})
            keys = [(f"p{number % 7}", f"{number:03}") for number in range(299, -1, -1)]
            found = table.batch_get([*keys, keys[1]])
            assert [item["sk"] for item in found] == [f"{number:03}" for number in range(298, -1, -2)]
            assert table.batch_get([]) == []
            assert table.batch_get([("none", "none")]) == []

    def test_batch_get_gives_many_large_items_whole(self, harness: Harness) -> None:
        """More bytes than any provider puts into one answer, or takes in one request: 16 MB on AWS."""
        with self.documents(harness) as table:
            items = [{"pk": "a", "sk": f"{number:02}", "text": f"{number:02}" + "é" * 125_000} for number in range(70)]
            assert not table.batch_write(items)
            found = table.batch_get([*[("a", item["sk"]) for item in items], ("a", "none")])
            assert [item["sk"] for item in found] == [item["sk"] for item in items]
            assert found == items

    def test_batch_write_puts_and_deletes_any_number(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            items = [{"pk": f"p{number % 3}", "sk": f"{number:03}", "n": number} for number in range(260)]
            failures = table.batch_write(items)
            assert not failures
            assert failures.puts == []
            assert failures.deletes == []
            keys = [(f"p{number % 3}", f"{number:03}") for number in range(260)]
            assert [item["n"] for item in table.batch_get(keys)] == list(range(260))
            assert not table.batch_write([{"pk": "new", "sk": "x"}], deletes=[*keys[:200], ("not", "there")])
            assert [item["n"] for item in table.batch_get(keys)] == list(range(200, 260))
            assert table.get("new", "x") is not None
            assert not table.batch_write()

    def test_batch_write_refuses_an_item_twice(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            item = {"pk": "a", "sk": "b"}
            with pytest.raises(InvalidArgument, match="twice"):
                table.batch_write([item, {**item, "n": 1}])
            with pytest.raises(InvalidArgument, match="twice"):
                table.batch_write([item], deletes=[("a", "b")])
            assert list(table.scan()) == []

    # Time to live

    def test_an_expired_item_is_absent_to_every_verb_from_its_second_on(self, harness: Harness) -> None:
        with self.running(harness, ttl="ends") as (table, running):
            ends = int(running.now()) + 100
            expiring = {"pk": "a", "sk": "b", "n": 0, "color": "red", "ends": ends}
            version = table.put(expiring)
            table.put({"pk": "a", "sk": "forever", "color": "red"})
            table.put({"pk": "a", "sk": "also forever", "color": "red", "ends": None})
            running.drain()
            running.advance(ends - running.now() - 0.5)
            assert table.require("a", "b") == expiring
            assert len(table.query("a")) == len(table.query_index("by_color", "red")) == len(table.scan()) == 3
            running.advance(ends - running.now())
            assert table.get("a", "b") is None
            assert table.get("a", "b", eventual=True) is None
            assert table.get_entry("a", "b") is None
            for absent in (
                lambda: table.require("a", "b"),
                lambda: table.increment("a", "b", field="m"),
                lambda: table.update("a", "b", change=lambda item: item),
            ):
                with pytest.raises(NotFound):
                    absent()
            others = ["also forever", "forever"]
            assert [item["sk"] for item in table.query("a")] == others
            assert [item["sk"] for item in table.query("a", limit=1)] == others[:1]
            assert sorted(item["sk"] for item in table.query_index("by_color", "red")) == others
            assert sorted(item["sk"] for item in table.scan()) == others
            assert table.batch_get([("a", "b")]) == []
            for refused in (
                lambda: table.put(expiring, if_present=True),
                lambda: table.put(expiring, if_version=version),
                lambda: table.delete("a", "b", if_present=True),
                lambda: table.delete("a", "b", if_version=version),
                lambda: table.transact([table.checking("a", "b", if_present=True)]),
            ):
                with pytest.raises(Conflict):
                    refused()
            table.transact([table.checking("a", "b", if_absent=True)])
            table.delete("a", "b")
            table.put({"pk": "a", "sk": "b", "ends": None}, if_absent=True)
            running.advance(10_000)
            assert table.require("a", "b") == {"pk": "a", "sk": "b", "ends": None}

    def test_writing_anew_moves_the_end(self, harness: Harness) -> None:
        with self.running(harness, ttl="ends") as (table, running):
            now = int(running.now())
            table.put({"pk": "a", "sk": "b", "ends": now + 10})
            table.update("a", "b", change=lambda item: {**item, "ends": now + 100})
            running.advance(50)
            table.increment("a", "b", field="n")
            assert table.require("a", "b") == {"pk": "a", "sk": "b", "ends": now + 100, "n": 1}
            running.advance(60)
            assert table.get("a", "b") is None

    def test_an_item_that_has_expired_already_is_written_and_absent(self, harness: Harness) -> None:
        with self.running(harness, ttl="ends") as (table, running):
            table.put({"pk": "a", "sk": "b", "ends": int(running.now()) - 5})
            table.put({"pk": "a", "sk": "c", "ends": 0})
            assert list(table.query("a")) == []
            table.put({"pk": "a", "sk": "b"}, if_absent=True)
            assert len(table.query("a")) == 1

    def test_a_datetime_never_ends_early_and_ends_within_its_second(self, harness: Harness) -> None:
        app = App("conformance")
        sessions = app.table("sessions", Session, ttl="ends")
        with harness.running(app) as running:
            start = int(running.now()) + 10
            ends = datetime.fromtimestamp(start, UTC) + timedelta(milliseconds=500)
            sessions.put(Session(id="a", ends=ends))
            sessions.put(Session(id="b"))
            running.advance(start + 0.4 - running.now())
            assert sessions.require("a").ends == ends
            running.advance(start + 1 - running.now())
            assert sessions.get("a") is None
            assert sessions.get("b") is not None

    @pytest.mark.parametrize("ends", ["soon", 1.5, True, -1, 253_402_300_800, 1_800_000_000_000, [1], b"1"])
    def test_a_ttl_that_is_no_moment_is_refused(self, harness: Harness, ends: Any) -> None:
        with self.running(harness, ttl="ends") as (table, _):
            with pytest.raises(InvalidArgument, match="ends"):
                table.put({"pk": "a", "sk": "b", "ends": ends})
            assert list(table.scan()) == []

    def test_the_clock_of_the_run_decides_also_when_it_jumps_by_decades(self, harness: Harness) -> None:
        with self.running(harness, ttl="ends") as (table, running):
            ahead = 40 * 365 * 86_400
            table.put({"pk": "a", "sk": "b", "ends": int(running.now()) + ahead})
            running.advance(ahead - 1000)
            assert table.get("a", "b") is not None
            running.advance(2000)
            assert table.get("a", "b") is None
