"""The operations of an app: each route and method, with the plan of its parameters and what it says that it answers."""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from portable.manifest import full_path
from portable.parameters import Plan, plan_route
from portable.specs import Route

from .answers import Stated, stated_answers

if TYPE_CHECKING:
    from portable.app import App


class Operation(NamedTuple):
    """A route before it is written down."""

    id: str
    name: str
    tag: str
    path: str
    method: str
    function: Callable[..., Any]
    plan: Plan
    renamed: dict[str, str]
    """Parameter of this route's path -> its name in the document."""
    answers: tuple[Stated, ...]


def operations_of(app: "App") -> Iterator[Operation]:
    """Every route and method, in the order of declaration; HEAD only where nothing gives it by itself."""
    ids: set[str] = set()
    spellings: dict[str, str] = {}
    routes = [
        (part, part.qualify(name), handler, full_path(part, handler.spec.trigger.path), handler.spec.trigger)
        for part in app.parts()
        for name, handler in part.handlers.items()
        if isinstance(handler.spec.trigger, Route)
    ]
    readable = {re.sub(r"\{\w+\}", "{}", path) for _, _, _, path, route in routes if "GET" in route.methods}
    for part, name, handler, path, route in routes:
        shape = re.sub(r"\{\w+\}", "{}", path)
        # Two templates that differ by names only are the same path to OpenAPI.
        spelling = spellings.setdefault(shape, path)
        renamed = dict(zip(names_in(path), names_in(spelling), strict=True))
        location = handler.spec.location
        plan = plan_route(handler.function, route, part.prefix, location)
        answers = stated_answers(handler.function, route.status, location)
        methods = [method for method in route.methods if method != "HEAD" or shape not in readable]
        for method in methods:
            wanted = name if len(methods) == 1 else f"{name}-{method.lower()}"
            yield Operation(
                unique(wanted, ids), name, part.name, spelling, method.lower(), handler.function, plan, renamed, answers
            )


def names_in(path: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", path)


def unique(wanted: str, taken: set[str]) -> str:
    found, number = wanted, 2
    while found in taken:
        found, number = f"{wanted}-{number}", number + 1
    taken.add(found)
    return found
