"""`portable openapi`: the HTTP face of an app for other programs."""

import json
import os
from pathlib import Path

import click

from .options import Misuse, common, path_argument
from .project import find_project, load_described, resolved
from .render import Output, json_text


@click.command("openapi")
@path_argument
@click.option("--output", "file", metavar="FILE", type=click.Path(), help="Write it here instead of printing it.")
@click.option("--indent", type=click.IntRange(0, 8), default=2, show_default=True, help="0: on one line.")
@common
def command(output: Output, path: str | None, file: str | None, indent: int) -> None:
    """Print the OpenAPI 3.1 document of the app at PATH (default: here); it is JSON with or without --json.

    A file that is there is replaced, whole or not at all.
    """
    target = resolved(file) if file is not None else None
    if target is not None and not target.parent.is_dir():
        raise Misuse(f"there is no folder {target.parent} for --output", hint="make it first")
    if target is not None and target.is_dir():
        raise Misuse(f"{file} is a folder", hint=f"for instance --output {Path(str(file)) / 'openapi.json'}")
    document = load_described(find_project(path), "openapi")
    if target is None:
        # As text, since --json would have an indent of its own.
        Output().data(document, json_text(document, indent or None))
        return
    text = json.dumps(document, ensure_ascii=False, indent=indent or None)
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(f"{text}\n", encoding="utf-8", errors="backslashreplace")
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)
    written = {"file": str(target), "paths": len(document["paths"])}
    if output.as_json:
        output.data(written, "")
    else:
        output.say(f"{target}: {written['paths']} paths")
