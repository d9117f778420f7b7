"""Handlers that end their process, under AWS's own runtime client: nothing is counted as done, each attempt counts, and
in the end there is a dead letter, while others go on.

The queues and the framework's table are those of the test stack. What Lambda does between two attempts is done here:
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html,
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any, NamedTuple

import portable_aws
import pytest
from portable_aws.accounts import new_account
from portable_aws.clients import Clients
from portable_aws.drivers import AwsDrivers
from portable_aws.event_sources import message_record
from portable_aws.names import Names
from portable_aws.provision import Provisioner
from portable_aws.sqs import Queue
from portable_aws.translate import Bundle, Stage, translate

import portable
from portable import App
from portable.binding import SystemClock
from portable.deploy.functions import group
from portable.drivers import DeadLetter
from portable.envelopes import Envelope, encode
from portable.letters import Letters
from portable.manifest import build_manifest
from portable.run_records import RunRecords
from tests.aws_stack import installation
from tests.aws_stack.fixtures import REGION, AwsStack, aws_stack
from tests.aws_stack.runtime_api import Function, Result, Sandbox

__all__ = ["aws_stack"]

MOST_RECEIVES = 10
WAYS = {
    "ends its process": "os._exit(3)",
    "is killed by the system": "os.kill(os.getpid(), signal.SIGKILL)",
}
"""The second is what the kernel does to a process that takes more memory than there is."""
APP = """
import os, signal
from portable import App

app = App("orders", targets=("aws",), functions="app")
items = app.table("items", key="id")

def end():
    {way}

@items.on_change(max_attempts=2, timeout=20, name="first")
def first(change):
    print("first is done")

@items.on_change(max_attempts=2, timeout=20, name="second")
def second(change):
    print("second begins")
    end()

@items.on_change(max_attempts=2, timeout=20, name="third")
def third(change):
    print("third is done")

@app.task(max_attempts=2, timeout=20, name="work")
def work(body: dict):
    print("work begins")
    end()
"""


def declared() -> App:
    """The same declarations, for the queues."""
    app = App("orders", targets=("aws",), functions="app")
    items = app.table("items", key="id")

    def nothing(change: Any) -> None: ...

    def work(body: dict[str, int]) -> None: ...

    for name in ("first", "second", "third"):
        items.on_change(max_attempts=2, timeout=20, name=name)(nothing)
    app.task(max_attempts=2, timeout=20, name="work")(work)
    return app


class Place(NamedTuple):
    """Queues and the framework's table in an account of their own."""

    names: Names
    clients: Clients
    function: Function

    def invoke(self, event: Any) -> Result:
        """In an environment of its own, as after one that ended."""
        with Sandbox(self.function) as box:
            return box.invoke(json.dumps(event).encode())

    def received(self, handler: str) -> list[dict[str, Any]]:
        """What is in a handler's queue, at once again as after the visibility that a killed function leaves."""
        url = Queue(self.names, self.clients, handler).url(self.names.queue(handler))
        found: list[dict[str, Any]] = self.clients.sqs.receive_message(
            QueueUrl=url, VisibilityTimeout=0, MaxNumberOfMessages=1, MessageSystemAttributeNames=["All"]
        ).get("Messages", [])
        return found

    def until_settled(self, handler: str) -> list[Result]:
        """Has the function take a message until it is done; each time that it did."""
        found: list[Result] = []
        for _ in range(MOST_RECEIVES):
            [message] = self.received(handler)
            arn = f"arn:aws:sqs:{REGION}:{self.names.account}:{self.names.queue(handler)}"
            found.append(self.invoke({"Records": [message_record(message, arn, REGION)]}))
            if found[-1].error is None:
                assert found[-1].json == {"batchItemFailures": []}
                return found
        raise AssertionError(f"it is not done after {MOST_RECEIVES} receives")

    def letters(self, handler: str) -> list[DeadLetter]:
        state = AwsDrivers(self.names, self.clients, SystemClock()).state()
        return Letters(state, SystemClock(), handler).page(limit=10, cursor=None).letters


