"""The command where it does not expect to be: odd streams, encodings, folders, no home, nobody who reads."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from portable.cli import commands, explain

Command = Callable[..., Any]
Write = Callable[..., Path]
APP = """
    from portable import App

    app = App("shop")
    app.param("greeting", "é😀")


    @app.get("/items/{id}")
    def read(id: str) -> str:
        return id


    @app.task
    def work(count: int) -> str:
        return "é😀" * count
"""


@pytest.fixture
def shop(write: Write) -> Path:
    return write({"app.py": APP})


def portable(
    *arguments: str | bytes,
    cwd: Path | None = None,
    environment: dict[str, str] | None = None,
    without: Sequence[str] = (),
    **options: Any,
) -> subprocess.CompletedProcess[bytes]:
    """`portable ARGUMENTS` in a process of its own."""
    inherited = {name: value for name, value in os.environ.items() if name not in without}
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run(
        [sys.executable, "-P", "-m", "portable", *arguments],
        cwd=cwd,
        env={**inherited, **(environment or {})},
        stderr=options.pop("stderr", subprocess.PIPE),
        stdin=options.pop("stdin", subprocess.DEVNULL),
        check=False,
        timeout=300,
        **options,
    )


# Encodings


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_stdout_cannot_encode_is_escaped_and_stays_json(shop: Path, encoding: str) -> None:
    environment = {"PYTHONIOENCODING": encoding}
    done = portable("invoke", "work", "--payload", "1", "--json", cwd=shop, environment=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode(encoding))["result"] == "é😀"
    text = portable("config", "list", cwd=shop, environment=environment)
    assert text.returncode == 0, text.stderr
    assert "é😀".encode(encoding, "backslashreplace") in text.stdout


def test_in_the_plain_c_locale_everything_works(shop: Path) -> None:
    environment = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = portable("config", "get", "greeting", "--json", cwd=shop, environment=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["value"] == "é😀"


def test_an_argument_that_is_no_utf_8_is_shown_escaped(shop: Path) -> None:
    done = portable("routes", b"\xff\xfe", "--json", cwd=shop)
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["message"].endswith("\udcff\udcfe")
    assert b"\\udcff\\udcfe" in done.stderr


# Readers that go


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["routes"], 0),
        (["--help"], 0),
        (["--version"], 0),
        (["explain"], 0),
        (["completion", "zsh"], 0),
        (["routes", "nowhere", "--json"], 3),
        (["nonsense", "--json"], 2),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_a_reader_that_is_gone_changes_no_exit_code(shop: Path, arguments: list[str], code: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = portable(*arguments, cwd=shop, stdout=writing)
        both = portable(*arguments, cwd=shop, stdout=writing, stderr=writing)
    finally:
        os.close(writing)
    assert done.returncode == both.returncode == code
    assert b"Traceback" not in done.stderr
    assert b"Broken" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_stdout_on_a_full_disk_is_a_failure_that_says_so(shop: Path) -> None:
    with open("/dev/full", "wb") as full:
        for arguments, code in ((["routes"], 1), (["routes", "--json"], 1), (["routes", "nowhere", "--json"], 1)):
            done = portable(*arguments, cwd=shop, stdout=full)
            assert done.returncode == code, arguments
            assert b"No space left" in done.stderr
            assert b"Traceback" not in done.stderr
        # Talk that nobody can read is no failure.
        done = portable("routes", "nowhere", cwd=shop, stderr=full)
        assert done.returncode == 3


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)], ids=str)
def test_closed_streams_are_no_failure_and_nothing_is_written_into_files_instead(
    shop: Path, closed: tuple[int, ...]
) -> None:
    redirections = " ".join(f"{number}>&-" if number else "0<&-" for number in closed)
    script = f'"$0" -P -m portable invoke work --payload 2 {redirections}'
    done = subprocess.run(["sh", "-c", script, sys.executable], cwd=shop, capture_output=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert b"Traceback" not in done.stderr
    assert (b"\xc3\xa9" in done.stdout) is (1 not in closed)
    again = portable("doctor", "--json", cwd=shop)
    checks = {check["check"]: check["ok"] for check in json.loads(again.stdout)["checks"]}
    assert checks["integrity of the database"] is True


def test_stdout_is_data_and_stderr_is_talk(shop: Path) -> None:
    done = portable("new", "hello", cwd=shop)
    assert done.returncode == 0
    assert b"Now:" in done.stderr
    assert b"Now:" not in done.stdout
    failed = portable("routes", "nowhere", cwd=shop)
    assert failed.stdout == b""
    assert b"error[P2002]" in failed.stderr


# Colour


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [
        ({}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, True),
        ({"CI": "true"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_a_terminal_gets_colour_unless_it_is_told_not_to(
    shop: Path, environment: dict[str, str], coloured: bool
) -> None:
    reading, writing = os.openpty()
    try:
        done = portable(
            "routes",
            cwd=shop,
            environment={"TERM": "xterm", **environment},
            without=("NO_COLOR", "CI"),
            stdout=writing,
        )
        os.close(writing)
        writing = -1
        shown = os.read(reading, 65536)
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)
    assert done.returncode == 0
    assert b"/items/{id}" in shown
    assert (b"\x1b[" in shown) is coloured


def test_a_pipe_gets_no_colour(shop: Path) -> None:
    done = portable("routes", cwd=shop, environment={"TERM": "xterm"}, without=("NO_COLOR", "CI"))
    assert b"\x1b" not in done.stdout + done.stderr


# Folders and the environment


def test_without_a_home_and_without_any_environment_the_verbs_work(shop: Path) -> None:
    without = [name for name in os.environ if name not in ("PYTHONPATH", "PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")]
    for arguments in (["routes"], ["doctor"], ["secret", "list"], ["invoke", "work", "--payload", "1"]):
        done = portable(*arguments, cwd=shop, without=without)
        assert done.returncode == 0, (arguments, done.stderr)


def test_in_a_folder_that_is_gone_it_says_so(tmp_path: Path) -> None:
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$0" -P -m portable routes --json'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable], cwd=tmp_path, capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "P2003"
    assert b"current folder" in done.stderr
    assert b"bug" not in done.stderr


def test_a_folder_without_an_app_says_how_to_start_one(command: Command, write: Write, monkeypatch: Any) -> None:
    monkeypatch.chdir(write({"README.md": ""}))
    for verb in (["routes"], ["inspect"], ["dev"], ["invoke", "x"], ["secret", "list"], ["config", "list"]):
        done = command(*verb, "--json")
        assert done.code == 3, verb
        assert done.json["error"]["code"] == "P2002"
        assert "portable new NAME" in done.json["error"]["hint"]
        assert "[tool.portable]" in done.json["error"]["hint"]


@pytest.mark.parametrize("name", ["loop", "x" * 300, "file/below", "nul\udcff"], ids=["loop", "long", "file", "bytes"])
@pytest.mark.parametrize("verb", ["routes", "new", "data"])
def test_a_path_that_leads_nowhere_is_told_and_no_bug(command: Command, shop: Path, verb: str, name: str) -> None:
    (shop / "loop").symlink_to("loop")
    (shop / "file").write_text("", encoding="utf-8")
    path = shop / name
    arguments = {
        "routes": ["routes", path],
        "new": ["new", path / "hello"],
        "data": ["config", "set", "greeting", "x", "--app", shop, "--data", path],
    }
    done = command(*arguments[verb], "--json")
    if (verb, name) in (("data", "nul\udcff"), ("new", "nul\udcff")):
        # Any bytes but zero are a name.
        assert done.code == 0
        return
    assert done.code in (3, 5), done.err
    assert done.json["error"]["message"]
    assert "bug" not in done.err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="this system has no /proc, where nobody can write")
def test_a_folder_that_cannot_be_written_is_told(command: Command, shop: Path) -> None:
    done = command("new", "/proc/hello", "--json")
    assert done.code == 3
    assert "/proc/hello" in done.json["error"]["message"]
    for arguments in (
        ["config", "set", "greeting", "x", "--app", shop, "--data", "/proc/none"],
        ["invoke", "work", "--payload", "1", "--app", shop, "--data", "/proc/none"],
        ["dev", shop, "--data", "/proc/none", "--port", "0"],
    ):
        done = command(*arguments, "--json")
        assert done.code in (3, 5), (arguments, done.err)
        assert "/proc/none" in done.json["error"]["message"]
    done = command("doctor", shop, "--data", "/proc/none", "--json")
    assert done.code == 1
    assert [check["check"] for check in done.json["checks"] if not check["ok"]] == ["sqlite in WAL mode, synced"]


# Faults of ours


def test_verbose_shows_our_traceback_and_nothing_else_does(
    command: Command, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = command("routes", shop / "nowhere")
    long = command("routes", shop / "nowhere", "--verbose")
    assert "Traceback" not in short.err
    assert "Traceback" in long.err
    assert "project.py" in long.err
    assert short.code == long.code == 3

    def broken() -> None:
        raise LookupError("inside \x1b[2J")

    monkeypatch.setattr(explain, "pages", broken)
    bug = command("explain", "--json", "--verbose")
    assert bug.code == 70
    assert bug.json["error"]["code"] == "bug"
    assert set(bug.json["error"]) == {"code", "message", "hint", "exit_code"}
    assert commands.ISSUES in bug.json["error"]["hint"]
    assert "\x1b" not in command("explain").err


def test_an_interrupt_while_an_app_loads_is_130(shop: Path) -> None:
    (shop / "app.py").write_text(
        "import os, signal, time\nos.kill(os.getppid(), signal.SIGINT)\ntime.sleep(600)\n", encoding="utf-8"
    )
    done = portable("routes", cwd=shop)
    assert done.returncode == 130
    assert done.stdout == b""
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("rout", "routes"), ("inspct", "inspect"), ("secrets", "secret"), ("Dev", "dev"), ("deb", "dev")],
)
def test_an_unknown_verb_gets_the_nearest(command: Command, typed: str, meant: str) -> None:
    done = command(typed, "--json")
    assert done.code == 2
    assert f"`portable {meant}`" in done.json["error"]["message"]
    assert set(done.json["error"]) == {"code", "message", "hint", "exit_code"}


def test_a_verb_like_no_other_gets_the_list(command: Command) -> None:
    assert "`portable --help` lists the verbs" in command("xyzzy").err


def test_without_a_verb_the_help_is_shown(command: Command) -> None:
    done = command()
    assert done.code in (0, 2)
    assert all(verb in done.out + done.err for verb in commands.VERBS)
