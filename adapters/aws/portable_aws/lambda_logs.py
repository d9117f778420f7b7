"""Logs of a deployed function: one JSON object a line, in the shape of Lambda's JSON log format.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
What the standard library's logging gets and what is printed both end here, with the ids under which requests and
deliveries are found: requestId is Lambda's, the others are those of the handler that runs. Fields of `extra=` are
fields of the object. Where lines come from is the same on every provider: portable/log_lines.py.
"""

import json
import os
import time
from typing import TYPE_CHECKING, Any

from portable import log_lines
from portable.binding import current_context
from portable.log_lines import MOST_FIELD, MOST_MESSAGE, Shape, bounded, cut

if TYPE_CHECKING:
    from portable.drivers import DeadLetter

METRICS = "portable"
DEAD_LETTERS = "DeadLetters"
FIXED = ("timestamp", "level", "message", "logger", "requestId")


class Current:
    """The invocation whose logs are written: one at a time in a process of Lambda."""

    # To set a variable of a module takes five times as long, and each invocation does.
    __slots__ = ("request_id",)

    def __init__(self) -> None:
        self.request_id: str = ""


current = Current()


def line(level: str, message: str, *, logger: str = "", at: float | None = None, fields: dict[str, Any]) -> str:
    """One line of a log, without its end. Fields of the user never replace ours."""
    now = time.time() if at is None else at
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    document: dict[str, Any] = {
        "timestamp": f"{stamp}.{int(now % 1 * 1000):03d}Z",
        "level": level,
        "message": cut(message, MOST_MESSAGE),
    }
    if logger:
        document["logger"] = logger
    if current.request_id:
        document["requestId"] = current.request_id
    context = current_context.get()
    if context is not None:
        document["handler"] = context.handler
        document["attempt"] = context.attempt
        document["id"] = context.id
        parts = context.traceparent.split("-")
        if len(parts) == 4:
            document["traceId"], document["spanId"] = parts[1], parts[2]
    for name, value in fields.items():
        if name not in document and name not in FIXED:
            document[name] = bounded(value)
    # ASCII: half a character in a log must not cost the line.
    return json.dumps(document, separators=(",", ":"), default=str)


SHAPE = Shape(
    line,
    ("errorType", "errorMessage", "stackTrace"),
    # What is in the embedded metric format.
    own='{"_aws":',
    levels={"TRACE": "DEBUG", "FATAL": "CRITICAL"},
    # Where it found credentials, at each cold start.
    chatty=("botocore",),
)


def install() -> None:
    """Sends all logs of this process here, from the level on that the function's configuration says."""
    log_lines.install(SHAPE, os.environ.get("AWS_LAMBDA_LOG_LEVEL", ""))


# Metrics


def count_dead_letter(app: str, stage: str, handler: str, letter: "DeadLetter", now: float) -> None:
    """A line that CloudWatch counts (embedded metric format), so that an alarm can watch dead letters.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    directive = {
        "Namespace": METRICS,
        "Dimensions": [["app", "stage", "handler"]],
        "Metrics": [{"Name": DEAD_LETTERS, "Unit": "Count"}],
    }
    document: dict[str, Any] = {
        "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]},
        "app": app,
        "stage": stage,
        "handler": handler,
        DEAD_LETTERS: 1,
        "level": "ERROR",
        "message": f"a delivery of {handler} is dead after attempt {letter.attempts}: {cut(letter.error, MOST_FIELD)}",
        "id": letter.id,
    }
    if current.request_id:
        document["requestId"] = current.request_id
    if log_lines._printed:
        log_lines.write(json.dumps(document, separators=(",", ":")))
