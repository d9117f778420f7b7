"""The cell in which a running app finds its drivers, and the base of everything that user code holds.

Declaring does no I/O: a Registry (an App or a Service) has an empty cell until an adapter's runtime or a test binds it.
A resource that is used before that raises NotBound.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, cast

from .capabilities import Profile
from .context import Context
from .errors import Location, NotBound, PortableError, Unsupported
from .specs import HandlerSpec, Trigger

if TYPE_CHECKING:
    from .drivers import Classifier, DriverFactory, TableDriver
    from .telemetry import Recorder

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
D = TypeVar("D", bound="Classifier")

current_context: ContextVar[Context | None] = ContextVar("portable_context", default=None)


class Clock(Protocol):
    """Where all of portable gets the time from; tests bring their own."""

    def now(self) -> float:
        """Wall time as an epoch in seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()


class Binding:
    """What a running app is attached to: one adapter's drivers, one stage, one profile of limits, one clock."""

    def __init__(
        self,
        *,
        app: str,
        stage: str,
        adapter: str,
        drivers: "DriverFactory",
        profile: Profile,
        clock: Clock | None = None,
        authorize: Callable[[str, str], None] | None = None,
        recorder: "Recorder | None" = None,
    ) -> None:
        self.app = app
        self.stage = stage
        self.adapter = adapter
        self.drivers = drivers
        self.profile = profile
        self.clock: Clock = clock or SystemClock()
        self.authorize = authorize
        self.recorder = recorder
        self._state: TableDriver | None = None

    @property
    def state(self) -> "TableDriver":
        """The framework's own table, made on first use."""
        if self._state is None:
            self._state = self.drivers.state()
        return self._state


def current_binding() -> Binding | None:
    """What the app of the handler that runs is bound to; None outside handlers."""
    context = current_context.get()
    return None if context is None else context._binding


HANDLER_MARK = "__portable_handler__"
"""The attribute of a user's function under which it was registered as a handler."""


class Handler(NamedTuple):
    """A user's function with what was declared about it."""

    spec: HandlerSpec
    function: Callable[..., Any]
    decode: Any = None
    """For background handlers: the codec.Codec of their one payload, or None if they take none."""


class Registry:
    """What an App and a Service have in common for resources: a name, a place to register handlers, and the cell."""

    is_app = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.handlers: dict[str, Handler] = {}
        self.resources: dict[tuple[str, str], Resource[Any]] = {}
        self._binding: Binding | None = None
        self._parent: Registry | None = None

    def qualify(self, name: str) -> str:
        """A name as the rest of the app and the command line see it: bare in an App, `exchange.rates` in a Service."""
        return name

    @property
    def binding(self) -> Binding:
        """The Binding in force. Raises NotBound while the app is not running."""
        registry = self
        while registry._parent is not None:
            registry = registry._parent
        if registry._binding is None:
            alone = "" if registry.is_app else f"; is the service included: app.include({registry.name})?"
            raise NotBound(
                f"{registry.name!r} is not running, so its resources cannot be used yet",
                hint=f"use resources inside handlers; in a test, inside `with portable.testing.running(app):`{alone}",
            )
        return registry._binding

    def bind(self, binding: Binding) -> None:
        """Attaches the running app to `binding`. For adapters' runtimes and tests."""
        self._binding = binding
        self.rebound()

    def unbind(self) -> None:
        """Detaches; resources raise NotBound again."""
        self._binding = None
        self.rebound()

    def rebound(self) -> None:
        """Forgets cached drivers here (and, in an App, in all its services)."""
        for resource in self.resources.values():
            resource.rebound()

    def register_resource(self, resource: "Resource[Any]") -> None:
        """Adds a resource; raises DeclarationError when kind and name are taken. Implemented by Service."""
        raise NotImplementedError

    def register_handler(
        self,
        function: Callable[..., Any],
        trigger: Trigger,
        *,
        timeout: int,
        decode: Any = None,
        memory: int | None = None,
        uses: "list[Grant] | None" = None,
        name: str | None = None,
    ) -> Handler:
        """Adds a handler under its (unique) name; raises DeclarationError when it is taken. Implemented by Service."""
        raise NotImplementedError


