"""`portable invoke NAME`: one background handler, now."""

import difflib
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from portable.adapter import Console
from portable.codec import parse_json
from portable.errors import PortableError
from portable.invocation import Outcome

from .observing import observes, recorded_as
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

    It runs against the data of `portable dev`, and inside it if it is running, where it is recorded; with --target and
    --stage in the deployed function.
    """
    place = place_of(target, stage, data)
    body = read_payload(payload)
    project = find_project(path)
    manifest = load_manifest(project)
    check_handler(manifest, name)
    if place is not None:
        deployer = find_deploys(place.target).deployer(manifest["app"]["name"], place.stage)
        done = done_of(deployer.invoke(manifest, name, body))
    else:
        folder = data_folder(project, data)
        console = observes().serving(folder)
        if console is not None:
            done = done_by(console, name, body)
        else:
            with talk_on_stderr():
                done = done_of(local_server().invoke(project, folder, name, body))
    if done.traceback:
        output.say(escape(done.traceback.rstrip()))
    if done.error:
        output.say(f"error: {name} {done.status}: {escape(done.error)}")
    if done.invocation is not None:
        output.say(recorded_as(done.invocation))
    shown = {
        "handler": name,
        "status": done.status,
        "result": done.result,
        "error": done.error,
        "invocation": done.invocation,
    }
    if output.as_json or done.status == "succeeded":
        output.data(shown, json_text(done.result))
    return 0 if done.status == "succeeded" else 1


class Done(NamedTuple):
    """What came of it. `invocation` is its id where it is recorded on this machine."""

    status: str
    result: Any
    error: str | None
    traceback: str | None
    invocation: str | None


def done_of(outcome: Outcome) -> Done:
    result: Any = None if outcome.result is None else json.loads(outcome.result)
    return Done(outcome.status, result, outcome.error, outcome.traceback, None)


def done_by(console: Console, name: str, body: str) -> Done:
    """By the API of the `portable dev` that runs, as the console's own form does it."""
    started = console.send("POST", f"functions/{name}/invoke", {"payload": json.loads(body)})
    return Done(*(started[member] for member in ("outcome", "result", "error", "traceback", "invocation")))


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
