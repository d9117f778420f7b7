"""The HTTP client of a test: what a browser or a script would send to the app, without a socket.

One client keeps its own cookies; `running_app.new_client()` gives another one, as a second user would have.
"""

import json as json_module
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict, Unpack, cast
from urllib.parse import urljoin, urlsplit

from portable.adapter import Running
from portable.codec import to_json_bytes
from portable.errors import InvalidArgument
from portable.http import Headers, Response

from .bodies import Fields, Files, form_body, multipart_body, target_of
from .cookies import Cookies

MOST_REDIRECTS = 20
REDIRECTS = (301, 302, 303, 307, 308)
SHOWN = 300
HeaderItems = Mapping[str, str] | Iterable[tuple[str, str]]


class Absent:
    """Stands for a body that was not given, since None is one: `null`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class RequestOptions(TypedDict, total=False):
    """What every method of a Client takes beside the path; `Client.request` says what each does."""

    params: Fields
    json: object
    data: Fields
    files: Files
    content: bytes | str
    headers: HeaderItems
    cookies: Mapping[str, str]
    follow_redirects: bool


class ClientResponse:
    """One answer: `status`, `headers`, `body` as bytes, `text`, `json()`; `history` has the redirects before it."""

    def __init__(self, method: str, url: str, response: Response, history: "tuple[ClientResponse, ...]" = ()) -> None:
        self.method = method
        self.url = url
        self.status: int = response.status
        self.headers: Headers = response.headers
        self.body: bytes = response.body
        self.history = history

    def __repr__(self) -> str:
        shown = self.text[:SHOWN] + ("..." if len(self.text) > SHOWN else "")
        return f"<{self.method} {self.url}: {self.status} {shown!r}>"

    @property
    def text(self) -> str:
        """The body as text, in the charset that the content type names (UTF-8 unless it does)."""
        kind = self.headers.get("content-type", "")
        charset = kind.lower().partition("charset=")[2].partition(";")[0].strip(' "') or "utf-8"
        try:
            return self.body.decode(charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    @property
    def is_redirect(self) -> bool:
        """Whether it sends the client elsewhere."""
        return self.status in REDIRECTS and "location" in self.headers

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that this answer sets, by name; the client's own are `client.cookies`."""
        found: dict[str, str] = {}
        for name, value in self.headers.items():
            if name == "set-cookie":
                key, _, text = value.partition(";")[0].partition("=")
                found[key.strip()] = text.strip()
        return found

    def json(self) -> Any:
        """The body, parsed. Raises ValueError, showing the answer, when it is no JSON."""
        try:
            return json_module.loads(self.body)
        except ValueError as error:
            raise ValueError(f"the answer is no JSON ({error}): {self!r}") from None


