"""Lines of logging and printed lines as LogRecords, tied to the invocation in whose context they were written.

For recorders that take logs: a process of `portable dev`, a test, OTLP. It imports logging, so that nothing which a
deployed function needs may import this.
"""

import logging
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple, TextIO

from .binding import Binding, current_context
from .context import Context
from .recorded_calls import not_recorded
from .records import cut_message
from .telemetry import FIELD_BYTES, MESSAGE_BYTES, LogRecord, Recorder, Scalar

MOST_FIELDS = 64
OWN = frozenset((*vars(logging.makeLogRecord({})), "asctime", "message", "taskName"))
"""Attributes of every record of logging: what is not among them came from `extra=`."""
LEVELS = {"stdout": "INFO", "stderr": "ERROR"}
"""Of printed lines, as deployed functions have them."""
KNOWN = ((logging.CRITICAL, "CRITICAL"), (logging.ERROR, "ERROR"), (logging.WARNING, "WARNING"), (logging.INFO, "INFO"))


class LogCapture(logging.Handler):
    """A handler of the root logger that records. With `only`, nothing but what handlers bound to that write."""

    def __init__(self, recorder: Recorder, only: Binding | None = None) -> None:
        super().__init__()
        self._recorder = recorder
        self._only = only

    def emit(self, record: logging.LogRecord) -> None:
        try:
            context = current_context.get()
            if self._only is None or (context is not None and context._binding is self._only):
                self._recorder.log(log_record(record, context))
        except Exception as fault:
            not_recorded(fault)


def log_record(record: logging.LogRecord, context: Context | None) -> LogRecord:
    try:
        message = record.getMessage()
    except Exception as error:
        # A message that does not fit its arguments: better than none at all, as the standard library has it.
        message = f"{record.msg!r} with {record.args!r} ({type(error).__name__}: {error})"
    fields: dict[str, Scalar] = {}
    for name, value in vars(record).items():
        if name not in OWN and len(fields) < MOST_FIELDS:
            fields[name] = scalar(value)
    trace = None
    if record.exc_info and record.exc_info[1] is not None:
        from .failures import user_traceback

        trace = user_traceback(record.exc_info[1])
    elif record.exc_text:
        trace = record.exc_text
    trace_id, span_id, id, handler = ids_of(context)
    return LogRecord(
        trace_id,
        span_id,
        id,
        handler,
        record.created,
        level_of(record.levelno),
        record.name,
        cut_message(message),
        fields,
        "logging",
        trace,
    )


def ids_of(context: Context | None) -> tuple[str, str, str, str]:
    """Trace, span, invocation and handler; all empty outside of handlers."""
    if context is None:
        return "", "", "", ""
    traceparent = context.traceparent
    return traceparent[3:35], traceparent[36:52], context.id, context.handler


def level_of(number: int) -> str:
    """The one of the five levels that a number reaches."""
    for least, name in KNOWN:
        if number >= least:
            return name
    return "DEBUG"


def scalar(value: object) -> Scalar:
    """A field as it is kept: numbers, truth and None as they are, everything else as bounded text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # JSON has no NaN.
        return value if value - value == 0 else str(value)
    text = value if isinstance(value, str) else repr(value)
    raw = text.encode("utf-8", "backslashreplace")
    return raw[:FIELD_BYTES].decode("utf-8", "ignore")


class Subscriber(NamedTuple):
    """Who wants printed lines: all, or those that handlers bound to `only` print."""

    recorder: Recorder
    only: Binding | None = None


class Printed:
    """Stands for sys.stdout or sys.stderr: what is written goes through to it as ever, and each line is recorded."""

    def __init__(self, source: Literal["stdout", "stderr"], behind: TextIO, subscribers: list[Subscriber]) -> None:
        self._source: Literal["stdout", "stderr"] = source
        self.behind = behind
        self._subscribers = subscribers
        # `print` writes in pieces, and threads do not wait for each other's line to end.
        self._begun = threading.local()

    def write(self, text: str) -> int:
        count = self.behind.write(text)
        if self._subscribers:
            try:
                self._take(text)
            except Exception as fault:
                not_recorded(fault)
        return count

    def writelines(self, lines: Any) -> None:
        for one in lines:
            self.write(one)

    def _take(self, text: str) -> None:
        whole = getattr(self._begun, "text", "") + text
        *lines, rest = whole.split("\n")
        if len(rest) > MESSAGE_BYTES:
            lines.append(rest)
            rest = ""
        self._begun.text = rest
        for line in lines:
            if line.strip():
                self._record(line.rstrip("\r"))

    def _record(self, line: str) -> None:
        context = current_context.get()
        made = LogRecord(
            *ids_of(context), time.time(), LEVELS[self._source], "", cut_message(line), {}, self._source, None
        )
        for one in self._subscribers.copy():
            if one.only is None or (context is not None and context._binding is one.only):
                one.recorder.log(made)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


def capture_prints(subscribers: list[Subscriber]) -> tuple[Any, Any]:
    """Puts a Printed in the place of each of sys.stdout and sys.stderr."""
    made: tuple[Any, Any] = (
        Printed("stdout", sys.stdout, subscribers),
        Printed("stderr", sys.stderr, subscribers),
    )
    sys.stdout, sys.stderr = made
    return made


class Captures:
    """Who records now, in this process: the streams are replaced while somebody does, whatever threads do that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: list[Subscriber] = []
        self._before: tuple[Any, Any] = (None, None)
        self._made: tuple[Any, Any] = (None, None)

    def begin(self, subscriber: Subscriber) -> None:
        with self._lock:
            if not self._subscribers:
                self._before = sys.stdout, sys.stderr
                self._made = capture_prints(self._subscribers)
            self._subscribers.append(subscriber)

    def end(self, subscriber: Subscriber) -> None:
        with self._lock:
            self._subscribers.remove(subscriber)
            if not self._subscribers:
                # Who has replaced them meanwhile keeps what they have.
                if sys.stdout is self._made[0]:
                    sys.stdout = self._before[0]
                if sys.stderr is self._made[1]:
                    sys.stderr = self._before[1]
                self._before = self._made = (None, None)


CAPTURES = Captures()


@contextmanager
def captured(recorder: Recorder, only: Binding | None = None) -> Generator[None]:
    """Records logs and prints until the block ends. Blocks may overlap, also in several threads."""
    root = logging.getLogger()
    handler, subscriber = LogCapture(recorder, only), Subscriber(recorder, only)
    others = [one for one in root.handlers if not isinstance(one, LogCapture)]
    # Without any handler logging writes warnings to stderr; with one that only records, it must go on to.
    fallback = None if others else logging.StreamHandler(getattr(sys.stderr, "behind", sys.stderr))
    root.addHandler(handler)
    if fallback is not None:
        fallback.setLevel(logging.WARNING)
        root.addHandler(fallback)
    CAPTURES.begin(subscriber)
    try:
        yield
    finally:
        CAPTURES.end(subscriber)
        root.removeHandler(handler)
        if fallback is not None:
            root.removeHandler(fallback)
