"""An app that runs in a test on AWS's stand-ins: no component there judges roles, so grants are enforced above them."""

import json
from collections.abc import Generator
from typing import Any

import pytest
from portable_aws.running import RunningApp, running

from portable import App, Change, ObjectEvent
from tests.aws_stack.fixtures import AwsStack, aws_stack

__all__ = ["aws_stack"]

WITHOUT: dict[str, Any] = {"max_attempts": 1, "uses": []}
app = App("guarded", targets=("aws",))
items = app.table("items", key="id")
files = app.bucket("files")
news = app.topic("news")


@app.post("/granted")
def granted() -> None:
    items.put({"id": "granted"})
    files.put("in/1", b"x")
    news.publish({})
    work.send("1")


@app.post("/refused", uses=[items.can("get")])
def refused() -> None:
    items.get("x")
    items.put({"id": "refused"})


@app.task(**WITHOUT)
def work(name: str) -> None:
    items.put({"id": "work"})


@news.subscribe(**WITHOUT)
def hear(event: dict[str, Any]) -> None:
    items.put({"id": "hear"})


@files.on_created(**WITHOUT)
def stored(event: ObjectEvent) -> None:
    items.put({"id": "stored"})


@items.on_change(max_attempts=1, uses=[])
def changed(change: Change[dict[str, Any]]) -> None:
    files.get("in/1")


@app.every(hours=1, **WITHOUT)
def tick() -> None:
    items.put({"id": "tick"})


@pytest.fixture
def started(aws_stack: AwsStack) -> Generator[RunningApp]:
    with running(app) as found:
        yield found


def test_what_is_granted_is_done_and_a_request_that_does_more_is_refused(started: RunningApp) -> None:
    assert started.request("POST", "/granted").status == 204
    assert items.get("granted") == {"id": "granted"}
    answer = started.request("POST", "/refused")
    assert (answer.status, json.loads(answer.body)["code"]) == (403, "P1004")
    assert items.get("refused") is None


def test_a_handler_of_any_trigger_that_does_more_is_refused_and_ends_as_a_dead_letter(started: RunningApp) -> None:
    assert started.request("POST", "/granted").status == 204
    started.fire("tick")
    started.drain()
    for handler in ("work", "hear", "stored", "changed", "tick"):
        [letter] = started.dead_letters(handler)
        assert "P1004" in letter.error or "has no grant" in letter.error, letter.error
    assert [item["id"] for item in items.scan()] == ["granted"]
