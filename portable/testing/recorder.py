"""What an app that runs in a test has done, kept in memory: a Recorder that one can ask."""

from collections import deque

from portable.telemetry import CallRecord, InvocationRecord, LogRecord

MOST = 10_000
"""Of each kind; the oldest go first."""


class MemoryRecorder:
    """Implements portable.telemetry.Recorder. Thread-safe: a deque is."""

    payloads = True
    spans = True

    def __init__(self, most: int = MOST) -> None:
        self.invocations: deque[InvocationRecord] = deque(maxlen=most)
        self.calls: deque[CallRecord] = deque(maxlen=most)
        self.logs: deque[LogRecord] = deque(maxlen=most)

    def skips(self, *_: object) -> bool:
        return False

    def invocation(self, record: InvocationRecord, /) -> None:
        self.invocations.append(record)

    def call(self, record: CallRecord, /) -> None:
        self.calls.append(record)

    def log(self, record: LogRecord, /) -> None:
        self.logs.append(record)
