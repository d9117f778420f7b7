"""The traffic out of the records that `portable dev` keeps (telemetry.sqlite3), and the app's manifest."""

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

from portable.errors import NotFound, Unavailable

from .traffic import Traffic, TrafficCount

DATABASE = "telemetry.sqlite3"
LEAST_SECONDS = 60.0
"""Of time that traffic is taken for, where the first and the newest invocation are nearer to one another."""


def read_traffic(data: Path, manifest: Mapping[str, Any], hours: float | None = None) -> Traffic:
    """The traffic of the newest `hours` that are recorded in a data folder; None: of all that is recorded.

    Raises NotFound if nothing is recorded.
    """
    file = data / DATABASE
    hint = "run `portable dev`, and use the app: its invocations are recorded"
    if not file.is_file():
        raise NotFound(f"nothing is recorded in {data}", hint=hint)
    # Another process may write meanwhile; this one only reads.
    with sound(file), closing(sqlite3.connect(file.absolute().as_uri() + "?mode=ro", uri=True)) as connection:
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        first, last = connection.execute("SELECT min(started), max(started + seconds) FROM invocations").fetchone()
        if first is None:
            raise NotFound(f"no invocation is recorded in {data}", hint=hint)
        since = first if hours is None else max(first, last - hours * 3600)
        counted = count(connection, since, {one["name"]: int(one["memory"]) for one in manifest["handlers"]})
    # `hours` without traffic count as such: the app was not used then.
    seconds = last - since if hours is None else hours * 3600
    return counted.traffic(
        max(LEAST_SECONDS, seconds),
        indexes={one["name"]: len(one["indexes"]) for one in manifest["tables"]},
        secrets=len(manifest["secrets"]),
        schedules=sum(one["trigger"]["type"] == "schedule" for one in manifest["handlers"]),
    )


@contextmanager
def sound(file: Path) -> Generator[None]:
    """Raises Unavailable for a database that SQLite cannot read, or of another version: `portable dev` mends that."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise Unavailable(
            f"{file} cannot be read: {error}", hint="`portable dev` moves one that is damaged aside, and begins another"
        ) from error


def count(connection: sqlite3.Connection, since: float, memory: Mapping[str, int]) -> TrafficCount:
    counted = TrafficCount(memory)
    seen: Counter[tuple[str, str]] = Counter()
    called: Counter[tuple[str, str]] = Counter()
    for handler, kind, seconds, attempt, calls, request, response in connection.execute(
        "SELECT i.handler, i.kind, i.seconds, i.attempt, i.calls, json_extract(d.request, '$.size'), "
        "json_extract(d.response, '$.size') FROM invocations i LEFT JOIN details d ON d.n = i.n WHERE i.started >= ?",
        (since,),
    ):
        counted.invocation(handler, kind, seconds, attempt, request or 0, response or 0)
        seen[handler, kind] += 1
        called[handler, kind] += calls
    # What was too much to be kept was counted by the minute.
    grown: dict[tuple[str, str], float] = {}
    for handler, kind, number, seconds in connection.execute(
        "SELECT handler, kind, sum(number), sum(seconds) FROM unkept WHERE minute >= ? GROUP BY 1, 2",
        (math.floor(since / 60),),
    ):
        counted.invocations(handler, kind, number, seconds)
        if seen[handler, kind]:
            grown[handler, kind] = 1 + number / seen[handler, kind]
    kept: dict[tuple[str, str], Counter[tuple[str, str]]] = {}
    for resource, verb, result, handler, kind in connection.execute(
        "SELECT c.resource, c.verb, c.result, i.handler, i.kind FROM calls c LEFT JOIN invocations i "
        "ON i.span = c.parent WHERE c.started >= ?",
        (since,),
    ):
        if handler is None and grown:
            continue  # of an invocation that is only counted: it is among those that are added below
        counted.call(resource, verb, *measured(result))
        if handler is not None:
            kept.setdefault((handler, kind), Counter())[resource, verb] += 1
    for key, factor in grown.items():
        found = kept.get(key, Counter[tuple[str, str]]())
        # Of an invocation that was kept some calls may be only counted too.
        wanted = called[key] * factor
        for (resource, verb), times in found.items():
            counted.calls(resource, verb, max(0, round(times * wanted / found.total()) - times))
    (logged,) = connection.execute(
        "SELECT sum(length(CAST(message AS BLOB)) + coalesce(length(CAST(traceback AS BLOB)), 0)) FROM logs "
        "WHERE at >= ?",
        (since,),
    ).fetchone()
    counted.log_bytes = int(logged or 0)
    return counted


def measured(result: str | None) -> tuple[int | None, int]:
    """How many items a read gave, and their bytes; None: it is not known."""
    if result is None:
        return None, 0
    try:
        found: Any = json.loads(result)
    except ValueError:
        return None, 0
    items: object = cast("dict[str, Any]", found).get("items") if isinstance(found, dict) else None
    if not isinstance(items, list):
        return None, 0
    # What the items take of the text, without what stands around them.
    listed = cast("Sequence[dict[str, Any]]", items)
    return len(listed), sum(len(json.dumps(item["item"], separators=(",", ":")).encode()) for item in listed)
