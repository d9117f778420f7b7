"""`portable plan`: what a deploy would change, and why. Changes nothing."""

import click

from .check import FAILED
from .options import common, path_argument
from .render import Output, escape
from .stages import Making, making_options, prepared, stage_options


@click.command("plan")
@path_argument
@stage_options
@making_options
@click.option("--all", "kept", is_flag=True, help="Also what stays as it is.")
@click.option("--drift", is_flag=True, help="Also what was changed past the deploys; takes a minute.")
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
    kept: bool,
    drift: bool,
) -> int:
    """Show what `portable deploy` would change of the app at PATH (default: here), and why.

    Exit code 1: `check` found errors. Data stores that would be replaced or deleted are marked.
    """
    ready = prepared(output, path, target, stage, Making(arch, python, prod, refresh))
    if ready is None:
        return FAILED
    options, deployer = ready
    plan = deployer.plan(options, drift=drift)
    output.data(plan.to_dict(), escape(plan.text(kept=kept)))
    return 0
