"""What each handler of the corpus must get."""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from .store import app

F = TypeVar("F", bound=Callable[..., Any])


class Expected(NamedTuple):
    """`exact`: `notes.put`; `widened`: resources of which every verb is granted, or single verbs; `reports`: texts."""

    exact: frozenset[str]
    widened: frozenset[str]
    reports: tuple[str, ...]
    fails: bool


EXPECTED: dict[str, Expected] = {}


def case(
    *exact: str, widened: tuple[str, ...] = (), reports: tuple[str, ...] = (), fails: bool = False
) -> Callable[[F], F]:
    """Registers a handler at POST /its_name. `fails`: calling it raises, after it has used what it uses."""

    def register(function: F) -> F:
        name = function.__name__
        EXPECTED[name] = Expected(frozenset(exact), frozenset(widened), reports, fails)
        return app.post(f"/{name}")(function)

    return register
