"""What the verbs share that show what ran: where it is recorded, and how times and durations are told."""

import re
import time
from typing import Any

from portable.adapter import Console, Observes, find_adapter
from portable.errors import ConfigurationError

from .options import Misuse
from .project import data_folder, find_project
from .render import escape

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
COLOURS = {"succeeded": "green", "failed": "red", "dead": "red"}
SIGNS = {"succeeded": "ok", "failed": "failed", "dead": "dead"}


def console_at(path: str | None, data: str | None) -> Console:
    """The console of the app at `path`, whether it runs or not. Raises NotFound, ConfigurationError."""
    adapter: object = find_adapter("local")
    if not isinstance(adapter, Observes):
        raise ConfigurationError(
            "the installed local adapter records nothing",
            hint="install portable-serverless again: its parts do not match",
        )
    return adapter.console(data_folder(find_project(path), data))


def seconds(text: str) -> int:
    """Raises Misuse."""
    found = DURATION.fullmatch(text)
    if found is None:
        raise Misuse(f"--since {text!r} is no duration", hint="for instance 30s, 10m, 2h or 7d")
    return int(found[1]) * UNITS[found[2]]


def since(text: str) -> float:
    """The moment so long ago. Raises Misuse."""
    return time.time() - seconds(text)


def moment(at: float, *, with_day: bool = False) -> str:
    """Local, with milliseconds."""
    local = time.localtime(at)
    clock = f"{time.strftime('%H:%M:%S', local)}.{int(at % 1 * 1000):03d}"
    return f"{time.strftime('%Y-%m-%d', local)} {clock}" if with_day else clock


def took(value: float) -> str:
    """`182 ms`, `3.00 s`, `2 min 04 s`."""
    if value < 0.001:
        return f"{value * 1000:.2f} ms"
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.2f} s"
    return f"{int(value // 60)} min {int(value % 60):02d} s"


def log_line(log: dict[str, Any], *, with_handler: bool = True) -> str:
    """A recorded line for people."""
    whose = f"{escape(log['handler'])} " if with_handler and log["handler"] else ""
    fields = " ".join(f"{escape(str(name))}={escape(str(value))}" for name, value in log["fields"].items())
    text = f"{moment(log['at'])} {log['level']:<7} {whose}{escape(log['message'])}"
    if fields:
        text += f"  {fields}"
    if log["traceback"]:
        text += "\n" + escape(log["traceback"].rstrip())
    return text
