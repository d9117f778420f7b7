"""`portable rollback`: back to the code and configuration of a release."""

import click

from portable.adapter import Choices

from .deploy import tell
from .options import app_option, common
from .render import Output
from .stages import INTERRUPTED, Teller, name_option, stage_of, stage_options


@click.command("rollback")
@click.argument("release", required=False, type=click.IntRange(min=1))
@app_option
@stage_options
@name_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--lose", multiple=True, metavar="NAME", help="A data store that may be replaced or deleted.")
@click.option("--skip", multiple=True, metavar="ID", help="A resource to give up where undoing has failed.")
@click.option("--no-wait", is_flag=True, help="Do not wait for a change that the provider is at.")
@common
def command(
    output: Output,
    release: int | None,
    path: str | None,
    target: str,
    stage: str,
    app_name: str | None,
    yes: bool,
    lose: tuple[str, ...],
    skip: tuple[str, ...],
    no_wait: bool,
) -> int:
    """Go back to the code and configuration of RELEASE (default: the one before).

    Tables and buckets stay with all that is in them, also those that have come since; so do params and secrets.
    An app that does not import, which is when one goes back, is gone by its name.
    """
    teller = Teller(output, yes=yes)
    deployment = stage_of(output, path, target, stage, app_name)
    try:
        done = deployment.deployer.rollback(release, Choices(lose, skip, not no_wait), teller)
    except KeyboardInterrupt:
        output.say(INTERRUPTED)
        raise
    return tell(output, deployment.name, stage, done)
