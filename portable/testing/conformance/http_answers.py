"""What handlers return and what is sent for it; cookies; what no answer can be."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from portable.app import App
from portable.errors import DeclarationError, InvalidArgument
from portable.http import Headers, Response

from .harness import Harness
from .http_exchange import json_of, problem_of, text_of


class Kind(Enum):
    A = "a"


class Note(BaseModel):
    id: int
    text: str = Field(default="é", serialization_alias="text")
    when: datetime | None = None


@dataclass
class Point:
    x: float
    kind: Kind


class Pair(NamedTuple):
    left: int
    right: int


UUID_1 = UUID("12345678-1234-5678-1234-567812345678")
MOMENT = datetime(2026, 1, 31, 10, tzinfo=UTC)
JSON_ANSWERS: dict[str, tuple[Any, Any]] = {
    "model": (Note(id=1, when=MOMENT), {"id": 1, "text": "é", "when": "2026-01-31T10:00:00Z"}),
    "list of models": ([Note(id=1)], [{"id": 1, "text": "é", "when": None}]),
    "dataclass": (Point(1.5, Kind.A), {"x": 1.5, "kind": "a"}),
    "dict": ({"é": [1, None, True, 1.5, "x"]}, {"é": [1, None, True, 1.5, "x"]}),
    "empty dict": ({}, {}),
    "empty list": ([], []),
    "int": (7, 7),
    "large int": (10**30, 10**30),
    "float": (0.1, 0.1),
    "bool": (False, False),
    "UUID": (UUID_1, str(UUID_1)),
    "enum": (Kind.A, "a"),
    "date": (date(2026, 1, 31), "2026-01-31"),
    "mixed": (
        {"u": UUID_1, "d": date(2026, 1, 31), "n": Decimal("1.10"), "k": Kind.A, "p": Point(1.5, Kind.A), "s": {1}},
        {"u": str(UUID_1), "d": "2026-01-31", "n": "1.10", "k": "a", "p": {"x": 1.5, "kind": "a"}, "s": [1]},
    ),
    "bytes in a dict": ({"b": b"\x00\xff"}, {"b": "AP8="}),
    "text of NaN": ({"a": "NaN", "b": "Infinity"}, {"a": "NaN", "b": "Infinity"}),
    "markup": ({"a": "</script>\u2028"}, {"a": "</script>\u2028"}),
}
NO_ANSWERS: dict[str, Any] = {
    "object": object(),
    "class": Note,
    "function": print,
    "NaN": {"a": float("nan")},
    "infinity": [float("inf")],
    "lone surrogate": {"a": "\ud800"},
    "lone surrogate text": "\ud800",
    "tuple of one": ("x",),
    "tuple of texts": ("x", "y"),
    "tuple of four": ("x", 200, {}, 1),
    "status 99": ("x", 99),
    "status 600": ("x", 600),
    "status True": ("x", True),
    "Response of status 600": Response("x", 600),
    "Response of status 100": Response("x", 100),
    "Response in a tuple": (Response("x"), 200),
    "line break in a header": ("x", 200, {"x-a": "1\r\nset-cookie: b=1"}),
    "line break in a name": ("x", 200, {"x-a\r\nx-b": "1"}),
    "space in a name": ("x", 200, {"x a": "1"}),
    "no name": ("x", 200, {"": "1"}),
    "not Latin-1": ("x", 200, {"x-a": "日本"}),
    "zero byte": ("x", 200, {"x-a": "\x00"}),
}


def returning(value: Any) -> Any:
    def handler() -> Any:
        return value

    return handler


def returning_later(value: Any) -> Any:
    async def handler() -> Any:
        return value

    return handler


class HttpAnswerConformance:
    """Models, dicts and lists are JSON, texts are text, bytes are bytes, None is 204; else a fault of the handler."""

    @pytest.mark.parametrize("name", JSON_ANSWERS)
    def test_what_is_not_text_or_bytes_is_json(self, harness: Harness, name: str) -> None:
        value, expected = JSON_ANSWERS[name]
        app = App("conformance")
        app.route("/sync", methods=["GET"], name="sync")(returning(value))
        app.route("/async", methods=["GET"], name="async")(returning_later(value))
        app.route("/created", methods=["POST"], name="created", status=201)(returning(value))
        app.route("/tuple", methods=["GET"], name="tuple")(returning((value, 202, {"X-Own": "1"})))
        with harness.running(app) as running:
            response = running.request("GET", "/sync")
            assert json_of(response) == expected
            assert response.body == json.dumps(expected, ensure_ascii=False, separators=(",", ":")).encode()
            assert json_of(running.request("GET", "/async")) == expected
            assert json_of(running.request("POST", "/created"), 201) == expected
            response = running.request("GET", "/tuple")
            assert json_of(response, 202) == expected
            assert response.headers["x-own"] == "1"

    def test_text_bytes_none_and_responses_are_what_they_are(self, harness: Harness) -> None:
        plain, octets = "text/plain; charset=utf-8", "application/octet-stream"
        answers: list[tuple[Any, int, bytes, str | None]] = [
            ("é", 200, "é".encode(), plain),
            ("", 200, b"", plain),
            (b"\x00\xff", 200, b"\x00\xff", octets),
            (bytearray(b"x"), 200, b"x", octets),
            (None, 204, b"", None),
            ((None, 202), 202, b"", None),
            ((None, 200), 200, b"", None),
            (("é", 404), 404, "é".encode(), plain),
            ((b"x", 599), 599, b"x", octets),
            ((["x"], 201), 201, b'["x"]', "application/json"),
            (("x", 200, {"Content-Type": "text/csv"}), 200, b"x", "text/csv"),
            (("x", 200, Headers([("content-type", "text/css")])), 200, b"x", "text/css"),
            (Response("é", 418), 418, "é".encode(), plain),
            (Response(b"x", media_type="image/png"), 200, b"x", "image/png"),
            (Response(b"x", headers={"Content-Type": "image/gif"}, media_type="image/png"), 200, b"x", "image/gif"),
            (Response(), 200, b"", None),
            (Response(b"", 304), 304, b"", None),
        ]
        app = App("conformance")
        for number, (value, *_) in enumerate(answers):
            app.route(f"/{number}", methods=["GET"], name=f"sync-{number}")(returning(value))
            app.route(f"/{number}/later", methods=["GET"], name=f"async-{number}")(returning_later(value))
        app.route("/none", methods=["POST"], name="none", status=202)(returning(None))
        with harness.running(app) as running:
            for number, (_, status, body, content_type) in enumerate(answers):
                for path in (f"/{number}", f"/{number}/later", f"/{number}"):
                    response = running.request("GET", path)
                    found = (response.status, response.body, response.headers.get("content-type"))
                    assert found == (status, body, content_type), (number, path)
            assert running.request("POST", "/none").status == 202

    def test_statuses_that_have_no_body_get_none(self, harness: Harness) -> None:
        app = App("conformance")
        for status in (204, 205, 304):
            app.route(f"/{status}", methods=["GET"], name=f"a-{status}")(returning(("body", status)))
            app.route(f"/r{status}", methods=["GET"], name=f"r-{status}")(returning(Response("body", status)))
        with harness.running(app) as running:
            for status in (204, 205, 304):
                for path in (f"/{status}", f"/r{status}"):
                    response = running.request("GET", path)
                    assert (response.status, response.body) == (status, b"")

    @pytest.mark.parametrize("name", NO_ANSWERS)
    def test_what_is_no_answer_is_our_500_without_a_word_of_it(
        self, harness: Harness, name: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        app = App("conformance")
        app.route("/sync", methods=["GET"], name="sync")(returning(NO_ANSWERS[name]))
        app.route("/async", methods=["GET"], name="async")(returning_later(NO_ANSWERS[name]))
        with harness.running(app) as running:
            for path in ("/sync", "/async"):
                found = problem_of(running.request("GET", path), 500)
                assert "detail" not in found
                assert "hint" not in found
                assert found["request_id"] in caplog.text

    def test_a_response_that_is_kept_is_the_same_every_time(self, harness: Harness) -> None:
        app = App("conformance")
        kept = Response("kept", headers={"x-own": "1"})
        app.route("/x", methods=["GET"])(returning(kept))
        before = kept.headers.items()
        with harness.running(app) as running:
            ids = {running.request("GET", "/x").headers["x-request-id"] for _ in range(3)}
            assert len(ids) == 3
            running.request("HEAD", "/x")
            assert text_of(running.request("GET", "/x")) == "kept"
        assert kept.headers.items() == before
        assert kept.body == b"kept"

    def test_a_body_that_is_set_later_is_bytes_or_text(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/{what}")
        def handle(what: str) -> Response:
            response: Any = Response("x")
            response.body = {"text": "é", "array": bytearray(b"a"), "number": 7}[what]
            return response  # type: ignore[no-any-return]

        with harness.running(app) as running:
            assert running.request("GET", "/text").body == "é".encode()
            assert running.request("GET", "/array").body == b"a"
            problem_of(running.request("GET", "/number"), 500)
        assert handle is not None

    def test_only_set_cookie_repeats(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/x")
        def handle() -> Response:
            response = Response("x", headers=[("X-A", "1"), ("x-a", "2")])
            response.set_cookie("a", "1")
            response.set_cookie("b", "2", max_age=60, path="/p", domain="d.example", same_site="Strict")
            response.set_cookie("c", "3", secure=False, http_only=False)
            response.headers.add("Set-Cookie", "d=4")
            return response

        with harness.running(app) as running:
            headers = running.request("GET", "/x").headers
            cookies = [value for name, value in headers.items() if name == "set-cookie"]
            assert [cookie.partition(";")[0] for cookie in cookies] == ["a=1", "b=2", "c=3", "d=4"]
            assert set(cookies[0].split("; ")) == {"a=1", "Path=/", "SameSite=Lax", "Secure", "HttpOnly"}
            assert set(cookies[1].split("; ")) == {
                *("b=2", "Path=/p", "Max-Age=60", "Domain=d.example"),
                *("SameSite=Strict", "Secure", "HttpOnly"),
            }
            assert set(cookies[2].split("; ")) == {"c=3", "Path=/", "SameSite=Lax"}
            assert headers["x-a"] == "1, 2"
        assert handle is not None

    def test_a_cookie_that_could_break_out_is_refused(self) -> None:
        bad: list[tuple[str, str, dict[str, Any]]] = [
            ("a", "1; Domain=evil", {}),
            ("a", "1\r\nx: y", {}),
            ("a=b;", "1", {}),
            ("a", "é", {}),
            ("a", "1", {"path": "/;x"}),
            ("a", "1", {"domain": "a\nb"}),
            ("a", "1", {"same_site": "Lax; Domain=evil"}),
            ("", "1", {}),
            ("a=b", "1", {}),
            ("a b", "1", {}),
            ("a", "1\x00", {}),
        ]
        for name, value, options in bad:
            response = Response()
            with pytest.raises(InvalidArgument):
                response.set_cookie(name, value, **options)
            assert response.headers.items() == []

    def test_headers_of_the_connection_and_our_own_are_not_the_handlers_to_set(self, harness: Harness) -> None:
        app = App("conformance")
        headers = {
            "Connection": "close",
            "Transfer-Encoding": "chunked",
            "Content-Length": "1",
            "Upgrade": "h2c",
            "Keep-Alive": "x",
            "X-Request-Id": "forged-request-id",
            "Traceparent": "forged",
            "X-Own": "kept",
        }
        app.route("/x", methods=["GET"])(returning(("body", 200, headers)))
        with harness.running(app) as running:
            response = running.request("GET", "/x")
            assert response.body == b"body"
            assert response.headers["x-own"] == "kept"
            for name in ("connection", "transfer-encoding", "upgrade", "keep-alive"):
                assert name not in response.headers
            assert response.headers.get("content-length", "4") == "4"
            assert "forged" not in response.headers["x-request-id"]
            assert "forged" not in response.headers["traceparent"]

    def test_async_handlers_wait_and_sync_ones_may_return_a_coroutine(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/waits")
        async def waits() -> str:
            import asyncio

            first, second = await asyncio.gather(asyncio.sleep(0, "a"), asyncio.sleep(0.001, "b"))
            return first + second

        app.route("/wrapped", methods=["GET"])(lambda: waits())
        with harness.running(app) as running:
            for path in ("/waits", "/wrapped", "/waits"):
                assert text_of(running.request("GET", path)) == "ab"

    def test_generators_are_no_handlers(self) -> None:
        def pieces() -> Iterator[str]:
            yield "a"

        async def later() -> Any:
            yield "a"

        functions: list[Any] = [pieces, later]
        for function in functions:
            with pytest.raises(DeclarationError) as caught:
                App("conformance").get("/x")(function)
            assert caught.value.hint
            assert caught.value.location is not None
            assert caught.value.location.line == function.__code__.co_firstlineno
