"""Physical names: what a resource or function is called on a provider, `app-stage-service-name`."""

from collections.abc import Iterator
from typing import NamedTuple

from portable.errors import Location
from portable.manifest import Manifest
from portable.specs import Route, Schedule

KINDS = ("table", "bucket", "topic", "task", "param", "secret")


class Named(NamedTuple):
    """Something that gets a name of its own on a provider; `kind` is also its key in a profile's names."""

    kind: str
    name: str
    physical: str
    location: Location


def physical_name(app: str, stage: str, qualified: str) -> str:
    """The name of what the app knows as `qualified` (`rates`, or `exchange.rates` in a service)."""
    service, _, name = qualified.rpartition(".")
    return "-".join(part for part in (app, stage, service, name.replace("_", "-").lower()) if part)


def named(manifest: Manifest, stage: str) -> Iterator[Named]:
    """All that gets a name: resources, schedules, functions as the app groups its handlers."""
    app = manifest.app.name
    for kind in KINDS:
        for spec in getattr(manifest, f"{kind}s"):
            yield Named(kind, spec.name, physical_name(app, stage, spec.name), spec.location)
    services = {service.name: service.location for service in manifest.services}
    if manifest.app.functions == "app":
        yield Named("function", app, f"{app}-{stage}", manifest.app.location)
    seen: set[str] = set()
    for handler in manifest.handlers:
        if isinstance(handler.trigger, Schedule):
            yield Named("schedule", handler.name, physical_name(app, stage, handler.name), handler.location)
        if manifest.app.functions == "handler" or (
            manifest.app.functions == "service" and not isinstance(handler.trigger, Route)
        ):
            yield Named("function", handler.name, physical_name(app, stage, handler.name), handler.location)
        elif manifest.app.functions == "service" and handler.service not in seen:
            seen.add(handler.service)
            own = f"{app}-{stage}" if handler.service == app else f"{app}-{stage}-{handler.service}"
            yield Named("function", handler.service, own, services.get(handler.service, handler.location))
