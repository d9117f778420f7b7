"""Tables. Indexes are read off the items themselves, so that they never lag: eventual consistency allows for that."""

import json
from collections.abc import Callable
from typing import Any

from portable.changes import change_body
from portable.documents import decode, encode
from portable.drivers import (
    CheckAction,
    Condition,
    DeleteAction,
    IndexValue,
    NewItem,
    PutAction,
    SortCondition,
    StoredItem,
    StoredPage,
    WriteAction,
)
from portable.errors import Conflict, LimitExceeded, NotFound, PortableError

from .store import Item, Store, check

TOKEN_SECONDS = 3600
# A value that compares with nothing but its kind: the conditions of a query fit the index's type.
Comparable = Any


class MemoryTable:
    """One table; `name` is its qualified name."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._items = store.tables.setdefault(name, {})

    def classify(self, error: Exception) -> type[PortableError] | None:
        """Nothing here raises errors of its own."""
        return None

    # Reading

    def _find(self, pk: str, sk: str) -> Item | None:
        found = self._items.get((pk, sk))
        return found if found is not None and self._lives(found) else None

    def _lives(self, item: Item) -> bool:
        return item.expires_at is None or item.expires_at > int(self._store.clock.now())

    def get(self, pk: str, sk: str, *, eventual: bool = False) -> StoredItem | None:
        found = self._find(pk, sk)
        return None if found is None else stored(found)

    def query(
        self,
        pk: str,
        sort: SortCondition | None,
        *,
        reverse: bool,
        limit: int,
        cursor: str | None,
        eventual: bool = False,
    ) -> StoredPage:
        return self._page(
            lambda item: item.pk == pk and meets(sort, item.sk), lambda item: [item.sk], reverse, limit, cursor
        )

    def query_index(
        self,
        index: str,
        value: IndexValue,
        sort: SortCondition | None,
        *,
        reverse: bool,
        limit: int,
        cursor: str | None,
    ) -> StoredPage:
        def second(item: Item) -> IndexValue:
            return (*item.index_values[index], "")[1]

        def belongs(item: Item) -> bool:
            values = item.index_values.get(index)
            return values is not None and values[0] == value and meets(sort, second(item))

        return self._page(belongs, lambda item: [second(item), item.pk, item.sk], reverse, limit, cursor)

    def scan(self, *, limit: int, cursor: str | None) -> StoredPage:
        return self._page(lambda _: True, lambda item: [item.pk, item.sk], False, limit, cursor)

    def _page(
        self,
        belongs: Callable[[Item], bool],
        place: Callable[[Item], list[Any]],
        reverse: bool,
        limit: int,
        cursor: str | None,
    ) -> StoredPage:
        """The items that belong, in the order of their places, from after the place that the cursor names."""
        after: Any = None if cursor is None else json.loads(cursor)
        with self._store.lock:
            found = [item for item in self._items.values() if self._lives(item) and belongs(item)]
        # Code points have the order of their UTF-8.
        found.sort(key=place, reverse=reverse)
        if after is not None:
            found = [item for item in found if (place(item) < after if reverse else place(item) > after)]
        more = json.dumps(place(found[limit - 1])) if len(found) > limit else None
        return StoredPage([stored(item) for item in found[:limit]], more)

    def batch_get(self, keys: list[tuple[str, str]]) -> list[StoredItem]:
        return [stored(found) for key in keys if (found := self._find(*key)) is not None]

    # Writing

    def put(self, item: NewItem, condition: Condition) -> str:
        with self._store.lock:
            self._check(item.pk, item.sk, condition)
            return self._write(item.pk, item.sk, item.encoded, item.expires_at, item.index_values)

    def delete(self, pk: str, sk: str, condition: Condition) -> None:
        with self._store.lock:
            self._check(pk, sk, condition)
            self._erase(pk, sk)

    def increment(self, pk: str, sk: str, field: str, by: int, token: str | None, bound: int) -> int:
        with self._store.lock:
            seen = None if token is None else f"increment {json.dumps([pk, sk, field])} {token}"
            known = self._remembered(seen)
            if known is not None:
                return int(known)
            found = self._find(pk, sk)
            if found is None:
                raise NotFound("it is not there")
            document = decode(found.encoded)
            value = document.get(field, 0)
            if type(value) is not int:
                raise Conflict(f"its field {field!r} is no integer")
            value += by
            if abs(value) > bound:
                raise LimitExceeded(f"{field!r} would be {value:,}, past ±{bound:,}", limit="integer")
            document[field] = value
            self._write(pk, sk, encode(document), found.expires_at, found.index_values)
            self._remember(seen, value)
            return int(value)

    def transact(self, actions: list[WriteAction], token: str) -> list[str | None]:
        with self._store.lock:
            known = self._remembered(token)
            if known is not None:
                return list(known)
            for action in actions:
                key = (action.item.pk, action.item.sk) if isinstance(action, PutAction) else (action.pk, action.sk)
                self._check(*key, action.condition)
            versions = [self._do(action) for action in actions]
            self._remember(token, versions)
            return versions

    def batch_write(self, actions: list[PutAction | DeleteAction]) -> list[int]:
        for action in actions:
            with self._store.lock:
                self._do(action)
        return []

    def _do(self, action: PutAction | DeleteAction | CheckAction) -> str | None:
        if isinstance(action, PutAction):
            item = action.item
            return self._write(item.pk, item.sk, item.encoded, item.expires_at, item.index_values)
        if isinstance(action, DeleteAction):
            self._erase(action.pk, action.sk)
        return None

    def _check(self, pk: str, sk: str, condition: Condition) -> None:
        found = self._find(pk, sk)
        check(condition, None if found is None else found.version)

    def _write(
        self,
        pk: str,
        sk: str,
        encoded: str,
        expires_at: int | None,
        index_values: dict[str, tuple[IndexValue, ...]],
    ) -> str:
        version = self._store.version()
        self._items[pk, sk] = Item(pk, sk, version, encoded, expires_at, index_values)
        self._tell(pk, sk, encoded, version)
        return version

    def _erase(self, pk: str, sk: str) -> None:
        if self._find(pk, sk) is not None:
            del self._items[pk, sk]
            self._tell(pk, sk, None, self._store.version())

    def _tell(self, pk: str, sk: str, encoded: str | None, version: str) -> None:
        now = self._store.clock.now()
        self._store.changed(self._name, change_body(self._name, pk, sk, encoded, version, now))

    def _remembered(self, token: str | None) -> Any:
        until, value = self._store.tokens.get((self._name, token or ""), (0.0, None))
        return value if until > self._store.clock.now() else None

    def _remember(self, token: str | None, value: object) -> None:
        if token is not None:
            self._store.tokens[self._name, token] = (self._store.clock.now() + TOKEN_SECONDS, value)


def stored(item: Item) -> StoredItem:
    return StoredItem(item.pk, item.sk, item.version, None, item.encoded)


def meets(sort: SortCondition | None, value: Comparable) -> bool:
    """Whether a sort key, or the second field of an index, is among those that are asked for."""
    if sort is None:
        return True
    low: Comparable = sort.low
    high: Comparable = sort.high
    tests: dict[str, Callable[[], Any]] = {
        "eq": lambda: value == low,
        "lt": lambda: value < low,
        "le": lambda: value <= low,
        "gt": lambda: value > low,
        "ge": lambda: value >= low,
        "between": lambda: low <= value <= high,
        "prefix": lambda: value.startswith(low),
    }
    return bool(tests[sort.operator]())
