"""App and Service: where everything is declared. No I/O happens here; running is the adapters' business.

A kind of resource is imported when an app declares the first of it, so that a function loads only what its app uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, Never, TypeVar, cast, overload

from .binding import HANDLER_MARK, Grant, Handler, Registry, Resource
from .capabilities import PROVIDERS
from .errors import DeclarationError, Location, caller_location
from .handler_limits import MEMORY_SIZES, check_handler_limits
from .http import CORS, Middleware
from .patterns import Pattern
from .signatures import check_function, function_location, function_name
from .specs import (
    Grouping,
    HandlerSpec,
    Missed,
    MountSpec,
    Overlap,
    RetryPolicy,
    Route,
    Schedule,
    StaticSpec,
    Trigger,
)

if TYPE_CHECKING:
    from .buckets import Bucket
    from .config import Param, Secret
    from .manifest import Manifest
    from .tables import Table
    from .tasks import TaskDeclaration
    from .topics import Topic

F = TypeVar("F", bound=Callable[..., Any])
FUNCTION = type(caller_location)
T = TypeVar("T")
R = TypeVar("R")

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RESERVED = "/_portable"
"""Paths of the framework's own: signed URLs, health."""
NAME = Pattern(r"[a-z][a-z0-9-]{0,62}")
HANDLER_NAME = Pattern(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")
SEGMENT = Pattern(r"\{[A-Za-z_]\w*\}|[A-Za-z0-9._~!$&'()*+,;=:@-]+")


def check_name(kind: str, name: object, location: Location) -> str:
    """A declared name as it must be on every provider. Raises DeclarationError."""
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        raise DeclarationError(
            f"{kind} name {name!r} is not lower-case letters, digits and hyphens (1-63, a letter first)",
            hint=f"for instance {suggest_name(name)!r}",
            location=location,
        )
    return name


def suggest_name(name: object) -> str:
    """The nearest valid name."""
    found = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", str(name)).lower()).strip("-")[:63]
    return found if NAME.fullmatch(found) else f"my-{found}"[:63].rstrip("-")


def check_path(path: object, location: Location) -> str:
    """A route template as the router takes it, without a trailing slash. Raises DeclarationError."""
    if not isinstance(path, str) or not path.startswith("/"):
        raise DeclarationError(
            f"path {path!r} does not start with '/'", hint="for instance '/notes/{id}'", location=location
        )
    path = path.rstrip("/") or "/"
    if path == RESERVED or path.startswith(f"{RESERVED}/"):
        raise DeclarationError(
            f"path {path!r}: what is below {RESERVED} is portable's own", hint="take another path", location=location
        )
    names: list[str] = []
    for segment in path.split("/")[1:] if path != "/" else []:
        if SEGMENT.fullmatch(segment) is None or segment in (".", ".."):
            raise DeclarationError(
                f"path {path!r}: {segment!r} is neither a plain segment nor one {{name}}",
                hint="a parameter fills a whole segment: /notes/{id}",
                location=location,
            )
        if segment.startswith("{"):
            names.append(segment[1:-1])
    if len(set(names)) != len(names):
        raise DeclarationError(
            f"path {path!r} uses a parameter twice", hint="give each its own name", location=location
        )
    return path


def check_called(what: str, value: object, example: str) -> None:
    """A decorator that takes arguments is not put above a function without them. Raises DeclarationError."""
    if callable(value):
        raise DeclarationError(
            f"{what} stands above {function_name(value)} without its arguments",
            hint=f"for instance {example}",
            location=function_location(value),
        )


def check_handler_name(name: object, location: Location) -> None:
    """A handler's name is a part of physical names, of logs and of the command line. Raises DeclarationError."""
    if not isinstance(name, str) or HANDLER_NAME.fullmatch(name) is None:
        raise DeclarationError(
            f"handler name {name!r} is not letters, digits, hyphens and underscores (1-63, a letter first)",
            hint=f"for instance {suggest_name(name)!r}",
            location=location,
        )


def check_uses(handler: str, uses: object, location: Location) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Grants as the manifest has them. Raises DeclarationError."""
    grants: list[Any] = list(cast("Iterable[Any]", uses)) if type(uses) in (list, tuple) else [uses]
    for grant in grants:
        if not isinstance(grant, Grant):
            raise DeclarationError(
                f"{handler}: uses={uses!r} is no list of grants",
                hint='for instance uses=[notes.can("get", "put")]',
                location=location,
            )
    return tuple((grant.resource, grant.verbs) for grant in grants)


class Service(Registry):
    """A part of an app that is deployed and permitted as a unit; has the same decorators as the app.

    `name` is lower-case letters, digits and hyphens. Include it with `app.include(service, prefix="/...")`.
    """

    def __init__(self, name: str) -> None:
        location = caller_location()
        super().__init__(check_name(type(self).__name__.lower(), name, location))
        self.location = location
        self.prefix = ""
        self.middlewares: list[Middleware] = []
        self.mounts: list[tuple[MountSpec, Any]] = []
        self.statics: list[StaticSpec] = []

    def qualify(self, name: str) -> str:
        """A name as the rest of the app and the command line see it: `exchange.rates`."""
        return f"{self.name}.{name}"

    # Resources

    @overload
    def table(
        self,
        name: str,
        model: None = None,
        *,
        key: str | tuple[str, str] = "id",
        indexes: dict[str, tuple[str] | tuple[str, str]] | None = None,
        ttl: str | None = None,
    ) -> Table[dict[str, Any]]: ...
    @overload
    def table(
        self,
        name: str,
        model: type[T],
        *,
        key: str | tuple[str, str] = "id",
        indexes: dict[str, tuple[str] | tuple[str, str]] | None = None,
        ttl: str | None = None,
    ) -> Table[T]: ...
    def table(
        self,
        name: str,
        model: Any = None,
        *,
        key: str | tuple[str, str] = "id",
        indexes: dict[str, tuple[str] | tuple[str, str]] | None = None,
        ttl: str | None = None,
    ) -> Table[Any]:
        """Declares a table of documents.

        `model` is a pydantic model or dataclass (None: plain dicts). `key` names its one or two key fields (str, UUID,
        date or enum). `indexes` maps names to one or two fields. `ttl` names a field with an aware datetime or epoch
        second (or None) from which on the item is absent. Raises DeclarationError.
        """
        location = caller_location()
        from .tables import Table

        table: Table[Any] = Table(
            self,
            check_name("table", name, location),
            model,
            key=key,
            indexes=indexes or {},
            ttl=ttl,
            location=location,
        )
        self.register_resource(table)
        return table

    def bucket(self, name: str) -> Bucket:
        """Declares a bucket of objects. Raises DeclarationError."""
        location = caller_location()
        from .buckets import Bucket

        bucket = Bucket(self, check_name("bucket", name, location), location=location)
        self.register_resource(bucket)
        return bucket

    @overload
    def topic(self, name: str, model: None = None) -> Topic[Any]: ...
    @overload
    def topic(self, name: str, model: type[T]) -> Topic[T]: ...
    def topic(self, name: str, model: Any = None) -> Topic[Any]:
        """Declares a topic; `model` is what its events carry (None: any JSON). Raises DeclarationError."""
        location = caller_location()
        from .topics import Topic

        topic: Topic[Any] = Topic(self, check_name("topic", name, location), model, location=location)
        self.register_resource(topic)
        return topic

    def param(self, name: str, default: str | None = None) -> Param:
        """Declares a setting, written by `portable config set`. Raises DeclarationError."""
        location = caller_location()
        from .config import Param

        param = Param(self, name, default, location=location)
        self.register_resource(param)
        return param

    def secret(self, name: str) -> Secret:
        """Declares a secret, written by `portable secret set`. Raises DeclarationError."""
        location = caller_location()
        from .config import Secret

        secret = Secret(self, name, location=location)
        self.register_resource(secret)
        return secret

    # HTTP

    def route(
        self,
        path: str,
        *,
        methods: Iterable[str],
        status: int = 200,
        timeout: int = 28,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """Answers `methods` on `path` (`{name}` fills one segment) with the decorated function, which stays as it is.

        `status` is used for answers that do not set their own; `timeout` is at most 28 seconds, then 504. `name` is the
        handler's, by default the function's.
        """
        if callable(path):
            raise DeclarationError(
                f"{function_name(path)} is decorated without a path",
                hint=f'write @{self.name}.get("/{function_name(path)}"), with parentheses',
                location=function_location(path),
            )

        def register(function: F) -> F:
            location = function_location(function)
            if isinstance(methods, str):
                raise DeclarationError(
                    f"{path}: methods is a str", hint=f'a list: methods=["{methods}"]', location=location
                )
            wanted = tuple(dict.fromkeys(str(method).upper() for method in methods))
            unknown = [method for method in wanted if method not in METHODS]
            if unknown or not wanted:
                raise DeclarationError(f"{path}: methods {unknown or '()'} are not HTTP methods", location=location)
            if type(status) is not int or not 200 <= status <= 599:
                raise DeclarationError(
                    f"{path}: status {status!r} is not 200-599", hint="for instance 201", location=location
                )
            self.register_handler(
                function,
                Route(wanted, check_path(path, location), status),
                timeout=timeout,
                memory=memory,
                uses=uses,
                name=name,
            )
            return function

        return register

    def get(
        self,
        path: str,
        *,
        status: int = 200,
        timeout: int = 28,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """`route(path, methods=["GET"])`; HEAD follows by itself."""
        return self.route(path, methods=("GET",), status=status, timeout=timeout, memory=memory, uses=uses, name=name)

    def post(
        self,
        path: str,
        *,
        status: int = 200,
        timeout: int = 28,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """`route(path, methods=["POST"])`."""
        return self.route(path, methods=("POST",), status=status, timeout=timeout, memory=memory, uses=uses, name=name)

    def put(
        self,
        path: str,
        *,
        status: int = 200,
        timeout: int = 28,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """`route(path, methods=["PUT"])`."""
        return self.route(path, methods=("PUT",), status=status, timeout=timeout, memory=memory, uses=uses, name=name)

    def patch(
        self,
        path: str,
        *,
        status: int = 200,
        timeout: int = 28,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """`route(path, methods=["PATCH"])`."""
        return self.route(path, methods=("PATCH",), status=status, timeout=timeout, memory=memory, uses=uses, name=name)

    def delete(
        self,
        path: str,
        *,
        status: int = 200,
        timeout: int = 28,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """`route(path, methods=["DELETE"])`."""
        return self.route(
            path, methods=("DELETE",), status=status, timeout=timeout, memory=memory, uses=uses, name=name
        )

    def mount(self, path: str, application: Any, *, interface: Literal["asgi", "wsgi"] | None = None) -> None:
        """Lets an existing ASGI or WSGI application answer everything below `path`.

        `interface` is found out from the application unless given. Bodies are buffered up to the HTTP limits; the ASGI
        lifespan runs once per process; WebSockets are refused.
        """
        from .mounting import detect_interface

        location = caller_location()
        spec = MountSpec(
            check_path(path, location),
            self.name,
            interface or detect_interface(application, location),
            location,
        )
        self.mounts.append((spec, application))

    def static(self, path: str, directory: str) -> None:
        """Serves the files of `directory` (relative to the declaring file) below `path`, with ETags.

        `index.html` answers for its folder. Links out of the folder and dot files are not served.
        """
        import os

        location = caller_location()
        root = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(location.file)), directory))
        if not os.path.isdir(root):
            raise DeclarationError(
                f"static folder {directory!r} does not exist", hint=f"looked at {root}", location=location
            )
        self.statics.append(StaticSpec(check_path(path, location), self.name, root, location))

    def middleware(self, function: Middleware) -> Middleware:
        """Wraps every HTTP handler of this app or service, in order of declaration, outermost first.

        `function(request)` is a generator: what stands before its one `yield` runs before the handler, `yield` gives
        the Response (or raises what the handler raised), what it returns replaces the Response. Returning a Response
        before the yield answers without the handler. It serves sync and async handlers alike.
        """
        self.middlewares.append(function)
        return function

    # Background

    @property
    def task(self) -> TaskDeclaration:
        """Makes the decorated function a Task: `task.send(payload)` queues a run, calling it stays a plain call.

        `@app.task`, or with options `@app.task(max_attempts=5, min_backoff=1, max_backoff=300, timeout=300)`.
        """
        from .tasks import TaskDeclaration

        return TaskDeclaration(self)

    def every(
        self,
        *unnamed: Never,
        minutes: int = 0,
        hours: int = 0,
        days: int = 0,
        missed: Missed = "latest",
        overlap: Overlap = "skip",
        max_attempts: int = 1,
        timeout: int = 300,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """Runs the decorated function every n minutes (n divides an hour), hours (n divides a day) or 1 day, in UTC."""
        if unnamed:
            raise DeclarationError(
                "every() says how often by name", hint="@app.every(minutes=15)", location=caller_location()
            )

        def register(function: F) -> F:
            from .retries import check_retry
            from .schedules import check_policies, every_to_cron

            location = function_location(function)
            cron = every_to_cron(minutes=minutes, hours=hours, days=days, location=location)
            check_policies(missed, overlap, location)
            retry = check_retry(f"every: {function_name(function)}", RetryPolicy(max_attempts), location)
            schedule = Schedule(cron, "UTC", missed, overlap, retry)
            self.register_handler(function, schedule, timeout=timeout, memory=memory, uses=uses, name=name)
            return function

        return register

    def cron(
        self,
        expression: str,
        *,
        zone: str = "UTC",
        missed: Missed = "latest",
        overlap: Overlap = "skip",
        max_attempts: int = 1,
        timeout: int = 300,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> Callable[[F], F]:
        """Runs the decorated function at the times of a 5-field cron expression in an IANA zone.

        A local time that does not exist is skipped, one that occurs twice runs once. At least once per fire time.
        """
        check_called("cron", expression, '@app.cron("0 3 * * 1-5")')

        def register(function: F) -> F:
            from .retries import check_retry
            from .schedules import check_cron, check_policies, check_zone

            location = function_location(function)
            check_policies(missed, overlap, location)
            retry = check_retry(f"cron: {function_name(function)}", RetryPolicy(max_attempts), location)
            schedule = Schedule(check_cron(expression, location), check_zone(zone, location), missed, overlap, retry)
            self.register_handler(function, schedule, timeout=timeout, memory=memory, uses=uses, name=name)
            return function

        return register

    # Registration

    def _known_targets(self) -> tuple[str, ...] | None:
        """The providers whose limits count; a service does not know the app yet."""
        return None

    def register_resource(self, resource: Resource[Any]) -> None:
        slot = (resource.kind, resource.name)
        if slot in self.resources:
            raise DeclarationError(
                f"{resource.kind} {resource.name!r} is declared twice in {self.name!r}",
                hint=f"first at {self.resources[slot].location}",
                location=resource.location,
            )
        self.resources[slot] = resource

    def register_handler(
        self,
        function: Callable[..., Any],
        trigger: Trigger,
        *,
        timeout: int,
        decode: Any = None,
        memory: int | None = None,
        uses: list[Grant] | None = None,
        name: str | None = None,
    ) -> Handler:
        location = function_location(function)
        check_function(function, location)
        found = name if name is not None else function_name(function)
        if name is not None:
            check_handler_name(name, location)
        taken = self.handlers.get(found)
        if taken is not None and taken.function is function and name is None:
            number = 2
            while f"{found}-{number}" in self.handlers:
                number += 1
            found, taken = f"{found}-{number}", None
        if taken is not None:
            raise DeclarationError(
                f"handler {found!r} is declared twice in {self.name!r}",
                hint=f"first at {taken.spec.location}; give one of them name=...",
                location=location,
            )
        check_handler_limits(found, trigger, timeout, memory, self._known_targets(), location)
        spec = HandlerSpec(
            name=found,
            service=self.name,
            function=f"{function.__module__}:{getattr(function, '__qualname__', found)}",
            trigger=trigger,
            timeout=timeout,
            memory=memory or MEMORY_SIZES[0],
            uses=check_uses(found, uses, location) if uses is not None else None,
            location=location,
        )
        handler = self.handlers[found] = Handler(spec, function, decode)
        if isinstance(function, FUNCTION):
            # For decorators of ours that come too late when they stand above the one that registers.
            vars(function)[HANDLER_MARK] = found
        return handler


class App(Service):
    """A whole application: its own handlers and resources, and the services it includes.

    `functions` says how handlers become deployed functions ("service": a service's routes share one and each background
    handler has its own; "app": one for all; "handler": one each). `targets` are the providers whose limits count.
    `cors` allows browsers of other origins.
    """

    is_app = True

    def __init__(
        self,
        name: str,
        *,
        functions: Grouping = "service",
        targets: Iterable[str] = PROVIDERS,
        cors: CORS | None = None,
    ) -> None:
        super().__init__(name)
        self.functions: Grouping = functions
        self.targets: tuple[str, ...] = (targets,) if isinstance(targets, str) else tuple(targets)
        self.cors = cors
        self.services: list[Service] = []
        unknown = [target for target in self.targets if target not in PROVIDERS]
        if unknown or not self.targets:
            raise DeclarationError(
                f"targets {unknown or '()'}: not among {', '.join(PROVIDERS)}",
                hint='for instance targets=("aws", "gcp")',
                location=self.location,
            )
        if functions not in ("app", "service", "handler"):
            raise DeclarationError(
                f"functions={functions!r} is no way to group handlers",
                hint='one of "app", "service" and "handler"',
                location=self.location,
            )
        # Whatever the annotation says: a str is the likeliest mistake.
        if cors is not None and not isinstance(cast("Any", cors), CORS):
            raise DeclarationError(
                f"cors={cors!r} is no CORS", hint='cors=CORS(origins=("https://shop.example",))', location=self.location
            )

    def _known_targets(self) -> tuple[str, ...]:
        return self.targets

    def qualify(self, name: str) -> str:
        return name

    def include(self, service: Service, *, prefix: str = "") -> None:
        """Makes `service` a part of this app, its routes below `prefix`. Raises DeclarationError."""
        location = caller_location()
        if isinstance(service, App):
            raise DeclarationError("an App cannot be included", hint="make it a Service", location=location)
        if not isinstance(cast("Any", service), Service):
            raise DeclarationError(
                f"{service!r} is no Service", hint='for instance Service("exchange")', location=location
            )
        if service._parent is not None:
            raise DeclarationError(
                f"service {service.name!r} is included already",
                hint=f"it is declared at {service.location}; an app includes a service once",
                location=location,
            )
        if service.name == self.name or any(other.name == service.name for other in self.services):
            raise DeclarationError(
                f"the name {service.name!r} is taken",
                hint="the app and its services are told apart by their names",
                location=location,
            )
        service.prefix = "" if prefix in ("", "/") else check_path(prefix, location)
        service._parent = self
        self.services.append(service)

    def rebound(self) -> None:
        super().rebound()
        for service in self.services:
            service.rebound()

    def parts(self) -> list[Service]:
        """The app itself and its services, in order."""
        return [self, *self.services]

    def all_handlers(self) -> dict[str, Handler]:
        """Every handler under its qualified name."""
        return {part.qualify(name): handler for part in self.parts() for name, handler in part.handlers.items()}

    def manifest(self) -> Manifest:
        """The frozen graph of what is declared. Raises DeclarationError if the parts do not fit together."""
        from .manifest import build_manifest

        return build_manifest(self)

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document of the HTTP routes. For a laptop or a build: a deployed function has no part of it.

        Raises DeclarationError if a route cannot be.
        """
        from .openapi import openapi_document

        return openapi_document(self)
