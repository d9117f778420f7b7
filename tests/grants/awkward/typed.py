"""What pydantic calls by itself: types in variables and annotations."""
# mypy: ignore-errors

import enum
from typing import Annotated

import pydantic
from pydantic import AfterValidator, BaseModel, TypeAdapter, field_validator

from .base import exact, look, widened


class A(BaseModel):
    text: str

    @field_validator("text")
    @classmethod
    def check(cls, v):
        return look(v)


ADAPTER = TypeAdapter(list[A])

LA = list[A]

Checked = Annotated[str, AfterValidator(look)]


class Kind(enum.Enum):
    X = "x"

    @classmethod
    def _missing_(cls, value):
        look(value)
        return cls.X


@pydantic.validate_call
def given(a: A):
    return None


@pydantic.validate_call(validate_return=True)
def returned(a: int) -> Checked:
    return "1"


@exact
def adapter_of_a_list():
    ADAPTER.validate_python([{"text": "x"}])


@exact
def alias_of_a_list():
    TypeAdapter(LA).validate_python([{"text": "x"}])


@exact
def validate_call():
    given({"text": "x"})


@exact
def validate_call_of_a_result():
    returned(1)


@exact
def enum_missing():
    Kind("nope")


@exact
def adapter_of_an_annotation():
    TypeAdapter(Checked).validate_python("x")


@exact
def adapter_made_here():
    TypeAdapter(list[A]).validate_python([{"text": "x"}])


@exact
def annotation_made_here():
    TypeAdapter(Annotated[str, AfterValidator(look)]).validate_python("x")


class Box(BaseModel):
    kinds: dict[str, LA] | None = None


@exact
def alias_in_a_field():
    Box(kinds={"a": [{"text": "x"}]})


validate = ADAPTER.validate_python


@exact
def method_of_an_adapter():
    validate([{"text": "x"}])


@exact
def model_made_here():
    class Local(BaseModel):
        text: Checked

    Local(text="x")


@exact
def model_of_a_model_made_here():
    class Local(BaseModel):
        a: A

    Local(a={"text": "x"})


@exact
def created_model_made_here():
    M = pydantic.create_model("M", a=(A, ...))
    M(a={"text": "x"})


M2 = pydantic.create_model("M2", a=(A, ...))


@exact
def created_model():
    M2(a={"text": "x"})


@exact
def model_validate():
    A.model_validate({"text": "x"})


@exact
def model_validate_json():
    A.model_validate_json('{"text": "x"}')


@exact
def root_model():
    pydantic.RootModel[list[A]]([{"text": "x"}])


@widened
def validate_call_made_here():
    @pydantic.validate_call
    def f(a: A):
        pass

    f({"text": "x"})
