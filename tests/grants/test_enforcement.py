"""A handler may do what was granted and nothing else, whatever starts it and wherever it runs."""

import asyncio
import contextvars
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from portable import App, Change, ObjectEvent, PermissionDenied, Service
from portable.adapter import Running
from portable.context import Context
from portable.dispatch import Dispatcher
from portable.errors import Location
from portable.http import Request
from portable.permissions import authorizer, permissions
from portable.specs import GrantSpec
from portable.testing import running
from portable.testing.grants import observed

app = App("guarded")
part = Service("part")
items = app.table("items")
other_items = part.table("other-items")
files = app.bucket("files")
news = app.topic("news")
app.include(part, prefix="/part")

WITHOUT: dict[str, Any] = {"uses": []}


def touch() -> None:
    items.put({"id": "1"})


@app.post("/allowed")
def allowed() -> None:
    touch()


@app.post("/sync", **WITHOUT)
def in_sync() -> None:
    touch()


@app.post("/async", **WITHOUT)
async def in_async() -> None:
    touch()


@app.post("/other", uses=[items.can("get")])
def other_verb() -> None:
    items.get("1")
    touch()


@app.post("/caught", **WITHOUT)
def caught() -> list[object]:
    try:
        touch()
    except PermissionDenied as error:
        return [error.resource, error.location is not None]
    return ["not refused"]


@app.post("/to-thread", **WITHOUT)
async def to_thread() -> None:
    await asyncio.to_thread(touch)


@part.post("/far", uses=[other_items.can("get")])
def far() -> None:
    other_items.put({"id": "1"})


@app.task(max_attempts=1, uses=[])
def work() -> None:
    touch()


@app.task(max_attempts=1, uses=[])
def progress(context: Context) -> None:
    context.progress(0.5)


@app.every(hours=1, **WITHOUT)
def hourly() -> None:
    touch()


@news.subscribe(max_attempts=1, uses=[])
def reader(event: dict[str, Any]) -> None:
    touch()


@files.on_created(max_attempts=1, uses=[])
def created(event: ObjectEvent) -> None:
    touch()


@items.on_change(max_attempts=1, uses=[])
def item_changed(change: Change[dict[str, Any]]) -> None:
    files.get("a")


@pytest.fixture
def started() -> Iterator[Running]:
    with running(app) as found:
        yield found


def post(started: Running, path: str) -> tuple[int, Any]:
    answer = started.request("POST", path)
    return answer.status, json.loads(answer.body) if answer.body else None


def test_what_is_derived_is_allowed(started: Running) -> None:
    assert post(started, "/allowed")[0] == 204
    assert items.get("1") == {"id": "1"}


@pytest.mark.parametrize("path", ["/sync", "/async", "/to-thread", "/other", "/part/far"])
def test_a_request_that_uses_more_is_refused_with_403_and_nothing_is_written(started: Running, path: str) -> None:
    status, problem = post(started, path)
    assert (status, problem["code"]) == (403, "P1004")
    assert "has no grant for 'put'" in problem["detail"]
    assert items.get("1") is None
    assert other_items.get("1") is None


def test_the_error_names_the_handler_the_resource_the_verb_the_line_and_what_to_add() -> None:
    with running(app):
        dispatcher = Dispatcher(app, app.binding)
        context = dispatcher._context_type("other_verb")()
        error = contextvars.copy_context().run(refused, context)
    assert error.message == "other_verb has no grant for 'put' on table:items"
    assert error.hint is not None
    assert error.hint.endswith('uses=[items.can("get", "put")]')
    assert f"{Path(__file__).name}:" in error.hint
    assert error.location is not None
    line = Path(__file__).read_text(encoding="utf-8").splitlines()[error.location.line - 1]
    assert line.strip() == 'items.put({"id": "1"})'


def refused(context: Context) -> PermissionDenied:
    from portable.binding import current_context

    current_context.set(context)
    with pytest.raises(PermissionDenied) as raised:
        touch()
    return raised.value


def test_it_can_be_caught_like_any_error(started: Running) -> None:
    assert post(started, "/caught") == (200, ["table:items", True])


