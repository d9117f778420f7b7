"""`portable logs [HANDLER]`: what was written on this machine, or by a deployed function, and what is written now."""

import heapq
import json
import time
from typing import Any, cast

import click

from portable.adapter import Console, LogLine

from .observing import console_at, is_named, log_line, require_handler, seconds, tell_unrecorded
from .options import Misuse, app_option, common, data_option, place_of, place_options
from .project import find_project
from .render import Output, escape
from .stages import name_option, stage_of
from .trace import TRACE_DIGITS, trace_of

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOCAL = ("level", "search", "trace")
SINCE = "10m"
MOST_WAITING = 5000
"""Lines, which are given as they arrived: by so many one may come later than those that were written after it."""


@click.command("logs")
@click.argument("handler", required=False)
@app_option
@data_option
@place_options
@name_option
@click.option("--since", metavar="DURATION", help="How far back: 30s, 2h, 7d (default: 10m; of a trace, all of it).")
@click.option("--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), help="This machine: this level and above.")
@click.option("--search", metavar="TEXT", help="This machine: lines with this in them.")
@click.option("--trace", metavar="ID", help="This machine: lines of one transaction.")
@common
def command(
    output: Output,
    handler: str | None,
    path: str | None,
    data: str | None,
    target: str | None,
    stage: str | None,
    app_name: str | None,
    since: str | None,
    follow: bool,
    level: str | None,
    search: str | None,
    trace: str | None,
) -> None:
    """Print the logs of HANDLER, or of all: on this machine, or with --target and --stage of a deployed stage.

    With --json one JSON object a line.
    """
    start = 0.0 if since is None and trace is not None else time.time() - seconds(since or SINCE)
    place = place_of(target, stage, data)
    wanted = {"handler": handler, "level": level and level.upper(), "q": search, "trace": trace}
    if place is None:
        if app_name is not None:
            raise Misuse("--name is of a deployed stage", hint="name it too: --target aws --stage dev")
        console = console_at(path, data)
        if handler is not None:
            require_handler(console, find_project(path), handler)
        if trace is not None and not (follow and len(trace) == TRACE_DIGITS):
            # One that is followed by its whole id need not have begun.
            wanted["trace"] = trace_of(console, trace)["trace_id"]
        tell_unrecorded(output, console)
        if not local_logs(output, console, wanted, start, follow=follow):
            output.say("no line fits" + ("" if start == 0.0 else f" that was written in the last {since or SINCE}"))
        return
    for name, value in zip(LOCAL, (level, search, trace), strict=True):
        if value is not None:
            raise Misuse(f"--{name} is of this machine, and --stage is not", hint="leave one out")
    deployment = stage_of(output, path, place.target, place.stage, app_name)
    for line in deployment.deployer.logs(deployment.manifest, handler, start, (lambda: True) if follow else None):
        if output.as_json:
            output.line(json.dumps({"at": line.at, "function": line.function, "text": line.text}))
        else:
            output.line(shown(line) if handler else shown(line, escape(line.function)))


def local_logs(output: Output, console: Console, wanted: dict[str, str | None], start: float, *, follow: bool) -> bool:
    """What was recorded since `start`, the oldest first, then what comes: each line once, and none is missed.

    Whether there was any, or what comes was waited for.
    """
    # Connected before the first look, so that nothing falls in between; `status` comes at once.
    stream = console.events(("status", "log")) if follow else iter(())
    first = next(stream, None)
    last = 0
    waiting: list[tuple[float, int, dict[str, Any]]] = []
    while True:
        page: dict[str, Any] = console.get("logs", {**wanted, "from": start, "after": last, "limit": 500})
        for log in page["items"]:
            heapq.heappush(waiting, (log["at"], log["id"], log))
            last = log["id"]
        while waiting and (page["next"] is None or len(waiting) > MOST_WAITING):
            tell(output, heapq.heappop(waiting)[2], wanted)
        if page["next"] is None:
            break
    if first is None:
        return last > 0
    for _, kind, log in stream:
        if kind == "log" and log["id"] > last and fits(log, wanted):
            tell(output, log, wanted)
    return True


def tell(output: Output, log: dict[str, Any], wanted: dict[str, str | None]) -> None:
    output.line(json.dumps(log) if output.as_json else log_line(log, with_handler=wanted["handler"] is None))


def fits(log: dict[str, Any], wanted: dict[str, str | None]) -> bool:
    """As the API filters."""
    level, search = wanted["level"], wanted["q"]
    return (
        (wanted["handler"] is None or is_named(log["handler"], wanted["handler"]))
        and wanted["trace"] in (None, log["trace_id"])
        and (level is None or LEVELS.index(log["level"]) >= LEVELS.index(level))
        and (
            search is None or search.lower() in f"{log['message']} {log['logger']} {json.dumps(log['fields'])}".lower()
        )
    )


def shown(line: LogLine, function: str = "") -> str:
    """A line for people: ours, and the platform's own, are JSON, of which time, level and what is said count."""
    try:
        value: Any = json.loads(line.text)
    except ValueError:
        value = None
    whose = f"{function} " if function else ""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(line.at))
    found = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    text = said(found)
    if text is None:
        return f"{stamp} {whose}{escape(line.text)}"
    return f"{stamp} {whose}{escape(str(found.get('level', 'INFO'))):<7} {escape(text)}"


RAISED = (("errorType", "errorMessage", "stackTrace"), ("error_type", "error_message", "stack_trace"))
"""What a line of a log has of an error, as functions on AWS and on Google Cloud write it."""


def said(found: dict[str, Any]) -> str | None:
    """The message, what was raised, and where; None for an object with none of it."""
    kind, about, stack = next((names for names in RAISED if any(name in found for name in names)), RAISED[0])
    parts = [str(found[name]) for name in (kind, about) if found.get(name)]
    cause = str(found.get("error") or ": ".join(parts))
    trace: Any = found.get(stack) or ""
    trace = ("".join(map(str, cast("list[object]", trace))) if isinstance(trace, list) else str(trace)).rstrip()
    message = found.get("message")
    if message is None and not cause:
        return None
    text = cause if message is None else str(message)
    if cause not in text and cause not in trace:
        text = f"{text}: {cause}"
    return f"{text}\n{trace}" if trace else text
