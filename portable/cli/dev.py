"""`portable dev`: the app on this machine, served, reloaded, with all its triggers."""

import sys
from typing import Literal

import click

from portable.adapter import ServeOptions
from portable.capabilities import PROVIDERS
from portable.errors import ConfigurationError

from .options import Misuse, common, data_option, local_server, path_argument
from .project import data_folder, find_project, resolved
from .render import Output

LOOPBACK = ("127.0.0.1", "::1", "localhost")
PROFILES = ("strictest", "portable", *PROVIDERS)


@click.command("dev")
@path_argument
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the app (default 8000 or the next free; 0: any).")
@click.option("--console-port", type=click.IntRange(0, 65535), help="Port of the console (default 8001).")
@click.option("--host", metavar="ADDRESS", default="127.0.0.1", help="Let others in: listen here; no console then.")
@click.option("--console-exposed", is_flag=True, help="With --host: the console too, for this machine alone.")
@data_option
@click.option("--ready-file", metavar="FILE", type=click.Path(), help="Write the addresses here once it serves.")
@click.option("--no-reload", is_flag=True, help="Do not watch for edits.")
@click.option("--as", "profile", type=click.Choice(PROFILES), help="Whose limits are in force (default: the targets').")
@click.option("--limits", type=click.Choice(("refuse", "warn")), default="refuse", help="What passing a limit does.")
@click.option("--workers", type=click.IntRange(1, 64), default=4, show_default=True, help="Background runs at a time.")
@click.option("--debug", metavar="[PORT]", is_flag=False, flag_value="", help="Let an editor attach (default: 5678).")
@click.option("--reset", metavar="TABLE", multiple=True, help="Erase a table's items first (repeatable).")
@common
def command(
    output: Output,
    path: str | None,
    port: int | None,
    console_port: int | None,
    host: str,
    console_exposed: bool,
    data: str | None,
    ready_file: str | None,
    no_reload: bool,
    profile: str | None,
    limits: Literal["refuse", "warn"],
    workers: int,
    debug: str | None,
    reset: tuple[str, ...],
) -> int:
    """Run the app at PATH (default: here) on this machine, until interrupted.

    An edit is served as soon as it is saved; one that does not import leaves the last good version serving.
    """
    refuse_windows()
    if debug and not debug.isdecimal() and path is None:
        # `portable dev --debug FOLDER`: the port was left out.
        path, debug = debug, ""
    if console_exposed and host in LOOPBACK:
        raise Misuse("--console-exposed is for --host ADDRESS", hint="without --host there is a console anyway")
    debug_port = port_of(debug) if debug else None
    project = find_project(path)
    folder = data_folder(project, data)
    ready = resolved(ready_file) if ready_file is not None else None
    if ready is not None and not ready.parent.is_dir():
        raise Misuse(f"there is no folder {ready.parent} for --ready-file", hint="make it first")
    server = local_server()
    for table in reset:
        erased = server.reset_table(folder, table)
        output.say(f"table {table}: {erased} items erased")
    return server.serve(
        ServeOptions(
            project=project,
            data=folder,
            port=port,
            console_port=console_port,
            host=host,
            console_exposed=console_exposed,
            ready_file=ready,
            reload=not no_reload,
            profile=profile,
            limits=limits,
            workers=workers,
            debug=debug is not None,
            debug_port=debug_port,
            as_json=output.as_json,
        )
    )


def port_of(text: str) -> int:
    """What --debug names. Raises Misuse."""
    if not text.isdecimal() or int(text) > 65535:
        raise Misuse(f"--debug {text}: that is no port", hint="0 to 65535, or left out")
    return int(text)


def refuse_windows(platform: str = sys.platform) -> None:
    """Raises ConfigurationError where processes cannot be forked."""
    if platform == "win32":
        raise ConfigurationError(
            "`portable dev` does not run on Windows: it needs fork and Unix sockets",
            hint="run it inside WSL 2 (https://learn.microsoft.com/windows/wsl/install)",
        )
