"""`portable destroy`: takes a stage away, but for its data."""

import sys

import click

from portable.errors import PortableError

from .making import PROD
from .options import Misuse, common, path_argument
from .render import Output, escape
from .stages import INTERRUPTED, Teller, name_option, stage_of, stage_options


@click.command("destroy")
@path_argument
@stage_options
@name_option
@click.option(
    "--delete-data", multiple=True, metavar="NAME", help="A table or bucket to delete with all that is in it."
)
@click.option("--keep", multiple=True, metavar="ID", help="A resource to leave behind, where deleting it has failed.")
@click.option("--confirm", metavar="APP-STAGE", help="For production, in the place of typing its name.")
@click.option("--yes", is_flag=True, help="Do not ask; production is asked for by name all the same.")
@common
def command(
    output: Output,
    path: str | None,
    target: str,
    stage: str,
    app_name: str | None,
    delete_data: tuple[str, ...],
    keep: tuple[str, ...],
    confirm: str | None,
    yes: bool,
) -> int:
    """Delete a deployed stage. Tables and buckets stay, unless each is named with --delete-data.

    What stays is taken over again by the next deploy. Params, secrets and releases stay too.
    """
    app, manifest, deployer = stage_of(output, path, target, stage, app_name, sure=True)
    name = f"{app}-{stage}"
    deployed = deployer.is_prod()
    is_prod = deployed if deployed is not None else stage in PROD
    lost = f", and for good: {', '.join(delete_data)}" if delete_data else "; tables and buckets stay"
    if is_prod:
        typed = confirm if confirm is not None else ask(f"{name} is production. Its name, to delete it{lost}")
        if typed != name:
            raise Misuse(f"{typed!r} is not its name", hint=f"--confirm {name}")
    elif not yes:
        ask_or_stop(f"delete {name}{lost}?")
    try:
        done = deployer.destroy(manifest, delete_data, keep, Teller(output, yes=True))
    except KeyboardInterrupt:
        output.say(INTERRUPTED)
        raise
    value = {"app": app, "stage": stage, "kept": list(done.kept), "deleted": list(done.deleted)}
    lines = [f"{name} is gone"]
    lines += [f"  kept: {one}" for one in done.kept]
    lines += [f"  deleted: {one}" for one in done.deleted]
    output.data(value, escape("\n".join(lines)))
    return 0


def ask(question: str) -> str:
    """Raises Misuse without a terminal."""
    if not sys.stdin.isatty():
        raise Misuse("there is no terminal to ask on", hint="production: --confirm APP-STAGE; else --yes")
    return str(click.prompt(question, err=True))


def ask_or_stop(question: str) -> None:
    """Raises click.Abort for a no, Misuse without a terminal."""
    if not sys.stdin.isatty():
        raise Misuse("there is no terminal to ask on", hint="--yes")
    if not click.confirm(question, default=False, err=True):
        raise Declined("nothing was deleted")


class Declined(PortableError):
    """The user said no."""

    exit_code = 1
