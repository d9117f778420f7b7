"""What a test can ask of the app that it runs: the invocations, the calls, the logs."""

import io
import logging
import subprocess
import sys
import threading

import pytest
from pydantic import BaseModel

from portable import App
from portable.binding import current_context
from portable.log_records import CAPTURES, Printed, captured, log_record
from portable.telemetry import MESSAGE_BYTES
from portable.testing import running
from portable.testing.recorder import MemoryRecorder


class Note(BaseModel):
    id: str
    text: str = ""


app = App("recorded")
notes = app.table("notes", Note)


@app.post("/notes")
def create(note: Note) -> None:
    print("creating", note.id)
    notes.put(note)
    shout.send(note)


@app.task
def shout(note: Note) -> None:
    logging.getLogger("shop").warning("shouting %s", note.id, extra={"size": len(note.text)})
    notes.put(note.model_copy(update={"text": note.text.upper()}))


def test_a_test_asks_what_was_invoked_called_logged_and_printed() -> None:
    with running(app) as started:
        started.client.post("/notes", json={"id": "1", "text": "x"})
        started.drain()
        notes.get("1")
        assert [(record.handler, record.outcome) for record in started.invocations()] == [
            ("create", "succeeded"),
            ("shout", "succeeded"),
        ]
        (ran,) = started.invocations(shout)
        assert ran.request is not None
        assert '"text":"x"' in ran.request.body
        assert [call.verb for call in started.calls(notes)] == ["put", "put", "get"]
        assert [call.resource for call in started.calls(verb="send")] == ["task:shout"]
        assert len(started.calls("table:notes", "put")) == 2
        (printed,) = started.logs(create)
        assert (printed.source, printed.level, printed.message) == ("stdout", "INFO", "creating 1")
        (logged,) = started.logs("shout")
        assert (logged.level, logged.logger, logged.message) == ("WARNING", "shop", "shouting 1")
        assert logged.fields == {"size": 1}
        assert (logged.trace_id, logged.span_id, logged.invocation_id) == (ran.trace_id, ran.span_id, ran.id)


def test_what_the_test_itself_prints_and_logs_is_not_the_apps(capsys: pytest.CaptureFixture[str]) -> None:
    with running(app) as started:
        print("outside")
        started.client.post("/notes", json={"id": "1"})
        logging.getLogger("test").error("outside")
        assert [record.message for record in started.logs()] == ["creating 1"]
    assert capsys.readouterr().out == "outside\ncreating 1\n"


def test_two_apps_that_run_at_once_have_each_their_own() -> None:
    other = App("other")

    @other.get("/x")
    def read() -> None:
        print("other")

    with running(app) as first, running(other) as second:
        second.client.get("/x")
        first.client.post("/notes", json={"id": "1"})
        assert [record.message for record in first.logs()] == ["creating 1"]
        assert [record.message for record in second.logs()] == ["other"]
        assert [record.handler for record in second.invocations()] == ["read"]
        assert second.calls() == []


def test_streams_are_given_back_whatever_threads_record() -> None:
    before = sys.stdout, sys.stderr
    recorder = MemoryRecorder()
    inside, leave = threading.Barrier(5), threading.Event()

    def record() -> None:
        with captured(recorder):
            inside.wait(60)
            assert leave.wait(60)

    threads = [threading.Thread(target=record) for _ in range(4)]
    for thread in threads:
        thread.start()
    inside.wait(60)
    assert isinstance(sys.stdout, Printed)
    leave.set()
    for thread in threads:
        thread.join(60)
    assert (sys.stdout, sys.stderr) == before
    assert not CAPTURES._subscribers


def test_pieces_of_lines_of_several_threads_are_not_mixed() -> None:
    recorder = MemoryRecorder()
    turn = threading.Barrier(2)

    def talk(name: str) -> None:
        for part in ("begin", "end"):
            turn.wait(60)
            print(name, part, end=" ")
        turn.wait(60)
        print()

    with captured(recorder):
        threads = [threading.Thread(target=talk, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(record.message for record in recorder.logs) == ["a begin a end ", "b begin b end "]


def test_a_message_is_cut_at_its_size_in_bytes() -> None:
    recorder = MemoryRecorder()
    with captured(recorder):
        logging.getLogger("shop").warning("ä" * 40_000)
        print("x" * 100_000)
    sizes = [len(record.message.encode()) for record in recorder.logs]
    assert sizes == [MESSAGE_BYTES, MESSAGE_BYTES]


def test_odd_records_of_logging_are_recorded_all_the_same() -> None:
    recorder = MemoryRecorder()
    with captured(recorder):
        log = logging.getLogger("shop")
        log.warning("nan", extra={"value": float("nan"), "half": "\ud800", "many": object})
        log.log(35, "between")
    second, third = recorder.logs
    odd = logging.makeLogRecord({"msg": "%d", "args": ("no number",), "levelno": logging.INFO})
    assert "'%d' with ('no number',)" in log_record(odd, None).message
    assert second.fields == {"value": "nan", "half": "\\ud800", "many": "<class 'object'>"}
    assert third.level == "WARNING"
    assert {record.span_id for record in recorder.logs} == {""}
    assert current_context.get() is None


def test_without_handlers_of_logging_faults_still_reach_the_terminal() -> None:
    script = (
        "from portable import App\n"
        "from portable.testing import running\n"
        "app = App('plain')\n"
        "@app.get('/x')\n"
        "def fail() -> None:\n"
        "    raise LookupError('nothing there')\n"
        "with running(app) as started:\n"
        "    assert started.client.get('/x').status == 500\n"
        "    (log,) = started.logs()\n"
        "    assert log.level == 'ERROR' and 'nothing there' in log.traceback\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stderr.count("LookupError: nothing there") == 1


def test_what_is_kept_in_memory_is_bounded() -> None:
    recorder = MemoryRecorder(most=3)
    with captured(recorder):
        for number in range(10):
            print(number)
    assert [record.message for record in recorder.logs] == ["7", "8", "9"]


def test_a_stream_that_is_replaced_meanwhile_is_left_alone() -> None:
    before = sys.stdout
    mine = io.StringIO()
    try:
        with captured(MemoryRecorder()):
            sys.stdout = mine
        assert sys.stdout is mine
    finally:
        sys.stdout = before
