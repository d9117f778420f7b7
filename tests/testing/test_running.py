"""`running(app)`: an app in the test's own process, with all its triggers, that leaves nothing behind."""

import gc
import os
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from portable import App, InvalidArgument, LimitExceeded, NotBound, NotFound, PermissionDenied, Service, Table
from portable.capabilities import load_profile
from portable.testing import RunningApp, running

part = Service("part")
there = part.param("address", "nowhere")
app = App("tried")
app.include(part)
runs = app.table("runs")
greeting = app.param("greeting", "hello")
token = app.secret("token")


@app.get("/greeting")
def greet() -> str:
    return f"{greeting.get()} {there.get()}"


@app.get("/token")
def show() -> str:
    return token.get()


@app.task(max_attempts=2, min_backoff=10, max_backoff=10)
def work(id: str) -> None:
    runs.put({"id": id})
    if id == "bad":
        raise ValueError("cannot")


@app.cron("0 3 * * *", zone="UTC")
def nightly(at: datetime) -> None:
    runs.put({"id": at.isoformat()})


@app.get("/forbidden", uses=[])
def forbidden() -> None:
    runs.put({"id": "1"})


@pytest.fixture
def started() -> Iterator[RunningApp]:
    with running(app) as found:
        yield found


def made(name: str) -> tuple[App, Table[dict[str, object]]]:
    """An app with a table and a route that writes into it."""
    one = App(name)
    items = one.table("items")

    @one.post("/items/{id}")
    def add(id: str) -> None:
        items.put({"id": id, "app": name})
        later.send(id)

    @one.task()
    def later(id: str) -> None:
        items.put({"id": f"{id} later", "app": name})

    return one, items


def test_a_task_is_tried_again_when_its_wait_is_over_and_then_a_dead_letter(started: RunningApp) -> None:
    work.send("bad")
    started.drain()
    assert started.dead_letters("work") == []
    started.clock.advance(timedelta(seconds=10))
    assert started.dead_letters(work) == []
    started.drain()
    (letter,) = started.dead_letters(work)
    assert "cannot" in letter.error
    assert letter.attempts == 2


def test_the_clock_fires_the_schedules_on_its_way(started: RunningApp) -> None:
    first = started.clock.moment().replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=1)
    started.clock.advance_to(first - timedelta(seconds=1))
    started.drain()
    assert runs.get(first.isoformat()) is None
    started.clock.advance(1)
    started.drain()
    assert runs.get(first.isoformat()) is not None
    assert started.clock.moment() == first
    assert started.clock.now() == started.now() == first.timestamp()


