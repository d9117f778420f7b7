"""Awkward: an app whose routes have everything that is hard to describe.

A second paragraph, with <b>markup</b> and `code`.
"""

from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Generic, Literal, NamedTuple, NoReturn, NotRequired, TypedDict, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, computed_field, model_validator

from portable import (
    App,
    Body,
    Context,
    Cookie,
    File,
    Form,
    Header,
    HTTPError,
    NotFound,
    Query,
    Request,
    Response,
    Service,
    UploadFile,
)

from . import namesake

T = TypeVar("T")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Line(BaseModel):
    """One line of an order."""

    sku: str = Field(pattern=r"^[A-Z]{2}-\d{3}$", description="What is ordered.")
    quantity: int = Field(gt=0, le=99, multiple_of=3)
    price: Decimal = Decimal("9.90")


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    customer: str = Field(alias="customerName", min_length=2, max_length=20)
    lines: list[Line] = Field(min_length=1)
    colour: Colour = Colour.RED
    level: Level | None = None
    due: date
    notes: dict[str, str] = {}
    wait: timedelta = timedelta(hours=1)

    @computed_field
    def count(self) -> int:
        return len(self.lines)


class Problem(BaseModel):
    """A name that the document uses itself."""

    text: str


class Tree(BaseModel):
    """Contains itself."""

    name: str
    children: list["Tree"] = []
    parent: "Tree | None" = None


class Shown(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"low": 1, "high": 5}]})

    low: int
    high: int

    @model_validator(mode="after")
    def ordered(self) -> "Shown":
        if self.low >= self.high:
            raise ValueError("low is not below high")
        return self


