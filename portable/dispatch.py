"""The Dispatcher: a request or an Invocation -> the user's handler -> a Response or an Outcome.

Everything that can be planned is planned when it is made: routes, parameters, middleware, files. Only adapters'
runtimes and servers import this module.
"""

import sys
from collections.abc import Awaitable, Callable
from contextvars import Token
from functools import partial
from time import time
from types import CoroutineType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from .answers import (
    BODILESS,
    JSON_ONLY,
    JSON_TYPE,
    TEXT_ONLY,
    Answer,
    answer,
    checked_headers,
    json_answer,
    plain_response,
    problem,
    response_too_large,
)
from .binding import Binding, current_context
from .capabilities import strictest
from .context import Context
from .errors import HTTPError, InvalidArgument, LimitExceeded, Location, NotFound, PortableError
from .extractors import take_request
from .http import CORS, GivenHeaders, Headers, Middleware, Request, Response
from .identifiers import is_request_id, is_traceparent, new_ids
from .invocation import Invocation, Outcome
from .middleware import Stack, add_cors, check_cors, check_middleware, finish, is_preflight, start
from .parameters import Call, Parameter, Plan, plan_route
from .routing import Router, segments, spelled
from .specs import Route

if TYPE_CHECKING:
    from .app import App, Service
    from .mounting import Mount
    from .recording import Recording
    from .static import StaticFolder

T = TypeVar("T")
InThread = Callable[[Callable[[], T]], Awaitable[T]]
Fail = Callable[[Exception], Response]
Run = Callable[["Endpoint", Context, Fail], Awaitable[Response | None]]

# Bound once: every call needs them.
set_context: Callable[[Context | None], Token[Context | None]] = current_context.set
reset_context: Callable[[Token[Context | None]], None] = current_context.reset

COROUTINE_FLAG = 0x80
HTTP_SECONDS = 28
INTERNAL = "x-portable-"


class Endpoint:
    """What answers: a function with its plan and all that stands around it.

    `new_context` makes the Context of a call, which lacks what `context` gives it.
    """

    __slots__ = (
        "call",
        "function",
        "has_body",
        "is_async",
        "middlewares",
        "new_context",
        "plan",
        "route",
        "status",
        "timeout",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        plan: Plan,
        middlewares: tuple[Middleware, ...],
        new_context: Callable[[], Context],
        *,
        status: int = 200,
        timeout: int = HTTP_SECONDS,
        is_async: bool = False,
        route: str = "",
    ) -> None:
        self.function: Callable[..., Any] = function
        self.plan: Plan = plan
        self.call: Call = plan.caller(function)
        self.middlewares: tuple[Middleware, ...] = middlewares
        self.new_context: Callable[[], Context] = new_context
        self.status: int = status
        self.has_body: bool = status not in BODILESS
        self.timeout: int = timeout
        self.is_async: bool = is_async
        self.route: str = route
        """The template of its path."""

    def context(self, id: str, deadline: float, traceparent: str) -> Context:
        """The Context of one call."""
        context = self.new_context()
        context.id = id
        context.deadline = deadline
        context.traceparent = traceparent
        return context


TAKE_REQUEST = Plan((Parameter("request", "request", "request", False, take_request),), None)


