"""Logs of a deployed function as lines, one JSON object each: what logging gets and what is printed, in one place.

How a line looks is the adapter's: a Shape. A message is cut at 32 KB, a field at 8 KB: no provider takes longer ones
everywhere.
"""

import json
import sys
from _thread import RLock
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

if TYPE_CHECKING:
    from logging import Logger, LogRecord

MOST_MESSAGE = 32 * 1024
MOST_FIELD = 8 * 1024
CUT = "..."
OWN = frozenset(
    (
        *("args", "asctime", "created", "exc_info", "exc_text", "filename", "funcName", "levelname", "levelno"),
        *("lineno", "message", "module", "msecs", "msg", "name", "pathname", "process", "processName"),
        *("relativeCreated", "stack_info", "taskName", "thread", "threadName"),
    )
)
"""Attributes of every record of logging: what is not among them came from `extra=`."""


class Shape(NamedTuple):
    """How a provider's lines look.

    `line(level, message, logger=, at=, fields=)` makes one, without its end; `at` None is now. `raised` are the names
    of the fields for what was raised: its type, its message, its trace. A printed line that starts with `own` is one
    for machines already. `levels` are the provider's names of levels that Python does not know. `chatty` are loggers of
    the provider's own libraries: at the level INFO they are heard from WARNING on, at any other as all are.
    """

    line: Callable[..., str]
    raised: tuple[str, str, str]
    own: str = "\0"
    levels: dict[str, str] = {}  # noqa: RUF012 - never changed
    chatty: tuple[str, ...] = ()


_out: TextIO | None = None


def cut(text: str, most: int) -> str:
    """The text with at most `most` bytes of UTF-8."""
    if len(text) * 4 <= most:
        return text
    raw = text.encode("utf-8", "backslashreplace")
    if len(raw) <= most:
        return text
    return raw[: most - len(CUT)].decode("utf-8", "ignore") + CUT


def bounded(value: Any) -> Any:
    """A field as it may stand in a line: numbers, truth and null as they are, text and structures up to 8 KB."""
    if value is None or isinstance(value, bool | int | float):
        # JSON has no NaN.
        return value if not isinstance(value, float) or value - value == 0 else str(value)
    if isinstance(value, str):
        return cut(value, MOST_FIELD)
    try:
        text = json.dumps(value, separators=(",", ":"), default=str, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return cut(repr(value), MOST_FIELD)
    return json.loads(text) if len(text) <= MOST_FIELD else cut(text, MOST_FIELD)


def write(text: str) -> None:
    """One line, at once: what a killed function wrote last is what one wants to read."""
    out = _out or sys.__stdout__
    if out is not None:
        out.write(text + "\n")
        out.flush()


# Where lines come from


def record_line(shape: Shape, record: "LogRecord") -> str:
    """A record of logging as a line, with the type, the message and the trace of what was raised."""
    fields: dict[str, Any] = {name: value for name, value in vars(record).items() if name not in OWN}
    kind, message, stack = shape.raised
    if record.exc_info and record.exc_info[0] is not None:
        from traceback import format_exception

        raised, error, trace = record.exc_info
        fields[kind] = raised.__name__
        fields[message] = str(error)
        fields[stack] = cut("".join(format_exception(raised, error, trace)).rstrip(), MOST_FIELD)
    elif record.exc_text:
        fields[stack] = record.exc_text
    try:
        text = record.getMessage()
    except Exception as error:
        # A message that does not fit its arguments: better than none at all, as the standard library has it.
        text = f"{record.msg!r} with {record.args!r} ({type(error).__name__}: {error})"
    return shape.line(record.levelname, text, logger=record.name, at=record.created, fields=fields)


class Printed:
    """Stands for sys.stdout or sys.stderr: each printed line becomes a line of the log."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, shape: Shape, level: str, behind: TextIO) -> None:
        self._shape = shape
        self._level = level
        self._behind = behind
        self._rest = ""
        self._lock = RLock()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._rest = (self._rest + text).split("\n")
            if len(self._rest) > MOST_MESSAGE:
                lines.append(self._rest)
                self._rest = ""
        shape = self._shape
        for one in lines:
            if one.strip():
                is_own = one.startswith(shape.own)
                write(one if is_own else shape.line(self._level, one.rstrip("\r"), fields={}))
        return len(text)

    def writelines(self, lines: Any) -> None:
        for one in lines:
            self.write(one)

    def flush(self) -> None:
        """What has no end of line yet waits for one until the invocation ends."""

    def end(self) -> None:
        """The invocation is over: what was begun is a line."""
        with self._lock:
            rest, self._rest = self._rest, ""
        if rest.strip():
            write(self._shape.line(self._level, rest, fields={}))

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._behind.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)


_printed: list[Printed] = []


def install(shape: Shape, level: str) -> None:
    """Sends all logs of this process here: those of logging once it is imported, and what is printed.

    `level` is the least that is written; "" stands for INFO.
    """
    global _out
    if _printed:
        return
    _out = sys.stdout
    for name, shown in (("stdout", "INFO"), ("stderr", "ERROR")):
        printed = Printed(shape, shown, getattr(sys, name))
        _printed.append(printed)
        setattr(sys, name, printed)
    if "logging" in sys.modules:
        attach(shape, level)
    else:
        # logging costs a few milliseconds of a cold start, and many handlers never log.
        sys.meta_path.insert(0, WhenImported(shape, level))


def uninstall() -> None:
    """As it was before: for tests."""
    global _out
    for name, printed in zip(("stdout", "stderr"), _printed, strict=True):
        setattr(sys, name, printed._behind)
    _printed.clear()
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, WhenImported)]
    logging = sys.modules.get("logging")
    if logging is not None:
        root: Logger = logging.getLogger()
        for handler in list(root.handlers):
            if getattr(handler, "of_portable", False):
                root.removeHandler(handler)
                for name in getattr(handler, "chatty", ()):
                    logging.getLogger(name).setLevel(logging.NOTSET)
    _out = None


def end() -> None:
    """The invocation is over."""
    for printed in _printed:
        if printed._rest:
            printed.end()


class WhenImported:
    """Waits for `import logging`, lets it happen, and attaches the handler."""

    def __init__(self, shape: Shape, level: str) -> None:
        self._shape = shape
        self._level = level

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:  # noqa: ARG002
        if name != "logging":
            return None
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        from importlib.util import find_spec

        spec: Any = find_spec("logging")
        loader, shape, level = spec.loader, self._shape, self._level
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            attach(shape, level)

        loader.exec_module = exec_module
        return spec


def attach(shape: Shape, level: str) -> None:
    """Replaces the handlers of the root logger: the provider's runtime may have put one of its own there."""
    import logging

    class ToLines(logging.Handler):
        of_portable = True
        chatty = shape.chatty

        def emit(self, record: logging.LogRecord) -> None:
            try:
                write(record_line(shape, record))
            except Exception:
                self.handleError(record)

    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(ToLines())
    wanted = (level or "INFO").upper()
    root.setLevel(logging.getLevelNamesMapping().get(shape.levels.get(wanted, wanted), logging.INFO))
    for name in shape.chatty:
        # NOTSET is as the root has it.
        logging.getLogger(name).setLevel(logging.WARNING if root.level == logging.INFO else logging.NOTSET)
