"""The whole path: `portable deploy` of examples/notes to LocalStack, events, our zip under AWS's runtime, effects.

LocalStack has no rollback, ignores Retain and imports nothing: those are proven against our fake (tests/aws/deployer).
Its HTTP APIs answer no requests, so a request is given to the function as the event that an HTTP API makes of it.
"""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.deploying import STAGE, Deployed, copy_of
from tests.aws_stack.fixtures import AwsStack, aws_stack

__all__ = ["aws_stack"]

Judge = Callable[[list[dict[str, Any]]], list[str]]


@pytest.fixture
def notes(aws_stack: AwsStack, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Generator[Deployed]:
    with copy_of("notes", tmp_path / "notes", capfd) as found:
        yield found


def test_notes_from_deploy_to_destroy(notes: Deployed, judge: Judge) -> None:
    first = notes.deploy()
    assert first["changed"]
    assert first["release"]["number"] == 1
    assert first["outputs"]["TableNotesName"] == "notes-dev-notes"

    # HTTP, the task that it sends, and the event that it publishes.
    note = {"owner": "anna", "id": "1", "text": "One two three"}
    assert notes.request("POST", "/notes", note) == (200, note)
    assert notes.request("POST", "/notes", note)[0] == 409
    assert notes.request("GET", "/notes/anna/1") == (200, note)
    notes.seen(lambda: notes.request("GET", "/notes/anna/1/summary"), (200, {"owner": "anna", "id": "1", "words": 3}))
    notes.seen(lambda: notes.request("GET", "/words/two"), (200, ["anna/1"]))

    # An object, whose handler sends a task.
    files = first["outputs"]["BucketFilesName"]
    notes.clients.s3.put_object(Bucket=files, Key="inbox/a.txt", Body=b"four words are here")
    summaries = "notes-dev-summaries"

    def words() -> Any:
        found = notes.clients.dynamodb.scan(TableName=summaries)["Items"]
        return {one["pk"]["S"]: one["doc"]["M"]["words"]["N"] for one in found}

    notes.seen(lambda: words().get("inbox"), "4")

    # One handler, by hand; and what it wrote.
    assert notes.portable("invoke", "sweep", "--app", notes.folder, *STAGE)["status"] == "succeeded"
    assert [one["pk"]["S"] for one in notes.clients.dynamodb.scan(TableName="notes-dev-runs")["Items"]] == ["sweep"]
    failed = notes.portable("invoke", "summarise", "--app", notes.folder, *STAGE, "--payload", "1", code=1)
    assert failed["status"] == "dead"

    # What is there already is no change.
    assert not notes.deploy()["changed"]

    # An update.
    app = notes.folder / "app.py"
    app.write_text(app.read_text().replace("words=len(note.text.split())", "words=len(note.text)"))
    again = notes.deploy()
    assert again["changed"]
    assert again["release"]["number"] == 2
    notes.request("POST", "/notes", {**note, "id": "2"})
    notes.seen(lambda: notes.request("GET", "/notes/anna/2/summary")[1], {"owner": "anna", "id": "2", "words": 13})

    # LocalStack enforces no IAM: what our code called under each role, by what that role allows.
    assert notes.refused(judge, functions=4) == []

    # Nothing is left but data stores. LocalStack would delete those too, and gives up at a bucket that is not empty.
    notes.empty(files)
    gone = notes.portable("destroy", "--app", notes.folder, *STAGE, "--yes")
    assert gone["deleted"] == []
    assert (
        notes.left() - {f"table {name}" for name in gone["kept"]} - {f"bucket {name}" for name in gone["kept"]} == set()
    )
    assert notes.portable("destroy", "--app", notes.folder, *STAGE, "--yes")["kept"] == gone["kept"]


SMALL = """
from portable import App

app = App("notes")
found = app.table("found", key="id")

@app.task
def note(id: str) -> None:
    found.put({"id": id})
"""


def test_a_failing_update_names_its_resource_and_is_no_release(notes: Deployed) -> None:
    """LocalStack then forgets the stack's resources; that AWS undoes the update, and what follows, our fake shows."""
    app = notes.folder / "app.py"
    app.write_text(SMALL)
    notes.deploy()
    # There is a queue of that name already, which is not ours.
    notes.clients.sqs.create_queue(QueueName="notes-dev-extra", Attributes={"VisibilityTimeout": "7"})
    app.write_text(f"{SMALL}\n\n@app.task\ndef extra() -> None: ...\n")
    error = notes.deploy(code=1)["error"]
    assert error["code"] == "P2005"
    assert "queue" in error["message"]
    assert [one["number"] for one in notes.portable("releases", notes.folder, *STAGE)["releases"]] == [1]
    ran = notes.portable("invoke", "note", "--app", notes.folder, *STAGE, "--payload", '"1"')
    assert ran["status"] == "succeeded"


def test_params_and_secrets_of_a_stage_are_written_listed_and_removed(notes: Deployed) -> None:
    app = notes.folder / "app.py"
    declared = 'app = App("notes")\ncurrency = app.param("currency", default="EUR")\nkey = app.secret("key")'
    app.write_text(app.read_text().replace('app = App("notes")', declared))
    where = ("--app", notes.folder, *STAGE)
    assert notes.portable("config", "get", "currency", *where)["is_default"]
    notes.portable("config", "set", "currency", "", *where)
    assert notes.portable("config", "get", "currency", *where) == {
        "param": "currency",
        "value": "",
        "is_default": False,
    }
    assert notes.portable("config", "list", *where)["params"][0]["set"]
    notes.portable("config", "remove", "currency", *where)
    assert notes.portable("config", "get", "currency", *where)["is_default"]

    def stored() -> str:
        found: str = notes.clients.secretsmanager.get_secret_value(SecretId="notes-dev-key")["SecretString"]
        return found

    for value in ("s3cr3t", "another", "again"):
        notes.secret("key", value)
        assert stored() == value
        assert [one["set"] for one in notes.portable("secret", "list", *where)["secrets"]] == [True]
        if value == "another":
            # AWS keeps its name for a week; setting it once more brings it back.
            notes.portable("secret", "remove", "key", *where)
            assert [one["set"] for one in notes.portable("secret", "list", *where)["secrets"]] == [False]
    assert notes.portable("config", "set", "curency", "x", *where, code=2)["error"]["hint"] == "did you mean currency?"
