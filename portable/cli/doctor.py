"""`portable doctor`: whether this machine and this project are fit, check by check."""

import os
import platform
import socket
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import click

from portable.capabilities import PROVIDERS
from portable.errors import PortableError

from .options import Misuse, common, data_option, find_deploys, local_server, path_argument
from .project import data_folder, find_project, load_manifest
from .render import Output, columns, json_text, paint

DISTRIBUTION = "portable-serverless"
DEFAULT_PORT = 8000
Check = tuple[str, bool, str]


@click.command("doctor")
@path_argument
@data_option
@click.option("--target", type=click.Choice(PROVIDERS), help="A provider, for --policy.")
@click.option("--policy", is_flag=True, help="Print the rights that whoever deploys to --target needs, and stop.")
@common
def command(output: Output, path: str | None, data: str | None, target: str | None, policy: bool) -> int:
    """Check this machine and the app at PATH (default: here); exit code 1 if something is wrong."""
    if policy != (target is not None):
        raise Misuse("--policy and --target belong together", hint="portable doctor --target aws --policy")
    if target is not None:
        document = find_deploys(target).deploy_policy()
        output.data(document, json_text(document))
        return 0
    found = [*machine(), *dependencies(), *project(path, data)]
    rows = [[paint("ok", "green", sys.stdout) if fine else "WRONG", what, detail] for what, fine, detail in found]
    value = {"checks": [{"check": what, "ok": fine, "detail": detail} for what, fine, detail in found]}
    output.data(value, columns([[str(cell) for cell in row] for row in rows], ("", "check", "detail")))
    return 0 if all(fine for _, fine, _ in found) else 1


def machine() -> list[Check]:
    """The interpreter and the platform."""
    return [
        ("python", (3, 11) <= sys.version_info < (3, 15), f"{platform.python_version()} at {sys.executable}"),
        ("platform", sys.platform != "win32", f"{platform.system()} {platform.machine()}"),
        port(DEFAULT_PORT),
    ]


def port(number: int) -> Check:
    """Whether the default port is free; a busy one is no fault, `portable dev` moves on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError:
            return (f"port {number}", True, "busy: `portable dev` takes the next free one")
    return (f"port {number}", True, "free")


def dependencies() -> list[Check]:
    """What the installed distribution requires, and whether it is there."""
    try:
        wanted = [entry for entry in requires(DISTRIBUTION) or () if "extra ==" not in entry]
    except PackageNotFoundError:
        return [("installation", False, f"{DISTRIBUTION} is not installed: pip install {DISTRIBUTION}")]
    found: list[Check] = []
    for entry in wanted:
        name = entry.split(";")[0].strip()
        bare = name[: next((i for i, letter in enumerate(name) if letter in "<>=!~[ ("), len(name))]
        try:
            found.append((bare, True, version(bare)))
        except PackageNotFoundError:
            found.append((bare, False, f"not installed: pip install '{name}'"))
    return found


def project(path: str | None, data: str | None) -> list[Check]:
    """The app, if there is one here, and the folder of its data."""
    try:
        found = find_project(path)
    except PortableError as error:
        return [("app", path is None, f"{error.message}" if path is not None else "none here")]
    checks = [
        _tried("app", lambda: f"{found.module}:{found.attribute}, {len(load_manifest(found)['handlers'])} handlers")
    ]
    try:
        folder = data_folder(found, data)
    except PortableError as error:
        return [*checks, ("data folder", False, error.message)]
    nearest = folder if folder.exists() else _existing(folder)
    checks.append(("data folder", os.access(nearest, os.W_OK | os.X_OK), str(folder)))
    if sys.platform != "win32":
        checks.extend(local_server().doctor(folder))
    return checks


def _existing(folder: Path) -> Path:
    return next(above for above in folder.parents if above.exists())


def _tried(what: str, look: Callable[[], str]) -> Check:
    try:
        return (what, True, look())
    except PortableError as error:
        where = f"{error.location}: " if error.location is not None else ""
        return (what, False, f"{where}{error.message}")
