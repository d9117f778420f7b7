"""Errors as problem documents (RFC 9457), the ids of a request, and what must not come in or get out."""

import asyncio
from typing import Any

import pytest

from portable.app import App
from portable.context import Context
from portable.errors import (
    Conflict,
    HTTPError,
    InvalidArgument,
    LimitExceeded,
    NotBound,
    NotFound,
    PermissionDenied,
    PortableError,
    Problem,
    Throttled,
    Timeout,
    Unavailable,
    Unknown,
    Unsupported,
)
from portable.http import Headers, Request
from portable.parameters import Header

from .harness import Harness
from .http_exchange import declare, faults_of, json_of, problem_of

STATUSES: dict[type[PortableError], int] = {
    InvalidArgument: 422,
    NotFound: 404,
    Conflict: 409,
    PermissionDenied: 403,
    LimitExceeded: 413,
    Throttled: 429,
    Timeout: 504,
    Unavailable: 503,
    Unknown: 502,
    Unsupported: 501,
    NotBound: 500,
}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SECRET = "the-database-password"


class Own(Exception):
    """An error of the app's own."""


def raising(error: BaseException) -> Any:
    def handler() -> None:
        raise error

    return handler


def raising_later(error: BaseException) -> Any:
    async def handler() -> None:
        await asyncio.sleep(0)
        raise error

    return handler


