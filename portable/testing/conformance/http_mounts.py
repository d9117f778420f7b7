"""Existing ASGI and WSGI applications below a path: they get whole requests and give whole answers."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from portable.app import App, Service
from portable.errors import DeclarationError

from .harness import Harness
from .http_exchange import declare, json_of, problem_of, text_of

Send = Callable[[dict[str, Any]], Any]
Receive = Callable[[], Any]
BODY = 4 * 1024 * 1024


async def answer(send: Send, body: bytes, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def whole_body(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        assert message["type"] == "http.request"
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return body


async def reporting(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """An ASGI application without a lifespan that says what it was given."""
    assert scope["type"] == "http", "no lifespan here"
    body = await whole_body(receive)
    report = {
        "path": scope["path"],
        "root": scope["root_path"],
        "method": scope["method"],
        "query": scope["query_string"].decode(),
        "raw": scope["raw_path"].decode(),
        "headers": sorted(f"{name.decode()}: {value.decode()}" for name, value in scope["headers"]),
        "body": body.decode(),
    }
    await answer(
        send, repr(report).encode(), 203, [(b"X-Kind", b"asgi"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    )


def reporting_wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The same for WSGI; the answer comes in pieces."""
    body = environ["wsgi.input"].read()
    report = {
        "path": environ["PATH_INFO"].encode("latin-1").decode(),
        "root": environ["SCRIPT_NAME"],
        "method": environ["REQUEST_METHOD"],
        "query": environ["QUERY_STRING"],
        "length": environ.get("CONTENT_LENGTH"),
        "type": environ.get("CONTENT_TYPE"),
        "header": environ.get("HTTP_X_OWN"),
        "body": body.decode(),
    }
    start_response("203 Fine", [("X-Kind", "wsgi"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    text = repr(report).encode()
    return (text[start : start + 7] for start in range(0, len(text), 7))


def reported(response: Any) -> dict[str, Any]:
    import ast

    assert response.status == 203, (response.status, response.body)
    cookies = [value for name, value in response.headers.items() if name == "set-cookie"]
    assert cookies == ["a=1", "b=2"]
    found: dict[str, Any] = ast.literal_eval(response.body.decode())
    return found


class Lived:
    """An ASGI application with a lifespan, and a state that its requests see."""

    def __init__(self, failure: str | None = None) -> None:
        self.events: list[str] = []
        self.failure = failure

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.events.append(f"request {scope['state'].get('pool')}")
            await answer(send, b"lived")
            return
        assert scope["type"] == "lifespan"
        message = await receive()
        assert message == {"type": "lifespan.startup"}
        self.events.append("startup")
        if self.failure is not None:
            await send({"type": "lifespan.startup.failed", "message": self.failure})
            return
        scope["state"]["pool"] = "open"
        await send({"type": "lifespan.startup.complete"})
        message = await receive()
        assert message == {"type": "lifespan.shutdown"}
        self.events.append("shutdown")
        await send({"type": "lifespan.shutdown.complete"})


class HttpMountConformance:
    """What is mounted answers everything below its path that no route or file answers, as it did before."""

    def test_an_asgi_application_gets_the_whole_request(self, harness: Harness) -> None:
        app = App("conformance")
        app.mount("/old", reporting)
        with harness.running(app) as running:
            response = running.request(
                "POST", "/old/a%20b/c/?q=1&q=%C3%A9", headers=[("X-Own", "1"), ("Host", "h:8")], body="bödy".encode()
            )
            assert response.headers["x-kind"] == "asgi"
            found = reported(response)
            headers = found.pop("headers")
            assert found == {
                "path": "/old/a b/c/",
                "root": "/old",
                "method": "POST",
                "query": "q=1&q=%C3%A9",
                "raw": "/old/a%20b/c/",
                "body": "bödy",
            }
            assert {"x-own: 1", "host: h:8", "content-length: 5"} <= set(headers)
            for path in ("/old", "/old/"):
                assert reported(running.request("GET", path))["path"] == path

    def test_a_wsgi_application_gets_the_whole_request(self, harness: Harness) -> None:
        app = App("conformance")
        app.mount("/old", reporting_wsgi)
        with harness.running(app) as running:
            response = running.request(
                "PUT",
                "/old/%C3%A9/c/?q=1",
                headers=[("X-Own", "1"), ("Content-Type", "text/x")],
                body="bödy".encode(),
            )
            assert response.headers["x-kind"] == "wsgi"
            assert reported(response) == {
                "path": "/é/c/",
                "root": "/old",
                "method": "PUT",
                "query": "q=1",
                "length": "5",
                "type": "text/x",
                "header": "1",
                "body": "bödy",
            }
            assert reported(running.request("GET", "/old"))["path"] == ""
            assert reported(running.request("GET", "/old/"))["path"] == "/"

    def test_routes_and_files_win_over_what_is_mounted(self, harness: Harness, tmp_path: Any) -> None:
        (tmp_path / "file.txt").write_text("file")
        app = App("conformance")
        app.mount("/", reporting)
        app.static("/", str(tmp_path))
        declare(app, "GET", "/new", "new")
        declare(app, "GET", "/items/{id}", "item {id}")
        with harness.running(app) as running:
            assert text_of(running.request("GET", "/new")) == "new"
            assert text_of(running.request("GET", "/items/1")) == "item 1"
            assert running.request("GET", "/file.txt").body == b"file"
            for method, path in (("GET", "/"), ("GET", "/old"), ("POST", "/new"), ("DELETE", "/items/1")):
                found = reported(running.request(method, path))
                assert (found["method"], found["path"], found["root"]) == (method, path, "")
            options = running.request("OPTIONS", "/new")
            assert (options.status, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")

    def test_the_longest_path_wins_and_only_whole_segments_count(self, harness: Harness) -> None:
        app, service = App("conformance"), Service("part")
        service.mount("/inner", reporting_wsgi)
        app.mount("/a", reporting)
        app.mount("/a/b", reporting_wsgi)
        app.include(service, prefix="/part")
        with harness.running(app) as running:
            for path, root in (("/a", "/a"), ("/a/x", "/a"), ("/a/bx", "/a"), ("/a/b", "/a/b"), ("/a/b/c", "/a/b")):
                assert reported(running.request("GET", path))["root"] == root
            assert reported(running.request("GET", "/part/inner/x"))["root"] == "/part/inner"
            for path in ("/ab", "/", "/part", "/part/innerx", "/A"):
                problem_of(running.request("GET", path), 404)

    def test_a_lifespan_starts_before_the_first_request_and_ends_with_the_run(self, harness: Harness) -> None:
        app, lived = App("conformance"), Lived()
        app.mount("/old", lived)
        with harness.running(app) as running:
            for _ in range(3):
                assert running.request("GET", "/old").body == b"lived"
        assert lived.events == ["startup", *(["request open"] * 3), "shutdown"]

    def test_an_application_that_does_not_start_is_500_and_the_rest_of_the_app_answers(
        self, harness: Harness, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = App("conformance")
        app.mount("/old", Lived(failure="no database"))
        declare(app, "GET", "/new", "new")
        with harness.running(app) as running:
            for _ in range(2):
                assert "detail" not in problem_of(running.request("GET", "/old"), 500)
                assert "no database" in caplog.text
                assert text_of(running.request("GET", "/new")) == "new"

    def test_head_says_how_long_the_body_of_get_is(self, harness: Harness) -> None:
        async def careful(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                body = b"" if scope["method"] == "HEAD" else b"12345"
                await answer(send, body, headers=[(b"content-length", b"5")])

        app = App("conformance")
        app.mount("/asgi", careful)
        app.mount("/wsgi", reporting_wsgi)
        with harness.running(app) as running:
            assert running.request("GET", "/asgi").body == b"12345"
            head = running.request("HEAD", "/asgi")
            assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "5")
            head = running.request("HEAD", "/wsgi")
            assert (head.status, head.body) == (203, b"")

    def test_bodies_are_whole_up_to_the_limits(self, harness: Harness) -> None:
        async def asgi(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            size = len(await whole_body(receive)) + int(scope["query_string"] or b"0")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for start in range(0, size, 1 << 16):
                piece = b"x" * min(1 << 16, size - start)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            size = len(environ["wsgi.input"].read()) + int(environ["QUERY_STRING"] or "0")
            start_response("200 OK", [])
            return (b"x" * min(1 << 16, size - start) for start in range(0, size, 1 << 16))

        app = App("conformance")
        app.mount("/asgi", asgi)
        app.mount("/wsgi", wsgi)
        with harness.running(app) as running:
            for path in ("/asgi", "/wsgi"):
                assert len(running.request("POST", path, body=b"y" * BODY).body) == BODY
                assert running.request("POST", path, body=b"y" * (BODY + 1)).status == 413
                response = running.request("GET", f"{path}?{BODY + 1}")
                assert problem_of(response, 500)
                assert len(running.request("GET", f"{path}?{BODY}").body) == BODY

    def test_what_a_mounted_application_raises_is_500(self, harness: Harness, caplog: pytest.LogCaptureFixture) -> None:
        async def raising(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                raise RuntimeError("no lifespan")
            what = scope["path"].rpartition("/")[2]
            if what == "before":
                raise KeyError("the-secret")
            if what == "never":
                return
            if what == "body-first":
                await send({"type": "http.response.body", "body": b"x"})
            await send({"type": "http.response.start", "status": 200, "headers": []})
            if what == "twice":
                await send({"type": "http.response.start", "status": 200, "headers": []})
            if what == "half":
                await send({"type": "http.response.body", "body": b"the-secret", "more_body": True})
                return
            if what == "odd":
                await send({"type": "http.response.push", "body": b"x"})
            await send({"type": "http.response.body", "body": b"x"})
            if what == "after":
                raise KeyError("the-secret")

        def raising_wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            raise KeyError("the-secret")

        app = App("conformance")
        app.mount("/asgi", raising)
        app.mount("/wsgi", raising_wsgi)
        with harness.running(app) as running:
            for path in ("before", "never", "body-first", "twice", "half", "odd"):
                response = running.request("GET", f"/asgi/{path}")
                problem_of(response, 500)
                assert b"secret" not in response.body
            assert b"secret" not in running.request("GET", "/wsgi").body
            assert running.request("GET", "/wsgi").status == 500
            complete = running.request("GET", "/asgi/after")
            assert (complete.status, complete.body) == (200, b"x")
            assert "the-secret" in caplog.text

    def test_what_a_mounted_application_waits_for_is_awaited(self, harness: Harness) -> None:
        async def waiting(scope: dict[str, Any], receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            await asyncio.sleep(0)
            both = await asyncio.gather(whole_body(receive), asyncio.sleep(0.001, b"!"))
            ended = asyncio.create_task(_message(receive))
            await answer(send, b"".join(both))
            assert (await ended)["type"] == "http.disconnect"

        app = App("conformance")
        app.mount("/old", waiting)
        with harness.running(app) as running:
            for _ in range(2):
                assert running.request("POST", "/old", body=b"x").body == b"x!"

    def test_websockets_are_refused(self, harness: Harness) -> None:
        app = App("conformance")
        app.mount("/old", reporting)
        with harness.running(app) as running:
            headers = [("Connection", "Upgrade"), ("Upgrade", "WebSocket"), ("Sec-WebSocket-Version", "13")]
            problem_of(running.request("GET", "/old/socket", headers=headers), 501)

    def test_resources_of_the_app_work_inside(self, harness: Harness) -> None:
        app = App("conformance")
        notes = app.table("notes")

        def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            notes.put({"id": environ["PATH_INFO"].strip("/")})
            start_response("204 No Content", [])
            return []

        @app.get("/notes/{id}")
        def read(id: str) -> dict[str, Any]:
            return notes.require(id)

        app.mount("/old", wsgi)
        with harness.running(app) as running:
            assert running.request("POST", "/old/a").status == 204
            assert json_of(running.request("GET", "/notes/a")) == {"id": "a"}
        assert read is not None

    def test_what_is_no_application_is_refused_at_declaration(self, harness: Harness) -> None:
        def one(environ: Any) -> Any: ...
        def four(a: Any, b: Any, c: Any, d: Any) -> Any: ...
        async def two(a: Any, b: Any) -> Any: ...

        wrong: list[Any] = [None, "app:app", 7, Lived, one, four, two]
        for application in wrong:
            with pytest.raises(DeclarationError) as caught:
                App("conformance").mount("/old", application)
            assert caught.value.location is not None
            assert caught.value.hint
        app = App("conformance")
        app.mount("/old", reporting)
        app.mount("/old/", reporting_wsgi)
        with pytest.raises(DeclarationError, match="/old") as caught, harness.running(app):
            pass


async def _message(receive: Receive) -> dict[str, Any]:
    found: dict[str, Any] = await receive()
    return found
