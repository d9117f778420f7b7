"""The child's side of telemetry: records go into a bounded queue, and a thread sends them to the console's process.

Whoever records appends to a queue and goes on; nothing is written, encoded or waited for there. What is more than the
queue holds, or than can be kept up with for long, is dropped and counted: the number goes along with the next frame.
Frames are those of transport.py, one way:

    ["records", {"process": pid, "role": "http" | "worker",
                 "dropped": {"invocation": n, "call": n, "log": n, "span": n},
                 "unkept": [[kind, handler, minute, number, failed, seconds], ...],
                 "records": [["i", [fields]], ["c", [fields]], ["l", [fields]], ["s", [fields]]]}]

`dropped` counts since the last frame of this process; portable.records.record_of reads the fields. `unkept` says of the
invocations among those when they were (the minute of the epoch in which they began), how many failed, and how long they
took together: no figure is wrong for what was not kept.
"""

import atexit
import contextlib
import logging
import math
import os
import socket
import threading
import time
import weakref
from collections import deque
from typing import Any

from portable.records import KINDS, AnyRecord, SpanRecord, letter_of
from portable.telemetry import CallRecord, InvocationRecord, Kind, LogRecord, Payload

from .transport import framed, to_json

SETTING = "telemetry"
"""In the settings of a child: the path of the socket; without it nothing is recorded."""
SWITCH = "PORTABLE_TELEMETRY"
"""In the environment; `off` records nothing."""
MOST_RECORDS = 10_000
MOST_BYTES = 32 * 1024 * 1024
"""Of the bodies and messages in the queue, roughly."""
FRAME_RECORDS = 250
TOGETHER = 25
"""So many are encoded at once."""
FRAME_CHARACTERS = 1024 * 1024
GATHER_SECONDS = 0.05
"""So long after the first record what comes is sent together: one frame, one wake-up of the other side."""
FLOOD_SECONDS = 0.25
"""As long, while more comes than is kept: each turn of the thread takes the interpreter from whoever answers."""
LONG_SECONDS = 1.0
"""What took longer is looked at by itself, also in a flood."""
PATIENCE = 5.0
"""For which the other side may take nothing before its connection counts as broken."""
AGAIN_SECONDS = 0.5
END_SECONDS = 1.0


class Allowance:
    """How much may be recorded: `burst` at once, `rate` a second over a while.

    When it is spent nothing is left until `together` can be taken again, one after the other. To redact and store a
    record costs more than to answer many a request, and a load test would wait for it. Threads that meet may take one
    too many, which is of no consequence.
    """

    def __init__(self, burst: int, rate: float, together: int = 1) -> None:
        self._burst = float(burst)
        self._rate = rate
        self._together = float(together)
        self._left = float(burst)
        self._at = time.monotonic()

    @property
    def is_left(self) -> bool:
        if self._left >= 1.0:
            return True
        now = time.monotonic()
        left = min(self._burst, self._left + (now - self._at) * self._rate)
        if left < self._together:
            return False
        self._left, self._at = left, now
        return True

    @property
    def seconds_spent(self) -> float:
        """For how long still nothing is left; not more than 0 if something is."""
        if self._left >= 1.0:
            return 0.0
        return (self._together - self._left) / self._rate - (time.monotonic() - self._at) if self._rate else math.inf

    def take(self) -> None:
        self._left -= 1.0


INVOCATIONS = (500, 100.0, 25)
"""Those that succeed, with their calls; of one process. Any person reads fewer."""
FAILURES = (500, 100.0)
"""Have an allowance of their own: they are what one looks for."""
LOGS = (5000, 1000.0)
SPANS = (2000, 200.0)
"""Those that others send, with the requests that bring them: see otlp_inlet.py."""


