"""`portable deploy`: makes a stage what the app declares."""

from typing import Any

import click

from portable.adapter import Choices, Deployed

from .check import FAILED
from .options import common, path_argument
from .render import Output
from .stages import INTERRUPTED, Making, Teller, making_options, outputs_text, prepared, stage_options


@click.command("deploy")
@path_argument
@stage_options
@making_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--lose", multiple=True, metavar="NAME", help="A data store that may be replaced or deleted.")
@click.option("--skip", multiple=True, metavar="ID", help="A resource to give up where undoing has failed.")
@click.option("--no-wait", is_flag=True, help="Do not wait for a change that the provider is at.")
@common
def command(
    output: Output,
    path: str | None,
    target: str,
    stage: str,
    arch: str | None,
    python: str | None,
    prod: bool | None,
    refresh: bool,
    yes: bool,
    lose: tuple[str, ...],
    skip: tuple[str, ...],
    no_wait: bool,
) -> int:
    """Deploy the app at PATH (default: here): what would change is shown, asked about, and applied.

    Interrupted anywhere, the same command again takes it up. Exit codes: docs/deploy.md.
    """
    teller = Teller(output, yes=yes)
    ready = prepared(output, path, target, stage, Making(arch, python, prod, refresh))
    if ready is None:
        return FAILED
    options, deployer = ready
    try:
        done = deployer.deploy(options, Choices(lose, skip, not no_wait), teller)
    except KeyboardInterrupt:
        output.say(INTERRUPTED)
        raise
    return tell(output, options.manifest["app"]["name"], stage, done)


def tell(output: Output, app: str, stage: str, done: Deployed) -> int:
    """Says what became of it; the exit code."""
    release = done.release
    value: dict[str, Any] = {
        "app": app,
        "stage": stage,
        "changed": done.is_changed,
        "release": None if release is None else release._asdict(),
        "outputs": done.outputs,
    }
    if release is None:
        output.data(value, "nothing was changed")
        return FAILED
    what = f"{app} in {stage}: release {release.number}" + ("" if done.is_changed else ", nothing to change")
    output.data(value, f"{what}\n\n{outputs_text(done.outputs)}" if done.outputs else what)
    return 0
