"""The Manifest: the frozen graph of what an app declares, which `inspect`, `check`, deploys and the console read.

It is built from declarations alone: nothing is run, nothing is bound. Here the parts are checked against one another;
what one declaration can know by itself was checked when it was made. Its JSON and the JSON's schema are made in
manifest_json.py.
"""

import difflib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from .binding import Resource
from .capabilities import strictest
from .codec import Codec
from .errors import DeclarationError, Location
from .event_parameters import check_event_parameter
from .grants import Derived, derive
from .handler_limits import check_handler_limits
from .http import CORS
from .invoking import plan
from .manifest_json import manifest_schema, to_plain
from .middleware import check_cors, check_middleware
from .parameters import check_route
from .project_file import PROJECT_FILE
from .routing import Router
from .specs import (
    BucketEvent,
    BucketSpec,
    Delivery,
    GrantSpec,
    Grouping,
    HandlerSpec,
    MountSpec,
    ParamSpec,
    Route,
    SecretSpec,
    StaticSpec,
    TableChange,
    TableSpec,
    TaskSpec,
    TopicSpec,
    Trigger,
    WideningSpec,
)
from .static import StaticFolder
from .tables import Table
from .tasks import Task
from .topics import Topic

if TYPE_CHECKING:
    from .app import App, Service

S = TypeVar("S", HandlerSpec, TableSpec, BucketSpec, TopicSpec, TaskSpec, ParamSpec, SecretSpec)

FORMAT = 1


class AppSpec(NamedTuple):
    """The app as a whole: its name, how handlers become functions, which providers count, CORS if any."""

    name: str
    functions: Grouping
    targets: tuple[str, ...]
    cors: CORS | None
    location: Location


class ServiceSpec(NamedTuple):
    """A part of the app; the app's own handlers and resources are the part that has its name and no prefix."""

    name: str
    prefix: str
    location: Location


class Manifest(NamedTuple):
    """What an app declares. Everything is sorted by name (mounts and statics by path), so that equal apps are equal.

    Names of handlers and resources are qualified (`exchange.rates`), paths include the service's prefix.
    `models` has the JSON Schema of each model of a table, topic or task by `module:Name`. `root` is the project's
    folder; it is not in the JSON, whose locations are relative to it.
    """

    format: int
    app: AppSpec
    services: tuple[ServiceSpec, ...]
    handlers: tuple[HandlerSpec, ...]
    tables: tuple[TableSpec, ...]
    buckets: tuple[BucketSpec, ...]
    topics: tuple[TopicSpec, ...]
    tasks: tuple[TaskSpec, ...]
    params: tuple[ParamSpec, ...]
    secrets: tuple[SecretSpec, ...]
    mounts: tuple[MountSpec, ...]
    statics: tuple[StaticSpec, ...]
    grants: tuple[GrantSpec, ...]
    widenings: tuple[WideningSpec, ...]
    models: dict[str, dict[str, Any]]
    root: str

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON-able values, stable: the same app gives the same text on every machine.

        Locations and folders are relative to the project and `/`-separated. `schema()` describes it.
        """
        found: dict[str, Any] = {
            name: to_plain(value, self.root)
            for name, value in zip(self._fields, self, strict=True)
            if name not in ("root", "models")
        }
        found["models"] = {name: self.models[name] for name in sorted(self.models)}
        return found

    def granted(self) -> dict[str, Any]:
        """Of `to_dict()` what the look at the code has found: the rest is known before that."""
        return {name: to_plain(getattr(self, name), self.root) for name in ("grants", "widenings")}

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of `to_dict()`; published as docs/manifest.schema.json."""
        return manifest_schema(cls, FORMAT)


