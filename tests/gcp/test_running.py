"""An app that runs in a test on Google Cloud's stand-ins, where grants are enforced above them."""

import json
from collections.abc import Generator
from typing import Any

import pytest
from portable_gcp.running import RunningApp, running

from portable import App, Change, ObjectEvent
from portable.errors import ConfigurationError, InvalidArgument
from tests.gcp_stack.session import GcpStack, gcp_stack

__all__ = ["gcp_stack"]

WITHOUT: dict[str, Any] = {"max_attempts": 1, "uses": []}
app = App("guarded", targets=("gcp",))
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
def started(gcp_stack: GcpStack) -> Generator[RunningApp]:
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


def test_what_comes_twice_to_a_handler_with_one_attempt_runs_twice_and_is_no_dead_letter(gcp_stack: GcpStack) -> None:
    small = App("small", targets=("gcp",))
    table = small.table("items", key="id")
    seen: list[int] = []

    @table.on_change(max_attempts=1)
    def heard(change: Change[dict[str, Any]]) -> None:
        seen.append(1)

    with running(small) as found:
        table.put({"id": "a"})
        found.drain()
        assert found.redeliver("heard") == 1
        found.drain()
        assert len(seen) == 2
        assert found.dead_letters("heard") == []


def test_apps_that_run_at_once_see_nothing_of_each_other(gcp_stack: GcpStack) -> None:
    first, second = App("twin", targets=("gcp",)), App("twin", targets=("gcp",))
    tables = [one.table("items", key="id") for one in (first, second)]
    with running(first), running(second):
        tables[0].put({"id": "a"})
        assert tables[1].get("a") is None


def test_nothing_runs_where_a_service_would_be_google_itself(
    gcp_stack: GcpStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDTASKS")
    with pytest.raises(ConfigurationError, match=r"cloudtasks\.googleapis\.com"), running(app):
        pass


def test_there_is_no_way_back_in_time_and_no_handler_that_was_not_declared(started: RunningApp) -> None:
    with pytest.raises(InvalidArgument, match="advanced"):
        started.advance(-1)
    with pytest.raises(InvalidArgument, match="nobody"):
        started.redeliver("nobody")
