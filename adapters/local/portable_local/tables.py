"""The table driver: reads by SQL on this process's own connection, writes by operations."""

import json
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from portable.binding import current_context
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
from portable.errors import NotFound, PortableError, Unavailable

from .store.access import Row, Store
from .store.conditions import to_json

GET = "SELECT version, doc FROM items WHERE tbl = ? AND pk = ? AND sk = ? AND (expires_at IS NULL OR expires_at > ?)"
COLUMNS = "pk, sk, version, doc"
LIVE = "(expires_at IS NULL OR expires_at > ?)"
BATCH = 200
LAST = "\U0010ffff"

OPERATORS = {"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def classify_store(error: Exception) -> type[PortableError] | None:
    """What the store's own errors are: a write that failed in doubt was raised as Unknown already."""
    return Unavailable if isinstance(error, (sqlite3.Error, OSError)) else None


def traceparent() -> str:
    """The trace of the handler that is running, for what follows from its writes."""
    context = current_context.get()
    return "" if context is None else context.traceparent


class LocalTable:
    """One table; `name` is its qualified name."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._read = store.read
        self._call = store.call
        self._now = store.clock.now
        self.name = name
        self._number: int | None = None
        self._indexes: dict[str, int] = {}
        self._pages: dict[tuple[object, ...], str] = {}

    classify = staticmethod(classify_store)

    @property
    def _id(self) -> int:
        number = self._number
        if number is None:
            rows = self._read("SELECT id FROM tables WHERE name = ?", (self.name,))
            if not rows:
                raise NotFound(f"there is no table {self.name!r} in this data folder", hint="bind the app first")
            number = self._number = int(rows[0][0])
        return number

    # Reading

    def get(self, pk: str, sk: str, *, eventual: bool = False) -> StoredItem | None:  # noqa: ARG002 - reads are strong
        rows = self._read(GET, (self._number or self._id, pk, sk, int(self._now())))
        if not rows:
            return None
        version, doc = rows[0]
        return StoredItem(pk, sk, f"{version:016x}", None, doc)

    def query(
        self,
        pk: str,
        sort: SortCondition | None,
        *,
        reverse: bool,
        limit: int,
        cursor: str | None,
        eventual: bool = False,  # noqa: ARG002 - reads are strong
    ) -> StoredPage:
        shape = ("query", None if sort is None else sort.operator, reverse, cursor is None)
        sql = self._pages.get(shape)
        values: list[Any] = []
        clause = sort_clause("sk", sort, values)
        if sql is None or (sort is not None and sort.operator == "prefix"):
            after = "" if cursor is None else f" AND sk {'<' if reverse else '>'} ?"
            sql = self._pages[shape] = (
                f"SELECT sk, version, doc FROM items WHERE tbl = ? AND pk = ?{clause}{after} AND {LIVE} "  # noqa: S608
                f"ORDER BY sk{' DESC' if reverse else ''} LIMIT ?"
            )
        if cursor is not None:
            values.append(cursor)
        rows = self._read(sql, (self._id, pk, *values, int(self._now()), limit + 1))
        has_more = len(rows) > limit
        if has_more:
            rows.pop()
        items = [StoredItem(pk, sk, f"{version:016x}", None, doc) for sk, version, doc in rows]
        return StoredPage(items, rows[-1][0] if has_more else None)

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
        number = self._indexes.get(index) or self._index(index)
        values: list[Any] = []
        clause = sort_clause("v2", sort, values)
        if cursor is not None:
            clause += f" AND (v2, pk, sk) {'<' if reverse else '>'} (?, ?, ?)"
            values.extend(json.loads(cursor))
        direction = " DESC" if reverse else ""
        now = self._now()
        rows = self._read(
            f"SELECT {COLUMNS}, v2 FROM entries WHERE idx = ? AND v1 = ?{clause} AND visible_from <= ? "  # noqa: S608
            f"AND (visible_until IS NULL OR visible_until > ?) AND {LIVE} "
            f"ORDER BY v2{direction}, pk{direction}, sk{direction} LIMIT ?",
            (number, value, *values, now, now, int(now), limit + 1),
        )
        return page(rows, limit, lambda row: [row[4], row[0], row[1]])

    def _index(self, name: str) -> int:
        rows = self._read("SELECT id FROM indexes WHERE tbl = ? AND name = ?", (self._id, name))
        if not rows:
            raise NotFound(f"table {self.name!r} has no index {name!r} in this data folder", hint="bind the app first")
        self._indexes[name] = rows[0][0]
        return int(rows[0][0])

    def scan(self, *, limit: int, cursor: str | None) -> StoredPage:
        after = ""
        values: list[Any] = []
        if cursor is not None:
            after, values = " AND (pk, sk) > (?, ?)", json.loads(cursor)
        rows = self._read(
            f"SELECT {COLUMNS} FROM items WHERE tbl = ?{after} AND {LIVE} ORDER BY pk, sk LIMIT ?",  # noqa: S608
            (self._id, *values, int(self._now()), limit + 1),
        )
        return page(rows, limit, lambda row: [row[0], row[1]])

    def batch_get(self, keys: list[tuple[str, str]]) -> list[StoredItem]:
        number, now = self._id, int(self._now())
        found: list[StoredItem] = []
        for start in range(0, len(keys), BATCH):
            some = keys[start : start + BATCH]
            pairs = ",".join(["(?, ?)"] * len(some))
            rows = self._read(
                f"SELECT {COLUMNS} FROM items WHERE tbl = ? AND (pk, sk) IN (VALUES {pairs}) AND {LIVE}",  # noqa: S608
                (number, *(part for key in some for part in key), now),
            )
            found.extend(stored(row) for row in rows)
        return found

    # Writing

    def put(self, item: NewItem, condition: Condition) -> str:
        arguments = put_arguments(item, condition)
        arguments["table"] = self.name
        arguments["traceparent"] = traceparent()
        version: str = self._call("table.put", arguments)
        return version

    def delete(self, pk: str, sk: str, condition: Condition) -> None:
        self._call(
            "table.delete",
            {"table": self.name, "pk": pk, "sk": sk, "condition": to_json(condition), "traceparent": traceparent()},
        )

    def increment(self, pk: str, sk: str, field: str, by: int, token: str | None, bound: int) -> int:
        value: int = self._call(
            "table.increment",
            {
                "table": self.name,
                "pk": pk,
                "sk": sk,
                "field": field,
                "by": by,
                "token": token,
                "bound": bound,
                "traceparent": traceparent(),
            },
        )
        return value

    def transact(self, actions: list[WriteAction], token: str) -> list[str | None]:
        versions: list[str | None] = self._call("table.transact", self._actions(actions) | {"token": token})
        return versions

    def batch_write(self, actions: list[PutAction | DeleteAction]) -> list[int]:
        failed: list[int] = []
        for start in range(0, len(actions), BATCH):
            positions: list[int] = self._call("table.batch", self._actions(actions[start : start + BATCH]))
            failed.extend(start + position for position in positions)
        return failed

    def _actions(self, actions: Sequence[WriteAction]) -> dict[str, Any]:
        return {
            "table": self.name,
            "actions": [action_arguments(action) for action in actions],
            "traceparent": traceparent(),
        }


def put_arguments(item: NewItem, condition: Condition) -> dict[str, Any]:
    return {
        "pk": item.pk,
        "sk": item.sk,
        "encoded": item.encoded,
        "index": item.index_values,
        "expires_at": item.expires_at,
        "condition": to_json(condition),
    }


def action_arguments(action: WriteAction) -> list[Any]:
    """An action as operations take it: its kind, and the arguments of the operation of that name."""
    if isinstance(action, PutAction):
        return ["put", put_arguments(action.item, action.condition)]
    kind = "check" if isinstance(action, CheckAction) else "delete"
    return [kind, {"pk": action.pk, "sk": action.sk, "condition": to_json(action.condition)}]


def stored(row: Row) -> StoredItem:
    return StoredItem(row[0], row[1], f"{row[2]:016x}", None, row[3])


def page(rows: list[Row], limit: int, position: Callable[[Row], list[Any]]) -> StoredPage:
    """A page of rows, of which one more than `limit` was asked for; `position` gives a row's place as a cursor."""
    has_more = len(rows) > limit
    rows = rows[:limit]
    cursor = json.dumps(position(rows[-1]), ensure_ascii=False) if has_more else None
    return StoredPage([stored(row) for row in rows], cursor)


def sort_clause(column: str, sort: SortCondition | None, values: list[Any]) -> str:
    """What SQL asks of the sort key, with its values appended to `values`."""
    if sort is None:
        return ""
    operator, low, high = sort
    if operator == "between":
        values += [low, high]
        return f" AND {column} BETWEEN ? AND ?"
    if operator == "prefix":
        values.append(low)
        end = after_prefix(str(low))
        if end is None:
            return f" AND {column} >= ?"
        values.append(end)
        return f" AND {column} >= ? AND {column} < ?"
    values.append(low)
    return f" AND {column} {OPERATORS[operator]} ?"


def after_prefix(prefix: str) -> str | None:
    """The first text, in the order of UTF-8 bytes, after all that start with `prefix`; None if there is none.

    The order of UTF-8 is that of code points; the surrogates among them are none that a text can have.
    """
    head = prefix.rstrip(LAST)
    if not head:
        return None
    code = ord(head[-1]) + 1
    return head[:-1] + chr(0xE000 if code == 0xD800 else code)
