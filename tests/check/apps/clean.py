"""An app in which nothing is to be found: what is the same everywhere, and what only looks as if it were not."""

import asyncio
import concurrent.futures
import os
import sqlite3
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, Field

from portable import App, Change

app = App("clean", functions="app")


class Note(BaseModel):
    id: str
    text: str = Field(max_length=10_000)


notes = app.table("notes", Note, indexes={"by_text": ("text",)})
files = app.bucket("files")
changed = app.topic("changed", Note)

PAUSE = 0.01
DATA = Path("data")
local = threading.local()


class Held:
    """What a module holds an object of."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.visits = 0


held = Held()
_cache: dict[str, str] = {}
_connection: object = None
_recent: list[str] = []
visits: list[str] = []


def connection() -> object:
    """Made once: a cache."""
    global _connection
    if _connection is None:
        _connection = object()
    return _connection


def cached(key: str) -> str:
    if key not in _cache:
        _cache[key] = key.upper()
    return _cache[key]


@app.post("/notes", uses=[notes.can("put"), changed.can("publish")])
def create(note: Note) -> Note:
    notes.put(note)
    changed.publish(note)
    seen: list[str] = []
    seen.append(cached(note.id))
    connection()
    return note


@app.get("/notes/{id}", uses=[notes.can("require", "put"), changed.can("publish")])
def read(id: str) -> Note:
    time.sleep(PAUSE)
    return notes.require(id)


@app.post("/quizzes", uses=[notes.can("put"), changed.can("publish")])
def wait_for_all() -> int:
    threads = [threading.Thread(target=connection) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one = threading.Thread(target=connection)
    one.start()
    one.join()
    other = threading.Thread(target=connection)
    other.start()
    wait_for(other)
    return len(threads)


def wait_for(thread: threading.Thread) -> None:
    thread.join()


class Other:
    """Not what its variables are called."""

    def native(self, kind: type) -> None: ...
    def sleep(self, seconds: int) -> None: ...
    def increment(self, key: str) -> None: ...


@app.post("/others", uses=[notes.can("put"), changed.can("publish")])
def others() -> None:
    shadowed(Other())


def shadowed(notes: Other) -> None:
    time, visits = notes, []
    notes.native(str)
    time.sleep(10_000)
    visits.append("here")
    _recent.append("here")
    if len(_recent) > 10:
        _recent.clear()


@app.task
def summarise(id: str) -> None:
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "text", "w") as file:
        file.write(id)
    Path("/tmp/portable-clean").write_text(id)
    with open("/etc/hostname") as other:
        other.read()
    places(id, tempfile.gettempdir())


def places(name: str, folder: str) -> None:
    """Where these lead is not known, or it is the temporary folder, or they only read."""
    for path in (f"/tmp/{name}", f"{folder}/{name}", os.path.join(folder, name), "/tmp/" + name):
        with open(path, "w") as file:
            file.write(name)
    with open(f"/tmp/{name}", "w") as file, (Path("/tmp") / name).open("w") as other, DATA.open() as third:
        file.write(name + third.read())
        other.write(name)
    with open(os.path.join("data", name), "w") as fourth:
        fourth.write(name)
    os.makedirs(folder, exist_ok=True)
    sqlite3.connect(":memory:").close()
    sqlite3.connect("file:rows.db?mode=ro", uri=True).close()
    sqlite3.connect(f"/tmp/{name}.db").close()


@app.get("/pools")
async def pools() -> int:
    loop = asyncio.get_running_loop()
    kept = loop.create_task(asyncio.sleep(0))
    await kept
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(connection)
    local.visits = 1
    if held.text is None:
        held.text = "made once"
    own = Held()
    own.visits += 1
    held_by(own)
    return own.visits


def held_by(held: "Held") -> None:
    held.visits += 1


@app.post("/summaries")
def summaries(id: str) -> str:
    files.put(f"{id}.txt", b"text")
    summarise.send(id, delay=timedelta(minutes=15))
    return files.signed_url(f"{id}.txt", expires_in=60 * 60).url


@changed.subscribe
def index(note: Note) -> None:
    counts: dict[str, int] = {}
    counts[note.id] = 1


@notes.on_change
def noticed(change: Change[Note]) -> None:
    native = {"native": change.pk}
    native.get("native")


@app.cron("0 3 * * *")
def nightly() -> None:
    files.put("latest.txt", datetime.now(UTC).isoformat().encode())
    files.delete("last.txt")


@app.cron("0 3 * * *")
def nightly_too() -> None:
    cached("night")
