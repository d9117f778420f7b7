"""Queries of tables: operators, order, limits, paging while others write, indexes, cursors."""

# ruff: noqa: B023 - the functions made in loops here are called before the loop goes on.

import random
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from pydantic import BaseModel

from portable.adapter import Running
from portable.app import App
from portable.drivers import SortCondition
from portable.errors import InvalidArgument, LimitExceeded, PortableError
from portable.tables import Page, Table, between, eq, ge, gt, le, lt, prefix

from .harness import Harness
from .table_types import refusal

Documents = Table[dict[str, Any]]

# In the order of UTF-8 bytes; \uff5e comes before \U0001f600 there, and after it in UTF-16.
SORTED = [
    "\x00", "\x01", " ", "!", "0", "00", "1", "10", "2", "A", "Z", "_", "a", "a\x00", "a\x00b", "a!", "aa", "ab", "b",
    "~", "\x7f", "é", "日", "\ufb01", "\uff5e", "\uffff", "\U00010000", "\U0001f600", "\U0001f600a", "\U0010ffff",
]  # fmt: skip


class Task(BaseModel):
    id: str
    owner: str | None = None
    priority: int | None = None
    title: str | None = None


def pages(fetch: Callable[[str | None], Page[Any]], between_pages: Callable[[int], None] | None = None) -> list[Any]:
    """All items of a query, page by page; a page may be empty, so the bound is on their number."""
    found: list[Any] = []
    cursor: str | None = None
    for number in range(10_000):
        page = fetch(cursor)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            return found
        if between_pages is not None:
            between_pages(number)
    raise AssertionError("the query does not end")


