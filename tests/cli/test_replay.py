"""`portable replay`: a recorded invocation again, its differences, and a test of it."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from portable_local.adapter import LocalAdapter

from portable.replay import dumps, replay_file

Command = Callable[..., Any]
Write = Callable[..., Path]
APP = """
    from portable import App, Context

    app = App("shop")
    parts = app.table("parts")
    key = app.secret("key")
    rate = app.param("rate", default="1")


    @app.get("/parts/{id}/share")
    def share(id: str) -> dict[str, int]:
        print("sharing")
        return {"share": 100 // parts.require(id)["n"], "rate": int(rate.get())}


    @app.post("/parts")
    def create(body: dict[str, int], context: Context) -> dict[str, str]:
        parts.put({"id": "new", **body})
        return {"id": context.id}


    @app.task(max_attempts=5)
    def work(value: dict[str, int], context: Context) -> list[int]:
        if key.get() == "wrong":
            raise PermissionError("the key is wrong")
        return [value["n"], context.attempt]


    @app.get("/long")
    def long() -> str:
        return "x" * 30_000


    @app.get("/stops")
    def stops() -> str:
        breakpoint()
        return "went on"
"""
ITEM = {"pk": "a", "sk": "-", "item": {"id": "a", "n": 0}}


def recorded(**changes: Any) -> str:
    """A replay file: GET /parts/a/share, which divided by zero."""
    invocation = {
        "request_id": "request-0001",
        "kind": "http",
        "handler": "share",
        "name": "GET /parts/{id}/share",
        "started_at": 1_790_000_000.0,
        "seconds": 0.002,
        "outcome": "failed",
        "status": 500,
        "error": "ZeroDivisionError: integer division or modulo by zero",
        "request": {"body": "", "size": 0, "target": "GET /parts/a/share", "headers": [["authorization", "x"]]},
        "response": None,
        "calls": [
            {"resource": "table:parts", "verb": "require", "key": "a", "error": None, "result": {"items": [ITEM]}},
        ],
        **changes,
    }
    return dumps(replay_file(invocation, app="shop", portable="0.1.0"))


@pytest.fixture
def shop(write: Write) -> Path:
    return write({"app.py": APP, "failed.json": recorded()})


def task(**changes: Any) -> str:
    return recorded(
        **{
            "kind": "task",
            "handler": "work",
            "name": "task:work",
            "attempt": 3,
            "outcome": "succeeded",
            "status": 0,
            "error": None,
            "request": {"body": '{"n": 7}', "size": 8, "headers": []},
            "response": {"body": "[7, 3]", "size": 6, "content_type": "application/json", "headers": []},
            "calls": [{"resource": "secret:key", "verb": "get", "key": None, "error": None, "result": None}],
            **changes,
        }
    )


def test_on_the_apps_data_it_shows_what_came_and_what_differs(command: Command, shop: Path) -> None:
    done = command("replay", shop / "failed.json", "--app", shop, "--json")
    assert done.code == 0, done.err
    found = done.json
    assert (found["outcome"], found["status"]) == ("succeeded", 404)
    assert found["recorded"]["status"] == 500
    assert [one["where"] for one in found["differences"]] == ["outcome", "status", "error", "response"]
    assert found["calls"] == [{"resource": "table:parts", "verb": "require", "key": "a", "error": None}]
    assert "sharing" in done.err
    assert (shop / ".portable").is_dir()


def test_isolated_it_runs_on_what_was_read_and_fails_as_it_did(command: Command, shop: Path) -> None:
    done = command("replay", shop / "failed.json", "--app", shop, "--isolated", "--json")
    assert done.code == 1
    assert done.json["error"] == "ZeroDivisionError: integer division or modulo by zero"
    assert [one["where"] for one in done.json["differences"]] == ["response"]
    assert f'File "{shop / "app.py"}"' in done.err
    text = command("replay", shop / "failed.json", "--app", shop, "--isolated").out
    assert text.startswith("GET /parts/{id}/share: failed 500 (ZeroDivisionError: ")
    # Nothing of it is in the app's own data.
    assert command("replay", shop / "failed.json", "--app", shop, "--json").json["status"] == 404


def test_a_write_goes_to_the_apps_data_and_the_request_keeps_its_id(command: Command, shop: Path) -> None:
    body = {"body": '{"n": 4}', "size": 8, "target": "POST /parts", "headers": [["content-type", "application/json"]]}
    written = recorded(handler="create", name="POST /parts", request=body, outcome="succeeded", status=200, error=None)
    (shop / "create.json").write_text(written)
    done = command("replay", shop / "create.json", "--app", shop, "--json", "--set", "request.body.n=5")
    assert json.loads(done.json["response"]["body"]) == {"id": "request-0001"}
    done = command("replay", shop / "failed.json", "--app", shop, "--json", "--set", "request.target=/parts/new/share")
    assert json.loads(done.json["response"]["body"]) == {"share": 20, "rate": 1}


def test_a_task_has_its_attempt_and_its_secret(command: Command, shop: Path) -> None:
    (shop / "task.json").write_text(task())
    LocalAdapter().write_value(shop / ".portable", "secret", "key", "right")
    done = command("replay", shop / "task.json", "--app", shop)
    assert done.code == 0, done.err
    assert done.out.splitlines()[1].startswith("recorded: succeeded")
    assert done.out.endswith("[7,3]\nnothing differs\n")
    isolated = command("replay", shop / "task.json", "--app", shop, "--isolated", "--json")
    assert isolated.json["differences"] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "FILE is missing"),
        (("no.json",), "there is no file no.json"),
        (("{shop}/app.py",), "this is no replay file"),
        (("{shop}/failed.json", "--set", "a"), "is not PATH=VALUE"),
        (("{shop}/redacted.json",), "redacted, and needed: request.headers.authorization"),
        (("{shop}/failed.json", "--set", "request.headers.x=1"), "there is nothing at 'request.headers.x'"),
        (("{shop}/failed.json", "--debug", "70000"), "that is no port"),
    ],
)
def test_what_cannot_be_meant_is_said(command: Command, shop: Path, arguments: tuple[str, ...], message: str) -> None:
    redacted = {"body": "", "size": 0, "target": "GET /", "headers": [["authorization", "Bearer [redacted]"]]}
    (shop / "redacted.json").write_text(recorded(request=redacted))
    done = command("replay", *(one.format(shop=shop) for one in arguments), "--app", shop)
    assert done.code in (1, 2)
    assert message in done.err
    assert done.out == ""


def test_a_file_of_another_app_does_not_run_on_the_data_of_this_one(command: Command, shop: Path) -> None:
    (shop / "other.json").write_text(recorded().replace('"app": "shop"', '"app": "bank"'))
    done = command("replay", shop / "other.json", "--app", shop)
    assert done.code == 1
    assert "recorded of the app 'bank'" in done.err
    assert "--isolated" in done.err
    assert command("replay", shop / "other.json", "--app", shop, "--isolated", "--json").json["status"] == 500


def test_items_of_a_table_that_the_app_has_not_are_said_without_a_trace(command: Command, shop: Path) -> None:
    (shop / "gone.json").write_text(recorded().replace('"table": "parts"', '"table": "pieces"'))
    done = command("replay", shop / "gone.json", "--app", shop, "--isolated")
    assert done.code == 1
    assert "a table 'pieces', which the app has not" in done.err
    assert "Traceback" not in done.err


def test_a_body_that_is_no_base64_is_refused(command: Command, shop: Path) -> None:
    request = {"body": "YQ==", "size": 1, "target": "GET /", "headers": [], "encoding": "base64"}
    (shop / "bytes.json").write_text(recorded(request=request).replace('"YQ=="', '"?!YQ=="'))
    done = command("replay", shop / "bytes.json", "--app", shop)
    assert done.code == 2
    assert "is not base64" in done.err


def test_a_long_answer_is_not_printed_whole(command: Command, shop: Path) -> None:
    request = {"body": "", "size": 0, "target": "GET /long", "headers": []}
    (shop / "long.json").write_text(recorded(handler="long", name="GET /long", request=request))
    done = command("replay", shop / "long.json", "--app", shop)
    assert "... and 26,000 characters more" in done.out
    assert len(done.out) < 6000
    assert command("replay", shop / "long.json", "--app", shop, "--json").json["response"]["body"] == "x" * 30_000


def test_a_handler_that_is_gone_is_said_with_those_that_are_there(command: Command, shop: Path) -> None:
    (shop / "gone.json").write_text(task(handler="gone"))
    done = command("replay", shop / "gone.json", "--app", shop)
    assert done.code == 1
    assert "there is no handler 'gone' any more" in done.err
    assert "work" in done.err


def test_breakpoint_without_a_terminal_lets_the_handler_go_on(command: Command, shop: Path) -> None:
    stops = {"body": "", "size": 0, "target": "GET /stops", "headers": []}
    (shop / "stops.json").write_text(recorded(handler="stops", name="GET /stops", request=stops))
    done = command("replay", shop / "stops.json", "--app", shop, "--json")
    assert done.json["response"]["body"] == "went on"
    assert done.err.count("there is no terminal here to ask in") == 1


def test_a_saved_test_is_tried_and_does_as_the_invocation_did(command: Command, shop: Path) -> None:
    done = command("replay", shop / "failed.json", "--app", shop, "--save-test", "--json")
    assert done.code == 0, done.err
    assert done.json["as_recorded"] is True
    assert done.json["passes"] is False
    assert "it fails with ZeroDivisionError: integer division or modulo by zero, as the invocation did" in done.err
    saved = Path(done.json["file"])
    assert saved.parent == shop
    assert "put_items" in saved.read_text()
    again = command("replay", shop / "failed.json", "--app", shop, "--save-test")
    assert again.code == 6
    assert f"there is {saved} already" in again.err


def test_a_saved_test_that_does_not_as_recorded_is_exit_1(command: Command, shop: Path, tmp_path: Path) -> None:
    fixed = APP.replace('100 // parts.require(id)["n"]', "100")
    (shop / "app.py").write_text(textwrap.dedent(fixed))
    done = command("replay", shop / "failed.json", "--app", shop, "--save-test", shop / "test_it.py", "--json")
    assert done.code == 1
    assert done.json == {"file": str(shop / "test_it.py"), "passes": True, "as_recorded": False}
    assert "the bug is fixed" in done.err


def test_a_saved_test_can_go_to_stdout(command: Command, shop: Path) -> None:
    (shop / "task.json").write_text(task())
    done = command("replay", shop / "task.json", "--app", shop, "--save-test", "-")
    assert done.code == 0
    compile(done.out, "test.py", "exec")
    assert 'started.deliver("work"' in done.out
    assert "attempt=3" in done.out