class Dispatcher:
    """Calls an app's handlers.

    `binding` is what the app is bound to (None: the portable profile, stage "dev"); `dev` shows what was raised in the
    detail of a 500, never a trace. Raises DeclarationError for every mistake in routes, parameters, middleware, CORS,
    folders. One Dispatcher serves many threads.
    """

    def __init__(self, app: "App", binding: Binding | None = None, *, dev: bool = False) -> None:
        self.app = app
        self.binding = binding
        self.dev = dev
        profile = binding.profile if binding is not None else strictest(app.targets)
        self.profile = profile
        self.stage: str = binding.stage if binding is not None else "dev"
        self._body_limit = profile.value("http_request_bytes")
        self._response_limit = profile.value("http_response_bytes")
        self._url_limit = profile.value("http_url_bytes")
        self._query_limit = profile.value("http_query_bytes")
        self._header_limit = profile.value("http_header_bytes")
        self._cors: CORS | None = app.cors
        if self._cors is not None:
            check_cors(self._cors, app.location)
        self._router: Router[Endpoint] = Router()
        self._mounts: list[tuple[str, Mount, tuple[Middleware, ...]]] = []
        self._folders: list[tuple[str, StaticFolder, tuple[Middleware, ...]]] = []
        self._contexts: dict[str, Callable[[], Context]] = {}
        self._taken: dict[tuple[str, str], Location] = {}
        self._loop: Any = None
        for part in app.parts():
            self._plan_part(part)
        self._mounts.sort(key=lambda entry: -len(entry[0]))
        self._folders.sort(key=lambda entry: -len(entry[0]))
        from .invoking import plan_handlers

        self._background = plan_handlers(app)
        self.recording: Recording | None = recording_of(self, binding)

    def _plan_part(self, part: "Service") -> None:
        middlewares = (*self.app.middlewares, *part.middlewares) if part is not self.app else tuple(part.middlewares)
        for middleware in part.middlewares:
            check_middleware(middleware, part.location)
        for name, handler in part.handlers.items():
            spec = handler.spec
            route = spec.trigger
            if not isinstance(route, Route):
                continue
            template = part.prefix + (route.path if route.path != "/" or not part.prefix else "")
            endpoint = Endpoint(
                handler.function,
                plan_route(handler.function, route, part.prefix, spec.location),
                middlewares,
                self._context_type(part.qualify(name)),
                status=route.status,
                timeout=spec.timeout,
                is_async=is_coroutine_function(handler.function),
                route=template,
            )
            for method in route.methods:
                self._router.add(method, template, endpoint, spec.location)
        for mount, application in part.mounts:
            from .mounting import Mount

            prefix = (part.prefix + mount.path).rstrip("/")
            self._once("mount", prefix, mount.location)
            self._mounts.append((prefix, Mount(mount, application, prefix, self.profile), middlewares))
        for folder in part.statics:
            from .static import StaticFolder

            prefix = (part.prefix + folder.path).rstrip("/")
            self._once("static", prefix, folder.location)
            limit = self.profile.limit("http_response_bytes")
            whose = f"{limit.name}, from {limit.provider}"
            self._folders.append((prefix, StaticFolder(folder, self.profile.bound(limit.name), whose), middlewares))

    def _once(self, kind: str, prefix: str, location: Location) -> None:
        from .errors import DeclarationError

        taken = self._taken.setdefault((kind, prefix), location)
        if taken is not location:
            raise DeclarationError(
                f"{prefix or '/'} is taken by two of app.{kind}: here and at {taken}",
                hint="give one of them another path",
                location=location,
            )

    # HTTP

    def http(self, request: Request, header_bytes: int = -1) -> Response:
        """Answers one request; never raises but for what ends the process. Blocks: for one request at a time.

        `header_bytes` is what names and values of the headers have in all, from a gateway that knows it, has given the
        request both of its ids, and has no header of ours among them.
        """
        if self.recording is not None:
            return self.recording.http(request, header_bytes)
        try:
            endpoint = self._admit(request, header_bytes)
            if type(endpoint) is not Endpoint:
                return self._finished(request, cast("Response", endpoint))
            # What `endpoint.context` does, and below `_run` and `_finished`, without their calls.
            new_context, call = endpoint.new_context, endpoint.call
            context = new_context()
            context.id = request.id
            context.deadline = time() + endpoint.timeout
            context.traceparent = request.traceparent
            if endpoint.middlewares:
                return self._finished(request, self._run(endpoint, request, context))
            token = set_context(context)
            try:
                result = call(request, context)
                if type(result) is CoroutineType:
                    result = self.drive(result)
                if type(result) is not dict:
                    response = answer(result, endpoint.status)
                elif self._cors is None and endpoint.has_body and request.method != "HEAD":
                    headers = {
                        "content-type": JSON_TYPE,
                        "x-request-id": request.id,
                        "traceparent": request.traceparent,
                    }
                    response = json_answer(result, endpoint.status, headers)
                    if len(response.body) <= self._response_limit:
                        return response
                else:
                    response = json_answer(result, endpoint.status)
            except (KeyboardInterrupt, Exception):
                raise
            except BaseException as raised:
                raise ended(raised) from raised
            finally:
                reset_context(token)
            return self._finished(request, response)
        except Exception as error:
            return self._failed(request, error)

    async def http_async(self, request: Request, in_thread: InThread[Response]) -> Response:
        """`http` for servers with a loop: sync handlers run through `in_thread`, async ones on the loop.

        A middleware runs where its handler runs.
        """

        async def run(endpoint: Endpoint, context: Context, fail: Fail) -> Response:  # noqa: ARG001
            if endpoint.is_async:
                return await self._run_async(endpoint, request, context)
            return await in_thread(partial(self._run_in_thread, endpoint, request, context))

        response = await self.answered(request, run)
        assert response is not None
        return response

    def answered(self, request: Request, run: "Run", header_bytes: int = -1) -> Awaitable[Response | None]:
        """Answers one request; `run` runs what is found for it. Never raises but for what ends the process.

        `run` may let go of a request whose handler has not ended: it asks for the answer to a failure, which is final,
        and returns None later, which is returned. `header_bytes` as for `http`; the ids are those of
        `identifiers.new_root` then, so that the request begins its trace.
        """
        if self.recording is None:
            return self._answered(request, run, header_bytes)
        return self.recording.answered(request, run, header_bytes)

    async def _answered(self, request: Request, run: "Run", header_bytes: int) -> Response | None:
        try:
            endpoint = self._admit(request, header_bytes)
            if type(endpoint) is not Endpoint:
                return self._finished(request, cast("Response", endpoint))
            context = endpoint.context(request.id, time() + endpoint.timeout, request.traceparent)
            response = await run(endpoint, context, partial(self._failed, request))
            return None if response is None else self._finished(request, response)
        except Exception as error:
            return self._failed(request, error)

    def _admit(  # noqa: C901 - no calls: every request comes here
        self, request: Request, size: int = -1
    ) -> Endpoint | Response:
        """Checks what every request must hold, gives it its ids and finds what answers it."""
        if size < 0:
            size = 0
            internal = False
            for name, value in request.headers._items:
                length = len(name)
                size += length + len(value)
                # By length first: a name that was just read has no hash yet, and most are shorter or nothing of ours.
                if length >= 11:
                    if name == "traceparent":
                        if not request.traceparent and is_traceparent(value):
                            request.traceparent = value
                    elif name == "x-request-id":
                        if not request.id and is_request_id(value):
                            request.id = value
                    elif name[:11] == INTERNAL:
                        internal = True
            if not request.id:
                id, traceparent = new_ids()
                request.id = id
                if not request.traceparent:
                    request.traceparent = traceparent
            elif not request.traceparent:
                request.traceparent = new_ids()[1]
            if internal:
                request.headers = Headers(item for item in request.headers._items if not item[0].startswith(INTERNAL))
        path, query = request.path, request.query_string
        if size > self._header_limit or len(path) >= self._url_limit or len(request.body) > self._body_limit:
            self._check_limits(request, size)
        if query:
            length = len(query)
            if length > self._query_limit or len(path) + length >= self._url_limit:
                self._check_limits(request, size)
            if not (query.isascii() and query.isprintable()):
                raise malformed_query()
        found = self._router.find(request.method, path)
        if found is None:
            return self._find(request)
        endpoint, request.params = found
        return endpoint

    def _check_limits(self, request: Request, header_bytes: int) -> None:
        query = len(request.query_string)
        url = len(request.path) + (query + 1 if query else 0)
        check = self.profile.check
        status = 414
        try:
            check("http_url_bytes", url, "the URL")
            check("http_query_bytes", query, "the query")
            status = 431
            check("http_header_bytes", header_bytes, "the headers")
            status = 413
            check("http_request_bytes", len(request.body), "the request body")
        except LimitExceeded as error:
            error.status = status
            raise

    def _find(self, request: Request) -> Endpoint | Response:
        if request.method == "OPTIONS":
            if self._cors is not None and is_preflight(request):
                return plain_response(b"", 204, None)
            if request.path == "*":
                return plain_response(b"", 204, None)
        try:
            path = segments(request.path)
        except PortableError:
            mounted = self._mounted(request)
            if mounted is None or mounted.middlewares:
                # A middleware and the application could read such a path in two ways.
                raise
            return mounted
        # Middleware that guards a path compares it with one spelling, which the router has to have seen too.
        sent, request.path = request.path, spelled(path)
        match = self._router.match_segments(request.method, path)
        if match.entry is not None:
            request.params = match.params
            return match.entry
        if sent[-1] == "/" and path:
            # To a mounted application it is another path.
            request.path += "/"
        if not match.allowed:
            found = self._file(request) or self._mounted(request)
            if found is not None:
                return found
            raise NotFound(f"nothing answers {request.path}")
        if request.method != "OPTIONS":
            # A file or an application of old behind a path of which a route took one method.
            found = self._file(request) if request.method in ("GET", "HEAD") else None
            found = found or self._mounted(request)
            if found is not None:
                return found
        return self._other_method(request, match.allowed)

    def _other_method(self, request: Request, allowed: tuple[str, ...]) -> Response:
        allow = ", ".join(allowed)
        if request.method == "OPTIONS":
            response = plain_response(b"", 204, None)
            response.headers["allow"] = allow
            return response
        raise HTTPError(405, f"{request.path} does not take {request.method}", headers={"allow": allow})

    def _file(self, request: Request) -> Endpoint | Response | None:
        """A static file, by the decoded path."""
        if not self._folders:
            return None
        path = segments(request.path)
        for prefix, folder, middlewares in self._folders:
            base = prefix.split("/")[1:] if prefix else []
            if path[: len(base)] != base or not folder.holds(path[len(base) :]):
                continue
            if request.method not in ("GET", "HEAD"):
                return self._other_method(request, ("GET", "HEAD", "OPTIONS"))
            request.path = spelled(path)
            function = partial(folder.respond, relative=path[len(base) :])
            return self._foreign(f"static:{prefix or '/'}", function, middlewares, is_async=False)
        return None

    def _mounted(self, request: Request) -> Endpoint | None:
        """The mounted application whose path is the longest prefix of the path as it was sent."""
        path = request.path
        for prefix, mount, middlewares in self._mounts:
            if path == prefix or path.startswith(f"{prefix}/"):
                if (request.headers.get("upgrade") or "").lower() == "websocket":
                    raise HTTPError(501, "mounted applications have no WebSockets")
                return self._foreign(f"mount:{prefix or '/'}", mount.respond, middlewares, is_async=True)
        return None

    def _foreign(
        self, name: str, function: Callable[..., Any], middlewares: tuple[Middleware, ...], *, is_async: bool
    ) -> Endpoint:
        """What answers without being a handler: a file or a mounted application."""
        route = f"{name.partition(':')[2].rstrip('/')}/*"
        return Endpoint(function, TAKE_REQUEST, middlewares, self._context_type(name), is_async=is_async, route=route)

    def _context_type(self, name: str) -> Callable[[], Context]:
        found = self._contexts.get(name)
        if found is None:
            found = self._contexts[name] = http_context(name, self.app.name, self.stage, self.binding)
        return found

    def _run(self, endpoint: Endpoint, request: Request, context: Context) -> Response:
        """The handler inside its middleware; a coroutine is driven to its end here."""
        token = set_context(context)
        try:
            if endpoint.middlewares:
                return self._run_inside(endpoint, request, context)
            result = endpoint.call(request, context)
            if type(result) is CoroutineType:
                result = self.drive(result)
            return answer(result, endpoint.status)
        except (KeyboardInterrupt, Exception):
            raise
        except BaseException as raised:
            raise ended(raised) from raised
        finally:
            reset_context(token)

    def _run_inside(self, endpoint: Endpoint, request: Request, context: Context) -> Response:
        """The handler inside its middleware, to which what would end the process is an error as well."""
        stack: Stack = []
        response: Response | None = None
        error: Exception | None = None
        try:
            response = start(endpoint.middlewares, request, stack)
            if response is None:
                result = endpoint.call(request, context)
                if type(result) is CoroutineType:
                    result = self.drive(result)
                response = answer(result, endpoint.status)
        except KeyboardInterrupt:
            raise
        except Exception as raised:
            error = raised
        except BaseException as raised:
            error = ended(raised)
            error.__cause__ = raised
        return finish(stack, response, error)

    def _run_in_thread(self, endpoint: Endpoint, request: Request, context: Context) -> Response:
        """`_run` for a Future, which no StopIteration can be set on: its waiter would wait for ever."""
        try:
            return self._run(endpoint, request, context)
        except StopIteration as raised:
            raise ended(raised) from raised

    async def _run_async(self, endpoint: Endpoint, request: Request, context: Context) -> Response:
        """`_run` on a loop."""
        token = set_context(context)
        stack: Stack = []
        response: Response | None = None
        error: Exception | None = None
        try:
            try:
                response = start(endpoint.middlewares, request, stack)
                if response is None:
                    result = endpoint.call(request, context)
                    if type(result) is CoroutineType:
                        result = await cast("Awaitable[Any]", result)
                    response = answer(result, endpoint.status)
            except KeyboardInterrupt:
                raise
            except Exception as raised:
                error = raised
            except BaseException as raised:
                if is_cancelled(raised):
                    raise
                error = ended(raised)
            return finish(stack, response, error)
        finally:
            reset_context(token)

    def drive(self, coroutine: Any) -> Any:
        """Runs a coroutine to its end: by hand while asyncio was never imported, else on one kept loop."""
        if "asyncio" not in sys.modules:
            try:
                coroutine.send(None)
            except StopIteration as stop:
                return stop.value
            coroutine.close()
            raise RuntimeError("the handler waits for something that is not asyncio's")
        if self._loop is None:
            from .loop import KeptLoop

            self._loop = KeptLoop()
        return self._loop.run(coroutine)

    def _finished(self, request: Request, response: Response) -> Response:
        """The answer as it leaves: ids, CORS, no body where none belongs, the size within the limit."""
        status, body = response.status, response.body
        headers = response.headers
        if (
            type(headers) is GivenHeaders
            and ((given := headers._given) is JSON_ONLY or given is TEXT_ONLY)
            and type(body) is bytes
            and len(body) <= self._response_limit
            and self._cors is None
            and request.method != "HEAD"
            and status not in BODILESS
        ):
            # Nearly every answer of an API; the same as what follows.
            headers._given = {
                "content-type": given["content-type"],
                "x-request-id": request.id,
                "traceparent": request.traceparent,
            }
            return response
        if type(response) is not Answer:
            # A Response of the user's may be used again, so it stays as it is.
            if not 200 <= status <= 599:
                raise ValueError(f"the handler answered with status {status}, which is not 200-599")
            response = plain_response(body, status, None)
        declared = headers._items
        items = checked_headers(declared)
        if type(body) is not bytes:
            response.body = body = body_bytes(body)
        if len(body) > self._response_limit:
            self.profile.settle(response_too_large(self.profile, len(body)))
        if request.method == "HEAD" or status in BODILESS:
            if status not in BODILESS:
                items.append(("content-length", head_length(declared, body)))
            response.body = b""
        items.append(("x-request-id", request.id))
        items.append(("traceparent", request.traceparent))
        response.headers._items = items
        if self._cors is not None:
            add_cors(self._cors, request, response, preflight=status == 204 and is_preflight(request))
        return response

    def _failed(self, request: Request, error: Exception) -> Response:
        """The problem document of what went wrong. A fault of ours or of the app's is logged, with its trace."""
        response = problem(error, request, dev=self.dev)
        if response.status >= 500 and not isinstance(error, HTTPError):
            import logging

            logging.getLogger("portable.http").error(
                "%s %s failed [%s]", request.method, printable(request.path), request.id, exc_info=error
            )
        try:
            return self._finished(request, response)
        except (ValueError, PortableError) as broken:
            # An HTTPError with headers that cannot be sent, or with too much to say.
            return self._finished(request, problem(broken, request, dev=self.dev))

    # Everything else

    def invoke(self, invocation: Invocation) -> Outcome:
        """Delivers one Invocation to its background handler; never raises but for what ends the process."""
        from .invoking import invoke

        return invoke(self, self._background, invocation)

    # The end

    def close(self) -> None:
        """Ends the lifespans of mounted applications and the kept loop, if `http` started any."""
        if self._loop is not None:
            for _, mount, _ in self._mounts:
                self._loop.run(mount.close())
            self._loop.close()
            self._loop = None

    async def close_async(self) -> None:
        """`close` for what `http_async` started on the running loop."""
        for _, mount, _ in self._mounts:
            await mount.close()


