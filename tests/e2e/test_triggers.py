"""Everything that an app declares fires in a real `portable dev`: HTTP, tasks, topics, schedules, objects, changes."""

import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from .dev import Answer, Dev, portable, request, started, until, write

APP = """
import asyncio
import contextvars
import os
import threading
from typing import Any

from portable import App, Change, Context, Event, ObjectEvent, Service
from pydantic import BaseModel


class Note(BaseModel):
    owner: str
    id: str
    text: str = ""


app = App("everything")
notes = app.table("notes", Note, key=("owner", "id"))
seen = app.table("seen")
files = app.bucket("files")
changed = app.topic("changed", Note)
search = Service("search")


def note(id: str, **values: Any) -> None:
    seen.put({"id": id, "pid": os.getpid(), **values})


@app.get("/seen/{id}")
def look(id: str) -> dict[str, Any]:
    return seen.require(id)


@app.get("/seen")
def look_at_all() -> list[str]:
    return sorted(item["id"] for item in seen.scan())


# HTTP


@app.get("/sync/{number}")
def sync(number: int, context: Context) -> dict[str, Any]:
    return {"number": number, "thread": threading.current_thread() is threading.main_thread(), "id": context.id}


@app.get("/async/{number}")
async def asynchronous(number: int) -> dict[str, Any]:
    await asyncio.sleep(0)
    return {"number": number, "thread": threading.current_thread() is threading.main_thread()}


@app.post("/notes", status=201)
def create(given: Note) -> Note:
    notes.put(given, if_absent=True)
    return given


@app.delete("/notes/{owner}/{id}")
def remove(owner: str, id: str) -> None:
    notes.delete(owner, id)


# Tasks


@app.task
def add(values: list[int], context: Context) -> int:
    context.progress(0.5, "half")
    note(f"add-{context.id}", attempt=context.attempt)
    return sum(values)


@app.task(max_attempts=3, min_backoff=0.3, max_backoff=1)
async def third_time(name: str, context: Context) -> str:
    await asyncio.sleep(0)
    note(f"{name}-{context.attempt}", at=int(asyncio.get_running_loop().time() * 1000))
    if context.attempt < 3:
        raise ValueError(f"attempt {context.attempt}")
    return f"{name} at last"


@app.task(max_attempts=2, min_backoff=0.05)
def hopeless(name: str) -> None:
    if seen.get(f"mend-{name}") is None:
        raise LookupError(f"no {name}")
    note(f"mended-{name}")


@app.task
def waits(context: Context) -> None:
    context.progress(0.25)
    while seen.get("go") is None:
        threading.Event().wait(0.02)


TASKS = {"add": add, "third_time": third_time, "hopeless": hopeless, "waits": waits}


@app.post("/send/{task}")
def send(task: str, payload: Any, delay: float = 0) -> str:
    return TASKS[task].send(payload, delay=delay).id


@app.post("/start")
def start() -> str:
    return waits.send().id


@app.get("/runs/{task}/{id}")
def run(task: str, id: str) -> dict[str, Any]:
    found = TASKS[task].run(id).record()
    return {
        "state": found.state, "attempts": found.attempts, "error": found.error, "progress": found.progress,
        "result": TASKS[task].run(id).result() if found.state == "succeeded" else None,
    }


@app.get("/dead/{task}")
def dead(task: str) -> list[dict[str, Any]]:
    return [{"id": one.id, "error": one.error, "attempts": one.attempts} for one in TASKS[task].dead_letters().letters]


@app.post("/redrive/{task}/{id}")
def redrive(task: str, id: str) -> None:
    TASKS[task].redrive(id)


@app.post("/mark/{id}")
def mark(id: str) -> None:
    note(id)


# Topics


@app.post("/publish")
def publish(given: Note, language: str = "en") -> None:
    changed.publish(given, attributes={"language": language})


@changed.subscribe
def index(given: Note) -> None:
    note(f"index-{given.id}", text=given.text)


@changed.subscribe(filter={"language": "de"}, service=search)
def spell(event: Event[Note]) -> None:
    note(f"spell-{event.data.id}")


@changed.subscribe(max_attempts=1)
def fails(given: Note) -> None:
    raise ValueError("this subscriber always fails")


# Schedules


@app.every(minutes=1)
def minutely(context: Context) -> str:
    note("minutely", scheduled=None if context.scheduled_at is None else int(context.scheduled_at))
    return "swept"


@app.cron("0 3 * * *", missed="latest")
def nightly(context: Context) -> None:
    note(f"nightly-{int(context.scheduled_at)}")


@app.cron("0 4 * * *", missed="skip")
def skipping(context: Context) -> None:
    note(f"skipping-{int(context.scheduled_at)}")


# Buckets


@app.post("/urls/{name}")
def url(name: str) -> dict[str, Any]:
    signed = files.signed_url(f"inbox/{name}", "PUT", content_type="text/plain")
    return {"url": signed.url, "headers": dict(signed.headers)}


@app.put("/objects/{folder}/{name}")
def put_object(folder: str, name: str) -> None:
    files.put(f"{folder}/{name}", b"from a handler")


@app.delete("/objects/{folder}/{name}")
def delete_object(folder: str, name: str) -> None:
    files.delete(f"{folder}/{name}")


@files.on_created(prefix="inbox/")
def received(event: ObjectEvent) -> None:
    note(f"received-{event.key.rpartition('/')[2]}", size=event.size, text=files.require(event.key).decode())


@files.on_deleted()
def deleted(event: ObjectEvent) -> None:
    note(f"deleted-{event.key.rpartition('/')[2]}")


# Changes


@notes.on_change
def follow(change: Change[Note]) -> None:
    note(f"{change.op}-{change.sk}", text=None if change.new is None else change.new.text)


app.include(search)
"""
DAY = 86400


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    project = write(tmp_path_factory.mktemp("triggers") / "everything", {"app.py": APP})
    with started(project) as running:
        yield running.serves()


