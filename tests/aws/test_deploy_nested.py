"""An app of several stacks, deployed to LocalStack: what needs each other across stacks finds it, and all of it goes.

A limit that is lowered here splits an app of three services, as the 500 resources of a stack split a large one.
LocalStack makes and deletes nested stacks; that it updates them is the work of tests/aws_stack/host/nested_stacks.py.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from portable_aws import stacks

from tests.aws.deploying import STAGE, Deployed, copy_of
from tests.aws_stack.fixtures import AwsStack, aws_stack

__all__ = ["aws_stack"]

APP = """
from portable import App, Change, ObjectEvent, Service

app = App("notes")
orders = app.table("orders", key="id")
files = app.bucket("files")
placed = app.topic("placed")

shop = Service("shop")
packed = shop.table("packed", key="id")

@shop.post("/orders/{id}")
def order(id: str) -> dict[str, str]:
    orders.put({"id": id})
    placed.publish({"id": id})
    return {"id": id}

@shop.task
def pack(id: str) -> None:
    packed.put({"id": id, "by": "BY"})

mail = Service("mail")
sent = mail.table("sent", key="id")

@placed.subscribe
def tell(event: dict[str, str]) -> None:
    pack.send(event["id"])

@mail.get("/sent/{id}")
def look(id: str) -> dict[str, bool]:
    return {"sent": sent.get(id) is not None, "packed": packed.get(id) is not None}

@mail.get("/{id}/by")
def by(id: str) -> dict[str, str]:
    return {"by": packed.require(id)["by"]}

@mail.task
def write(id: str) -> None:
    sent.put({"id": id})

@packed.on_change
def changed(change: Change[dict[str, str]]) -> None:
    if change.new is not None:
        write.send(change.new["id"])

@files.on_created(prefix="in/")
def stored(event: ObjectEvent) -> None:
    pack.send("latest")

app.include(shop, prefix="/shop")
app.include(mail, prefix="/mail")
"""
MORE = """

@mail.task
def copy(id: str) -> None:
    sent.put({"id": id})
"""
FULL = 12
SHOP, MAIL = "notes-dev--shop-http", "notes-dev--mail-http"


@pytest.fixture
def app(
    aws_stack: AwsStack, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Generator[Deployed]:
    monkeypatch.setattr(stacks, "FULL_RESOURCES", FULL)
    with copy_of("notes", tmp_path / "notes", capfd) as found:
        yield found


@pytest.mark.slow
def test_an_app_of_several_stacks_from_deploy_to_destroy(app: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    code = app.folder / "app.py"
    code.write_text(APP.replace("BY", "hand"))
    outputs = app.deploy()["outputs"]
    nested = nested_stacks(app)
    assert len(nested) >= 3
    assert all(status == "CREATE_COMPLETE" for status in nested.values())

    # A route of one stack, a topic of the root, a task of another stack, a change of a table of the root.
    assert app.request("POST", "/shop/orders/1", function=SHOP) == (200, {"id": "1"})
    both = (200, {"sent": True, "packed": True})
    app.seen(lambda: app.request("GET", "/mail/sent/1", function=MAIL), both)
    app.clients.s3.put_object(Bucket=outputs["BucketFilesName"], Key="in/2", Body=b"x")
    app.seen(lambda: app.request("GET", "/mail/latest/by", function=MAIL), (200, {"by": "hand"}))
    assert not app.deploy()["changed"]

    # New code in nested stacks, and one more function in one of them, which now has room.
    monkeypatch.setattr(stacks, "FULL_RESOURCES", 4 * FULL)
    code.write_text(APP.replace("BY", "machine") + MORE)
    assert app.deploy()["changed"]
    updated = nested_stacks(app)
    assert updated.keys() == nested.keys()
    assert "UPDATE_COMPLETE" in updated.values()
    ran = app.portable("invoke", "shop.pack", "--app", app.folder, *STAGE, "--payload", '"3"')
    assert ran["status"] == "succeeded"
    assert app.request("GET", "/mail/3/by", function=MAIL) == (200, {"by": "machine"})
    ran = app.portable("invoke", "mail.copy", "--app", app.folder, *STAGE, "--payload", '"4"')
    assert ran["status"] == "succeeded"
    assert app.request("GET", "/mail/sent/4", function=MAIL) == (200, {"sent": True, "packed": False})

    app.empty(outputs["BucketFilesName"])
    gone = app.portable("destroy", "--app", app.folder, *STAGE, "--yes")
    kept = {f"table {name}" for name in gone["kept"]} | {f"bucket {name}" for name in gone["kept"]}
    assert app.left() - kept == set()
    assert nested_stacks(app) == {}


def nested_stacks(app: Deployed) -> dict[str, Any]:
    """The state of each nested stack that there is, by name."""
    return {
        one["StackName"]: one["StackStatus"]
        for one in app.clients.cloudformation.describe_stacks()["Stacks"]
        if one["StackName"].startswith("notes-dev-") and one["StackStatus"] != "DELETE_COMPLETE"
    }
