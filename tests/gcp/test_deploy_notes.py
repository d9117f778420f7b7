"""The whole path: `portable deploy` of examples/notes by Google's own clients, events, our zip under Google's own host.

What runs is the packaged zip and what its requirements.txt names, in an environment that has nothing else: whatever is
missing in one of them fails here. What the stack is made of is in tests/gcp_stack/README.md.
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.gcp.deploying import STAGE, Deployed, copy_of
from tests.gcp_stack.host_fixtures import Host, gcp_host

__all__ = ["gcp_host"]

HEARD = """

@notes.on_change
def count_changes(change: Change[Note]) -> None:
    runs.put({"name": f"{change.op} {change.pk}/{change.sk}"})
"""
BROKEN = """

import os

if "K_SERVICE" in os.environ:
    raise RuntimeError("it is broken where it is deployed")
"""


@pytest.fixture
def notes(gcp_host: Host, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Generator[Deployed]:
    with copy_of("notes", tmp_path / "notes", gcp_host, capfd) as found:
        yield found


def test_notes_from_deploy_to_destroy(notes: Deployed) -> None:
    first = notes.deploy()
    assert first["changed"]
    assert first["release"]["number"] == 1
    assert notes.on_stage("outputs")["outputs"] == first["outputs"]
    assert first["outputs"]["ApiUrl"] == notes.names.url("notes-dev--http")

    # HTTP, the task that it sends, and the event that it publishes.
    note = {"owner": "anna", "id": "1", "text": "One two three"}
    assert notes.request("POST", "/notes", note) == (200, note)
    assert notes.request("POST", "/notes", note)[0] == 409
    assert notes.request("GET", "/notes/anna/1") == (200, note)
    notes.seen(lambda: notes.request("GET", "/notes/anna/1/summary"), (200, {"owner": "anna", "id": "1", "words": 3}))
    notes.seen(lambda: notes.request("GET", "/words/two"), (200, ["anna/1"]))
    # Nobody else may call what only Google's services are to call.
    assert notes.request("POST", "/", {}, function="notes-dev-summarise")[0] == 401

    # An object, whose handler sends a task.
    files = notes.clients.storage.bucket(first["outputs"]["BucketFilesName"])
    files.blob("inbox/a.txt").upload_from_string("four words are here")
    notes.seen(lambda: ("inbox", "inbox/a.txt") in notes.items("summaries"), True)

    # A schedule, before its time; a handler by hand.
    notes.fire("sweep")
    notes.seen(lambda: [pk for pk, _ in notes.items("runs")], ["sweep"])
    assert notes.on_stage("invoke nightly")["status"] == "succeeded"
    assert [pk for pk, _ in notes.items("runs")] == ["nightly", "sweep"]
    assert notes.on_stage("invoke summarise", "--payload", "1", code=1)["status"] == "dead"

    # What they asked for was theirs to ask, with an account of each one's own.
    assert [one for one in notes.judged() if one.role is None] == []
    assert {one.account for one in notes.judged()} == notes.accounts()

    # What the functions said.
    _, said, _ = notes.typed("logs", "--app", notes.folder, *STAGE)
    assert "notes-dev--http INFO    POST /notes" in said
    _, said, _ = notes.typed("logs", "summarise", "--app", notes.folder, *STAGE)
    assert "POST /notes" not in said
    assert " INFO    task:summarise" in said
    assert " ERROR   task:summarise" in said

    # What is there already is no change.
    assert not notes.deploy()["changed"]

    # An update, with what was stored still there; of changes only those are told that come after it.
    app = notes.folder / "app.py"
    before = app.read_text()
    changed = before.replace("words=len(note.text.split())", "words=len(note.text)")
    app.write_text(changed.replace("from portable import App, ", "from portable import App, Change, ") + HEARD)
    again = notes.deploy()
    assert again["changed"]
    assert again["release"]["number"] == 2
    notes.request("POST", "/notes", {**note, "id": "2"})
    notes.seen(lambda: notes.request("GET", "/notes/anna/2/summary")[1], {"owner": "anna", "id": "2", "words": 13})
    notes.seen(lambda: [pk for pk, _ in notes.items("runs")], ["nightly", "sweep", "upsert anna/2"])
    assert notes.request("GET", "/notes/anna/1/summary")[1]["words"] == 3

    # One that fails is no release, and what was there goes on.
    app.write_text(app.read_text() + BROKEN)
    error = notes.deploy(code=1)["error"]
    assert error["code"] == "P2005"
    assert "updating function" in error["message"]
    assert [one["number"] for one in notes.portable("releases", notes.folder, *STAGE)["releases"]] == [1, 2]
    assert notes.request("GET", "/notes/anna/2")[0] == 200
    _, said, _ = notes.typed("logs", "--app", notes.folder, *STAGE)
    assert "RuntimeError: it is broken where it is deployed" in said

    # Back to the first one; the app on this machine is as broken as before.
    back = notes.on_stage("rollback 1 --yes", "--name", "notes")
    assert back["changed"]
    notes.request("POST", "/notes", {**note, "id": "3"})
    notes.seen(lambda: notes.request("GET", "/notes/anna/3/summary")[1], {"owner": "anna", "id": "3", "words": 3})

    # Nothing is left but what holds data, and queues at rest: Google keeps their names for days.
    gone = notes.on_stage("destroy --yes", "--name", "notes")
    assert gone["deleted"] == []
    buckets = {first["outputs"]["BucketFilesName"], notes.names.release_bucket(), notes.names.lock_bucket()}
    assert notes.left() == {"database notes-dev", *(f"bucket {name}" for name in buckets)}
    assert ("anna", "3") in notes.items("notes")
    assert notes.on_stage("destroy --yes", "--name", "notes")["kept"] == gone["kept"]

    # It can be deployed again, with what it has stored.
    app.write_text(before)
    assert notes.deploy()["changed"]
    notes.request("POST", "/notes", {**note, "id": "4"})
    notes.seen(lambda: notes.request("GET", "/notes/anna/4/summary")[1], {"owner": "anna", "id": "4", "words": 3})
    assert notes.request("GET", "/notes/anna/3")[0] == 200


def test_params_and_secrets_of_a_stage_are_written_listed_removed_and_read(notes: Deployed) -> None:
    app = notes.folder / "app.py"
    declared = 'app = App("notes")\ncurrency = app.param("currency", default="EUR")\nkey = app.secret("key")'
    read = '\n\n@app.get("/values")\ndef values() -> list[str]:\n    return [currency.get(), key.get()]\n'
    app.write_text(app.read_text().replace('app = App("notes")', declared) + read)
    notes.deploy()
    assert notes.on_stage("config get currency")["is_default"]
    notes.on_stage("config set currency", "CHF")
    notes.secret("key", "s3cr3t")
    assert notes.request("GET", "/values") == (200, ["CHF", "s3cr3t"])
    assert notes.on_stage("config list")["params"][0]["set"]
    assert [one["set"] for one in notes.on_stage("secret list")["secrets"]] == [True]
    notes.on_stage("config remove currency")
    assert notes.on_stage("config get currency")["is_default"]
    notes.on_stage("secret remove key")
    assert [one["set"] for one in notes.on_stage("secret list")["secrets"]] == [False]
    assert notes.on_stage("config set curency", "x", code=2)["error"]["hint"] == "did you mean currency?"
