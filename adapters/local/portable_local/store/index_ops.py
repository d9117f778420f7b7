"""Index entries: each shows one state of an item for a while, because index reads lag on every provider.

A write takes effect in the indexes at a random moment within LAG_SECONDS, never before the item's last one. Until then
the entries of the state before are shown. Entries carry a copy of the item: what an index shows is as old as its order.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from .session import Session, TableEntry

LAG_SECONDS = 0.5

INSERT = (
    "INSERT INTO entries (idx, v1, v2, tbl, pk, sk, version, expires_at, doc, visible_from, visible_until) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
)

NO_VALUE = ""
"""The second value in an index of one field: the order is then by primary key."""

State = tuple[Mapping[str, Sequence[Any]], int, int | None, str]
"""Index values by index name, version, expires_at, encoded."""


def index_item(
    session: Session, table: TableEntry, pk: str, sk: str, now: float, state: State | None, *, at_once: bool = False
) -> None:
    """Records the item's new state (None: deleted) for the table's indexes."""
    key = (table.id, pk, sk)
    past = session.execute(
        "SELECT count(*), max(visible_from), max(visible_until) FROM entries WHERE tbl = ? AND pk = ? AND sk = ?", key
    ).fetchone()
    moment = now if at_once else now + session.random.random() * LAG_SECONDS
    if past[0]:
        # A clock that was set back must not hide a write for long.
        latest = min(max(past[1], past[2] or 0.0), now + LAG_SECONDS)
        moment = max(moment, latest)
        session.execute("DELETE FROM entries WHERE tbl = ? AND pk = ? AND sk = ? AND visible_until <= ?", (*key, now))
        session.execute(
            "UPDATE entries SET visible_until = ? WHERE tbl = ? AND pk = ? AND sk = ? AND visible_until IS NULL",
            (moment, *key),
        )
    if state is None:
        return
    index, version, expires_at, encoded = state
    for name, values in index.items():
        number = table.indexes.get(name)
        if number is not None:
            second = values[1] if len(values) > 1 else NO_VALUE
            session.execute(INSERT, (number, values[0], second, *key, version, expires_at, encoded, moment))
