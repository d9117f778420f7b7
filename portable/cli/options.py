"""Options that several verbs share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import click

from portable.adapter import LocalServer, find_adapter
from portable.errors import ConfigurationError, Conflict, InvalidArgument

from .render import Output

P = ParamSpec("P")
R = TypeVar("R")


class Misuse(InvalidArgument):
    """An argument of the command line that cannot be meant: exit code 2."""

    exit_code = 2


class Occupied(Conflict):
    """Something is where the command would write: exit code 6."""

    exit_code = 6


def common(function: Callable[Concatenate[Output, P], R]) -> Callable[P, R]:
    """Adds --json and --verbose, and hands the verb its Output."""

    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
    @click.option("--verbose", is_flag=True, help="Show tracebacks of portable itself.")
    @wraps(function)
    def with_output(*arguments: Any, as_json: bool, verbose: bool, **options: Any) -> R:
        return function(Output(as_json=as_json, verbose=verbose), *arguments, **options)

    return cast("Callable[P, R]", with_output)


def path_argument(function: Callable[P, R]) -> Callable[P, R]:
    """Adds the optional PATH of the app."""
    return click.argument("path", required=False, type=click.Path())(function)


def data_option(function: Callable[P, R]) -> Callable[P, R]:
    """Adds --data."""
    return click.option(
        "--data", metavar="DIR", type=click.Path(), help="The data folder (default: .portable beside the app)."
    )(function)


def app_option(function: Callable[P, R]) -> Callable[P, R]:
    """Adds --app, for verbs whose argument is something else."""
    return click.option(
        "--app", "path", metavar="PATH", type=click.Path(), help="The app's folder or file (default: here)."
    )(function)


def local_server() -> LocalServer:
    """The local adapter as the command line uses it. Raises ConfigurationError."""
    adapter = find_adapter("local")
    if not isinstance(adapter, LocalServer):
        raise ConfigurationError(
            "the installed local adapter cannot serve", hint="install portable-serverless again: its parts do not match"
        )
    return adapter
