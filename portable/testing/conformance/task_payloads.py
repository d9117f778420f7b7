"""Payloads of tasks: what crosses the queue and comes back the same, and what is refused before it is sent."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretStr, computed_field, field_validator

from portable.app import App
from portable.errors import InvalidArgument, LimitExceeded, TaskFailed

from .harness import Harness
from .naming import described

BODY_BYTES = 48 * 1024

TEXTS: list[str] = [
    "",
    " ",
    "plain",
    '"quoted" \\ /',
    "line\nbreak\r\n\ttab",
    "\x00",
    "".join(map(chr, range(32))),
    "\x7f\x80\x9f\xa0",
    "\u2028\u2029",
    "\ufdd0\ufffe\uffff",
    "\U0001fffe\U0010ffff",
    "naïve café",
    "e\u0301 é",
    "ﬁ Å K",
    "שלום עולם",
    "\u202eevil\u202c",
    "日本語 한국어",
    "😀👩‍👩‍👧",
    "\ufeffbom",
    "</script><!-- ]]> &amp;",
    "'; DROP TABLE tasks; --",
    "null",
    "{}",
    "x" * 20000,
]
"""Texts that some queue or encoder has stumbled over; \\x00, \\ufffe and the like are no characters of XML."""


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    at: datetime
    amount: Decimal
    tags: set[str] = set()


class Order(BaseModel):
    id: UUID
    day: date
    colour: Colour
    inner: Inner
    lines: list[tuple[str, int]]
    note: str | None = None


class Aliased(BaseModel):
    """What it writes under one name it reads under another, unless both ends know."""

    order_id: str = Field(alias="orderId")


class Kept(BaseModel):
    secret: str = Field(exclude=True)


class Picky(BaseModel):
    """Refuses its own text while `refuses` says so: as after a deploy with another model."""

    text: str

    @field_validator("text")
    @classmethod
    def _check(cls, text: str) -> str:
        if text in REFUSED:
            raise ValueError("not any more")
        return text


REFUSED: set[str] = set()


@dataclass
class Point:
    x: int
    y: float
    name: str = ""


ORDER = Order(
    id=UUID("12345678-1234-5678-1234-567812345678"),
    day=date(2028, 2, 29),
    colour=Colour.BLUE,
    inner=Inner(at=datetime(2026, 1, 2, 3, 4, 5, 678901, UTC), amount=Decimal("0.10"), tags={"a"}),
    lines=[("x", 1), ("é", -2)],
)

VALUES: list[tuple[Any, Any]] = [
    (int, 0),
    (int, -(2**53) + 1),
    (int, 10**30),
    (float, 0.1),
    (float, 1e300),
    (bool, True),
    (str, "x"),
    (str | None, None),
    (int | None, 3),
    (list[int], []),
    (list[Order], [ORDER]),
    (dict[str, int], {"": 1, "é": 2}),
    (dict[str, Any], {"a": [1, {"b": None}], "c": 1.5}),
    (list[Any], [None, True, "x", [[]]]),
    (Any, {"any": ["thing"]}),
    (UUID, ORDER.id),
    (date, date(2026, 2, 28)),
    (datetime, datetime(2026, 2, 28, 23, 59, 59, 999999, UTC)),
    (Decimal, Decimal("1.10")),
    (Colour, Colour.RED),
    (Order, ORDER),
    (Point, Point(1, 2.5, "p")),
    (Aliased, Aliased(orderId="7")),
    (tuple[int, str], (1, "a")),
    (dict[str, Point], {"p": Point(0, 0.0)}),
]


class Opaque:
    """What no JSON has."""

    def __repr__(self) -> str:
        return "Opaque()"


class TaskPayloadConformance:
    """What is sent arrives, equal and of its type; what would not arrive is refused before any I/O."""

    @pytest.mark.parametrize(("annotation", "value"), VALUES, ids=described)
    def test_a_payload_and_a_result_of_any_json_type_arrive_as_they_were(
        self, harness: Harness, annotation: Any, value: Any
    ) -> None:
        app = App("conformance")
        seen: list[Any] = []

        def work(payload: Any) -> Any:
            seen.append(payload)
            return payload

        work.__annotations__ = {"payload": annotation, "return": annotation}
        task: Any = app.task()(work)
        with harness.running(app) as running:
            run = task.send(value)
            running.drain()
            assert seen
            assert all(found == value and type(found) is type(value) for found in seen)
            assert run.result() == value
            assert type(run.result()) is type(value)

    @pytest.mark.parametrize("text", TEXTS, ids=described)
    def test_any_text_arrives_character_by_character(self, harness: Harness, text: str) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.task()
        def work(payload: dict[str, str]) -> str:
            seen.append(payload["text"])
            return payload["text"]

        with harness.running(app) as running:
            run = work.send({"text": text})
            running.drain()
            assert set(seen) == {text}
            assert run.result() == text

    def test_a_payload_without_annotation_arrives_as_plain_json(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[Any] = []

        def work(payload):  # type: ignore[no-untyped-def]
            seen.append(payload)  # pyright: ignore[reportUnknownArgumentType]

        declare: Any = app.task()
        task = declare(work)  # pyright: ignore[reportUnknownArgumentType]
        with harness.running(app) as running:
            task.send({"a": (1, 2)})
            running.drain()
            assert seen == [{"a": [1, 2]}]

    def test_a_payload_is_taken_as_it_is_when_it_is_sent(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[list[int]] = []

        @app.task()
        def work(numbers: list[int]) -> None:
            seen.append(numbers)
            numbers.append(99)

        with harness.running(app) as running:
            numbers = [1]
            work.send(numbers)
            numbers.append(2)
            running.drain()
            assert seen[0] == [1, 99]
            assert numbers == [1, 2]

    @pytest.mark.parametrize(("filler", "width"), [("x", 1), ("é", 6), ("😀", 12), ("\x00", 6), ('"', 2)], ids=ascii)
    def test_a_body_of_48_kib_of_ascii_json_is_taken_and_one_byte_more_is_not(
        self, harness: Harness, filler: str, width: int
    ) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.task()
        def work(text: str) -> None:
            seen.append(text)

        room = BODY_BYTES - 2
        text = filler * (room // width) + "x" * (room % width)
        with harness.running(app) as running:
            work.send(text)
            with pytest.raises(LimitExceeded) as caught:
                work.send(text + "x")
            error = caught.value
            assert (error.limit, error.provider, error.resource) == ("task_body_bytes", "azure", "task:work")
            assert "work" in error.message
            assert "49,152" in error.message
            assert error.hint
            running.drain()
            assert seen == [text]

    @pytest.mark.parametrize(
        ("annotation", "value"),
        [
            (int, "three"),
            (int, None),
            (int, 1.5),
            (str, 3),
            (str, "\ud800"),
            (dict[str, Any], ["no"]),
            (dict[str, Any], {"a": float("nan")}),
            (dict[str, Any], {"a": Opaque()}),
            (dict[str, Any], {"a": "\udfff"}),
            (list[Any], {"no": 1}),
            (float, float("inf")),
            (float, float("nan")),
            (Any, [1, Opaque()]),
            (Any, float("inf")),
            (Order, {"id": "no"}),
            (Order, None),
            (Point, {"x": 1}),
            (Colour, "green"),
            (Kept, Kept(secret="x")),
        ],
        ids=described,
    )
    def test_a_payload_that_would_not_arrive_is_refused_and_not_sent(
        self, harness: Harness, annotation: Any, value: Any
    ) -> None:
        app = App("conformance")
        seen: list[Any] = []

        def work(payload: Any) -> None:
            seen.append(payload)

        work.__annotations__ = {"payload": annotation}
        task: Any = app.task()(work)
        with harness.running(app) as running:
            with pytest.raises(InvalidArgument) as caught:
                task.send(value)
            assert "work" in caught.value.message
            assert caught.value.resource == "task:work"
            running.drain()
            assert seen == []
            assert running.dead_letters("work") == []

    def test_a_model_that_was_broken_after_it_was_made_is_refused(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task()
        def work(point: Inner) -> None:
            raise AssertionError(point)

        broken = Inner(at=datetime(2026, 1, 1, tzinfo=UTC), amount=Decimal(1))
        vars(broken)["amount"] = "none"
        with harness.running(app) as running:
            with pytest.raises(InvalidArgument):
                work.send(broken)
            running.drain()

    def test_a_payload_for_a_task_without_one_and_none_for_one_with_one_are_refused(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task()
        def without() -> None:
            raise AssertionError

        @app.task()
        def having(number: int) -> None:
            raise AssertionError(number)

        one: Any = without
        other: Any = having
        with harness.running(app) as running:
            with pytest.raises(InvalidArgument, match="takes no payload"):
                one.send(1)
            with pytest.raises(InvalidArgument, match="takes a payload"):
                other.send()
            running.drain()

    def test_a_payload_that_does_not_decode_any_more_is_dead_at_once_and_runs_when_redriven(
        self, harness: Harness
    ) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.task(max_attempts=5)
        def work(payload: Picky) -> None:
            seen.append(payload.text)

        with harness.running(app) as running:
            run = work.send(Picky(text="old"))
            REFUSED.add("old")
            try:
                running.drain()
                assert seen == []
                assert run.status() == "dead"
                letters = work.dead_letters().letters
                assert len(letters) == 1
                assert letters[0].attempts == 1
                assert "decode" in letters[0].error
                assert '"old"' in letters[0].body
                with pytest.raises(TaskFailed):
                    run.result()
            finally:
                REFUSED.discard("old")
            work.redrive(run.id)
            running.drain()
            assert seen == ["old"]

    def test_a_result_that_json_cannot_carry_is_a_failure(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task(max_attempts=1)
        def work() -> Any:
            return object()

        @app.task(max_attempts=1)
        def generate() -> Any:
            return (number for number in range(3))

        with harness.running(app) as running:
            run, other = work.send(), generate.send()
            running.drain()
            assert run.status() == "dead"
            assert other.status() == "dead"
            assert "JSON" in work.dead_letters().letters[0].error

    def test_a_secret_is_refused_rather_than_sent_as_asterisks(self, harness: Harness) -> None:
        class Login(BaseModel):
            name: str
            password: SecretStr

        app = App("conformance")
        seen: list[Login] = []

        @app.task()
        def sign_in(login: Login) -> None:
            seen.append(login)

        with harness.running(app) as running:
            with pytest.raises(InvalidArgument, match="SecretStr"):
                sign_in.send(Login(name="ada", password=SecretStr("hush")))
            running.drain()
        assert seen == []

    def test_an_instance_of_a_subclass_is_refused_if_fields_would_be_lost(self, harness: Harness) -> None:
        app = App("conformance")

        class Wider(Aliased):
            gift: str

        @app.task()
        def work(order: Aliased) -> None: ...

        with harness.running(app), pytest.raises(InvalidArgument, match="gift"):
            work.send(Wider(orderId="1", gift="bow"))

    def test_computed_fields_are_no_obstacle_to_a_model_that_forbids_others(self, harness: Harness) -> None:
        class Square(BaseModel, extra="forbid"):
            side: int

            @computed_field  # type: ignore[prop-decorator]
            @property
            def area(self) -> int:
                return self.side**2

        app = App("conformance")

        @app.task()
        def grow(square: Square) -> Square:
            return Square(side=square.side + 1)

        with harness.running(app) as running:
            run = grow.send(Square(side=2))
            running.drain()
            assert run.result() == Square(side=3)
            assert run.result().area == 9

    def test_an_exception_that_cannot_be_shown_is_a_failure_like_any_other(self, harness: Harness) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no words")

        app = App("conformance")

        @app.task(max_attempts=1)
        def work(text: str) -> str:
            if text == "mute":
                raise Mute
            return text

        with harness.running(app) as running:
            first, second = work.send("mute"), work.send("fine")
            running.drain()
            assert (first.status(), second.status()) == ("dead", "succeeded")
            assert "Mute" in work.dead_letters().letters[0].error

    def test_bytes_come_back_as_a_result(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task()
        def work() -> bytes:
            return bytes(range(256))

        with harness.running(app) as running:
            run = work.send()
            running.drain()
            assert run.result() == bytes(range(256))
