"""HTTP records: what gateways build and what handlers may take and return. Nothing here parses sockets or routes."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, cast, overload

from .errors import InvalidArgument, Problem


class Headers:
    """Case-insensitive headers. Repeats are joined by ", " on reading; only Set-Cookie stays apart (`items()`)."""

    __slots__ = ("_given", "_items")

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items: list[tuple[str, str]] = [(name.lower(), value) for name, value in items]

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        name = name.lower()
        values = [value for key, value in self._items if key == name]
        if not values:
            return default
        return values[0] if len(values) == 1 else ", ".join(values)

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        name = name.lower()
        self._items = [item for item in self._items if item[0] != name]
        self._items.append((name, value))

    def __delitem__(self, name: str) -> None:
        name = name.lower()
        self._items = [item for item in self._items if item[0] != name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._items))

    def __len__(self) -> int:
        return len({name for name, _ in self._items})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and sorted(self._items) == sorted(other._items)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]

    def __repr__(self) -> str:
        return f"Headers({self._items!r})"

    def add(self, name: str, value: str) -> None:
        """Adds a repeat instead of replacing."""
        self._items = [*self._items, (name.lower(), value)]

    def items(self) -> list[tuple[str, str]]:
        """Every (lower-case name, value), repeats apart, in order."""
        return list(self._items)

    def _last(self, name: str) -> str | None:
        """The last value that came under a lower-case name."""
        found = None
        for key, value in self._items:
            if key == name:
                found = value
        return found


class GivenHeaders(Headers):
    """Headers as a gateway gives them, in one dict with lower-case names: pairs are made when something asks for them.

    From then on it is like all others, and its dict is not looked at any more.
    """

    __slots__ = ()
    _given: dict[str, str]
    if not TYPE_CHECKING:
        # Whoever makes one sets what it has been given: there is no call of a function for it.
        __init__ = object.__init__

    # No __getattr__: it would make every other attribute ten times as dear.
    @property
    def _items(self) -> list[tuple[str, str]]:
        self._items = items = self._pairs()
        return items

    @_items.setter
    def _items(self, items: list[tuple[str, str]]) -> None:
        object.__setattr__(self, "__class__", Headers)
        self._items = items  # pyright: ignore[reportIncompatibleVariableOverride]

    def _pairs(self) -> list[tuple[str, str]]:
        return list(self._given.items())

    def _last(self, name: str) -> str | None:
        return self._given.get(name)

    def items(self) -> list[tuple[str, str]]:
        return self._pairs()


class Request:
    """One HTTP request, whole.

    `path` is percent-encoded, without the query: as sent, until the app has found what answers it; from then on, in
    middleware and handlers, in one spelling (`/%61` is `/a`, and `/a/` of a route is `/a`). `query_string` is raw;
    `body` is bytes; `client` the peer's address as far as the platform knows it. `params` holds the decoded path
    parameters once a route has matched.
    """

    __slots__ = (
        "_cookies",
        "_query",
        "body",
        "client",
        "headers",
        "id",
        "method",
        "params",
        "path",
        "query_string",
        "scheme",
        "state",
        "traceparent",
    )

    def __init__(
        self,
        method: str,
        path: str,
        *,
        query_string: str = "",
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        client: str = "",
        scheme: str = "http",
        id: str = "",
        traceparent: str = "",
    ) -> None:
        self.method: str = method
        self.path: str = path
        self.query_string: str = query_string
        self.headers: Headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body: bytes = body
        self.client: str = client
        self.scheme: str = scheme
        self.id: str = id
        self.traceparent: str = traceparent
        self.params: dict[str, str] = {}
        self.state: dict[str, Any] = {}
        """For middleware to hand things to handlers."""
        self._query: dict[str, list[str]] | None = None
        self._cookies: dict[str, str] | None = None

    @property
    def query(self) -> dict[str, list[str]]:
        """Query parameters, decoded, repeats in order. Raises InvalidArgument (400) if their escapes are not UTF-8."""
        if self._query is None:
            # Here, because it brings a good millisecond of other modules.
            from urllib.parse import parse_qsl

            query: dict[str, list[str]] = {}
            try:
                pairs = parse_qsl(self.query_string, keep_blank_values=True, errors="strict")
            except UnicodeDecodeError:
                raise _malformed("the query's percent escapes are not UTF-8", "query") from None
            for name, value in pairs:
                query.setdefault(name, []).append(value)
            self._query = query
        return self._query

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies as sent; of repeats the first (RFC 6265, section 5.4)."""
        if self._cookies is None:
            cookies: dict[str, str] = {}
            for part in (self.headers.get("cookie") or "").replace(", ", "; ").split(";"):
                name, separator, value = part.strip().partition("=")
                if separator and name not in cookies:
                    cookies[name] = value.strip('"')
            self._cookies = cookies
        return self._cookies

    def text(self) -> str:
        """The body as UTF-8. Raises InvalidArgument (400) if it is not."""
        try:
            return self.body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _malformed("the body is not UTF-8", "body") from error

    def json(self) -> Any:
        """The body as JSON (RFC 8259: UTF-8, no NaN). Raises InvalidArgument (400) if it is not."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise _malformed(f"the body is not JSON: {error}", "body") from error


def _malformed(message: str, where: str) -> InvalidArgument:
    """What could not even be read: status 400."""
    error = InvalidArgument(message, problems=(Problem((where,), message, "malformed"),))
    error.status = 400
    return error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class Response:
    """One HTTP answer, whole: status 200-599, headers, bytes. A str body is sent as UTF-8 text.

    `media_type` sets content-type unless the headers do.
    """

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        body: bytes | str = b"",
        status: int = 200,
        *,
        headers: Headers | dict[str, str] | Iterable[tuple[str, str]] = (),
        media_type: str | None = None,
    ) -> None:
        if not isinstance(headers, Headers):
            headers = Headers(cast("dict[str, str]", headers).items() if isinstance(headers, dict) else headers)
        self.headers: Headers = headers
        if media_type is None and body and "content-type" not in self.headers:
            media_type = "text/plain; charset=utf-8" if isinstance(body, str) else "application/octet-stream"
        if media_type is not None and "content-type" not in self.headers:
            self.headers["content-type"] = media_type
        self.body: bytes = body.encode() if isinstance(body, str) else body
        self.status: int = status

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = True,
        http_only: bool = True,
        same_site: str = "Lax",
    ) -> None:
        """Adds a Set-Cookie (RFC 6265). Raises InvalidArgument on characters that a cookie cannot carry."""
        for part in (name, value, path, domain or ""):
            if any(character in part for character in ";,") or not part.isascii() or not part.isprintable():
                raise InvalidArgument(f"{part!r} cannot stand in a cookie", hint="encode it, for instance as base64url")
        if not name or any(character in name for character in '= "'):
            raise InvalidArgument(f"{name!r} cannot be the name of a cookie", hint="letters, digits, hyphens")
        if same_site not in ("Lax", "Strict", "None"):
            raise InvalidArgument(f"same_site={same_site!r}", hint="Lax, Strict or None")
        cookie = f"{name}={value}; Path={path}; SameSite={same_site}"
        if max_age is not None:
            cookie += f"; Max-Age={max_age}"
        if domain:
            cookie += f"; Domain={domain}"
        if secure:
            cookie += "; Secure"
        if http_only:
            cookie += "; HttpOnly"
        self.headers.add("set-cookie", cookie)


class UploadFile(NamedTuple):
    """One file of a multipart/form-data body (RFC 7578). `filename` is the client's word: never a path to write to."""

    filename: str
    content_type: str
    data: bytes


Middleware = Callable[[Request], Generator[None, Response, Response | None]]


class CORS(NamedTuple):
    """Which browser origins may call (Fetch standard, CORS protocol). `origins=("*",)` excludes `credentials`."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
    headers: tuple[str, ...] = ("content-type", "authorization")
    expose: tuple[str, ...] = ()
    credentials: bool = False
    max_age: int = 600
