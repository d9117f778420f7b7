"""`portable invoke NAME`: one background handler, now."""

import difflib
import json
import sys
from pathlib import Path
from typing import Any

import click

from portable.codec import parse_json
from portable.errors import PortableError

from .options import Misuse, app_option, common, data_option, find_deploys, local_server, place_of, place_options
from .project import data_folder, find_project, load_manifest
from .render import Output, escape, json_text, talk_on_stderr


@click.command("invoke")
@click.argument("name")
@click.option("--payload", default="null", metavar="JSON|@FILE|-", help="The payload: JSON, a file of it, or stdin.")
@app_option
@data_option
@place_options
@common
def command(
    output: Output,
    name: str,
    payload: str,
    path: str | None,
    data: str | None,
    target: str | None,
    stage: str | None,
) -> int:
    """Run the background handler NAME once, now, and print what it returns.

    It runs against the data of `portable dev`, and inside it if it is running; with --target and --stage in the
    deployed function.
    """
    place = place_of(target, stage, data)
    body = read_payload(payload)
    project = find_project(path)
    manifest = load_manifest(project)
    check_handler(manifest, name)
    if place is not None:
        deployer = find_deploys(place.target).deployer(manifest["app"]["name"], place.stage)
        outcome = deployer.invoke(manifest, name, body)
    else:
        folder = data_folder(project, data)
        with talk_on_stderr():
            outcome = local_server().invoke(project, folder, name, body)
    value: Any = None if outcome.result is None else json.loads(outcome.result)
    if outcome.traceback:
        output.say(escape(outcome.traceback.rstrip()))
    if outcome.error:
        output.say(f"error: {name} {outcome.status}: {escape(outcome.error)}")
    shown = {"handler": name, "status": outcome.status, "result": value, "error": outcome.error}
    if output.as_json or outcome.status == "succeeded":
        output.data(shown, json_text(value))
    return 0 if outcome.status == "succeeded" else 1


def read_payload(payload: str) -> str:
    """The JSON text that `--payload` stands for. Raises Misuse."""
    if payload == "-":
        text, source = sys.stdin.read(), "stdin"
    elif payload.startswith("@"):
        file = Path(payload[1:])
        source = str(file)
        try:
            text = file.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise Misuse(f"there is no file {source}", hint="--payload @FILE reads the payload from FILE") from error
        except (OSError, UnicodeDecodeError) as error:
            raise Misuse(f"{source} cannot be read as UTF-8 text: {error}") from error
    else:
        text, source = payload, "--payload"
    try:
        parse_json(text)
    except PortableError as error:
        hint = "quote it for the shell: --payload '{\"id\": 1}'; a text is '\"so\"'"
        raise Misuse(f"{source} is {error.message}", hint=hint) from error
    return text


def check_handler(manifest: dict[str, Any], name: str) -> None:
    """Raises Misuse for a handler that there is not, and for one that answers HTTP."""
    handlers = {handler["name"]: handler for handler in manifest["handlers"]}
    if name not in handlers:
        background = [key for key, handler in handlers.items() if handler["trigger"]["type"] != "route"]
        near = difflib.get_close_matches(name, background, 1)
        listed = ", ".join(background) or "none"
        raise Misuse(
            f"there is no handler {name!r}", hint=f"did you mean {near[0]}?" if near else f"there are: {listed}"
        )
    trigger = handlers[name]["trigger"]
    if trigger["type"] == "route":
        raise Misuse(
            f"{name} answers HTTP", hint=f"request it: {trigger['methods'][0]} {trigger['path']} on `portable dev`"
        )
