"""The verbs that show what ran, over what a `portable dev` that has ended left."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from portable_local.console_client import UnobservedConsole, console_of

from portable.cli.observing import shown_path
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


def test_of_several_attempts_the_first_is_numbered_too(command: Command, write: Write) -> None:
    folder = write({"app.py": APP})
    store = Store(folder / ".portable", clock=lambda: NOW)
    records = [invocation("ab12" + "0" * 28, f"{n}" * 16, "ValueError: nope") for n in (1, 2, 3)]
    for record, attempt, id in zip(records, (1, 2, 1), ("one", "one", "other"), strict=True):
        fields: Any = record[1]
        fields[5], fields[6] = id, attempt
    store.write([Batch(1, "worker", {}, records)])
    store.close()
    lines = command("trace", "ab12", "--app", folder).out.splitlines()
    assert [line.strip().startswith("task:work work, attempt 1 ") for line in lines[1:]] == [True, False, False]
    assert [line.strip().startswith("task:work work, attempt 2 ") for line in lines[1:]] == [False, True, False]


def test_the_number_of_a_later_attempt_is_told_also_alone(command: Command, shop: Path) -> None:
    store = Store(shop / ".portable", clock=lambda: NOW)
    record: Any = invocation("ab14" + "0" * 28, "e" * 16)
    record[1][3:5], record[1][6], record[1][9] = ["topic", "bill"], 3, "topic:order-placed"
    store.write([Batch(1, "worker", {}, [record])])
    store.close()
    out = command("trace", "ab14", "--app", shop).out
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


def test_an_unknown_handler_is_an_error_that_names_the_nearest(command: Command, shop: Path) -> None:
    (shop / "app.py").write_text(APP + "\n\n@app.task\ndef index(text: str) -> None: ...\n")
    for arguments in (("logs", "indx"), ("logs", "indx", "--follow"), ("invocations", "--handler", "indx")):
        done = command(*arguments, "--app", shop)
        assert (done.code, done.out) == (1, ""), arguments
        assert "there is no handler 'indx'" in done.err
        assert "did you mean index?" in done.err
    # It is there, or was: nothing of it was recorded, or it was recorded and is gone.
    for known in ("index", "work", "wo*", "ind*"):
        assert command("logs", known, "--app", shop).code == 0, known
        assert command("invocations", "--handler", known, "--app", shop).code == 0, known
    assert command("logs", "no*", "--app", shop).code == 1
    nothing = command("logs", "index", "--app", shop)
    assert (nothing.out, nothing.err) == ("", "no line fits that was written in the last 10m\n")


def test_an_unknown_trace_is_an_error_and_a_beginning_of_one_will_do(command: Command, shop: Path) -> None:
    for wrong, code in (("zzz", 2), ("zzzz", 1), ("f" * 32, 1)):
        done = command("logs", "--trace", wrong, "--app", shop)
        assert (done.code, done.out) == (code, ""), wrong
    assert "no invocation has the id zzzz" in command("logs", "--trace", "zzzz", "--app", shop).err
    done = command("logs", "--trace", "ab12", "--app", shop)
    assert (done.code, done.out, done.err) == (0, "", "no line fits\n")


def test_a_trace_has_its_lines_however_old_they_are(
    command: Command, shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = LogRecord("ab12" + "0" * 28, "c" * 16, "r-c", "work", NOW, "INFO", "shop", "long ago", {}, "logging", None)
    store = Store(shop / ".portable", clock=lambda: NOW)
    store.write([Batch(1, "worker", {}, [["l", list(old)]])])
    store.close()
    monkeypatch.setattr("time.time", lambda: NOW + 86400)
    assert "long ago" in command("logs", "--trace", "ab12", "--app", shop).out
    assert command("logs", "--app", shop).out == ""
    assert command("logs", "--trace", "ab12", "--since", "1h", "--app", shop).out == ""


def test_paths_are_shown_from_here_or_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "shop").mkdir()
    monkeypatch.chdir(tmp_path / "shop")
    for path, shown in (("shop/app.py", "app.py"), ("other/app.py", "~/other/app.py"), ("../away.py", "../away.py")):
        place = str((tmp_path / path).resolve())
        assert shown_path(place) == (place if path.startswith("..") else shown)
    assert shown_path("app.py") == "app.py"
    error = {"file": str(tmp_path / "shop" / "app.py"), "line": 3, "message": "NameError: name 'x' is not defined"}
    status = {
        **dict.fromkeys(("is_running", "started_at", "last_reload")),
        "import_error": error,
        "is_recorded": True,
        "dropped": {},
        "issues": 0,
    }
    assert "does not import: app.py:3: NameError" in text(status, None)


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
