"""The app of all this code, one table, and how a handler says what is to be derived of it."""

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

from portable import App
from portable.errors import NotBound

app = App("awkward")
t = app.table("t")


def look(value: Any = 1, *_: Any, **__: Any) -> Any:
    """What most of them have called, in one way or another. Some of it is called by the import already."""
    with contextlib.suppress(NotBound):
        t.get("1")
    return value


class Expected(NamedTuple):
    """What a handler uses, whether each of it must be derived exactly, and what to send to it."""

    verbs: frozenset[str]
    exactly: bool
    body: Any


EXPECTED: dict[str, Expected] = {}


def case(exactly: bool, function: Any, body: Any, verbs: tuple[str, ...]) -> Any:
    def register(function: Callable[..., Any]) -> Any:
        name = function.__name__
        assert name not in EXPECTED
        EXPECTED[name] = Expected(frozenset(verbs), exactly, body)
        return app.post(f"/{name}")(function)

    return register if function is None else register(function)


def exact(function: Any = None, *, body: Any = None, verbs: tuple[str, ...] = ("get",)) -> Any:
    """The verbs must be derived, all of them exactly, and nothing be widened."""
    return case(True, function, body, verbs)


def widened(function: Any = None, *, body: Any = None, verbs: tuple[str, ...] = ("get",)) -> Any:
    """The verbs must be granted, and a widening be reported."""
    return case(False, function, body, verbs)
