"""The lines of what a deployed function records (portable/line_recorder.py), in the shape of cloud_logs.py."""

import json
from typing import TYPE_CHECKING, Any

from portable import line_recorder, log_lines
from portable.telemetry import CallRecord, InvocationRecord

from . import cloud_logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portable.telemetry import Recorder

ONLY_FAILURES = frozenset({"WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"})


def invocation_line(record: InvocationRecord) -> str:
    """The line of an invocation. Times are in milliseconds, and the line is stamped with its end."""
    document: dict[str, Any] = {
        "severity": "INFO" if record.outcome == "succeeded" else "ERROR",
        "message": record.name,
        "time": cloud_logs.stamp(record.started_at + record.seconds),
        "logger": "portable.invocation",
        "handler": record.handler,
        "attempt": record.attempt,
        "id": record.id,
        "kind": record.kind,
        "outcome": record.outcome,
        "duration_ms": round(record.seconds * 1000, 3),
        "calls": record.calls,
    }
    cloud_logs.traced(document, record.trace_id, record.span_id, sampled=True)
    if record.parent_id:
        document["parent_id"] = record.parent_id
    if record.status:
        document["status"] = record.status
    if record.waited:
        document["waited_ms"] = round(record.waited * 1000)
    if record.cold:
        document["cold"] = True
    if record.error is not None:
        document["error"] = record.error
    if record.frame is not None:
        file, number, function = record.frame
        # https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry#LogEntrySourceLocation
        document["logging.googleapis.com/sourceLocation"] = {"file": file, "line": str(number), "function": function}
    return json.dumps(document, separators=(",", ":"))


def call_line(record: CallRecord) -> str:
    """The line of a call of a resource."""
    document: dict[str, Any] = {
        "severity": "INFO" if record.error is None else "WARNING",
        "message": f"{record.resource} {record.verb}",
        "time": cloud_logs.stamp(record.started_at + record.seconds),
        "logger": "portable.call",
        "resource": record.resource,
        "verb": record.verb,
        "parent_id": record.parent_id,
        "duration_ms": round(record.seconds * 1000, 3),
    }
    cloud_logs.traced(document, record.trace_id, record.span_id, sampled=True)
    if record.key is not None:
        document["key"] = record.key
    if record.error is not None:
        document["error"] = record.error
    return json.dumps(document, separators=(",", ":"))


class LineRecorder(line_recorder.LineRecorder):
    """Implements portable.telemetry.Recorder."""

    def invocation(self, record: InvocationRecord, /) -> None:
        if log_lines._printed and not (self._only_failures and record.outcome == "succeeded"):
            log_lines.write(invocation_line(record))

    def call(self, record: CallRecord, /) -> None:
        if log_lines._printed and not (self._only_failures and record.error is None):
            log_lines.write(call_line(record))


def recorder_of(environment: "Mapping[str, str]") -> "Recorder | None":
    """What a function with this environment records with; None where it says `off`."""
    only_failures = environment.get(cloud_logs.LEVEL, "").upper() in ONLY_FAILURES
    return line_recorder.recorder_of(environment, LineRecorder, only_failures=only_failures)
