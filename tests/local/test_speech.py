"""What `portable dev` says: addresses on stdout, talk on stderr, and nothing of others that a terminal would act on."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from portable_local.loop import Loop
from portable_local.speech import Speech, app_failure, count, shorter

from portable.adapter import Project, ServeOptions

Capture = pytest.CaptureFixture[str]
URL = "http://127.0.0.1:8000"
MANIFEST: dict[str, Any] = {
    "app": {"name": "shop"},
    "handlers": [{"trigger": {"type": kind}} for kind in ("route", "route", "schedule")],
}
FAULT: dict[str, Any] = {
    "faults": [
        {
            "code": "P2002",
            "message": "no \x1b[31mluck\x07",
            "hint": "try \u202eagain",
            "location": {"file": "/nowhere/app.py", "line": 3},
        },
        {"code": "P2001", "message": "and more", "hint": None, "location": None},
    ],
    "trace": "Traceback\x1b[2J\n  line 3\n",
}


def speech(data: Path = Path(".portable"), **options: Any) -> Speech:
    return Speech(ServeOptions(Project(Path(), "app", "app"), data, **options))


def test_the_address_is_data_and_tells_what_is_served(capsys: Capture) -> None:
    found = speech()
    before = found.has_served
    found.serving(URL, MANIFEST)
    assert (before, found.has_served) == (False, True)
    out, err = capsys.readouterr()
    assert err == ""
    assert (
        out == f"  shop {URL}\n  2 routes, 1 background handler; data in .portable; reloads on save; Ctrl-C ends it\n"
    )


def test_the_console_is_told_where_nothing_is_served_yet(capsys: Capture) -> None:
    found = speech()
    found.console = "http://127.0.0.1:8001/#key=k"
    found.failed(FAULT, keeps_serving=True)
    assert "8001" not in capsys.readouterr().err
    found.failed(FAULT, keeps_serving=False)
    assert "  console http://127.0.0.1:8001/#key=k\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("switch", "said"),
    [("off", "nothing is recorded"), ("OFF", "nothing is recorded"), ("banana", "is not known"), ("", "")],
)
def test_that_nothing_is_recorded_is_said(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, switch: str, said: str
) -> None:
    monkeypatch.setenv("PORTABLE_TELEMETRY", switch)
    speech().starting(has_moved=False)
    err = capsys.readouterr().err
    assert said in err
    assert bool(err) == bool(said)


def test_without_reload_it_says_so(capsys: Capture) -> None:
    speech(reload=False).serving(URL, MANIFEST)
    assert "does not reload" in capsys.readouterr().out


def test_as_json_the_address_is_one_line(capsys: Capture, tmp_path: Path) -> None:
    found = speech(tmp_path, as_json=True)
    found.console = f"{URL}/#key=k"
    found.serving(URL, MANIFEST)
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count("\n") == 1
    wanted = {"app": "shop", "api": URL, "console": found.console, "pid": os.getpid(), "data": str(tmp_path)}
    assert json.loads(out) == wanted


def test_where_the_console_is_stands_below_the_app(capsys: Capture) -> None:
    found = speech()
    found.console = "http://127.0.0.1:8001/#key=k"
    found.serving(URL, MANIFEST)
    assert capsys.readouterr().out.splitlines()[2] == "  console http://127.0.0.1:8001/#key=k"


def test_a_console_that_is_elsewhere_or_nowhere_is_told(capsys: Capture) -> None:
    speech().console_moved("http://127.0.0.1:8002")
    speech().console_moved(None)
    moved, off = capsys.readouterr().err.splitlines()
    assert "8001 is in use" in moved
    assert "the console is off" in off


@pytest.mark.parametrize(
    ("host", "warned"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("0.0.0.0", True), ("10.0.0.1", True)],
)
def test_an_address_that_lets_others_in_is_warned_of(capsys: Capture, host: str, warned: bool) -> None:
    speech(host=host).starting(has_moved=False)
    assert ("warning" in capsys.readouterr().err) is warned


def test_a_port_that_moved_is_told(capsys: Capture) -> None:
    speech().starting(has_moved=True)
    assert "8000 is in use" in capsys.readouterr().err


def test_a_reload_names_the_file_and_counts_the_others(capsys: Capture) -> None:
    found = speech()
    found.reloaded([os.path.abspath("app.py")], 0.0321)
    found.reloaded(["/far/away/a.py", "b", "c"], 1.5)
    found.reloaded([], 0)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "reloaded app.py in 32 ms",
        "reloaded /far/away/a.py and 2 more in 1500 ms",
        "restarted",
    ]


def test_names_and_messages_of_others_are_shown_without_what_a_terminal_would_do(capsys: Capture) -> None:
    found = speech()
    found.reloaded([os.path.abspath("a\x1b]0;title\x07\n.py")], 0)
    found.failed(FAULT, keeps_serving=True)
    out, err = capsys.readouterr()
    assert out == ""
    for character in "\x1b\x07\u202e":
        assert character not in err
    assert "\\x1b[31mluck" in err


@pytest.mark.parametrize(
    ("keeps", "words"), [(True, "the last good version goes on"), (False, "nothing is served yet")]
)
def test_a_failure_shows_trace_place_hint_and_what_goes_on(capsys: Capture, keeps: bool, words: str) -> None:
    speech().failed(FAULT, keeps_serving=keeps)
    err = capsys.readouterr().err
    for part in ("Traceback", "error[P2002]", "/nowhere/app.py:3", "hint:", "error[P2001]: and more", words):
        assert part in err
    assert err.index("Traceback") < err.index("P2002") < err.index("P2001") < err.index(words)


def test_a_failure_that_ends_the_command_ends_its_loop_with_the_error() -> None:
    found, loop = speech(), Loop()
    try:
        found.raise_failure(FAULT, loop)
        assert loop.done
    finally:
        loop.close()
    assert found.failure is not None
    assert found.failure.exit_code == 3
    assert [fault.code for fault in found.failure.faults] == ["P2002", "P2001"]
    assert app_failure(FAULT).trace == FAULT["trace"]


def test_the_end_says_how_many_runs_it_waits_for(capsys: Capture) -> None:
    found = speech()
    for busy in (0, 1, 2):
        found.stopping(busy)
        found.gave_up(busy)
    assert capsys.readouterr().err.splitlines() == [
        "stopping",
        "stopping, after 1 background run",
        "1 background run did not end in time; tried again at the next start",
        "stopping, after 2 background runs",
        "2 background runs did not end in time; tried again at the next start",
    ]


def test_processes_that_end_are_told(capsys: Capture) -> None:
    found = speech()
    found.worker_ended("killed by SIGKILL")
    found.server_ended("exit code 1")
    out, err = capsys.readouterr()
    assert out == ""
    assert "a worker process ended: killed by SIGKILL" in err
    assert "exit code 1; it is started again" in err


def test_numbers_and_paths_are_short() -> None:
    assert [count(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert shorter(os.path.abspath("a/b.py")) == "a/b.py"
    assert shorter("/nowhere/else.py") == "/nowhere/else.py"
