"""What the app declares, as the database must know it: tables and their indexes, handlers, who listens to what."""

import json
from collections.abc import Mapping
from typing import Any

from portable.documents import decode

from .index_ops import index_item
from .results import Refusal
from .session import Session

Arguments = dict[str, Any]


def bind(session: Session, arguments: Arguments) -> None:
    """Checks everything before it writes anything: a wiring that is refused leaves the one before in force."""
    wiring = arguments["wiring"]
    now = session.clock.now()
    for name, table in wiring["tables"].items():
        check_key(session, name, table["key"])
    session.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('wiring', ?)", (json.dumps(wiring),))
    session.forget_wiring()
    for name, table in wiring["tables"].items():
        declare_table(session, name, table["key"], table["indexes"])
    session.execute("DELETE FROM handlers")
    for name, handler in wiring["handlers"].items():
        session.execute(
            "INSERT INTO handlers (name, kind, max_attempts, timeout, min_backoff, max_backoff) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (name, *(handler[field] for field in ("kind", "max_attempts", "timeout", "min_backoff", "max_backoff"))),
        )
    bind_schedules(session, wiring["schedules"], now)
    session.forget_wiring()
    # What waited for a handler that was not there can be claimed now.
    session.arrivals += 1


def bind_schedules(session: Session, schedules: Mapping[str, Any], now: float) -> None:
    """A schedule that is new, or has other times, starts now; one that is the same goes on from where it was."""
    known = {row[0]: row[1:] for row in session.execute("SELECT handler, cron, zone, last FROM schedules")}
    session.execute("DELETE FROM schedules")
    for name, schedule in schedules.items():
        cron, zone, last = known.get(name, (None, None, now))
        if (cron, zone) != (schedule["cron"], schedule["zone"]):
            last = now
        session.execute(
            "INSERT INTO schedules (handler, cron, zone, missed, overlap, last) VALUES (?, ?, ?, ?, ?, ?)",
            (name, schedule["cron"], schedule["zone"], schedule["missed"], schedule["overlap"], last),
        )


def check_key(session: Session, name: str, key: Any) -> None:
    """Refuses to give a table with items other key fields: its items would stand under the wrong keys."""
    row = session.execute("SELECT id, key FROM tables WHERE name = ?", (name,)).fetchone()
    if row is None or json.loads(row[1]) == list(key):
        return
    if session.execute("SELECT 1 FROM items WHERE tbl = ? LIMIT 1", (row[0],)).fetchone() is not None:
        before = ", ".join(json.loads(row[1]))
        raise Refusal(
            "configuration",
            f"table {name!r} holds items under the key ({before}), and is now declared with ({', '.join(key)})",
            hint=f"give it another name, or erase its items: portable dev --reset {name}",
        )


def declare(session: Session, arguments: Arguments) -> int:
    check_key(session, arguments["table"], arguments["key"])
    return declare_table(session, arguments["table"], arguments["key"], arguments["indexes"])


def declare_table(session: Session, name: str, key: Any, indexes: Mapping[str, Any]) -> int:
    """Makes or changes a table whose key was checked; its number."""
    session.execute(
        "INSERT INTO tables (name, key) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET key = excluded.key",
        (name, json.dumps(list(key))),
    )
    number = int(session.execute("SELECT id FROM tables WHERE name = ?", (name,)).fetchone()[0])
    known = {
        row[1]: (row[0], json.loads(row[2]), json.loads(row[3]))
        for row in session.execute("SELECT id, name, fields, types FROM indexes WHERE tbl = ?", (number,))
    }
    added: dict[str, Any] = {}
    for index, (id, fields, types) in known.items():
        wanted = indexes.get(index)
        if wanted is None or [list(wanted["fields"]), list(wanted["types"])] != [fields, types]:
            session.execute("DELETE FROM entries WHERE idx = ?", (id,))
            session.execute("DELETE FROM indexes WHERE id = ?", (id,))
    for index, wanted in indexes.items():
        if index not in known or [list(wanted["fields"]), list(wanted["types"])] != list(known[index][1:]):
            added[index] = wanted
            session.execute(
                "INSERT INTO indexes (tbl, name, fields, types) VALUES (?, ?, ?, ?)",
                (number, index, json.dumps(list(wanted["fields"])), json.dumps(list(wanted["types"]))),
            )
    if known or added:
        session.forget_wiring()
    if added:
        rebuild(session, name, indexes)
    return number


def rebuild(session: Session, name: str, indexes: Mapping[str, Any]) -> None:
    """Fills a table's indexes from its items, after one was added to a table that may hold some."""
    table = session.table(name)
    now = session.clock.now()
    session.execute("DELETE FROM entries WHERE tbl = ?", (table.id,))
    rows = session.execute("SELECT pk, sk, version, expires_at, doc FROM items WHERE tbl = ?", (table.id,)).fetchall()
    for pk, sk, version, expires_at, doc in rows:
        document = decode(doc)
        values = {
            index: found for index, spec in indexes.items() if (found := index_values(document, spec)) is not None
        }
        index_item(session, table, pk, sk, now, (values, version, expires_at, doc), at_once=True)


def index_values(document: Mapping[str, Any], spec: Mapping[str, Any]) -> list[Any] | None:
    """An item's values for an index; None if it does not belong into it, or was written when the fields held others."""
    found = [document.get(field) for field in spec["fields"]]
    kinds = [int if type_ == "int" else str for type_ in spec["types"]]
    fits = all(type(value) is kind and value != "" for value, kind in zip(found, kinds, strict=True))
    return found if fits else None


def reset(session: Session, arguments: Arguments) -> int:
    """Erases the items of a table (and forgets its key), also of one that is declared no more."""
    row = session.execute("SELECT id FROM tables WHERE name = ?", (arguments["table"],)).fetchone()
    if row is None:
        raise Refusal("not_found", f"there is no table {arguments['table']!r} in this folder")
    session.execute("DELETE FROM entries WHERE tbl = ?", row)
    session.execute("DELETE FROM tokens WHERE tbl = ?", row)
    return session.execute("DELETE FROM items WHERE tbl = ?", row).rowcount
