"""Plans of parameters by values: what a signature means, and what is said about one that means nothing."""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from portable import App, Body, Cookie, File, Form, Header, Path, Query, Request, Service, UploadFile
from portable.context import Context
from portable.dispatch import Dispatcher
from portable.errors import DeclarationError, Location
from portable.manifest import declaration_errors
from portable.parameters import plan_route
from portable.specs import Route

PLACE = Location("app.py", 1)


class Item(BaseModel):
    name: str


def places(function: Callable[..., Any], path: str = "/x/{id}", method: str = "POST") -> list[tuple[str, str, str]]:
    plan = plan_route(function, Route((method,), path, 200), "", PLACE)
    return [(parameter.name, parameter.where, parameter.source) for parameter in plan.parameters]


def test_each_parameter_comes_from_where_its_annotation_says() -> None:
    def handler(
        id: int,
        request: Request,
        context: Context,
        item: Item,
        q: str,
        days: list[date],
        maybe: int | None,
        page_size: Annotated[int, Query("page-size")],
        x_rate: Annotated[float, Header()],
        session: str = Cookie("SID"),
    ) -> None: ...

    assert places(handler) == [
        ("id", "path", "id"),
        ("request", "request", "request"),
        ("context", "context", "context"),
        ("item", "body", "item"),
        ("q", "query", "q"),
        ("days", "query", "days"),
        ("maybe", "query", "maybe"),
        ("page_size", "query", "page-size"),
        ("x_rate", "header", "x-rate"),
        ("session", "cookie", "SID"),
    ]


def test_a_form_with_files_is_one_body() -> None:
    def handler(
        id: str, title: Annotated[str, Form()], raw: Annotated[bytes, File("data")], file: UploadFile
    ) -> None: ...

    assert [where for _, where, _ in places(handler)] == ["path", "form", "file", "file"]
    assert plan_route(handler, Route(("POST",), "/x/{id}", 200), "", PLACE).body == "form"


def test_annotations_may_be_strings_and_wrappers_are_looked_through() -> None:
    def handler(id: "int", item: "Item") -> None: ...

    @wraps(handler)
    def wrapper(*arguments: Any, **named: Any) -> None:
        handler(*arguments, **named)

    assert [where for _, where, _ in places(wrapper)] == ["path", "body"]

    class Held:
        def method(self, id: str, q: int) -> None: ...

        def __call__(self, id: str) -> None: ...

    assert [name for name, _, _ in places(Held().method)] == ["id", "q"]
    assert [name for name, _, _ in places(Held())] == ["id"]


def test_names_of_a_prefix_are_path_parameters_too() -> None:
    def handler(tenant: str, id: int) -> None: ...

    plan = plan_route(handler, Route(("GET",), "/x/{id}", 200), "/{tenant}", PLACE)
    assert [parameter.where for parameter in plan.parameters] == ["path", "path"]


def star(id: str, *rest: str) -> None: ...


def stars(id: str, **rest: str) -> None: ...


def unfilled(other: str) -> None: ...


def bare(id: str, q) -> None: ...  # type: ignore[no-untyped-def]


