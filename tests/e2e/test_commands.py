"""One data folder, several commands: one owner, and what the others do while it runs and without it; and a terminal."""

import json
import re
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portable.replay import dumps, replay_file

from .dev import HELLO, Dev, portable, started, until, write

APP = """
import os
from typing import Any

from portable import App, Change, ObjectEvent

app = App("commands")
kept = app.table("kept")
files = app.bucket("files")
greeting = app.param("greeting", default="hello")
token = app.secret("api-token")


@app.get("/greeting")
def greet() -> str:
    return f"{greeting.get()} {len(token.get())}"


@app.get("/pid")
def pid() -> int:
    return os.getpid()


@app.task
def add(values: list[int]) -> int:
    kept.put({"id": "sum", "value": sum(values)})
    print("talk of a task")
    return sum(values)


@app.task
def fails(text: str) -> None:
    raise ValueError(text)


@app.every(hours=1)
def hourly() -> str:
    return f"{os.getpid()} {os.getppid()}"


@app.get("/kept/{id}")
def keeps(id: str) -> dict[str, Any]:
    return kept.require(id)
"""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    project = write(tmp_path_factory.mktemp("commands") / "commands", {"app.py": APP})
    set_secret(project, "12345")
    with started(project) as running:
        yield running.serves()


def set_secret(project: Path, value: str) -> None:
    done = portable("secret", "set", "api-token", "--from-stdin", "--app", project, "--json", stdin=value)
    assert (done.code, json.loads(done.out)) == (0, {"secret": "api-token", "set": True})
    assert value not in done.out + done.err


def test_a_second_start_on_one_data_folder_is_refused_with_exit_code_6(dev: Dev) -> None:
    done = portable("dev", dev.project, "--port", 0)
    assert (done.code, done.out) == (6, "")
    assert f"the data folder {dev.data} is in use by portable dev, process {dev.process.pid}, since " in done.err
    assert "hint: stop that one, or choose another folder with --data" in done.err
    reset = portable("dev", dev.project, "--port", 0, "--reset", "kept")
    assert reset.code == 6
    assert dev.get("/pid").status == 200
    assert json.loads(dev.ready_file.read_text(encoding="utf-8"))["pid"] == dev.process.pid


def test_another_data_folder_is_no_conflict(dev: Dev, tmp_path: Path) -> None:
    with started(dev.project, data=tmp_path / "other") as other:
        # They share the ready file's path here, so this one is awaited by what it says.
        until("it serves", lambda: other.out.count("\n") == 3)
        assert dev.get("/pid").status == 200
        assert other.stop() == 0
    dev.ready_file.write_text(
        json.dumps({"api": dev.api, "console": dev.console, "pid": dev.process.pid}), encoding="utf-8"
    )


def test_invoke_runs_inside_the_one_that_runs(dev: Dev) -> None:
    said = len(dev.err)
    done = portable("invoke", "add", "--payload", "[1, 2]", "--app", dev.project)
    assert (done.code, done.out) == (0, "3\n")
    assert dev.get("/kept/sum").json["value"] == 3
    told = re.search(r"recorded as ([0-9a-f]{16}): portable trace \1\n", done.err)
    assert told is not None, done.err
    trace = portable("trace", told[1], "--app", dev.project)
    assert "task:add" in trace.out
    assert "talk of a task" in trace.out
    dev.says("talk of a task", said)
    hourly = portable("invoke", "hourly", "--app", dev.project, "--json")
    worker = int(json.loads(hourly.out)["result"].split()[0])
    assert worker in {member.pid for member in dev.family()}


def test_invoke_of_a_failing_handler_shows_its_line_and_exits_1(dev: Dev) -> None:
    done = portable("invoke", "fails", "--payload", '"no way"', "--app", dev.project, "--json")
    assert done.code == 1
    found = json.loads(done.out)
    invocation = found.pop("invocation")
    assert found == {"handler": "fails", "status": "failed", "result": None, "error": "ValueError: no way"}
    [recorded] = json.loads(portable("invocations", invocation, "--app", dev.project, "--json").out)["items"]
    assert (recorded["id"], recorded["handler"], recorded["outcome"]) == (invocation, "fails", "failed")
    line = next(number for number, text in enumerate(APP.splitlines(), 1) if "raise ValueError" in text)
    assert f'app.py", line {line}, in fails' in done.err
    assert portable("invoke", "nothing", "--app", dev.project).code == 2


