"""Fire times of schedules: each is queued once, or recorded as skipped. When they are is worked out by the caller."""

import json
from datetime import UTC, datetime
from typing import Any

from .outbox import deliver
from .session import Session

Arguments = dict[str, Any]

DECIDE = "INSERT INTO fires (handler, at, outcome, decided_at) VALUES (?, ?, ?, ?) ON CONFLICT (handler, at) DO NOTHING"


def due(session: Session, _: Arguments) -> list[list[Any]]:
    rows = session.execute(
        "SELECT handler, cron, zone, missed, last FROM schedules "
        "WHERE NOT EXISTS (SELECT 1 FROM meta WHERE name = 'paused:' || handler) ORDER BY handler"
    ).fetchall()
    return [list(row) for row in rows]


def pause(session: Session, arguments: Arguments) -> None:
    """Fires no more, or again from now on: what would have been due meanwhile is neither run nor recorded."""
    handler = arguments["handler"]
    if arguments["is_paused"]:
        session.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('paused:' || ?, 1)", (handler,))
    elif session.execute("DELETE FROM meta WHERE name = 'paused:' || ?", (handler,)).rowcount:
        now = session.clock.now()
        session.execute("UPDATE schedules SET last = max(last, ?) WHERE handler = ?", (now, handler))


def fire(session: Session, arguments: Arguments) -> str:
    handler, at = arguments["handler"], arguments["at"]
    now = session.clock.now()
    row = session.execute("SELECT overlap, last FROM schedules WHERE handler = ?", (handler,)).fetchone()
    overlap, last = ("skip", None) if row is None else row
    is_manual = bool(arguments.get("manual"))
    if not is_manual and last is not None:
        if at <= last:
            return "known"
        session.execute("UPDATE schedules SET last = ? WHERE handler = ?", (at, handler))
    is_busy = (
        overlap == "skip"
        and session.execute(
            "SELECT 1 FROM deliveries WHERE handler = ? AND kind = 'schedule' "
            "AND state IN ('queued', 'running', 'failed') LIMIT 1",
            (handler,),
        ).fetchone()
        is not None
    )
    outcome = "skipped" if is_busy else "queued"
    if session.execute(DECIDE, (handler, at, outcome, now)).rowcount == 0:
        return "known"
    if not is_busy:
        body = json.dumps({"scheduled_at": datetime.fromtimestamp(at, UTC).isoformat()})
        deliver(session, (handler,), "schedule", body, arguments.get("traceparent") or "", now=now, scheduled_at=at)
    return outcome


def skip(session: Session, arguments: Arguments) -> None:
    handler, ats = arguments["handler"], arguments["ats"]
    now = session.clock.now()
    for at in ats:
        session.execute(DECIDE, (handler, at, "skipped", now))
    if ats:
        session.execute("UPDATE schedules SET last = max(last, ?) WHERE handler = ?", (max(ats), handler))
