"""What a provider cannot do, or does otherwise, told from declarations: its capabilities and reserved paths."""

from collections.abc import Iterable, Iterator

from portable.capabilities import PROVIDERS, Capability, Profile, load_profile
from portable.deploy.diagnostics import Diagnostic, Severity
from portable.errors import Location
from portable.manifest import Manifest
from portable.specs import HandlerSpec, Route, Schedule, TableChange

RESERVED_PATH = "P3201"
SOMETIMES_RESERVED = "P3202"
ONE_IDENTITY = "P3205"
ZONES = "P3206"
OVERLAP = "P3207"
EXPIRY = "P3208"


def diagnose_differences(manifest: Manifest) -> list[Diagnostic]:
    """Declarations that mean less, or something else, on a provider."""
    found: list[Diagnostic] = []
    for provider in PROVIDERS:
        profile = load_profile(provider)
        found += _paths(manifest, profile)
        found += _schedules(manifest, profile)
        found += _expiry(manifest, profile)
        found += _identities(manifest, profile)
    return found


def missing(profile: Profile, name: str) -> Capability | None:
    """The capability called `name` if the provider lacks it."""
    capability = profile.capabilities[name]
    return None if capability.supported else capability


def _paths(manifest: Manifest, profile: Profile) -> Iterator[Diagnostic]:
    places = [
        (handler.trigger.path, handler.location, "route")
        for handler in manifest.handlers
        if isinstance(handler.trigger, Route)
    ]
    places += [(mount.path, mount.location, "mounted application") for mount in manifest.mounts]
    places += [(static.path, static.location, "folder") for static in manifest.statics]
    for path, location, what in places:
        reserved = next((taken for taken in profile.reserved_paths if _below(path, taken.text)), None)
        if reserved is not None:
            below = "" if path == reserved.text else f" (with all below {reserved.text})"
            if reserved.note:
                cause = f"{what} {path} is never asked {reserved.note}: {profile.name} keeps that path{below} to itself"
                yield _found(SOMETIMES_RESERVED, "warning", location, profile, cause, "another path")
            else:
                cause = f"{what} {path} is never asked: {profile.name} keeps that path{below} to itself"
                yield _found(RESERVED_PATH, "error", location, profile, cause, "another path")
            continue
        ending = next((taken for taken in profile.reserved_endings if path.endswith(taken.text)), None)
        if ending is not None:
            cause = f"{what} {path}: {profile.name} keeps some paths that end in {ending.text!r} to itself"
            yield _found(SOMETIMES_RESERVED, "warning", location, profile, cause, "a path with another ending")


def _below(path: str, taken: str) -> bool:
    return path == taken or path.startswith(f"{taken}/")


def _schedules(manifest: Manifest, profile: Profile) -> Iterator[Diagnostic]:
    zones, overlapping = missing(profile, "schedule_zones"), missing(profile, "overlapping_schedules")
    for handler in manifest.handlers:
        trigger = handler.trigger
        if not isinstance(trigger, Schedule):
            continue
        if zones is not None and trigger.zone != "UTC":
            cause = (
                f"{handler.name} is scheduled in {trigger.zone}, and on {profile.name} {zones.note}: it is started at "
                "the UTC times of each of the zone's offsets, and those that are not meant end at once"
            )
            yield _found(ZONES, "note", handler.location, profile, cause, "zone='UTC', if that is all the same")
        if overlapping is not None and trigger.overlap == "allow":
            cause = f"{handler.name} has overlap='allow', and on {profile.name} runs of it do not: {overlapping.note}"
            advice = "send a task from the schedule: tasks run beside one another"
            yield _found(OVERLAP, "warning", handler.location, profile, cause, advice)


def _expiry(manifest: Manifest, profile: Profile) -> Iterator[Diagnostic]:
    """Handlers of changes of a table whose items expire."""
    expiring = {table.name for table in manifest.tables if table.ttl is not None}
    lacking = missing(profile, "expiry_events")
    if lacking is None:
        return
    for handler in manifest.handlers:
        if isinstance(handler.trigger, TableChange) and handler.trigger.table in expiring:
            cause = (
                f"{handler.name} never hears of an item of {handler.trigger.table!r} that expired on {profile.name}: "
                f"{lacking.note}"
            )
            advice = "delete items that something depends on by a schedule"
            yield _found(EXPIRY, "note", handler.location, profile, cause, advice)


def _identities(manifest: Manifest, profile: Profile) -> Iterator[Diagnostic]:
    """Where rights are wider than what was derived, because the provider cannot go finer."""
    app = manifest.app
    shared = missing(profile, "identity_per_function")
    if shared is not None and app.functions != "app":
        granted: dict[str, set[tuple[str, str]]] = {}
        for grant in manifest.grants:
            granted.setdefault(grant.handler, set()).add((grant.resource, grant.verb))
        of_service: dict[str, list[HandlerSpec]] = {}
        for handler in manifest.handlers:
            of_service.setdefault(handler.service, []).append(handler)
        for service in manifest.services:
            # The routes of a service are one function everywhere, unless each handler is to be one.
            rights: dict[str, set[tuple[str, str]]] = {}
            for handler in of_service.get(service.name, ()):
                together_everywhere = app.functions == "service" and isinstance(handler.trigger, Route)
                function = "its routes" if together_everywhere else handler.name
                rights.setdefault(function, set()).update(granted.get(handler.name, ()))
            if any(one != other for one in rights.values() for other in rights.values()):
                cause = (
                    f"on {profile.name} {shared.note}: each of these may do what the others may: "
                    f"{_listed(sorted(rights))}"
                )
                advice = "services of their own for handlers that must not"
                yield _found(ONE_IDENTITY, "note", service.location, profile, cause, advice)


def _listed(names: Iterable[str], most: int = 6) -> str:
    found = list(names)
    return ", ".join(found[:most]) + (f" and {len(found) - most} more" if len(found) > most else "")


def _found(
    code: str, severity: Severity, location: Location, profile: Profile, cause: str, alternative: str
) -> Diagnostic:
    return Diagnostic(code, severity, location, profile.name, cause, alternative)