def arrives(dev: Dev, id: str) -> dict[str, Any]:
    """What a background handler noted, once it has."""

    def look() -> Answer | None:
        dev.must_run()
        answer = dev.get(f"/seen/{id}")
        return answer if answer.status == 200 else None

    found: dict[str, Any] = until(f"a note called {id}; stderr: {dev.err[-2000:]}", look).json
    return found


def ends(dev: Dev, task: str, id: str, state: str) -> dict[str, Any]:
    """A run's record, once it is in `state`."""

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = dev.get(f"/runs/{task}/{id}").json
        return found if found["state"] == state else None

    return until(f"{task} {id} is {state}; stderr: {dev.err[-2000:]}", look)


def test_http_runs_sync_handlers_on_threads_and_async_ones_on_the_loop(dev: Dev) -> None:
    answer = dev.get("/sync/7")
    assert answer.json == {"number": 7, "thread": False, "id": answer.headers["x-request-id"]}
    assert dev.get("/async/8").json == {"number": 8, "thread": True}
    assert dev.get("/sync/x").status == 422
    assert dev.get("/nowhere").status == 404
    assert dev.post("/sync/1").status == 405


def test_a_task_runs_in_another_process_and_its_result_is_kept(dev: Dev) -> None:
    id = dev.post("/send/add", [1, 2, 3]).text
    assert ends(dev, "add", id, "succeeded") == {
        "state": "succeeded",
        "attempts": 1,
        "error": None,
        "progress": 0.5,
        "result": 6,
    }
    worker = arrives(dev, f"add-{id}")["pid"]
    members = {member.pid for member in dev.family()}
    assert worker in members
    assert worker != dev.process.pid


def test_a_delayed_task_is_never_early(dev: Dev) -> None:
    before = time.time()
    id = dev.post("/send/add?delay=0.7", [1]).text
    state = dev.get(f"/runs/add/{id}").json["state"]
    # On a busy machine its time may have come before it is asked about.
    assert state == "queued" or time.time() - before >= 0.6
    ends(dev, "add", id, "succeeded")
    assert time.time() - before >= 0.6


