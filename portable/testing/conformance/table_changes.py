"""Changes of tables: what `on_change` handlers are told, at least once and in no promised order."""

from typing import Any

import pytest
from pydantic import BaseModel

from portable.app import App, Service
from portable.context import Context
from portable.errors import Conflict, DeclarationError
from portable.tables import CONSTANT_SK, Change

from .harness import Harness


class Note(BaseModel):
    owner: str
    id: str
    text: str = ""


class TableChangeConformance:
    """Every write ends in a call with the item's last state; failures are tried again and then kept."""

    def test_a_write_and_a_deletion_are_told_with_key_item_version_and_time(self, harness: Harness) -> None:
        app = App("conformance")
        notes = app.table("notes", Note, key=("owner", "id"))
        seen: list[Change[Note]] = []

        @notes.on_change
        def changed(change: Change[Note]) -> None:
            seen.append(change)

        with harness.running(app) as running:
            note = Note(owner="ann", id="1", text="x")
            version = notes.put(note)
            written_at = running.now()
            running.drain()
            assert seen
            for change in seen:
                assert (change.pk, change.sk, change.op, change.new, change.version) == (
                    "ann", "1", "upsert", note, version,
                )  # fmt: skip
                assert type(change.new) is Note
                # Stores round it, some to the minute.
                assert abs(change.time - written_at) <= 60
            before = len(seen)
            notes.delete("ann", "1")
            running.drain()
            last = seen[-1]
            assert len(seen) > before
            assert (last.pk, last.sk, last.op, last.new) == ("ann", "1", "delete", None)
            assert last.version > version
            assert last.is_newer_than(version)
            assert last.is_newer_than(None)
            assert not last.is_newer_than(last.version)
            assert not seen[0].is_newer_than(last.version)

    def test_every_verb_that_writes_is_told_and_dropping_older_versions_ends_at_the_truth(
        self, harness: Harness
    ) -> None:
        app = App("conformance")
        table = app.table("items", key=("pk", "sk"))
        copies: dict[tuple[str, str], tuple[str, dict[str, Any] | None]] = {}

        @table.on_change()
        def copy(change: Change[dict[str, Any]]) -> None:
            key = (change.pk, change.sk)
            if change.is_newer_than(copies[key][0] if key in copies else None):
                copies[key] = (change.version, change.new)

        with harness.running(app) as running:

            def settle() -> dict[tuple[str, str], dict[str, Any]]:
                running.drain()
                return {key: new for key, (_, new) in copies.items() if new is not None}

            table.put({"pk": "a", "sk": "put", "n": 1})
            table.put({"pk": "a", "sk": "put", "n": 2})
            assert settle() == {("a", "put"): {"pk": "a", "sk": "put", "n": 2}}
            table.update("a", "put", change=lambda item: {**item, "n": 3})
            assert settle()["a", "put"]["n"] == 3
            table.increment("a", "put", field="n")
            assert settle()["a", "put"]["n"] == 4
            table.transact([table.putting({"pk": "a", "sk": "two"}), table.deleting("a", "put")])
            assert settle() == {("a", "two"): {"pk": "a", "sk": "two"}}
            table.batch_write([{"pk": f"b{number}", "sk": "x"} for number in range(30)], deletes=[("a", "two")])
            assert len(settle()) == 30
            table.put({"pk": "a", "sk": "put", "n": 5})
            assert settle()["a", "put"]["n"] == 5
            table.delete("a", "put")
            table.put({"pk": "a", "sk": "put", "n": 6})
            assert settle()["a", "put"]["n"] == 6

    def test_what_was_not_written_is_not_told(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items", key=("pk", "sk"))
        other = app.table("other")
        seen: list[Change[dict[str, Any]]] = []

        @table.on_change
        def changed(change: Change[dict[str, Any]]) -> None:
            seen.append(change)

        with harness.running(app) as running:
            other.put({"id": "a"})
            table.get("a", "b")
            table.delete("a", "b")
            with pytest.raises(Conflict):
                table.put({"pk": "a", "sk": "b"}, if_present=True)
            with pytest.raises(Conflict):
                table.transact([table.putting({"pk": "a", "sk": "c"}), table.checking("a", "b", if_present=True)])
            running.drain()
            assert [change for change in seen if change.op == "upsert"] == []

    def test_values_of_every_kind_and_odd_keys_survive_the_way(self, harness: Harness) -> None:
        from .table_types import ODD_KEYS, VALUES, typed

        app = App("conformance")
        table = app.table("items", key=("pk", "sk"))
        seen: dict[tuple[str, str], Any] = {}

        @table.on_change
        def changed(change: Change[dict[str, Any]]) -> None:
            assert change.new is not None
            seen[change.pk, change.sk] = change.new["value"]

        with harness.running(app) as running:
            for name, value, _ in VALUES:
                table.put({"pk": "value", "sk": name, "value": value})
            for key in ODD_KEYS[::3]:
                table.put({"pk": key, "sk": key, "value": key})
            running.drain()
            for name, _, expected in VALUES:
                assert typed(seen["value", name]) == typed(expected), name
            for key in ODD_KEYS[::3]:
                assert seen[key, key] == key

    def test_a_table_with_one_key_field_tells_the_constant_sort_key(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items")
        seen: list[Change[dict[str, Any]]] = []

        @table.on_change
        def changed(change: Change[dict[str, Any]], context: Context) -> None:
            assert context.kind == "table"
            assert context.attempt >= 1
            seen.append(change)

        with harness.running(app) as running:
            table.put({"id": "a"})
            running.drain()
            assert (seen[0].pk, seen[0].sk) == ("a", CONSTANT_SK)

    def test_each_of_several_handlers_is_told(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items")
        seen: set[str] = set()

        @table.on_change
        def one(change: Change[dict[str, Any]]) -> None:
            seen.add(f"one {change.pk}")

        @table.on_change(max_attempts=2, timeout=30)
        def two(change: Change[dict[str, Any]]) -> None:
            seen.add(f"two {change.pk}")

        with harness.running(app) as running:
            table.put({"id": "a"})
            running.drain()
            assert seen == {"one a", "two a"}

    def test_a_handler_may_be_in_another_service_and_a_table_in_a_third(self, harness: Harness) -> None:
        app = App("conformance")
        store, mirror = Service("store"), Service("mirror")
        table = store.table("items")
        namesake = mirror.table("items")
        seen: list[str] = []

        @table.on_change(service=mirror)
        def changed(change: Change[dict[str, Any]]) -> None:
            seen.append(change.pk)

        app.include(store)
        app.include(mirror)
        assert "changed" in mirror.handlers
        assert "changed" not in store.handlers
        with harness.running(app) as running:
            table.put({"id": "a"})
            namesake.put({"id": "not this one"})
            running.drain()
            assert set(seen) == {"a"}
            assert [item["id"] for item in namesake.scan()] == ["not this one"]

    def test_a_handler_that_fails_is_tried_again_and_then_kept_with_the_dead_letters(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items")
        attempts: list[tuple[str, int]] = []

        @table.on_change(max_attempts=3, min_backoff=0, max_backoff=0)
        def changed(change: Change[dict[str, Any]], context: Context) -> None:
            attempts.append((change.pk, context.attempt))
            if change.pk == "bad" or (change.pk == "shaky" and context.attempt < 2):
                raise ValueError(f"no luck with {change.pk}")

        with harness.running(app) as running:
            for name in ("good", "shaky", "bad"):
                table.put({"id": name})
            for _ in range(10):
                running.drain()
                running.advance(1)
            assert {name for name, _ in attempts} == {"good", "shaky", "bad"}
            assert max(attempt for name, attempt in attempts if name == "shaky") == 2
            assert max(attempt for name, attempt in attempts if name == "bad") == 3
            letters = running.dead_letters("changed")
            assert [letter.handler for letter in letters] == ["changed"]
            assert "no luck with bad" in letters[0].error
            assert '"bad"' in letters[0].body

    def test_a_change_may_be_delivered_again(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items")
        seen: list[Change[dict[str, Any]]] = []

        @table.on_change
        def changed(change: Change[dict[str, Any]]) -> None:
            seen.append(change)

        with harness.running(app) as running:
            table.put({"id": "a", "n": 1})
            running.drain()
            count = len(seen)
            assert running.redeliver("changed") >= 1
            running.drain()
            assert len(seen) > count
            assert seen[-1] == seen[0]
            assert not seen[-1].is_newer_than(seen[0].version)

    def test_a_write_of_a_handler_is_told_too(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items")
        totals = app.table("totals")
        seen: list[int] = []

        @table.on_change
        def count(change: Change[dict[str, Any]]) -> None:
            totals.put({"id": change.pk, "n": 1})

        @totals.on_change
        def counted(change: Change[dict[str, Any]]) -> None:
            assert change.new is not None
            seen.append(change.new["n"])

        with harness.running(app) as running:
            table.put({"id": "a"})
            running.drain()
            assert set(seen) == {1}

    @pytest.mark.parametrize(
        "options",
        [{"max_attempts": 0}, {"max_attempts": 101}, {"timeout": 0}, {"timeout": 541}, {"min_backoff": -1},
         {"min_backoff": 5, "max_backoff": 1}],
    )  # fmt: skip
    def test_options_that_no_provider_has_are_refused_at_declaration(self, options: dict[str, Any]) -> None:
        app = App("conformance")
        table = app.table("items")

        def changed(change: Change[dict[str, Any]]) -> None:
            raise AssertionError(change)

        with pytest.raises(DeclarationError):
            table.on_change(**options)(changed)
