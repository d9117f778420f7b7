"""How commands speak: data on stdout, talk on stderr, colour only for people.

With `--json` stdout is one JSON document, also for an error: `{"error": {...}}`.
"""

import json
import os
import sys
import unicodedata
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from portable.errors import Location, PortableError

from .project import AppFailure, Fault

CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class ReaderGone(Exception):
    """Whoever read stdout has seen enough."""


class OutputLost(Exception):
    """Stdout takes no more: a full disk."""


class Output:
    """Where one command writes. `as_json`: data as JSON; `verbose`: tracebacks of ours too."""

    def __init__(self, *, as_json: bool = False, verbose: bool = False) -> None:
        self.as_json = as_json
        self.verbose = verbose

    def data(self, value: Any, text: str) -> None:
        """The command's result: `value` with --json, else `text`."""
        self.line(json_text(value) if self.as_json else text)

    def line(self, text: str) -> None:
        """A part of the result of a command that has no end, as it is."""
        try:
            print(text, flush=True)
        except BrokenPipeError as error:
            # click would end the process with 1 here.
            raise ReaderGone from error
        except OSError as error:
            raise OutputLost(error.strerror or str(error)) from error

    def say(self, text: str) -> None:
        """Talk, for people only."""
        try:
            print(text, file=sys.stderr)
        except OSError:
            # Nobody hears it, which changes neither what was done nor the exit code.
            return

    def fault(self, error: PortableError) -> None:
        """An error as people (stderr) and programs (stdout, with --json) read it."""
        faults = error.faults if isinstance(error, AppFailure) else [fault_of(error)]
        trace = error.trace if isinstance(error, AppFailure) else None
        if trace is not None:
            self.say(escape(trace.rstrip()))
        for fault in faults:
            self.say(fault_text(fault, sys.stderr))
        if self.as_json:
            first, *others = (fault_value(fault) for fault in faults)
            first["exit_code"] = error.exit_code
            if others:
                first["also"] = others
            self.data({"error": first}, "")


def json_text(value: Any, indent: int | None = 2) -> str:
    """JSON for people and programs; in ASCII where stdout cannot write its characters, as a lone surrogate."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text


@contextmanager
def talk_on_stderr() -> Generator[None, None, None]:
    """What is written to descriptor 1 meanwhile, by whatever code of the user, goes to stderr: it is not our data."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def fault_of(error: PortableError) -> Fault:
    return Fault(error.code, error.message, error.hint, error.location)


def fault_value(fault: Fault) -> dict[str, Any]:
    return {
        "code": fault.code,
        "message": fault.message,
        "hint": fault.hint,
        "location": fault.location._asdict() if fault.location is not None else None,
    }


def fault_text(fault: Fault, stream: TextIO) -> str:
    """`file:line: what`, then the hint and where more is written."""
    where = f"{paint(shown_location(fault.location), 'bold', stream)}: " if fault.location is not None else ""
    lines = [f"{paint('error', 'red', stream)}[{fault.code}]: {where}{escape(fault.message)}"]
    if fault.hint:
        lines.append(f"  {paint('hint:', 'cyan', stream)} {escape(fault.hint)}")
    lines.append(f"  {paint('more:', 'dim', stream)} portable explain {fault.code}")
    return "\n".join(lines)


def shown_location(location: Location) -> str:
    """Relative to the current folder where that is shorter."""
    file = location.file
    if os.path.isabs(file):
        try:
            near = os.path.relpath(file)
        except OSError:
            # The current folder is gone.
            near = file
        file = near if not near.startswith("..") else file
    return escape(f"{file}:{location.line}")


def escape(text: str) -> str:
    """Text of others without control characters, which a terminal would act on; lines and tabs stay."""
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs", "Cf")
        else f"\\x{ord(character):02x}"
        if ord(character) < 256
        else f"\\u{ord(character):04x}"
        for character in text
    )


def paint(text: str, colour: str, stream: TextIO) -> str:
    """`text` in a colour if `stream` is a terminal and neither NO_COLOR, CI nor TERM=dumb says otherwise."""
    return f"\x1b[{CODES[colour]}m{text}\x1b[0m" if is_coloured(stream) else text


def is_coloured(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def columns(rows: Sequence[Sequence[str]], heads: Sequence[str]) -> str:
    """Rows in aligned columns below their heads; no lines, so that tools can cut them."""
    cells = [[escape(cell) for cell in row] for row in rows]
    widths = [max([len(head), *(len(row[i]) for row in cells)]) for i, head in enumerate(heads)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [[head.upper() for head in heads], *cells]
    ]
    lines[0] = paint(lines[0], "dim", sys.stdout)
    return "\n".join(lines)
