"""What a test does wrong with a running app is told in words that name the mistake, not by what breaks inside."""

import logging
from typing import Any

import pytest

from portable import App, InvalidArgument, NotBound
from portable.errors import ConfigurationError
from portable.testing import RunningApp, running

app = App("misused")
items = app.table("items")


@app.get("/items/{id}")
def read(id: str) -> dict[str, Any]:
    return items.require(id)


@app.task(max_attempts=2, min_backoff=10, max_backoff=10)
def work(id: str) -> None:
    raise ValueError(f"cannot do {id}")


@app.post("/work")
def start() -> None:
    work.send("1")


@app.cron("0 3 * * *")
def nightly() -> None:
    items.put({"id": "nightly"})


def test_what_is_no_schedule_is_not_fired() -> None:
    with running(app) as started:
        with pytest.raises(InvalidArgument, match="'work' is no schedule") as caught:
            started.fire(work)
        assert caught.value.hint == "schedules are: nightly"
        started.drain()
        assert started.dead_letters(work) == []


def test_handlers_of_requests_have_no_deliveries() -> None:
    with running(app) as started:
        with pytest.raises(InvalidArgument, match="'read' answers requests"):
            started.dead_letters(read)
        with pytest.raises(InvalidArgument, match="'read' answers requests"):
            started.redeliver("read")


def test_the_clock_takes_seconds_and_timedeltas_only() -> None:
    wrong: Any = "5"
    with running(app) as started, pytest.raises(InvalidArgument, match="time is not advanced by '5'"):
        started.clock.advance(wrong)


def test_a_running_app_that_is_kept_says_that_its_block_has_ended() -> None:
    with running(app) as kept:
        clock, client, other = kept.clock, kept.client, kept.new_client()
        assert client.get("/items/1").status == 404
    attempts = (
        kept.drain,
        lambda: kept.fire("nightly"),
        lambda: kept.dead_letters("work"),
        lambda: kept.request("GET", "/items/1"),
        lambda: client.get("/items/1"),
        lambda: other.get("/items/1"),
        lambda: clock.advance(1),
    )
    for attempt in attempts:
        with pytest.raises(NotBound, match="app 'misused' runs no longer: its block has ended"):
            attempt()


def test_only_an_app_runs() -> None:
    wrong: Any = items
    with pytest.raises(InvalidArgument, match="takes an App, not Table"), running(wrong):
        pass


def test_a_way_of_limits_that_there_is_not_is_refused() -> None:
    wrong: Any = "ignore"
    with pytest.raises(ConfigurationError, match="limits='ignore'"), running(app, limits=wrong):
        pass


def test_an_attempt_that_fails_is_in_the_log_with_the_users_line(caplog: pytest.LogCaptureFixture) -> None:
    def failed(started: RunningApp) -> list[str]:
        caplog.clear()
        with caplog.at_level(logging.ERROR, "portable.background"):
            started.drain()
        return [record.getMessage() for record in caplog.records]

    with running(app) as started:
        started.client.post("/work")
        [first] = failed(started)
        started.clock.advance(10)
        [last] = failed(started)
    assert first.startswith("attempt 1 of work failed; again in ")
    assert last.startswith("attempt 2 of work failed for good\n")
    for message in (first, last):
        assert 'raise ValueError(f"cannot do {id}")' in message
        assert message.endswith("ValueError: cannot do 1")


def test_a_grant_that_is_missing_in_the_background_names_the_line_to_add(caplog: pytest.LogCaptureFixture) -> None:
    background = App("refused")
    kept = background.table("kept")

    @background.task(uses=[])
    def keep(id: str) -> None:
        kept.put({"id": id})

    @background.post("/keep")
    def start_keeping() -> None:
        keep.send("1")

    line = keep.__wrapped__.__code__.co_firstlineno
    with caplog.at_level(logging.ERROR, "portable.background"), running(background) as started:
        assert started.client.post("/keep").status == 204
        started.drain()
    [message] = [record.getMessage() for record in caplog.records]
    assert "has no grant for 'put' on table:kept" in message
    assert message.endswith(f'  hint: add to the handler at {__file__}:{line}: uses=[kept.can("put")]')
