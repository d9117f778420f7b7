"""Handlers of changes and bucket events say what they are given; what they are not given is refused with its place."""

from collections.abc import Callable
from typing import Annotated, Any, Protocol, TypedDict

import pytest
from pydantic import BaseModel

from portable import App, Change, Context, DeclarationError, ObjectEvent


class Base(BaseModel):
    id: str


class Note(Base):
    text: str = ""


class Other(BaseModel):
    id: str


class Loose(TypedDict):
    id: str


class HasKey(Protocol):
    key: str


def changed(parameter: Any, model: Any = Note) -> App:
    app = App("events")
    table = app.table("notes") if model is None else app.table("notes", model)

    def handler(change: Any) -> None: ...

    handler.__annotations__["change"] = parameter
    table.on_change(handler)
    return app


def stored(parameter: Any) -> App:
    app = App("events")

    def handler(event: Any) -> None: ...

    handler.__annotations__["event"] = parameter
    app.bucket("files").on_created(handler)
    return app


WRONG: dict[str, tuple[Callable[[], App], str]] = {
    "an event of a bucket for a change": (lambda: changed(ObjectEvent), "takes ObjectEvent, and is called with Change"),
    "the item itself": (lambda: changed(Note), "takes Note, and is called with Change"),
    "another model": (lambda: changed(Change[Other]), r"takes Change\[Other\], and is called with Change\[Note\]"),
    "a model where there is none": (
        lambda: changed(Change[Note], None),
        r"takes Change\[Note\], and is called with Change\[dict\]",
    ),
    "a change for an event of a bucket": (
        lambda: stored(Change[Note]),
        r"takes portable\S*Change\[\S*Note\], and is called with ObjectEvent",
    ),
    "a key": (lambda: stored(str), "takes str, and is called with ObjectEvent"),
    "a key with a note": (lambda: stored(Annotated[str, "key"]), "takes str, and is called with ObjectEvent"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_handler_is_not_given_is_refused_with_its_place(case: str) -> None:
    make, message = WRONG[case]
    with pytest.raises(DeclarationError, match=message) as caught:
        make().manifest()
    assert caught.value.location is not None
    assert caught.value.location.file == __file__
    assert caught.value.hint


def test_what_may_be_so_is_taken() -> None:
    fine = [Change[Note], Change, Change[Base], Change[Any], Any, object, Annotated[Change[Note], "read only"]]
    for parameter in fine:
        assert changed(parameter).manifest().handlers
    for parameter in (Change[dict[str, Any]], Change[dict[str, object]], Change[Loose], Change):
        assert changed(parameter, None).manifest().handlers
    for parameter in (ObjectEvent, Any, object, HasKey):
        assert stored(parameter).manifest().handlers


def test_a_handler_without_an_event_is_taken() -> None:
    app = App("events")
    notes = app.table("notes", Note)

    @notes.on_change
    def noticed(context: Context) -> None: ...

    @app.bucket("files").on_created
    def received() -> None: ...

    assert {handler.name for handler in app.manifest().handlers} == {"noticed", "received"}