def recording_of(dispatcher: Dispatcher, binding: Binding | None) -> "Recording | None":
    """What records for a Dispatcher, if there is somebody to take it."""
    if binding is None or binding.recorder is None:
        return None
    from .recording import Recording

    return Recording(dispatcher, binding, binding.recorder)


def http_context(handler: str, app: str, stage: str, binding: Binding | None) -> Callable[[], Context]:
    """A Context class of one endpoint: all but three of its fields are constant, and a call pays for three."""
    constants: dict[str, Any] = {
        "__slots__": (),
        "__init__": object.__init__,
        "__module__": Context.__module__,
        "_binding": binding,
        "_report": None,
        "app": app,
        "attempt": 1,
        "attributes": property(lambda self: dict[str, str]()),  # noqa: ARG005
        "handler": handler,
        "kind": "http",
        "scheduled_at": None,
        "stage": stage,
    }
    made: Any = type("Context", (Context,), constants)
    return cast("Callable[[], Context]", made)


def body_bytes(body: object) -> bytes:
    """A body that was set on a Response later. Raises TypeError for what is none."""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    raise TypeError(f"the body of a Response is bytes or str, not {type(body).__name__}")


def head_length(declared: list[tuple[str, str]], body: bytes) -> str:
    """The content-length of an answer to HEAD: a mounted application may say how long the body is, and send none."""
    if not body:
        for name, value in declared:
            if name == "content-length" and value.isascii() and value.isdigit():
                return value
    return str(len(body))


