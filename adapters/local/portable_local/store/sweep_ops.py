"""What time does to the database: index lag settles, and what nobody will ask for again is removed."""

import os
from typing import Any

from .session import Session

DAY = 86400
ROWS = 1000
"""At most so many rows of a kind at a time, so that a sweep never holds up the writers for long."""

ENDED = "state IN ('succeeded', 'dead', 'discarded')"
"""Word for word as the index of ended deliveries has it, so that it is used."""

RULES = (
    # An item is absent from its second on; its row goes a day later, in case the clock was wrong.
    ("items", "expires_at <= ?", DAY),
    ("entries", "visible_until <= ?", 0),
    ("entries", "expires_at <= ?", DAY),
    ("tokens", "expires_at <= ?", 0),
    ("dedups", "expires_at <= ?", 0),
    ("deliveries", ENDED + " AND state <> 'dead' AND updated_at <= ?", 7 * DAY),
    ("deliveries", ENDED + " AND state = 'dead' AND updated_at <= ?", 14 * DAY),
    ("fires", "decided_at <= ?", 90 * DAY),
)
KEYS = {"tokens": "tbl, token", "dedups": "task, dedup", "fires": "handler, at"}


def sweep(session: Session, _: dict[str, Any]) -> int:
    now = session.clock.now()
    count = 0
    for table, condition, age in RULES:
        key = KEYS.get(table, "rowid")
        statement = f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {condition} LIMIT {ROWS})"  # noqa: S608
        count += session.execute(statement, (now - age,)).rowcount
    return count


def settle(session: Session, _: dict[str, Any]) -> None:
    session.execute("DELETE FROM entries WHERE visible_until IS NOT NULL")
    session.execute("UPDATE entries SET visible_from = 0 WHERE visible_from > ?", (session.clock.now(),))


def start(session: Session) -> None:
    """When a folder is opened: no index lags, another run's clock hides nothing, there is a key for signed URLs."""
    settle(session, {})
    session.execute("UPDATE entries SET visible_from = 0 WHERE visible_from <> 0")
    session.execute(
        "INSERT INTO meta (name, value) VALUES ('signing_key', ?) ON CONFLICT (name) DO NOTHING", (os.urandom(32),)
    )
    sweep(session, {})


def probe(session: Session, _: dict[str, Any]) -> None:
    session.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('probe', ?)", (session.clock.now(),))