def build_manifest(app: "App", *, with_grants: bool = True, is_checked: bool = False) -> Manifest:
    """The Manifest of `app`. Raises the first of `declaration_errors`; `is_checked`: the caller has seen that none is.

    Without grants it needs no look at the code: for the local runtime, which derives them when a handler first uses
    something.
    """
    found = declaration_errors(app) if not is_checked else []
    if found:
        raise found[0]
    parts = app.parts()
    derived = derive(app) if with_grants else Derived((), ())
    return Manifest(
        format=FORMAT,
        app=AppSpec(app.name, app.functions, app.targets, app.cors, app.location),
        services=tuple(
            sorted((ServiceSpec(part.name, part.prefix, part.location) for part in parts), key=lambda spec: spec.name)
        ),
        handlers=_sorted(
            handler.spec._replace(name=part.qualify(name), trigger=full_trigger(part, handler.spec.trigger))
            for part in parts
            for name, handler in part.handlers.items()
        ),
        tables=_resources(app, "table", TableSpec),
        buckets=_resources(app, "bucket", BucketSpec),
        topics=_resources(app, "topic", TopicSpec),
        tasks=_resources(app, "task", TaskSpec),
        params=_resources(app, "param", ParamSpec),
        secrets=_resources(app, "secret", SecretSpec),
        mounts=tuple(
            sorted(spec._replace(path=full_path(part, spec.path)) for part in parts for spec, _ in part.mounts)
        ),
        statics=tuple(
            sorted(spec._replace(path=full_path(part, spec.path)) for part in parts for spec in part.statics)
        ),
        grants=derived.grants,
        widenings=derived.widenings,
        models=_models(app),
        root=project_root(app.location.file),
    )


def declaration_errors(app: "App") -> list[DeclarationError]:
    """Everything in which the app's parts do not fit together, in the order of declaration.

    Two routes, mounts or folders in one place; parameters that nothing fills; `uses=` of what is not in the app;
    subscriptions to a topic, bucket or table of a service that is not included.
    """
    found: list[DeclarationError] = []
    router: Router[str] = Router()
    known = {resource.id for part in app.parts() for resource in part.resources.values()}
    profile = strictest(app.targets)
    for part in app.parts():
        for name, handler in part.handlers.items():
            spec = handler.spec
            trigger = spec.trigger
            if part is not app:
                limits = (spec.timeout, spec.memory, app.targets, spec.location)
                _collect(found, check_handler_limits, part.qualify(name), trigger, *limits)
            if isinstance(trigger, Route):
                _collect(found, check_route, handler.function, trigger, part.prefix, spec.location)
                for method in trigger.methods:
                    _collect(found, router.add, method, full_path(part, trigger.path), name, spec.location)
            else:
                if _collect(found, plan, handler):
                    _collect(found, check_event_parameter, part.qualify(name), handler)
                _collect(found, _check_source, part.qualify(name), spec, known)
            _collect(found, _check_uses, part.qualify(name), spec, known)
    for part in app.parts():
        for middleware in part.middlewares:
            _collect(found, check_middleware, middleware, part.location)
        for folder in part.statics:
            limit = profile.limit("http_response_bytes")
            _collect(found, StaticFolder, folder, int(limit.value), f"{limit.name}, from {limit.provider}")
    if app.cors is not None:
        _collect(found, check_cors, app.cors, app.location)
    _collect(found, _check_places, app)
    return found


def _collect(found: list[DeclarationError], check: Callable[..., object], *arguments: object) -> bool:
    try:
        check(*arguments)
    except DeclarationError as error:
        found.append(error)
        return False
    return True


def full_path(part: "Service", path: str) -> str:
    """A path of a part as clients see it: below the part's prefix, without a trailing slash."""
    return f"{part.prefix}{path}".rstrip("/") or "/"


def full_trigger(part: "Service", trigger: Trigger) -> Trigger:
    """A trigger as the whole app has it: routes with the part's prefix."""
    return trigger._replace(path=full_path(part, trigger.path)) if isinstance(trigger, Route) else trigger


def trigger_source(trigger: Trigger) -> str | None:
    """The id of the resource that starts a handler (`topic:note-changed`); None for routes and schedules."""
    if isinstance(trigger, Delivery):
        return f"{trigger.kind}:{trigger.source}"
    if isinstance(trigger, BucketEvent):
        return f"bucket:{trigger.bucket}"
    return f"table:{trigger.table}" if isinstance(trigger, TableChange) else None


