"""Mistakes in declarations: each is refused where it stands, and the hint says what to write instead."""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from portable import App, DeclarationError, NotBound, Service, idempotent
from portable.dispatch import Dispatcher


def plain(order: str = "") -> None:
    """A function that any of the decorators would take."""


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


class Things:
    def counted(self) -> Iterator[int]:
        yield 1

    def __call__(self) -> Iterator[int]:
        yield 1


GENERATORS: list[Any] = [generator, async_generator, Things().counted, Things()]

MISTAKES: dict[str, Callable[[Any], object]] = {
    "a route without its path": lambda app: app.get(plain),
    "every without its arguments": lambda app: app.every(plain),
    "every with a number": lambda app: app.every(15),
    "cron without its arguments": lambda app: app.cron(plain),
    "a number as a handler": lambda app: app.get("/")(3),
    "nothing as a handler": lambda app: app.get("/")(None),
    "idempotent without its key": lambda app: app.post("/")(idempotent(plain)),
    "a timeout that is a text": lambda app: app.get("/", timeout="5")(plain),
    "a timeout that is a truth": lambda app: app.get("/", timeout=True)(plain),
    "a timeout of half a second": lambda app: app.get("/", timeout=0.5)(plain),
    "a timeout past the limit": lambda app: app.get("/", timeout=29)(plain),
    "a status that is a text": lambda app: app.get("/", status="201")(plain),
    "a status that is none": lambda app: app.get("/", status=199)(plain),
    "a size of memory that is no size": lambda app: app.get("/", memory=1000)(plain),
    "methods that are one text": lambda app: app.route("/", methods="GET")(plain),
    "attempts that are a text, of a bucket": lambda app: app.bucket("b").on_created(max_attempts="3"),
    "attempts that are none, of a table": lambda app: app.table("t").on_change(max_attempts=0),
    "a wait that is no number": lambda app: app.table("t").on_change(min_backoff=float("nan")),
    "a resource instead of a grant": lambda app: app.get("/", uses=[app.table("notes")])(plain),
    "a text instead of grants": lambda app: app.get("/", uses="notes")(plain),
    "a handler's name with a space": lambda app: app.get("/", name="my handler")(plain),
    "a handler's name that is empty": lambda app: app.task(name="")(plain),
    "a service that is none": lambda app: app.include("exchange"),
    "an app as a service": lambda app: app.include(App("other")),
    "a service of the app's name": lambda app: app.include(Service(app.name)),
    "indexes that are a list": lambda app: app.table("notes", indexes=["by_owner"]),
    "an index that is a text": lambda app: app.table("notes", indexes={"by_owner": "owner"}),
    "a param's name in capitals": lambda app: app.param("API_URL"),
    "a secret's name that is a number": lambda app: app.secret(3),
    "cors that is a text": lambda _: App("shop", cors="*"),  # type: ignore[arg-type]
    "a target that there is not": lambda _: App("shop", targets="ibm"),
    "a grouping that there is not": lambda _: App("shop", functions="each"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_with_its_place_and_what_to_write(mistake: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        MISTAKES[mistake](App("shop"))
    error = caught.value
    assert error.location is not None
    assert error.location.file == __file__
    assert error.hint


@pytest.mark.parametrize("function", GENERATORS, ids=["def", "async def", "method", "object"])
def test_a_generator_is_no_handler_since_nothing_would_run_it(function: Any) -> None:
    app = App("shop")
    registering: list[Callable[[Any], object]] = [
        app.get("/"),
        app.task(),
        app.every(hours=1),
        app.topic("t").subscribe,
    ]
    for register in registering:
        with pytest.raises(DeclarationError, match="generator"):
            register(function)
    assert app.handlers == {}


def test_what_runs_a_generator_is_a_handler() -> None:
    def listed(function: Callable[[], Iterator[int]]) -> Callable[[], list[int]]:
        @functools.wraps(function)
        def run() -> list[int]:
            return list(function())

        return run

    app = App("shop")
    app.get("/")(listed(generator))
    Dispatcher(app)
    assert list(app.handlers) == ["generator"]


def test_idempotent_above_what_registers_is_refused() -> None:
    app = App("shop")
    with pytest.raises(DeclarationError, match="no effect") as caught:

        @idempotent("{id}")
        @app.post("/orders/{id}")
        def buy(id: str) -> str:
            return id

    assert "below @app.post" in str(caught.value.hint)


def test_a_method_of_a_class_says_how_to_register_one_of_an_object() -> None:
    app = App("shop")

    class Shop:
        @app.get("/")
        def read(self, page: int = 1) -> str:
            return f"page {page}"

    with pytest.raises(DeclarationError, match="'self'") as caught:
        app.manifest()
    assert "thing.method" in str(caught.value.hint)


def test_every_handler_may_have_a_name_of_its_own() -> None:
    app = App("shop")

    def work() -> None: ...

    app.get("/get", name="a")(work)
    app.post("/post", name="b")(work)
    app.put("/put", name="c")(work)
    app.patch("/patch", name="d")(work)
    app.delete("/delete", name="e")(work)
    app.every(minutes=5, name="f")(work)
    app.cron("0 3 * * *", name="g")(work)
    app.task(name="h")(work)
    app.topic("t").subscribe(name="i")(work)
    assert sorted(app.handlers) == list("abcdefghi")
    assert {handler.name for handler in app.manifest().handlers} == set("abcdefghi")


def test_a_resource_of_a_service_that_is_not_included_says_so() -> None:
    exchange = Service("exchange")
    rates = exchange.table("rates")
    with pytest.raises(NotBound) as caught:
        rates.get("EUR")
    assert "app.include(exchange)" in str(caught.value.hint)


def test_what_pydantic_says_of_a_type_is_cut_to_its_first_line() -> None:
    class Opaque: ...

    @dataclass
    class Note:
        id: str
        opaque: Opaque

    app = App("shop")
    app.table("notes", Note)
    with pytest.raises(DeclarationError, match="no JSON Schema") as caught:
        app.manifest()
    assert "\n" not in caught.value.message
