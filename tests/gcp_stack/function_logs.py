"""What a function prints as Cloud Logging has it: https://cloud.google.com/logging/docs/structured-logging"""

import json
import time
import uuid
from collections.abc import Callable
from itertools import count
from typing import Any

from .times import timestamp

SEVERITIES = frozenset({"DEFAULT", "DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY"})
SPECIAL = {
    "logging.googleapis.com/trace": "trace",
    "logging.googleapis.com/spanId": "spanId",
    "logging.googleapis.com/trace_sampled": "traceSampled",
}
"""Fields of a line that become fields of its entry."""
Logs = Callable[[dict[str, Any]], None]


class Lines:
    """The lines of one instance; each becomes an entry that `logs` is given."""

    def __init__(self, function: str, revision: str, logs: Logs) -> None:
        _, project, _, location, _, short = function.split("/")
        self._entry = {
            "logName": f"projects/{project}/logs/run.googleapis.com%2Fstdout",
            "resource": {
                "type": "cloud_run_revision",
                "labels": {
                    "project_id": project,
                    "location": location,
                    "service_name": short,
                    "revision_name": revision,
                    "configuration_name": short,
                },
            },
        }
        self._instance = uuid.uuid4().hex[:12]
        self._numbers = count(1)
        self._logs = logs

    def say(self, line: str) -> None:
        now = timestamp(time.time())
        entry: dict[str, Any] = {
            **self._entry,
            "insertId": f"{self._instance}{next(self._numbers):08x}",
            "timestamp": now,
            "receiveTimestamp": now,
        }
        self._logs({**entry, **payload_of(line)})


def payload_of(line: str) -> dict[str, Any]:
    """What the line says: fields where it is a JSON object, else text."""
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except ValueError:
            return {"textPayload": line}
        fields: dict[str, Any] = {SPECIAL[name]: found.pop(name) for name in SPECIAL if name in found}
        if found.get("severity") in SEVERITIES:
            fields["severity"] = found.pop("severity")
        if "time" in found:
            fields["timestamp"] = found.pop("time")
        return {**fields, "jsonPayload": found}
    return {"textPayload": line}
