"""The API's table of routes: what a request matches, and how its parameters are read."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from portable.errors import InvalidArgument, NotFound
from portable.http import Request

ROOT = "/api/v1"
MOST_LIMIT = 500


class Call(NamedTuple):
    """A request that was let in and matched."""

    request: Request
    parameters: tuple[str, ...]
    body: dict[str, Any]

    def text(self, name: str, default: str = "") -> str:
        values = self.request.query.get(name)
        return values[0] if values else default

    def optional(self, name: str) -> str | None:
        return self.text(name) or None

    def number(self, name: str) -> float | None:
        """Raises InvalidArgument."""
        text = self.text(name)
        if not text:
            return None
        try:
            found = float(text)
        except ValueError:
            found = float("nan")
        if not -1e15 < found < 1e15:
            raise InvalidArgument(f"{name}={text!r} is no number", hint="times are epoch seconds")
        return found

    def limit(self, default: int = 50) -> int:
        """Raises InvalidArgument."""
        text = self.text("limit")
        if not text:
            return default
        if not text.isdecimal() or len(text) > 6 or not 1 <= int(text) <= MOST_LIMIT:
            raise InvalidArgument(f"limit={text!r} is not 1-{MOST_LIMIT}")
        return int(text)

    def field(self, name: str, kind: type[Any], *, optional: bool = False) -> Any:
        """A member of the body. Raises InvalidArgument."""
        value = self.body.get(name)
        if value is None and optional:
            return None
        if type(value) is not kind:
            raise InvalidArgument(f"{name!r} of the body is no {WORDS[kind]}", hint="see /api/v1/schema")
        return value


WORDS: dict[type[Any], str] = {str: "text", dict: "object", list: "list", bool: "true or false", int: "integer"}


class Route(NamedTuple):
    """`path` is below ROOT; `{name}` is one segment. `answer` and `body` name shapes of shapes.py."""

    method: str
    path: str
    run: Callable[[Call], Any]
    answer: str
    body: str | None = None
    query: tuple[str, ...] = ()
    is_open: bool = False
    """It needs no cookie: it is where one gets it."""
    summary: str = ""
    is_long: bool = False
    """It waits for a handler, for as long as that takes: what only reads must not wait for it."""


class Routes:
    """Exact segments before parameters; no pattern of anybody's is run."""

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self.routes = routes
        self._by_length: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        for route in sorted(routes, key=lambda one: one.path.count("{")):
            parts = tuple(route.path.strip("/").split("/"))
            self._by_length.setdefault(len(parts), []).append((parts, route))

    def find(self, request: Request) -> tuple[Route, tuple[str, ...]] | frozenset[str]:
        """The route, and its parameters decoded; or the methods that the path has. Raises NotFound."""
        prefix = f"{ROOT}/"
        if not request.path.startswith(prefix):
            raise NotFound("there is nothing here")
        parts = request.path[len(prefix) :].split("/")
        methods: set[str] = set()
        for wanted, route in self._by_length.get(len(parts), ()):
            values: list[str] = []
            for pattern, part in zip(wanted, parts, strict=True):
                if pattern[0] == "{":
                    values.append(part)
                elif pattern != part:
                    break
            else:
                if route.method == request.method:
                    return route, tuple(decoded(value) for value in values)
                methods.add(route.method)
        if not methods:
            raise NotFound("there is nothing here")
        return frozenset(methods)


def decoded(part: str) -> str:
    """Raises NotFound for what names nothing."""
    try:
        text = unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise NotFound("there is nothing here") from None
    if not text or "\0" in text or len(text) > 1024:
        raise NotFound("there is nothing here")
    return text
