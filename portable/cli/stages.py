"""What the verbs about a deployed stage share: their options, the adapter that deploys, and how a deploy is told."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, ParamSpec, TypeVar

import click

from portable.adapter import Deployer, PackageOptions, Project, Step
from portable.capabilities import PROVIDERS
from portable.deploy.plan import Plan
from portable.errors import LoadError

from .app_names import is_name, name_in_project_file, name_in_source
from .check import describe
from .making import PROD, Recipe, chosen, find_packager, found, settings_for
from .options import Misuse, find_deploys, python_named, stage_named
from .project import find_project, load_described, load_manifest
from .render import Output, columns, escape, paint

P = ParamSpec("P")
R = TypeVar("R")
MARKS = {"started": " ", "done": "+", "failed": "!"}


class Making(NamedTuple):
    """How a package is made, as the options say it."""

    arch: str | None
    python: str | None
    prod: bool | None
    refresh: bool


def stage_options(function: Callable[P, R]) -> Callable[P, R]:
    """Adds --target and --stage."""
    function = click.option(
        "--stage", required=True, metavar="NAME", callback=stage_named, help="For instance dev or prod."
    )(function)
    return click.option("--target", required=True, type=click.Choice(PROVIDERS), help="The provider.")(function)


def making_options(function: Callable[P, R]) -> Callable[P, R]:
    """Adds what says how a package is made."""
    for option in (
        click.option("--refresh", is_flag=True, help="Resolve dependencies anew."),
        click.option(
            "--prod/--no-prod",
            "prod",
            default=None,
            help="Whether it is production (default: as deployed or named).",
        ),
        click.option(
            "--python",
            metavar="3.X",
            callback=python_named,
            help="The Python that it runs on (default: a current one).",
        ),
        click.option("--arch", type=click.Choice(("arm64", "x86_64")), help="The processor (default: the cheapest)."),
    ):
        function = option(function)
    return function


class Deployment(NamedTuple):
    """A stage of an app. `manifest` None: the app was not imported, so what is deployed says what it has."""

    name: str
    manifest: dict[str, Any] | None
    deployer: Deployer


def name_option(function: Callable[P, R]) -> Callable[P, R]:
    """Adds --name, for verbs that need no more of an app than its name."""
    return click.option(
        "--name", "app_name", metavar="APP", help="The app's name; then it is not imported (default: what it says)."
    )(function)


def stage_of(
    output: Output, path: str | None, target: str, stage: str, name: str | None, *, sure: bool = False
) -> Deployment:
    """The app at `path`, or the one called `name`, as it is deployed.

    An app that does not import is gone by its name, if that stands in its source or (unless one has to be `sure`) in
    the project's file; else raises LoadError.
    """
    adapter = find_deploys(target)
    if name is not None:
        if not is_name(name):
            raise Misuse(
                f"--name {name!r} is not the name of an app",
                hint="lower-case letters, digits and hyphens, a letter first",
            )
        return Deployment(name, None, adapter.deployer(name, stage))
    project = find_project(path)
    try:
        manifest = load_manifest(project)
    except LoadError as error:
        found = name_in_source(project) or (None if sure else name_in_project_file(project.root))
        if found is None:
            output.say("the app does not import, and its name is not plain to see: --name APP goes on without it")
            raise
        output.say(escape(f"the app does not import; going by its name {found}: {error.message}"))
        return Deployment(found, None, adapter.deployer(found, stage))
    found = manifest["app"]["name"]
    return Deployment(found, manifest, adapter.deployer(found, stage))


def prepared(
    output: Output, path: str | None, target: str, stage: str, making: Making
) -> tuple[PackageOptions, Deployer] | None:
    """What a package is made of, checked; None if the check found errors, which are then said."""
    adapter = find_deploys(target)
    project: Project = find_project(path)
    packager = find_packager(target)
    answer = load_described(project, "package")
    deployer = adapter.deployer(answer["manifest"]["app"]["name"], stage)
    is_prod = making.prod if making.prod is not None else stage in PROD
    checked = found(answer, packager, target, stage, is_prod=is_prod)
    # A stage stays what it was deployed as: to forget --prod once must not take the protection off its data.
    if checked["ok"] and making.prod is None and not is_prod and deployer.is_prod():
        is_prod = True
        checked = found(answer, packager, target, stage, is_prod=True)
    if not checked["ok"]:
        output.data(checked, describe(checked, answer["check"]["root"], sys.stdout))
        return None
    made = Recipe(making.arch, making.python, making.refresh, *chosen(project.root), settings_for(project.root, target))
    return made.options(project, answer, stage, is_prod), deployer


class Teller:
    """Implements portable.adapter.Watcher: all on stderr, where it is asked too."""

    def __init__(self, output: Output, *, yes: bool) -> None:
        if not yes and not sys.stdin.isatty():
            raise Misuse("there is no terminal to ask on", hint="--yes agrees to what will be shown")
        self._output = output
        self._yes = yes

    def say(self, text: str) -> None:
        self._output.say(escape(text))

    def step(self, step: Step) -> None:
        mark = MARKS[step.state]
        if step.state == "failed":
            mark = paint(mark, "red", sys.stderr)
        reason = f": {escape(step.reason)}" if step.reason and step.state == "failed" else ""
        at = f"{datetime.fromtimestamp(step.at, UTC):%H:%M:%S}"
        self._output.say(f"{at} {mark} {step.kind} {escape(step.name)} {step.status}{reason}")

    def agree(self, plan: Plan) -> bool:
        self._output.say(escape(plan.text()))
        return self._yes or click.confirm("apply this?", default=False, err=True)


def outputs_text(outputs: dict[str, str]) -> str:
    return columns([[name, value] for name, value in sorted(outputs.items())], ("output", "value"))


INTERRUPTED = "the provider goes on with what it has begun; the same command again takes it up from there"