def test_a_failing_task_is_tried_again_after_growing_waits(dev: Dev) -> None:
    id = dev.post("/send/third_time", "thrice").text
    record = ends(dev, "third_time", id, "succeeded")
    assert (record["attempts"], record["result"]) == (3, "thrice at last")
    first, second, third = (arrives(dev, f"thrice-{attempt}")["at"] for attempt in (1, 2, 3))
    assert second - first >= 100
    assert third - second >= 100


def test_a_task_that_fails_for_good_is_a_dead_letter_until_it_is_redriven(dev: Dev) -> None:
    id = dev.post("/send/hopeless", "bread").text
    record = ends(dev, "hopeless", id, "dead")
    assert record["attempts"] == 2
    assert dev.get("/dead/hopeless").json == [{"id": id, "error": "LookupError: no bread", "attempts": 2}]
    assert dev.post("/mark/mend-bread").status == 204
    assert dev.post(f"/redrive/hopeless/{id}").status == 204
    arrives(dev, "mended-bread")
    ends(dev, "hopeless", id, "succeeded")
    assert dev.get("/dead/hopeless").json == []


def test_a_failed_attempt_is_told_with_the_line_that_raised(dev: Dev) -> None:
    said = len(dev.err)
    id = dev.post("/send/hopeless", "butter").text
    ends(dev, "hopeless", id, "dead")
    dev.says(r"failed task hopeless, attempt 1: LookupError: no butter; the next one in \d", said)
    told = dev.says(r"failed task hopeless, attempt 2: LookupError: no butter; that was the last.*$", said)
    assert "dead letter" in told
    line = next(number for number, text in enumerate(APP.splitlines(), 1) if "raise LookupError" in text)
    assert f'app.py", line {line}, in hopeless' in dev.err[said:]
    assert "portable_local" not in dev.err[said:]


def test_the_progress_of_a_running_task_can_be_read(dev: Dev) -> None:
    id = dev.post("/start").text
    until("its progress", lambda: dev.get(f"/runs/waits/{id}").json["progress"] == 0.25)
    assert dev.get(f"/runs/waits/{id}").json["state"] == "running"
    dev.post("/mark/go")
    ends(dev, "waits", id, "succeeded")


def test_an_event_reaches_every_subscriber_that_wants_it_though_another_fails(dev: Dev) -> None:
    assert dev.post("/publish?language=de", {"owner": "a", "id": "wort", "text": "t"}).status == 204
    assert dev.post("/publish", {"owner": "a", "id": "word", "text": "u"}).status == 204
    assert [arrives(dev, f"index-{id}")["text"] for id in ("wort", "word")] == ["t", "u"]
    arrives(dev, "spell-wort")
    assert dev.get("/seen/spell-word").status == 404


def test_an_object_that_is_put_through_a_signed_url_starts_its_handler(dev: Dev) -> None:
    signed = dev.post("/urls/letter.txt").json
    assert signed["url"].startswith(dev.api)
    target = signed["url"].removeprefix(dev.api)
    assert request(dev.api, "PUT", target, b"dear all", signed["headers"]).status == 200
    found = arrives(dev, "received-letter.txt")
    assert (found["size"], found["text"]) == (8, "dear all")
    assert (
        request(dev.api, "PUT", target[:-1] + ("0" if target[-1] != "0" else "1"), b"x", signed["headers"]).status
        == 403
    )


def test_objects_that_handlers_put_and_delete_start_theirs(dev: Dev) -> None:
    for folder in ("inbox", "other"):
        assert request(dev.api, "PUT", f"/objects/{folder}/{folder}.bin").status == 204
    assert arrives(dev, "received-inbox.bin")["text"] == "from a handler"
    assert request(dev.api, "DELETE", "/objects/other/other.bin").status == 204
    arrives(dev, "deleted-other.bin")
    assert dev.get("/seen/received-other.bin").status == 404


def test_changes_of_a_table_reach_its_handler(dev: Dev) -> None:
    assert dev.post("/notes", {"owner": "ada", "id": "n1", "text": "hello"}).status == 201
    assert dev.post("/notes", {"owner": "ada", "id": "n1", "text": "again"}).status == 409
    assert arrives(dev, "upsert-n1")["text"] == "hello"
    assert request(dev.api, "DELETE", "/notes/ada/n1").status == 204
    assert arrives(dev, "delete-n1")["text"] is None


