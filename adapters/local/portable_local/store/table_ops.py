"""Writes of tables. An item that has expired counts as absent, though its row may still be there."""

import json
from typing import Any

from portable.changes import change_body
from portable.documents import decode, encode

from . import conditions
from .index_ops import index_item
from .outbox import deliver
from .results import Refusal
from .session import Session, TableEntry, version_text

TOKEN_SECONDS = 3600

PUT = (
    "INSERT INTO items (tbl, pk, sk, version, expires_at, doc) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tbl, pk, sk) "
    "DO UPDATE SET version = excluded.version, expires_at = excluded.expires_at, doc = excluded.doc"
)
FIND = "SELECT version, expires_at FROM items WHERE tbl = ? AND pk = ? AND sk = ?"
DELETE = "DELETE FROM items WHERE tbl = ? AND pk = ? AND sk = ?"

Arguments = dict[str, Any]


def present_version(session: Session, table: TableEntry, pk: str, sk: str, now: float) -> int | None:
    """The version of an item that is there and has not expired."""
    row = session.execute(FIND, (table.id, pk, sk)).fetchone()
    return None if row is None or (row[1] is not None and row[1] <= int(now)) else row[0]


def put(session: Session, arguments: Arguments) -> str:
    table = session.table(arguments["table"])
    now = session.clock.now()
    condition = arguments.get("condition")
    if condition is not None:
        conditions.check(condition, present_version(session, table, arguments["pk"], arguments["sk"], now))
    return write(session, table, arguments, arguments.get("traceparent") or "", now)


def delete(session: Session, arguments: Arguments) -> None:
    table = session.table(arguments["table"])
    now = session.clock.now()
    found = present_version(session, table, arguments["pk"], arguments["sk"], now)
    conditions.check(arguments.get("condition"), found)
    if found is not None:
        erase(session, table, arguments["pk"], arguments["sk"], arguments.get("traceparent") or "", now)


def write(session: Session, table: TableEntry, item: Arguments, traceparent: str, now: float) -> str:
    """Writes an item, what its indexes will show, and its change, all conditions being met."""
    pk, sk, encoded, expires_at = item["pk"], item["sk"], item["encoded"], item["expires_at"]
    number = session.next_version()
    session.execute(PUT, (table.id, pk, sk, number, expires_at, encoded))
    if table.indexes:
        index_item(session, table, pk, sk, now, (item.get("index") or {}, number, expires_at, encoded))
    version = version_text(number)
    if table.on_change:
        body = change_body(table.name, pk, sk, encoded, version, now)
        deliver(session, table.on_change, "table", body, traceparent, now=now)
    return version


def erase(session: Session, table: TableEntry, pk: str, sk: str, traceparent: str, now: float) -> None:
    """Deletes an item that is there."""
    session.execute(DELETE, (table.id, pk, sk))
    if table.indexes:
        index_item(session, table, pk, sk, now, None)
    if table.on_change:
        body = change_body(table.name, pk, sk, None, version_text(session.next_version()), now)
        deliver(session, table.on_change, "table", body, traceparent, now=now)


def increment(session: Session, arguments: Arguments) -> int:
    table = session.table(arguments["table"])
    pk, sk, field, token = arguments["pk"], arguments["sk"], arguments["field"], arguments.get("token")
    now = session.clock.now()
    seen = None if token is None else f"increment {json.dumps([pk, sk, field])} {token}"
    if seen is not None:
        known = remembered(session, table, seen, now)
        if known is not None:
            return int(known)
    row = session.execute(
        "SELECT doc, expires_at FROM items WHERE tbl = ? AND pk = ? AND sk = ?", (table.id, pk, sk)
    ).fetchone()
    if row is None or (row[1] is not None and row[1] <= int(now)):
        raise Refusal("not_found", "it is not there")
    document = decode(row[0])
    value = document.get(field, 0)
    if type(value) is not int:
        raise Refusal("conflict", f"its field {field!r} is no integer")
    value += arguments["by"]
    if abs(value) > arguments["bound"]:
        raise Refusal("limit", f"{field!r} would be {value:,}, past ±{arguments['bound']:,}", detail="integer")
    document[field] = value
    encoded = encode(document)
    number = session.next_version()
    session.execute(
        "UPDATE items SET version = ?, doc = ? WHERE tbl = ? AND pk = ? AND sk = ?", (number, encoded, table.id, pk, sk)
    )
    if table.indexes:
        # Index fields cannot be incremented: the same entries, with the new copy.
        kept = session.execute(
            "SELECT i.name, e.v1, e.v2 FROM entries e JOIN indexes i ON i.id = e.idx "
            "WHERE e.tbl = ? AND e.pk = ? AND e.sk = ? AND e.visible_until IS NULL",
            (table.id, pk, sk),
        ).fetchall()
        values = {name: (v1, v2) for name, v1, v2 in kept}
        index_item(session, table, pk, sk, now, (values, number, row[1], encoded))
    if table.on_change:
        body = change_body(table.name, pk, sk, encoded, version_text(number), now)
        deliver(session, table.on_change, "table", body, arguments.get("traceparent") or "", now=now)
    if seen is not None:
        remember(session, table, seen, str(value), now)
    return int(value)


def transact(session: Session, arguments: Arguments) -> list[str | None]:
    table = session.table(arguments["table"])
    now = session.clock.now()
    seen = f"transact {arguments['token']}"
    known = remembered(session, table, seen, now)
    if known is not None:
        versions: list[str | None] = json.loads(known)
        return versions
    # All conditions first: what is refused has written nothing.
    present: list[int | None] = []
    for position, (_, action) in enumerate(arguments["actions"]):
        found = present_version(session, table, action["pk"], action["sk"], now)
        try:
            conditions.check(action.get("condition"), found)
        except Refusal as refusal:
            where = action["pk"], action["sk"]
            raise Refusal("conflict", f"step {position}, on {where!r}: {refusal.message}") from None
        present.append(found)
    results = apply(session, table, arguments, present, now)
    remember(session, table, seen, json.dumps(results), now)
    return results


def batch(session: Session, arguments: Arguments) -> list[int]:
    table = session.table(arguments["table"])
    now = session.clock.now()
    present = [
        present_version(session, table, action["pk"], action["sk"], now) if kind == "delete" else None
        for kind, action in arguments["actions"]
    ]
    apply(session, table, arguments, present, now)
    return []


def apply(
    session: Session, table: TableEntry, arguments: Arguments, present: list[int | None], now: float
) -> list[str | None]:
    """Does the actions; `present` has the version of what is there for each."""
    traceparent = arguments.get("traceparent") or ""
    results: list[str | None] = []
    for (kind, action), found in zip(arguments["actions"], present, strict=True):
        version = None
        if kind == "put":
            version = write(session, table, action, traceparent, now)
        elif kind == "delete" and found is not None:
            erase(session, table, action["pk"], action["sk"], traceparent, now)
        results.append(version)
    return results


def remembered(session: Session, table: TableEntry, token: str, now: float) -> str | None:
    """What an earlier call with this token came to, if there was one within the hour."""
    row = session.execute(
        "SELECT value FROM tokens WHERE tbl = ? AND token = ? AND expires_at > ?", (table.id, token, now)
    ).fetchone()
    return None if row is None else row[0]


def remember(session: Session, table: TableEntry, token: str, value: str, now: float) -> None:
    session.execute(
        "INSERT OR REPLACE INTO tokens (tbl, token, value, expires_at) VALUES (?, ?, ?, ?)",
        (table.id, token, value, now + TOKEN_SECONDS),
    )
