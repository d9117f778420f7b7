"""Logs of a deployed function in the shape that Cloud Logging understands: one JSON object a line, on stdout.

https://cloud.google.com/logging/docs/structured-logging, https://cloud.google.com/run/docs/logging
Where lines come from is the same on every provider: portable/log_lines.py. The trace of a handler that runs is told
under the names by which Google's console ties lines to requests and to spans.
"""

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from portable import log_lines
from portable.binding import current_context
from portable.log_lines import MOST_FIELD, MOST_MESSAGE, Shape, bounded, cut

if TYPE_CHECKING:
    from portable.drivers import DeadLetter

LEVEL = "PORTABLE_LOG_LEVEL"
"""The least that is written; Cloud Run itself has no setting for it."""
DEAD_LETTERS = "dead_letters"
TRACE, SPAN, SAMPLED = (
    "logging.googleapis.com/trace",
    "logging.googleapis.com/spanId",
    "logging.googleapis.com/trace_sampled",
)
"""https://cloud.google.com/logging/docs/agent/logging/configuration#special-fields"""
FIXED = frozenset({"severity", "time", "message", "logger", "httpRequest", "timestamp", TRACE, SPAN, SAMPLED})

_project = ""


def stamp(at: float) -> str:
    """A time as it stands in a line: RFC 3339 in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def traced(document: dict[str, Any], trace_id: str, span_id: str, *, sampled: bool) -> None:
    """Ties a line to its trace and span."""
    document[TRACE] = f"projects/{_project}/traces/{trace_id}"
    document[SPAN] = span_id
    document[SAMPLED] = sampled


def line(level: str, message: str, *, logger: str = "", at: float | None = None, fields: dict[str, Any]) -> str:
    """One line of a log, without its end. Fields of the user never replace ours."""
    document: dict[str, Any] = {"severity": level, "message": cut(message, MOST_MESSAGE)}
    if at is not None:
        document["time"] = stamp(at)
    if logger:
        document["logger"] = logger
    context = current_context.get()
    if context is not None:
        document["handler"] = context.handler
        document["attempt"] = context.attempt
        document["id"] = context.id
        parts = context.traceparent.split("-")
        if len(parts) == 4:
            traced(document, parts[1], parts[2], sampled=parts[3] == "01")
    for name, value in fields.items():
        if name not in document and name not in FIXED:
            document[name] = bounded(value)
    # ASCII: half a character in a log must not cost the line.
    return json.dumps(document, separators=(",", ":"), default=str)


SHAPE = Shape(
    line,
    # By `stack_trace` Error Reporting finds what was raised:
    # https://cloud.google.com/error-reporting/docs/formatting-error-messages
    ("error_type", "error_message", "stack_trace"),
    own='{"severity":',
    levels={"NOTICE": "INFO", "ALERT": "CRITICAL", "EMERGENCY": "CRITICAL"},
)


def install(project: str) -> None:
    """Sends all logs of this process here; `project` is the one that traces belong to."""
    global _project
    _project = project
    log_lines.install(SHAPE, os.environ.get(LEVEL, ""))


def is_installed() -> bool:
    return bool(log_lines._printed)


def end() -> None:
    """A request is over."""
    if log_lines._printed:
        log_lines.end()


def count_dead_letter(app: str, stage: str, handler: str, letter: "DeadLetter") -> None:
    """A line that a log-based metric counts, so that an alert can watch dead letters.

    https://cloud.google.com/logging/docs/logs-based-metrics
    """
    if not log_lines._printed:
        return
    what = f"a delivery of {handler} is dead after attempt {letter.attempts}: {cut(letter.error, MOST_FIELD)}"
    document = {
        "severity": "ERROR",
        "message": what,
        "metric": DEAD_LETTERS,
        "app": app,
        "stage": stage,
        "handler": handler,
        "id": letter.id,
    }
    log_lines.write(json.dumps(document, separators=(",", ":")))