def test_invoke_and_replay_work_where_nothing_is_recorded(tmp_path: Path) -> None:
    project = write(tmp_path / "commands", {"app.py": APP, "sum.json": recorded_sum()})
    set_secret(project, "123")
    for options, telemetry in ((("--host", "127.0.0.2"), "on"), ((), "off")):
        with started(project, *options, PORTABLE_TELEMETRY=telemetry) as dev:
            dev.serves()
            done = portable("invoke", "add", "--payload", "[20, 22]", "--app", project, "--json")
            assert (done.code, json.loads(done.out)["result"]) == (0, 42), done.err
            assert json.loads(done.out)["invocation"] is None
            dev.says("talk of a task")
            again = portable("replay", project / "sum.json", "--app", project, "--json")
            assert (again.code, json.loads(again.out)["invocation"]) == (0, None), again.err
            assert json.loads(again.out)["response"]["body"] == "7"
            status = portable("status", project)
            assert "nothing is recorded" in status.out
            assert dev.get("/kept/sum").json["value"] == 7
            assert dev.stop() == 0


def recorded_sum() -> str:
    """A replay file of `add`."""
    invocation = {
        "request_id": "t-1",
        "kind": "task",
        "handler": "add",
        "name": "task:add",
        "started_at": 1_790_000_000.0,
        "seconds": 0.002,
        "outcome": "succeeded",
        "request": {"body": "[3, 4]", "size": 6, "headers": []},
        "response": {"body": "7", "size": 1, "content_type": "application/json", "headers": []},
        "calls": [],
    }
    return dumps(replay_file(invocation, app="commands", portable="0.1.0"))


def test_secrets_and_params_can_be_set_while_it_runs(dev: Dev) -> None:
    assert dev.get("/greeting").text == "hello 5"
    assert portable("config", "set", "greeting", "good day", "--app", dev.project).code == 0
    set_secret(dev.project, "123456789")
    # A value is kept for minutes by whoever read it, so an edit, which brings a fresh process, shows it.
    dev.save("app.py", APP + "\n# edited\n")
    dev.answers("/greeting", "good day 9")
    assert stat.S_IMODE((dev.data / "secrets.json").stat().st_mode) == 0o600
    listed = json.loads(portable("secret", "list", "--app", dev.project, "--json").out)
    assert listed == {"secrets": [{"name": "api-token", "set": True, "declared": True}]}


def test_the_same_commands_work_without_it(tmp_path: Path) -> None:
    project = write(tmp_path / "commands", {"app.py": APP})
    set_secret(project, "123")
    assert portable("config", "set", "greeting", "moin", "--app", project).code == 0
    done = portable("invoke", "add", "--payload", "[20, 22]", "--app", project)
    assert (done.code, done.out) == (0, "42\n")
    assert "talk of a task" in done.err
    with started(project) as dev:
        assert dev.serves().get("/kept/sum").json["value"] == 42
        assert dev.get("/greeting").text == "moin 3"


# A terminal


def test_in_a_terminal_there_are_colours_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    project = write(tmp_path / "hello", {"app.py": HELLO})
    with started(project, terminal=True) as dev:
        dev.serves()
        said = shown(dev, "Ctrl-C ends it")
        assert f"\x1b[1mhello\x1b[0m \x1b[36m{dev.api}\x1b[0m" in said
        dev.save("app.py", HELLO.replace("one", "two"))
        shown(dev, "\x1b[32mreloaded\x1b[0m hello/app.py in ")
        dev.save("app.py", HELLO + "\nx = =\n")
        shown(dev, "\x1b[31merror\x1b[0m[P2002]: ")
        members = dev.family()
        dev.types(b"\x03")
        assert dev.wait() == 130
        assert not any(member.lives for member in members)
        assert "stopping" in dev.out
        assert "KeyboardInterrupt" not in dev.out


@pytest.mark.parametrize(
    "variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"CI": "true"}], ids=["no-color", "dumb", "ci"]
)
def test_in_a_terminal_that_wants_no_colours_there_are_none(tmp_path: Path, variables: dict[str, Any]) -> None:
    project = write(tmp_path / "hello", {"app.py": HELLO + "\nx = =\n"})
    with started(project, terminal=True, **variables) as dev:
        shown(dev, "nothing is served yet")
        dev.send_signal(signal.SIGTERM)
        assert dev.wait() == 0
        assert "\x1b" not in dev.out


def shown(dev: Dev, text: str) -> str:
    """Waits until the terminal has shown it; all that it has shown."""
    until(f"the terminal shows {text!r}: {dev.out!r}", lambda: text in dev.out)
    return dev.out
