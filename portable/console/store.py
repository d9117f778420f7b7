"""Where records are kept: one SQLite database, one connection that writes, and limits that hold while it is written.

Everything that a page shows live is in `events` too, numbered in the order in which it became readable: whoever was
away goes on where they were, also after this process was started anew.
"""

import hashlib
import json
import logging
import os
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from portable.conventions import TRIGGERS
from portable.records import KINDS, AnyRecord, SpanRecord, record_of
from portable.telemetry import CallRecord, InvocationRecord, LogRecord, Payload

from .access import LINK_SECONDS
from .redaction import Redaction

LOG = logging.getLogger("portable.console")
DATABASE = "telemetry.sqlite3"
APPLICATION_ID = 0x504F5443
FORMAT = 5
TARGET_CHARACTERS = 1000
"""What is kept of a request's target for the search."""
COLOURS = 7
LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}

SCHEMA = """
CREATE TABLE invocations (
    n INTEGER PRIMARY KEY, span TEXT NOT NULL UNIQUE, trace TEXT NOT NULL, parent TEXT NOT NULL, kind TEXT NOT NULL,
    handler TEXT NOT NULL, service TEXT NOT NULL, request_id TEXT NOT NULL, attempt INTEGER NOT NULL,
    started REAL NOT NULL, seconds REAL NOT NULL, name TEXT NOT NULL, outcome TEXT NOT NULL, status INTEGER NOT NULL,
    error TEXT, file TEXT, line INTEGER, function TEXT, waited REAL NOT NULL, cold INTEGER NOT NULL,
    calls INTEGER NOT NULL, is_cut INTEGER NOT NULL, issue TEXT, target TEXT NOT NULL
);
CREATE INDEX invocations_started ON invocations (started, n);
CREATE INDEX invocations_handler ON invocations (handler, started, n);
CREATE INDEX invocations_service ON invocations (service, started, n);
CREATE INDEX invocations_trace ON invocations (trace, started);
CREATE INDEX invocations_failed ON invocations (started, n) WHERE outcome != 'succeeded';
CREATE INDEX invocations_issue ON invocations (issue, started) WHERE issue IS NOT NULL;
CREATE TABLE details (n INTEGER PRIMARY KEY, traceback TEXT, request TEXT, response TEXT);
CREATE TABLE calls (
    n INTEGER PRIMARY KEY, trace TEXT NOT NULL, span TEXT NOT NULL, parent TEXT NOT NULL, resource TEXT NOT NULL,
    verb TEXT NOT NULL, key TEXT, started REAL NOT NULL, seconds REAL NOT NULL, error TEXT, result TEXT
);
CREATE INDEX calls_parent ON calls (parent);
CREATE INDEX calls_trace ON calls (trace);
CREATE INDEX calls_started ON calls (started);
CREATE TABLE spans (
    n INTEGER PRIMARY KEY, trace TEXT NOT NULL, span TEXT NOT NULL, parent TEXT NOT NULL, service TEXT NOT NULL,
    name TEXT NOT NULL, kind TEXT NOT NULL, started REAL NOT NULL, seconds REAL NOT NULL, error TEXT,
    attributes TEXT NOT NULL, UNIQUE (trace, span)
);
CREATE INDEX spans_started ON spans (started);
CREATE TABLE logs (
    n INTEGER PRIMARY KEY, trace TEXT NOT NULL, span TEXT NOT NULL, invocation TEXT NOT NULL, handler TEXT NOT NULL,
    at REAL NOT NULL, level INTEGER NOT NULL, logger TEXT NOT NULL, message TEXT NOT NULL, fields TEXT NOT NULL,
    source TEXT NOT NULL, traceback TEXT
);
CREATE INDEX logs_trace ON logs (trace);
CREATE INDEX logs_span ON logs (span);
CREATE INDEX logs_handler ON logs (handler, n);
CREATE INDEX logs_at ON logs (at);
CREATE TABLE marks (n INTEGER PRIMARY KEY, kind TEXT NOT NULL, at REAL NOT NULL, text TEXT NOT NULL, seconds REAL);
CREATE INDEX marks_at ON marks (at);
CREATE TABLE issues (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, handler TEXT NOT NULL, service TEXT NOT NULL, kind TEXT NOT NULL,
    count INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL, span TEXT NOT NULL, is_muted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE services (name TEXT PRIMARY KEY, colour INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE links (text TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE replays (span TEXT PRIMARY KEY, original TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX replays_original ON replays (original);
CREATE TABLE drops (role TEXT NOT NULL, kind TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (role, kind))
WITHOUT ROWID;
CREATE TABLE unkept (
    minute INTEGER NOT NULL, kind TEXT NOT NULL, handler TEXT NOT NULL, service TEXT NOT NULL, number INTEGER NOT NULL,
    failed INTEGER NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (minute, kind, handler)
) WITHOUT ROWID;
CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, ref TEXT NOT NULL);
"""