def test_a_schedule_can_be_invoked_by_hand(dev: Dev) -> None:
    done = portable("invoke", "minutely", "--app", dev.project, "--json")
    found = json.loads(done.out)
    assert found.pop("invocation")
    assert found == {"handler": "minutely", "status": "succeeded", "result": "swept", "error": None}
    assert arrives(dev, "minutely")["scheduled"] is not None


def set_back(data: Path, handler: str, last: float) -> None:
    """As if the store had decided on the fire times of a schedule up to `last`, and no more."""
    connection = sqlite3.connect(data / "store.sqlite")
    try:
        with connection:
            changed = connection.execute("UPDATE schedules SET last = ? WHERE handler = ?", (last, handler)).rowcount
        assert changed == 1
    finally:
        connection.close()


def fires(data: Path, handler: str) -> list[tuple[float, str]]:
    connection = sqlite3.connect(f"{(data / 'store.sqlite').as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT at, outcome FROM fires WHERE handler = ? ORDER BY at", (handler,)).fetchall()
    finally:
        connection.close()


def test_fire_times_that_were_missed_are_run_once_or_recorded_as_skipped(tmp_path: Path) -> None:
    project = write(tmp_path / "everything", {"app.py": APP})
    with started(project, "--no-reload") as dev:
        dev.serves().stop()
    now = time.time()
    ago = now - 3 * DAY - 3600
    for handler in ("nightly", "skipping", "minutely"):
        set_back(dev.data, handler, ago)

    def due(hour: int) -> list[float]:
        first = datetime.fromtimestamp(ago, UTC).replace(hour=hour, minute=0, second=0, microsecond=0).timestamp()
        return [at for at in (first + day * DAY for day in range(6)) if ago < at <= now]

    with started(project, "--no-reload") as again:
        again.serves()
        newest = due(3)[-1]
        arrives(again, f"nightly-{int(newest)}")
        # "every" has run the newest minute, and those before are recorded, not run.
        scheduled: int = arrives(again, "minutely")["scheduled"]
        assert scheduled % 60 == 0
        assert scheduled > now - 61
        assert fires(again.data, "nightly") == [*((at, "skipped") for at in due(3)[:-1]), (newest, "queued")]
        late = now - due(4)[-1] > 60
        skipped = [at for at, outcome in fires(again.data, "skipping") if outcome == "skipped"]
        assert skipped == (due(4) if late else due(4)[:-1])
        names = again.get("/seen").json
        assert [name for name in names if name.startswith("nightly")] == [f"nightly-{int(newest)}"]
        assert [name for name in names if name.startswith("skipping")] == (
            [] if late else [f"skipping-{int(due(4)[-1])}"]
        )
        again.stop()
    recorded = fires(again.data, "nightly")
    with started(project, "--no-reload") as third:
        assert third.serves().get("/seen").status == 200
        assert fires(third.data, "nightly") == recorded


def test_what_was_acknowledged_is_there_after_kill_9(tmp_path: Path) -> None:
    project = write(tmp_path / "everything", {"app.py": APP})
    with started(project) as dev:
        dev.serves()
        assert dev.post("/notes", {"owner": "ada", "id": "kept", "text": "kept"}).status == 201
        id = dev.post("/send/add?delay=2", [20, 22]).text
        running = dev.post("/start").text
        until("it runs", lambda: dev.get(f"/runs/waits/{running}").json["state"] == "running")
        dev.process.kill()
        dev.wait()
    with started(project) as again:
        again.serves()
        assert again.post("/notes", {"owner": "ada", "id": "kept", "text": "other"}).status == 409
        assert ends(again, "add", id, "succeeded")["result"] == 42
        assert again.get(f"/runs/waits/{running}").json["error"] is not None
        again.post("/mark/go")
        assert ends(again, "waits", running, "succeeded")["attempts"] == 2