@pytest.fixture
def place(request: pytest.FixtureRequest, aws_stack: AwsStack, tmp_path: Path) -> Generator[Place]:
    for package in (portable, portable_aws):
        assert package.__file__
        source = Path(package.__file__).parent
        shutil.copytree(source, tmp_path / source.name, ignore=shutil.ignore_patterns("__pycache__", "testing", "cli"))
    (tmp_path / "app.py").write_text(APP.format(way=WAYS[request.param]))
    (tmp_path / "entry.py").write_text(
        "import app\nfrom portable_aws.runtime import handler as made\nhandler = made(app.app)\n"
    )
    account = new_account()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", account)
        clients, names = Clients(REGION), Names("orders", "dev", account, REGION)
        manifest = build_manifest(declared(), with_grants=False).to_dict()
        template = translate(
            manifest, Stage("dev"), Bundle({one.id: "none.zip" for one in group(manifest)}, "none")
        ).root
        provisioner = Provisioner(template, clients, account, REGION)
        provisioner.make()
        environment = {
            **aws_stack.environment(),
            "AWS_ACCESS_KEY_ID": account,
            "PORTABLE_STAGE": "dev",
            "PORTABLE_ACCOUNT": account,
        }
        function = Function(
            str(installation.sandbox()), str(tmp_path), "entry.handler", environment, timeout=20, account=account
        )
        yield Place(names, clients, function)
        provisioner.remove()


def change_of(place: Place, key: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    image = {"pk": {"S": key}, "sk": {"S": "-"}, "doc": {"M": {"id": {"S": key}}}, "_v": {"N": "1"}}
    return {
        "eventID": f"id-{key}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": 1_795_714_800,
            "Keys": {"pk": image["pk"], "sk": image["sk"]},
            "NewImage": image,
            "SequenceNumber": "4421584500000000017450439091",
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{place.names.account}:table/"
        f"{place.names.table('items')}/stream/2026-11-26T12:00:00.000",
    }


@pytest.mark.parametrize("place", ["ends its process"], indirect=True)
def test_a_change_whose_handler_ends_the_function_holds_up_nothing_and_becomes_a_dead_letter(place: Place) -> None:
    event = {"Records": [change_of(place, "a")]}
    died = place.invoke(event)
    # No answer: Lambda does not pass the change, and calls again.
    assert died.error is not None
    assert "first is done" in died.logs
    assert "third is done" not in died.logs
    again = place.invoke(event)
    assert again.error is None
    assert again.json == {"batchItemFailures": []}
    # The stream goes on, and a handler that was not reached before is run now.
    assert "third is done" in again.logs
    assert "second begins" not in again.logs
    [died_once_more, over] = place.until_settled("second")
    assert "second begins" in died_once_more.logs
    assert "second begins" not in over.logs
    [letter] = place.letters("second")
    assert letter.attempts == 2
    assert "ended" in letter.error
    assert '"a"' in letter.body
    # Whether the first one came to its end nobody knows: it has another attempt, in its own queue.
    [once] = place.until_settled("first")
    assert "first is done" in once.logs
    assert place.letters("first") == place.letters("third") == []
    assert place.received("third") == []


@pytest.mark.parametrize("place", ["is killed by the system"], indirect=True)
def test_a_message_whose_handler_ends_the_function_becomes_a_dead_letter_after_its_attempts(place: Place) -> None:
    envelope = Envelope("task", "01J", '{"number": 1}', 1_795_714_800.0, "")
    Queue(place.names, place.clients, "work").send(encode(envelope), 0)
    settled = place.until_settled("work")
    assert len(settled) == 3, settled[0].logs
    first, second, over = settled
    assert first.error is not None
    assert second.error is not None
    assert "work begins" in first.logs
    assert "work begins" in second.logs
    assert "work begins" not in over.logs
    [letter] = place.letters("work")
    assert (letter.id, letter.attempts) == ("01J", 2)
    assert "ended, during attempt 2" in letter.error
    run = RunRecords(AwsDrivers(place.names, place.clients, SystemClock()).state(), SystemClock()).find("work", "01J")
    assert run is not None
    assert run.state == "dead"
