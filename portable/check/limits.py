"""What a provider would refuse, told from declarations: each limit from packaged data, with whose it is."""

from collections.abc import Iterator

from portable.capabilities import LONGEST, PROVIDERS, Profile, load_profile
from portable.deploy.diagnostics import Diagnostic
from portable.errors import LimitExceeded, Location
from portable.handler_limits import kind_of
from portable.manifest import Manifest

from .names import named
from .sizes import smallest_bytes

TOO_LONG = "P3101"
MEMORY = "P3102"
NAME = "P3103"
INDEXES = "P3104"
TOO_LARGE = "P3105"
CUT = ("aws",)
"""Where a longer name is cut and told apart by a hash."""


def diagnose_limits(manifest: Manifest, stage: str) -> list[Diagnostic]:
    """Declarations that are over a provider's limit."""
    found: list[Diagnostic] = []
    for provider in PROVIDERS:
        profile = load_profile(provider)
        found += _handlers(manifest, profile)
        found += _names(manifest, profile, stage)
        found += _data(manifest, profile)
    return found


def over(profile: Profile, limit: str, actual: float, what: str) -> LimitExceeded | None:
    """The SDK's own error for a number that is over a limit, so that `check` says what the SDK would."""
    return profile.exceeded(limit, actual, what) if actual > profile.limit(limit).value else None


def _handlers(manifest: Manifest, profile: Profile) -> Iterator[Diagnostic]:
    for handler in manifest.handlers:
        kind = kind_of(handler.trigger)
        error = over(profile, LONGEST[kind], handler.timeout, f"{handler.name}: its timeout")
        if error is not None:
            advice = "work that takes longer goes into a task" if kind == "http" else "cut it into several tasks"
            yield _error(TOO_LONG, profile, handler.location, error.message, f"a shorter timeout; {advice}")
        sizes = profile.memory_sizes
        large = over(profile, "memory_mb", handler.memory, f"{handler.name}: its memory")
        if large is not None or (sizes and handler.memory not in sizes):
            cause = large.message if large is not None else f"{handler.name}: no size of {handler.memory} MB there"
            yield _error(
                MEMORY,
                profile,
                handler.location,
                cause,
                f"one of {', '.join(map(str, sizes))} (MB)" if sizes else "a smaller one",
            )


def _names(manifest: Manifest, profile: Profile, stage: str) -> Iterator[Diagnostic]:
    if profile.name in CUT:
        return
    for thing in named(manifest, stage):
        limit = profile.names[thing.kind]
        if len(thing.physical) > limit.value:
            yield _error(
                NAME,
                profile,
                thing.location,
                f"{thing.kind} {thing.name!r} would be called {thing.physical!r}: {len(thing.physical)} characters, "
                f"over the limit of {int(limit.value)} for names of a {thing.kind} there",
                "a shorter name of it, of its service or of the app",
            )


def _data(manifest: Manifest, profile: Profile) -> Iterator[Diagnostic]:
    for table in manifest.tables:
        error = over(profile, "table_indexes", len(table.indexes), f"table {table.name!r}: its indexes")
        # Nothing enforces it before a deploy, so only a number of the provider's own counts.
        if error is not None and error.provider == profile.name:
            yield _error(INDEXES, profile, table.location, error.message, "fewer indexes, or two tables")
    carried = [
        *(("item_bytes", "item", f"table {spec.name!r}", spec.model, spec.location) for spec in manifest.tables),
        *(("event_body_bytes", "event", f"topic {spec.name!r}", spec.model, spec.location) for spec in manifest.topics),
        *(
            ("task_body_bytes", "payload", f"task {spec.name!r}", spec.payload, spec.location)
            for spec in manifest.tasks
        ),
    ]
    for limit, thing, where, model, location in carried:
        if model is None or model not in manifest.models:
            continue
        size = smallest_bytes(manifest.models[model])
        error = over(profile, limit, size, f"{where}: the smallest {thing} that {model.rpartition(':')[2]} allows")
        if error is not None:
            yield _error(TOO_LARGE, profile, location, error.message, error.hint or "smaller fields")


def _error(code: str, profile: Profile, location: Location, cause: str, alternative: str) -> Diagnostic:
    return Diagnostic(code, "error", location, profile.name, cause, alternative)