class Grant(NamedTuple):
    """A right of a handler: verbs (names of methods) on one resource. Made by `resource.can("get", "put")`."""

    resource: str
    verbs: tuple[str, ...]


class Resource(Generic[D]):
    """Base of what user code holds (Table, Bucket, Topic, Task, Param, Secret): finds the driver, wraps errors once.

    Subclasses set `kind`, check every argument, and go through `_call` for every driver method: the one place where
    grants are enforced, calls are recorded, and a driver's errors become ours.
    """

    kind: str = "resource"
    verbs: tuple[str, ...] = ()

    def __init__(self, registry: Registry, name: str, location: Location) -> None:
        self.name = name
        self.location = location
        self._registry = registry
        self._bound: D | None = None
        self._bound_id = ""
        self._authorize: Callable[[str, str], None] | None = None
        self._recorder: Recorder | None = None
        self._now: Callable[[], float] = time.time

    def rebound(self) -> None:
        self._bound = None
        self._authorize = None
        self._recorder = None

    @property
    def id(self) -> str:
        """Kind and qualified name, as grants and errors have it: `table:exchange.rates`."""
        return f"{self.kind}:{self._registry.qualify(self.name)}"

    def can(self, *verbs: str) -> Grant:
        """A grant for `uses=[...]`: what a handler may do here. Raises InvalidArgument on an unknown verb."""
        from .errors import InvalidArgument

        for verb in verbs:
            if verb not in self.verbs:
                raise InvalidArgument(
                    f"{self.kind} {self.name!r} has no verb {verb!r}", hint=f"one of: {', '.join(self.verbs)}"
                )
        return Grant(self.id, verbs)

    @property
    def _driver(self) -> D:
        bound = self._bound
        if bound is None:
            binding = self._registry.binding
            self._authorize, self._bound_id = binding.authorize, self.id
            self._recorder, self._now = binding.recorder, binding.clock.now
            bound = self._bound = self._make_driver(binding.drivers)
        return bound

    def _make_driver(self, factory: "DriverFactory") -> D:
        raise NotImplementedError

    @property
    def _profile(self) -> Profile:
        return self._registry.binding.profile

    def _call(self, verb: str, key: object, method: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls a driver method on behalf of `verb`; errors leave as ours, with the resource and the key."""
        if self._recorder is not None:
            from .recorded_calls import recorded_call

            return cast("R", recorded_call(self, self._recorder, verb, key, method, args, kwargs))
        if self._authorize is not None:
            self._authorize(self._bound_id, verb)
        try:
            return method(*args, **kwargs)
        except Exception as error:
            explained = self._explained(error, verb, key)
            if explained is error:
                raise
            raise explained from error

    def _explained(self, error: Exception, verb: str, key: object) -> Exception:
        """What a driver raised as it leaves: ours, if it is something that we have a word for."""
        if isinstance(error, PortableError):
            if error.resource is None:
                # A driver says what is wrong, and not of what.
                error.resource, error.key = self.id, key
                error.message = f"{self.kind} {self.name!r}{'' if key is None else f', {key!r}'}: {error.message}"
                error.args = (error.message,)
            return error
        return self._translate(error, verb, key) or error

    def _translate(self, error: Exception, verb: str, key: object) -> PortableError | None:
        kind = self._driver.classify(error)
        if kind is None:
            return None
        about = f" {key!r}" if key is not None else ""
        return kind(f"{self.kind} {self.name!r}: {verb}{about} failed: {error}", resource=self.id, key=key)

    def native(self, type_: type[T]) -> T | None:
        """The provider's own client for this resource if the adapter has one of `type_`, else None.

        An escape hatch: code that uses it is reported as not portable by `portable check`.
        """
        offer = getattr(self._driver, "native", None)
        if offer is None:
            return None
        found = offer(type_)
        return found if isinstance(found, type_) else None

    def _unsupported(self, verb: str) -> Unsupported:
        adapter = self._registry.binding.adapter
        return Unsupported(f"{self.kind} {self.name!r}: {adapter} has no {verb}", resource=self.id)