def unresolved(id: str, q: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821


def raw(id: str, data: bytes) -> None: ...


def two_bodies(id: str, one: Item, two: Item) -> None: ...


def body_on_get(id: str, item: Item) -> None: ...


def mixed(id: str, item: Item, title: Annotated[str, Form()]) -> None: ...


def two_markers(id: str, q: Annotated[str, Query(), Header()]) -> None: ...


def uncalled(id: str, q: Annotated[str, Query]) -> None: ...


def wrong_path(id: str, q: Annotated[str, Path("nowhere")]) -> None: ...


def list_in_path(id: list[str]) -> None: ...


def list_in_cookie(id: str, q: Annotated[list[str], Cookie()]) -> None: ...


def text_file(id: str, q: Annotated[str, File()]) -> None: ...


def path_and_query(id: str, q: Annotated[str, Query("id")]) -> None: ...


def named_model(id: str, q: Annotated[Item, Query("q")]) -> None: ...


def dict_of_headers(id: str, q: Annotated[dict[str, str], Header()]) -> None: ...


def internal(id: str, q: Annotated[str, Header("X-Portable-Stage")]) -> None: ...


FAULTY: list[tuple[str, Callable[..., Any], str]] = [
    (r"\*args", star, "GET"),
    (r"\*args", stars, "GET"),
    ("no parameter takes it", unfilled, "GET"),
    ("no annotation", bare, "GET"),
    ("Nowhere", unresolved, "GET"),
    ("bytes", raw, "POST"),
    ("more than one", two_bodies, "POST"),
    ("GET has none", body_on_get, "GET"),
    ("more than one", mixed, "POST"),
    ("more than one marker", two_markers, "GET"),
    ("not called", uncalled, "GET"),
    ("not in the path", wrong_path, "GET"),
    ("one value", list_in_path, "GET"),
    ("one value", list_in_cookie, "GET"),
    ("UploadFile or bytes", text_file, "POST"),
    ("in the path and in the query", path_and_query, "GET"),
    ("the whole query", named_model, "GET"),
    ("not known", dict_of_headers, "GET"),
    ("portable's own", internal, "GET"),
]
"""(what is said, a function that cannot be a handler, its method)."""


@pytest.mark.parametrize("number", range(len(FAULTY)))
def test_a_signature_that_means_nothing_is_refused_with_its_place_and_a_hint(number: int) -> None:
    message, function, method = FAULTY[number]
    with pytest.raises(DeclarationError, match=message) as caught:
        places(function, method=method)
    assert caught.value.location == PLACE
    assert caught.value.hint


def test_all_mistakes_of_an_app_are_found_at_once_each_with_its_line() -> None:
    app, service = App("shop"), Service("part")
    cases = FAULTY
    for number, (_, function, method) in enumerate(cases):
        part = app if number % 2 else service
        part.route(f"/{number}/{{id}}", methods=[method])(function)

    def one() -> None: ...
    def two() -> None: ...

    app.get("/same/{id}/x")(lambda id: id)
    service.get("/{a}")(one)
    service.get("/{b}/")(two)
    wrong: Any = one
    app.middleware(wrong)
    app.include(service, prefix="/same")
    found = declaration_errors(app)
    lines = [error.location.line for error in found if error.location is not None and error.location.file == __file__]
    assert {function.__code__.co_firstlineno for _, function, _ in cases} <= set(lines)
    assert one.__code__.co_firstlineno in lines
    assert two.__code__.co_firstlineno in lines
    assert all(error.hint for error in found)
    assert len(found) >= len(cases) + 4
    with pytest.raises(DeclarationError) as caught:
        app.manifest()
    assert caught.value.message == found[0].message


def test_a_decorator_without_its_path_is_refused_and_not_lost() -> None:
    app = App("shop")
    get: Any = app.get

    def home() -> str:
        return "home"

    with pytest.raises(DeclarationError, match="without a path") as caught:
        get(home)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
    assert "parentheses" in (caught.value.hint or "")


@pytest.mark.parametrize("methods", ["GET", [], ["FETCH"], ["CONNECT"], [7]])
def test_methods_are_a_list_of_http_methods(methods: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        App("shop").route("/x", methods=methods)(lambda: "x")
    assert caught.value.location is not None


def test_a_keyword_only_parameter_is_given_by_its_name() -> None:
    app = App("shop")

    @app.get("/{a}")
    def handler(a: str, /, b: int, *, c: int, d: int = 4) -> list[object]:
        return [a, b, c, d]

    assert handler is not None
    response = Dispatcher(app).http(Request("GET", "/1", query_string="c=3&b=2"))
    assert response.body == b'["1",2,3,4]'


def test_a_raw_body_may_stand_with_other_parameters() -> None:
    def handler(id: str, data: Annotated[bytes, Body()], q: int = 1) -> None: ...

    assert plan_route(handler, Route(("PUT",), "/{id}", 200), "", PLACE).body == "raw"
