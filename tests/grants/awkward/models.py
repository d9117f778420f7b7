"""What pydantic calls by itself: answers, generic models, discriminators."""
# mypy: ignore-errors

import dataclasses
import json
import typing
from typing import Annotated, Generic, Literal, TypeVar, Union

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    SerializeAsAny,
    Tag,
    TypeAdapter,
    computed_field,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

from .base import exact, look


class R1(BaseModel):
    a: int = 1

    @computed_field
    @property
    def b(self) -> int:
        return look()


class R2(BaseModel):
    a: int = 1

    @model_serializer
    def ser(self):
        look()
        return {"a": 1}


class R3(BaseModel):
    a: int = 1

    @field_serializer("a")
    def s(self, v):
        return look()


class R4(BaseModel):
    a: Annotated[int, PlainSerializer(lambda v: look())] = 1


@exact
def resp_computed() -> R1:
    return R1()


@exact
def resp_model_ser() -> R2:
    return R2()


@exact
def resp_field_ser() -> R3:
    return R3()


@exact
def resp_ann_ser() -> R4:
    return R4()


@exact
def resp_list() -> list[R1]:
    return [R1()]


@exact
def resp_dict():
    return {"a": R3()}


r3 = R3()


@exact
def resp_live():
    return r3


@exact
def resp_any():
    return SA1(r=R3())


class SA1(BaseModel):
    r: SerializeAsAny[BaseModel]


@exact
def resp_unk():
    return json.loads("1") and r3


@exact
def resp_gen():
    def g():
        look()
        yield b"x"

    from portable import Response

    return list(g()) and 1


T = TypeVar("T")


class G(BaseModel, Generic[T]):
    v: T


class V(BaseModel):
    a: int

    @field_validator("a")
    @classmethod
    def c(cls, v):
        return look()


@exact
def generic_model():
    G[V](v={"a": 1})


GV = G[V]


@exact
def generic_alias():
    GV(v={"a": 1})


@exact
def generic_validate():
    GV.model_validate({"v": {"a": 1}})


@exact
def generic_adapter():
    TypeAdapter(dict[str, G[V]]).validate_python({"x": {"v": {"a": 1}}})


class Cat(BaseModel):
    k: Literal["cat"]


class Dog(BaseModel):
    k: Literal["dog"]

    @model_validator(mode="wrap")
    @classmethod
    def w(cls, v, handler):
        look()
        return handler(v)


class Pet(BaseModel):
    p: Annotated[Union[Cat, Dog], Field(discriminator="k")]


@exact
def discriminated():
    Pet(p={"k": "dog"})


def disc(v):
    look()
    return "cat"


class Pet2(BaseModel):
    p: Annotated[Union[Annotated[Cat, Tag("cat")], Annotated[Dog, Tag("dog")]], Discriminator(disc)]


@exact
def disc_callable():
    Pet2(p={"k": "cat"})


@exact
def model_construct():
    R1.model_construct().model_dump()


@exact
def model_copy():
    R1().model_copy().b


@exact
def model_dump_json():
    R3().model_dump_json()


class PI(BaseModel):
    a: int = 1

    def model_post_init(self, c):
        look()


@exact
def post_init():
    PI()


class EqI:
    def __eq__(self, o):
        look()
        return True

    def __repr__(self):
        look()
        return ""


class ME(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    x: EqI

    def __hash__(self):
        return 1


@exact
def model_eq():
    ME(x=EqI()) == ME(x=EqI())


@exact
def model_repr():
    repr(ME(x=EqI()))


class Custom:
    @classmethod
    def __get_pydantic_core_schema__(cls, s, h):
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(lambda v: look())


@exact
def custom_schema():
    TypeAdapter(Custom).validate_python(1)


class MC(BaseModel):
    c: Custom


@exact
def custom_schema_field():
    MC(c=1)


class DF(BaseModel):
    a: int = Field(default_factory=look)
    b: int = Field(default_factory=lambda data: look())


@exact
def default_factory():
    DF()


class Maker:
    def __init__(self):
        look()


class DF2(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    a: Maker = Field(default_factory=Maker)


@exact
def default_factory_class():
    DF2()


@exact
def alias_gen_local():
    class L(BaseModel):
        model_config = {"alias_generator": lambda n: look() and n}
        a: int = 1


@exact(body={"a": 1})
def body_dc(x: "Annotated[DV, 1]"):
    pass


@dataclasses.dataclass
class DV:
    a: Annotated[int, BeforeValidator(lambda v: look())]


@exact(body=[{"a": 1}])
def body_list(x: list[V]):
    pass


class TD(typing.TypedDict):
    a: Annotated[int, BeforeValidator(lambda v: look())]


@exact(body={"a": 1})
def body_td(x: TD):
    pass


class NTa(typing.NamedTuple):
    a: Annotated[int, BeforeValidator(lambda v: look())]


@exact
def nt_adapter():
    TypeAdapter(NTa).validate_python((1,))


@exact
def dc_adapter():
    TypeAdapter(DV).validate_python({"a": 1})
