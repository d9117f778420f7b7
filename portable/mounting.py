"""Existing ASGI and WSGI applications below a path of an app: found out, bridged, bounded.

A mounted application gets whole requests and gives whole responses; its lifespan runs once per process; WebSockets are
refused. Nothing here is loaded by an app without mounts; asyncio is loaded on the first request to one.
"""

from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import unquote_to_bytes

from .answers import response_too_large
from .capabilities import Profile
from .errors import DeclarationError, Location
from .http import Headers, Request, Response
from .specs import MountSpec

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Event, Queue, Task
    from collections.abc import Coroutine

COROUTINE_FLAG = 0x80
Interface = Literal["asgi", "wsgi"]


def detect_interface(application: Any, location: Location) -> Interface:
    """Whether `application` is ASGI 3 or WSGI, by how it is called. Raises DeclarationError if it is neither."""
    if isinstance(application, type) or not callable(application):
        raise DeclarationError(
            f"{application!r} is not an application",
            hint="mount the object: app.mount('/old', flask_app)",
            location=location,
        )
    function: Any = application
    if getattr(function, "__code__", None) is None:
        function = type(application).__call__
    bound = 1 if function is not application or hasattr(function, "__func__") else 0
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is not None:
        count = code.co_argcount - bound
        if code.co_flags & COROUTINE_FLAG and count == 3:
            return "asgi"
        if count == 3:
            # A plain function that returns the coroutine of another: ASGI has three parameters, WSGI two.
            return "asgi"
        if count == 2 and not code.co_flags & COROUTINE_FLAG:
            return "wsgi"
    raise DeclarationError(
        f"{application!r} is neither an ASGI 3 nor a WSGI application",
        hint="say which: app.mount(path, application, interface='asgi')",
        location=location,
    )


class Mount:
    """A mounted application. `respond` belongs to one event loop; a second loop starts the lifespan again."""

    def __init__(self, spec: MountSpec, application: Any, prefix: str, profile: Profile) -> None:
        self.spec = spec
        self.prefix = prefix
        self.application = application
        self.profile = profile
        self._bridge: Any = None
        self._lifespan: Lifespan | None = None

    def _asgi(self) -> Any:
        if self._bridge is None:
            if self.spec.interface == "asgi":
                self._bridge = self.application
            else:
                from a2wsgi import WSGIMiddleware

                self._bridge = WSGIMiddleware(self.application)
        return self._bridge

    def respond(self, request: Request) -> "Coroutine[Any, Any, Response]":
        """The application's whole answer. Raises what it raises, LimitExceeded for too large an answer."""
        # Before whoever drives the coroutine decides whether it takes a loop.
        import asyncio

        return self._respond(request, asyncio.Event)

    async def _respond(self, request: Request, event: "type[Event]") -> Response:
        import asyncio

        application = self._asgi()
        loop = asyncio.get_running_loop()
        lifespan = self._lifespan
        if lifespan is None or lifespan.loop is not loop:
            lifespan = self._lifespan = Lifespan(application, loop)
        await lifespan.ready()
        done = event()
        collected = Collected(self.profile, done)
        scope = http_scope(request, self.prefix, dict(lifespan.state), is_wsgi=self.spec.interface == "wsgi")
        try:
            await application(scope, body_receiver(request.body, done), collected.send)
        except Exception:
            # An answer that is complete stands; what failed after it is for the log (as servers do).
            if not collected.complete:
                raise
            import logging

            logging.getLogger("portable.mount").exception("%s failed after its answer", self.prefix or "/")
        finally:
            done.set()
        return collected.response()

    async def close(self) -> None:
        """Ends the lifespan if this loop started one."""
        lifespan, self._lifespan = self._lifespan, None
        if lifespan is not None:
            await lifespan.close()


