"""Declarations: what App and Service accept, and what they refuse with a place."""

from typing import Any

import pytest

from portable import App, Service
from portable.errors import DeclarationError
from portable.specs import Route, Schedule


@pytest.mark.parametrize("name", ["", "Notes", "9notes", "-a", "a_b", "a b", "a" * 64, "ä", None, 3])
def test_a_name_that_some_provider_would_refuse_is_a_declaration_error(name: Any) -> None:
    with pytest.raises(DeclarationError) as caught:
        App(name)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
    assert caught.value.hint


@pytest.mark.parametrize("name", ["a", "notes", "note-changed", "a" * 63, "n0"])
def test_a_good_name_is_taken(name: str) -> None:
    assert App(name).name == name


def test_the_decorated_function_stays_the_function() -> None:
    app = App("shop")

    @app.get("/x/{id}")
    def read(id: str) -> str:
        return id

    assert read("1") == "1"
    assert app.handlers["read"].function is read
    assert app.handlers["read"].spec.trigger == Route(("GET",), "/x/{id}", 200)


@pytest.mark.parametrize(
    "path", ["", "x", "/a//b", "/a/{b", "/a/{1}", "/a{b}", "/{a}/{a}", "/a/..", "/./a", "/a b", "/é", None]
)
def test_a_malformed_path_is_refused_where_it_stands(path: Any) -> None:
    app = App("shop")
    with pytest.raises(DeclarationError) as caught:

        @app.get(path)
        def read() -> None: ...

    assert caught.value.location is not None
    assert caught.value.location.file == __file__


def test_a_trailing_slash_is_the_same_route() -> None:
    app = App("shop")

    @app.get("/x/")
    def read() -> None: ...

    trigger = app.handlers["read"].spec.trigger
    assert isinstance(trigger, Route)
    assert trigger.path == "/x"


def test_two_handlers_of_one_name_are_refused_and_both_places_are_said() -> None:
    app = App("shop")

    def declare() -> None:
        @app.get("/x")
        def read() -> None: ...

    declare()
    with pytest.raises(DeclarationError) as caught:

        @app.get("/y")
        def read() -> None: ...

    assert "test_app.py:" in (caught.value.hint or "")


def test_one_function_may_answer_several_routes() -> None:
    app = App("shop")

    @app.get("/x")
    @app.get("/y")
    def read() -> None: ...

    assert sorted(app.handlers) == ["read", "read-2"]


@pytest.mark.parametrize(("timeout", "memory"), [(0, None), (29, None), (-1, None), (28, 100), (28, 8192)])
def test_a_timeout_or_memory_that_some_provider_lacks_is_refused(timeout: int, memory: int | None) -> None:
    app = App("shop")
    with pytest.raises(DeclarationError):

        @app.get("/x", timeout=timeout, memory=memory)
        def read() -> None: ...


def test_a_resource_declared_twice_is_refused_and_the_first_place_is_said() -> None:
    app = App("shop")
    app.bucket("files")
    with pytest.raises(DeclarationError) as caught:
        app.bucket("files")
    assert "test_app.py:" in (caught.value.hint or "")
    app.topic("files")


def test_services_are_included_once_under_their_own_names() -> None:
    app, service = App("shop"), Service("orders")
    app.include(service, prefix="/orders/")
    assert service.prefix == "/orders"
    assert [part.name for part in app.parts()] == ["shop", "orders"]
    with pytest.raises(DeclarationError):
        app.include(service)
    with pytest.raises(DeclarationError):
        app.include(Service("orders"))
    with pytest.raises(DeclarationError):
        app.include(Service("shop"))
    with pytest.raises(DeclarationError):
        app.include(App("other"))


def test_handlers_of_services_have_qualified_names() -> None:
    app, service = App("shop"), Service("orders")

    @service.get("/x")
    def read() -> None: ...

    app.include(service, prefix="/orders")
    assert list(app.all_handlers()) == ["orders.read"]


def test_every_is_compiled_to_cron_in_utc() -> None:
    app = App("shop")

    @app.every(minutes=15)
    def sweep() -> None: ...

    trigger = app.handlers["sweep"].spec.trigger
    assert isinstance(trigger, Schedule)
    assert (trigger.cron, trigger.zone) == ("*/15 * * * *", "UTC")


@pytest.mark.parametrize("arguments", [{"targets": ("mars",)}, {"targets": ()}, {"functions": "each"}])
def test_unknown_targets_and_groupings_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError):
        App("shop", **arguments)


def test_a_static_folder_that_does_not_exist_is_refused() -> None:
    with pytest.raises(DeclarationError):
        App("shop").static("/assets", "no-such-folder")
