"""The lines of what a deployed function records (portable/line_recorder.py), in the shape of lambda_logs.py.

Lines are put together by hand: most of what is in one needs no escaping, and a function pays for each of its
invocations.
"""

import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING

from portable import line_recorder, log_lines
from portable.telemetry import CallRecord, InvocationRecord

from . import lambda_logs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portable.telemetry import Recorder

LEVEL = "AWS_LAMBDA_LOG_LEVEL"
"""https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html"""
ONLY_FAILURES = frozenset({"WARN", "ERROR", "FATAL"})

quoted: Callable[[str], str] = encode_basestring_ascii
_names: dict[tuple[str, str], str] = {}
MOST_NAMES = 1000
"""Methods of requests may be any word."""
_second = -1
_stamp = ""


def timestamp(at: float) -> str:
    """As Lambda writes it. A second is spelled out once."""
    global _second, _stamp
    second = int(at)
    if second != _second:
        _second, _stamp = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    return f"{_stamp}.{int((at - second) * 1000):03d}Z"


def invocation_line(record: InvocationRecord, request_id: str) -> str:
    """The line of an invocation. Times are in milliseconds, and the line is stamped with its end."""
    (
        trace_id, span_id, parent_id, kind, handler, id, attempt, started_at, seconds, name, outcome, status,
        error, _, frame, _, _, waited, is_cold, calls,
    ) = record  # fmt: skip
    names = _names.get((handler, name))
    if names is None:
        names = names_of(handler, name)
    level = "INFO" if outcome == "succeeded" else "ERROR"
    line = (
        f'{{"timestamp":"{timestamp(started_at + seconds)}","level":"{level}",{names}'
        f'"requestId":"{request_id}","attempt":{attempt},"id":{quoted(id)},"traceId":"{trace_id}",'
        f'"spanId":"{span_id}","kind":"{kind}","outcome":"{outcome}","durationMs":{seconds * 1000:.3f},'
        f'"calls":{calls}'
    )
    if parent_id:
        line += f',"parentId":"{parent_id}"'
    if status:
        line += f',"status":{status}'
    if waited:
        line += f',"waitedMs":{waited * 1000:.0f}'
    if is_cold:
        line += ',"cold":true'
    if error is not None:
        line += f',"error":{quoted(error)}'
    if frame is not None:
        file, number, function = frame
        line += f',"frame":{{"file":{quoted(file)},"line":{number},"function":{quoted(function)}}}'
    return line + "}"


def names_of(handler: str, name: str) -> str:
    """The part of a line that is the same for all invocations of a handler."""
    made = f'"message":{quoted(name)},"logger":"portable.invocation","handler":{quoted(handler)},'
    if len(_names) < MOST_NAMES:
        _names[handler, name] = made
    return made


def call_line(record: CallRecord, request_id: str) -> str:
    """The line of a call of a resource."""
    level = "INFO" if record.error is None else "WARN"
    start = (
        f'{{"timestamp":"{timestamp(record.started_at + record.seconds)}","level":"{level}",'
        f'"message":{quoted(f"{record.resource} {record.verb}")},"logger":"portable.call","requestId":"{request_id}",'
        f'"resource":{quoted(record.resource)},"verb":{quoted(record.verb)},"traceId":"{record.trace_id}",'
        f'"spanId":"{record.span_id}","parentId":"{record.parent_id}","durationMs":{record.seconds * 1000:.3f}'
    )
    parts = [start]
    if record.key is not None:
        parts.append(f'"key":{quoted(record.key)}')
    if record.error is not None:
        parts.append(f'"error":{quoted(record.error)}')
    return ",".join(parts) + "}"


class LineRecorder(line_recorder.LineRecorder):
    """Implements portable.telemetry.Recorder."""

    def invocation(self, record: InvocationRecord, /) -> None:
        if log_lines._printed and not (self._only_failures and record.outcome == "succeeded"):
            log_lines.write(invocation_line(record, lambda_logs.current.request_id))

    def call(self, record: CallRecord, /) -> None:
        if log_lines._printed and not (self._only_failures and record.error is None):
            log_lines.write(call_line(record, lambda_logs.current.request_id))


def recorder_of(environment: "Mapping[str, str]") -> "Recorder | None":
    """What a function with this environment records with; None where it says `off`."""
    only_failures = environment.get(LEVEL, "").upper() in ONLY_FAILURES
    return line_recorder.recorder_of(environment, LineRecorder, only_failures=only_failures)
