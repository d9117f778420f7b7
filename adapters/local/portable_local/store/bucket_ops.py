"""Objects: the bytes are in a file already, and become the object when the database says so."""

import json
from typing import Any, Literal

from portable.bucket_records import object_event_body

from . import conditions, crash_points
from .outbox import deliver
from .session import Session, version_text

Arguments = dict[str, Any]

FIND = "SELECT version, file FROM objects WHERE bucket = ? AND key = ?"


def commit(session: Session, arguments: Arguments) -> list[Any]:
    bucket, key, size = arguments["bucket"], arguments["key"], arguments["size"]
    row = session.execute(FIND, (bucket, key)).fetchone()
    conditions.check(arguments.get("condition"), None if row is None else row[0])
    if row is not None:
        session.garbage.append(row[1])
    now = session.clock.now()
    number = session.next_version()
    kind, metadata = arguments["content_type"], arguments["metadata"]
    session.execute(
        "INSERT OR REPLACE INTO objects (bucket, key, version, size, content_type, metadata, modified, file) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (bucket, key, number, size, kind, json.dumps(metadata), now, arguments["file"]),
    )
    version = version_text(number)
    tell(session, arguments, "created", size, version, now)
    crash_points.reach("object-in-transaction")
    return [key, size, version, kind, metadata, now]


def delete(session: Session, arguments: Arguments) -> None:
    bucket, key = arguments["bucket"], arguments["key"]
    row = session.execute(FIND, (bucket, key)).fetchone()
    conditions.check(arguments.get("condition"), None if row is None else row[0])
    if row is None:
        return
    session.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
    session.garbage.append(row[1])
    tell(session, arguments, "deleted", 0, version_text(session.next_version()), session.clock.now())


def tell(
    session: Session, arguments: Arguments, event: Literal["created", "deleted"], size: int, version: str, now: float
) -> None:
    """Queues the event for every handler whose prefix the key has."""
    bucket, key = arguments["bucket"], arguments["key"]
    handlers = [
        entry["handler"]
        for entry in session.wiring.get("buckets", {}).get(bucket, ())
        if entry["event"] == event and key.startswith(entry["prefix"])
    ]
    if handlers:
        body = object_event_body(bucket, key, event, size=size, version=version, time=now)
        deliver(session, handlers, "bucket", body, arguments.get("traceparent") or "", now=now)
