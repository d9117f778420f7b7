"""`portable replay ID|FILE`: a recorded invocation again, in a debugger if wanted, or as a test."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import click

from portable.adapter import Console, Project, ReplayOptions
from portable.errors import InvalidArgument, NotFound
from portable.replay import (
    Difference,
    Observed,
    ReplayFile,
    differences,
    filled,
    from_document,
    observed_of,
    parse,
    pytest_text,
    require_filled,
    saved_test_name,
    shown_differences,
)
from portable.replay.files import document

from .dev import port_of
from .observing import invocation_named, log_line, observes, recorded_as
from .options import Misuse, Occupied, app_option, common, data_option, local_server
from .project import data_folder, find_project, load_manifest
from .render import Output, escape, talk_on_stderr

ID = re.compile(r"[0-9A-Za-z_:-]{4,200}", re.ASCII)
"""As ids may look, and their beginnings; a file's name has mostly a dot in it."""
PYTEST_SECONDS = 300
SHOWN_CHARACTERS = 4000
"""Of an answer."""


@click.command("replay")
@click.argument("what", metavar="ID|FILE", required=False)
@app_option
@data_option
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Fill in or change a part of the request.")
@click.option("--isolated", is_flag=True, help="Run on empty data with what was read put back, not on the app's data.")
@click.option("--debug", metavar="[PORT]", is_flag=False, flag_value="", help="Stop in an editor (default: 5678).")
@click.option("--save-test", metavar="[OUT]", is_flag=False, flag_value="", help="Write a pytest instead (-: stdout).")
@common
def command(
    output: Output,
    what: str | None,
    path: str | None,
    data: str | None,
    settings: tuple[str, ...],
    isolated: bool,
    debug: str | None,
    save_test: str | None,
) -> int:
    """Run an invocation again, and show what differs: one by its ID, or that in FILE (exported before; -: stdin).

    It runs in the `portable dev` that runs, where it is recorded; without one, with --isolated, and with --debug, in a
    process of its own. Exit code 1: it has failed, again or newly.
    """
    # `portable replay --debug FILE`: the port, or the name of the test, was left out.
    if debug and what is None and not debug.isdecimal():
        what, debug = debug, ""
    if save_test and what is None:
        what, save_test = save_test, ""
    if what is None:
        raise Misuse("ID or FILE is missing", hint="`portable invocations` lists ids; the console exports files")
    project = find_project(path)
    folder = data_folder(project, data)
    source = source_of(folder, what)
    found = filled(source.file, settings_of(settings))
    if save_test is not None:
        return write_test(output, project, found, save_test)
    require_filled(found, with_state=isolated)
    manifest = load_manifest(project)
    # What is only recorded does not say of which app; its data folder does.
    found = found._replace(app=found.app or manifest["app"]["name"])
    check_fits(found, manifest, isolated=isolated)
    console = None if isolated or debug is not None else recording_console(folder)
    if console is not None:
        return run_by(output, console, source, found, settings_of(settings))
    whole = document(found)
    options = ReplayOptions(
        whole["invocation"],
        whole["state"] if isolated else None,
        debug is not None,
        port_of(debug) if debug else None,
        output.say,
    )
    with talk_on_stderr():
        again = local_server().replay(project, folder, options)
    now = observed_of(again, again["calls"])
    show(output, found, now, differences(found, now), None)
    return 0 if now.outcome == "succeeded" else 1


# What is run again


class Source(NamedTuple):
    """`id` where it is recorded on this machine, and was named by that."""

    file: ReplayFile
    id: str | None


def source_of(folder: Path, what: str) -> Source:
    """A file if there is one of that name, else a recorded invocation. Raises Misuse, NotFound, InvalidArgument."""
    if what == "-" or Path(what).exists() or ID.fullmatch(what) is None:
        return Source(read(what), None)
    try:
        console = observes().console(folder)
        id = invocation_named(console, what)
    except NotFound as error:
        raise Misuse(f"there is no file {what}, and {error.message}", hint=error.hint) from error
    return Source(from_document(console.get(f"invocations/{id}/file")), id)


def recording_console(folder: Path) -> Console | None:
    """The one by which it is run, and found afterwards; None where none serves, or records nothing."""
    console = observes().serving(folder)
    return console if console is not None and console.get("status")["is_recorded"] else None


def run_by(output: Output, console: Console, source: Source, file: ReplayFile, settings: dict[str, str]) -> int:
    """By the API of the `portable dev` that runs: recorded, and linked to what it repeats."""
    if source.id is not None:
        started = console.send("POST", f"invocations/{source.id}/replay", {"set": settings})
    else:
        started = console.send("POST", "replays", {"file": document(source.file), "set": settings})
    id: str | None = started["invocation"]
    if id is None:
        # More came than is kept, say. What is known of it is how it ended.
        output.say("it ran, and was not recorded: of what differs only the outcome is known")
        now = Observed(started["outcome"], started["status"], started["error"], started["traceback"], None, 0.0)
        found = [one for one in differences(file, now) if one.where in ("outcome", "status")]
    else:
        again = console.get(f"invocations/{id}")
        now = observed_of(again, again["calls"])
        found = differences(file, now)
        for log in again["logs"]:
            output.say(log_line(log, with_handler=False))
        output.say(recorded_as(id))
    show(output, file, now, found, id)
    return 0 if now.outcome == "succeeded" else 1


