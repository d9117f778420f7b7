"""From a Request to a Response: who may ask, then a packaged file, the API, or the stream of events.

It knows no socket. `respond` is for the loop; what waits for the database or the app runs on threads.
"""

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from portable.errors import InvalidArgument, NotFound, PortableError
from portable.http import Request, Response

from .access import COOKIE_SECONDS, HEADERS, Access, Refusal
from .api import Api, parsed
from .events import KINDS, READERS, Hub, position_of
from .files import File
from .routes import ROOT, Call

EVENTS = f"{ROOT}/events"
THREADS = 8
LONG_THREADS = 64
"""For those that wait for a handler."""
LOG = logging.getLogger("portable.console")
TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    415: "Not JSON",
    500: "Internal error",
    503: "Too many readers",
}


class Stream(Response):
    """An answer that goes on: `chunks` are sent as they come, until the client has gone."""

    __slots__ = ("chunks",)

    def __init__(self, chunks: AsyncGenerator[bytes], *, media_type: str) -> None:
        super().__init__(b"", 200, media_type=media_type)
        self.chunks: AsyncGenerator[bytes] = chunks


class ConsoleSite:
    """Everything behind the console's port."""

    def __init__(self, access: Access, api: Api, hub: Hub, pages: dict[str, File]) -> None:
        self.access = access
        self.api = api
        self.hub = hub
        self.pages = pages
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="console")
        self._long = ThreadPoolExecutor(LONG_THREADS, thread_name_prefix="handler")

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *arguments))

    async def respond(self, request: Request) -> Response:
        """Never raises."""
        try:
            response = await self._respond(request)
        except PortableError as error:
            response = problem(error.status, error.message, error.code, error.hint)
        except Exception:
            LOG.exception("%s %s failed", request.method, request.path)
            response = problem(500, "The console has a bug; its log has more.", "P1000", None)
        for name, value in HEADERS.items():
            if name not in response.headers:
                response.headers[name] = value
        return response

    async def _respond(self, request: Request) -> Response:
        page = self.pages.get(request.path)
        if page is not None:
            refusal = self.access.check(request, is_page=True)
            return refused(refusal) if refusal is not None else served(page, request)
        if request.path == EVENTS:
            refusal = self.access.check(request)
            return refused(refusal) if refusal is not None else self._events(request)
        # What is not there is refused as what is: nobody learns the difference without a key.
        try:
            found = self.api.routes.find(request)
        except NotFound:
            refusal = self.access.check(request)
            return refused(refusal) if refusal is not None else problem(404, "There is nothing here.", "P1002", None)
        if isinstance(found, frozenset):
            refusal = self.access.check(request) or Refusal(405, f"It takes {', '.join(sorted(found))}.")
            response = refused(refusal)
            if refusal.status == 405:
                response.headers["allow"] = ", ".join(sorted(found))
            return response
        route, parameters = found
        refusal = self.access.check(request, is_open=route.is_open)
        if refusal is not None:
            return refused(refusal)
        body = parsed(request.body) if route.body is not None else {}
        if route.body is not None:
            check_members(body, route.body)
        threads = self._long if route.is_long else self._threads
        run = partial(route.run, Call(request, parameters, body))
        value = await asyncio.get_running_loop().run_in_executor(threads, run)
        if route.path == "session":
            return self._session(value)
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return Response(text.encode("utf-8", "backslashreplace"), media_type="application/json")

    def _session(self, value: dict[str, bool]) -> Response:
        if not value["accepted"]:
            return refused(
                Refusal(401, "That link was used already, or is too old: `portable status` prints a new one.")
            )
        response = Response(json.dumps(value).encode(), media_type="application/json")
        response.set_cookie(
            self.access.cookie, self.access.new_session(), max_age=COOKIE_SECONDS, secure=False, same_site="Strict"
        )
        return response

    def _events(self, request: Request) -> Response:
        if request.method != "GET":
            response = refused(Refusal(405, "It takes GET."))
            response.headers["allow"] = "GET"
            return response
        if self.hub.readers >= READERS:
            return refused(Refusal(503, f"{READERS} pages listen already."))
        query = request.query
        kinds = [kind for kind in ",".join(query.get("kinds", [])).split(",") if kind] or list(KINDS)
        if not set(kinds) <= set(KINDS):
            raise InvalidArgument(f"kinds={','.join(kinds)!r}", hint=", ".join(KINDS))
        # A browser that connects again says how far it came; a page that is opened says it in the address.
        after = position_of(request.headers.get("last-event-id") or query.get("after", [""])[0])
        return Stream(self.hub.stream(after, kinds, self.in_thread), media_type="text/event-stream; charset=utf-8")

    def close(self) -> None:
        for threads in (self._threads, self._long):
            threads.shutdown(wait=False, cancel_futures=True)


def check_members(body: dict[str, Any], shape: str) -> None:
    """Raises InvalidArgument for a member that nobody would read."""
    from .shapes import SHAPES

    known = SHAPES[shape]["properties"]
    for name in body:
        if name not in known:
            raise InvalidArgument(f"the body has no member {name!r}", hint=f"there are: {', '.join(known) or 'none'}")


def served(page: File, request: Request) -> Response:
    if request.method not in ("GET", "HEAD"):
        return refused(Refusal(405, "It takes GET."))
    if request.headers.get("if-none-match") == page.etag:
        response = Response(b"", 304)
    else:
        response = Response(page.content, media_type=page.content_type)
    response.headers["etag"] = page.etag
    response.headers["cache-control"] = "no-cache"
    return response


def refused(refusal: Refusal) -> Response:
    return problem(refusal.status, refusal.detail, "P1004" if refusal.status == 403 else "P1000", None)


def problem(status: int, detail: str, code: str, hint: str | None) -> Response:
    """An error, as RFC 9457 has it."""
    document = {
        "type": "about:blank",
        "title": TITLES.get(status, "It did not work"),
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
    }
    text = json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Response(text, status, media_type="application/problem+json")
