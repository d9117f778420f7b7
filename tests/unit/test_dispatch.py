"""The Dispatcher by values: requests of every kind of malformation, both of its doors, and its own end."""

import asyncio
import gc
import os
import random
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from portable import App, Body, Context, Cookie, Form, Header, HTTPError, Query, Request, Response, UploadFile
from portable.dispatch import Dispatcher
from portable.errors import DeclarationError

ROUNDS = 3000
SEED = int(os.environ.get("PORTABLE_FUZZ_SEED", "0")) or random.SystemRandom().getrandbits(32)


class Item(BaseModel):
    name: str
    count: int = 0
    tags: list[str] = []
    inner: dict[str, float] = {}


def fuzzed_app() -> App:
    """Every kind of parameter; no handler here can fail by itself."""
    app = App("fuzzed")

    @app.get("/items/{id}/{when}")
    def read(
        id: int,
        when: str,
        q: Annotated[list[int], Query()],
        flag: bool = False,
        x_rate: float = Header(default=1.0),
        session: str = Cookie(default=""),
    ) -> dict[str, object]:
        return {"id": id, "when": when, "q": q, "flag": flag, "rate": x_rate, "session": session}

    @app.post("/items")
    def create(item: Item) -> Item:
        return item

    @app.put("/anything")
    async def anything(value: Any = Body()) -> Any:
        return value

    @app.post("/form")
    def form(title: Annotated[str, Form()], many: Annotated[list[int], Form()]) -> dict[str, object]:
        return {"title": title, "many": many}

    @app.post("/upload")
    async def upload(file: UploadFile, note: str = Form(default="")) -> dict[str, object]:
        return {"name": file.filename, "type": file.content_type, "size": len(file.data), "note": note}

    @app.post("/raw")
    def raw(body: Annotated[bytes, Body()], request: Request) -> dict[str, object]:
        return {"size": len(body), "query": request.query, "cookies": request.cookies}

    @app.middleware
    def around(request: Request) -> Generator[None, Response, Response]:
        response = yield
        response.headers["x-around"] = "yes"
        return response

    assert (read, create, anything, form, upload, raw, around) is not None
    return app


