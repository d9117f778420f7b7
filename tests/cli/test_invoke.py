"""`portable invoke`: one background handler, now."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Write = Callable[..., Path]
APP = """
    from portable import App

    app = App("shop")
    seen = app.table("seen")


    @app.task()
    def double(value: dict[str, int]) -> int:
        print("working")
        seen.put({"id": "double", "value": value["n"]})
        return value["n"] * 2


    @app.task()
    def last() -> int:
        return seen.require("double")["value"]


    @app.task(max_attempts=1)
    def broken(value: dict[str, int]) -> None:
        raise RuntimeError(f"no {value}")


    @app.every(hours=1)
    def hourly() -> str:
        return "run"


    @app.get("/")
    def root() -> str:
        return "hello"
"""


@pytest.fixture
def shop(write: Write) -> Path:
    return write({"app.py": APP})


def test_a_handler_runs_and_its_result_is_printed(command: Command, shop: Path) -> None:
    done = command("invoke", "double", "--payload", '{"n": 4}', "--app", shop)
    assert done.code == 0
    assert done.out == "8\n"
    assert command("invoke", "double", "--payload", '{"n": 4}', "--app", shop, "--json").json == {
        "handler": "double",
        "status": "succeeded",
        "result": 8,
        "error": None,
        "invocation": None,
    }


def test_it_runs_on_the_apps_data(command: Command, shop: Path) -> None:
    command("invoke", "double", "--payload", '{"n": 7}', "--app", shop)
    assert command("invoke", "last", "--app", shop).out == "7\n"


def test_a_schedule_needs_no_payload(command: Command, shop: Path) -> None:
    assert command("invoke", "hourly", "--app", shop).out == '"run"\n'


def test_a_handler_that_raises_is_exit_1_with_the_users_traceback(command: Command, shop: Path) -> None:
    done = command("invoke", "broken", "--payload", '{"n": 4}', "--app", shop)
    assert done.code == 1
    assert done.out == ""
    assert f'File "{shop / "app.py"}"' in done.err
    assert "RuntimeError: no {'n': 4}" in done.err
    found = command("invoke", "broken", "--payload", '{"n": 4}', "--app", shop, "--json")
    assert found.code == 1
    assert found.json["status"] in ("failed", "dead")
    assert "RuntimeError" in found.json["error"]


def test_a_payload_that_does_not_decode_is_the_handlers_failure(command: Command, shop: Path) -> None:
    done = command("invoke", "double", "--payload", "[]", "--app", shop)
    assert done.code == 1
    assert "decode" in done.err


def test_a_payload_may_come_from_a_file_or_stdin(command: Command, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = shop / "payload.json"
    file.write_text('{"n": 1}')
    assert command("invoke", "double", "--payload", f"@{file}", "--app", shop).out == "2\n"
    monkeypatch.setattr("sys.stdin", io.StringIO('{"n": 2}'))
    assert command("invoke", "double", "--payload", "-", "--app", shop).out == "4\n"


@pytest.mark.parametrize("payload", ["{", "", "NaN", "{'n': 1}", "@missing.json"])
def test_a_payload_that_is_no_json_is_a_usage_error(command: Command, shop: Path, payload: str) -> None:
    done = command("invoke", "double", "--payload", payload, "--app", shop)
    assert done.code == 2
    assert "hint:" in done.err


def test_an_unknown_handler_and_a_route_are_usage_errors_that_say_more(command: Command, shop: Path) -> None:
    assert "did you mean double?" in command("invoke", "doubel", "--app", shop).err
    done = command("invoke", "root", "--app", shop)
    assert done.code == 2
    assert "GET /" in done.err
