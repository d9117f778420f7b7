"""Questions to the database of records, answered as the API gives them; for any number of threads.

Lists are ordered by when things began, the newest first; a cursor is the place of the last row, so that what arrives
meanwhile moves nothing.
"""

import json
import linecache
import math
import os
import re
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from portable.cost import Traffic, per_million
from portable.cost.reading import read_traffic
from portable.errors import InvalidArgument, Unavailable
from portable.records import KINDS
from portable.replay import Invoked

from .description import Description
from .spans import CALLS, FOREIGN, INVOCATIONS, call_span, foreign_span, invocation_span, shown_name
from .store import LEVELS, file_of, open_reader

Row = tuple[Any, ...]
Item = dict[str, Any]

SUMMARY = (
    "i.n, i.span, i.trace, i.request_id, i.handler, i.service, i.kind, i.name, i.started, i.seconds, i.outcome, "
    "i.status, i.attempt, i.error, i.cold, i.is_cut, i.issue, i.parent, i.waited, i.calls, i.file, i.line, i.function, "
    "i.target"
)
LOG = "n, at, level, logger, message, handler, trace, span, fields, source, traceback, invocation"
LEVEL_NAMES = {number: name for name, number in LEVELS.items()}
MOST = 500
NEAR_THE_LIMIT = 0.8
FRAME_LINES = 4
SPANS = 2000
TRACE_LOGS = 2000


class Filters(NamedTuple):
    """What a list is restricted to; "" and None: not by this. `integration.*` are all handlers of that service."""

    handler: str = ""
    service: str = ""
    kind: str = ""
    outcome: str = ""
    status: str = ""
    q: str = ""
    trace: str = ""
    id: str = ""
    """The beginning of an id: the invocation's, its transaction's, or the request's."""
    since: float | None = None
    until: float | None = None

    def where(self, table: str = "i") -> tuple[list[str], list[Any]]:
        clauses: list[str] = []
        values: list[Any] = []
        for name in ("handler", "service", "kind", "trace"):
            wanted = getattr(self, name)
            if name == "handler" and "*" in wanted:
                clauses.append(f"{table}.handler GLOB ?")
                values.append(starred(wanted))
            elif wanted:
                clauses.append(f"{table}.{name} = ?")
                values.append(wanted)
        if self.outcome == "failed":
            clauses.append(f"{table}.outcome != 'succeeded'")
        elif self.outcome:
            clauses.append(f"{table}.outcome = ?")
            values.append(self.outcome)
        if self.status:
            low, high = statuses(self.status)
            clauses.append(f"{table}.status BETWEEN ? AND ?")
            values += [low, high]
        if self.id:
            like = containing(self.id)[1:]
            ids = ("span", "trace", "request_id")
            clauses.append("(" + " OR ".join(f"{table}.{column} LIKE ? ESCAPE '\\'" for column in ids) + ")")
            values += [like] * len(ids)
        if self.since is not None:
            clauses.append(f"{table}.started >= ?")
            values.append(self.since)
        if self.until is not None:
            clauses.append(f"{table}.started < ?")
            values.append(self.until)
        if self.q:
            like = containing(self.q)
            columns = ("name", "handler", "error", "target", "request_id", "span", "trace")
            clauses.append("(" + " OR ".join(f"{table}.{column} LIKE ? ESCAPE '\\'" for column in columns) + ")")
            values += [like] * len(columns)
        return clauses, values


def statuses(text: str) -> tuple[int, int]:
    """`404` or `5xx`. Raises InvalidArgument."""
    if re.fullmatch(r"[1-5]xx", text, re.IGNORECASE):
        return int(text[0]) * 100, int(text[0]) * 100 + 99
    if re.fullmatch(r"[1-5][0-9]{2}", text, re.ASCII):
        return int(text), int(text)
    raise InvalidArgument(f"status={text!r} is no status", hint="for instance 404, or 5xx")


def starred(text: str) -> str:
    """A pattern of SQLite's GLOB in which `*` alone stands for anything."""
    return text.replace("[", "[[]").replace("?", "[?]")


