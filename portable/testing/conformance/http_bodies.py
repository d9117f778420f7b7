"""JSON and raw bodies: what each annotation takes, what is no JSON, and what is JSON but does not fit."""

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, ClassVar, NamedTuple, TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, Field

from portable.app import App
from portable.errors import DeclarationError
from portable.http import Request
from portable.parameters import Body

from .harness import Harness
from .http_exchange import JSON_BODY, echoing, faults_of, json_of, problem_of

DEPTH = 200
"""What is taken: arrays and objects inside one another."""


class Size(Enum):
    SMALL = "small"


class Line(BaseModel):
    article: str
    quantity: int = Field(default=1, ge=1)


class Order(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    id: UUID
    lines: list[Line] = Field(min_length=1)
    size: Size | None = None
    due: date | None = None


@dataclass
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = field(default_factory=list[str])


class Place(TypedDict):
    name: str
    at: Point


class Pair(NamedTuple):
    left: int
    right: str


ID = "12345678-1234-5678-1234-567812345678"
FITTING: dict[str, tuple[Any, bytes, Any]] = {
    "model": (Order, b'{"id": "%s", "lines": [{"article": "a"}]}' % ID.encode(), None),
    "model with everything": (
        Order,
        b'{"id": "%s", "lines": [{"article": "\xc3\xa9", "quantity": 2}], "size": "small", "due": "2026-01-31"}'
        % ID.encode(),
        Order(id=UUID(ID), lines=[Line(article="é", quantity=2)], size=Size.SMALL, due=date(2026, 1, 31)),
    ),
    "dataclass": (Point, b'{"x": 1.5, "tags": ["a"]}', Point(1.5, 0.0, ["a"])),
    "TypedDict": (Place, b'{"name": "n", "at": {"x": 1}}', {"name": "n", "at": Point(1.0)}),
    "NamedTuple": (Pair, b'{"left": 1, "right": "r"}', Pair(1, "r")),
    "dict": (dict, b'{"a": [1, null, true, "\\u00e9"]}', {"a": [1, None, True, "é"]}),
    "dict of models": (dict[str, Line], b'{"k": {"article": "a"}}', {"k": Line(article="a")}),
    "list of models": (list[Line], b'[{"article": "a"}, {"article": "b"}]', [Line(article="a"), Line(article="b")]),
    "union of models": (Line | Point, b'{"x": 1}', Point(1.0)),
    "marked list": (Annotated[list[int], Body()], b"[1, 2]", [1, 2]),
    "marked int": (Annotated[int, Body()], b" 7\n", 7),
    "marked str": (Annotated[str, Body()], b'"\\ud83d\\ude00"', "😀"),
    "marked datetime": (Annotated[datetime, Body()], b'"2026-01-31T10:00:00"', datetime(2026, 1, 31, 10)),
    "marked Decimal": (Annotated[Decimal, Body()], b'"1.10"', Decimal("1.10")),
    "anything": (Any, b'[{"a": 1e2}, -0, "x"]', [{"a": 100.0}, 0, "x"]),
    "constrained": (Annotated[list[int], Field(max_length=2), Body()], b"[1, 2]", [1, 2]),
    "repeated key": (Line, b'{"article": "first", "article": "last"}', Line(article="last")),
    "repeated key in a dict": (dict[str, Any], b'{"a": "first", "a": "last"}', {"a": "last"}),
}
NO_JSON: dict[str, bytes] = {
    "words": b"hello",
    "half an object": b'{"a": 1',
    "trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "comment": b'{"a": 1} // x',
    "two values": b"{} {}",
    "bare NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "minus Infinity": b'{"a": [-Infinity]}',
    "leading zero": b'{"a": 01}',
    "invalid UTF-8": b'{"a": "\xff"}',
    "overlong UTF-8": b'{"a": "\xc0\xaf"}',
    "encoded surrogate": b'{"a": "\xed\xa0\x80"}',
    "lone surrogate": b'{"a": "\\ud800"}',
    "reversed surrogates": b'{"a": "\\udc00\\ud800"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "control character": b'{"a": "\x01"}',
    "zero byte": b"\x00",
    "only space": b"  ",
    "too deep": b'{"a": ' + b"[" * DEPTH + b"1" + b"]" * DEPTH + b"}",
    "far too deep": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep and open": b"[" * 1_000_000,
    "too long an integer": b'{"a": ' + b"9" * 5000 + b"}",
    "base64": b"eyJhIjogMX0=",
}


class Opaque:
    """Of no type that JSON could become."""


class Loose(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow")

    a: Any = None


class HttpBodyConformance:
    """Bodies are UTF-8 JSON (RFC 8259) by annotation, or raw bytes; no JSON is 400, no fit 422, another type 415."""

    @pytest.mark.parametrize("name", FITTING)
    def test_a_body_becomes_what_the_annotation_says(self, harness: Harness, name: str) -> None:
        annotation, raw, expected = FITTING[name]
        app = App("conformance")
        app.route("/x", methods=["POST", "PUT", "PATCH"])(echoing(annotation))
        expected = repr(expected if expected is not None else Order(id=UUID(ID), lines=[Line(article="a")]))
        with harness.running(app) as running:
            for method in ("POST", "PUT", "PATCH"):
                assert json_of(running.request(method, "/x", headers=JSON_BODY, body=raw)) == {"value": expected}

    @pytest.mark.parametrize("name", NO_JSON)
    def test_what_is_no_json_is_400_for_models_and_for_dicts(self, harness: Harness, name: str) -> None:
        app = App("conformance")
        seen: list[object] = []

        @app.post("/model")
        def model(value: Loose) -> None:
            seen.append(value)

        @app.post("/dict")
        def plain(value: dict[str, Any]) -> None:
            seen.append(value)

        @app.post("/any")
        def anything(value: Any) -> None:
            seen.append(value)

        @app.post("/request")
        def request(request: Request) -> None:
            seen.append(request.json())

        with harness.running(app) as running:
            for path in ("/model", "/dict", "/any"):
                response = running.request("POST", path, headers=JSON_BODY, body=NO_JSON[name])
                assert faults_of(response, 400) == [["body"]], path
            if "surrogate" not in name and "deep" not in name:
                problem_of(running.request("POST", "/request", body=NO_JSON[name]), 400)
            assert seen == []
        assert (model, plain, anything, request) is not None

    def test_nesting_is_taken_up_to_its_bound_by_models_and_dicts_alike(self, harness: Harness) -> None:
        app = App("conformance")
        app.route("/model", methods=["POST"], name="model")(depth_of_model)
        app.route("/dict", methods=["POST"], name="dict")(depth_of_dict)
        with harness.running(app) as running:
            for depth, status in ((1, 204), (DEPTH, 204), (DEPTH + 1, 400)):
                for opened, closed in ((b"[", b"]"), (b'{"a": ', b"}")):
                    raw = b'{"a": ' + opened * (depth - 1) + b"1" + closed * (depth - 1) + b"}"
                    for path in ("/model", "/dict"):
                        response = running.request("POST", path, body=raw)
                        assert response.status == status, (path, depth, opened)
            wide = json.dumps({"a": [[number] for number in range(5000)]}).encode()
            assert running.request("POST", "/dict", body=wide).status == 204

    def test_every_fault_of_a_body_has_its_path(self, harness: Harness) -> None:
        app = App("conformance")
        app.post("/x")(echoing(Order))
        with harness.running(app) as running:
            raw = b'{"id": 7, "lines": [{"quantity": 0}, 3], "size": "huge", "due": "x", "extra": 1}'
            assert faults_of(running.request("POST", "/x", body=raw)) == [
                ["body", "id"],
                ["body", "lines", 0, "article"],
                ["body", "lines", 0, "quantity"],
                ["body", "lines", 1],
                ["body", "size"],
                ["body", "due"],
                ["body", "extra"],
            ]
            for raw in (b"null", b"[]", b'"text"', b"7", b"true"):
                assert faults_of(running.request("POST", "/x", body=raw)) == [["body"]]

    def test_many_faults_are_all_listed_and_very_many_in_bounded_space(self, harness: Harness) -> None:
        app = App("conformance")
        app.post("/x")(echoing(Annotated[list[int], Body()]))
        app.route("/y", methods=["POST"], name="y")(echoing(Order))
        with harness.running(app) as running:
            response = running.request("POST", "/x", body=json.dumps(["x"] * 300).encode())
            assert faults_of(response) == [["body", number] for number in range(300)]
            response = running.request("POST", "/x", body=json.dumps(["x"] * 200_000).encode())
            assert faults_of(response) == [["body"]]
            assert len(response.body) < 10_000
            long = json.dumps({"k" * 3_000_000: 1}).encode()
            response = running.request("POST", "/y", body=long)
            assert len(problem_of(response, 422)["errors"]) == 3
            assert len(response.body) < 100_000

    def test_a_body_that_is_absent_is_a_fault_unless_it_has_a_default(self, harness: Harness) -> None:
        app = App("conformance")
        app.route("/required", methods=["POST"], name="required")(echoing(Line))
        app.route("/optional", methods=["POST"], name="optional")(echoing(Line | None))
        app.route("/default", methods=["POST"], name="default")(echoing(Line, Line(article="default")))
        app.route("/marked", methods=["POST"], name="marked")(echoing(int, Body(default=7)))
        with harness.running(app) as running:
            assert faults_of(running.request("POST", "/required")) == [["body"]]
            assert faults_of(running.request("POST", "/required", headers=JSON_BODY)) == [["body"]]
            assert json_of(running.request("POST", "/optional")) == {"value": "None"}
            assert json_of(running.request("POST", "/optional", body=b"null")) == {"value": "None"}
            assert json_of(running.request("POST", "/optional", body=b'{"article": "a"}')) == {
                "value": repr(Line(article="a"))
            }
            assert faults_of(running.request("POST", "/optional", body=b"{}")) == [["body", "article"]]
            assert json_of(running.request("POST", "/default")) == {"value": repr(Line(article="default"))}
            assert faults_of(running.request("POST", "/default", body=b"null")) == [["body"]]
            assert json_of(running.request("POST", "/marked")) == {"value": "7"}

    def test_a_default_body_is_nobody_elses(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/x")
        def handle(point: Point = Point(1.0)) -> list[str]:
            point.tags.append("x")
            return point.tags

        with harness.running(app) as running:
            assert [json_of(running.request("POST", "/x")) for _ in range(3)] == [["x"]] * 3
        assert handle is not None

    @pytest.mark.parametrize(
        ("content_type", "status"),
        [
            ("application/json", 200),
            ("Application/JSON", 200),
            ("application/json; charset=utf-8", 200),
            ("application/json;charset=UTF-8", 200),
            ("application/vnd.shop.order+json", 200),
            ("application/merge-patch+json; x=y", 200),
            (None, 200),
            ("text/plain", 415),
            ("text/json", 415),
            ("application/x-www-form-urlencoded", 415),
            ("multipart/form-data; boundary=x", 415),
            ("application/jsonx", 415),
            ("application/octet-stream", 415),
            ("", 415),
            ("json", 415),
        ],
    )
    def test_a_json_body_says_that_it_is_json_or_nothing(
        self, harness: Harness, content_type: str | None, status: int
    ) -> None:
        app = App("conformance")
        app.post("/x")(echoing(Line))
        headers = [] if content_type is None else [("Content-Type", content_type)]
        with harness.running(app) as running:
            response = running.request("POST", "/x", headers=headers, body=b'{"article": "a"}')
            if status == 200:
                assert json_of(response) == {"value": repr(Line(article="a"))}
            else:
                assert "application/json" in problem_of(response, 415)["detail"]

    def test_a_raw_body_is_bytes_of_any_type(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/x")
        def handle(body: Annotated[bytes, Body()], number: int = 0) -> dict[str, object]:
            return {"body": repr(body), "number": number}

        with harness.running(app) as running:
            for raw in (b"", b"\x00\xff", b"{", bytes(range(256))):
                for kind in ("application/json", "image/png", "multipart/form-data"):
                    response = running.request("POST", "/x?number=3", headers=[("content-type", kind)], body=raw)
                    assert json_of(response) == {"body": repr(raw), "number": 3}
        assert handle is not None

    def test_a_request_gives_its_body_as_bytes_text_and_json(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/x")
        def handle(request: Request, how: str) -> dict[str, str]:
            return {"value": repr({"bytes": lambda: request.body, "text": request.text, "json": request.json}[how]())}

        with harness.running(app) as running:
            raw = '{"é": 1}'.encode()
            assert json_of(running.request("POST", "/x?how=bytes", body=raw)) == {"value": repr(raw)}
            assert json_of(running.request("POST", "/x?how=text", body=raw)) == {"value": repr(raw.decode())}
            assert json_of(running.request("POST", "/x?how=json", body=raw)) == {"value": "{'é': 1}"}
            problem_of(running.request("POST", "/x?how=text", body=b"\xff"), 400)
            problem_of(running.request("POST", "/x?how=json", body=b"\xff"), 400)
            problem_of(running.request("POST", "/x?how=json", body=b"{"), 400)
        assert handle is not None

    def test_a_body_that_nothing_can_become_is_refused_at_declaration(self, harness: Harness) -> None:
        for annotation in (list[Opaque], dict[str, Opaque], Annotated[Opaque, Body()], Line | Opaque):
            app = App("conformance")
            app.post("/x")(echoing(annotation))
            with pytest.raises(DeclarationError, match="value") as caught, harness.running(app):
                pass
            assert caught.value.location is not None
            assert caught.value.hint

    def test_a_body_to_a_route_that_takes_none_is_let_be(self, harness: Harness) -> None:
        app = App("conformance")
        app.route("/x", methods=["GET", "POST", "DELETE"])(echoing(int, 1))
        with harness.running(app) as running:
            for method in ("GET", "POST", "DELETE"):
                response = running.request(method, "/x?value=2", headers=[("content-type", "x/y")], body=b"\xff")
                assert json_of(response) == {"value": "2"}


def depth_of_model(value: Loose) -> None:
    assert value is not None


def depth_of_dict(value: dict[str, Any]) -> None:
    assert value is not None
