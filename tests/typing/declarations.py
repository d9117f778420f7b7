"""What type checkers see of an app. mypy and pyright check this file; nothing runs it."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, TypedDict, assert_type
from uuid import UUID

from pydantic import BaseModel

from portable import (
    App,
    Body,
    Bucket,
    Change,
    Context,
    Cookie,
    Entry,
    Event,
    Form,
    Grant,
    Header,
    Object,
    ObjectEvent,
    Page,
    Param,
    Request,
    Response,
    Secret,
    Service,
    SignedRequest,
    Table,
    Task,
    TaskRun,
    Topic,
    UploadFile,
    between,
    ge,
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


class Line(TypedDict):
    product: str
    count: int


@dataclass(frozen=True, slots=True)
class Order:
    customer: str
    id: UUID
    lines: tuple[Line, ...] = ()
    expires: datetime | None = None


orders = app.table("orders", Order, key=("customer", "id"), indexes={"by_id": ("id",)}, ttl="expires")
bought = part.topic("bought", Order)
assert_type(orders, Table[Order])


@part.put("/orders/{customer}/{id}", status=201, name="buy", uses=[orders.can("put")])
async def buy(
    customer: str,
    id: UUID,
    lines: list[Line],
    context: Context,
    session: Annotated[str | None, Cookie()] = None,
    language: str = Header("accept-language", default="en"),
) -> tuple[Order, int, dict[str, str]]:
    order = Order(customer, id, tuple(lines))
    orders.put(order, if_absent=True)
    return order, 201, {"x-language": language, "x-session": session or context.id}


async def a_tuple_stays_a_tuple(context: Context) -> None:
    assert_type(await buy("ada", UUID(int=1), [], context), tuple[Order, int, dict[str, str]])


@app.post("/pictures")
def upload(picture: UploadFile, raw: Annotated[bytes, Body()], title: str = Form()) -> None: ...


@app.task
async def ping() -> str:
    return "pong"


@app.task(max_attempts=2, name="pay")
@idempotent("{order.id}")
async def pay(order: Order, context: Context) -> int:
    return len(order.lines)


async def async_tasks(order: Order, context: Context) -> None:
    assert_type(ping.send(), TaskRun[str])
    assert_type(await ping(), str)
    assert_type(await pay(order, context), int)
    assert_type(pay.send(order, delay=timedelta(minutes=1), dedup="1").result(), int)
    with_payload: Task[Order, int] = pay
    without: Task[None, str] = ping
    assert_type(with_payload.run("1"), TaskRun[int])
    assert_type(without.send(), TaskRun[str])
    ping.send(3)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue]


@bought.subscribe
def whole(event: Event[Order]) -> None:
    assert_type(event.data, Order)


@bought.subscribe(filter={"kind": "gift"}, service=part, name="gifts")
async def gift(order: Order, context: Context) -> None: ...


@files.on_deleted
async def removed(event: ObjectEvent, context: Context) -> None: ...


@app.cron("0 3 * * *", zone="Europe/Berlin", missed="skip", overlap="allow")
async def nightly(at: datetime, context: Context) -> None: ...


@app.middleware
def timed(request: Request) -> Generator[None, Response, Response | None]:
    response = yield
    response.headers["x-path"] = request.path
    return response


def pages(order: Order) -> None:
    page = orders.query("ada", between("1", "2"), reverse=True)
    for found in page:
        assert_type(found, Order)
    assert_type(orders.query_index("by_id", order.id, ge("1")), Page[Order])
    assert_type(orders.batch_write([order], deletes=[("ada", "1")]).puts, list[Order])
    assert_type(orders.transact([orders.putting(order), orders.deleting("ada", "1")]), list[str | None])
    assert_type(orders.can("get"), Grant)
    orders.update("ada", order.id, change=lambda found: found)
    orders.put({"customer": "ada"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def objects() -> None:
    assert_type(files.get("a"), bytes | None)
    assert_type(files.head("a"), Object | None)
    assert_type(files.put("a", "text"), Object)
    assert_type(files.put("a", (b"x" for _ in range(3))), Object)
    assert_type(files.signed_url("a", "PUT", expires_in=60), SignedRequest)
    with files.open("a") as reader:
        assert_type(files.put("b", reader), Object)
        for chunk in reader:
            assert_type(chunk, bytes)


def without_arguments_is_an_error() -> None:
    app.get(upload)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.every(sweep)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
