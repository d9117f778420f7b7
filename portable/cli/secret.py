"""`portable secret`: set, list, remove. No verb shows a secret, and none takes one as an argument."""

import sys

import click

from .options import Misuse, app_option, common, data_option, place_of, place_options
from .render import Output, columns
from .values import values


@click.group("secret")
def command() -> None:
    """Set, list and remove the app's secrets on this machine, or in a deployed stage."""


@command.command("set")
@click.argument("name")
@click.option("--from-stdin", is_flag=True, help="Read the value from stdin, without its last line break.")
@app_option
@data_option
@place_options
@common
def set_(
    output: Output,
    name: str,
    from_stdin: bool,
    path: str | None,
    data: str | None,
    target: str | None,
    stage: str | None,
) -> None:
    """Set the secret NAME; the value is asked for, or read from stdin."""
    found = values(output, "secret", path, data, place_of(target, stage, data))
    found.require(name)
    found.write(name, read_secret(name, from_stdin))
    output.data({"secret": name, "set": True}, f"secret {name} is set")


def read_secret(name: str, from_stdin: bool) -> str:
    """The value, never from the command line (which others on the machine can see). Raises Misuse."""
    if from_stdin:
        value = sys.stdin.read().removesuffix("\n").removesuffix("\r")
        if not value:
            raise Misuse("stdin is empty", hint=f"portable secret set {name} --from-stdin < FILE")
        return value
    if not sys.stdin.isatty():
        raise Misuse("there is no terminal to ask on", hint=f"portable secret set {name} --from-stdin < FILE")
    return str(click.prompt(f"value of {name}", hide_input=True, confirmation_prompt=True, err=True))


@command.command("list")
@app_option
@data_option
@place_options
@common
def list_(output: Output, path: str | None, data: str | None, target: str | None, stage: str | None) -> None:
    """List the secrets that the app declares or that are set, without their values."""
    found = values(output, "secret", path, data, place_of(target, stage, data)).names()
    rows = [[entry["name"], yes(entry["set"]), yes(entry["declared"])] for entry in found]
    output.data({"secrets": found}, columns(rows, ("name", "set", "declared")) if rows else "no secrets")


def yes(flag: bool | None) -> str:
    return "?" if flag is None else "yes" if flag else "no"


@command.command("remove")
@click.argument("name")
@app_option
@data_option
@place_options
@common
def remove(
    output: Output, name: str, path: str | None, data: str | None, target: str | None, stage: str | None
) -> None:
    """Forget the secret NAME."""
    values(output, "secret", path, data, place_of(target, stage, data)).remove(name)
    output.data({"secret": name, "set": False}, f"secret {name} is forgotten")
