"""What a handler's return annotation means as HTTP answers, by the rules by which portable/answers.py makes them."""

from collections.abc import Callable, Iterator
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Never, NoReturn, Union, get_args, get_origin

from portable.answers import BODILESS, JSON_TYPE
from portable.errors import Location
from portable.http import Response
from portable.scalars import without_metadata
from portable.signatures import ABSENT, return_annotation

UNSAID = (ABSENT, Any, object)


class Stated(NamedTuple):
    """One way in which a handler says that it answers; no media type: no body, or one that is not described."""

    status: str
    media: str | None
    annotation: Any
    description: str | None = None


def stated_answers(function: Callable[..., Any], status: int, location: Location) -> tuple[Stated, ...]:
    """The answers that a return annotation means, as answers.py makes them of the values."""
    annotation = return_annotation(function, location)
    origin = get_origin(annotation)
    if isinstance(origin, type) and origin.__module__ == "collections.abc" and origin.__name__ in AWAITED:
        annotation = get_args(annotation)[-1]
    found: list[Stated] = []
    documents: dict[str, list[Stated]] = {}
    for member in members(annotation):
        stated = stated_answer(member, status)
        if stated is not None and stated.media == JSON_TYPE:
            documents.setdefault(stated.status, []).append(stated)
        elif stated is not None and stated not in found:
            found.append(stated)
    for parts in documents.values():
        whole: Any = Union[tuple(part.annotation for part in parts)]  # noqa: UP007
        found.append(parts[0]._replace(annotation=whole))
    return tuple(found)


AWAITED = ("Awaitable", "Coroutine")


def members(annotation: Any) -> Iterator[Any]:
    """The members of a union, each by itself; of anything else only itself."""
    bare, _ = without_metadata(annotation)
    if get_origin(bare) in (Union, UnionType):
        for part in get_args(bare):
            yield from members(part)
    else:
        yield annotation


def stated_answer(annotation: Any, status: int) -> Stated | None:
    """What one type means as an answer; None for one that never comes."""
    bare, _ = without_metadata(annotation)
    if bare in (Never, NoReturn):
        return None
    if bare is None or bare is NoneType:
        return Stated(str(204 if status == 200 else status), None, None)
    if bare in UNSAID or (isinstance(bare, type) and issubclass(bare, Response)):
        said = "What the handler does not say by its types." if bare in UNSAID else "As the handler makes it."
        return Stated("2XX" if status == 200 else str(status), None, None, said)
    if get_origin(bare) is tuple or bare is tuple:
        return stated_tuple(get_args(bare))
    if status in BODILESS:
        return Stated(str(status), None, None)
    if bare is str:
        return Stated(str(status), "text/plain", annotation)
    if bare is bytes or bare is bytearray:
        return Stated(str(status), "application/octet-stream", None)
    return Stated(str(status), JSON_TYPE, annotation)


def stated_tuple(parts: tuple[Any, ...]) -> Stated | None:
    """`tuple[body, status]` and `tuple[body, status, headers]`; a Literal says which status."""
    said = "With a status of the handler's choice."
    if not 2 <= len(parts) <= 3:
        return Stated("2XX", None, None, said)
    choices: tuple[Any, ...] = get_args(parts[1]) if get_origin(parts[1]) is Literal else ()
    exact = len(choices) == 1 and type(choices[0]) is int
    body = stated_answer(parts[0], choices[0] if exact else 200)
    if body is None or exact:
        return body._replace(status=str(choices[0])) if body is not None else None
    return body._replace(status="2XX", description=said)
