"""`portable releases`: what was deployed, and when, and by whom."""

import click

from .options import common, path_argument
from .render import Output, columns
from .stages import name_option, stage_of, stage_options


@click.command("releases")
@path_argument
@stage_options
@name_option
@common
def command(output: Output, path: str | None, target: str, stage: str, app_name: str | None) -> None:
    """List the releases of a stage, the newest last. `portable rollback` goes back to one."""
    found = stage_of(output, path, target, stage, app_name).deployer.releases()
    rows = [
        [str(one.number), one.at, one.by, f"rollback to {one.of}" if one.of is not None else "deploy"] for one in found
    ]
    text = columns(rows, ("release", "at", "by", "what")) if rows else "no releases"
    output.data({"releases": [one._asdict() for one in found]}, text)
