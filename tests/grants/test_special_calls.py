"""What Python and pydantic call without a call in the code: each of these handlers needs `get`, and may do it."""

import enum
from collections.abc import Generator
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, PlainSerializer, PrivateAttr, field_validator, model_validator
from pydantic.dataclasses import dataclass as validated_dataclass

from portable import App
from portable.grants import derive
from portable.testing import running

app = App("special", targets=["aws"])
notes = app.table("notes")


def look(value: Any) -> Any:
    notes.get("1")
    return value


class Field(BaseModel):
    text: str

    @field_validator("text")
    @classmethod
    def check(cls, value: str) -> str:
        return str(look(value))


class Whole(BaseModel):
    text: str

    @model_validator(mode="after")
    def check(self) -> "Whole":
        look(self.text)
        return self


class Annotation(BaseModel):
    text: Annotated[str, AfterValidator(look)]


class Serialized(BaseModel):
    text: Annotated[str, PlainSerializer(look)]


class Nested(BaseModel):
    inside: list[Field] | None = None
    text: str

    @model_validator(mode="before")
    @classmethod
    def fill(cls, value: dict[str, Any]) -> dict[str, Any]:
        return {**value, "inside": [{"text": "x"}]}


class Hidden(BaseModel):
    text: str
    _kept: Any = PrivateAttr(default_factory=lambda: look(1))


@validated_dataclass
class Record:
    text: str

    @field_validator("text")
    @classmethod
    def check(cls, value: str) -> str:
        return str(look(value))


class Kind(enum.Enum):
    X = "y"

    @classmethod
    def _missing_(cls, value: object) -> "Kind":
        look(value)
        return cls.X


class Choice(BaseModel):
    text: Kind


MODELS: tuple[Any, ...] = (Field, Whole, Annotation, Serialized, Nested, Hidden, Record, Choice)


def handlers_of(model: Any) -> None:
    def body(given: Any) -> str:
        return str(getattr(given, "model_dump", str)())

    def made() -> str:
        return str(getattr(model(text="x"), "model_dump", str)())

    for function, path in ((body, "body"), (made, "made")):
        function.__name__ = function.__qualname__ = f"{path}_{model.__name__}"
        function.__annotations__.update({"given": model} if path == "body" else {})
        app.post(f"/{path}/{model.__name__}")(function)


for each in MODELS:
    handlers_of(each)


class Special:
    def __bool__(self) -> bool:
        return bool(look(True))

    def __eq__(self, other: object) -> bool:
        return bool(look(True))

    def __hash__(self) -> int:
        return int(look(1))

    def __index__(self) -> int:
        return int(look(0))

    def __str__(self) -> str:
        return str(look("x"))

    def __class_getitem__(cls, key: str) -> Any:
        return look(key)


class Meta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return bool(look(True))


class Checked(metaclass=Meta):
    pass


def asserted() -> None:
    assert Special()


def contained() -> bool:
    return Special() in [Special()]  # noqa: FURB171


def keyed() -> Any:
    return {Special(): 1}


def looked_up() -> Any:
    return {1: 1}.get(Special())  # type: ignore[call-overload]


def indexed() -> int:
    return [1][Special()]


def written_out() -> str:
    return "%s" % Special()  # noqa: UP031


def subscripted() -> Any:
    return Special["x"]  # type: ignore[misc]


def checked() -> bool:
    return isinstance(1, Checked)


def matched() -> bool:
    match 1:
        case Checked():
            return True
    return False


def by_the_class() -> None:
    type(notes).get(notes, "1")


def set_in_a_comprehension() -> None:
    [found for table in (notes,) if (found := table)]  # type: ignore[truthy-bool]
    found.get("1")


def receiver() -> Generator[None, Any, None]:
    while True:
        table = yield
        if table is not None:
            table.get("1")


def sent() -> None:
    running_receiver = receiver()
    next(running_receiver)
    running_receiver.send(notes)


CALLS = (asserted, contained, keyed, looked_up, indexed, written_out, subscripted, checked, matched)
CALLS_OF_RESOURCES = (by_the_class, set_in_a_comprehension, sent)


def handler_of(call: Any) -> None:
    def does() -> str:
        return str(call())

    does.__name__ = does.__qualname__ = f"does_{call.__name__}"
    app.post(f"/does/{call.__name__}")(does)


for one in (*CALLS, *CALLS_OF_RESOURCES):
    handler_of(one)

PATHS = [
    *(f"/{how}/{model.__name__}" for model in MODELS for how in ("body", "made")),
    *(f"/does/{call.__name__}" for call in (*CALLS, *CALLS_OF_RESOURCES)),
]


@pytest.mark.parametrize("path", PATHS)
def test_what_is_called_without_a_call_in_the_code_is_granted(path: str) -> None:
    name = path[1:].replace("/", "_")
    derived = derive(app)
    assert {grant.verb: grant.how for grant in derived.grants if grant.handler == name} == {"get": "exact"}
    assert [widening for widening in derived.widenings if widening.handler == name] == []
    with running(app) as started:
        assert started.client.post(path, json={"text": "x"}).status == 200
