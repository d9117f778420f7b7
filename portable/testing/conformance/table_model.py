"""A table and its model: a dict of items, their versions, and the second in which each expires."""

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from portable import between, ge, lt, prefix
from portable.adapter import Running
from portable.app import App
from portable.drivers import SortCondition
from portable.errors import Conflict, NotFound
from portable.tables import Action, Table

from .harness import Harness

Item = dict[str, Any]
Key = tuple[str, str]

PKS = ("p", "q")
SKS = ("a", "a/b", "ab", "é")
TAGS = ("red", "blue")

keys: st.SearchStrategy[tuple[str, str]] = st.tuples(st.sampled_from(PKS), st.sampled_from(SKS))
numbers: st.SearchStrategy[int] = st.integers(-5, 5)
tags: st.SearchStrategy[str | None] = st.sampled_from((None, *TAGS))
lives: st.SearchStrategy[int | None] = st.sampled_from((None, 5, 60))
conditions: st.SearchStrategy[str] = st.sampled_from(("", "", "absent", "present", "version", "stale"))


class Kept(NamedTuple):
    """An item as it must be found, its version, and when it expires."""

    item: Item
    version: str
    expires_at: int | None


class TableMachine(RuleBasedStateMachine):
    """Reads and writes of one client; every answer is compared with the model's."""

    harness: ClassVar[Harness]

    def __init__(self) -> None:
        super().__init__()
        app = App("conformance")
        self.table: Table[dict[str, Any]] = app.table(
            "items", key=("pk", "sk"), indexes={"by_tag": ("tag", "rank")}, ttl="ends"
        )
        self.open: ExitStack = ExitStack()
        self.running: Running = self.open.enter_context(self.harness.running(app))
        self.model: dict[Key, Kept] = {}
        self.newest: dict[Key, str] = {}
        self.tokens: int = 0

    def teardown(self) -> None:
        self.open.close()

    # The model

    def alive(self, key: Key) -> Kept | None:
        kept = self.model.get(key)
        is_over = kept is not None and kept.expires_at is not None and kept.expires_at <= int(self.running.now())
        return None if is_over else kept

    def over(self) -> list[Key]:
        return sorted(key for key in self.model if self.alive(key) is None)

    def items(self, pk: str) -> list[Item]:
        found = [(key, kept) for key in self.model if key[0] == pk and (kept := self.alive(key)) is not None]
        return [kept.item for _, kept in sorted(found, key=lambda pair: pair[0][1].encode())]

    def keep(self, key: Key, item: Item, version: str | None) -> None:
        assert version is not None
        assert version > self.newest.get(key, ""), "versions of one item do not grow"
        self.newest[key] = version
        ends = item.get("ends")
        self.model[key] = Kept(item, version, None if ends is None else int(ends.timestamp()))

    def item(self, key: Key, n: int, tag: str | None, life: int | None) -> Item:
        item: Item = {"pk": key[0], "sk": key[1], "n": n, "rank": f"{n:+}"}
        if tag is not None:
            item["tag"] = tag
        if life is not None:
            item["ends"] = datetime.fromtimestamp(int(self.running.now()) + life, UTC)
        return item

    def asked(self, key: Key, condition: str) -> tuple[dict[str, Any], bool]:
        """(the arguments for a condition, whether it holds)."""
        kept = self.alive(key)
        match condition:
            case "absent":
                return {"if_absent": True}, kept is None
            case "present":
                return {"if_present": True}, kept is not None
            case "version" if kept is not None:
                return {"if_version": kept.version}, True
            case "version" | "stale":
                # One that was never given out.
                return {"if_version": "0" * 16}, False
            case _:
                return {}, True

    # Writing

    @rule(key=keys, n=numbers, tag=tags, life=lives, condition=conditions)
    def put(self, key: Key, n: int, tag: str | None, life: int | None, condition: str) -> None:
        item = self.item(key, n, tag, life)
        arguments, holds = self.asked(key, condition)
        if holds:
            self.keep(key, item, self.table.put(item, **arguments))
        else:
            with pytest.raises(Conflict):
                self.table.put(item, **arguments)

    @rule(key=keys, condition=conditions.filter(lambda condition: condition != "absent"))
    def delete(self, key: Key, condition: str) -> None:
        arguments, holds = self.asked(key, condition)
        if holds:
            self.table.delete(*key, **arguments)
            self.model.pop(key, None)
        else:
            with pytest.raises(Conflict):
                self.table.delete(*key, **arguments)

    @rule(key=keys, by=numbers)
    def increment(self, key: Key, by: int) -> None:
        kept = self.alive(key)
        if kept is None:
            with pytest.raises(NotFound):
                self.table.increment(*key, field="n", by=by)
            return
        value = kept.item["n"] + by
        assert self.table.increment(*key, field="n", by=by) == value
        entry = self.table.get_entry(*key)
        assert entry is not None
        self.keep(key, {**kept.item, "n": value}, entry.version)

    @rule(key=keys)
    def increment_twice_with_one_token(self, key: Key) -> None:
        kept = self.alive(key)
        if kept is None:
            return
        self.tokens += 1
        answers = {self.table.increment(*key, field="n", token=f"t{self.tokens}") for _ in range(2)}
        assert answers == {kept.item["n"] + 1}
        entry = self.table.get_entry(*key)
        assert entry is not None
        self.keep(key, {**kept.item, "n": kept.item["n"] + 1}, entry.version)

    @rule(key=keys, n=numbers)
    def update(self, key: Key, n: int) -> None:
        kept = self.alive(key)
        if kept is None:
            with pytest.raises(NotFound):
                self.table.update(*key, change=lambda item: item)
            return
        changed = {**kept.item, "n": n, "rank": f"{n:+}"}
        self.keep(key, changed, self.table.update(*key, change=lambda item: {**item, "n": n, "rank": f"{n:+}"}))

    @rule(
        pk=st.sampled_from(PKS),
        steps=st.lists(
            st.tuples(st.sampled_from(SKS), st.sampled_from(("put", "delete", "check")), numbers, conditions),
            min_size=1,
            max_size=4,
            unique_by=lambda step: step[0],
        ),
    )
    def transact(self, pk: str, steps: list[tuple[str, str, int, str]]) -> None:
        actions: list[Action] = []
        holds = True
        for sk, verb, n, condition in steps:
            key = pk, sk
            wanted = condition
            if verb != "put" and condition == "absent":
                wanted = ""
            if verb == "check" and not wanted:
                wanted = "present"
            arguments, is_so = self.asked(key, wanted)
            holds = holds and is_so
            if verb == "put":
                actions.append(self.table.putting(self.item(key, n, "red", None), **arguments))
            elif verb == "delete":
                actions.append(self.table.deleting(*key, **arguments))
            else:
                actions.append(self.table.checking(*key, **arguments))
        if not holds:
            with pytest.raises(Conflict):
                self.table.transact(actions)
            return
        versions = self.table.transact(actions)
        for (sk, verb, n, _), version in zip(steps, versions, strict=True):
            if verb == "put":
                self.keep((pk, sk), self.item((pk, sk), n, "red", None), version)
            elif verb == "delete":
                self.model.pop((pk, sk), None)

    @rule(puts=st.dictionaries(keys, numbers, max_size=4), deletes=st.sets(keys, max_size=3))
    def batch_write(self, puts: dict[Key, int], deletes: set[Key]) -> None:
        items = {key: self.item(key, n, "blue", None) for key, n in puts.items() if key not in deletes}
        assert not self.table.batch_write(items.values(), deletes=deletes)
        for key in deletes:
            self.model.pop(key, None)
        for key, item in items.items():
            entry = self.table.get_entry(*key)
            assert entry is not None
            self.keep(key, item, entry.version)

    @rule(seconds=st.sampled_from((0.5, 5, 61, 3600)))
    def pass_time(self, seconds: float) -> None:
        self.running.advance(seconds)

    @precondition(lambda self: self.over())
    @rule(data=st.data(), verb=st.sampled_from(("increment", "update", "delete", "put_absent", "put_present", "check")))
    def an_expired_item_is_absent_to(self, data: st.DataObject, verb: str) -> None:
        key = data.draw(st.sampled_from(self.over()))
        match verb:
            case "increment":
                self.increment(key, 1)
            case "update":
                self.update(key, 1)
            case "delete":
                self.delete(key, "present")
            case "put_absent":
                self.put(key, 1, None, None, "absent")
            case "put_present":
                self.put(key, 1, None, None, "present")
            case _:
                self.transact(key[0], [(key[1], "check", 0, "present")])

    @precondition(lambda self: any(self.alive(key) for key in self.model))
    @rule(data=st.data(), n=numbers, condition=conditions)
    def put_where_there_is_something(self, data: st.DataObject, n: int, condition: str) -> None:
        key = data.draw(st.sampled_from(sorted(key for key in self.model if self.alive(key) is not None)))
        self.put(key, n, "red", 5, condition)

    # Reading

    @rule(wanted=st.lists(keys, max_size=6))
    def batch_get(self, wanted: list[Key]) -> None:
        expected = [kept.item for key in dict.fromkeys(wanted) if (kept := self.alive(key)) is not None]
        assert self.table.batch_get(wanted) == expected

    @rule(
        pk=st.sampled_from(PKS),
        sort=st.sampled_from((None, prefix("a"), between("a/b", "ab"), ge("ab"), lt("b"))),
        reverse=st.booleans(),
        limit=st.integers(1, 4),
    )
    def query_by_pages(self, pk: str, sort: SortCondition | None, reverse: bool, limit: int) -> None:
        expected = [item for item in self.items(pk) if sort is None or holds(sort, item["sk"])]
        found: list[Item] = []
        cursor: str | None = None
        for _ in range(len(expected) + 2):
            page = self.table.query(pk, sort, reverse=reverse, limit=limit, cursor=cursor)
            assert len(page.items) <= limit
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        assert cursor is None
        assert found == expected[:: -1 if reverse else 1]

    @rule(tag=st.sampled_from(TAGS), reverse=st.booleans())
    def query_index_when_it_has_settled(self, tag: str, reverse: bool) -> None:
        self.running.drain()
        expected = [item for pk in PKS for item in self.items(pk) if item.get("tag") == tag]
        found = self.table.query_index("by_tag", tag, reverse=reverse).items
        ranks = [item["rank"] for item in found]
        assert ranks == sorted(ranks, reverse=reverse)
        assert in_any_order(found) == in_any_order(expected)

    @rule()
    def scan(self) -> None:
        expected = [item for pk in PKS for item in self.items(pk)]
        assert in_any_order(self.table.scan().items) == in_any_order(expected)

    @rule()
    def get_all(self) -> None:
        for pk in PKS:
            for sk in SKS:
                kept, entry = self.alive((pk, sk)), self.table.get_entry(pk, sk)
                assert (entry is None) == (kept is None)
                if kept is not None and entry is not None:
                    assert (entry.item, entry.version) == (kept.item, kept.version)

    @invariant()
    def every_item_is_that_of_the_model(self) -> None:
        for pk in PKS:
            assert self.table.query(pk).items == self.items(pk)


def holds(sort: SortCondition, sk: str) -> bool:
    """Whether a sort key meets a condition, compared as UTF-8 bytes."""
    key, low = sk.encode(), str(sort.low).encode()
    match sort.operator:
        case "prefix":
            return key.startswith(low)
        case "between":
            return low <= key <= str(sort.high).encode()
        case "ge":
            return key >= low
        case _:
            return key < low


def in_any_order(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item["pk"], item["sk"]))