INSERT_INVOCATION = f"INSERT OR IGNORE INTO invocations VALUES (NULL{', ?' * 23})"  # noqa: S608
INSERT_CALL = f"INSERT INTO calls VALUES (NULL{', ?' * 10})"  # noqa: S608
INSERT_SPAN = f"INSERT OR IGNORE INTO spans VALUES (NULL{', ?' * 10})"  # noqa: S608
INSERT_LOG = f"INSERT INTO logs VALUES (NULL{', ?' * 11})"  # noqa: S608


class Limits(NamedTuple):
    """How much is kept; what is over is deleted, the oldest first."""

    invocations: int = 100_000
    calls: int = 500_000
    logs: int = 300_000
    spans: int = 100_000
    events: int = 50_000
    days: float = 14.0
    bytes: int = 1024 * 1024 * 1024


class Event(NamedTuple):
    """Something that became readable. `ref` finds it: an invocation, a line's or a mark's number, an issue, a trace."""

    seq: int
    kind: str
    ref: str


OUTCOMES = frozenset(("succeeded", "failed", "dead"))
MOST_SECONDS = 1e12
"""No time of an epoch and no duration is longer: what is told of such ones is not reckoned with."""


def check(record: AnyRecord) -> None:
    """Raises ValueError for times that cannot be, counts and kinds that are none; TypeError for what is no number."""
    if isinstance(record, LogRecord):
        times: tuple[float, ...] = (record.at,)
    elif isinstance(record, CallRecord | SpanRecord):
        times = (record.started_at, record.seconds)
    else:
        times = (record.started_at, record.seconds, record.waited)
        counts = (record.attempt, record.status, record.calls, 0 if record.frame is None else record.frame[1])
        if not all(type(one) is int and one >= 0 for one in counts):
            raise ValueError(f"{counts} are no counts")
        if record.kind not in TRIGGERS or record.outcome not in OUTCOMES:
            raise ValueError(f"{record.kind!r} {record.outcome!r} is neither kind nor outcome")
    if not all(-MOST_SECONDS < one < MOST_SECONDS for one in times):
        raise ValueError(f"{times} are no times")


class Unkept(NamedTuple):
    """Invocations of which only this is known: those that began in one minute of the epoch."""

    kind: str
    handler: str
    minute: int
    number: int
    failed: int
    seconds: float


def unkept_of(fields: Any) -> Unkept | None:
    """None for what is none."""
    match fields:
        case [str(kind), str(handler), int(minute), int(number), int(failed), int() | float() as seconds]:
            found = Unkept(kind, handler, minute, number, failed, float(seconds))
            is_sound = 0 <= minute * 60 < MOST_SECONDS and 0 <= failed <= number and 0 <= seconds < MOST_SECONDS
            return found if is_sound and kind in TRIGGERS else None
        case _:
            return None