class QueueRecorder:
    """Implements portable.telemetry.Recorder for one process, whose threads may all record."""

    def __init__(self, path: str, role: str, *, most: int = MOST_RECORDS, most_bytes: int = MOST_BYTES) -> None:
        self._path = path
        self._role = role
        self._most = most
        self._most_bytes = most_bytes
        self._invocations = Allowance(*INVOCATIONS)
        self._failures = Allowance(*FAILURES)
        self._logs = Allowance(*LOGS)
        self._spans = Allowance(*SPANS)
        self.begin()
        _recorders.add(self)

    def begin(self) -> None:
        """As new: also in a process that a handler forked, which has neither the thread nor what it was to send."""
        self._queue: deque[AnyRecord] = deque()
        self._bytes = 0
        self._dropped = dict.fromkeys(KINDS, 0)
        """But for invocations, which are in `_unkept`."""
        self._unkept: dict[tuple[str, str, int], list[Any]] = {}
        """Number, failed and seconds, by kind, handler and minute."""
        self._minute = 0
        self._spent_from = self._spent_until = 0.0
        """A success that began and ended between these is only counted, in that minute."""
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._connected: socket.socket | None = None
        self._unsent: bytes | None = None
        """A frame that was begun and broken off."""

    # Whoever records

    @property
    def payloads(self) -> bool:
        """What will be dropped is not made ready first."""
        return self._invocations.is_left and len(self._queue) < self._most

    spans = payloads

    def skips(self, kind: Kind, handler: str, started_at: float, seconds: float, /) -> bool:
        """A success beyond the allowance is counted, and no record of it made."""
        with self._lock:
            if started_at >= self._spent_from and started_at + seconds < self._spent_until:
                # Nearly all of a flood. What stands here already has woken the thread.
                counted = self._unkept.get((kind, handler, self._minute))
                if counted is not None:
                    counted[0] += 1
                    counted[2] += seconds
                    return True
        if self.payloads:
            return False
        self._count(kind, handler, started_at, seconds, 0)
        self._stay_spent(started_at, started_at + seconds)
        return True

    def _stay_spent(self, started_at: float, ended_at: float) -> None:
        """Spares those that come next the question whether something is left of the allowance: for a while nothing is.

        They are of the same minute, and not of another time: somebody may set the clock.
        """
        minute = int(started_at // 60)
        with self._lock:
            self._minute = minute
            self._spent_from = max(minute * 60.0, ended_at - LONG_SECONDS)
            self._spent_until = min(minute * 60.0 + 60.0, ended_at + self._invocations.seconds_spent)

    def _count(self, kind: str, handler: str, started_at: float, seconds: float, failed: int) -> None:
        """An invocation that is not kept."""
        key = (kind, handler, int(started_at // 60))
        with self._lock:
            counted = self._unkept.get(key)
            if counted is None:
                counted = self._unkept[key] = [0, 0, 0.0]
            counted[0] += 1
            counted[1] += failed
            counted[2] += seconds
        if self._thread is not None and not self._wake.is_set():
            self._wake.set()

    def _drop(self, record: AnyRecord) -> None:
        if isinstance(record, InvocationRecord):
            has_failed = record.outcome != "succeeded"
            self._count(record.kind, record.handler, record.started_at, record.seconds, int(has_failed))
            return
        with self._lock:
            self._dropped[letter_of(record)] += 1

    def invocation(self, record: InvocationRecord, /) -> None:
        self._add_within(self._invocations if record.outcome == "succeeded" else self._failures, record)

    def call(self, record: CallRecord, /) -> None:
        self._add_within(self._invocations if record.error is None else self._failures, record)

    def log(self, record: LogRecord, /) -> None:
        self._add_within(self._logs, record)

    @property
    def takes_spans(self) -> bool:
        return self._spans.is_left and len(self._queue) < self._most

    def spend(self) -> None:
        """Takes one from the allowance of spans, for a request that brings some, or none."""
        self._spans.take()

    def span(self, record: SpanRecord, /) -> bool:
        """A span of somebody else's; False if it is dropped, and counted."""
        if self.takes_spans:
            self._spans.take()
            self._add(record)
            return True
        self._drop(record)
        return False

    def _add_within(self, allowance: Allowance, record: AnyRecord) -> None:
        if allowance.is_left:
            allowance.take()
            self._add(record)
        else:
            self._drop(record)

    def _add(self, record: AnyRecord) -> None:
        queue = self._queue
        if len(queue) >= self._most or self._bytes > self._most_bytes:
            self._drop(record)
            return
        # Not exact when threads meet, which a bound for memory need not be; an empty queue sets it right.
        self._bytes += size_of(record)
        queue.append(record)
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                self._start()

    def _start(self) -> None:
        """Starts the thread on the first record: before a fork nobody could, and many processes never need it."""
        with self._lock:
            if self._thread is None and not self._ending.is_set():
                self._thread = threading.Thread(target=self._run, name="portable-telemetry", daemon=True)
                self._thread.start()

    # The thread

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.wait()
            self._ending.wait(GATHER_SECONDS if self._invocations.is_left else FLOOD_SECONDS)
            self._wake.clear()
            # Counts go with one frame: more of them come while it is sent, and each would ask for another at once.
            is_sent = self._has_news and self._send_some()
            while is_sent and (self._queue or self._unsent):
                is_sent = self._send_some()
            if not is_sent and self._has_news and not self._ending.is_set():
                # Nobody listens, or nobody keeps up.
                self._wake.set()
                self._ending.wait(AGAIN_SECONDS)

    @property
    def _has_news(self) -> bool:
        return bool(self._queue or self._unsent or self._unkept)

    def _send_some(self) -> bool:
        """Sends one frame; False if that was not possible, and what it had stays in the queue or is counted."""
        if self._connected is None and not self._connect():
            return False
        if self._unsent is None:
            texts = self._take()
            self._unsent = self._frame(texts, self._counts())
        try:
            assert self._connected is not None
            self._connected.sendall(self._unsent)
        except OSError:
            # It did not arrive whole, so that nothing of it was taken: it goes first when there is somebody again.
            self._disconnect()
            return False
        self._unsent = None
        return True

    def _take(self) -> list[str]:
        """The next records as JSON, each with its letter; several in a text, between commas."""
        texts: list[str] = []
        count = size = 0
        queue = self._queue
        while queue and count < FRAME_RECORDS and size < FRAME_CHARACTERS:
            records = [queue.popleft() for _ in range(min(TOGETHER, len(queue)))]
            count += len(records)
            for text in self._texts_of(records):
                texts.append(text)
                size += len(text)
            self._bytes -= sum(map(size_of, records))
        if not queue:
            self._bytes = 0
        return texts

    def _texts_of(self, records: list[AnyRecord]) -> list[str]:
        """All of them in one, which costs the least; each by itself if there is one among them that is no JSON."""
        try:
            return [to_json([(letter_of(record), record) for record in records])[1:-1]]
        except (TypeError, ValueError, RecursionError):
            if len(records) > 1:
                return [text for record in records for text in self._texts_of([record])]
            self._drop(records[0])
            return []

    def _counts(self) -> dict[str, Any]:
        """What was dropped since the last time."""
        with self._lock:
            dropped, self._dropped = self._dropped, dict.fromkeys(KINDS, 0)
            unkept, self._unkept = self._unkept, {}
        dropped["i"] = sum(counted[0] for counted in unkept.values())
        return {
            "dropped": {KINDS[letter]: count for letter, count in dropped.items()},
            "unkept": [[*key, *counts] for key, counts in unkept.items()],
        }

    def _frame(self, texts: list[str], counts: dict[str, Any]) -> bytes:
        about: dict[str, Any] = {"process": os.getpid(), "role": self._role, **counts}
        return framed(f'["records",{to_json(about)[:-1]},"records":[{",".join(texts)}]}}]')

    def _connect(self) -> bool:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connected.settimeout(PATIENCE)
        try:
            connected.connect(self._path)
        except OSError:
            connected.close()
            return False
        self._connected = connected
        return True

    def _disconnect(self) -> None:
        if self._connected is not None:
            self._connected.close()
            self._connected = None

    # The end

    def close(self) -> None:
        """Sends what is left, for a second at most."""
        thread = self._thread
        until = time.monotonic() + END_SECONDS
        if thread is not None and thread.is_alive():
            self._ending.set()
            self._wake.set()
            thread.join(END_SECONDS)
            if thread.is_alive():
                return
        self._ending.set()
        while (self._queue or self._unsent or self._unkept or any(self._dropped.values())) and time.monotonic() < until:
            if not self._send_some():
                break
        self._disconnect()


def size_of(record: AnyRecord) -> int:
    """Of what can be long in it."""
    if isinstance(record, InvocationRecord):
        return body_size(record.request) + body_size(record.response)
    if isinstance(record, LogRecord):
        return len(record.message)
    if isinstance(record, SpanRecord):
        return sum(len(value) for value in record.attributes.values() if isinstance(value, str))
    return len(record.result or "")


def body_size(payload: Payload | None) -> int:
    return 0 if payload is None else len(payload.body)


_recorders: "weakref.WeakSet[QueueRecorder]" = weakref.WeakSet()


def forked() -> None:
    """In a process that a handler forked: the thread is gone, the connection is the parent's."""
    for recorder in list(_recorders):
        connected = recorder._connected
        recorder.begin()
        if connected is not None:
            with contextlib.suppress(OSError):
                connected.close()


os.register_at_fork(after_in_child=forked)


def is_recorded() -> bool:
    """Whether the environment, which all processes of a `portable dev` have alike, lets anything be recorded."""
    return os.environ.get(SWITCH, "").lower() != "off"


def recorder_of(settings: dict[str, Any]) -> QueueRecorder | None:
    """What records in a child with these settings, its logs and prints too; None where nothing shall be recorded."""
    path = settings.get(SETTING)
    if not path or not is_recorded():
        return None
    from portable.log_records import LogCapture, Subscriber, capture_prints

    recorder = QueueRecorder(path, settings["role"])
    logging.getLogger().addHandler(LogCapture(recorder))
    capture_prints([Subscriber(recorder)])
    atexit.register(recorder.close)
    return recorder
