"""The verbs that need no running app: shapes of their JSON, their text, their exit codes."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portable.cli import commands
from portable.cli.dev import refuse_windows
from portable.cli.render import escape
from portable.errors import ConfigurationError

Command = Callable[..., Any]
Write = Callable[..., Path]
NOTES = Path(__file__).parents[2] / "examples/notes"
FATFIRE = Path(__file__).parents[2] / "examples/fatfire"


def test_routes_lists_method_path_handler_and_place(command: Command) -> None:
    done = command("routes", NOTES, "--json")
    assert done.code == 0
    assert done.json["routes"][0] == {
        "kind": "route",
        "methods": ["POST"],
        "path": "/notes",
        "handler": "create",
        "service": "notes",
        "location": {"file": "app.py", "line": done.json["routes"][0]["location"]["line"]},
    }
    text = command("routes", NOTES).out
    assert text.splitlines()[0].split() == ["METHOD", "PATH", "HANDLER", "WHERE"]
    assert "/notes/{owner}/{id}" in text


def test_routes_shows_services_below_their_prefix_and_static_folders(command: Command) -> None:
    routes = command("routes", FATFIRE, "--json").json["routes"]
    assert {key: routes[0][key] for key in ("kind", "methods", "path", "handler")} == {
        "kind": "static",
        "methods": [],
        "path": "/*",
        "handler": None,
    }
    assert any(route["path"].startswith("/api/exchange/") for route in routes)


def test_inspect_shows_handlers_and_resources(command: Command) -> None:
    text = command("inspect", NOTES).out
    for expected in (
        "POST /notes",
        "task summarise",
        "cron 0 3 * * 1-5 Australia/Sydney",
        "bucket files created inbox/",
    ):
        assert expected in text


def test_an_unknown_verb_is_a_usage_error_with_the_nearest_one(command: Command) -> None:
    done = command("route")
    assert done.code == 2
    assert "portable routes" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["dev", "--port", "x"],
        ["dev", "--port", "65536"],
        ["dev", "--workers", "0"],
        ["dev", "--as", "moon"],
        ["dev", "--ready-file"],
        ["routes", "a", "b"],
        ["invoke"],
        ["secret", "set"],
        ["completion", "tcsh"],
        ["inspect", "--nope"],
    ],
)
def test_bad_usage_is_exit_2_with_json_too(command: Command, arguments: list[str]) -> None:
    assert command(*arguments).code == 2
    done = command(*arguments, "--json") if arguments[-1] != "--ready-file" else command("dev", "--json", "--port", "x")
    assert done.code == 2
    assert done.json["error"]["exit_code"] == 2


def test_every_verb_has_help(command: Command) -> None:
    for verb in commands.VERBS:
        done = command(verb, "--help")
        assert done.code == 0
        assert "Usage: portable " + verb in done.out
    listed = command("--help").out
    assert all(verb in listed for verb in commands.VERBS)


def test_the_version_is_the_packages(command: Command) -> None:
    from portable import __version__

    assert command("--version").out.strip() == f"portable {__version__}"


def test_explain_shows_a_page_for_every_code_of_the_errors(command: Command) -> None:
    from portable import errors
    from portable.deploy.diagnostics import FINDINGS

    codes = {
        value.code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.PortableError) and value is not errors.PortableError
    }
    listed = {entry["code"]: entry["title"] for entry in command("explain", "--json").json["codes"]}
    assert set(listed) == codes | set(FINDINGS)
    for code in sorted(codes):
        done = command("explain", code.lower(), "--json")
        assert done.json["code"] == code
        assert "## What to do" in done.json["text"]
        assert "## For instance" in done.json["text"]
    assert "\x1b" not in command("explain", "P1001").out


def test_the_pages_say_the_status_and_exit_code_that_the_class_has(command: Command) -> None:
    from portable import errors

    for value in list(vars(errors).values()):
        if isinstance(value, type) and issubclass(value, errors.PortableError) and value.code != "P1000":
            text = command("explain", value.code).out
            assert f"`{value.__name__}`" in text
            assert f"exit code {value.exit_code}" in text
            if value is not errors.HTTPError:
                assert f"HTTP {value.status}" in text


def test_an_unknown_code_is_a_usage_error(command: Command) -> None:
    done = command("explain", "P1014")
    assert done.code == 2
    assert "did you mean" in done.err


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_prints_a_script(command: Command, shell: str) -> None:
    done = command("completion", shell)
    assert done.code == 0
    assert "_PORTABLE_COMPLETE" in done.out
    assert done.err == ""


def test_bash_completes_verbs() -> None:
    environment = {**os.environ, "_PORTABLE_COMPLETE": "bash_complete", "COMP_WORDS": "portable ro", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "portable"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "plain,routes" in done.stdout


def test_a_bug_of_ours_is_exit_70_and_says_how_to_report_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from portable.cli import explain

    def broken() -> None:
        raise RuntimeError("inside")

    monkeypatch.setattr(explain, "pages", broken)
    done = command("explain", "P1001")
    assert done.code == 70
    assert "RuntimeError: inside" in done.err
    assert "--verbose" in done.err
    assert "Traceback" not in done.err
    verbose = command("explain", "P1001", "--verbose")
    assert "Traceback" in verbose.err
    assert command("explain", "P1001", "--json").json["error"]["exit_code"] == 70


def test_an_interrupt_is_exit_130(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    from portable.cli import explain

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(explain, "pages", interrupted)
    assert command("explain").code == 130


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    script = "import sys; from portable.cli.commands import run; sys.exit(run(['explain', 'P1001']))"
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", script], stdout=write, stderr=subprocess.PIPE, check=False, timeout=60
        )
    finally:
        os.close(write)
    assert done.stderr == b""
    assert done.returncode == 0


def test_windows_is_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigurationError, match="Windows") as caught:
        refuse_windows("win32")
    assert "WSL" in (caught.value.hint or "")
    refuse_windows("linux")
    refuse_windows("darwin")


def test_colour_is_for_terminals_only(command: Command, write: Write) -> None:
    assert "\x1b" not in command("inspect", write({})).err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünïcode 😀", "plain ünïcode 😀"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("bell\x07", "bell\\x07"),
        ("line\nand\ttab", "line\nand\ttab"),
        ("back\rwards", "back\\x0dwards"),
        ("\x9b31m", "\\x9b31m"),
        ("right\u202eleft", "right\\u202eleft"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\ue0041"),
    ],
)
def test_control_characters_of_others_never_reach_the_terminal(text: str, shown: str) -> None:
    assert escape(text) == shown


def test_a_name_with_control_characters_is_shown_escaped(command: Command) -> None:
    done = command("explain", "P\x1b[2J")
    assert done.code == 2
    assert "\x1b" not in done.err


def test_dev_refuses_a_ready_file_in_no_folder(command: Command, write: Write) -> None:
    folder = write({"app.py": "from portable import App\napp = App('one')\n"})
    done = command("dev", folder, "--ready-file", folder / "nowhere" / "ready")
    assert done.code == 2
    assert "--ready-file" in done.err


def test_dev_of_nothing_is_exit_3(command: Command, write: Write) -> None:
    assert command("dev", write({})).code == 3
    assert command("dev", write({}) / "missing").code == 3
