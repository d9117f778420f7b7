"""`portable trace ID`: one transaction, from its first request to the last thing that followed from it."""

import sys
from typing import Any

import click

from portable.adapter import Console
from portable.errors import InvalidArgument, NotFound

from .observing import COLOURS, console_at, log_line, moment, took
from .options import Misuse, app_option, common, data_option
from .render import Output, escape, paint

TRACE_DIGITS = 32
LEAST_DIGITS = 4
BARS = 24


@click.command("trace")
@click.argument("id")
@app_option
@data_option
@click.option("--logs/--no-logs", default=True, help="Also print the lines that were logged (default: yes).")
@common
def command(output: Output, id: str, path: str | None, data: str | None, logs: bool) -> None:
    """Show the transaction ID: a trace id, the id of one of its invocations, or a request id."""
    found = trace_of(console_at(path, data), id)
    output.data(found, text(found, with_logs=logs))


def trace_of(console: Console, id: str) -> dict[str, Any]:
    """Raises Misuse for what is no beginning of an id, NotFound, and InvalidArgument if several begin so."""
    if len(id) < LEAST_DIGITS or not id.isprintable():
        raise Misuse(
            f"{id!r} is no id", hint=f"give {LEAST_DIGITS} of its digits at least, as `portable invocations` does"
        )
    if len(id) == TRACE_DIGITS:
        try:
            found: dict[str, Any] = console.get(f"traces/{id}")
        except NotFound:
            pass
        else:
            return found
    items: list[dict[str, Any]] = console.get("invocations", {"id": id, "limit": 200})["items"]
    # Who has the whole id means that one.
    exact = [one for one in items if id in (one["id"], one["trace_id"], one["request_id"])]
    traces = list(dict.fromkeys(one["trace_id"] for one in exact or items))
    if not traces:
        raise NotFound(f"no invocation has the id {id}", hint="`portable invocations` lists them")
    if len(traces) > 1:
        raise InvalidArgument(f"{len(traces)} transactions have an id that begins with {id}", hint="give more of it")
    trace: dict[str, Any] = console.get(f"traces/{traces[0]}")
    return trace


def text(trace: dict[str, Any], *, with_logs: bool) -> str:
    spans: list[dict[str, Any]] = trace["spans"]
    lines = [f"trace {trace['trace_id']}"]
    if spans:
        began = spans[0]["started_at"]
        whole = max(span["started_at"] + span["seconds"] for span in spans) - began
        lines[0] += f"  {moment(began, with_day=True)}  {took(whole)}"
        known = {span["id"] for span in spans}
        children: dict[str | None, list[dict[str, Any]]] = {}
        for span in spans:
            children.setdefault(span["parent"] if span["parent"] in known else None, []).append(span)
        rows = tree(children, None, 0, set())
        width = max(len(name) for name, _ in rows)
        for name, span in rows:
            bar = bar_of(span, began, whole)
            shown = (
                paint(name.ljust(width), COLOURS[span["outcome"]], sys.stdout)
                if span["outcome"] != "succeeded"
                else name.ljust(width)
            )
            error = f"  {escape(span['error'])}" if span["error"] else ""
            lines.append(f"  {shown}  {bar}  {took(span['seconds'])}{error}")
    if with_logs and trace["logs"]:
        lines.append("")
        lines += [f"  {log_line(log)}" for log in trace["logs"]]
    return "\n".join(lines)


def tree(
    children: dict[str | None, list[dict[str, Any]]], parent: str | None, depth: int, seen: set[str]
) -> list[tuple[str, dict[str, Any]]]:
    """What a span led to, below it; a span that names itself as its parent is shown once."""
    found: list[tuple[str, dict[str, Any]]] = []
    siblings = children.get(parent, ())
    repeated = {delivery_of(span) for span in siblings if attempt_of(span) > 1}
    for span in siblings:
        if span["id"] in seen:
            continue
        seen.add(span["id"])
        found.append((f"{'  ' * depth}{named(span, is_repeated=delivery_of(span) in repeated)}", span))
        found += tree(children, span["id"], depth + 1, seen)
    return found


def attempt_of(span: dict[str, Any]) -> int:
    attempt: int = span["attributes"].get("portable.attempt", 1)
    return attempt


def delivery_of(span: dict[str, Any]) -> tuple[str, str, Any]:
    """Which spans below one parent are attempts of the same."""
    return span["kind"], span["handler"], span["attributes"].get("messaging.message.id")


def named(span: dict[str, Any], *, is_repeated: bool) -> str:
    """With whose it is: what another process made, and which of the handlers of one topic. Of several attempts each
    has its number.
    """
    name = escape(span["name"])
    if span["kind"] == "external":
        return f"{escape(span['service'])}: {name}"
    if span["kind"] in ("task", "topic", "schedule", "bucket", "table"):
        name += f" {escape(span['handler'])}" + (f", attempt {attempt_of(span)}" if is_repeated else "")
    return name


def bar_of(span: dict[str, Any], began: float, whole: float) -> str:
    """When it ran, as a part of the whole."""
    share = BARS / max(whole, 1e-9)
    offset, seconds = float(span["started_at"]) - began, float(span["seconds"])
    start = min(BARS - 1, int(offset * share))
    length = max(1, min(BARS - start, round(seconds * share)))
    return ("." * start + "#" * length).ljust(BARS, ".")