TEXTS = (
    *("", "0", "-1", "1e999", "NaN", "true", "é", "日本", "\x00", "%", "%zz", "%ff", "%2e%2e", "%2F", "..", ".", "//"),
    *("a" * 300, "9" * 5000, "'\"<>;", "=&=&", "\ud800", "\r\n", "{id}", "null", "__proto__", "$ref", "\u2028", "😀"),
)
PATHS = ("/items", "/items/1/x", "/anything", "/form", "/upload", "/raw", "/", "*", "/none", "/items/", "//items")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "", "BREW")
HEADERS = ("content-type", "cookie", "x-rate", "x-request-id", "traceparent", "x-portable-user", "content-encoding")
TYPES = (
    *("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=xyz", "text/plain", ""),
    *("multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary="', "application/x+json"),
    *("multipart/form-data; boundary=xyz; charset=\xff", ";;;", "application/json; charset=utf-16"),
)
BODIES = (
    b"",
    b"{}",
    b'{"name": "a", "count": "x"}',
    b'{"name": "a", "tags": ["b"], "inner": {"k": 1.5}}',
    b"[" * 1000,
    b'"\\ud800"',
    b'{"name": NaN}',
    b"\xff\xfe",
    b"title=a&many=1&many=2",
    b"&".join([b"many=1"] * 1100),
    b'--xyz\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\ndata\r\n--xyz--\r\n',
    b'--xyz\r\ncontent-disposition: form-data; name="title"\r\n\r\nt\r\n--xyz--\r\n',
)


def word(source: random.Random) -> str:
    text = source.choice(TEXTS)
    return text if source.random() < 0.7 else text + source.choice(TEXTS)


def damaged(source: random.Random, body: bytes) -> bytes:
    """A body with a few bytes flipped, cut out or put in."""
    found = bytearray(body)
    for _ in range(source.randrange(4)):
        if not found:
            break
        position = source.randrange(len(found))
        if source.random() < 0.4:
            found[position] = source.randrange(256)
        elif source.random() < 0.5:
            del found[position : position + source.randrange(1, 9)]
        else:
            found[position:position] = source.randbytes(source.randrange(1, 5))
    return bytes(found)


AIMED = (
    ("GET", "/items/7/x", ""),
    ("POST", "/items", "application/json"),
    ("PUT", "/anything", "application/json"),
    ("POST", "/form", "application/x-www-form-urlencoded"),
    ("POST", "/form", "multipart/form-data; boundary=xyz"),
    ("POST", "/upload", "multipart/form-data; boundary=xyz"),
    ("POST", "/raw", "application/octet-stream"),
)


def an_aimed_request(source: random.Random) -> Request:
    """One that reaches a handler's parameters, so that the faults are theirs."""
    method, path, content_type = source.choice(AIMED)
    body = source.choice(BODIES)
    query = source.choice(("q=1&q=2", "q=x", "flag=maybe", f"a={word(source)}", ""))
    headers = [("content-type", content_type), (source.choice(HEADERS[1:]), source.choice(("1", "a=b; c", "é", "")))]
    body = body if source.random() < 0.5 else damaged(source, body)
    return Request(method, path, query_string=query, headers=headers, body=body)


def a_request(source: random.Random) -> Request:
    if source.random() < 0.5:
        return an_aimed_request(source)
    path = source.choice(PATHS)
    for _ in range(source.randrange(3)):
        path += "/" * source.randrange(2) + word(source)
    query = "&".join(f"{word(source)}={word(source)}" for _ in range(source.randrange(4)))
    headers = [(source.choice(HEADERS), word(source).encode("latin-1", "replace").decode("latin-1")) for _ in range(2)]
    if source.random() < 0.8:
        headers.append(("content-type", source.choice(TYPES)))
    return Request(
        source.choice(METHODS),
        path,
        query_string=query if source.random() < 0.6 else source.choice(("q=1", "q=x", "", "flag=maybe")),
        headers=headers,
        body=damaged(source, source.choice(BODIES)),
    )


def test_what_no_front_has_refused_the_app_refuses_with_a_problem_document() -> None:
    """The conformance suite leaves these to a provider's front; without one they come here."""
    app = App("unit")

    @app.get("/x")
    def read(request: Request) -> list[object]:
        return list(request.query.items())

    dispatcher = Dispatcher(app)
    for path, query in (
        ("x", ""),
        ("", ""),
        ("*", ""),
        ("http://host/x", ""),
        ("/x/%zz", ""),
        ("/x/é", ""),
        ("/x", "é"),
    ):
        response = dispatcher.http(Request("GET", path, query_string=query))
        assert response.status == 400, (path, query)
        assert response.headers["content-type"] == "application/problem+json"
    assert dispatcher.http(Request("OPTIONS", "*")).status == 204
    assert dispatcher.http(Request("GET", "/x", query_string="a=%zz&b=%")).body == b'[["a",["%zz"]],["b",["%"]]]'
    assert read is not None


async def in_place(call: Callable[[], Response]) -> Response:
    return call()


def test_no_request_however_malformed_gets_a_5xx_or_an_exception() -> None:
    print(f"PORTABLE_FUZZ_SEED={SEED}")
    source = random.Random(SEED)
    dispatcher = Dispatcher(fuzzed_app())
    statuses: dict[int, int] = {}
    for number in range(ROUNDS):
        request = a_request(source)
        shown = (request.method, request.path[:80], request.query_string[:80], request.headers, request.body[:200])
        response = dispatcher.http(request) if number % 7 else asyncio.run(dispatcher.http_async(request, in_place))
        assert 200 <= response.status < 500, (SEED, number, shown, response.body)
        assert type(response.body) is bytes
        assert len(response.body) < 200_000, (SEED, number, shown)
        for name, value in response.headers.items():
            assert value.encode("latin-1").isascii() or name not in ("location", "allow"), (SEED, number, name, value)
            assert "\r" not in value, (SEED, number, name, value)
            assert "\n" not in value, (SEED, number, name, value)
        statuses[response.status] = statuses.get(response.status, 0) + 1
    dispatcher.close()
    # A fuzz that is always refused at the door has tried nothing.
    assert {200, 400, 404, 405, 413, 415, 422} <= set(statuses), (SEED, statuses)
    assert statuses[200] > ROUNDS / 50, (SEED, statuses)


def test_both_doors_of_the_dispatcher_give_the_same_answer() -> None:
    source = random.Random(SEED + 1)
    app = fuzzed_app()
    dispatcher = Dispatcher(app)
    checked = 0
    for _ in range(300):
        request = a_request(source)
        again = Request(
            request.method,
            request.path,
            query_string=request.query_string,
            headers=request.headers.items(),
            body=request.body,
            id="the-same-id",
        )
        request.id = "the-same-id"
        one = dispatcher.http(request)
        two = asyncio.run(dispatcher.http_async(again, in_place))
        assert (one.status, one.body) == (two.status, two.body), (SEED, request.method, request.path)
        names = [sorted(name for name, _ in found.headers.items()) for found in (one, two)]
        assert names[0] == names[1]
        checked += 1
    assert checked == 300
    dispatcher.close()


def test_outside_dev_nothing_of_an_exception_is_shown_and_in_dev_its_text_but_no_trace() -> None:
    app = App("shop")

    @app.get("/x")
    def broken() -> None:
        raise KeyError("the-secret")

    assert broken is not None
    closed = Dispatcher(app).http(Request("GET", "/x"))
    shown = Dispatcher(app, dev=True).http(Request("GET", "/x"))
    assert (closed.status, shown.status) == (500, 500)
    assert b"the-secret" not in closed.body
    assert b"KeyError" in shown.body
    assert b"the-secret" in shown.body
    assert b"Traceback" not in shown.body
    assert __file__.encode() not in shown.body


def test_sync_handlers_run_where_the_server_says_and_async_ones_on_its_loop() -> None:
    app = App("shop")
    where: list[str] = []

    @app.get("/sync")
    def sync(context: Context) -> str:
        where.append("sync")
        return context.handler

    @app.get("/async")
    async def later(context: Context) -> str:
        where.append("async")
        return context.handler

    assert (sync, later) is not None

    async def in_thread(call: Callable[[], Response]) -> Response:
        where.append("thread")
        return await asyncio.to_thread(call)

    async def both() -> list[bytes]:
        dispatcher = Dispatcher(app)
        answers: list[Awaitable[Response]] = [
            dispatcher.http_async(Request("GET", path), in_thread) for path in ("/sync", "/async")
        ]
        return [(await answer).body for answer in answers]

    assert asyncio.run(both()) == [b"sync", b"later"]
    assert where == ["thread", "sync", "async"]


def test_a_coroutine_is_driven_without_asyncio_as_long_as_nobody_imported_it() -> None:
    program = """
import sys
from portable import App, Request
from portable.dispatch import Dispatcher
app = App("shop")
@app.get("/x")
async def later() -> str:
    return "asyncio" if "asyncio" in sys.modules else "bare"
async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"mounted"})
app.mount("/old", asgi)
dispatcher = Dispatcher(app)
print(*(dispatcher.http(Request("GET", path)).body.decode() for path in ("/x", "/old", "/x")))
dispatcher.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.split(), done.stderr) == (["bare", "mounted", "asyncio"], "")


def test_one_dispatcher_serves_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    dispatcher = Dispatcher(fuzzed_app())

    def ask(number: int) -> tuple[int, bytes]:
        response = dispatcher.http(Request("GET", f"/items/{number}/x", query_string=f"q={number}"))
        return response.status, response.body

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(400)))
    assert len(answers) == 400
    for number, (status, body) in enumerate(answers):
        assert status == 200
        assert f'"id":{number},'.encode() in body
        assert f'"q":[{number}]'.encode() in body


def test_mistakes_of_routes_and_middleware_are_found_when_it_is_made() -> None:
    def no_generator(request: Request) -> Response:
        return Response()

    app = App("shop")
    wrong: Any = no_generator
    app.middleware(wrong)
    with pytest.raises(DeclarationError) as caught:
        Dispatcher(app)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
    assert caught.value.location.line == no_generator.__code__.co_firstlineno


def test_an_error_with_more_to_say_than_an_answer_may_hold_is_still_answered() -> None:
    app = App("shop")

    @app.get("/x")
    def broken() -> None:
        raise HTTPError(400, "y" * 9_000_000, headers={"x-a": "z" * 5_000_000})

    assert broken is not None
    response = Dispatcher(app).http(Request("GET", "/x"))
    assert response.status == 400
    assert len(response.body) < 10_000


def test_a_dispatcher_that_is_dropped_leaves_no_loop_behind() -> None:
    app = App("unit")

    @app.get("/")
    async def later() -> str:
        await asyncio.sleep(0)
        return "x"

    dispatcher = Dispatcher(app)
    assert dispatcher.http(Request("GET", "/")).body == b"x"
    loop = dispatcher._loop._runner.get_loop()
    assert not loop.is_closed()
    del dispatcher
    gc.collect()
    assert loop.is_closed()
