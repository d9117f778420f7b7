"""Middleware: its order, what it may change, answers in place of handlers, what it does with errors."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from portable.app import App, Service
from portable.binding import current_context
from portable.context import Context
from portable.errors import DeclarationError, HTTPError, NotFound
from portable.http import CORS, Middleware, Request, Response

from .harness import Harness
from .http_exchange import declare, json_of, problem_of, text_of

Around = Generator[None, Response, Response | None]


def noting(name: str, seen: list[str]) -> Middleware:
    """A middleware that notes when it was passed on the way in and on the way out."""

    def around(request: Request) -> Around:
        seen.append(f"{name} in {request.params.get('id', '')}")
        response = yield
        seen.append(f"{name} out {response.status}")
        return None

    return around


def handlers(app: App, answer: Any) -> None:
    """A sync and an async handler that run `answer()`, at /sync and /async."""

    def sync() -> Any:
        return answer()

    async def later() -> Any:
        await asyncio.sleep(0)
        return answer()

    app.route("/sync", methods=["GET", "POST"])(sync)
    app.route("/async", methods=["GET", "POST"])(later)


def failing() -> Any:
    raise KeyError("inside")


PATHS = ("/sync", "/async")


class HttpMiddlewareConformance:
    """Outermost first in order of declaration, the app's around a service's; one kind for sync and async handlers."""

    def test_middlewares_are_around_in_the_order_of_their_declaration(self, harness: Harness) -> None:
        app, service = App("conformance"), Service("part")
        seen: list[str] = []
        service.middleware(noting("service one", seen))
        app.middleware(noting("app one", seen))
        app.include(service, prefix="/part")
        app.middleware(noting("app two", seen))
        service.middleware(noting("service two", seen))

        @service.get("/{id}")
        async def in_service(id: str) -> tuple[str, int]:
            seen.append(f"handler {id}")
            return id, 201

        @app.get("/{id}")
        def in_app(id: str) -> str:
            seen.append(f"handler {id}")
            return id

        with harness.running(app) as running:
            text_of(running.request("GET", "/part/1"), 201)
            names = ("app one", "app two", "service one", "service two")
            assert seen == [
                *(f"{name} in 1" for name in names),
                "handler 1",
                *(f"{name} out 201" for name in reversed(names)),
            ]
            seen.clear()
            text_of(running.request("GET", "/2"))
            assert seen == ["app one in 2", "app two in 2", "handler 2", "app two out 200", "app one out 200"]
        assert (in_service, in_app) is not None

    def test_a_middleware_changes_the_request_and_the_answer(self, harness: Harness) -> None:
        app = App("conformance")

        @app.middleware
        def around(request: Request) -> Around:
            request.state["user"] = request.headers.get("x-user", "nobody")
            response = yield
            response.headers["x-user"] = request.state["user"]
            response.set_cookie("seen", "1")
            response.body = response.body.upper()
            return response

        def answer(request: Request) -> str:
            return f"hello {request.state['user']}"

        async def later(request: Request) -> str:
            return f"hello {request.state['user']}"

        app.get("/sync")(answer)
        app.get("/async")(later)
        with harness.running(app) as running:
            for path in PATHS:
                response = running.request("GET", path, headers=[("X-User", "ann")])
                assert text_of(response) == "HELLO ANN"
                assert response.headers["x-user"] == "ann"
                assert response.headers["set-cookie"].startswith("seen=1")
                assert text_of(running.request("GET", path)) == "HELLO NOBODY"
        assert around is not None

    def test_a_middleware_answers_in_place_of_the_handler(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []
        app.middleware(noting("outer", seen))

        @app.middleware
        def guard(request: Request) -> Around:
            if "x-key" not in request.headers:
                return Response("no", 403)
            return (yield)

        app.middleware(noting("inner", seen))
        handlers(app, lambda: seen.append("handler"))
        with harness.running(app) as running:
            for path in PATHS:
                seen.clear()
                # A parameter's fault is of no interest to whom the door stays closed.
                assert text_of(running.request("GET", path), 403) == "no"
                assert seen == ["outer in ", "outer out 403"]
                seen.clear()
                assert running.request("GET", path, headers=[("x-key", "1")]).status == 204
                assert seen == ["outer in ", "inner in ", "handler", "inner out 204", "outer out 204"]
        assert guard is not None

    def test_a_middleware_replaces_the_answer(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []
        app.middleware(noting("outer", seen))

        @app.middleware
        def replace(request: Request) -> Around:
            response = yield
            return Response(b"<" + response.body + b">", 299)

        handlers(app, lambda: "x")
        with harness.running(app) as running:
            for path in PATHS:
                response = running.request("GET", path)
                assert (response.status, response.body) == (299, b"<x>")
            assert seen == ["outer in ", "outer out 299"] * 2
        assert replace is not None

    def test_what_a_handler_raises_passes_through_and_may_be_turned_into_an_answer(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.middleware
        def outer(request: Request) -> Around:
            try:
                response = yield
            except NotFound:
                seen.append("outer saw NotFound")
                raise
            seen.append(f"outer saw {response.status}")
            return response

        @app.middleware
        def mapping(request: Request) -> Around:
            try:
                return (yield)
            except KeyError as error:
                if "x-answer" in request.headers:
                    return Response(f"no key {error}", 410)
                raise NotFound("no such key") from error

        handlers(app, failing)
        with harness.running(app) as running:
            for path in PATHS:
                seen.clear()
                assert problem_of(running.request("GET", path), 404)["detail"] == "no such key"
                assert text_of(running.request("GET", path, headers=[("x-answer", "1")]), 410) == "no key 'inside'"
                assert seen == ["outer saw NotFound", "outer saw 410"]
        assert (outer, mapping) is not None

    def test_what_stands_in_finally_runs_whatever_happens(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.middleware
        def counting(request: Request) -> Around:
            seen.append("in")
            try:
                return (yield)
            finally:
                seen.append("out")

        handlers(app, failing)

        @app.get("/typed/{id}")
        def typed(id: int) -> int:
            return id

        with harness.running(app) as running:
            for path, status in (("/sync", 500), ("/async", 500), ("/typed/1", 200), ("/typed/x", 422)):
                seen.clear()
                assert running.request("GET", path).status == status
                assert seen == ["in", "out"]
        assert (counting, typed) is not None

    def test_an_error_of_a_middleware_is_answered_like_one_of_a_handler(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []
        app.middleware(noting("outer", seen))

        @app.middleware
        def broken(request: Request) -> Around:
            where = request.headers.get("x-where")
            if where == "before":
                raise HTTPError(402, "pay first")
            response = yield
            if where == "after":
                raise ValueError("the-secret")
            if where == "twice":
                yield
            if where == "nonsense":
                return "text"  # type: ignore[return-value]
            return response

        handlers(app, lambda: "x")
        with harness.running(app) as running:
            for path in PATHS:
                assert problem_of(running.request("GET", path, headers=[("x-where", "before")]), 402)["detail"]
                for where in ("after", "twice", "nonsense"):
                    response = running.request("GET", path, headers=[("x-where", where)])
                    assert "detail" not in problem_of(response, 500)
                    assert b"secret" not in response.body
                assert text_of(running.request("GET", path)) == "x"
        assert seen.count("outer in ") == 10
        assert seen.count("outer out 200") == 2
        assert broken is not None

    def test_a_middleware_that_answers_before_its_yield_with_no_response_is_500(self, harness: Harness) -> None:
        app = App("conformance")

        @app.middleware
        def silent(request: Request) -> Around:
            if request.method == "GET":
                return None
            return (yield)

        handlers(app, lambda: "x")
        with harness.running(app) as running:
            for path in PATHS:
                problem_of(running.request("GET", path), 500)
                assert text_of(running.request("POST", path)) == "x"
        assert silent is not None

    def test_middleware_stands_around_mounts_and_static_folders_too(self, harness: Harness, tmp_path: Any) -> None:
        app = App("conformance")
        (tmp_path / "page.txt").write_text("page")

        def below(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [("content-type", "text/plain")])
            return [b"below"]

        @app.middleware
        def guard(request: Request) -> Around:
            if "x-key" not in request.headers:
                return Response("no", 403)
            response = yield
            response.headers["x-checked"] = "yes"
            return response

        app.mount("/below", below)
        app.static("/files", str(tmp_path))
        with harness.running(app) as running:
            for path in ("/below", "/below/x", "/files/page.txt", "/files//page.txt", "/below/../below", "/%62elow/x"):
                assert running.request("GET", path).status in (400, 403, 404), path
            for path, body in (("/below/x", b"below"), ("/files/page.txt", b"page")):
                response = running.request("GET", path, headers=[("x-key", "1")])
                assert (response.status, response.body, response.headers["x-checked"]) == (200, body, "yes")
        assert guard is not None

    def test_a_middleware_sees_the_context_of_its_call(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[object] = []

        @app.middleware
        def around(request: Request) -> Around:
            before = current_context.get()
            response = yield
            after = current_context.get()
            assert before is not None
            seen.append((before is after, before.id == request.id, before.handler))
            return response

        def sync(context: Context) -> str:
            return context.id

        async def later(context: Context) -> str:
            return context.id

        app.get("/sync")(sync)
        app.get("/async")(later)
        with harness.running(app) as running:
            for path in PATHS:
                running.request("GET", path)
        assert seen == [(True, True, "sync"), (True, True, "later")]
        assert current_context.get() is None
        assert around is not None

    def test_what_is_no_generator_function_is_refused(self, harness: Harness) -> None:
        def plain(request: Request) -> Response:
            return Response("x")

        async def later(request: Request) -> Any:
            yield

        wrong: list[Any] = [plain, later, "text"]
        for middleware in wrong:
            with pytest.raises(DeclarationError) as caught:
                run_with(harness, middleware)
            assert caught.value.location is not None
            assert caught.value.hint or middleware == "text"


def run_with(harness: Harness, middleware: Any) -> None:
    app = App("conformance")
    app.middleware(middleware)
    with harness.running(app):
        pass


ORIGIN = "https://shop.example"


class HttpCrossOriginConformance:
    """The Fetch standard's CORS protocol: for origins that are named, for answers of every kind."""

    def cors_app(self, cors: CORS) -> App:
        app = App("conformance", cors=cors)
        declare(app, "GET POST", "/x", "x")
        declare(app, "DELETE", "/broken", object())
        return app

    def preflight(self, method: str = "POST", headers: str | None = None) -> list[tuple[str, str]]:
        found = [("Origin", ORIGIN), ("Access-Control-Request-Method", method)]
        return found if headers is None else [*found, ("Access-Control-Request-Headers", headers)]

    def test_a_named_origin_is_let_in_with_every_answer(self, harness: Harness) -> None:
        with harness.running(self.cors_app(CORS(origins=(ORIGIN,), expose=("x-a", "x-b")))) as running:
            for method, path, status in (
                ("GET", "/x", 200),
                ("GET", "/none", 404),
                ("PUT", "/x", 405),
                ("DELETE", "/broken", 500),
                ("GET", "//", 400),
                ("GET", "/" + "y" * 5000, 414),
                ("OPTIONS", "/x", 204),
            ):
                headers = running.request(method, path, headers=[("origin", ORIGIN)]).headers
                assert running.request(method, path, headers=[("origin", ORIGIN)]).status == status
                assert headers["access-control-allow-origin"] == ORIGIN
                assert headers["access-control-expose-headers"] == "x-a, x-b"
                assert "origin" in headers["vary"]
                assert "access-control-allow-credentials" not in headers

    @pytest.mark.parametrize(
        "origin", ["https://evil.example", "https://shop.example.evil", "http://shop.example", "null", "", "*"]
    )
    def test_another_origin_gets_the_answer_without_leave_to_read_it(self, harness: Harness, origin: str) -> None:
        with harness.running(self.cors_app(CORS(origins=(ORIGIN,), credentials=True))) as running:
            response = running.request("GET", "/x", headers=[("origin", origin)])
            assert response.status == 200
            assert "origin" in response.headers["vary"]
            assert [name for name in response.headers if name.startswith("access-control-")] == []
            headers = [("origin", origin), ("access-control-request-method", "POST")]
            preflight = running.request("OPTIONS", "/x", headers=headers)
            assert [name for name in preflight.headers if name.startswith("access-control-")] == []

    def test_a_preflight_is_answered_without_a_handler(self, harness: Harness) -> None:
        cors = CORS(origins=(ORIGIN,), methods=("GET", "PUT"), headers=("x-a", "x-b"), credentials=True, max_age=7)
        with harness.running(self.cors_app(cors)) as running:
            for path in ("/x", "/none", "/x/y/z"):
                response = running.request("OPTIONS", path, headers=self.preflight("PUT", "x-a"))
                assert (response.status, response.body) == (204, b"")
                assert response.headers["access-control-allow-origin"] == ORIGIN
                assert response.headers["access-control-allow-methods"] == "GET, PUT"
                assert response.headers["access-control-allow-headers"] == "x-a, x-b"
                assert response.headers["access-control-allow-credentials"] == "true"
                assert response.headers["access-control-max-age"] == "7"
                assert "access-control-expose-headers" not in response.headers

    def test_every_origin_may_be_let_in_but_never_with_credentials(self, harness: Harness) -> None:
        with harness.running(self.cors_app(CORS(origins=("*",), headers=("*",)))) as running:
            response = running.request("GET", "/x", headers=[("origin", "https://any.example")])
            assert response.headers["access-control-allow-origin"] == "*"
            preflight = running.request("OPTIONS", "/x", headers=self.preflight("POST", "x-one,x-two"))
            assert preflight.headers["access-control-allow-headers"] == "x-one,x-two"
            assert "access-control-allow-credentials" not in preflight.headers
            forged = running.request("OPTIONS", "/x", headers=self.preflight("POST", "x\r\nset-cookie: a=1"))
            assert "access-control-allow-headers" not in forged.headers
        with pytest.raises(DeclarationError) as caught, harness.running(self.cors_app(CORS(("*",), credentials=True))):
            pass
        assert caught.value.hint
        texts: Any = ORIGIN
        with pytest.raises(DeclarationError), harness.running(self.cors_app(CORS(origins=texts))):
            pass

    def test_vary_is_added_to_what_the_handler_says(self, harness: Harness) -> None:
        app = App("conformance", cors=CORS(origins=(ORIGIN,)))
        app.get("/x")(lambda: ("x", 200, {"Vary": "Accept"}))
        app.route("/y", methods=["GET"], name="y")(lambda: ("y", 200, {"Vary": "ORIGIN"}))
        with harness.running(app) as running:
            assert running.request("GET", "/x").headers["vary"] == "Accept, origin"
            assert running.request("GET", "/y").headers["vary"] == "ORIGIN"

    def test_without_cors_no_other_origin_is_let_in(self, harness: Harness) -> None:
        app = App("conformance")
        declare(app, "GET POST", "/x", {"a": 1})
        with harness.running(app) as running:
            assert json_of(running.request("GET", "/x", headers=[("origin", ORIGIN)])) == {"a": 1}
            preflight = running.request("OPTIONS", "/x", headers=self.preflight())
            assert (preflight.status, preflight.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
            assert [name for name in preflight.headers if name.startswith("access-control-")] == []