class TableQueryConformance:
    """What `query`, `query_index` and `scan` find, in which order, and that paging neither skips nor repeats."""

    @contextmanager
    def documents(self, harness: Harness) -> Generator[Documents, None, None]:
        app = App("conformance")
        table = app.table("items", key=("pk", "sk"))
        with harness.running(app):
            yield table

    @contextmanager
    def tasks(self, harness: Harness) -> Generator[tuple[Table[Task], Running], None, None]:
        app = App("conformance")
        tasks = app.table(
            "tasks",
            Task,
            indexes={
                "by_owner": ("owner",),
                "by_owner_and_priority": ("owner", "priority"),
                "by_priority": ("priority", "title"),
            },
        )
        with harness.running(app) as running:
            yield tasks, running

    # By key

    def test_every_operator_compares_bytes(self, harness: Harness) -> None:
        def matches(condition: SortCondition, key: str) -> bool:
            assert isinstance(condition.low, str)
            low, high, value = condition.low.encode(), str(condition.high).encode(), key.encode()
            return {
                "eq": value == low,
                "lt": value < low,
                "le": value <= low,
                "gt": value > low,
                "ge": value >= low,
                "between": low <= value <= high,
                "prefix": value.startswith(low),
            }[condition.operator]

        assert sorted(SORTED, key=str.encode) == SORTED
        with self.documents(harness) as table:
            for key in random.Random(1).sample(SORTED, len(SORTED)):
                table.put({"pk": "p", "sk": key})
                table.put({"pk": "q", "sk": key})
            conditions = [make(key) for make in (eq, lt, le, gt, ge, prefix) for key in [*SORTED, "zz", "a\x00\x00"]]
            conditions += [between(low, high) for low in SORTED[::4] for high in SORTED[::3] if low <= high]
            for condition in conditions:
                expected = [key for key in SORTED if matches(condition, key)]
                assert [item["sk"] for item in table.query("p", condition)] == expected, condition
                found = [item["sk"] for item in table.query("p", condition, reverse=True)]
                assert found == expected[::-1], condition
                limited = pages(lambda cursor: table.query("p", condition, limit=3, cursor=cursor))
                assert [item["sk"] for item in limited] == expected, condition

    def test_a_plain_sort_key_means_equal_and_an_empty_prefix_all(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for key in ("a", "ab", "b"):
                table.put({"pk": "p", "sk": key})
            assert [item["sk"] for item in table.query("p", "a")] == ["a"]
            assert [item["sk"] for item in table.query("p", prefix(""))] == ["a", "ab", "b"]
            assert list(table.query("p", "c")) == []
            assert list(table.query("other")) == []

    def test_signs_that_match_anything_elsewhere_are_ordinary_in_a_prefix(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for key in ("a%b", "a_b", "a*b", "a?b", "a[b]", "axb", "a\\b", "A%b"):
                table.put({"pk": "p", "sk": key})
            for start in ("a%", "a_", "a*", "a?", "a[", "a\\"):
                assert [item["sk"] for item in table.query("p", prefix(start))] == [f"{start}b" + "]" * (start == "a[")]

    def test_a_query_sees_every_write_before_it(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for number in range(30):
                table.put({"pk": "p", "sk": f"{number:02}"})
                assert len(table.query("p")) == number + 1
            for number in range(30):
                table.delete("p", f"{number:02}")
                assert len(table.query("p", eventual=False)) == 29 - number

    def test_limits_give_pages_and_the_last_one_has_no_cursor(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for number in range(20):
                table.put({"pk": "p", "sk": f"{number:02}"})
            for limit in (1, 3, 7, 19, 20, 21, 1000):
                for reverse in (False, True):
                    found = pages(lambda cursor: table.query("p", limit=limit, reverse=reverse, cursor=cursor))
                    expected = [f"{number:02}" for number in range(20)]
                    assert [item["sk"] for item in found] == (expected[::-1] if reverse else expected)
            assert len(table.query("p", limit=7)) <= 7
            assert table.query("p").cursor is None
            assert table.query("nobody").cursor is None

    def test_a_limit_may_change_from_page_to_page(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for number in range(20):
                table.put({"pk": "p", "sk": f"{number:02}"})
            limits = iter([1, 5, 2, 1000, 1000])
            found = pages(lambda cursor: table.query("p", limit=next(limits), cursor=cursor))
            assert [item["sk"] for item in found] == [f"{number:02}" for number in range(20)]

    @pytest.mark.parametrize("limit", [0, -1, 1001, 1.0, "1", None, True])
    def test_a_limit_is_an_int_from_1_to_1000(self, harness: Harness, limit: Any) -> None:
        with self.documents(harness) as table:
            with pytest.raises(InvalidArgument):
                table.query("p", limit=limit)
            with pytest.raises(InvalidArgument):
                table.scan(limit=limit)

    @pytest.mark.parametrize("reverse", [False, True])
    def test_paging_under_writes_shows_what_is_there_throughout_exactly_once(
        self, harness: Harness, reverse: bool
    ) -> None:
        seed = random.randrange(10**9)
        rng = random.Random(seed)
        with self.documents(harness) as table:
            stable = {f"{number:03}s" for number in range(0, 100, 2)}
            for sk in stable:
                table.put({"pk": "p", "sk": sk, "n": 0})
            fleeting = [f"{number:03}f" for number in range(100)]
            table.batch_write([{"pk": "p", "sk": sk} for sk in fleeting[::3]])
            last: list[str] = []

            def disturb(_: int) -> None:
                for sk in rng.sample(fleeting, 10):
                    if rng.random() < 0.5:
                        table.put({"pk": "p", "sk": sk})
                    else:
                        table.delete("p", sk)
                for sk in rng.sample(sorted(stable), 3):
                    table.put({"pk": "p", "sk": sk, "n": 1})
                # The item that the cursor stands on goes away.
                if last and last[-1] in fleeting:
                    table.delete("p", last[-1])

            def fetch(cursor: str | None) -> Page[dict[str, Any]]:
                page = table.query("p", limit=4, reverse=reverse, cursor=cursor)
                last.extend(item["sk"] for item in page)
                return page

            found = [item["sk"] for item in pages(fetch, disturb)]
            assert found == sorted(found, reverse=reverse), f"seed {seed}"
            assert len(set(found)) == len(found), f"seed {seed}"
            assert stable <= set(found), f"seed {seed}"

    @pytest.mark.parametrize("bad", [eq(1), between(1, 2), ge(-1)])
    def test_a_sort_key_is_not_compared_with_a_number(self, harness: Harness, bad: SortCondition) -> None:
        with self.documents(harness) as table, pytest.raises(InvalidArgument):
            table.query("p", bad)

    def test_bounds_that_no_key_could_have_are_refused(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for make in (eq, lt, le, gt, ge, prefix):
                with pytest.raises(LimitExceeded):
                    table.query("p", make("x" * 331))
                with pytest.raises(InvalidArgument):
                    table.query("p", make("\ud800"))
                assert list(table.query("p", make("x" * 330))) == []
            for make in (eq, lt, le, gt, ge):
                with pytest.raises(InvalidArgument):
                    table.query("p", make(""))
            for wrong in (1.5, None, b"x", ["x"], True):
                for make in (eq, ge, prefix):
                    with pytest.raises(InvalidArgument):
                        make(wrong)  # type: ignore[arg-type]
            with pytest.raises(InvalidArgument):
                between("b", "a")
            with pytest.raises(InvalidArgument):
                between("a", 1)

    # Cursors

    def test_a_cursor_belongs_to_its_query(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items", key=("pk", "sk"), indexes={"by_color": ("color",)})
        other = app.table("other", key=("pk", "sk"))
        with harness.running(app) as running:
            for pk in ("p", "q"):
                for number in range(5):
                    table.put({"pk": pk, "sk": str(number), "color": "red"})
                    other.put({"pk": pk, "sk": str(number)})
            running.drain()
            cursors = {
                "query": table.query("p", limit=2).cursor,
                "reverse": table.query("p", reverse=True, limit=2).cursor,
                "condition": table.query("p", ge("1"), limit=2).cursor,
                "index": table.query_index("by_color", "red", limit=2).cursor,
                "scan": table.scan(limit=2).cursor,
            }
            assert all(isinstance(cursor, str) and cursor for cursor in cursors.values())
            queries: dict[str, Callable[[str | None], object]] = {
                "query": lambda cursor: table.query("p", limit=2, cursor=cursor),
                "reverse": lambda cursor: table.query("p", reverse=True, limit=2, cursor=cursor),
                "condition": lambda cursor: table.query("p", ge("1"), limit=2, cursor=cursor),
                "index": lambda cursor: table.query_index("by_color", "red", limit=2, cursor=cursor),
                "scan": lambda cursor: table.scan(limit=2, cursor=cursor),
                "other pk": lambda cursor: table.query("q", limit=2, cursor=cursor),
                "other bound": lambda cursor: table.query("p", ge("2"), limit=2, cursor=cursor),
                "other value": lambda cursor: table.query_index("by_color", "blue", limit=2, cursor=cursor),
                "other table": lambda cursor: other.query("p", limit=2, cursor=cursor),
                "other scan": lambda cursor: other.scan(limit=2, cursor=cursor),
            }
            for made_by, cursor in cursors.items():
                for asked, query in queries.items():
                    if asked == made_by:
                        query(cursor)
                        continue
                    refused = refusal(
                        InvalidArgument,
                        lambda: query(cursor),
                        f"{asked} took {made_by}",
                    )
                    assert "cursor" in refused.message

    def test_a_made_up_or_altered_cursor_is_refused(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            for number in range(5):
                table.put({"pk": "p", "sk": str(number)})
            cursor = table.query("p", limit=2).cursor
            assert cursor is not None
            assert cursor.isascii()
            made_up: list[Any] = ["", "x", "AAAA", "é", "\x00", "a b", 1, b"x", "A" * 100_000, cursor + "A"]
            made_up += [cursor[:-1], cursor[1:], cursor.swapcase(), f" {cursor}"]
            for bad in made_up:
                with pytest.raises(InvalidArgument, match="cursor"):
                    table.query("p", limit=2, cursor=bad)
            assert [item["sk"] for item in table.query("p", limit=2, cursor=cursor)] == ["2", "3"]
            assert [item["sk"] for item in table.query("p", limit=2, cursor=cursor)] == ["2", "3"]

    # Indexes

    def test_an_index_finds_items_by_value_once_it_has_caught_up(self, harness: Harness) -> None:
        with self.tasks(harness) as (tasks, running):
            for number in range(30):
                tasks.put(Task(id=f"{number:02}", owner=f"o{number % 3}", priority=number % 5))
            running.drain()
            for owner in range(3):
                found = [task.id for task in tasks.query_index("by_owner", f"o{owner}")]
                assert found == [f"{number:02}" for number in range(30) if number % 3 == owner]
                backward = [task.id for task in tasks.query_index("by_owner", f"o{owner}", reverse=True)]
                assert backward == found[::-1]
                paged = pages(lambda cursor: tasks.query_index("by_owner", f"o{owner}", limit=3, cursor=cursor))
                assert [task.id for task in paged] == found
            assert list(tasks.query_index("by_owner", "o3")) == []
            assert list(tasks.query_index("by_owner", "o")) == []

    def test_an_index_may_lag_but_never_shows_what_was_not_written(self, harness: Harness) -> None:
        with self.tasks(harness) as (tasks, running):
            tasks.put(Task(id="a", owner="before"))
            running.drain()
            tasks.put(Task(id="a", owner="after"))
            for owner in ("before", "after"):
                for task in tasks.query_index("by_owner", owner):
                    assert task.id == "a"
            running.drain()
            assert list(tasks.query_index("by_owner", "before")) == []
            assert [task.owner for task in tasks.query_index("by_owner", "after")] == ["after"]
            tasks.delete("a")
            running.drain()
            assert list(tasks.query_index("by_owner", "after")) == []

    def test_the_second_field_orders_and_ints_are_compared_as_numbers(self, harness: Harness) -> None:
        numbers = [-(2**53 - 1), -100, -20, -3, 0, 2, 10, 100, 2**53 - 1]
        with self.tasks(harness) as (tasks, running):
            for number in random.Random(2).sample(numbers, len(numbers)):
                tasks.put(Task(id=str(number), owner="o", priority=number))
                tasks.put(Task(id=f"other {number}", owner="p", priority=number))
            running.drain()

            def found(sort: Any = None, *, reverse: bool = False) -> list[int | None]:
                page = tasks.query_index("by_owner_and_priority", "o", sort, reverse=reverse)
                return [task.priority for task in page]

            assert found() == numbers
            assert found(reverse=True) == numbers[::-1]
            for bound in [*numbers, 1, -50]:
                assert found(bound) == [number for number in numbers if number == bound]
                assert found(eq(bound)) == [number for number in numbers if number == bound]
                assert found(lt(bound)) == [number for number in numbers if number < bound]
                assert found(le(bound)) == [number for number in numbers if number <= bound]
                assert found(gt(bound)) == [number for number in numbers if number > bound]
                assert found(ge(bound), reverse=True) == [number for number in numbers if number >= bound][::-1]
            assert found(between(-20, 10)) == [-20, -3, 0, 2, 10]
            paged = pages(
                lambda cursor: tasks.query_index("by_owner_and_priority", "o", ge(-20), limit=2, cursor=cursor)
            )
            assert [task.priority for task in paged] == numbers[2:]

    def test_an_int_first_field_and_a_text_second_field(self, harness: Harness) -> None:
        with self.tasks(harness) as (tasks, running):
            for number, title in enumerate(SORTED):
                tasks.put(Task(id=f"{number}", priority=7, title=title))
            tasks.put(Task(id="seventy", priority=70, title="a"))
            tasks.put(Task(id="minus", priority=-7, title="a"))
            running.drain()
            assert [task.title for task in tasks.query_index("by_priority", 7)] == SORTED
            assert [task.title for task in tasks.query_index("by_priority", 7, prefix("a"))] == [
                title for title in SORTED if title.startswith("a")
            ]
            assert [task.id for task in tasks.query_index("by_priority", -7)] == ["minus"]

    def test_items_without_a_field_of_the_index_are_not_in_it(self, harness: Harness) -> None:
        with self.tasks(harness) as (tasks, running):
            tasks.put(Task(id="neither"))
            tasks.put(Task(id="owner only", owner="o"))
            tasks.put(Task(id="both", owner="o", priority=1))
            running.drain()
            assert [task.id for task in tasks.query_index("by_owner", "o")] == ["both", "owner only"]
            assert [task.id for task in tasks.query_index("by_owner_and_priority", "o")] == ["both"]
            tasks.put(Task(id="both", priority=1))
            tasks.put(Task(id="neither", owner="o", priority=0))
            running.drain()
            assert [task.id for task in tasks.query_index("by_owner", "o")] == ["neither", "owner only"]
            assert [task.id for task in tasks.query_index("by_owner_and_priority", "o")] == ["neither"]
            assert {task.id for task in tasks.scan()} == {"neither", "owner only", "both"}

    def test_many_items_of_equal_index_values_are_paged_without_loss(self, harness: Harness) -> None:
        with self.tasks(harness) as (tasks, running):
            ids = {f"{number:03}" for number in range(75)}
            tasks.batch_write([Task(id=name, owner="o", priority=1) for name in ids])
            running.drain()
            for index in ("by_owner", "by_owner_and_priority"):
                for reverse in (False, True):
                    found = pages(
                        lambda cursor: tasks.query_index(index, "o", reverse=reverse, limit=10, cursor=cursor)
                    )
                    assert len(found) == len(ids)
                    assert {task.id for task in found} == ids

    def test_transactions_batches_and_updates_reach_the_index(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items", key=("pk", "sk"), indexes={"by_color": ("color",)})
        with harness.running(app) as running:
            table.transact([table.putting({"pk": "p", "sk": name, "color": "red"}) for name in "abc"])
            table.batch_write([{"pk": "q", "sk": "d", "color": "red"}])
            table.update("p", "a", change=lambda item: {**item, "color": "blue"})
            table.transact([table.deleting("p", "b")])
            table.increment("p", "c", field="n")
            running.drain()
            assert [item["sk"] for item in table.query_index("by_color", "red")] == ["c", "d"]
            assert table.query_index("by_color", "red").items[0]["n"] == 1
            assert [item["sk"] for item in table.query_index("by_color", "blue")] == ["a"]
            table.batch_write(deletes=[("p", "c"), ("q", "d")])
            running.drain()
            assert list(table.query_index("by_color", "red")) == []

    def test_odd_index_values_are_told_apart(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items", indexes={"by_color": ("color",)})
        with harness.running(app) as running:
            for number, value in enumerate(SORTED):
                table.put({"id": str(number), "color": value})
            running.drain()
            for number, value in enumerate(SORTED):
                assert [item["id"] for item in table.query_index("by_color", value)] == [str(number)], ascii(value)

    def test_index_values_of_another_type_or_size_are_refused_before_any_io(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items", indexes={"by_color": ("color",)})
        with harness.running(app), self.tasks(harness) as (tasks, _):
            refused: list[tuple[Any, type[PortableError]]] = [
                ("", InvalidArgument), (1, InvalidArgument), (True, InvalidArgument), ([], InvalidArgument),
                ("x" * 331, LimitExceeded), (b"x", InvalidArgument), (1.5, InvalidArgument),
            ]  # fmt: skip
            for value, error in refused:
                with pytest.raises(error):
                    table.put({"id": "a", "color": value})
                with pytest.raises(error):
                    table.query_index("by_color", value)
            table.put({"id": "a", "color": "x" * 330})
            calls: list[Callable[[], object]] = [
                lambda: tasks.query_index("by_priority", "1"),
                lambda: tasks.query_index("by_priority", 2**53),
                lambda: tasks.query_index("by_priority", True),
                lambda: tasks.query_index("by_owner_and_priority", "o", "1"),
                lambda: tasks.query_index("by_owner_and_priority", "o", prefix("1")),
                lambda: tasks.query_index("by_owner", "o", "x"),
                lambda: tasks.query_index("by_nothing", "o"),
            ]
            for call in calls:
                with pytest.raises((InvalidArgument, LimitExceeded)):
                    call()
            assert [item["id"] for item in table.scan()] == ["a"]

    # Scan

    def test_a_scan_gives_every_item_once(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            expected = {(f"p{number % 4}", f"{number}") for number in range(90)}
            expected |= {
                ("\x00", "\x00"),
                ("é", "\U0010ffff"),
            }
            table.batch_write([{"pk": pk, "sk": sk} for pk, sk in expected])
            for limit in (1, 7, 100, 1000):
                found = pages(lambda cursor: table.scan(limit=limit, cursor=cursor))
                assert len(found) == len(expected)
                assert {(item["pk"], item["sk"]) for item in found} == expected

    def test_a_scan_under_writes_gives_what_is_there_throughout_exactly_once(self, harness: Harness) -> None:
        with self.documents(harness) as table:
            stable = {(f"p{number % 4}", f"s{number}") for number in range(40)}
            table.batch_write([{"pk": pk, "sk": sk} for pk, sk in stable])

            def disturb(number: int) -> None:
                table.put({"pk": f"p{number % 5}", "sk": f"f{number}"})
                table.delete(f"p{(number - 1) % 5}", f"f{number - 1}")

            found = [
                (item["pk"], item["sk"]) for item in pages(lambda cursor: table.scan(limit=3, cursor=cursor), disturb)
            ]
            assert len(set(found)) == len(found)
            assert stable <= set(found)
