"""`portable check`: everything that is wrong with an app, or would be on some provider, at once."""

import os
import sys
from collections.abc import Iterable
from itertools import groupby
from typing import Any, TextIO

import click

from portable.capabilities import PROVIDERS

from .options import Misuse, common, path_argument
from .project import find_project, load_described
from .render import Output, escape, paint

COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
FAILED = 1


@click.command("check")
@path_argument
@click.option("--targets", metavar="NAMES", help="Providers to check for, as aws,gcp (default: those the app names).")
@click.option("--strict", is_flag=True, help="Warnings fail too.")
@common
def command(output: Output, path: str | None, targets: str | None, strict: bool) -> int:
    """Report what is wrong with the app at PATH (default: here), or would be on some provider.

    Exit code 0: nothing is wrong; 1: errors (with --strict also warnings); 3: the app cannot be loaded.
    """
    wanted = chosen(targets)
    answer = load_described(find_project(path), "check")
    value = report(answer, wanted or answer["targets"], strict=strict)
    output.data(value, describe(value, answer["root"], sys.stdout))
    counts = value["counts"]
    return FAILED if counts["error"] or (strict and counts["warning"]) else 0


def chosen(targets: str | None) -> list[str]:
    """The providers of `--targets`, in their usual order. Raises Misuse."""
    if targets is None:
        return []
    names = [name.strip() for name in targets.split(",") if name.strip()]
    unknown = [name for name in names if name not in PROVIDERS]
    if unknown or not names:
        raise Misuse(
            f"--targets {targets!r}: {', '.join(unknown) or 'nothing'} is no provider",
            hint=f"some of {','.join(PROVIDERS)}",
        )
    return [provider for provider in PROVIDERS if provider in names]


def report(answer: dict[str, Any], targets: Iterable[str], *, strict: bool) -> dict[str, Any]:
    """The JSON of the command: the findings that concern `targets`, and how many there are of each severity."""
    wanted = list(targets)
    found = [one for one in answer["diagnostics"] if one["provider"] is None or one["provider"] in wanted]
    counts = {severity: sum(one["severity"] == severity for one in found) for severity in COLOURS}
    return {
        "app": answer["app"],
        "targets": wanted,
        "strict": strict,
        "ok": not (counts["error"] or (strict and counts["warning"])),
        "counts": counts,
        "diagnostics": found,
    }


def describe(value: dict[str, Any], root: str, stream: TextIO) -> str:
    """The findings for people: by file, the same finding on several providers once."""
    lines: list[str] = []
    for file, group in groupby(
        value["diagnostics"], key=lambda one: one["location"]["file"] if one["location"] else ""
    ):
        lines.append(paint(escape(shown_file(root, file)), "bold", stream) if file else "")
        for one in group:
            where = f"{one['location']['line']}: " if one["location"] else ""
            whose = f" ({one['provider']})" if one["provider"] else ""
            severity = paint(one["severity"], COLOURS[one["severity"]], stream)
            lines.append(f"  {where}{severity}[{one['code']}]{whose}: {escape(one['cause'])}")
            if one["alternative"]:
                lines.append(f"    {paint('hint:', 'dim', stream)} {escape(one['alternative'])}")
    counted = [f"{count} {severity}{'s' if count != 1 else ''}" for severity, count in value["counts"].items() if count]
    lines.append(f"{value['app']} for {', '.join(value['targets'])}: {', '.join(counted) or 'nothing found'}")
    if counted:
        lines.append(paint("more about a code: portable explain CODE", "dim", stream))
    return "\n".join(lines)


def shown_file(root: str, file: str) -> str:
    """Relative to the current folder where that is below it."""
    whole = os.path.join(root, file)
    try:
        near = os.path.relpath(whole)
    except OSError:
        # The current folder is gone.
        return whole
    return near if not near.startswith("..") else whole
