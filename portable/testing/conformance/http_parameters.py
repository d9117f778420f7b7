"""Parameters of paths, queries, headers and cookies: what each annotation takes, and what it refuses and where."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional
from urllib.parse import quote
from uuid import UUID

import pytest
from pydantic import BaseModel, Field

from portable.app import App
from portable.capabilities import PROVIDERS, load_profile
from portable.context import Context
from portable.errors import DeclarationError
from portable.http import Request
from portable.parameters import Cookie, Header, Path, Query

from .harness import Harness
from .http_exchange import echoing, faults_of, is_of_a_front, json_of, problem_of


class Colour(Enum):
    RED = "red"
    GREEN = "dark green"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


Number = NewType("Number", int)


class Scalar(NamedTuple):
    """An annotation, texts that it takes with what they become, and texts that it refuses."""

    annotation: Any
    good: dict[str, Any]
    bad: tuple[str, ...]


SCALARS = {
    "str": Scalar(str, {"a": "a", "0": "0", "null": "null", "a+b c": "a+b c", "x" * 500: "x" * 500}, ()),
    "int": Scalar(
        int,
        {"0": 0, "-7": -7, "+7": 7, "007": 7, "9" * 40: int("9" * 40), "-0": 0},
        ("1.0", "1e3", "x", "0x1f", "1_000", "½", "²", "--1", "1 2", "nan", "9" * 4001, "true"),
    ),
    "float": Scalar(
        float,
        {"0": 0.0, "-1.5": -1.5, ".5": 0.5, "5.": 5.0, "1e3": 1000.0, "1E-3": 0.001, "1e-999": 0.0},
        ("nan", "NaN", "inf", "-Infinity", "1e999", "1,5", "0x1p3", "1_0.0", ".", "e3", "1" * 401),
    ),
    "bool": Scalar(
        bool,
        {"true": True, "True": True, "1": True, "yes": True, "ON": True, "false": False, "0": False, "no": False},
        ("2", "y", "t", "none", "truee", "-1"),
    ),
    "UUID": Scalar(
        UUID,
        {
            "12345678-1234-5678-1234-567812345678": UUID("12345678-1234-5678-1234-567812345678"),
            "12345678123456781234567812345678": UUID("12345678-1234-5678-1234-567812345678"),
            "ABCDEF00-1234-5678-1234-567812345678": UUID("abcdef00-1234-5678-1234-567812345678"),
        },
        ("1234", "{12345678-1234-5678-1234-567812345678}", "urn:uuid:12345678-1234-5678-1234-567812345678", "g" * 32),
    ),
    "date": Scalar(
        date,
        {"2026-02-28": date(2026, 2, 28), "0001-01-01": date(1, 1, 1), "2028-02-29": date(2028, 2, 29)},
        ("2026-02-29", "2026-13-01", "20260228", "2026-W01-1", "2026-2-8", "28.02.2026", "2026-02-28T00:00:00"),
    ),
    "datetime": Scalar(
        datetime,
        {
            "2026-02-28T10:00:00Z": datetime(2026, 2, 28, 10, tzinfo=UTC),
            "2026-02-28T10:00:00.123456": datetime(2026, 2, 28, 10, 0, 0, 123456),
            "2026-02-28T10:00:00-05:00": datetime(2026, 2, 28, 10, tzinfo=timezone(-timedelta(hours=5))),
        },
        ("yesterday", "2026-02-30T00:00:00", "2026-02-28T25:00:00", "1700000000", "10:00"),
    ),
    "time": Scalar(time, {"10:00": time(10), "23:59:59": time(23, 59, 59)}, ("25:00", "noon", "2026-02-28")),
    "Decimal": Scalar(
        Decimal,
        {"1.10": Decimal("1.10"), "-0.001": Decimal("-0.001"), "1e3": Decimal("1E+3"), "9" * 100: Decimal("9" * 100)},
        ("NaN", "sNaN", "Infinity", "1,1", "1_0", "x"),
    ),
    "enum": Scalar(Colour, {"red": Colour.RED, "dark green": Colour.GREEN}, ("RED", "Red", "green", "Colour.RED")),
    "int-enum": Scalar(Level, {"1": Level.LOW, "2": Level.HIGH}, ("3", "LOW", "01", "1.0")),
    "literal": Scalar(Literal["a", 7], {"a": "a", "7": 7}, ("A", "8", "07", "'a'")),
    "new-type": Scalar(Number, {"12": 12}, ("x", "1.5")),
    "constrained": Scalar(Annotated[int, Field(ge=1, le=10)], {"1": 1, "10": 10}, ("0", "11", "x", "1.5")),
    "pattern": Scalar(Annotated[str, Field(pattern="^[a-c]+$", max_length=3)], {"abc": "abc"}, ("abcd", "x", "aX")),
    "union": Scalar(int | bool, {"7": 7, "true": True}, ("x",)),
    "optional": Scalar(Optional[int], {"7": 7}, ("x", "null", "none")),  # noqa: UP045
}
EACH_SCALAR = pytest.mark.parametrize("name", SCALARS)


class Filter(BaseModel):
    size: int
    tag: list[str] = []
    colour: Colour | None = None


def generic(kind: Any, *arguments: Any) -> Any:
    """`kind[arguments]`, made at run time from an annotation that a type checker cannot know."""
    return kind[arguments]


def is_plain(text: str) -> bool:
    """Whether a header or a cookie can carry a text as it is."""
    return text.isascii() and not set(text) & set(' ",;')


def query_of(value: str) -> str:
    return f"value={quote(value, safe='')}"


class HttpParameterConformance:
    """Annotations say what a parameter is; what does not fit is 422, with every fault and its place."""

    @EACH_SCALAR
    def test_a_scalar_is_taken_from_the_path_the_query_a_header_and_a_cookie(self, harness: Harness, name: str) -> None:
        scalar = SCALARS[name]
        app = App("conformance")
        app.route("/path/{value}", methods=["GET"], name="path")(echoing(scalar.annotation))
        app.route("/query", methods=["GET"], name="query")(echoing(scalar.annotation))
        app.route("/header", methods=["GET"], name="header")(echoing(generic(Annotated, scalar.annotation, Header())))
        app.route("/cookie", methods=["GET"], name="cookie")(echoing(generic(Annotated, scalar.annotation, Cookie())))
        assert scalar.good
        with harness.running(app) as running:
            for text, value in scalar.good.items():
                expected = {"value": repr(value)}
                assert json_of(running.request("GET", f"/path/{quote(text, safe='')}")) == expected
                assert json_of(running.request("GET", f"/query?{query_of(text)}")) == expected
                if is_plain(text):
                    assert json_of(running.request("GET", "/header", headers=[("Value", text)])) == expected
                    assert json_of(running.request("GET", "/cookie", headers=[("Cookie", f"value={text}")])) == expected

    @EACH_SCALAR
    def test_what_a_scalar_does_not_take_is_422_where_it_stands(self, harness: Harness, name: str) -> None:
        scalar = SCALARS[name]
        seen: list[object] = []

        def handler(value: Any) -> None:
            seen.append(value)

        handler.__annotations__ = {"value": scalar.annotation}

        def header(value: Any = Header()) -> None:
            seen.append(value)

        header.__annotations__ = {"value": scalar.annotation}
        app = App("conformance")
        app.route("/path/{value}", methods=["GET"], name="path")(handler)
        app.route("/query", methods=["GET"], name="query")(handler)
        app.route("/header", methods=["GET"], name="header")(header)
        with harness.running(app) as running:
            for text in scalar.bad if scalar.annotation is str else (*scalar.bad, "", " "):
                if text.strip(" .") and len(text) < 4000:
                    where = faults_of(running.request("GET", f"/path/{quote(text, safe='')}"))
                    assert {tuple(place[:2]) for place in where} == {("path", "value")}, text
                if len(text) < 4000 and (text or scalar.annotation is not str):
                    where = faults_of(running.request("GET", f"/query?{query_of(text)}"))
                    assert {tuple(place[:2]) for place in where} == {("query", "value")}, text
                if is_plain(text) and text:
                    where = faults_of(running.request("GET", "/header", headers=[("value", text)]))
                    assert {tuple(place[:2]) for place in where} == {("header", "value")}, text
            assert seen == []

    @EACH_SCALAR
    def test_lists_take_the_repeats_of_a_query_in_order(self, harness: Harness, name: str) -> None:
        scalar = SCALARS[name]
        app = App("conformance")
        app.get("/list")(echoing(generic(list, scalar.annotation)))
        app.route("/tuple", methods=["GET"], name="tuple")(
            echoing(generic(Annotated, generic(tuple, scalar.annotation, ...), Query()))
        )
        with harness.running(app) as running:
            texts = [text for text in scalar.good if len(text) < 300] * 2
            query = "&".join(query_of(text) for text in texts)
            values = [scalar.good[text] for text in texts]
            assert json_of(running.request("GET", f"/list?{query}")) == {"value": repr(values)}
            assert json_of(running.request("GET", f"/tuple?{query}")) == {"value": repr(tuple(values))}
            assert json_of(running.request("GET", "/list")) == {"value": "[]"}
            for bad in scalar.bad[:3]:
                where = faults_of(running.request("GET", f"/list?{query}&{query_of(bad)}"))
                assert {tuple(place[:3]) for place in where} == {("query", "value", len(texts))}

    @EACH_SCALAR
    def test_a_default_stands_in_for_what_is_absent_and_only_for_that(self, harness: Harness, name: str) -> None:
        scalar = SCALARS[name]
        (text, value), *_ = scalar.good.items()
        marked: tuple[tuple[str, Any], ...] = (("query", Query), ("header", Header), ("cookie", Cookie))
        app = App("conformance")
        for place, marker in marked:
            app.route(f"/{place}/default", methods=["GET"], name=f"{place}-1")(
                echoing(generic(Annotated, scalar.annotation, marker()), value)
            )
            app.route(f"/{place}/marker", methods=["GET"], name=f"{place}-2")(
                echoing(scalar.annotation, marker(default=value))
            )
            app.route(f"/{place}/none", methods=["GET"], name=f"{place}-3")(
                echoing(generic(Annotated, scalar.annotation | None, marker()))
            )
            app.route(f"/{place}/required", methods=["GET"], name=f"{place}-4")(
                echoing(generic(Annotated, scalar.annotation, marker()))
            )
        assert text
        with harness.running(app) as running:
            for place, _ in marked:
                assert json_of(running.request("GET", f"/{place}/default")) == {"value": repr(value)}
                assert json_of(running.request("GET", f"/{place}/marker")) == {"value": repr(value)}
                assert json_of(running.request("GET", f"/{place}/none")) == {"value": "None"}
                required = running.request("GET", f"/{place}/required")
                if name == "optional":
                    assert json_of(required) == {"value": "None"}
                else:
                    assert faults_of(required) == [[place, "value"]]
                    assert problem_of(required, 422)["errors"][0]["kind"] == "missing"
            for bad in scalar.bad[:1]:
                where = faults_of(running.request("GET", f"/query/default?{query_of(bad)}"))
                assert {tuple(place[:2]) for place in where} == {("query", "value")}

    def test_names_are_those_of_the_function_or_of_the_marker(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/{order_id}/x")
        def read(
            order_id: Annotated[int, Path()],
            number: Annotated[int, Path("order_id")],
            page: int = Query("page-number"),
            user_agent: str = Header(),
            token: str = Header("X-Api.Token"),
            session: str = Cookie("SESSION.id"),
        ) -> list[object]:
            return [order_id, number, page, user_agent, token, session]

        headers = [("User-Agent", "test"), ("x-api.token", "t"), ("Cookie", "a=b; SESSION.id=s")]
        with harness.running(app) as running:
            assert json_of(running.request("GET", "/7/x?page-number=3", headers=headers)) == [
                *(7, 7, 3),
                *("test", "t", "s"),
            ]
            assert faults_of(running.request("GET", "/7/x?page=3")) == [
                ["query", "page-number"],
                ["header", "user-agent"],
                ["header", "X-Api.Token"],
                ["cookie", "SESSION.id"],
            ]
        assert read is not None

    def test_a_header_with_an_underscore_arrives_as_it_is_declared_and_is_taken_for_no_other(
        self, harness: Harness
    ) -> None:
        """A server that keeps headers as WSGI has them cannot tell `x_token` from `x-token`, and drops it therefore."""
        app = App("conformance")

        @app.get("/read")
        def read(
            request: Request,
            own: str | None = Header("X-Api_Token", default=None),
            other: str | None = Header("X-Api-Token", default=None),
        ) -> list[str | None]:
            return [own, other, request.headers.get("x-api_token"), request.headers.get("x-api-token")]

        name = harness.adapter.name
        arrives = name not in PROVIDERS or load_profile(name).capabilities["underscored_headers"].supported
        own = "t" if arrives else None
        with harness.running(app) as running:
            asked = partial(running.request, "GET", "/read")
            assert json_of(asked(headers=[("X-Api_Token", "t")])) == [own, None, own, None]
            assert json_of(asked(headers=[("x-api-token", "p")])) == [None, "p", None, "p"]
            both = [("X-Api_Token", "t"), ("X-Api-Token", "p")]
            assert json_of(asked(headers=both)) == [own, "p", own, "p"]
            assert json_of(asked(headers=both[::-1])) == [own, "p", own, "p"]
        assert read is not None

    def test_every_fault_of_every_parameter_is_listed_at_once_in_their_order(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/{id}")
        def write(
            id: int, count: int, body: Filter, tags: list[int], x_rate: float = Header(), who: UUID = Cookie()
        ) -> None:
            raise AssertionError((id, count, body, tags, x_rate, who))

        with harness.running(app) as running:
            response = running.request(
                "POST",
                "/x?count=y&tags=1&tags=a&tags=b",
                headers=[("x-rate", "fast"), ("cookie", "who=me")],
                body=b'{"colour": "blue", "tag": [1]}',
            )
            assert faults_of(response) == [
                ["path", "id"],
                ["query", "count"],
                ["body", "size"],
                ["body", "tag", 0],
                ["body", "colour"],
                ["query", "tags", 1],
                ["query", "tags", 2],
                ["header", "x-rate"],
                ["cookie", "who"],
            ]
            detail = problem_of(response, 422)["detail"]
            for place in ("path.id", "query.count", "body.size", "cookie.who"):
                assert place in detail
        assert write is not None

    def test_a_query_keeps_order_and_repeats_and_is_decoded_once(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/x")
        def read(request: Request) -> dict[str, object]:
            return {"query": list(request.query.items()), "raw": request.query_string}

        with harness.running(app) as running:
            for raw, expected in (
                ("b=2&a=1&b=3", [["b", ["2", "3"]], ["a", ["1"]]]),
                ("a=&b&=c", [["a", [""]], ["b", [""]], ["", ["c"]]]),
                ("a=x+y%2Bz%20w", [["a", ["x y+z w"]]]),
                ("a=%2541", [["a", ["%41"]]]),
                ("a=%zz&b=%", [["a", ["%zz"]], ["b", ["%"]]]),
                ("%C3%A9=%E6%97%A5", [["é", ["日"]]]),
                ("a=1;b=2", [["a", ["1;b=2"]]]),
                ("a=b=c&&&d=?/", [["a", ["b=c"]], ["d", ["?/"]]]),
                ("", []),
            ):
                response = running.request("GET", f"/x?{raw}")
                if not is_of_a_front(f"/x?{raw}", response):
                    assert json_of(response) == {"query": expected, "raw": raw}
        assert read is not None

    def test_a_query_that_is_not_utf_8_or_not_encoded_is_400(self, harness: Harness) -> None:
        app = App("conformance")
        app.get("/x")(echoing(str))
        with harness.running(app) as running:
            for raw in ("value=%ff", "value=%c3%28", "value=%ed%a0%80", "%ff=1&value=2", "value=é", "value=\x00"):
                response = running.request("GET", f"/x?{raw}")
                if not is_of_a_front(f"/x?{raw}", response):
                    assert "query" in problem_of(response, 400)["detail"]

    def test_a_scalar_that_is_given_twice_is_refused_not_guessed(self, harness: Harness) -> None:
        app = App("conformance")
        app.get("/x")(echoing(str, "default"))
        with harness.running(app) as running:
            response = running.request("GET", "/x?value=1&value=2")
            assert faults_of(response) == [["query", "value"]]
            assert problem_of(response, 422)["errors"][0]["kind"] == "repeated"

    def test_headers_have_no_case_and_one_joined_value(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/x")
        def read(
            request: Request,
            accept: str = Header(default=""),
            x_many: list[int] = Header(default=[]),
            kind: str = Header("X-KIND", default=""),
        ) -> dict[str, object]:
            return {
                "accept": accept,
                "many": x_many,
                "kind": kind,
                "names": sorted(request.headers),
                "same": request.headers["ACCEPT"] == request.headers.get("accept"),
            }

        with harness.running(app) as running:
            found = json_of(
                running.request(
                    "GET",
                    "/x",
                    headers=[("ACCEPT", "a"), ("x-Kind", "k"), ("Accept", "b"), ("X-MANY", "1, 2"), ("x-many", "3")],
                )
            )
            # Whether a space follows the comma is the provider's: RFC 9110, section 5.3.
            assert [part.strip() for part in found["accept"].split(",")] == ["a", "b"]
            assert found["many"] == [1, 2, 3]
            assert found["kind"] == "k"
            assert found["same"] is True
            assert {"accept", "x-kind", "x-many"} <= set(found["names"])
            assert found["names"] == [name.lower() for name in found["names"]]
            assert faults_of(running.request("GET", "/x", headers=[("x-many", "1, x, 3")])) == [["header", "x-many", 1]]
        assert read is not None

    def test_cookies_are_split_and_the_first_of_a_name_counts(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/x")
        def read(request: Request) -> dict[str, str]:
            return request.cookies

        with harness.running(app) as running:
            for sent, expected in (
                (["a=1; b=2"], {"a": "1", "b": "2"}),
                (["a=1", "b=2"], {"a": "1", "b": "2"}),
                (["a=1; a=2"], {"a": "1"}),
                (['a="quoted"; b=x=y; c='], {"a": "quoted", "b": "x=y", "c": ""}),
                (["novalue; ;; =x; a=1"], {"": "x", "a": "1"}),
                ([""], {}),
                ([], {}),
            ):
                found = json_of(running.request("GET", "/x", headers=[("Cookie", value) for value in sent]))
                assert found == expected, sent
        assert read is not None

    def test_a_model_takes_the_whole_query_or_its_fields_of_the_headers_and_cookies(self, harness: Harness) -> None:
        app = App("conformance")
        app.route("/query", methods=["GET"], name="query")(echoing(Annotated[Filter, Query()]))
        app.route("/header", methods=["GET"], name="header")(echoing(Annotated[Filter, Header()]))
        app.route("/cookie", methods=["GET"], name="cookie")(echoing(Annotated[Filter, Cookie()]))
        with harness.running(app) as running:
            query = running.request("GET", "/query?size=3&tag=a&tag=b&colour=red")
            assert json_of(query) == {"value": repr(Filter(size=3, tag=["a", "b"], colour=Colour.RED))}
            header = running.request("GET", "/header", headers=[("size", "3"), ("tag", "a, b")])
            assert json_of(header) == {"value": repr(Filter(size=3, tag=["a", "b"]))}
            cookie = running.request("GET", "/cookie", headers=[("cookie", "size=3")])
            assert json_of(cookie) == {"value": repr(Filter(size=3))}
            assert faults_of(running.request("GET", "/query?colour=blue")) == [["query", "size"], ["query", "colour"]]
            assert faults_of(running.request("GET", "/header", headers=[("size", "x")])) == [["header", "size"]]
            assert faults_of(running.request("GET", "/cookie")) == [["cookie", "size"]]

    def test_what_a_handler_does_to_a_default_is_not_what_the_next_one_gets(self, harness: Harness) -> None:
        app = App("conformance")

        @app.get("/x")
        def read(tag: list[str] = Query(default=[]), page: dict[str, int] = Query(default={})) -> int:
            tag.append("x")
            return len(tag) + len(page)

        with harness.running(app) as running:
            assert [json_of(running.request("GET", "/x?size=1")) for _ in range(3)] == [2, 2, 2]
        assert read is not None

    def test_the_request_and_the_context_are_handed_in(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/x/{id}")
        def handle(context: Context, request: Request, id: str, *, flag: bool = False) -> dict[str, object]:
            return {
                "kind": context.kind,
                "handler": context.handler,
                "app": context.app,
                "attempt": context.attempt,
                "same id": context.id == request.id,
                "time": 0 < context.remaining <= 28,
                "method": request.method,
                "path": request.path,
                "params": request.params,
                "body": request.text(),
                "id": id,
                "flag": flag,
            }

        with harness.running(app) as running:
            assert json_of(running.request("POST", "/x/a%20b?flag=yes", body=b"text")) == {
                "kind": "http",
                "handler": "handle",
                "app": "conformance",
                "attempt": 1,
                "same id": True,
                "time": True,
                "method": "POST",
                "path": "/x/a%20b",
                "params": {"id": "a b"},
                "body": "text",
                "id": "a b",
                "flag": True,
            }
        assert handle is not None

    def test_a_signature_that_cannot_be_filled_is_refused_with_its_place_and_a_hint(self, harness: Harness) -> None:
        class Opaque:
            pass

        def star(*values: str) -> None: ...
        def stars(**values: str) -> None: ...
        def bare(value) -> None: ...  # type: ignore[no-untyped-def]
        def opaque(value: Opaque) -> None: ...
        def raw(value: bytes) -> None: ...
        def two_markers(value: Annotated[str, Header(), Query()]) -> None: ...
        def uncalled(value: Annotated[str, Header]) -> None: ...
        def nowhere(value: Annotated[str, Path("other")]) -> None: ...
        def many_in_cookie(value: Annotated[list[str], Cookie()]) -> None: ...
        def internal(value: Annotated[str, Header("x-portable-trigger")]) -> None: ...
        def body_on_get(value: Filter) -> None: ...
        def streaming() -> Any:
            yield b""

        declared: list[Any] = [
            *(star, stars, bare, opaque, raw, two_markers, uncalled, nowhere, many_in_cookie, internal, body_on_get),
            streaming,
        ]
        for function in declared:
            with pytest.raises(DeclarationError) as caught:
                run_with(harness, function)
            assert caught.value.location is not None, function
            assert caught.value.location.file == function.__code__.co_filename
            assert caught.value.location.line == function.__code__.co_firstlineno
            assert caught.value.hint, function
        app = App("conformance")
        app.get("/{id}/{version}")(nobody)
        with pytest.raises(DeclarationError, match="id") as caught, harness.running(app):
            pass
        assert caught.value.hint


def nobody(version: int) -> None:
    """Takes one of two path parameters."""


def run_with(harness: Harness, function: Any) -> None:
    """An app runs that has `function` as a handler."""
    app = App("conformance")
    app.get("/x")(function)
    with harness.running(app):
        pass