@pytest.mark.parametrize(
    ("handler", "start"),
    [
        ("work", lambda started: work.send()),
        ("hourly", lambda started: started.fire("hourly")),
        ("reader", lambda started: news.publish({"a": 1})),
        ("created", lambda started: files.put("a", b"1")),
        ("item_changed", lambda started: items.put({"id": "2"})),
    ],
    ids=["task", "schedule", "topic", "bucket", "table"],
)
def test_a_background_handler_that_uses_more_fails(started: Running, handler: str, start: Any) -> None:
    start(started)
    started.drain()
    letters = started.dead_letters(handler)
    assert len(letters) == 1
    assert f"PermissionDenied: {handler} has no grant for" in str(letters[0].error)
    assert items.get("1") is None


def test_a_task_may_report_its_own_progress(started: Running) -> None:
    run = progress.send()
    started.drain()
    assert run.status() == "succeeded"
    assert run.progress == 0.5


def test_code_that_no_handler_called_is_not_restricted(started: Running) -> None:
    touch()
    in_sync()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(touch).result()
    assert items.get("1") == {"id": "1"}


@pytest.mark.parametrize("path", ["/sync", "/async", "/to-thread"])
def test_a_server_with_a_loop_and_a_pool_enforces_too(path: str) -> None:
    async def ask() -> int:
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(2) as pool:

            async def in_thread(function: Any) -> Any:
                return await loop.run_in_executor(pool, partial(contextvars.copy_context().run, function))

            answer = await dispatcher.http_async(Request("POST", path), in_thread)
            return answer.status

    with running(app):
        dispatcher = Dispatcher(app, app.binding)
        assert asyncio.run(ask()) == 403


def test_two_handlers_at_once_have_each_their_own_grants() -> None:
    """On one loop, taking turns."""
    turns = App("turns")
    table = turns.table("table")

    @turns.get("/may")
    async def may() -> int:
        for number in range(20):
            table.put({"id": str(number)})
            await asyncio.sleep(0)
        return 20

    @turns.get("/may-not", uses=[])
    async def may_not() -> int:
        refusals = 0
        for _ in range(20):
            try:
                table.get("1")
            except PermissionDenied:
                refusals += 1
            await asyncio.sleep(0)
        return refusals

    async def ask() -> list[bytes]:
        async def in_thread(function: Any) -> Any:
            return function()

        answers = await asyncio.gather(
            *(dispatcher.http_async(Request("GET", path), in_thread) for path in ("/may", "/may-not"))
        )
        return [answer.body for answer in answers]

    with running(turns):
        dispatcher = Dispatcher(turns, turns.binding)
        assert asyncio.run(ask()) == [b"20", b"20"]


def test_a_grant_taken_away_is_refused_and_uses_are_seen() -> None:
    with observed() as seen, running(app) as found:
        post(found, "/allowed")
    assert seen.uses == {("allowed", "table:items", "put")}
    assert seen.refused == set()
    with observed(without=seen.uses) as denied, running(app) as found:
        assert post(found, "/allowed")[0] == 403
    assert denied.refused == seen.uses
    assert denied.uses == set()
    with running(app) as found:
        assert post(found, "/allowed")[0] == 204


def test_the_table_is_asked_for_once_and_only_when_a_handler_uses_something() -> None:
    asked: list[int] = []

    def load() -> Any:
        asked.append(1)
        return permissions([GrantSpec("h", "table:items", "get", "exact", (Location("a.py", 1),))])

    authorize = authorizer(app, load)
    authorize("table:items", "put")
    assert asked == []
    context = Context(
        id="1", kind="http", handler="h", app="guarded", stage="dev", attempt=1, deadline=0.0, traceparent=""
    )

    def inside() -> None:
        from portable.binding import current_context

        current_context.set(context)
        authorize("table:items", "get")
        authorize("table:items", "get")
        with pytest.raises(PermissionDenied):
            authorize("table:items", "put")
        with pytest.raises(PermissionDenied):
            authorize("bucket:files", "get")

    contextvars.copy_context().run(inside)
    assert asked == [1]


def test_a_handler_of_another_app_is_that_apps_affair() -> None:
    caller = App("caller")

    @caller.get("/through")
    def through() -> Any:
        return items.get("1")

    with running(app), running(caller) as found:
        items.put({"id": "1"})
        answer = found.request("GET", "/through")
        assert (answer.status, json.loads(answer.body)) == (200, {"id": "1"})