def _check_source(name: str, spec: HandlerSpec, known: set[str]) -> None:
    source = trigger_source(spec.trigger)
    if source is None or source in known:
        return
    kind, _, resource = source.partition(":")
    service = resource.partition(".")[0] if "." in resource else None
    raise DeclarationError(
        f"{name} is started by {kind} {resource!r}, which is not in this app",
        hint=f"app.include({service.replace('-', '_')}), the service that declares it"
        if service is not None
        else "declare it in this app or in a service that the app includes",
        location=spec.location,
    )


def _check_uses(name: str, spec: HandlerSpec, known: set[str]) -> None:
    for resource, _ in spec.uses or ():
        if resource not in known:
            near = difflib.get_close_matches(resource, known, 1)
            raise DeclarationError(
                f"{name} uses {resource}, which is not in this app",
                hint=f"did you mean {near[0]}?" if near else "include the service that declares it",
                location=spec.location,
            )


def _check_places(app: "App") -> None:
    """Mounts and folders: one of a kind in one place."""
    for kind in ("mount", "static"):
        taken: dict[str, Location] = {}
        for part in app.parts():
            specs: list[MountSpec] | list[StaticSpec] = (
                [spec for spec, _ in part.mounts] if kind == "mount" else part.statics
            )
            for spec in specs:
                path = full_path(part, spec.path)
                if path in taken:
                    raise DeclarationError(
                        f"{path} is taken by two of app.{kind}: here and at {taken[path]}",
                        hint="give one of them another path",
                        location=spec.location,
                    )
                taken[path] = spec.location


def _sorted(specs: Iterable[S]) -> tuple[S, ...]:
    return tuple(sorted(specs, key=lambda spec: spec.name))


def _resources(app: "App", kind: str, type_: type[S]) -> tuple[S, ...]:
    found: list[S] = []
    for part in app.parts():
        for (resource_kind, name), resource in part.resources.items():
            spec: object = getattr(resource, "spec", None)
            if resource_kind == kind and isinstance(spec, type_):
                found.append(spec._replace(name=part.qualify(name)))
    return _sorted(found)


def first_line(error: Exception) -> str:
    """What an error says, without the advice of other libraries below it."""
    return str(error).partition("\n")[0].removesuffix(".")


def _models(app: "App") -> dict[str, dict[str, Any]]:
    """The schemas of the models that data is kept or sent in. Raises DeclarationError for one that JSON cannot show."""
    found: dict[str, dict[str, Any]] = {}
    for part in app.parts():
        for resource in part.resources.values():
            name, model = resource_model(part, resource)
            if name is None or name in found:
                continue
            codec: Codec[Any] = Codec(model)
            try:
                found[name] = codec.schema()
            except Exception as error:
                raise DeclarationError(
                    f"{resource.kind} {resource.name!r}: {name} has no JSON Schema: {first_line(error)}",
                    hint="use fields of types that JSON can carry",
                    location=resource.location,
                ) from error
    return found


def resource_model(part: "Service", resource: Resource[Any]) -> tuple[str | None, Any]:
    """The model that a table, topic or task carries, with the name that its spec gives it; (None, None) without one."""
    # Any, because a model has no type of its own here.
    found: Any = resource
    if isinstance(resource, Table):
        return found.spec.model, found._items.model.model
    if isinstance(resource, Topic):
        return found.spec.model, found.model
    if isinstance(resource, Task):
        source = part.qualify(resource.name)
        for handler in part.handlers.values():
            if trigger_source(handler.spec.trigger) == f"task:{source}" and handler.decode is not None:
                return found.spec.payload, handler.decode.annotation
    return None, None


def project_root(file: str) -> str:
    """The folder that locations are relative to: the nearest above `file` with a pyproject.toml, else its own."""
    folder = Path(os.path.abspath(file)).parent
    for above in (folder, *folder.parents):
        if (above / PROJECT_FILE).is_file():
            return str(above)
    return str(folder)
