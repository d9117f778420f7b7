"""`portable outputs`: where a deployed stage answers, and how the provider calls what it has."""

import click

from .options import common, path_argument
from .render import Output
from .stages import name_option, outputs_text, stage_of, stage_options


@click.command("outputs")
@path_argument
@stage_options
@name_option
@common
def command(output: Output, path: str | None, target: str, stage: str, app_name: str | None) -> None:
    """Show the URL of a deployed stage, and the provider's names of its tables, buckets and topics."""
    found = stage_of(output, path, target, stage, app_name).deployer.outputs()
    output.data({"outputs": found}, outputs_text(found) if found else "no outputs")
