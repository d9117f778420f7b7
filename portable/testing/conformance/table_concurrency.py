"""Many writers at once: conditional writes, counters and transactions of one table from several threads."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from portable.app import App
from portable.errors import Conflict
from portable.tables import Table

from .harness import Harness

WRITERS = 8
DEADLINE = 120.0


def together(*functions: Callable[[], None]) -> None:
    """Runs the functions in a thread each, started at the same moment; raises the first error of any."""
    barrier = threading.Barrier(len(functions))
    errors: list[BaseException] = []

    def run(function: Callable[[], None]) -> None:
        try:
            barrier.wait(DEADLINE)
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE)
    assert not any(thread.is_alive() for thread in threads), "a writer hangs"
    if errors:
        raise errors[0]


class TableConcurrencyConformance:
    """Writes on one key are linearizable; nothing is lost, nothing counted twice, nothing half done is seen."""

    @contextmanager
    def documents(self, harness: Harness) -> Generator[Table[dict[str, Any]], None, None]:
        app = App("conformance")
        table = app.table("items", key=("pk", "sk"))
        with harness.running(app):
            yield table

    def test_of_many_who_create_one_item_one_succeeds(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for round_number in range(10):
                winners: list[int] = []

                def create(writer: int, sk: str = str(round_number), winners: list[int] = winners) -> None:
                    try:
                        table.put({"pk": "p", "sk": sk, "writer": writer}, if_absent=True)
                        winners.append(writer)
                    except Conflict:
                        return

                together(*[partial(create, writer) for writer in range(WRITERS)])
                assert len(winners) == 1
                assert table.require("p", str(round_number))["writer"] == winners[0]

    def test_of_many_who_delete_one_item_one_succeeds(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "p", "sk": "s"})
            done: list[bool] = []

            def delete() -> None:
                try:
                    table.delete("p", "s", if_present=True)
                    done.append(True)
                except Conflict:
                    return

            together(*[delete] * WRITERS)
            assert done == [True]

    def test_compare_and_set_by_many_writers_is_linearizable(self, harness: Harness) -> None:
        each = 15
        with self.documents(harness) as table:
            table.put({"pk": "p", "sk": "s", "n": 0, "writer": -1})
            wins: list[tuple[int, int, str]] = []
            finished = threading.Event()

            def write(writer: int) -> None:
                won = 0
                while won < each:
                    entry = table.get_entry("p", "s")
                    assert entry is not None
                    item: dict[str, Any] = {"pk": "p", "sk": "s", "n": entry.item["n"] + 1, "writer": writer}
                    try:
                        version = table.put(item, if_version=entry.version)
                    except Conflict:
                        continue
                    wins.append((item["n"], writer, version))
                    won += 1

            def writers() -> None:
                try:
                    together(*[partial(write, writer) for writer in range(WRITERS)])
                finally:
                    finished.set()

            def read() -> None:
                last = -1
                while not finished.is_set():
                    seen = table.require("p", "s")["n"]
                    assert seen >= last, "a later read saw an earlier state"
                    last = seen

            together(writers, read)
            assert table.require("p", "s")["n"] == WRITERS * each
            in_order = sorted(wins)
            assert [n for n, _, _ in in_order] == list(range(1, WRITERS * each + 1))
            versions = [version for _, _, version in in_order]
            assert versions == sorted(set(versions))

    def test_updates_by_many_lose_nothing(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "p", "sk": "s", "seen": []})
            done: list[str] = []

            def add(writer: int) -> None:
                for number in range(5):
                    mark = f"{writer}.{number}"

                    def marked(item: dict[str, Any], mark: str = mark) -> dict[str, Any]:
                        return {**item, "seen": [*item["seen"], mark]}

                    while True:
                        try:
                            table.update("p", "s", change=marked)
                        except Conflict:
                            continue
                        done.append(mark)
                        break

            together(*[partial(add, writer) for writer in range(WRITERS)])
            seen = table.require("p", "s")["seen"]
            assert sorted(seen) == sorted(done)
            assert len(seen) == WRITERS * 5

    def test_concurrent_increments_add_exactly_and_return_each_value_once(self, harness: Harness) -> None:
        each = 40
        with self.documents(harness) as table:
            table.put({"pk": "p", "sk": "s"})
            returned: list[int] = []
            together(
                *[
                    lambda: returned.extend(table.increment("p", "s", field="n") for _ in range(each))
                    for _ in range(WRITERS)
                ]
            )
            assert sorted(returned) == list(range(1, WRITERS * each + 1))
            assert table.require("p", "s")["n"] == WRITERS * each

    def test_one_token_in_many_hands_counts_once(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "p", "sk": "s", "n": 0})
            for number in range(5):
                returned: list[int] = []

                def count(token: str = f"t{number}", returned: list[int] = returned) -> None:
                    returned.append(table.increment("p", "s", field="n", token=token))

                together(*[count] * WRITERS)
                assert returned == [number + 1] * WRITERS
            assert table.require("p", "s")["n"] == 5

    def test_increments_and_puts_of_other_fields_do_not_lose_one_another(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "p", "sk": "s", "n": 0, "m": 0})

            def count() -> None:
                for _ in range(30):
                    table.increment("p", "s", field="n")

            def change() -> None:
                done = 0
                while done < 10:
                    try:
                        table.update("p", "s", change=lambda item: {**item, "m": item["m"] + 1})
                        done += 1
                    except Conflict:
                        continue

            together(count, count, count, change)
            assert table.require("p", "s") == {"pk": "p", "sk": "s", "n": 90, "m": 10}

    def test_transfers_by_many_keep_the_sum(self, harness: Harness) -> None:
        names = ["a", "b", "c", "d"]
        with self.documents(harness) as table:
            table.batch_write([{"pk": "bank", "sk": name, "balance": 100} for name in names])

            def transfer(writer: int) -> None:
                done = 0
                turn = writer
                while done < 8:
                    turn += 1
                    source, target = names[turn % 4], names[(turn + 1 + writer % 3) % 4]
                    if source == target:
                        continue
                    paying, paid = table.get_entry("bank", source), table.get_entry("bank", target)
                    assert paying is not None
                    assert paid is not None
                    try:
                        table.transact(
                            [
                                table.putting(
                                    {**paying.item, "balance": paying.item["balance"] - 1},
                                    if_version=paying.version,
                                ),
                                table.putting(
                                    {**paid.item, "balance": paid.item["balance"] + 1},
                                    if_version=paid.version,
                                ),
                            ]
                        )
                        done += 1
                    except Conflict:
                        continue

            together(*[partial(transfer, writer) for writer in range(WRITERS)])
            assert sum(item["balance"] for item in table.query("bank")) == 400

    def test_a_reader_sees_items_whole(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            fields = [f"f{number}" for number in range(50)]
            table.put({"pk": "p", "sk": "s", **dict.fromkeys(fields, 0)})
            finished = threading.Event()

            def write() -> None:
                try:
                    for number in range(60):
                        table.put({"pk": "p", "sk": "s", **dict.fromkeys(fields, number)})
                finally:
                    finished.set()

            def read() -> None:
                while not finished.is_set():
                    found = table.require("p", "s")
                    assert len({found[name] for name in fields}) == 1, "a mixture of two writes"

            together(write, read, read)

    def test_writers_of_different_items_do_not_disturb_one_another(self, harness: Harness) -> None:
        with self.documents(harness) as table:

            def write(writer: int) -> None:
                for number in range(25):
                    table.put({"pk": f"w{writer}", "sk": f"{number:02}", "n": number}, if_absent=True)

            together(*[partial(write, writer) for writer in range(WRITERS)])
            for writer in range(WRITERS):
                assert [item["n"] for item in table.query(f"w{writer}")] == list(range(25))

    def test_a_conflict_names_the_resource_and_the_key(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            table.put({"pk": "p", "sk": "s"})
            with pytest.raises(Conflict) as caught:
                table.put({"pk": "p", "sk": "s"}, if_absent=True)
            assert (caught.value.resource, caught.value.key) == ("table:items", ("p", "s"))
