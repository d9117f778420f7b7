"""What type checkers see of an app. mypy and pyright check this file; nothing runs it."""

from datetime import datetime
from typing import Any, assert_type
from uuid import UUID

from pydantic import BaseModel

from portable import (
    App,
    Bucket,
    Change,
    Context,
    Entry,
    ObjectEvent,
    Page,
    Param,
    Request,
    Response,
    Secret,
    Service,
    Table,
    TaskRun,
    Topic,
    idempotent,
)


class Note(BaseModel):
    owner: str
    id: str
    text: str


class Receipt(BaseModel):
    id: UUID


app = App("notes")
part = Service("part")
notes = app.table("notes", Note, key=("owner", "id"))
plain = part.table("plain")
files = app.bucket("files")
news = app.topic("news", Note)
anything = app.topic("anything")

assert_type(notes, Table[Note])
assert_type(plain, Table[dict[str, Any]])
assert_type(files, Bucket)
assert_type(news, Topic[Note])
assert_type(anything, Topic[Any])
assert_type(app.param("limit", "10"), Param)
assert_type(app.secret("token"), Secret)


def tables() -> None:
    assert_type(notes.get("ada", "1"), Note | None)
    assert_type(notes.require("ada", "1"), Note)
    assert_type(notes.get_entry("ada", "1"), Entry[Note] | None)
    assert_type(notes.query("ada"), Page[Note])
    assert_type(notes.query("ada").items, list[Note])
    assert_type(notes.put(Note(owner="ada", id="1", text="")), str)
    assert_type(notes.increment("ada", "1", field="n"), int)
    assert_type(notes.batch_get([("ada", "1")]), list[Note])
    assert_type(plain.require("1"), dict[str, Any])


@app.post("/notes")
def create(note: Note) -> Note:
    return note


@app.get("/notes/{id}")
async def read(id: UUID, request: Request, since: datetime | None = None) -> Response:
    return Response(f"{id} {since} {request.method}")


def handlers_keep_their_signatures() -> None:
    assert_type(create(Note(owner="", id="", text="")), Note)
    create("no note")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def so_do_async_ones(request: Request, id: UUID) -> None:
    assert_type(await read(id, request), Response)


@app.task(max_attempts=3)
def charge(note: Note) -> Receipt:
    raise NotImplementedError(note)


@app.task()
def nothing(context: Context) -> None:
    context.progress(0.5)


@app.task()
@idempotent("{note.id}")
def once(note: Note) -> int:
    return len(note.text)


def tasks(note: Note) -> None:
    assert_type(charge.send(note), TaskRun[Receipt])
    assert_type(charge.send(note, delay=10), TaskRun[Receipt])
    assert_type(charge(note), Receipt)
    assert_type(once.send(note), TaskRun[int])
    charge.send(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@news.subscribe
def heard(note: Note) -> None: ...


@notes.on_change
def changed(change: Change[Note]) -> None:
    assert_type(change.new, Note | None)


@files.on_created(prefix="in/")
def received(event: ObjectEvent) -> None:
    assert_type(event.key, str)


@app.every(minutes=15)
def sweep() -> int:
    return 1


def schedules() -> None:
    assert_type(sweep(), int)
    heard(Note(owner="", id="", text=""))
