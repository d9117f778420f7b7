"""The notes app from outside: HTTP in, HTTP out, background work drained in between."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from app import Note, app, files, runs, summaries, summarise

from portable.adapter import Running
from portable.testing import running


@pytest.fixture
def notes() -> Iterator[Running]:
    with running(app) as started:
        yield started


def post(notes: Running, body: object) -> tuple[int, Any]:
    answer = notes.request(
        "POST", "/notes", headers=[("content-type", "application/json")], body=json.dumps(body).encode()
    )
    return answer.status, json.loads(answer.body)


def get(notes: Running, target: str) -> tuple[int, Any]:
    answer = notes.request("GET", target)
    return answer.status, json.loads(answer.body)


NOTE = {"owner": "ada", "id": "1", "text": "Compilers are patient"}


def test_a_note_is_created_and_read_again(notes: Running) -> None:
    assert post(notes, NOTE) == (200, NOTE)
    assert get(notes, "/notes/ada/1") == (200, NOTE)


def test_the_same_note_twice_is_a_conflict(notes: Running) -> None:
    post(notes, NOTE)
    status, problem = post(notes, {**NOTE, "text": "other"})
    assert status == 409
    assert problem["status"] == 409
    assert get(notes, "/notes/ada/1") == (200, NOTE)


def test_an_unknown_note_is_not_found(notes: Running) -> None:
    status, problem = get(notes, "/notes/ada/2")
    assert status == 404
    assert problem["status"] == 404


def test_a_bad_note_is_refused_with_every_fault(notes: Running) -> None:
    status, problem = post(notes, {"owner": 1, "text": None})
    assert status == 422
    assert {"owner", "id", "text"} <= set(str(json.dumps(problem)).replace('"', " ").replace(".", " ").split())


def test_the_task_and_the_subscriber_run_after_a_note(notes: Running) -> None:
    post(notes, NOTE)
    assert get(notes, "/notes/ada/1/summary")[0] == 404
    notes.drain()
    assert get(notes, "/notes/ada/1/summary") == (200, {"owner": "ada", "id": "1", "words": 3})
    assert get(notes, "/words/patient") == (200, ["ada/1"])


def test_a_file_in_the_inbox_is_summarised(notes: Running) -> None:
    files.put("inbox/letter.txt", b"four words are here")
    files.put("elsewhere/letter.txt", b"never looked at")
    notes.drain()
    assert summaries.require("inbox", "inbox/letter.txt").words == 4
    assert summaries.get("inbox", "elsewhere/letter.txt") is None


def test_schedules_run_when_they_fire(notes: Running) -> None:
    notes.fire("sweep")
    notes.fire("nightly")
    notes.drain()
    assert runs.get("sweep") == {"name": "sweep"}
    assert runs.get("nightly") == {"name": "nightly"}


def test_a_handler_called_directly_is_plain_python(notes: Running) -> None:
    assert notes.app is app
    summarise(Note(owner="ada", id="9", text="one two"))
    assert summaries.require("ada", "9").words == 2