class Misled(BaseModel):
    """Its example is wrong, and its validator knows more than its schema."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"code": 7}]})

    code: str

    @model_validator(mode="after")
    def secret(self) -> "Misled":
        if self.code != "open sesame":
            raise ValueError("not the code")
        return self


class Page(BaseModel, Generic[T]):
    items: list[T]
    cursor: str | None = None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: set[str] = Field(min_length=2)


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


@dataclass
class Point:
    x: float
    y: float = 0.0
    tags: list[str] = field(default_factory=list[str])


class Filter(TypedDict):
    """Which things."""

    text: str
    most: NotRequired[int]


class Pair(NamedTuple):
    first: int
    second: str


class Paging(BaseModel):
    page: int = Field(1, ge=1, description="Which page.")
    per_page: int = Field(20, ge=1, le=100, alias="perPage")
    sort: list[Literal["name", "age"]] = []
    since: datetime | None = None


class Credentials(BaseModel):
    x_tenant: str = Field(min_length=3)
    x_roles: list[str] = []


class Profile(BaseModel):
    name: str
    age: int = Field(ge=18)
    likes: list[str] = []


app = App("awkward")
shop = Service("shop")


# Parameters


@app.get("/scalars/{whole}/{real}/{flag}/{colour}/{level}/{when}")
def scalars(
    whole: Annotated[int, Field(ge=10, le=20)],
    real: float,
    flag: bool,
    colour: Colour,
    level: Level,
    when: date,
    moment: datetime,
    at: time,
    price: Decimal,
    id: UUID,
    choice: Literal["a", "b"],
    number: Literal[1, 2],
) -> dict[str, str]:
    """Every kind of scalar.

    Args: all of them.
    """
    given = (whole, real, flag, colour, level, when, moment, at, price, id, choice, number)
    return {str(index): str(value) for index, value in enumerate(given)}


@app.get("/optional")
def optional(
    text: str | None = None,
    limit: Annotated[int, Field(gt=0, le=100, description="At most so many.", examples=[25])] = 10,
    mixed: Annotated[int | None, Field(ge=3)] = None,
    colours: list[Colour] = [],  # noqa: B006
    numbers: Annotated[list[int], Field(min_length=2, max_length=3)] = [7, 8],  # noqa: B006
    either: int | bool = 3,
    old: Annotated[str, Field(json_schema_extra={"deprecated": True})] = "",
    older: Annotated[str, Field(deprecated=True)] = "",
) -> list[int]:
    return [limit, *numbers]


@app.get("/lists")
def lists(
    tag: list[str],
    unique: Annotated[set[int], Field(min_length=2)],
    pattern: Annotated[str, Query("p", default="AB-123"), Field(pattern="^[A-Z]+-[0-9]{3}$")],
    x_ids: Annotated[list[int], Header()],
) -> dict[str, int]:
    return {"tags": len(tag), "unique": len(unique), "ids": len(x_ids)}


@app.get("/models")
def models(
    paging: Annotated[Paging, Query()],
    credentials: Annotated[Credentials, Header()],
    session: Annotated[str, Cookie("session-id")],
    seen: Annotated[int, Cookie()] = 0,
) -> Page[Pair]:
    return Page(items=[Pair(paging.page, session)], cursor=credentials.x_tenant)


@app.get("/anything")
def anything(all_of_it: Annotated[dict[str, str], Query()]) -> dict[str, str]:
    return all_of_it


# One path under two spellings, several methods, HEAD


@app.get("/things/{id}")
def read_thing(id: int) -> Point:
    if id == 404:
        raise NotFound("no such thing")
    return Point(float(id))


@app.put("/things/{thing}")
def write_thing(thing: int, point: Point) -> Point:
    return point


@app.route("/many", methods=["GET", "POST", "HEAD", "OPTIONS"])
def many(request: Request) -> str:
    return request.method


@app.route("/only-head", methods=["HEAD"])
def only_head() -> None:
    """Nothing but headers"""


@app.get("/request/{unnamed}/{named}")
def with_request(request: Request, context: Context, named: str) -> Response:
    return Response(request.params["unnamed"] + named + context.id, 203)


# Bodies


@app.post("/orders", status=201)
def order(order: Order) -> Order:
    return order


@app.post("/problems")
def problems(problem: Problem, theirs: bool = False) -> Problem | namesake.Problem:
    return namesake.Problem(number=1) if theirs else problem


@app.post("/namesakes")
def namesakes(problem: namesake.Problem) -> list[namesake.Problem]:
    return [problem]


@app.post("/trees")
def trees(tree: Tree) -> Tree:
    return tree


@app.post("/shown")
def shown(shown: Shown) -> Shown:
    return shown


@app.post("/misled")
def misled(misled: Misled) -> None: ...


@app.post("/pets")
def pets(pet: Annotated[Pet, Body()]) -> list[Pet]:
    return [pet]


@app.post("/filters")
def filters(filter: Filter) -> list[Filter]:
    return [filter]


@app.post("/plain")
def plain(anything: dict[str, Any]) -> dict[str, Any]:
    return anything


@app.post("/several")
def several(points: list[Point]) -> tuple[list[Point], Literal[202]]:
    return points, 202


@app.post("/perhaps")
def perhaps(note: Annotated[Problem | None, Body()] = None) -> Problem | None:
    return note


@app.post("/raw")
def raw(data: Annotated[bytes, Body()]) -> bytes:
    return data[::-1]


@app.post("/form")
def form(
    name: Annotated[str, Form()],
    age: Annotated[int, Form(), Field(ge=18)],
    likes: Annotated[list[str], Form()],
    comment: Annotated[str | None, Form()] = None,
) -> str:
    return f"{name} {age} {len(likes)} {comment}"


@app.post("/form-model")
def form_model(profile: Annotated[Profile, Form()]) -> Profile:
    return profile


@app.post("/upload")
def upload(
    title: Annotated[str, Form()], picture: UploadFile, more: list[UploadFile], raw: Annotated[bytes, File()] = b""
) -> dict[str, int]:
    return {"size": len(picture.data), "more": len(more), "raw": len(raw)}


# Answers


@app.get("/answers/nothing")
def nothing() -> None: ...


@app.delete("/answers/nothing-else", status=202)
def nothing_else() -> None: ...


@app.get("/answers/number")
async def number() -> int:
    return 7


@app.get("/answers/either")
def either(text: bool = False) -> str | Point | None:
    return "text" if text else Point(1)


@app.get("/answers/chosen")
def chosen(status: int = 200) -> tuple[Point, int, dict[str, str]]:
    return Point(1), status, {"x-seen": "yes"}


@app.get("/answers/unsaid")
def unsaid():  # type: ignore[no-untyped-def]
    return {"what": "ever"}


@app.get("/answers/any")
def any_answer() -> Any:
    return "text"


@app.get("/answers/gone")
def gone() -> NoReturn:
    raise HTTPError(410, "it is gone")


@app.get("/answers/opaque")
def opaque() -> "Opaque":
    return Opaque()


class Opaque:
    """Nothing that pydantic knows, but something that it can write."""

    def model_dump(self, **options: Any) -> dict[str, str]:
        return {"opaque": "yes"}


@app.get("/answers/address")
def address(to: HttpUrl, within: timedelta) -> str:
    return f"{to} {within}"


@app.get("/answers/broken")
def broken() -> str:
    raise RuntimeError("a fault of the app")


# A service, a mount, a folder


@shop.get("/")
def root() -> str:
    """What the shop is; ends with a full stop."""
    return "shop"


@shop.post("/{item}/buy")
def buy(item: str, count: Annotated[int, Query()] = 1) -> tuple[Pair, Literal[201]]:
    return Pair(count, item), 201


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"old"]


app.include(shop, prefix="/shop")
app.mount("/old", application)
app.static("/files", str(Path(__file__).parent))


@app.middleware
def passing(request: Request) -> Generator[None, Response, Response | None]:
    answer = yield
    return answer
