"""What cannot work, or never happens, wherever the app runs: told from declarations and from who may do what."""

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from portable.deploy.diagnostics import Diagnostic
from portable.manifest import Manifest
from portable.specs import Delivery, HandlerSpec, Schedule, TableChange

from .names import Named, named

if TYPE_CHECKING:
    from portable.app import App

NOBODY_PUBLISHES = "P3010"
NOBODY_SUBSCRIBES = "P3011"
NOBODY_SENDS = "P3012"
NOTHING_WRITES = "P3013"
SCHEDULED_TWICE = "P3014"
ONE_NAME = "P3015"

PUBLISH = ("publish", "publish_all")
WRITE = ("put", "update", "delete", "increment", "transact", "batch_write")


def diagnose_graph(manifest: Manifest, app: "App", stage: str) -> list[Diagnostic]:
    """Broken or loose ends of the app's graph. `app` tells which functions its handlers are."""
    # A mounted application is followed like a handler, but what it does with what it is handed is its own.
    return [*_loose_ends(manifest), *_schedules(manifest, app), *_names(manifest, stage)]


def _can(granted: AbstractSet[tuple[str, str]], resource: str, verbs: tuple[str, ...]) -> bool:
    return any((resource, verb) in granted for verb in verbs)


def _loose_ends(manifest: Manifest) -> list[Diagnostic]:
    grants = {(grant.resource, grant.verb) for grant in manifest.grants}
    found: list[Diagnostic] = []
    subscribed: set[str] = set()
    for handler in manifest.handlers:
        trigger = handler.trigger
        if isinstance(trigger, Delivery) and trigger.kind == "topic":
            subscribed.add(trigger.source)
            if not _can(grants, f"topic:{trigger.source}", PUBLISH):
                found.append(
                    _warning(
                        NOBODY_PUBLISHES,
                        handler,
                        f"{handler.name} can never run: nothing in the app publishes to topic {trigger.source!r}",
                        f"publish to it in some handler, or take {handler.name} out",
                    )
                )
        elif isinstance(trigger, Delivery):
            if not _can(grants, f"task:{trigger.source}", ("send",)):
                found.append(
                    _warning(
                        NOBODY_SENDS,
                        handler,
                        f"task {trigger.source!r} is never sent by anything in the app; only `portable invoke` runs it",
                        "send it in some handler, or take it out; for work by the clock use @app.cron",
                    )
                )
        elif isinstance(trigger, TableChange) and not _can(grants, f"table:{trigger.table}", WRITE):
            found.append(
                _warning(
                    NOTHING_WRITES,
                    handler,
                    f"{handler.name} can never run: nothing in the app writes to table {trigger.table!r}",
                    f"write to it in some handler, or take {handler.name} out",
                )
            )
    found.extend(
        Diagnostic(
            NOBODY_SUBSCRIBES,
            "note",
            topic.location,
            None,
            f"what is published to topic {topic.name!r} reaches nobody: it has no subscriber",
            "subscribe a handler, or publish nothing",
        )
        for topic in manifest.topics
        if topic.name not in subscribed and _can(grants, f"topic:{topic.name}", PUBLISH)
    )
    return found


def _warning(code: str, handler: HandlerSpec, cause: str, alternative: str) -> Diagnostic:
    return Diagnostic(code, "warning", handler.location, None, cause, alternative)


def _schedules(manifest: Manifest, app: "App") -> list[Diagnostic]:
    """One function that is started twice at the same times. Two functions may well share a time."""
    functions = app.all_handlers()
    first: dict[tuple[int, str, str], HandlerSpec] = {}
    found: list[Diagnostic] = []
    for handler in manifest.handlers:
        trigger = handler.trigger
        if not isinstance(trigger, Schedule):
            continue
        key = (id(functions[handler.name].function), trigger.cron, trigger.zone)
        other = first.setdefault(key, handler)
        if other is not handler:
            found.append(
                _warning(
                    SCHEDULED_TWICE,
                    handler,
                    f"{other.name} and {handler.name} are one function, started twice at the same times "
                    f"({trigger.cron} {trigger.zone})",
                    "take one of the two decorators away",
                )
            )
    return found


def _names(manifest: Manifest, stage: str) -> list[Diagnostic]:
    """Two things of a kind that become one on every provider: service `a` with `b-c`, and service `a-b` with `c`."""
    taken: dict[tuple[str, str], Named] = {}
    found: list[Diagnostic] = []
    for thing in sorted(named(manifest, stage), key=lambda one: one.location):
        other = taken.setdefault((thing.kind, thing.physical), thing)
        if other is not thing:
            found.append(
                Diagnostic(
                    ONE_NAME,
                    "error",
                    thing.location,
                    None,
                    f"{thing.kind} {thing.name!r} and {thing.kind} {other.name!r} (at {other.location.file}:"
                    f"{other.location.line}) would both be called {thing.physical!r}",
                    "give one of them another name",
                )
            )
    return found