class Client:
    """Sends requests to the running app as `http://localhost`, keeps cookies, follows no redirects unless told."""

    def __init__(self, running: Running, *, headers: HeaderItems = (), follow_redirects: bool = False) -> None:
        self._running = running
        self.base_url = "http://localhost"
        self.headers: Headers = Headers(header_items(headers))
        """Sent with every request, unless it brings the same header itself."""
        self.follow_redirects = follow_redirects
        self.cookies: Cookies = Cookies(running.now, "localhost")

    def get(self, path: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Sends a GET; see `request`."""
        return self.request("GET", path, **options)

    def head(self, path: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Sends a HEAD; see `request`."""
        return self.request("HEAD", path, **options)

    def post(self, path: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Sends a POST; see `request`."""
        return self.request("POST", path, **options)

    def put(self, path: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Sends a PUT; see `request`."""
        return self.request("PUT", path, **options)

    def patch(self, path: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Sends a PATCH; see `request`."""
        return self.request("PATCH", path, **options)

    def delete(self, path: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Sends a DELETE; see `request`."""
        return self.request("DELETE", path, **options)

    def options(self, path: str, **options: Unpack[RequestOptions]) -> ClientResponse:
        """Sends an OPTIONS; see `request`."""
        return self.request("OPTIONS", path, **options)

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Fields | None = None,
        json: object = ABSENT,
        data: Fields | None = None,
        files: Files | None = None,
        content: bytes | str | None = None,
        headers: HeaderItems = (),
        cookies: Mapping[str, str] | None = None,
        follow_redirects: bool | None = None,
    ) -> ClientResponse:
        """Sends one request and gives its answer, whatever its status.

        `path` starts with a slash and may have a query, or is a whole URL, such as a signed one. `params` are added to
        its query. The body is `json` (anything that a handler may return, models too), or a form of `data` and `files`,
        or `content` as it is. `cookies` go with this request only. Raises InvalidArgument for what no client could
        send.
        """
        body, kind = body_of(json, data, files, content)
        sent = Headers(self.headers.items())
        given = Headers(header_items(headers))
        for name in given:
            del sent[name]
        for name, value in given.items():
            sent.add(name, value)
        if kind is not None and "content-type" not in sent:
            sent["content-type"] = kind
        origin, target = self._split(path)
        target = target_of(target, params)
        follows = self.follow_redirects if follow_redirects is None else follow_redirects
        method = method.upper()
        history: list[ClientResponse] = []
        while True:
            answer = self._send(method, origin, target, sent, body, cookies or {}, tuple(history))
            if not follows or not answer.is_redirect:
                return answer
            there = urlsplit(urljoin(answer.url, answer.headers["location"]))
            if f"{there.scheme}://{there.netloc}" != origin:
                # It leads away from the app; what the app did is all there is to see.
                return answer
            if len(history) == MOST_REDIRECTS:
                raise InvalidArgument(f"{MOST_REDIRECTS} redirects, and still more: to {answer.headers['location']}")
            history.append(answer)
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                method = method if method == "HEAD" else "GET"
                body = b""
                del sent["content-type"]
            target = target_of(f"{there.path or '/'}{'?' if there.query else ''}{there.query}", None)

    def _split(self, path: str) -> tuple[str, str]:
        """(origin, target) of what a request is sent to. A path is taken as it is: `/a/../b` is for the app to refuse.

        Raises InvalidArgument.
        """
        if path.startswith("/"):
            return self.base_url, path
        scheme, _, rest = path.partition("://")
        host, slash, target = rest.partition("/")
        if scheme.lower() not in ("http", "https") or not host:
            raise InvalidArgument(f"path {path!r} does not start with '/'", hint="for instance '/notes/1'")
        return f"{scheme}://{host}".lower(), f"{slash or '/'}{target}"

    def _send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Headers,
        body: bytes,
        cookies: Mapping[str, str],
        history: tuple[ClientResponse, ...],
    ) -> ClientResponse:
        parts = urlsplit(origin)
        host, path = parts.hostname or "", target.partition("?")[0]
        items = [] if "host" in headers else [("host", parts.netloc)]
        items.extend(headers.items())
        kept = self.cookies.header(parts.scheme, host, path)
        extra = "; ".join(f"{name}={value}" for name, value in cookies.items())
        if kept or extra:
            items.append(("cookie", "; ".join(part for part in (extra, kept) if part)))
        if body and "content-length" not in headers:
            items.append(("content-length", str(len(body))))
        response = self._running.request(method, target, headers=items, body=body)
        for name, value in response.headers.items():
            if name == "set-cookie":
                self.cookies.take(value, parts.scheme, host, path)
        return ClientResponse(method, f"{origin}{target}", response, history)


def body_of(
    json: object, data: Fields | None, files: Files | None, content: bytes | str | None
) -> tuple[bytes, str | None]:
    """The bytes of a body and their type. Raises InvalidArgument for two bodies."""
    given = [
        name
        for name, is_given in (
            ("json", json is not ABSENT),
            ("data or files", data is not None or files is not None),
            ("content", content is not None),
        )
        if is_given
    ]
    if len(given) > 1:
        raise InvalidArgument(f"a request has one body, not {' and '.join(given)}")
    if json is not ABSENT:
        return to_json_bytes(json), "application/json"
    if files is not None:
        return multipart_body(data or {}, files)
    if data is not None:
        if isinstance(cast("object", data), bytes | str):
            raise InvalidArgument("data= takes the fields of a form", hint="content= takes a body as it is")
        return form_body(data)
    if content is None:
        return b"", None
    return (content.encode(), "text/plain; charset=utf-8") if isinstance(content, str) else (content, None)


def header_items(headers: HeaderItems) -> list[tuple[str, str]]:
    """Headers as pairs."""
    return list(cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers)