def http_scope(request: Request, prefix: str, state: dict[str, Any], *, is_wsgi: bool = False) -> dict[str, Any]:
    """The ASGI scope (HTTP, spec 2.3): `path` is whole and decoded, `root_path` is where the application hangs."""
    host = request.headers.get("host") or "localhost"
    name, _, port = host.rpartition(":") if host.rpartition(":")[2].isdigit() else (host, "", "")
    headers = [
        (key.encode("latin-1"), value.encode("latin-1", "replace"))
        for key, value in request.headers.items()
        # WSGI has one name for x_user and for the x-user that a middleware has checked.
        if key != "content-length" and not (is_wsgi and "_" in key)
    ]
    if request.body or "content-length" in request.headers:
        headers.append((b"content-length", str(len(request.body)).encode()))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.scheme,
        "path": unquote_to_bytes(request.path).decode("utf-8", "replace"),
        "raw_path": request.path.encode("latin-1", "replace"),
        "query_string": request.query_string.encode("ascii", "replace"),
        "root_path": prefix,
        "headers": headers,
        "client": (request.client, 0) if request.client else None,
        "server": (name, int(port) if port else (443 if request.scheme == "https" else 80)),
        "state": state,
    }


def body_receiver(body: bytes, done: "Event") -> Any:
    """ASGI `receive`: the whole body, then a disconnect once the answer is complete."""
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await done.wait()
        return {"type": "http.disconnect"}

    return receive


class Collected:
    """ASGI `send`: gathers one response, up to the profile's limit."""

    def __init__(self, profile: Profile, done: "Event") -> None:
        self.profile = profile
        self.done = done
        self.limit: int = profile.value("http_response_bytes")
        self.status: int = 0
        self.headers: list[tuple[str, str]] = []
        self.body: bytearray = bytearray()
        self.complete: bool = False

    async def send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            if self.status:
                raise RuntimeError("the mounted application started its answer twice")
            self.status = int(message["status"])
            self.headers = [
                (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                for name, value in message.get("headers", ())
            ]
        elif kind == "http.response.body":
            if not self.status or self.complete:
                raise RuntimeError("the mounted application sent a body before its start or after its end")
            self.body += message.get("body", b"")
            if len(self.body) > self.limit:
                self.profile.settle(response_too_large(self.profile, len(self.body)))
            self.complete = not message.get("more_body", False)
            if self.complete:
                # For applications that wait for the client to go.
                self.done.set()
        else:
            raise RuntimeError(f"the mounted application sent {kind!r}, which only sockets and servers know")

    def response(self) -> Response:
        if not self.complete:
            raise RuntimeError("the mounted application ended without a whole answer")
        return Response(bytes(self.body), self.status, headers=Headers(self.headers))


class Lifespan:
    """ASGI's lifespan protocol on one loop; applications without it are taken as ready."""

    def __init__(self, application: Any, loop: "AbstractEventLoop") -> None:
        import asyncio

        self.application = application
        self.loop = loop
        self.state: dict[str, Any] = {}
        self._events: Queue[dict[str, Any]] = asyncio.Queue()
        self._started = asyncio.Event()
        self._stopped = asyncio.Event()
        self._failure: str | None = None
        self._task: Task[None] = loop.create_task(self._run())

    async def ready(self) -> None:
        """Waits for the start-up. Raises RuntimeError if the application says that it failed."""
        if not self._started.is_set():
            await self._started.wait()
        if self._failure is not None:
            raise RuntimeError(f"the mounted application did not start: {self._failure}")

    async def close(self) -> None:
        if not self._task.done():
            self._events.put_nowait({"type": "lifespan.shutdown"})
            await self._stopped.wait()

    async def _run(self) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._events.put_nowait({"type": "lifespan.startup"})
        try:
            await self.application(scope, self._events.get, self._send)
        except Exception as error:
            # The protocol: raising on a lifespan scope before any answer means that there is none.
            if self._started.is_set():
                import logging

                logging.getLogger("portable.mount").error("the lifespan failed: %r", error)
        finally:
            self._started.set()
            self._stopped.set()

    async def _send(self, message: dict[str, Any]) -> None:
        kind = message["type"]
        if kind == "lifespan.startup.failed":
            self._failure = cast("str", message.get("message", "")) or "no reason given"
        if kind in ("lifespan.startup.complete", "lifespan.startup.failed"):
            self._started.set()
        elif kind in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            self._stopped.set()
