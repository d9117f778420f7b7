"""What stands around HTTP handlers: the generator-style middleware of App and Service, and CORS.

Starting and finishing are plain functions, so that one implementation serves sync and async handlers: the dispatcher
calls the handler between them in whichever way the handler needs. A middleware runs on the thread of its handler.
"""

from collections.abc import Generator, Iterable
from typing import Any

from .errors import DeclarationError, Location
from .http import CORS, Middleware, Request, Response

GENERATOR_FLAG = 0x20
Stack = list[Generator[None, Response, Response | None]]


def check_middleware(middleware: Middleware, location: Location) -> None:
    """Raises DeclarationError for what is not a generator function."""
    function: Any = middleware
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is not None and not code.co_flags & GENERATOR_FLAG:
        raise DeclarationError(
            f"middleware {getattr(function, '__name__', function)!r} is not a generator function",
            hint="def timing(request): ...; response = yield; return response  (without async)",
            location=Location(code.co_filename, code.co_firstlineno),
        )
    if not callable(function):
        raise DeclarationError(f"middleware {function!r} cannot be called", location=location)


def start(middlewares: Iterable[Middleware], request: Request, stack: Stack) -> Response | None:
    """Runs what stands before each `yield`, outermost first; a Response means: answer with it, skip the handler.

    The generators that wait are added to `stack`; whatever this raises is for `finish` to pass to them.
    """
    for middleware in middlewares:
        generator = middleware(request)
        try:
            next(generator)
        except StopIteration as stop:
            if not isinstance(stop.value, Response):
                raise RuntimeError(
                    f"middleware {name_of(middleware)} returned {type(stop.value).__name__} before its yield, "
                    "where only a Response can answer"
                ) from None
            return stop.value
        stack.append(generator)
    return None


def finish(stack: Stack, response: Response | None, error: Exception | None) -> Response:
    """Runs what stands after each `yield`, innermost first, with the Response or the error of what is inside it."""
    for generator in reversed(stack):
        try:
            if error is None:
                generator.send(response)  # type: ignore[arg-type]  # one of the two is set
            else:
                generator.throw(error)
        except StopIteration as stop:
            value = stop.value
            if value is response or value is None:
                continue
            if isinstance(value, Response):
                response, error = value, None
            else:
                error = RuntimeError(
                    f"middleware {name_of(generator)} returned {type(value).__name__}, not a Response or None"
                )
        except Exception as raised:
            error = raised
        else:
            error = RuntimeError(f"middleware {name_of(generator)} yields more than once")
            generator.close()
    if error is not None:
        raise error
    assert response is not None
    return response


def name_of(function: object) -> str:
    """A callable's name for people."""
    return str(getattr(function, "__name__", type(function).__name__))


def check_cors(cors: CORS, location: Location) -> None:
    """Raises DeclarationError for a CORS that browsers would refuse."""
    if "*" in cors.origins and cors.credentials:
        raise DeclarationError(
            "CORS: origins=('*',) excludes credentials=True",
            hint="name the origins that may send cookies",
            location=location,
        )
    for field in ("origins", "methods", "headers", "expose"):
        if isinstance(getattr(cors, field), str):
            raise DeclarationError(f"CORS: {field} is a str, not a tuple", location=location)


def is_preflight(request: Request) -> bool:
    """Whether a browser asks for leave (Fetch standard, CORS-preflight request)."""
    return (
        request.method == "OPTIONS"
        and "origin" in request.headers
        and "access-control-request-method" in request.headers
    )


def add_cors(cors: CORS, request: Request, response: Response, *, preflight: bool) -> None:
    """Adds the CORS headers to an answer, errors too; an origin that is not named gets none."""
    headers = response.headers
    everyone = "*" in cors.origins
    if not everyone:
        add_vary(response, "origin")
    origin = request.headers.get("origin")
    if origin is None or not (everyone or origin in cors.origins):
        return
    headers["access-control-allow-origin"] = "*" if everyone else origin
    if cors.credentials:
        headers["access-control-allow-credentials"] = "true"
    if not preflight:
        if cors.expose:
            headers["access-control-expose-headers"] = ", ".join(cors.expose)
        return
    headers["access-control-allow-methods"] = ", ".join(cors.methods)
    wanted = request.headers.get("access-control-request-headers")
    if "*" in cors.headers:
        if wanted and wanted.isascii() and wanted.isprintable():
            headers["access-control-allow-headers"] = wanted
            add_vary(response, "access-control-request-headers")
    elif cors.headers:
        headers["access-control-allow-headers"] = ", ".join(cors.headers)
    headers["access-control-max-age"] = str(cors.max_age)


def add_vary(response: Response, name: str) -> None:
    """Adds a name to Vary, once."""
    present = response.headers.get("vary")
    if present is None:
        response.headers["vary"] = name
    elif name not in [part.strip().lower() for part in present.split(",")]:
        response.headers["vary"] = f"{present}, {name}"