class Batch(NamedTuple):
    """What one process sent together, as it came."""

    process: int
    role: str
    dropped: dict[str, int]
    records: list[Any]
    unkept: tuple[Unkept, ...] = ()
    """Of the invocations among those that were dropped."""

    def counted_only(self, before: "Batch | None" = None) -> "Batch":
        """The batch without its records, which count as dropped, as do those of the one `before`."""
        dropped = Counter(self.dropped)
        unkept = list(self.unkept)
        for entry in self.records:
            kind = KINDS.get(entry[0]) if isinstance(entry, list) and entry and isinstance(entry[0], str) else None
            if kind is None:
                continue
            dropped[kind] += 1
            if kind == "invocation":
                try:
                    record = record_of("i", entry[1])  # pyright: ignore[reportUnknownArgumentType]
                    assert isinstance(record, InvocationRecord)
                    has_failed, minute = record.outcome != "succeeded", int(record.started_at // 60)
                    one = unkept_of([record.kind, record.handler, minute, 1, int(has_failed), record.seconds])
                except (ValueError, TypeError, AttributeError, LookupError, OverflowError):
                    continue  # not ours: it would have been refused
                unkept += [one] if one is not None else []
        if before is not None:
            dropped.update(before.dropped)
            unkept += before.unkept
        return Batch(self.process, self.role, dict(dropped), [], tuple(summed(unkept)))


def summed(unkept: Iterable[Unkept]) -> list[Unkept]:
    """One of each minute, kind and handler."""
    found: dict[tuple[str, str, int], Unkept] = {}
    for one in unkept:
        before = found.get(one[:3])
        if before is not None:
            one = Unkept(*one[:3], before.number + one.number, before.failed + one.failed, before.seconds + one.seconds)
        found[one[:3]] = one
    return list(found.values())


def batch_of(frame: Any) -> Batch | None:
    """`["records", {...}]` -> Batch; None for anything else, which nobody of ours sends."""
    match frame:
        case ["records", {"process": int(process), "dropped": dict() as dropped, "records": list() as records}]:  # pyright: ignore[reportUnknownVariableType]
            role = str(frame[1].get("role", ""))
            counts = {str(kind): count for kind, count in dropped.items() if type(count) is int}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            told: list[Any] = frame[1].get("unkept") or []  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            unkept = tuple(one for fields in told if (one := unkept_of(fields)) is not None)
            return Batch(process, role, counts, records, unkept)  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return None


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that can only read."""
    connection = sqlite3.connect(
        path.absolute().as_uri() + "?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA cache_size = -8000")
    return connection


class Store:
    """The one that writes; used by one thread at a time."""

    def __init__(self, folder: Path, limits: Limits | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.path: Path = folder / DATABASE
        self.limits: Limits = limits or Limits()
        self.redaction: Redaction = Redaction.of(())
        self._clock = clock
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._connection = self._opened()
        except NotOurs as error:
            # It is history, and nothing else: whoever develops must not have to tidy up first.
            kept = set_aside(self.path)
            LOG.warning("%s %s: it is kept as %s, and a new one is begun", self.path, error, kept.name)
            self._connection = self._opened()
        self._services: dict[str, int] = dict(self._connection.execute("SELECT name, colour FROM services"))
        self._service_of: dict[str, str] = {}
        self._written = 0
        self.refused: int = 0
        """Records that were none of ours."""

    def _opened(self) -> sqlite3.Connection:
        """The writing connection. Raises NotOurs."""
        if not self.path.exists():
            # The log of a database that is gone would be taken for this one's.
            remove_logs(self.path)
        # Records are for their owner alone; SQLite gives the log the mode of the database.
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._file = file_of(os.fstat(descriptor))
        os.close(descriptor)
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        self._connection.close()

    def _find_again(self) -> None:
        """Begins a new database if somebody has deleted this one: what is written to a file without a name is lost."""
        try:
            if file_of(os.stat(self.path)) == self._file:
                return
        except FileNotFoundError:
            LOG.warning("%s was deleted: a new one is begun", self.path)
        (last,) = self._connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
        self._connection.close()
        self._connection = self._opened()
        # Whoever listens goes on where they were.
        (now,) = self._connection.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").fetchone()
        if now < last:
            self._connection.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
            self._connection.execute("INSERT INTO sqlite_sequence VALUES ('events', ?)", (last,))
        for name, colour in self._services.items():
            self._connection.execute("INSERT OR IGNORE INTO services VALUES (?, ?)", (name, colour))

    # What the app declares

    def say_status(self) -> list[Event]:
        """What runs has changed; whoever listens asks for it."""
        return self._announce([("status", "")])

    def declare(self, manifest: dict[str, Any]) -> list[Event]:
        """Learns which service a handler is of; services have their colours by the order in which they appear."""
        self._service_of = {handler["name"]: handler["service"] for handler in manifest["handlers"]}
        for handler in sorted(manifest["handlers"], key=lambda one: (one["location"]["file"], one["location"]["line"])):
            self._colour(handler["service"])
        for service in manifest["services"]:
            self._colour(service["name"])
        return []

    def _colour(self, service: str) -> None:
        if service and service not in self._services:
            number = len(self._services)
            self._connection.execute("INSERT INTO services VALUES (?, ?)", (service, number % COLOURS))
            self._services[service] = number % COLOURS

    def service(self, handler: str) -> str:
        known = self._service_of.get(handler)
        if known is not None:
            return known
        # Files, mounts and pages are no handlers of a service: `static:/`, `documentation`.
        return "" if ":" in handler else handler.rpartition(".")[0]

    # Writing

    def write(self, batches: Iterable[Batch]) -> list[Event]:
        """One transaction; what can be read now that could not before."""
        self._find_again()
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            refs: list[tuple[str, str]] = []
            for batch in batches:
                for kind, count in batch.dropped.items():
                    if count > 0:
                        # Those since the frame before.
                        execute(
                            "INSERT INTO drops VALUES (?, ?, ?) "
                            "ON CONFLICT DO UPDATE SET count = count + excluded.count",
                            (batch.role, kind, count),
                        )
                for one in batch.unkept:
                    service = self.service(one.handler)
                    self._colour(service)
                    execute(
                        "INSERT INTO unkept VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET number = number + "
                        "excluded.number, failed = failed + excluded.failed, seconds = seconds + excluded.seconds",
                        (one.minute, one.kind, one.handler, service, one.number, one.failed, one.seconds),
                    )
                for entry in batch.records:
                    self._take(entry, refs)
            events = self._announce(refs)
            if self._written >= 2000:
                self._prune()
        except BaseException:
            execute("ROLLBACK")
            raise
        execute("COMMIT")
        return events

    def _announce(self, refs: Sequence[tuple[str, str]]) -> list[Event]:
        events: list[Event] = []
        for kind, ref in refs:
            seq = self._connection.execute("INSERT INTO events (kind, ref) VALUES (?, ?)", (kind, ref)).lastrowid
            events.append(Event(seq or 0, kind, ref))
        return events

    def _take(self, entry: Any, refs: list[tuple[str, str]]) -> None:
        try:
            match entry:
                case ["m", {"kind": str(kind), "at": int() | float() as at, **rest}]:
                    text, seconds = self.redaction.text(str(rest.get("text", ""))), rest.get("seconds")
                    self._mark(kind, float(at), text, seconds, refs)
                case [str(letter), list() as fields]:  # pyright: ignore[reportUnknownVariableType]
                    record = self.redaction.record(record_of(letter, fields))  # pyright: ignore[reportUnknownArgumentType]
                    check(record)
                    if isinstance(record, InvocationRecord):
                        self._invocation(record, refs)
                    elif isinstance(record, CallRecord):
                        self._call(record)
                    elif isinstance(record, SpanRecord):
                        self._span(record, refs)
                    else:
                        self._log(record, refs)
                case _:
                    self.refused += 1
                    return
        except (ValueError, TypeError, AttributeError, LookupError, sqlite3.Error, OverflowError):
            # Not ours, or of another version: one record less, and the rest is kept.
            self.refused += 1
            return
        self._written += 1

    def _mark(self, kind: str, at: float, text: str, seconds: Any, refs: list[tuple[str, str]]) -> None:
        took = float(seconds) if isinstance(seconds, int | float) else None
        cursor = self._connection.execute("INSERT INTO marks VALUES (NULL, ?, ?, ?, ?)", (kind, at, text, took))
        refs.append(("mark", str(cursor.lastrowid)))

    def _invocation(self, record: InvocationRecord, refs: list[tuple[str, str]]) -> None:
        execute = self._connection.execute
        service = self.service(record.handler)
        self._colour(service)
        issue = None if record.outcome == "succeeded" else issue_of(record)
        file, line, function = record.frame or (None, None, None)
        is_cut = any(payload is not None and payload.is_cut for payload in (record.request, record.response))
        cursor = execute(
            INSERT_INVOCATION,
            (
                record.span_id,
                record.trace_id,
                record.parent_id,
                record.kind,
                record.handler,
                service,
                record.id,
                record.attempt,
                record.started_at,
                record.seconds,
                record.name,
                record.outcome,
                record.status,
                record.error,
                file,
                line,
                function,
                record.waited,
                int(record.cold),
                record.calls,
                int(is_cut),
                issue,
                "" if record.request is None else record.request.target[:TARGET_CHARACTERS],
            ),
        )
        if cursor.rowcount == 0:
            return  # sent twice: its sender could not know that it had arrived
        if record.traceback is not None or record.request is not None or record.response is not None:
            execute(
                "INSERT INTO details VALUES (?, ?, ?, ?)",
                (cursor.lastrowid, record.traceback, payload_json(record.request), payload_json(record.response)),
            )
        refs.append(("invocation", record.span_id))
        if issue is not None:
            ended = record.started_at + record.seconds
            title = record.error or f"{record.name} answered {record.status}"
            execute(
                "INSERT INTO issues VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, 0) ON CONFLICT (id) DO UPDATE SET "
                "count = count + 1, first = min(first, excluded.first), title = excluded.title, "
                "span = CASE WHEN excluded.last >= last THEN excluded.span ELSE span END, "
                "last = max(last, excluded.last)",
                (issue, title, record.handler, service, error_kind(record), ended, ended, record.span_id),
            )
            refs.append(("issue", issue))

    def _call(self, record: CallRecord) -> None:
        self._connection.execute(
            INSERT_CALL,
            (
                record.trace_id,
                record.span_id,
                record.parent_id,
                record.resource,
                record.verb,
                record.key,
                record.started_at,
                record.seconds,
                record.error,
                record.result,
            ),
        )

    def _span(self, record: SpanRecord, refs: list[tuple[str, str]]) -> None:
        cursor = self._connection.execute(
            INSERT_SPAN, (*record[:-1], json.dumps(record.attributes, ensure_ascii=False))
        )
        # Sent twice: as above. Of many of one trace readers are told once.
        if cursor.rowcount and refs[-1:] != [("span", record.trace_id)]:
            refs.append(("span", record.trace_id))

    def _log(self, record: LogRecord, refs: list[tuple[str, str]]) -> None:
        cursor = self._connection.execute(
            INSERT_LOG,
            (
                record.trace_id,
                record.span_id,
                record.invocation_id,
                record.handler,
                record.at,
                LEVELS.get(record.level, 20),
                record.logger,
                record.message,
                json.dumps(record.fields, ensure_ascii=False) if record.fields else "{}",
                record.source,
                record.traceback,
            ),
        )
        refs.append(("log", str(cursor.lastrowid)))

    def replayed(self, span: str, original: str) -> None:
        """Links an invocation to the one that it repeats; either may be recorded later."""
        self._connection.execute("INSERT OR REPLACE INTO replays VALUES (?, ?)", (span, original))

    def use_link(self, text: str) -> bool:
        """Whether this is the first time that somebody comes by it."""
        cursor = self._connection.execute("INSERT OR IGNORE INTO links VALUES (?, ?)", (text, self._clock()))
        return cursor.rowcount == 1

    def mute(self, issue: str, *, is_muted: bool) -> list[Event]:
        changed = self._connection.execute("UPDATE issues SET is_muted = ? WHERE id = ?", (int(is_muted), issue))
        return self._announce([("issue", issue)]) if changed.rowcount else []

    # Limits

    def prune(self) -> None:
        """Deletes what is over the limits."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._prune()
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
        self._connection.execute("PRAGMA incremental_vacuum(2000)")

    def _prune(self) -> None:
        self._written = 0
        execute, limits = self._connection.execute, self.limits
        since = self._clock() - limits.days * 86400
        execute("DELETE FROM invocations WHERE started < ?", (since,))
        execute("DELETE FROM calls WHERE started < ?", (since,))
        execute("DELETE FROM logs WHERE at < ?", (since,))
        execute("DELETE FROM spans WHERE started < ?", (since,))
        execute("DELETE FROM marks WHERE at < ?", (since,))
        execute("DELETE FROM issues WHERE last < ?", (since,))
        execute("DELETE FROM unkept WHERE minute < ?", (since / 60,))
        # They would not be good any more.
        execute("DELETE FROM links WHERE at < ?", (self._clock() - 2 * LINK_SECONDS,))
        share = 1.0
        if self.bytes() > limits.bytes:
            # A quarter less of everything, until it fits: the next look is not far.
            share = 0.75
        for table in ("invocations", "calls", "logs", "spans"):
            most: int = getattr(limits, table)
            if share < 1:
                most = min(most, int(execute(f"SELECT count(*) FROM {table}").fetchone()[0] * share))  # noqa: S608
            self._keep_newest(table, "n", most)
        self._keep_newest("events", "seq", limits.events)
        execute("DELETE FROM details WHERE n < (SELECT coalesce(min(n), 9e18) FROM invocations)")
        execute("DELETE FROM details WHERE NOT EXISTS (SELECT 1 FROM invocations i WHERE i.n = details.n)")
        execute("DELETE FROM replays WHERE NOT EXISTS (SELECT 1 FROM invocations i WHERE i.span = replays.original)")

    def _keep_newest(self, table: str, number: str, most: int) -> None:
        self._connection.execute(
            f"DELETE FROM {table} WHERE {number} <= "  # noqa: S608 - names of ours
            f"(SELECT {number} FROM {table} ORDER BY {number} DESC LIMIT 1 OFFSET ?)",
            (most,),
        )

    def bytes(self) -> int:
        """What the database takes, without the pages that are free."""
        pages, free, size = (
            self._connection.execute(f"PRAGMA {what}").fetchone()[0]
            for what in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)


class NotOurs(Exception):
    """What lies in the database's place is no database of this version."""


def prepare(connection: sqlite3.Connection) -> None:
    """Makes the tables, or checks that they are those of this version. Raises NotOurs."""
    execute = connection.execute
    try:
        execute("PRAGMA busy_timeout = 5000")
        format_ = execute("PRAGMA user_version").fetchone()[0]
        tables = execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if tables and format_ != FORMAT:
            raise NotOurs(f"was written by another version of portable (format {format_})")
        # It cannot be had any more once there are tables.
        execute("PRAGMA auto_vacuum = INCREMENTAL")
        execute("PRAGMA journal_mode = WAL")
        # What was seen before a power loss is not worth a sync for each batch; the database stays sound.
        execute("PRAGMA synchronous = NORMAL")
    except sqlite3.OperationalError:
        raise  # a disk that is full, or somebody who holds it: not the database's fault
    except sqlite3.DatabaseError as error:
        raise NotOurs(f"is damaged ({error})") from error
    if tables:
        return
    execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        if statement.strip():
            execute(statement)
    execute(f"PRAGMA application_id = {APPLICATION_ID}")
    execute(f"PRAGMA user_version = {FORMAT}")
    execute("COMMIT")


def set_aside(path: Path) -> Path:
    """Moves a database out of the way, with its log; the one that was moved before is lost. Where it is now."""
    kept = path.with_name(f"{path.name}.old")
    os.replace(path, kept)
    remove_logs(path)
    return kept


def remove_logs(path: Path) -> None:
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def file_of(found: os.stat_result) -> tuple[int, int]:
    """Which file it is, whatever it is called."""
    return found.st_dev, found.st_ino


def payload_json(payload: Payload | None) -> str | None:
    if payload is None:
        return None
    return json.dumps({**payload._asdict(), "is_cut": payload.is_cut}, ensure_ascii=False)


NUMBERS = re.compile(r"0x[0-9a-f]+|[0-9a-f]{8,}|\d+", re.IGNORECASE)


def error_kind(record: InvocationRecord) -> str:
    """The class of the error: what stands before its first colon."""
    name = (record.error or "").partition(":")[0].strip()
    return name if re.fullmatch(r"[A-Za-z_][\w.]*", name) else (f"HTTP {record.status}" if record.status else "failed")


def issue_of(record: InvocationRecord) -> str:
    """Failures that have one cause, as far as can be seen: the handler, the class of the error, the line's function."""
    if record.frame is not None:
        where = f"{record.frame[0]}:{record.frame[2]}"
    else:
        where = NUMBERS.sub("#", record.error or record.name)
    text = "\0".join((record.handler or record.name, error_kind(record), where))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
