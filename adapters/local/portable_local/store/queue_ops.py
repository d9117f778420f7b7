"""The queue of all background handlers: claimed by lease, counted before the start, ended by whoever holds the fence.

States: queued -> running -> succeeded, or failed (waits for its next attempt) -> running ..., or dead (a dead letter)
-> queued again, or discarded. Only tasks keep a record of success; other deliveries are gone then.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from portable.retries import backoff
from portable.specs import RetryPolicy

from . import crash_points
from .session import HandlerEntry, Session

Arguments = dict[str, Any]

DEDUP_SECONDS = 300
LOST = "the worker ended, or went silent, during attempt {attempts}"
UNKNOWN_HANDLER = HandlerEntry("", 1, 300, 1.0, 300.0)

SEND = (
    "INSERT INTO deliveries (id, handler, kind, state, due, enqueued_at, updated_at, traceparent, body) "
    "VALUES (?, ?, 'task', 'queued', ?, ?, ?, ?, ?) ON CONFLICT (id, handler) DO NOTHING"
)
CLAIM = (
    "UPDATE deliveries SET state = 'running', attempts = attempts + 1, fence = ?, worker = ?, lease_until = ?, "
    "updated_at = ? WHERE n IN (SELECT n FROM deliveries WHERE state IN ('queued', 'failed') AND due <= ? "
    "AND handler IN (SELECT name FROM handlers{only}){spare} ORDER BY due, n LIMIT ?) "
    "RETURNING n, id, handler, kind, body, attempts, enqueued_at, traceparent, attributes, scheduled_at, due, error"
)
SPARE = " AND attempts + 1 < (SELECT max_attempts FROM handlers WHERE name = handler)"
"""Not for the last time."""
SUCCEED = (
    "UPDATE deliveries SET state = 'succeeded', result = ?, error = NULL, traceback = NULL, worker = NULL, "
    "lease_until = NULL, updated_at = ? WHERE id = ? AND fence = ? AND state = 'running' AND kind = 'task'"
)
REMOVE = "DELETE FROM deliveries WHERE id = ? AND fence = ? AND state = 'running' AND kind <> 'task'"
FAIL = (
    "UPDATE deliveries SET state = ?, due = ?, error = ?, traceback = ?, worker = NULL, lease_until = NULL, "
    "updated_at = ? WHERE n = ?"
)


def send(session: Session, arguments: Arguments) -> str:
    task, id, dedup = arguments["task"], arguments["id"], arguments.get("dedup")
    now = session.clock.now()
    if dedup is not None:
        row = session.execute(
            "SELECT id FROM dedups WHERE task = ? AND dedup = ? AND expires_at > ?", (task, dedup, now)
        ).fetchone()
        if row is not None:
            return str(row[0])
        session.execute(
            "INSERT OR REPLACE INTO dedups (task, dedup, id, expires_at) VALUES (?, ?, ?, ?)",
            (task, dedup, id, now + DEDUP_SECONDS),
        )
    enqueued_at, due = arguments["enqueued_at"], arguments["due"]
    session.execute(
        SEND, (id, task, due, enqueued_at, enqueued_at, arguments.get("traceparent") or "", arguments["body"])
    )
    session.arrivals += 1
    return str(id)


def claim(session: Session, arguments: Arguments) -> list[dict[str, Any]]:
    now = session.clock.now()
    lapse(session, "lease_until <= ?", (now,), now)
    found: list[dict[str, Any]] = []
    slots = arguments["slots"]
    while len(found) < slots:
        rows = take(session, arguments, slots - len(found), now)
        if not rows:
            break
        for fence, row in rows:
            delivery = started(session, row, fence, now)
            if delivery is not None:
                found.append(delivery)
    if arguments.get("ahead") and len(found) == slots:
        rows = take(session, arguments, arguments["ahead"], now, spare=SPARE)
        found += [delivery for fence, row in rows if (delivery := started(session, row, fence, now)) is not None]
    crash_points.reach("claim-in-transaction")
    return found


def take(session: Session, arguments: Arguments, slots: int, now: float, *, spare: str = "") -> list[tuple[int, Any]]:
    """Counts an attempt of what is due; (fence, row) in the order of due times."""
    only: list[str] = []
    values: list[Any] = []
    for column, wanted in (("name", arguments.get("handlers")), ("kind", arguments.get("kinds"))):
        if wanted is not None:
            only.append(f"{column} IN (SELECT value FROM json_each(?))")  # noqa: S608 - a constant
            values.append(json.dumps(wanted))
    fence = session.next_version()
    sql = CLAIM.format(only=f" WHERE {' AND '.join(only)}" if only else "", spare=spare)
    rows = session.execute(
        sql, (fence, arguments["worker"], now + arguments["lease"], now, now, *values, slots)
    ).fetchall()
    rows.sort(key=lambda row: (row[10], row[0]))
    fenced: list[tuple[int, Any]] = []
    seen: set[str] = set()
    for row in rows:
        mine = fence
        if row[1] in seen:
            # One event for two subscribers: (id, fence) must name one delivery.
            mine = session.next_version()
            session.execute("UPDATE deliveries SET fence = ? WHERE n = ?", (mine, row[0]))
        seen.add(row[1])
        fenced.append((mine, row))
    return fenced


def started(session: Session, row: Any, fence: int, now: float) -> dict[str, Any] | None:
    """A claimed row as its worker gets it; None if its attempts are used up, which makes it a dead letter."""
    n, id, handler, kind, body, attempt, enqueued_at, traceparent, attributes, scheduled_at, _, error = row
    entry = session.handlers.get(handler, UNKNOWN_HANDLER)
    if attempt > entry.max_attempts:
        session.execute(
            "UPDATE deliveries SET state = 'dead', attempts = attempts - 1, worker = NULL, lease_until = NULL, "
            "error = ? WHERE n = ?",
            (error or LOST.format(attempts=attempt - 1), n),
        )
        return None
    return {
        "id": id,
        "kind": kind,
        "handler": handler,
        "body": body,
        "attempt": attempt,
        "enqueued_at": enqueued_at,
        "deadline": now + entry.timeout,
        "traceparent": traceparent,
        "attributes": json.loads(attributes) if attributes else {},
        "scheduled_at": scheduled_at,
        "fence": fence,
    }


def finish(session: Session, arguments: Arguments) -> bool:
    now = session.clock.now()
    id, fence = arguments["id"], arguments["fence"]
    crash_points.reach("before-finish")
    if arguments["status"] == "succeeded":
        if session.execute(SUCCEED, (arguments.get("result"), now, id, fence)).rowcount == 1:
            return True
        return session.execute(REMOVE, (id, fence)).rowcount == 1
    row = session.execute(
        "SELECT n, handler, attempts FROM deliveries WHERE id = ? AND fence = ? AND state = 'running'", (id, fence)
    ).fetchone()
    if row is None:
        return False
    n, handler, attempts = row
    state = "dead"
    if arguments["status"] == "failed" and attempts < session.handlers.get(handler, UNKNOWN_HANDLER).max_attempts:
        state = "failed"
        session.arrivals += 1
    due = now + (arguments.get("retry_after") or 0.0)
    redaction = session.redaction()
    error = redaction.error(arguments.get("error")) or "it failed, and does not say why"
    session.execute(FAIL, (state, due, error, redaction.traceback(arguments.get("traceback")), now, n))
    return True


def finish_many(session: Session, arguments: Arguments) -> list[bool]:
    return [finish(session, outcome) for outcome in arguments["outcomes"]]


def lapse(session: Session, where: str, values: Sequence[Any], now: float) -> int:
    """Ends running attempts as if they had failed without a word; how many."""
    rows = session.execute(
        f"SELECT n, handler, attempts FROM deliveries WHERE state = 'running' AND {where}",  # noqa: S608 - a constant
        tuple(values),
    ).fetchall()
    for n, handler, attempts in rows:
        entry = session.handlers.get(handler, UNKNOWN_HANDLER)
        retry = RetryPolicy(entry.max_attempts, entry.min_backoff, entry.max_backoff)
        # A handler that is not there now may come back with more attempts: decided when it is claimed.
        is_last = attempts >= entry.max_attempts and entry is not UNKNOWN_HANDLER
        due = now + backoff(retry, attempts, session.random.random)
        error = LOST.format(attempts=attempts)
        session.execute(FAIL, ("dead" if is_last else "failed", due, error, None, now, n))
    session.arrivals += len(rows)
    return len(rows)


def renew(session: Session, arguments: Arguments) -> list[bool]:
    until = session.clock.now() + arguments["lease"]
    return [
        session.execute(
            "UPDATE deliveries SET lease_until = ? WHERE id = ? AND fence = ? AND state = 'running'", (until, id, fence)
        ).rowcount
        == 1
        for id, fence in arguments["leases"]
    ]


def release(session: Session, arguments: Arguments) -> int:
    worker = arguments.get("worker")
    where, values = ("1", ()) if worker is None else ("worker = ?", (worker,))
    now = session.clock.now()
    crash_points.reach("before-release")
    if not arguments.get("refund"):
        return lapse(session, where, values, now)
    count = session.execute(
        "UPDATE deliveries SET state = CASE attempts WHEN 1 THEN 'queued' ELSE 'failed' END, "  # noqa: S608 - constants
        "attempts = attempts - 1, worker = NULL, lease_until = NULL, updated_at = ? "
        f"WHERE state = 'running' AND {where}",
        (now, *values),
    ).rowcount
    session.arrivals += count
    return count


def put_back(session: Session, arguments: Arguments) -> int:
    """What was claimed and never started waits again, as if it had not been claimed."""
    now = session.clock.now()
    count = sum(
        session.execute(
            "UPDATE deliveries SET state = CASE attempts WHEN 1 THEN 'queued' ELSE 'failed' END, "
            "attempts = attempts - 1, worker = NULL, lease_until = NULL, updated_at = ? "
            "WHERE id = ? AND fence = ? AND state = 'running'",
            (now, id, fence),
        ).rowcount
        for id, fence in arguments["leases"]
    )
    session.arrivals += count
    return count


def report(session: Session, arguments: Arguments) -> None:
    session.execute(
        "UPDATE deliveries SET progress = ?, note = ?, updated_at = ? "
        "WHERE id = ? AND kind = 'task' AND state = 'running'",
        (arguments["progress"], arguments.get("note"), session.clock.now(), arguments["id"]),
    )


def redrive(session: Session, arguments: Arguments) -> bool:
    now = session.clock.now()
    count = session.execute(
        "UPDATE deliveries SET state = 'queued', attempts = 0, due = ?, updated_at = ? "
        "WHERE id = ? AND handler = ? AND state = 'dead'",
        (now, now, arguments["id"], arguments["handler"]),
    ).rowcount
    session.arrivals += count
    return count == 1


def discard(session: Session, arguments: Arguments) -> bool:
    key = (arguments["id"], arguments["handler"])
    count = session.execute(
        "UPDATE deliveries SET state = 'discarded', updated_at = ? "
        "WHERE id = ? AND handler = ? AND state = 'dead' AND kind = 'task'",
        (session.clock.now(), *key),
    ).rowcount
    if count == 0:
        count = session.execute("DELETE FROM deliveries WHERE id = ? AND handler = ? AND state = 'dead'", key).rowcount
    return count == 1


def next_due(session: Session, _: Arguments) -> float | None:
    ready = session.execute(
        "SELECT due FROM deliveries WHERE state IN ('queued', 'failed') AND handler IN (SELECT name FROM handlers) "
        "ORDER BY due LIMIT 1"
    ).fetchone()
    lapsing = session.execute("SELECT min(lease_until) FROM deliveries WHERE state = 'running'").fetchone()
    times: Iterable[float | None] = [None if ready is None else ready[0], lapsing[0]]
    return min((time for time in times if time is not None), default=None)