def read(file: str) -> ReplayFile:
    """Raises Misuse for what is no file, or no replay file."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise Misuse(f"there is no file {file}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{file} cannot be read as UTF-8 text: {error}") from error
    try:
        return parse(text)
    except InvalidArgument as error:
        raise Misuse(f"{file}: {error.message}", hint=error.hint) from error


def settings_of(settings: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for setting in settings:
        path, separator, value = setting.partition("=")
        if not separator or not path:
            raise Misuse(f"--set {setting} is not PATH=VALUE", hint="--set request.headers.authorization='Bearer x'")
        found[path] = value
    return found


def check_fits(file: ReplayFile, manifest: dict[str, Any], *, isolated: bool) -> None:
    """Raises NotFound for a handler or a table that the app has not, InvalidArgument for another app's file."""
    app = manifest["app"]["name"]
    if file.app != app and not isolated:
        raise InvalidArgument(
            f"it was recorded of the app {file.app!r}, and this is {app!r}, whose data it would change",
            hint="--isolated runs it on empty data; --app names the other app",
        )
    names = [handler["name"] for handler in manifest["handlers"]]
    if file.invocation.delivery is not None and file.invocation.handler not in names:
        raise NotFound(
            f"there is no handler {file.invocation.handler!r} any more", hint=f"there are: {', '.join(names) or 'none'}"
        )
    tables = [table["name"] for table in manifest["tables"]]
    missing = sorted({item.table for item in file.state.items} - set(tables))
    if isolated and missing:
        raise NotFound(
            f"it has items of a table {missing[0]!r}, which the app has not",
            hint=f"there are: {', '.join(tables) or 'none'}",
        )


def show(output: Output, file: ReplayFile, now: Observed, found: list[Difference], id: str | None) -> None:
    if now.traceback:
        output.say(escape(now.traceback.rstrip()))
    name = file.invocation.name or file.invocation.handler
    lines = [
        f"{name}: {described(now)}, {now.seconds * 1000:.1f} ms",
        f"recorded: {described(file.observed)}, {file.observed.seconds * 1000:.1f} ms",
    ]
    if now.response is not None and now.response.encoding == "text" and now.response.body:
        body = now.response.body
        lines.append(body[:SHOWN_CHARACTERS])
        if len(body) > SHOWN_CHARACTERS:
            lines.append(f"... and {len(body) - SHOWN_CHARACTERS:,} characters more; --json has all that is kept")
    lines.append(shown_differences(found) or "nothing differs")
    value = {
        "app": file.app,
        "handler": file.invocation.handler,
        "name": name,
        "outcome": now.outcome,
        "status": now.status,
        "error": now.error,
        "seconds": now.seconds,
        "response": None if now.response is None else {**now.response._asdict(), "headers": list(now.response.headers)},
        "calls": [call._asdict() for call in now.calls],
        "invocation": id,
        "recorded": {
            "outcome": file.observed.outcome,
            "status": file.observed.status,
            "error": file.observed.error,
            "started_at": file.invocation.started_at,
            "portable": file.portable,
        },
        "differences": [one._asdict() for one in found],
    }
    output.data(value, "\n".join(escape(line) for line in lines))


def described(observed: Observed) -> str:
    status = f" {observed.status}" if observed.status else ""
    return f"{observed.outcome}{status}" + (f" ({observed.error})" if observed.error else "")


# As a test


def write_test(output: Output, project: Project, file: ReplayFile, out: str) -> int:
    text = pytest_text(file, module=project.module, attribute=project.attribute)
    if out == "-":
        output.data({"test": text}, text.rstrip("\n"))
        return 0
    place = test_file(project, file, out)
    try:
        with place.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise Occupied(f"there is {place} already", hint="--save-test OUT names another") from error
    passes, said = tried(project, place)
    should_pass = file.observed.outcome == "succeeded"
    as_recorded = None if passes is None else passes == should_pass
    output.say(escape(verdict(file, passes, said)))
    value = {"file": str(place), "passes": passes, "as_recorded": as_recorded}
    output.data(value, str(place))
    return 1 if as_recorded is False else 0


def test_file(project: Project, file: ReplayFile, out: str) -> Path:
    """Where the test goes: `tests` of the project if there is such a folder, else beside the app."""
    name = f"{saved_test_name(file)}.py"
    if not out:
        folder = project.root / "tests"
        return (folder if folder.is_dir() else project.root) / name
    place = Path(out)
    if place.is_dir():
        return place / name
    if not place.parent.is_dir():
        raise Misuse(f"there is no folder {place.parent}", hint="make it first")
    return place


def tried(project: Project, place: Path) -> tuple[bool | None, str]:
    """Whether pytest passes it, and what it said; None without pytest, or if it could not run it."""
    if importlib.util.find_spec("pytest") is None:
        return None, "pytest is not installed"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--", str(place.resolve())],
        cwd=project.root,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PYTEST_SECONDS,
        check=False,
    )
    said = done.stdout + done.stderr
    if done.returncode in (0, 1):
        return done.returncode == 0, said
    return None, said.strip()


def verdict(file: ReplayFile, passes: bool | None, said: str) -> str:
    if passes is None:
        if importlib.util.find_spec("pytest") is None:
            return f"it was not tried: {said}\n  hint: install pytest beside the app, and run it with that"
        hint = '\n  hint: [tool.pytest.ini_options] pythonpath = ["."]' if "ModuleNotFoundError" in said else ""
        return f"it was not tried: {said}{hint}"
    if file.observed.outcome == "succeeded":
        if passes:
            return "it passes, as the invocation did"
        return f"{said.strip()}\nit fails, and the invocation did not: see above what was not as recorded"
    if passes:
        return "it passes, and the invocation failed: the bug is fixed, or what it needs could not be put back"
    error = " ".join((file.observed.error or "").split())
    same = bool(error) and error in " ".join(said.split())
    if same:
        return f"it fails with {error}, as the invocation did"
    return f"{said.strip()}\nit fails, as the invocation did, but not with {error or 'what was recorded'}"
