"""The rest of what type checkers see: every verb, errors, decorators, and what is there for tests. Nothing runs it.

A line with `type: ignore` and `pyright: ignore` is wrong on purpose: without its error, the comment would be one.
"""

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from logging import Logger
from typing import Annotated, Any, assert_type

from pydantic import BaseModel

from portable import (
    CORS,
    App,
    Change,
    Conflict,
    Context,
    DeclarationError,
    File,
    Form,
    Headers,
    HTTPError,
    InvalidArgument,
    LimitExceeded,
    NotBound,
    NotFound,
    Object,
    ObjectEvent,
    Page,
    Path,
    PermissionDenied,
    PortableError,
    Query,
    Request,
    Response,
    Service,
    Task,
    TaskFailed,
    TaskRun,
    Throttled,
    Timeout,
    Unavailable,
    Unknown,
    Unsupported,
    UploadFile,
    eq,
    gt,
    idempotent,
    le,
    lt,
)
from portable.buckets import ListedObject
from portable.drivers import DeadLetter, DeadLetterPage, RunRecord, RunState
from portable.testing import AppClock, Client, ClientResponse, ManualClock, Running, RunningApp, running, some
from portable.testing.cookies import Cookies


class Item(BaseModel):
    id: str
    n: int = 0


app = App("surface", targets=("aws", "gcp"), cors=CORS(("https://example.com",)))
part = Service("part")
app.include(part, prefix="/part")
items = app.table("items", Item)
files = app.bucket("files")
news = app.topic("news", Item)


# Tasks: what is called keeps the names behind the payload, what is sent takes the payload alone.


@app.task()
def charge(item: Item, context: Context) -> int:
    return item.n


@app.task(max_attempts=3)
async def count(item: Item, *, context: Context) -> str:
    return context.id


@app.task
def alone(context: Context) -> None: ...


@app.task
def only_named(*, item: Item, context: Context) -> int:
    return item.n


async def tasks(item: Item, context: Context) -> None:
    assert_type(charge(item, context=context), int)
    assert_type(charge(item, context), int)
    assert_type(await count(item, context=context), str)
    assert_type(only_named(item=item, context=context), int)
    assert_type(alone.send(), TaskRun[None])
    assert_type(charge.send(item, delay=timedelta(hours=1), dedup="a"), TaskRun[int])
    assert_type(count.send(item).result(), str)
    assert_type(charge.run("1").status(), RunState)
    assert_type(charge.run("1").record(), RunRecord)
    assert_type(charge.run("1").progress, float | None)
    assert_type(charge.dead_letters(limit=10), DeadLetterPage)
    charge.redrive("1")
    charge.discard("1")
    whole: Task[Item, int] = charge
    assert_type(whole.send(item).id, str)
    charge("1", context=context)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    charge(item, contxt=context)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    charge.send(item, context=context)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    wrong: Task[str, int] = charge  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    wrong.send("1")


def contexts(context: Context) -> None:
    assert_type(context.id, str)
    assert_type(context.attempt, int)
    assert_type(context.deadline, float)
    assert_type(context.attributes, dict[str, str])
    assert_type(context.scheduled_at, float | None)
    assert_type(context.remaining, float)
    assert_type(context.logger, Logger)
    context.progress(0.5, "half")
    context.progress("half")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Tables