def test_the_clock_stands_still_and_never_goes_back(started: RunningApp) -> None:
    before = started.clock.now()
    work.send("1")
    started.drain()
    assert started.clock.now() == before
    with pytest.raises(InvalidArgument, match="-1"):
        started.clock.advance(-1)
    with pytest.raises(InvalidArgument, match="past"):
        started.clock.advance_to(datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(InvalidArgument, match="naive"):
        started.clock.advance_to(datetime(2100, 1, 1))
    assert started.clock.now() == before


def test_a_schedule_is_fired_by_its_name_or_by_itself(started: RunningApp) -> None:
    started.fire("nightly", datetime(2030, 1, 1, 3, tzinfo=UTC))
    started.drain()
    started.fire(nightly, datetime(2030, 1, 2, 3, tzinfo=UTC))
    started.drain()
    assert runs.get("2030-01-01T03:00:00+00:00")
    assert runs.get("2030-01-02T03:00:00+00:00")


def test_a_handler_that_there_is_not_is_told_with_those_that_there_are(started: RunningApp) -> None:
    with pytest.raises(InvalidArgument, match="nigthly") as caught:
        started.fire("nigthly")
    assert "nightly" in (caught.value.hint or "")
    with pytest.raises(InvalidArgument, match="no handler of this app"):
        started.dead_letters(made)
    with pytest.raises(InvalidArgument):
        started.redeliver("nobody")


def test_a_delivery_comes_again_when_told(started: RunningApp) -> None:
    assert started.redeliver(work) == 0
    work.send("1")
    started.drain()
    runs.delete("1")
    assert started.redeliver(work) == 1
    assert runs.get("1") is not None


def test_settings_count_at_once(started: RunningApp) -> None:
    assert started.client.get("/greeting").text == "hello nowhere"
    started.set_param(greeting, "good day")
    started.set_param("part.address", "here")
    assert started.client.get("/greeting").text == "good day here"
    assert started.client.get("/token").status == 500
    started.set_secret("token", "one")
    assert started.client.get("/token").text == "one"
    started.set_secret(token, "two")
    assert started.client.get("/token").text == "two"
    with pytest.raises(InvalidArgument, match="there is no secret 'greeting'"):
        started.set_secret("greeting", "x")


def test_grants_are_in_force(started: RunningApp) -> None:
    assert started.client.get("/forbidden").status == PermissionDenied.status
    runs.put({"id": "a test itself may do anything"})


def test_limits_are_those_of_the_profile_that_is_chosen() -> None:
    item = {"id": "1", "text": "x" * (load_profile("aws").value("item_bytes") + 1)}
    with running(app, profile="gcp"):
        runs.put(item)
    with running(app, profile="aws"), pytest.raises(LimitExceeded):
        runs.put(item)
    with running(app, profile="aws", limits="warn"):
        runs.put(item)


def test_each_block_starts_empty() -> None:
    for _ in range(3):
        with running(app) as started:
            assert runs.get("1") is None
            work.send("1")
            started.drain()
            assert runs.get("1") is not None
            started.set_secret(token, "x")
    with running(app), pytest.raises(NotFound):
        token.get()


def test_an_app_runs_once_at_a_time_and_says_so(started: RunningApp) -> None:
    with pytest.raises(InvalidArgument, match="runs already"), running(app):
        raise AssertionError("it ran twice")
    work.send("1")
    started.drain()
    assert runs.get("1") is not None


def test_a_block_that_fails_leaves_the_app_free() -> None:
    with pytest.raises(ZeroDivisionError), running(app):
        raise ZeroDivisionError
    with pytest.raises(NotBound):
        runs.get("1")
    with running(app):
        assert runs.get("1") is None


def test_several_apps_run_at_once_and_keep_apart() -> None:
    (one, items), (two, others) = made("one"), made("two")
    with running(one) as first, running(two) as second:
        assert first.client.post("/items/1").status == 204
        second.drain()
        assert items.get("1 later") is None
        first.drain()
        assert items.require("1 later")["app"] == "one"
        assert others.get("1") is None
        second.clock.advance(100)
        assert second.now() - first.now() >= 99


def test_apps_run_in_threads_beside_one_another() -> None:
    barrier = threading.Barrier(4)

    def tried(number: int) -> int:
        one, items = made(f"app-{number}")
        seen = 0
        for turn in range(3):
            with running(one) as started:
                barrier.wait(60)
                for id in range(5):
                    assert started.client.post(f"/items/{id}").status == 204
                started.drain()
                names = [items.require(f"{id} later")["app"] for id in range(5)]
                assert set(names) == {f"app-{number}"}, turn
                seen += len(names)
        return seen

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(tried, range(4))) == [15] * 4


def test_threads_may_share_one_running_app() -> None:
    one, items = made("shared")
    with running(one) as started, ThreadPoolExecutor(4) as pool:

        def use(number: int) -> int:
            answer = started.new_client().post(f"/items/{number}")
            started.drain()
            return answer.status

        assert set(pool.map(use, range(20))) == {204}
        started.drain()
        assert all(items.get(f"{number} later") for number in range(20))


def test_nothing_is_left_when_the_block_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    one, items = made("clean")

    def use() -> None:
        with running(one) as started:
            assert os.listdir(tmp_path)  # what is to be gone afterwards was there
            started.client.post("/items/1")
            started.drain()
            assert items.get("1 later") is not None

    use()
    gc.collect()
    before = (set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else set(), threading.active_count())
    for _ in range(3):
        use()
    gc.collect()
    after = (set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else set(), threading.active_count())
    assert len(after[0]) <= len(before[0])
    assert after[1] <= before[1]
    assert os.listdir(tmp_path) == []
    with pytest.raises(NotBound):
        items.get("1")
