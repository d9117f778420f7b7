"""What a deployed function records: one line of its log for each invocation. How it looks is the adapter's.

Calls of resources are counted into the line of their invocation, and have lines of their own only where the
environment says PORTABLE_TELEMETRY=calls; with `off` there are no lines but those of logs. Neither requests nor answers
are in them, since nothing redacts them before they are stored.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .telemetry import CallRecord, InvocationRecord, LogRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .telemetry import Recorder

SWITCH = "PORTABLE_TELEMETRY"
OTLP_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""https://opentelemetry.io/docs/specs/otel/protocol/exporter/"""


class LineRecorder:
    """Implements portable.telemetry.Recorder, but for how a line looks: `invocation` and `call` are the adapter's."""

    payloads = False

    def __init__(self, *, spans: bool = False, only_failures: bool = False) -> None:
        self.spans: bool = spans
        self._only_failures = only_failures

    def skips(self, *_: object) -> bool:
        return self._only_failures

    def invocation(self, record: InvocationRecord, /) -> None:
        raise NotImplementedError

    def call(self, record: CallRecord, /) -> None:
        raise NotImplementedError

    def log(self, record: LogRecord, /) -> None:
        """Logs are lines already: log_lines.py."""


def recorder_of(
    environment: "Mapping[str, str]", make: Callable[..., LineRecorder], *, only_failures: bool
) -> "Recorder | None":
    """What a function with this environment records with; None where it says `off`.

    `make(spans=, only_failures=)` makes the adapter's own.
    """
    said = environment.get(SWITCH, "").lower()
    if said == "off":
        return None
    lines = make(spans=said == "calls", only_failures=only_failures)
    if not any(name in environment for name in OTLP_ENDPOINTS):
        return lines
    try:
        from .otlp import Both, exporter_of

        return Both(lines, exporter_of(environment))
    except ImportError as error:
        # The function goes on without it, and its log says why.
        import logging

        logging.getLogger("portable.telemetry").warning(
            "nothing is exported to %s: %s; portable's extra `otel` is not installed", OTLP_ENDPOINTS[0], error
        )
        return lines
