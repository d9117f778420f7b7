"""Options that several verbs share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

import click

from portable.adapter import Deploys, LocalServer, find_adapter
from portable.capabilities import PROVIDERS
from portable.errors import ConfigurationError, Conflict, InvalidArgument
from portable.patterns import Pattern

from .render import Output

P = ParamSpec("P")
R = TypeVar("R")
STAGE = Pattern(r"[a-z][a-z0-9]{0,15}")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
"""What portable runs on, of which a provider may lack some."""


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
    """Adds the optional PATH of the app, or --app, which is all that verbs with another argument have."""

    @click.argument("path", required=False, type=click.Path())
    @click.option("--app", "app_path", metavar="PATH", type=click.Path(), help="The same as PATH.")
    @wraps(function)
    def with_path(*arguments: Any, path: str | None, app_path: str | None, **options: Any) -> R:
        if path is not None and app_path is not None:
            raise Misuse("the app is named twice", hint="give its path alone, or with --app")
        options["path"] = path if path is not None else app_path
        return function(*arguments, **options)

    return cast("Callable[P, R]", with_path)


def data_option(function: Callable[P, R]) -> Callable[P, R]:
    """Adds --data."""
    return click.option(
        "--data", metavar="DIR", type=click.Path(), help="The data folder (default: .portable beside the app)."
    )(function)


def app_option(function: Callable[P, R]) -> Callable[P, R]:
    """Adds --app alone, for verbs whose argument is something else."""
    return click.option(
        "--app", "path", metavar="PATH", type=click.Path(), help="The app's folder or file (default: here)."
    )(function)


class Place(NamedTuple):
    """A deployed stage."""

    target: str
    stage: str


def stage_named(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """A stage's name as it must be on every provider. Raises Misuse."""
    if value is not None and STAGE.fullmatch(value) is None:
        raise Misuse(
            f"stage {value!r} is not 1-16 lower-case letters and digits, a letter first",
            hint="for instance dev, staging or prod",
        )
    return value


def python_named(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """A Python that portable runs on: known before anybody is asked. Raises Misuse."""
    if value is not None and value not in PYTHONS:
        raise Misuse(f"portable runs on no Python {value!r}", hint=f"one of {', '.join(PYTHONS)}")
    return value


def place_options(function: Callable[P, R]) -> Callable[P, R]:
    """Adds --target and --stage to verbs that are otherwise about this machine."""
    function = click.option(
        "--stage", metavar="NAME", callback=stage_named, help="The deployed stage (default: this machine)."
    )(function)
    return click.option("--target", type=click.Choice(PROVIDERS), help="Where the stage is deployed.")(function)


def place_of(target: str | None, stage: str | None, data: str | None) -> Place | None:
    """The stage that is meant; None: this machine. Raises Misuse."""
    if target is None and stage is None:
        return None
    if target is None or stage is None:
        missing = "--target" if target is None else "--stage"
        raise Misuse(f"{missing} is missing", hint="a deployed stage is named by both: --target aws --stage dev")
    if data is not None:
        raise Misuse("--data is of this machine, and --stage is not", hint="leave one out")
    return Place(target, stage)


def find_deploys(target: str) -> Deploys:
    """The adapter of a provider as one to which one deploys. Raises ConfigurationError."""
    adapter: object = find_adapter(target)
    if not isinstance(adapter, Deploys):
        raise ConfigurationError(f"the adapter for {target} deploys nothing yet", hint="one can deploy to: aws, gcp")
    return adapter


def local_server() -> LocalServer:
    """The local adapter as the command line uses it. Raises ConfigurationError."""
    adapter = find_adapter("local")
    if not isinstance(adapter, LocalServer):
        raise ConfigurationError(
            "the installed local adapter cannot serve", hint="install portable-serverless again: its parts do not match"
        )
    return adapter
