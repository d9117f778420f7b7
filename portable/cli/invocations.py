"""`portable invocations`: what ran on this machine, the newest first."""

import re
from typing import Any

import click

from .observing import SIGNS, console_at, moment, require_handler, since, tell_unrecorded, took
from .options import Misuse, app_option, common, data_option
from .project import find_project
from .render import Output, columns

KINDS = ("http", "task", "topic", "schedule", "bucket", "table")


def status_named(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """`404` or `5xx`. Raises Misuse."""
    if value is not None and re.fullmatch(r"[1-5](?:[0-9]{2}|xx)", value, re.ASCII | re.IGNORECASE) is None:
        raise Misuse(f"--status {value!r} is no status", hint="for instance 404, or 5xx")
    return value and value.lower()


@click.command("invocations")
@click.argument("query", required=False)
@app_option
@data_option
@click.option("--handler", metavar="NAME", help="Of this handler only.")
@click.option("--service", metavar="NAME", help="Of this service only.")
@click.option("--kind", type=click.Choice(KINDS), help="Started in this way only.")
@click.option("--outcome", type=click.Choice(("succeeded", "failed", "dead")), help="With this outcome only.")
@click.option(
    "--status", callback=status_named, metavar="CODE", help="HTTP: with this status only, for instance 404 or 5xx."
)
@click.option("--since", "ago", default="24h", metavar="DURATION", help="How far back (default: 24h).")
@click.option("--limit", type=click.IntRange(1, 500), default=30, show_default=True)
@common
def command(
    output: Output,
    query: str | None,
    path: str | None,
    data: str | None,
    handler: str | None,
    service: str | None,
    kind: str | None,
    outcome: str | None,
    status: str | None,
    ago: str,
    limit: int,
) -> None:
    """List invocations that were recorded by `portable dev`, also after it has ended.

    QUERY is looked for in names, errors and ids.
    """
    wanted = {
        "handler": handler,
        "service": service,
        "kind": kind,
        "outcome": outcome,
        "status": status,
        "q": query,
        "from": since(ago),
        "limit": limit,
    }
    console = console_at(path, data)
    found: dict[str, Any] = console.get("invocations", wanted)
    if handler is not None and not found["items"]:
        require_handler(console, find_project(path), handler)
    tell_unrecorded(output, console)
    output.data(found, text(found["items"]))


def text(items: list[dict[str, Any]]) -> str:
    if not items:
        return "no invocation fits"
    rows = [
        [
            moment(one["started_at"]),
            SIGNS[one["outcome"]],
            one["name"] if one["kind"] == "http" else f"{one['kind']} {one['handler']}",
            str(one["status"] or ""),
            took(one["seconds"]),
            f"{one['attempt']}/{one['max_attempts']}" if one["max_attempts"] > 1 else "",
            one["id"],
            one["error"] or "",
        ]
        for one in items
    ]
    return columns(rows, ("at", "outcome", "what", "status", "took", "attempt", "id", "error"))
