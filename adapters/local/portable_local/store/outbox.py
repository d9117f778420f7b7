"""Deliveries that follow from a write: inserted in the write's own transaction, one for each handler that it starts."""

from collections.abc import Iterable

from .session import Session

INSERT = (
    "INSERT INTO deliveries (id, handler, kind, state, due, enqueued_at, updated_at, traceparent, attributes, body, "
    "scheduled_at) VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, handler) DO NOTHING"
)


def deliver(
    session: Session,
    handlers: Iterable[str],
    kind: str,
    body: str,
    traceparent: str,
    *,
    now: float,
    id: str | None = None,
    attributes: str | None = None,
    scheduled_at: float | None = None,
) -> None:
    """Queues `body` for each of the handlers; each delivery has an id of its own unless `id` is given."""
    for handler in handlers:
        found = session.new_id() if id is None else id
        session.execute(INSERT, (found, handler, kind, now, now, now, traceparent, attributes, body, scheduled_at))
        session.arrivals += 1
