"""The verbs that show what ran, over what a `portable dev` that has ended left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from portable_local.console_client import UnobservedConsole, console_of

from portable.cli.status import text
from portable.console.store import Batch, Store
from portable.errors import Unavailable
from portable.telemetry import InvocationRecord, LogRecord

Command = Callable[..., Any]
Write = Callable[..., Path]

APP = """
from portable import App

app = App("shop")
"""
NOW = 1_800_000_000.0


def invocation(trace: str, span: str, error: str | None = None) -> list[object]:
    record = InvocationRecord(
        trace, span, "", "task", "work", f"r-{span}", 1, NOW, 0.01, "task:work", "failed" if error else "succeeded", 0,
        error, None, None, None, None, 0.0, False, 0,
    )  # fmt: skip
    return ["i", list(record)]


def line(at: float, message: str) -> list[object]:
    return ["l", list(LogRecord("", "", "", "work", NOW + at, "INFO", "shop", message, {}, "logging", None))]


@pytest.fixture
def shop(write: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write({"app.py": APP})
    store = Store(folder / ".portable", clock=lambda: NOW)
    records = [
        invocation("ab12" + "0" * 28, "c" * 16, "ValueError: nope"),
        invocation("ab13" + "0" * 28, "d" * 16),
        # Of two processes, which do not send at the same time.
        line(3, "third"), line(5, "fifth"), line(1, "first"), line(4, "fourth"), line(2, "second"),
    ]  # fmt: skip
    store.write([Batch(1, "worker", {}, records)])
    store.close()
    monkeypatch.setattr("time.time", lambda: NOW + 10)
    return folder


@pytest.mark.parametrize("id", ["ab12", "ab12" + "0" * 28, "cccc", "c" * 16, "r-cccc"])
def test_a_trace_is_found_by_the_beginning_of_an_id(command: Command, shop: Path, id: str) -> None:
    done = command("trace", id, "--app", shop, "--json")
    assert done.code == 0, done.err
    assert done.json["trace_id"] == "ab12" + "0" * 28


@pytest.mark.parametrize(
    ("id", "code"), [("nope", 1), ("work", 1), ("0", 2), ("", 2), ("ab1", 2), ("%%%%", 1), ("f" * 32, 1)]
)
def test_what_is_no_beginning_of_an_id_is_none_of_any_trace(command: Command, shop: Path, id: str, code: int) -> None:
    done = command("trace", id, "--app", shop)
    assert (done.code, done.out) == (code, "")


def test_the_spans_of_a_trace_name_their_handlers_and_attempts(command: Command, write: Write) -> None:
    folder = write({"app.py": APP})
    store = Store(folder / ".portable", clock=lambda: NOW)
    records = [invocation("ab12" + "0" * 28, f"{n}" * 16) for n in (1, 2)]
    for record, handler, attempt in zip(records, ("ship", "bill"), (1, 3), strict=True):
        fields: Any = record[1]
        fields[3:5], fields[6], fields[9] = ["topic", handler], attempt, "topic:order-placed"
    store.write([Batch(1, "worker", {}, records)])
    store.close()
    out = command("trace", "ab12", "--app", folder).out
    assert "topic:order-placed ship  " in out
    assert "topic:order-placed bill, attempt 3  " in out


def test_ids_that_begin_alike_are_not_guessed(command: Command, write: Write) -> None:
    folder = write({"app.py": APP})
    store = Store(folder / ".portable", clock=lambda: NOW)
    store.write([Batch(1, "worker", {}, [invocation(f"ab12{n}".ljust(32, "0"), f"{n}" * 16) for n in (1, 2)])])
    store.close()
    done = command("trace", "ab12", "--app", folder)
    assert done.code != 0
    assert "2 transactions" in done.err


def test_logs_are_in_the_order_in_which_they_were_written(command: Command, shop: Path) -> None:
    out = command("logs", "--app", shop, "--json").out
    assert [json.loads(text)["message"] for text in out.splitlines()] == ["first", "second", "third", "fourth", "fifth"]
    pages, cursor = list[str](), None
    while True:
        page = console_of(shop / ".portable").get("logs", {"limit": 2, "cursor": cursor})
        pages += [one["message"] for one in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert pages == ["fifth", "fourth", "third", "second", "first"]


@pytest.mark.parametrize("verb", ["status", "invocations", "logs", "cost"])
def test_a_database_that_is_damaged_is_named_and_what_mends_it(command: Command, shop: Path, verb: str) -> None:
    (shop / ".portable" / "telemetry.sqlite3").write_bytes(b"no database at all, though long enough for one" * 100)
    done = command(verb, *(("--app", shop) if verb in ("invocations", "logs") else (shop,)))
    assert done.code not in (0, 70)
    assert "telemetry.sqlite3 cannot be read" in done.err
    assert "moves one that is damaged aside" in done.err


@pytest.mark.parametrize("status", ["9xx", "abc", "099", "4", "404x"])
def test_a_status_that_is_none_is_misuse(command: Command, shop: Path, status: str) -> None:
    assert command("invocations", "--app", shop, "--status", status).code == 2


def test_beside_an_app_without_a_console_there_is_its_status_and_what_was_recorded_before(
    shop: Path, tmp_path: Path
) -> None:
    running = {"api": "http://127.0.0.2:8000", "console": None, "pid": 7, "ready": True}
    found = UnobservedConsole(shop / ".portable", running)
    said = text(found.get("status"), found.link)
    assert "http://127.0.0.2:8000" in said
    assert "nothing is recorded" in said
    assert len(found.get("invocations")["items"]) == 2
    with pytest.raises(Unavailable, match="records nothing"):
        UnobservedConsole(tmp_path, running).get("invocations")