def ended(raised: BaseException) -> RuntimeError:
    """What a handler raised that is no Exception: it ends the call, and neither the server nor its loop."""
    what = f"sys.exit({raised.code!r})" if isinstance(raised, SystemExit) else f"raise {type(raised).__name__}"
    return RuntimeError(f"the handler ended with {what}")


def is_cancelled(raised: BaseException) -> bool:
    """Whether it is the server that ends this call, and not the handler that let go of a cancellation of its own."""
    asyncio: Any = sys.modules["asyncio"]
    return isinstance(raised, asyncio.CancelledError) and asyncio.current_task().cancelling() > 0


def malformed_query() -> InvalidArgument:
    error = InvalidArgument("the query has characters that must be percent-encoded")
    error.status = 400
    return error


def is_coroutine_function(function: Any) -> bool:
    """Whether calling `function` gives a coroutine, without importing inspect."""
    while True:
        if hasattr(function, "__wrapped__"):
            # A sync wrapper of an async function is taken for what it is: the outer one is called.
            if getattr(function, "__code__", None) is not None:
                break
            function = function.__wrapped__
        elif isinstance(function, partial):
            function = function.func
        elif getattr(function, "__code__", None) is None and not isinstance(function, type):
            function = type(function).__call__
            break
        else:
            break
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & COROUTINE_FLAG)


def printable(text: str) -> str:
    """A path as a log may hold it."""
    return text[:200] if text.isprintable() else ascii(text[:200])
