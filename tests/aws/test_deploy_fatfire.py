"""fatfire on LocalStack: three services, uploads, tasks, a topic and changes of tables, from a deploy to a net worth.

The number is the one that examples/fatfire/tests pins, worked out once by other means.
"""

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from tests.aws.deploying import STAGE, Deployed, copy_of
from tests.aws_stack.fixtures import AwsStack, aws_stack

__all__ = ["aws_stack"]

Judge = Callable[[list[dict[str, Any]]], list[str]]
NET_WORTH = "2111752.59"
NAME = """

@service.get("/users/{user}/name")
def read_name(user: str) -> dict[str, str]:
    return {"id": users.require(user).id}
"""
CORE, INTEGRATION = "fatfire-dev--core-http", "fatfire-dev--integration-http"


@pytest.fixture
def fatfire(aws_stack: AwsStack, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Generator[Deployed]:
    with copy_of("fatfire", tmp_path / "fatfire", capfd) as found:
        yield found


@pytest.mark.slow
def test_the_sample_household_is_worth_what_it_is_worth_elsewhere(fatfire: Deployed, judge: Judge) -> None:
    outputs = fatfire.deploy()["outputs"]
    status, records = fatfire.request("POST", "/api/users/me/sample", function=INTEGRATION)
    assert status == 202, records
    assert len(records) == 4
    target = "/api/users/me/net-worth?on=2026-10-31"
    fatfire.seen(lambda: fatfire.request("GET", target, function=CORE)[1].get("net_worth"), NET_WORTH)
    history = "/api/users/me/history"
    fatfire.seen(lambda: bool(fatfire.request("GET", history, function=CORE)[1]["points"]), True)
    assert fatfire.refused(judge, functions=5) == []

    # An update of one service, with what the others have stored still there.
    code = fatfire.folder / "fatfire" / "services" / "core" / "users.py"
    code.write_text(code.read_text() + NAME)
    assert fatfire.deploy()["changed"]
    assert fatfire.request("GET", "/api/users/me/name", function=CORE) == (200, {"id": "me"})
    assert fatfire.request("GET", target, function=CORE)[1]["net_worth"] == NET_WORTH

    # LocalStack ignores Retain, and gives up at a bucket that is not empty.
    for bucket in [name for output, name in outputs.items() if "Bucket" in output]:
        fatfire.empty(bucket)
    gone = fatfire.portable("destroy", "--app", fatfire.folder, *STAGE, "--yes")
    assert gone["deleted"] == []
    kept = {f"table {name}" for name in gone["kept"]} | {f"bucket {name}" for name in gone["kept"]}
    assert fatfire.left("fatfire-dev") - kept == set()


@pytest.mark.slow
def test_an_update_that_fails_is_no_release_and_says_what_failed(fatfire: Deployed) -> None:
    fatfire.deploy()
    # There is a queue of that name already, which is not ours.
    fatfire.clients.sqs.create_queue(QueueName="fatfire-dev-core-extra", Attributes={"VisibilityTimeout": "7"})
    code = fatfire.folder / "fatfire" / "services" / "core" / "users.py"
    code.write_text(f"{code.read_text()}\n\n@service.task\ndef extra() -> None: ...\n")
    error = fatfire.deploy(code=1)["error"]
    assert error["code"] == "P2005"
    assert "queue" in error["message"]
    assert [one["number"] for one in fatfire.portable("releases", fatfire.folder, *STAGE)["releases"]] == [1]
    assert fatfire.request("GET", "/api/users/nobody", function=CORE)[0] == 404
