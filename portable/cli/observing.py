"""What the verbs share that show what ran: where it is recorded, and how times and durations are told."""

import difflib
import os
import re
import time
from pathlib import Path
from typing import Any

from portable.adapter import Console, Observes, Project, find_adapter
from portable.errors import ConfigurationError, InvalidArgument, NotFound

from .options import Misuse
from .project import data_folder, find_project, load_manifest
from .render import Output, escape

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DURATION = re.compile(r"([0-9]{1,6})([smhd])", re.ASCII)
COLOURS = {"succeeded": "green", "failed": "red", "dead": "red"}
UNRECORDED = "nothing is recorded of what runs now: PORTABLE_TELEMETRY is off, or it has no console"
SIGNS = {"succeeded": "ok", "failed": "failed", "dead": "dead"}


def console_at(path: str | None, data: str | None) -> Console:
    """The console of the app at `path`, whether it runs or not. Raises NotFound, ConfigurationError."""
    return observes().console(data_folder(find_project(path), data))


def tell_unrecorded(output: Output, console: Console) -> None:
    """Says so on stderr if nothing is recorded of what runs now: what is shown is of before."""
    if not console.get("status")["is_recorded"]:
        output.say(UNRECORDED)


def observes() -> Observes:
    """The local adapter as what records. Raises ConfigurationError."""
    adapter: object = find_adapter("local")
    if not isinstance(adapter, Observes):
        raise ConfigurationError(
            "the installed local adapter records nothing",
            hint="install portable-serverless again: its parts do not match",
        )
    return adapter


def recorded_as(invocation: str) -> str:
    """Where an invocation that was started by hand is found."""
    return f"recorded as {invocation}: portable trace {invocation}"


def invocation_named(console: Console, id: str) -> str:
    """The invocation that has an id beginning so. Raises NotFound, and InvalidArgument if several have."""
    items: list[dict[str, Any]] = console.get("invocations", {"id": id, "limit": 200})["items"]
    # Who has the whole id means that one; of a transaction or a request with several invocations none is meant.
    exact = [one for one in items if one["id"] == id] or [
        one for one in items if id in (one["trace_id"], one["request_id"])
    ]
    found: list[str] = list(dict.fromkeys(one["id"] for one in exact or items))
    if not found:
        raise NotFound(f"no invocation has the id {id}", hint="`portable invocations` lists them")
    if len(found) > 1:
        raise InvalidArgument(
            f"{len(found)} invocations have an id that begins with {id}", hint=f"give one of {', '.join(found[:5])}"
        )
    return found[0]


def is_named(handler: str, wanted: str) -> bool:
    """Whether `wanted` is the handler, or a pattern of it, in which `*` stands for anything."""
    return re.fullmatch(".*".join(re.escape(part) for part in wanted.split("*")), handler) is not None


def require_handler(console: Console, project: Project, wanted: str) -> None:
    """Raises NotFound for a handler that nothing is recorded of, and that the app does not have."""
    for what in ("invocations", "logs"):
        if console.get(what, {"handler": wanted, "limit": 1})["items"]:
            return
    names: list[str] = [handler["name"] for handler in load_manifest(project)["handlers"]]
    if any(is_named(name, wanted) for name in names):
        return
    near = difflib.get_close_matches(wanted, names, 1)
    raise NotFound(
        f"there is no handler {wanted!r}",
        hint=f"did you mean {near[0]}?" if near else f"there are: {', '.join(names) or 'none'}",
    )


def shown_path(path: str) -> str:
    """A file's path for people: from where they are, or from their home."""
    place = Path(path)
    if not place.is_absolute():
        return path
    if place.is_relative_to(Path.cwd()):
        return str(place.relative_to(Path.cwd()))
    home = Path(os.path.expanduser("~"))
    return f"~/{place.relative_to(home)}" if home != Path("/") and place.is_relative_to(home) else path


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
