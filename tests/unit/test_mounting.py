"""Existing FastAPI, Starlette, Flask and Django applications, moved in as they are."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import fastapi
import flask
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.responses import Response as StarletteResponse
from starlette.routing import Mount, Route

from portable import App, Request, Response
from portable.dispatch import Dispatcher
from portable.errors import DeclarationError, Location
from portable.mounting import detect_interface

PLACE = Location("app.py", 1)


def send(dispatcher: Dispatcher, method: str, target: str, body: bytes = b"", **headers: str) -> Response:
    path, _, query = target.partition("?")
    named = [(name.replace("_", "-"), value) for name, value in {"host": "h.example", **headers}.items()]
    return dispatcher.http(Request(method, path, query_string=query, headers=named, body=body, client="10.0.0.1"))


# FastAPI


def fastapi_app(events: list[str]) -> fastapi.FastAPI:
    @asynccontextmanager
    async def lifespan(application: fastapi.FastAPI) -> AsyncIterator[dict[str, str]]:
        events.append("start")
        yield {"pool": "open"}
        events.append("stop")

    application = fastapi.FastAPI(lifespan=lifespan)

    @application.get("/items/{id}")
    def read(id: int, request: fastapi.Request, q: Annotated[list[str] | None, fastapi.Query()] = None) -> Any:
        return {
            "id": id,
            "q": q,
            "url": str(request.url),
            "for": str(request.url_for("read", id=8)),
            "pool": request.state.pool,
            "client": request.client.host if request.client else None,
        }

    @application.post("/upload")
    async def upload(file: fastapi.UploadFile, title: Annotated[str, fastapi.Form()]) -> Any:
        return {"name": file.filename, "size": len(await file.read()), "title": title}

    @application.get("/broken")
    async def broken() -> Any:
        raise RuntimeError("the-secret")

    return application


def test_a_fastapi_application_moves_in_as_it_is() -> None:
    events: list[str] = []
    app = App("shop")
    app.mount("/old", fastapi_app(events))
    dispatcher = Dispatcher(app)
    response = send(dispatcher, "GET", "/old/items/7?q=a&q=b%20c")
    assert (response.status, json.loads(response.body)) == (
        200,
        {
            "id": 7,
            "q": ["a", "b c"],
            "url": "http://h.example/old/items/7?q=a&q=b%20c",
            "for": "http://h.example/old/items/8",
            "pool": "open",
            "client": "10.0.0.1",
        },
    )
    assert send(dispatcher, "GET", "/old/items/x").status == 422
    assert send(dispatcher, "GET", "/old/none").status == 404
    assert send(dispatcher, "DELETE", "/old/items/7").headers["allow"] == "GET"
    body = (
        b'--xyz\r\ncontent-disposition: form-data; name="title"\r\n\r\nt\r\n'
        b'--xyz\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\n12345\r\n--xyz--\r\n'
    )
    response = send(dispatcher, "POST", "/old/upload", body, content_type="multipart/form-data; boundary=xyz")
    assert json.loads(response.body) == {"name": "f", "size": 5, "title": "t"}
    document = json.loads(send(dispatcher, "GET", "/old/openapi.json").body)
    assert "/items/{id}" in document["paths"]
    assert b"/old/openapi.json" in send(dispatcher, "GET", "/old/docs").body
    assert b"the-secret" not in send(dispatcher, "GET", "/old/broken").body
    assert events == ["start"]
    dispatcher.close()
    assert events == ["start", "stop"]


# Starlette


def starlette_app() -> Starlette:
    async def home(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(f"{request.url.path} {request.scope['root_path']}")

    async def pieces(request: StarletteRequest) -> StreamingResponse:
        async def generate() -> AsyncIterator[bytes]:
            for number in range(5):
                yield f"{number};".encode()

        return StreamingResponse(generate(), media_type="text/csv")

    async def moved(request: StarletteRequest) -> RedirectResponse:
        return RedirectResponse(request.url_for("home"))

    async def cookies(request: StarletteRequest) -> JSONResponse:
        response = JSONResponse(request.cookies)
        response.set_cookie("a", "1")
        response.set_cookie("b", "2")
        return response

    async def late(request: StarletteRequest) -> StarletteResponse:
        from starlette.background import BackgroundTask

        return PlainTextResponse("now", background=BackgroundTask(DONE.append, "later"))

    return Starlette(
        routes=[
            Route("/", home, name="home"),
            Route("/pieces", pieces),
            Route("/moved", moved),
            Route("/cookies", cookies),
            Route("/late", late),
            Mount("/inner", routes=[Route("/x", home)]),
        ],
        middleware=[
            Middleware(CORSMiddleware, allow_origins=["https://a.example"]),
            Middleware(GZipMiddleware, minimum_size=1000),
        ],
    )


DONE: list[str] = []


def test_a_starlette_application_moves_in_as_it_is() -> None:
    app = App("shop")
    app.mount("/old", starlette_app())
    dispatcher = Dispatcher(app)
    assert send(dispatcher, "GET", "/old/").body == b"/old/ /old"
    assert send(dispatcher, "GET", "/old/inner/x").body == b"/old/inner/x /old/inner"
    pieces = send(dispatcher, "GET", "/old/pieces")
    assert (pieces.body, pieces.headers["content-type"]) == (b"0;1;2;3;4;", "text/csv; charset=utf-8")
    assert send(dispatcher, "GET", "/old/moved").headers["location"] == "http://h.example/old/"
    found = send(dispatcher, "GET", "/old/cookies", cookie="x=1; y=2")
    assert json.loads(found.body) == {"x": "1", "y": "2"}
    assert len([value for name, value in found.headers.items() if name == "set-cookie"]) == 2
    head = send(dispatcher, "HEAD", "/old/cookies", cookie="x=1; y=2")
    assert (head.body, head.headers["content-length"]) == (b"", str(len(found.body)))
    assert send(dispatcher, "GET", "/old/", origin="https://a.example").headers["access-control-allow-origin"]
    assert send(dispatcher, "GET", "/old/late").body == b"now"
    assert DONE == ["later"]
    dispatcher.close()


# Flask


def flask_app() -> flask.Flask:
    application = flask.Flask("old")
    application.secret_key = "k"

    @application.route("/items/<int:id>", methods=["GET", "POST"])
    def items(id: int) -> Any:
        return flask.jsonify(
            id=id,
            q=flask.request.args.getlist("q"),
            form=flask.request.form.to_dict(),
            url=flask.url_for("items", id=8),
            base=flask.request.base_url,
            text=flask.request.headers.get("X-Text"),
        )

    @application.route("/é/<path:rest>")
    def rest(rest: str) -> str:
        return rest

    @application.route("/session")
    def session() -> str:
        flask.session["n"] = flask.session.get("n", 0) + 1
        return str(flask.session["n"])

    @application.route("/pieces")
    def pieces() -> Any:
        return flask.Response((f"{number};" for number in range(5)), mimetype="text/csv")

    @application.route("/broken")
    def broken() -> str:
        raise RuntimeError("the-secret")

    assert (items, rest, session, pieces, broken) is not None
    return application


def test_a_flask_application_moves_in_as_it_is() -> None:
    app = App("shop")
    app.mount("/old", flask_app())
    dispatcher = Dispatcher(app)
    response = send(
        dispatcher,
        "POST",
        "/old/items/7?q=a&q=b",
        b"title=t%C3%A9",
        content_type="application/x-www-form-urlencoded",
        x_text="1",
    )
    assert (response.status, json.loads(response.body)) == (
        200,
        {
            "id": 7,
            "q": ["a", "b"],
            "form": {"title": "té"},
            "url": "/old/items/8",
            "base": "http://h.example/old/items/7",
            "text": "1",
        },
    )
    assert send(dispatcher, "GET", "/old/%C3%A9/a/b%20c").body == b"a/b c"
    assert send(dispatcher, "GET", "/old/none").status == 404
    assert set(send(dispatcher, "PUT", "/old/items/7").headers["allow"].split(", ")) == {
        *("GET", "POST", "HEAD", "OPTIONS"),
    }
    first = send(dispatcher, "GET", "/old/session")
    assert first.body == b"1"
    cookie = first.headers["set-cookie"]
    assert send(dispatcher, "GET", "/old/session", cookie=cookie.partition(";")[0]).body == b"2"
    assert send(dispatcher, "GET", "/old/pieces").body == b"0;1;2;3;4;"
    broken = send(dispatcher, "GET", "/old/broken")
    assert broken.status == 500
    assert b"the-secret" not in broken.body
    dispatcher.close()


# Django


def django_apps() -> tuple[Any, Any]:
    """The WSGI and the ASGI application of one project of one file."""
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpRequest, JsonResponse
    from django.urls import path, reverse

    def items(request: HttpRequest, id: int) -> JsonResponse:
        return JsonResponse(
            {
                "id": id,
                "q": request.GET.getlist("q"),
                "body": request.body.decode(),
                "path": request.path,
                "reverse": reverse("items", args=(8,)),
                "method": request.method,
                "host": request.get_host(),
            }
        )

    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=(path("items/<int:id>", items, name="items"),),
            ALLOWED_HOSTS=["h.example"],
            SECRET_KEY="k",
            DEBUG=False,
            USE_TZ=True,
        )
        django.setup()
    return get_wsgi_application(), get_asgi_application()


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_a_django_project_moves_in_as_it_is(kind: str) -> None:
    app = App("shop")
    app.mount("/old", django_apps()[kind == "asgi"])
    dispatcher = Dispatcher(app)
    response = send(dispatcher, "PUT", "/old/items/7?q=a&q=b", "bödy".encode())
    assert (response.status, json.loads(response.body)) == (
        200,
        {
            "id": 7,
            "q": ["a", "b"],
            "body": "bödy",
            "path": "/old/items/7",
            "reverse": "/old/items/8",
            "method": "PUT",
            "host": "h.example",
        },
    )
    assert send(dispatcher, "GET", "/old/none").status == 404
    assert send(dispatcher, "GET", "/old/items/7", host="evil.example").status == 400
    dispatcher.close()


# What is what


def test_the_interface_of_each_kind_of_application_is_found_out() -> None:
    class Callable3:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    class Callable2:
        def __call__(self, environ: Any, start_response: Any) -> Any: ...

        async def bound(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def function3(scope: Any, receive: Any, send: Any) -> None: ...
    def wrapper3(scope: Any, receive: Any, send: Any) -> Any: ...
    def function2(environ: Any, start_response: Any) -> Any: ...

    applications: list[tuple[Any, str]] = [
        (fastapi.FastAPI(), "asgi"),
        (Starlette(), "asgi"),
        (flask.Flask("x"), "wsgi"),
        (django_apps()[0], "wsgi"),
        (django_apps()[1], "asgi"),
        (Callable3(), "asgi"),
        (Callable2(), "wsgi"),
        (Callable2().bound, "asgi"),
        (function3, "asgi"),
        (wrapper3, "asgi"),
        (function2, "wsgi"),
    ]
    for application, interface in applications:
        assert detect_interface(application, PLACE) == interface, application


@pytest.mark.parametrize("wrong", [None, "app", Starlette, lambda: None, lambda a: a, print])
def test_what_is_neither_is_refused_with_its_place(wrong: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        detect_interface(wrong, PLACE)
    assert caught.value.location == PLACE
    assert caught.value.hint
