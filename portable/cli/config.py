"""`portable config`: set, get, list, remove the app's params."""

from typing import Any

import click

from portable.errors import NotFound

from .options import app_option, common, data_option, place_of, place_options
from .render import Output, columns
from .values import values


@click.group("config")
def command() -> None:
    """Set, read and list the app's params on this machine, or in a deployed stage."""


@command.command("set")
@click.argument("name")
@click.argument("value")
@app_option
@data_option
@place_options
@common
def set_(
    output: Output, name: str, value: str, path: str | None, data: str | None, target: str | None, stage: str | None
) -> None:
    """Set the param NAME to VALUE."""
    values(output, "param", path, data, place_of(target, stage, data)).write(name, value)
    output.data({"param": name, "value": value}, f"param {name} is set")


@command.command("get")
@click.argument("name")
@app_option
@data_option
@place_options
@common
def get(output: Output, name: str, path: str | None, data: str | None, target: str | None, stage: str | None) -> None:
    """Print the value of the param NAME, or its default."""
    found = values(output, "param", path, data, place_of(target, stage, data))
    value = found.keeper.read_param(name)
    is_default = value is None
    if value is None:
        found.require(name)
        value = (found.declared or {}).get(name, {}).get("default")
    if value is None:
        raise NotFound(f"param {name!r} is not set and has no default", hint=f"portable config set {name} VALUE")
    output.data({"param": name, "value": value, "is_default": is_default}, value)


@command.command("list")
@app_option
@data_option
@place_options
@common
def list_(output: Output, path: str | None, data: str | None, target: str | None, stage: str | None) -> None:
    """List the params that the app declares or that are set, with their values."""
    found = values(output, "param", path, data, place_of(target, stage, data))
    listed: list[dict[str, Any]] = [
        {
            **entry,
            "value": found.keeper.read_param(entry["name"]) if entry["set"] else None,
            "default": (found.declared or {}).get(entry["name"], {}).get("default"),
        }
        for entry in found.names()
    ]
    rows = [[entry["name"], *shown(entry)] for entry in listed]
    output.data({"params": listed}, columns(rows, ("name", "value", "from")) if rows else "no params")


def shown(entry: dict[str, Any]) -> tuple[str, str]:
    """The value that counts, and where it is from."""
    if entry["set"]:
        return str(entry["value"]), "set"
    return ("-", "not set") if entry["default"] is None else (str(entry["default"]), "default")


@command.command("remove")
@click.argument("name")
@app_option
@data_option
@place_options
@common
def remove(
    output: Output, name: str, path: str | None, data: str | None, target: str | None, stage: str | None
) -> None:
    """Forget the param NAME, so that its default counts again."""
    values(output, "param", path, data, place_of(target, stage, data)).remove(name)
    output.data({"param": name, "value": None}, f"param {name} is forgotten")
