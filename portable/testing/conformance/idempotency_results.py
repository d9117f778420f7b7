"""`@idempotent`: what a function may return, and that a repetition gets the same."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from portable.adapter import Running
from portable.app import App
from portable.errors import InvalidArgument, LimitExceeded
from portable.http import Response
from portable.idempotency import idempotent

from .harness import Harness


class Order(BaseModel):
    id: str
    amount: int = 0


class Receipt(BaseModel):
    order: str
    number: int
    total: Decimal = Decimal("1.50")
    at: datetime = datetime(2026, 11, 24, tzinfo=UTC)


class Color(Enum):
    RED = "red"


@dataclass
class Line:
    name: str
    price: Decimal


def post(running: Running, path: str, body: object, **headers: str) -> Response:
    given = [
        ("content-type", "application/json"),
        *((name.replace("_", "-"), text) for name, text in headers.items()),
    ]
    return running.request("POST", path, headers=given, body=json.dumps(body).encode())


class IdempotentResultConformance:
    """A repetition is answered with the first result, of the same type."""

    @pytest.mark.parametrize(
        "result",
        [None, True, 0, -1, 1.5, "", "tëxt", [], [1, [2]], {}, {"a": {"b": None}}, {"q": '"\\\n'}],
        ids=repr,
    )
    def test_plain_results_are_answered_again(self, harness: Harness, result: Any) -> None:
        app = App("conformance")
        found: list[Any] = []

        @idempotent("{key}")
        def compute(key: str) -> Any:
            return result

        @app.post("/")
        def call() -> None:
            found.append(compute("k"))

        with harness.running(app) as running:
            for _ in range(2):
                assert running.request("POST", "/").status == 204
        assert found == [result, result]
        assert type(found[0]) is type(found[1])

    def test_results_come_back_as_the_annotation_says(self, harness: Harness) -> None:
        app = App("conformance")
        found: list[Any] = []

        @idempotent("{key}")
        def model(key: str) -> Receipt:
            return Receipt(order=key, number=1)

        @idempotent("{key}")
        def models(key: str) -> list[Receipt]:
            return [Receipt(order=key, number=number) for number in range(2)]

        @idempotent("{key}")
        def maybe(key: str) -> Receipt | None:
            return Receipt(order=key, number=1) if key == "k" else None

        @idempotent("{key}")
        def line(key: str) -> Line:
            return Line(key, Decimal("0.10"))

        @idempotent("{key}")
        def scalars(key: str) -> dict[str, Decimal]:
            return {key: Decimal("1.10")}

        @idempotent("{key}")
        def when(key: str) -> datetime:
            return datetime(2026, 11, 24, 10, 0, 0, 123_456, UTC)

        @idempotent("{key}")
        def which(key: str) -> UUID:
            return UUID(int=7)

        @idempotent("{key}")
        def color(key: str) -> Color:
            return Color.RED

        @idempotent("{key}")
        def pair(key: str) -> tuple[Receipt, int]:
            return Receipt(order=key, number=1), 201

        @idempotent("{key}")
        def raw(key: str) -> bytes:
            return b"\x00\xff"

        functions: list[Callable[[str], Any]] = [
            model, models, maybe, line, scalars, when, which, color, pair, raw,
        ]  # fmt: skip

        @app.post("/")
        def call() -> None:
            found.append([function("k") for function in functions])

        with harness.running(app) as running:
            for _ in range(2):
                assert running.request("POST", "/").status == 204
        assert found[0] == found[1]
        assert [type(entry) for entry in found[0]] == [type(entry) for entry in found[1]]

    def test_answers_of_every_shape_are_answered_again(self, harness: Harness) -> None:
        app = App("conformance")
        runs: list[str] = []

        @app.post("/response")
        @idempotent("{order.id}")
        def response(order: Order) -> Response:
            runs.append("response")
            answer = Response(b"\x00\xff raw", 201, headers={"x-a": "1", "content-type": "x/y"})
            answer.set_cookie("one", "1")
            answer.set_cookie("two", "2")
            return answer

        @app.post("/pair")
        @idempotent("{order.id}")
        def pair(order: Order):  # type: ignore[no-untyped-def]
            runs.append("pair")
            return {"id": order.id}, 202

        @app.post("/bytes-pair")
        @idempotent("{order.id}")
        def bytes_pair(order: Order):  # type: ignore[no-untyped-def]
            runs.append("bytes-pair")
            return order.id.encode() + b"\xff", 203, {"x-b": "2"}

        @app.post("/model", status=201)
        @idempotent("{order.id}")
        def model(order: Order) -> Receipt:
            runs.append("model")
            return Receipt(order=order.id, number=1)

        @app.post("/nothing")
        @idempotent("{order.id}")
        def nothing(order: Order) -> None:
            runs.append("nothing")

        @app.post("/text")
        @idempotent("{order.id}")
        def text(order: Order) -> str:
            runs.append("text")
            return "plain"

        @app.post("/bytes")
        @idempotent("{order.id}")
        def raw(order: Order) -> bytes:
            runs.append("bytes")
            return b"\xff"

        paths = {
            "response": 201, "pair": 202, "bytes-pair": 203, "model": 201, "nothing": 204, "text": 200, "bytes": 200,
        }  # fmt: skip
        varying = {"x-request-id", "traceparent", "date"}
        with harness.running(app) as running:
            for path, status in paths.items():
                answers = [post(running, f"/{path}", {"id": "a"}) for _ in range(2)]
                shapes = [
                    (
                        answer.status,
                        answer.body,
                        sorted(item for item in answer.headers.items() if item[0] not in varying),
                    )
                    for answer in answers
                ]
                assert shapes[0][0] == status
                assert shapes[0] == shapes[1]
        assert runs == list(paths)

    def test_a_result_that_is_no_json_fails_and_keeps_nothing(self, harness: Harness) -> None:
        app = App("conformance")
        results: list[Any] = [object(), float("nan"), "fine"]
        found: list[Any] = []

        @idempotent("{key}")
        def compute(key: str) -> Any:
            return results.pop(0)

        @app.post("/")
        def call() -> None:
            try:
                found.append(compute("k"))
            except InvalidArgument as error:
                found.append(type(error))

        with harness.running(app) as running:
            for _ in range(4):
                running.request("POST", "/")
        assert found == [InvalidArgument, InvalidArgument, "fine", "fine"]

    def test_a_result_has_the_size_of_an_item_at_most(self, harness: Harness) -> None:
        app = App("conformance")
        found: list[Any] = []

        @idempotent("{size}")
        def compute(size: int) -> str:
            return "x" * size

        @app.post("/{size}")
        def call(size: int) -> None:
            try:
                found.append(len(compute(size)))
            except LimitExceeded as error:
                found.append(error.limit)

        with harness.running(app) as running:
            for size in (260_000, 260_000, 262_144):
                running.request("POST", f"/{size}")
        assert found == [260_000, 260_000, "item_bytes"]
