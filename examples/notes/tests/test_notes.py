"""The notes app from outside: HTTP in, HTTP out, background work drained in between.

`running_app` and `portable_client` come with portable: they find the app by this project's pyproject.toml.
"""

from app import Note, app, files, runs, summaries, summarise

from portable.testing import Client, RunningApp

NOTE = {"owner": "ada", "id": "1", "text": "Compilers are patient"}


def test_a_note_is_created_and_read_again(portable_client: Client) -> None:
    created = portable_client.post("/notes", json=NOTE)
    assert (created.status, created.json()) == (200, NOTE)
    assert portable_client.get("/notes/ada/1").json() == NOTE


def test_the_same_note_twice_is_a_conflict(portable_client: Client) -> None:
    portable_client.post("/notes", json=NOTE)
    again = portable_client.post("/notes", json={**NOTE, "text": "other"})
    assert (again.status, again.json()["status"]) == (409, 409)
    assert portable_client.get("/notes/ada/1").json() == NOTE


def test_an_unknown_note_is_not_found(portable_client: Client) -> None:
    answer = portable_client.get("/notes/ada/2")
    assert (answer.status, answer.json()["status"]) == (404, 404)


def test_a_bad_note_is_refused_with_every_fault(portable_client: Client) -> None:
    answer = portable_client.post("/notes", json={"owner": 1, "text": None})
    assert answer.status == 422
    assert {"owner", "id", "text"} <= set(answer.text.replace('"', " ").replace(".", " ").split())


def test_the_task_and_the_subscriber_run_after_a_note(running_app: RunningApp) -> None:
    client = running_app.client
    client.post("/notes", json=NOTE)
    assert client.get("/notes/ada/1/summary").status == 404
    running_app.drain()
    assert client.get("/notes/ada/1/summary").json() == {"owner": "ada", "id": "1", "words": 3}
    assert client.get("/words/patient").json() == ["ada/1"]


def test_a_file_in_the_inbox_is_summarised(running_app: RunningApp) -> None:
    files.put("inbox/letter.txt", b"four words are here")
    files.put("elsewhere/letter.txt", b"never looked at")
    running_app.drain()
    assert summaries.require("inbox", "inbox/letter.txt").words == 4
    assert summaries.get("inbox", "elsewhere/letter.txt") is None


def test_schedules_run_when_they_fire(running_app: RunningApp) -> None:
    running_app.clock.advance(15 * 60)
    running_app.fire("nightly")
    running_app.drain()
    assert runs.get("sweep") == {"name": "sweep"}
    assert runs.get("nightly") == {"name": "nightly"}


def test_a_handler_called_directly_is_plain_python(running_app: RunningApp) -> None:
    assert running_app.app is app
    summarise(Note(owner="ada", id="9", text="one two"))
    assert summaries.require("ada", "9").words == 2