def containing(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


class Reading:
    """The database, read. `describe` gives the app as it is declared now; `root` is where its sources lie."""

    def __init__(self, path: Path, describe: Callable[[], Description], root: Path | None = None) -> None:
        self._path = path
        self._free: list[tuple[sqlite3.Connection, tuple[int, int]]] = []
        self.describe = describe
        self.root = root

    @contextmanager
    def connection(self) -> Generator[sqlite3.Connection]:
        found, file = self._kept()
        try:
            yield found
        finally:
            self._free.append((found, file))

    def _kept(self) -> tuple[sqlite3.Connection, tuple[int, int]]:
        """A connection to the database that is there now, and which file that is. Raises Unavailable."""
        try:
            now = file_of(os.stat(self._path))
        except FileNotFoundError:
            raise self._deleted() from None
        while True:
            try:
                kept, file = self._free.pop()
            except IndexError:
                return self._opened(), now
            if file == now:
                return kept, file
            kept.close()

    def _opened(self) -> sqlite3.Connection:
        try:
            found = open_reader(self._path)
        except sqlite3.OperationalError as error:
            if self._path.exists():
                raise
            raise self._deleted() from error
        if found.execute("PRAGMA user_version").fetchone()[0] == 0:
            # Its tables come in one transaction, which has not ended.
            found.close()
            raise self._deleted()
        return found

    def _deleted(self) -> Unavailable:
        hint = "a new one is begun with the next record: use the app"
        return Unavailable(f"{self._path} was deleted", hint=hint)

    def traffic(self, hours: float | None) -> Traffic:
        """What it did in the newest `hours` (None: in all that is recorded). Raises NotFound if that is nothing."""
        return read_traffic(self._path.parent, self.describe().manifest, hours)

    def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        with self.connection() as connection:
            return connection.execute(sql, values).fetchall()

    def close(self) -> None:
        while self._free:
            self._free.pop()[0].close()

    # Invocations

    def invocations(self, filters: Filters, *, limit: int, cursor: str) -> Item:
        clauses, values = filters.where()
        total = None
        if cursor:
            clauses.append("(i.started, i.n) < (?, ?)")
            values += place(cursor)
        else:
            total = self.rows(f"SELECT count(*) FROM invocations i {where(clauses)}", values)[0][0]  # noqa: S608
        rows = self.rows(
            f"SELECT {SUMMARY} FROM invocations i {where(clauses)} ORDER BY i.started DESC, i.n DESC LIMIT ?",  # noqa: S608
            (*values, limit + 1),
        )
        found = page([self.summary(row) for row in rows[:limit]], rows, limit, lambda row: f"{row[8]!r}:{row[0]}")
        return {**found, "total": total}

    def summary(self, row: Row) -> Item:
        """InvocationSummary."""
        described = self.describe()
        handler, kind, seconds = row[4], row[6], row[9]
        return {
            "id": row[1],
            "trace_id": row[2],
            "request_id": row[3],
            "handler": handler,
            "service": row[5],
            "kind": kind,
            "name": shown_name(kind, row[7], row[23]),
            "started_at": row[8],
            "seconds": seconds,
            "outcome": row[10],
            "status": row[11],
            "attempt": row[12],
            "max_attempts": max(described.max_attempts(handler), row[12]),
            "error": row[13],
            "cold": bool(row[14]),
            "issues": remarks(row, described.timeout(handler)),
            "cost_per_million": per_million(
                described.provider, seconds, described.memory(handler), is_http=kind == "http"
            ),
        }

    def one_summary(self, span: str) -> Item | None:
        rows = self.rows(f"SELECT {SUMMARY} FROM invocations i WHERE span = ?", (span,))  # noqa: S608
        return self.summary(rows[0]) if rows else None

    def invocation(self, span: str) -> Item | None:
        """Invocation: the summary and all that belongs to it."""
        rows = self.rows(
            f"SELECT {SUMMARY}, d.traceback, d.request, d.response FROM invocations i "  # noqa: S608
            "LEFT JOIN details d ON d.n = i.n WHERE i.span = ?",
            (span,),
        )
        if not rows:
            return None
        row = rows[0]
        calls = self.rows(
            "SELECT span, resource, verb, key, started, seconds, error, parent, result FROM calls WHERE parent = ? "
            "ORDER BY started, n LIMIT ?",
            (span, SPANS),
        )
        logs = self.rows(f"SELECT {LOG} FROM logs WHERE span = ? ORDER BY n LIMIT ?", (span, TRACE_LOGS))  # noqa: S608
        replays = self.rows(
            "SELECT i.span, i.started, i.outcome FROM replays r JOIN invocations i ON i.span = r.span "
            "WHERE r.original = ? ORDER BY i.started DESC LIMIT 50",
            (span,),
        )
        original = self.rows("SELECT original FROM replays WHERE span = ?", (span,))
        return {
            **self.summary(row),
            "parent_id": row[17] or None,
            "waited": row[18],
            "issue": row[16],
            "request": payload(row[25]),
            "response": payload(row[26]),
            "traceback": row[24],
            "frame": frame(row[20], row[21], row[22], self.root),
            "calls": [call(found) for found in calls],
            "calls_total": row[19],
            "logs": [log(found) for found in logs],
            "replays": [{"id": found[0], "started_at": found[1], "outcome": found[2]} for found in replays],
            "replay_of": original[0][0] if original else None,
        }

    def recorded(self, invoked: Invoked) -> str | None:
        """The invocation that a replay file was made of; None if it is not recorded here, or not any more."""
        at = invoked.started_at
        rows = self.rows(
            "SELECT span FROM invocations WHERE started BETWEEN ? AND ? AND request_id = ? AND kind = ? "
            "AND handler = ? AND attempt = ? ORDER BY abs(started - ?) LIMIT 1",
            (at - 1, at + 1, invoked.id, invoked.kind, invoked.handler, invoked.attempt, at),
        )
        return rows[0][0] if rows else None

    # Traces

    def traces(self, filters: Filters, *, limit: int, cursor: str) -> Item:
        """Transactions by their first invocation; a filter takes those of which any invocation fits."""
        since, until = filters.since, filters.until
        clauses, values = filters._replace(since=None, until=None).where("f")
        outer = [
            "NOT EXISTS (SELECT 1 FROM invocations e WHERE e.trace = i.trace AND (e.started, e.n) < (i.started, i.n))"
        ]
        bound: list[Any] = []
        if clauses:
            outer.append(f"EXISTS (SELECT 1 FROM invocations f WHERE f.trace = i.trace AND {' AND '.join(clauses)})")  # noqa: S608
            bound += values
        for moment, sign in ((since, ">="), (until, "<")):
            if moment is not None:
                outer.append(f"i.started {sign} ?")
                bound.append(moment)
        if cursor:
            outer.append("(i.started, i.n) < (?, ?)")
            bound += place(cursor)
        rows = self.rows(
            f"SELECT {SUMMARY} FROM invocations i {where(outer)} ORDER BY i.started DESC, i.n DESC LIMIT ?",  # noqa: S608
            (*bound, limit + 1),
        )
        items = [self.transaction(row) for row in rows[:limit]]
        return page(items, rows, limit, lambda row: f"{row[8]!r}:{row[0]}")

    def transaction(self, first: Row) -> Item:
        rows = self.rows(
            f"SELECT {SUMMARY} FROM invocations i WHERE i.trace = ? ORDER BY i.started, i.n LIMIT ?",  # noqa: S608
            (first[2], SPANS),
        )
        found = [self.summary(row) for row in rows] or [self.summary(first)]
        began = found[0]["started_at"]
        ended = max(one["started_at"] + one["seconds"] for one in found)
        ends = {one["request_id"] or one["id"]: one["outcome"] for one in found}
        worst = [name for name in ("dead", "failed") if name in ends.values()]
        others = sum(
            self.rows(f"SELECT count(*) FROM {table} WHERE trace = ?", (first[2],))[0][0]  # noqa: S608 - ours
            for table in ("calls", "spans")
        )
        remarked = {(issue["kind"], issue["text"]): issue for one in found for issue in one["issues"]}
        return {
            "trace_id": first[2],
            "entry": found[0],
            "started_at": began,
            "seconds": ended - began,
            # An attempt that failed counts only if no later one of the same delivery succeeded.
            "outcome": worst[0] if worst else "succeeded",
            "segments": [
                {
                    "service": one["service"],
                    "handler": one["handler"],
                    "from": one["started_at"] - began,
                    "to": one["started_at"] + one["seconds"] - began,
                    "outcome": one["outcome"],
                }
                for one in found
            ],
            "cost_per_million": round(sum(one["cost_per_million"] for one in found), 4),
            "issues": list(remarked.values()),
            "spans": len(found) + others,
        }

    def trace(self, trace: str) -> Item | None:
        rows = self.rows(INVOCATIONS, (trace, SPANS))
        calls = self.rows(CALLS, (trace, SPANS))
        foreign = self.rows(FOREIGN, (trace, SPANS))
        logs = self.rows(f"SELECT {LOG} FROM logs WHERE trace = ? ORDER BY at, n LIMIT ?", (trace, TRACE_LOGS))  # noqa: S608
        if not rows and not calls and not logs and not foreign:
            return None
        spans = [invocation_span(row) for row in rows]
        owner = {span["id"]: (span["service"], span["handler"]) for span in spans}
        spans += [call_span(row, *owner.get(row[2], ("", ""))) for row in calls]
        spans += [foreign_span(row) for row in foreign]
        spans.sort(key=lambda span: span["started_at"])
        return {"trace_id": trace, "spans": spans, "logs": [log(row) for row in logs]}

    # Logs

    def logs(
        self,
        *,
        limit: int,
        cursor: str = "",
        after: int | None = None,
        level: str = "",
        q: str = "",
        handler: str = "",
        trace: str = "",
        since: float | None = None,
        until: float | None = None,
    ) -> Item:
        """The newest first; with `after`, what came after that line, in the order in which it came.

        Processes send their lines together, so that what comes later may have been written earlier.
        """
        clauses: list[str] = []
        values: list[Any] = []
        if level:
            if level.upper() not in LEVELS:
                raise InvalidArgument(f"level={level!r} is no level", hint=", ".join(LEVELS))
            clauses.append("level >= ?")
            values.append(LEVELS[level.upper()])
        if q:
            clauses.append("(message LIKE ? ESCAPE '\\' OR logger LIKE ? ESCAPE '\\' OR fields LIKE ? ESCAPE '\\')")
            values += [containing(q)] * 3
        for column, wanted in (("handler", handler), ("trace", trace)):
            if wanted:
                is_pattern = column == "handler" and "*" in wanted
                clauses.append(f"{column} GLOB ?" if is_pattern else f"{column} = ?")
                values.append(starred(wanted) if is_pattern else wanted)
        for moment, sign in ((since, ">="), (until, "<")):
            if moment is not None:
                clauses.append(f"at {sign} ?")
                values.append(moment)
        if after is not None:
            clauses.append("n > ?")
            values.append(after)
        elif cursor:
            clauses.append("(at, n) < (?, ?)")
            values += place(cursor)
        order = "n" if after is not None else "at DESC, n DESC"
        rows = self.rows(
            f"SELECT {LOG} FROM logs {where(clauses)} ORDER BY {order} LIMIT ?",  # noqa: S608
            (*values, limit + 1),
        )
        return page([log(row) for row in rows[:limit]], rows, limit, lambda row: f"{row[1]!r}:{row[0]}")

    def one_log(self, id: int) -> Item | None:
        rows = self.rows(f"SELECT {LOG} FROM logs WHERE n = ?", (id,))  # noqa: S608
        return log(rows[0]) if rows else None

    # Issues, marks

    def issues(self, *, now: float) -> list[Item]:
        """Those that are muted last."""
        rows = self.rows(
            "SELECT id, title, handler, service, kind, count, first, last, span, is_muted FROM issues "
            "ORDER BY is_muted, last DESC LIMIT ?",
            (MOST,),
        )
        return [self._issue(row, now) for row in rows]

    def issue(self, id: str, *, now: float) -> Item | None:
        rows = self.rows(
            "SELECT id, title, handler, service, kind, count, first, last, span, is_muted FROM issues WHERE id = ?",
            (id,),
        )
        if not rows:
            return None
        found = self.rows(
            f"SELECT {SUMMARY} FROM invocations i WHERE i.issue = ? ORDER BY i.started DESC LIMIT 50",  # noqa: S608
            (id,),
        )
        return {**self._issue(rows[0], now), "invocations": [self.summary(row) for row in found]}

    def _issue(self, row: Row, now: float) -> Item:
        hours = 24
        counts: dict[int, int] = dict(
            self.rows(
                "SELECT CAST((? - started) / 3600 AS INTEGER), count(*) FROM invocations "
                "WHERE issue = ? AND started > ? GROUP BY 1",
                (now, row[0], now - hours * 3600),
            )
        )
        return {
            "id": row[0],
            "title": row[1],
            "handler": row[2],
            "service": row[3],
            "kind": row[4],
            "count": row[5],
            "first_at": row[6],
            "last_at": row[7],
            "last_invocation": row[8],
            "sparkline": [counts.get(hours - 1 - index, 0) for index in range(hours)],
            "is_muted": bool(row[9]),
        }

    def marks(self, since: float, until: float) -> list[Item]:
        rows = self.rows(
            "SELECT n, kind, at, text, seconds FROM marks WHERE at >= ? AND at <= ? ORDER BY at LIMIT 1000",
            (since, until),
        )
        return [mark(row) for row in rows]

    def one_mark(self, id: int) -> Item | None:
        rows = self.rows("SELECT n, kind, at, text, seconds FROM marks WHERE n = ?", (id,))
        return mark(rows[0]) if rows else None

    def services(self) -> list[Item]:
        rows = self.rows("SELECT name, colour FROM services ORDER BY name")
        return [{"name": name, "color_index": colour} for name, colour in rows]

    def dropped(self) -> dict[str, int]:
        found: dict[str, int] = dict(self.rows("SELECT kind, sum(count) FROM drops GROUP BY kind"))
        return {kind: int(found.get(kind, 0)) for kind in KINDS.values()}


def where(clauses: Sequence[str]) -> str:
    return f"WHERE {' AND '.join(clauses)}" if clauses else ""


def page(items: list[Item], rows: Sequence[Row], limit: int, cursor: Callable[[Row], str]) -> Item:
    return {"items": items, "next": cursor(rows[limit - 1]) if len(rows) > limit else None}


def place(cursor: str) -> tuple[float, int]:
    """Raises InvalidArgument."""
    started, _, last = cursor.partition(":")
    try:
        at = float(started)
    except ValueError:
        at = math.nan
    if not math.isfinite(at):
        raise InvalidArgument(f"cursor={cursor!r} is not that of a page", hint="give what `next` says")
    return at, number(last)


def number(text: str) -> int:
    """Raises InvalidArgument."""
    if not text.isdecimal() or len(text) > 18:
        raise InvalidArgument(f"{text!r} is not that of a page", hint="give what `next` says")
    return int(text)


def remarks(row: Row, timeout: float | None) -> list[Item]:
    """What is worth a look in an invocation, besides its numbers."""
    found: list[Item] = []
    outcome, attempt, error, seconds = row[10], row[12], row[13], row[9]
    if outcome == "dead":
        found.append({"kind": "dead", "text": f"Dead letter after {attempt} attempt{'s' if attempt > 1 else ''}"})
    elif outcome == "failed":
        found.append({"kind": "failed", "text": error or f"Answered {row[11]}"})
    elif attempt > 1:
        found.append({"kind": "retried", "text": f"Succeeded at attempt {attempt}"})
    if timeout is not None and seconds >= NEAR_THE_LIMIT * timeout:
        found.append({"kind": "slow", "text": f"{seconds:.1f} s of a timeout of {timeout:.0f} s"})
    if row[15]:
        found.append({"kind": "cut", "text": "Only the first 64 KB of a body are kept"})
    return found


def payload(text: str | None) -> Item | None:
    if text is None:
        return None
    found: Item = json.loads(text)
    found["headers"] = [list(pair) for pair in found["headers"]]
    return found


def frame(file: str | None, line: int | None, function: str | None, root: Path | None) -> Item | None:
    """The failing line and those around it, as the file is now. Only Python sources of the project are shown."""
    if file is None or line is None:
        return None
    shown: list[Item] = []
    path = Path(file) if root is None or Path(file).is_absolute() else root / file
    if root is not None and path.suffix == ".py" and path.resolve().is_relative_to(root.resolve()):
        linecache.checkcache(str(path))
        lines = linecache.getlines(str(path))
        first = max(1, line - FRAME_LINES)
        shown = [
            {"n": at, "text": lines[at - 1].rstrip("\n")}
            for at in range(first, min(len(lines), line + FRAME_LINES) + 1)
        ]
    near = str(path.resolve().relative_to(root.resolve())) if shown and root is not None else file
    return {"file": near, "path": str(path), "line": line, "function": function or "", "lines": shown}


def call(row: Row) -> Item:
    return {
        "id": row[0],
        "parent_id": row[7],
        "resource": row[1],
        "verb": row[2],
        "key": row[3],
        "started_at": row[4],
        "seconds": row[5],
        "error": row[6],
        "result": parsed(row[8]),
    }


def parsed(text: str | None) -> Any:
    """JSON, unless it is none, or was cut."""
    try:
        return None if text is None else json.loads(text)
    except ValueError:
        return None


def log(row: Row) -> Item:
    return {
        "id": row[0],
        "at": row[1],
        "level": LEVEL_NAMES.get(row[2], "INFO"),
        "logger": row[3],
        "message": row[4],
        "handler": row[5],
        "trace_id": row[6],
        "span_id": row[7],
        "fields": json.loads(row[8]),
        "source": row[9],
        "traceback": row[10],
        "invocation_id": row[11],
    }


def mark(row: Row) -> Item:
    return {"id": row[0], "kind": row[1], "at": row[2], "text": row[3], "seconds": row[4]}
