"""`portable status`: what runs on this machine, where, and what has gone wrong."""

from typing import Any

import click

from .observing import UNRECORDED, console_at, moment, shown_path
from .options import common, data_option, path_argument
from .render import Output, escape


@click.command("status")
@path_argument
@data_option
@common
def command(output: Output, path: str | None, data: str | None) -> int:
    """Show whether the app at PATH (default: here) runs, where its console is, and what is wrong.

    Exit code 1 if it does not run. The link lets one browser in, once; each time another one is printed.
    """
    console = console_at(path, data)
    status: dict[str, Any] = console.get("status")
    output.data({**status, "console": console.link}, text(status, console.link))
    return 0 if status["is_running"] else 1


def text(status: dict[str, Any], link: str | None) -> str:
    if link is None and not status["is_recorded"]:
        return (
            f"an app runs at {status['api_url']}, where others are let in: without a console, and nothing is recorded\n"
            "  hint: start it with --console-exposed, or without --host"
        )
    dropped = sum(status["dropped"].values())
    lines: list[str] = []
    if status["is_running"]:
        lines.append(f"{escape(status['app'])} runs at {status['api_url']} since {moment(status['started_at'])}")
    elif link is None:
        lines.append("`portable dev` does not run; this is what it has recorded")
    else:
        lines.append("nothing is served yet")
    if link is not None:
        lines.append(f"console  {link}")
    if not status["is_recorded"]:
        lines.append(UNRECORDED)
    error = status["import_error"]
    if error is not None:
        place = f"{shown_path(error['file'])}:{error['line']}: " if error["file"] else ""
        lines.append(f"what was saved does not import: {escape(place)}{escape(error['message'])}")
    elif status["last_reload"] is not None:
        reload = status["last_reload"]
        lines.append(f"reloaded {escape(reload['text'])} at {moment(reload['at'])}")
    if status["is_running"]:
        counts = status["counts"]
        lines.append(", ".join(counted(counts[f"{name}s"], name) for name in ("route", "queue", "table", "bucket")))
    issues = status["issues"]
    lines.append(counted(issues, "issue") + (": portable invocations --outcome failed" if issues else ""))
    if dropped:
        lines.append(f"{counted(dropped, 'record')} dropped, as more came than could be written")
    return "\n".join(lines)


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