def tables(item: Item) -> None:
    assert_type(items.put(item, if_absent=True), str)
    assert_type(items.update("1", change=lambda found: found), str)
    assert_type(items.query("1", eq("a")), Page[Item])
    assert_type(items.query("1", gt("a"), reverse=True, limit=3).cursor, str | None)
    assert_type(items.query("1", le("a")).items, list[Item])
    assert_type(items.query("1", lt("a")), Page[Item])
    assert_type(items.scan(), Page[Item])
    assert_type(items.increment("1", field="n", by=2), int)
    assert_type(items.transact([items.putting(item), items.checking("2", if_present=True)]), list[str | None])
    items.delete("1", if_version="1")
    items.get(1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    items.update("1", change=lambda found: found.n)  # type: ignore[arg-type,return-value]  # pyright: ignore[reportArgumentType]
    items.nothing()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


@items.on_change(max_attempts=2)
def changed(change: Change[Item], context: Context) -> None:
    assert_type(change.pk, str)
    assert_type(change.is_newer_than(None), bool)


# Buckets and topics


def buckets() -> None:
    assert_type(files.require("a"), bytes)
    assert_type(files.read_range("a", 0, 10), bytes)
    assert_type(files.copy("a", "b", if_absent=True), Object)
    assert_type(files.list("a/", delimiter="/").prefixes, list[str])
    assert_type(files.list().objects, list[ListedObject])
    assert_type(files.list().objects[0].etag, str)
    assert_type(files.list().objects[0].modified, datetime)
    listed = files.list().objects[0]
    files.delete("a", if_version=listed.version)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    files.delete("a", if_version="1")
    files.put("a", 3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    files.signed_url("a", "POST")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@files.on_created
def received(event: ObjectEvent) -> int:
    return event.size


def topics(item: Item, event: ObjectEvent) -> None:
    assert_type(news.publish(item, attributes={"kind": "gift"}), str)
    assert_type(news.publish_all([item]), list[str])
    assert_type(news.dead_letters("heard").letters, list[DeadLetter])
    news.redrive("heard", "1")
    news.discard(changed, "1")
    news.publish("item")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(received(event), int)


# HTTP


@app.get("/items/{id}")
def read(
    id: Annotated[str, Path()], limit: Annotated[int, Query()] = 10, since: datetime | None = None
) -> Item | Response:
    return Response(status=404) if limit else items.require(id)


@app.post("/upload")
def upload(name: Annotated[str, Form()], pages: Annotated[list[UploadFile], File()]) -> Headers:
    return Headers([("x-name", name), ("x-pages", str(len(pages)))])


@app.route("/any", methods=["GET", "POST"])
@idempotent("{key}", expires_in=3600)
def anything(key: str) -> int:
    return len(key)


@app.middleware
def timed(request: Request) -> Generator[None, Response, Response | None]:
    response = yield
    return response


def http(request: Request, response: Response) -> None:
    assert_type(read("1"), Item | Response)
    assert_type(read("1", since=None, limit=3), Item | Response)
    assert_type(upload("a", []), Headers)
    assert_type(anything("a"), int)
    assert_type(timed(request), Generator[None, Response, Response | None])
    assert_type(request.query, dict[str, list[str]])
    assert_type(request.cookies, dict[str, str])
    assert_type(request.json(), Any)
    assert_type(request.headers.get("a"), str | None)
    assert_type(request.headers.get("a", ""), str)
    assert_type(response.headers["a"], str)
    response.set_cookie("a", "b", max_age=3)
    read(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    read("1", limt=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    anything(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.get(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


# Errors


def errors(error: PortableError, invalid: InvalidArgument, limit: LimitExceeded) -> None:
    assert_type(error.message, str)
    assert_type(error.hint, str | None)
    assert_type(error.status, int)
    assert_type(limit.limit, str)
    assert_type(invalid.problems[0].where, tuple[str | int, ...])
    kinds: list[type[PortableError]] = [
        *(Conflict, DeclarationError, HTTPError, NotBound, NotFound, PermissionDenied, TaskFailed),
        *(Throttled, Timeout, Unavailable, Unknown, Unsupported),
    ]
    assert kinds
    raise HTTPError(418, "a teapot", headers={"x-pot": "tea"})


# Tests of apps


def in_a_test(item: Item) -> None:
    assert_type(running(app, profile="aws", limits="warn"), AbstractContextManager[RunningApp])
    with running(app) as started:
        assert_type(started, RunningApp)
        assert_type(started.app, App)
        assert_type(started.client, Client)
        assert_type(started.clock, AppClock)
        protocol: Running = started
        assert_type(protocol.now(), float)
        answer = started.client.post("/items", json=item, headers={"a": "b"}, cookies={"c": "d"}, params={"e": [1, 2]})
        assert_type(answer, ClientResponse)
        assert_type(answer.status, int)
        assert_type(answer.headers, Headers)
        assert_type(answer.json(), Any)
        assert_type(answer.text, str)
        assert_type(answer.body, bytes)
        assert_type(answer.history, tuple[ClientResponse, ...])
        started.client.put("/files", files={"a": b"x", "b": [("b.txt", b"y"), UploadFile("c", "x/y", b"z")]})
        started.client.patch("/form", data={"a": 1}, follow_redirects=True)
        assert_type(started.client.cookies, Cookies)
        assert_type(started.client.cookies["a"], str)
        assert_type(started.new_client(headers={"a": "b"}), Client)
        started.drain()
        started.clock.advance(3)
        started.clock.advance(timedelta(days=1))
        started.clock.advance_to(started.clock.moment() + timedelta(days=1))
        started.fire("nightly", datetime.now().astimezone())
        started.fire(changed)
        assert_type(started.dead_letters(charge), list[DeadLetter])
        assert_type(started.redeliver("charge"), int)
        assert_type(started.send("GET", "/items/{}", body=b"", raises=True), ClientResponse)
        assert_type(started.deliver("charge", "1", attempt=2, attributes={"a": "b"}).error, str | None)
        started.put_items("items", {"id": "1", "n": 1}, {"id": "2"})
        assert_type(some(str), Any)
        started.set_param("a", "b")
        started.set_secret(app.secret("token"), "b")
        started.client.post("/items", jsn=item)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        started.client.get("/items", follow_redirects="yes")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        started.clock.advance("1h")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        started.fire(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    running("app")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(ManualClock(0).now(), float)


def pages(page: Page[Item]) -> Iterator[Item]:
    yield from page