class HttpProblemConformance:
    """Every error has its status and one shape; what was raised inside stays inside."""

    @pytest.mark.parametrize("kind", STATUSES, ids=lambda kind: kind.__name__)
    def test_each_error_of_ours_has_its_status_and_code(self, harness: Harness, kind: type[PortableError]) -> None:
        status = STATUSES[kind]
        app = App("conformance")
        error = kind("what is wrong", hint="what to try")
        app.route("/sync", methods=["GET"], name="sync")(raising(error))
        app.route("/async", methods=["GET"], name="async")(raising_later(error))
        with harness.running(app) as running:
            for path in ("/sync", "/async"):
                found = problem_of(running.request("GET", path), status)
                assert found["code"] == kind.code
                assert found["title"] == kind.title
                assert found["instance"] == path
                shown = status < 500
                assert found.get("detail") == ("what is wrong" if shown else None)
                assert found.get("hint") == ("what to try" if shown else None)
                head = running.request("HEAD", path)
                assert (head.status, head.body) == (status, b"")

    def test_resources_answer_with_the_status_of_their_errors(self, harness: Harness) -> None:
        app = App("conformance")
        notes, files = app.table("notes"), app.bucket("files")

        @app.get("/notes/{id}")
        def read(id: str) -> dict[str, Any]:
            return notes.require(id)

        @app.post("/notes/{id}")
        def create(id: str) -> None:
            notes.put({"id": id}, if_absent=True)

        @app.get("/files/{key}")
        def file(key: str) -> bytes:
            return files.require(key)

        with harness.running(app) as running:
            problem_of(running.request("GET", "/notes/a"), 404)
            assert running.request("POST", "/notes/a").status == 204
            problem_of(running.request("POST", "/notes/a"), 409)
            assert json_of(running.request("GET", "/notes/a")) == {"id": "a"}
            problem_of(running.request("GET", "/files/a"), 404)
            problem_of(running.request("POST", f"/notes/{'x' * 331}"), 413)
        assert (read, create, file) is not None

    def test_the_faults_of_an_invalid_argument_are_listed(self, harness: Harness) -> None:
        app = App("conformance")
        problems = (Problem(("body", "lines", 0), "too many", "most"), Problem(("query", "x"), "odd"))
        app.get("/x")(raising(InvalidArgument("two faults", problems=problems)))
        with harness.running(app) as running:
            response = running.request("GET", "/x")
            assert faults_of(response) == [["body", "lines", 0], ["query", "x"]]
            assert problem_of(response, 422)["errors"][0] == {
                "where": ["body", "lines", 0],
                "message": "too many",
                "kind": "most",
            }

    def test_a_handler_answers_any_status_by_raising_it(self, harness: Harness) -> None:
        app = App("conformance")
        for status in (200, 302, 401, 402, 418, 451, 500, 503, 599):
            error = HTTPError(status, "why", headers={"X-Own": "1", "retry-after": "7"})
            app.route(f"/{status}", methods=["GET"], name=f"h{status}")(raising(error))
        app.route("/304", methods=["GET"], name="h304")(raising(HTTPError(304, "same")))
        with harness.running(app) as running:
            for status in (200, 302, 401, 402, 418, 451, 500, 503, 599):
                response = running.request("GET", f"/{status}")
                found = problem_of(response, status)
                assert found["detail"] == "why"
                assert (response.headers["x-own"], response.headers["retry-after"]) == ("1", "7")
            assert (running.request("GET", "/304").status, running.request("GET", "/304").body) == (304, b"")

    @pytest.mark.parametrize(
        "error",
        [Own(SECRET), ValueError(SECRET), KeyError(SECRET), AssertionError(SECRET), RecursionError(SECRET), OSError()],
        ids=lambda error: type(error).__name__,
    )
    def test_what_a_handler_raises_is_500_with_an_id_and_no_detail(
        self, harness: Harness, error: Exception, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = App("conformance")
        app.route("/sync", methods=["GET"], name="sync")(raising(error))
        app.route("/async", methods=["GET"], name="async")(raising_later(error))
        with harness.running(app) as running:
            for path in ("/sync", "/async"):
                caplog.clear()
                response = running.request("GET", path)
                found = problem_of(response, 500)
                assert set(found) == {"type", "title", "status", "code", "instance", "request_id"}
                assert SECRET.encode() not in response.body
                assert type(error).__name__.encode() not in response.body
                assert found["request_id"] in caplog.text
                assert type(error).__name__ in caplog.text

    def test_a_handler_that_ends_the_program_or_cancels_itself_ends_neither(self, harness: Harness) -> None:
        app = App("conformance")
        app.route("/exit", methods=["GET"], name="exit")(raising(SystemExit(3)))
        app.route("/exit-later", methods=["GET"], name="exit-later")(raising_later(SystemExit(3)))
        app.route("/cancel", methods=["GET"], name="cancel")(raising_later(asyncio.CancelledError()))
        declare(app, "GET", "/fine", "fine")
        with harness.running(app) as running:
            for path in ("/exit", "/exit-later", "/cancel"):
                problem_of(running.request("GET", path), 500)
                assert running.request("GET", "/fine").status == 200

    def test_broken_headers_of_an_error_are_500_and_not_an_injection(self, harness: Harness) -> None:
        app = App("conformance")
        app.get("/x")(raising(HTTPError(400, "x", headers={"x-a": "1\r\nset-cookie: b=1"})))
        with harness.running(app) as running:
            response = running.request("GET", "/x")
            problem_of(response, 500)
            assert "set-cookie" not in response.headers
            assert "x-a" not in response.headers

    def test_what_is_said_about_a_request_is_bounded(self, harness: Harness) -> None:
        app = App("conformance")
        app.get("/x")(raising(NotFound("y" * 3_000_000)))
        app.route("/z", methods=["GET"], name="z")(raising(HTTPError(400, "y" * 5_000_000)))
        with harness.running(app) as running:
            for path, status in (("/x", 404), ("/z", 400)):
                response = running.request("GET", path)
                problem_of(response, status)
                assert len(response.body) < 100_000
            response = running.request("GET", "/" + "p" * 3_000_000)
            problem_of(response, 414)
            assert len(response.body) < 100_000

    # Ids

    def test_every_answer_has_a_request_id_and_a_traceparent(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/x")
        def handle(context: Context, request: Request) -> dict[str, str]:
            return {"id": context.id, "trace": context.traceparent, "request": request.id}

        with harness.running(app) as running:
            ids: set[str] = set()
            for method, path in (("GET", "/x"), ("GET", "/y"), ("PUT", "/x"), ("OPTIONS", "/x"), ("GET", "//")):
                headers = running.request(method, path).headers
                ids.add(headers["x-request-id"])
                version, trace, parent, flags = headers["traceparent"].split("-")
                assert (version, len(trace), len(parent), len(flags)) == ("00", 32, 16, 2)
                assert int(trace, 16)
                assert int(parent, 16)
            assert len(ids) == 5
            response = running.request("GET", "/x")
            assert json_of(response) == {
                "id": response.headers["x-request-id"],
                "trace": response.headers["traceparent"],
                "request": response.headers["x-request-id"],
            }
        assert handle is not None

    def test_ids_that_come_in_are_kept_if_they_are_ids(self, harness: Harness) -> None:
        app = App("conformance")
        declare(app, "GET", "/x", "x")
        with harness.running(app) as running:
            for name, good in (
                ("X-Request-Id", "client-id.1234:5_6"),
                ("x-request-id", "a" * 128),
                ("Traceparent", TRACE),
                ("traceparent", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),
            ):
                assert running.request("GET", "/x", headers=[(name, good)]).headers[name] == good
            for name, bad in (
                ("x-request-id", "short"),
                ("x-request-id", "a" * 129),
                ("x-request-id", "has spaces in it"),
                ("x-request-id", 'quote"injection'),
                ("x-request-id", "line\r\nbreak-1234"),
                ("x-request-id", "é" * 10),
                ("traceparent", "00-" + "0" * 32 + "-00f067aa0ba902b7-01"),
                ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-" + "0" * 16 + "-01"),
                ("traceparent", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                ("traceparent", TRACE.upper()),
                ("traceparent", TRACE + "-extra"),
                ("traceparent", ""),
            ):
                response = running.request("GET", "/x", headers=[(name, bad)])
                assert response.status == 200
                assert response.headers[name] != bad
                assert response.headers[name]

    def test_internal_headers_do_not_come_in_from_outside(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[Headers] = []

        @app.get("/x")
        def handle(request: Request, own: str = Header("x-port", default="")) -> str:
            seen.append(request.headers)
            return own

        def app_below(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            return [str([name for name in environ if "PORTABLE" in name]).encode()]

        app.mount("/below", app_below)
        sent = [("X-Portable-Trigger", "task"), ("x-portable-user", "root"), ("X-PORTABLE-", "1"), ("x-port", "kept")]
        with harness.running(app) as running:
            assert running.request("GET", "/x", headers=sent).body == b"kept"
            assert [name for name in seen[0] if name.startswith("x-portable-")] == []
            assert running.request("GET", "/below/x", headers=sent).body == b"[]"
        assert handle is not None
