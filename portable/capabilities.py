"""Limits and abilities of the portable profile and of each provider, read from packaged data (profiles/*.json).

One list, read by the SDK, `check`, the conformance suite and the documentation's tables. The `portable` profile is the
strictest of all providers; it is what local enforces by default and what deployed code enforces too. An app that names
fewer targets gets the strictest of those. A limit that a provider does not have itself is `portable`'s own there.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from .errors import ConfigurationError, LimitExceeded, Location, PortableError, own_location

PROVIDERS = ("aws", "gcp", "azure")
LONGEST = {"http": "http_seconds", "task": "task_seconds", "schedule": "schedule_seconds", "event": "event_seconds"}
"""The limit of a handler's time by what starts it."""
MOST_PLACES = 10_000
LIFTED = float("inf")


class Limit(NamedTuple):
    """One number. `provider` is whose limit it is, `source` where that is written, `as_of` when it was read there."""

    name: str
    value: float
    unit: str
    provider: str
    source: str
    note: str
    as_of: str


class Capability(NamedTuple):
    """A named difference between providers: `what` one can do there, or (not `supported`) cannot.

    In the portable profile it is supported if it is everywhere; else `provider` is the first that lacks it.
    """

    name: str
    supported: bool
    what: str
    provider: str
    source: str
    note: str
    as_of: str


class Reserved(NamedTuple):
    """A path that a provider keeps to itself with all below it, or an ending of paths of which it keeps some.

    `note` says in which case, if not always.
    """

    text: str
    provider: str
    source: str
    as_of: str
    note: str


class Profile:
    """The limits in force, asked for by name: `profile.check("item_bytes", actual, "what is measured")`.

    One that only warns (`warning()`) lets everything pass, and logs once per place what would have been refused.
    """

    def __init__(
        self,
        name: str,
        limits: dict[str, Limit],
        *,
        names: Mapping[str, Limit] | None = None,
        capabilities: Mapping[str, Capability] | None = None,
        reserved_paths: tuple[Reserved, ...] = (),
        reserved_endings: tuple[Reserved, ...] = (),
        memory_sizes: tuple[int, ...] = (),
        warns: bool = False,
    ) -> None:
        self.name = name
        self.limits = limits
        self.names: Mapping[str, Limit] = names or {}
        self.capabilities: Mapping[str, Capability] = capabilities or {}
        self.reserved_paths = reserved_paths
        self.reserved_endings = reserved_endings
        self.memory_sizes = memory_sizes
        self.warns = warns
        self._values = {key: limit.value for key, limit in limits.items()}
        self._warned: set[tuple[str, Location | None]] = set()

    def limit(self, name: str) -> Limit:
        """The limit called `name`. Raises KeyError for a name that no profile has: that is a bug of the caller."""
        return self.limits[name]

    def value(self, name: str) -> int:
        """The limit's value as an int; one that was lifted is beyond any number that is met."""
        found = self._values[name]
        return int(found) if found != LIFTED else 1 << 1100

    def bound(self, name: str) -> int:
        """What protects the process: the limit, or 16 times as much in a profile that only warns."""
        return self.value(name) * (16 if self.warns else 1)

    def check(self, name: str, actual: float, what: str, *, resource: str | None = None, key: object = None) -> None:
        """Raises LimitExceeded, naming the limit, the provider and `what`, if `actual` is over the limit `name`."""
        if actual > self._values[name]:
            self.settle(self.exceeded(name, actual, what, resource=resource, key=key))

    def exceeded(
        self, name: str, actual: float, what: str, *, resource: str | None = None, key: object = None
    ) -> LimitExceeded:
        """The error that `check` raises."""
        limit = self.limits[name]
        return LimitExceeded(
            f"{what}: {' '.join((shown(actual), limit.unit)).rstrip()}, over the limit of {shown(limit.value)} "
            f"({name}, from {limit.provider})",
            limit=name,
            provider=limit.provider,
            hint=limit.note or None,
            resource=resource,
            key=key,
        )

    def settle(self, error: PortableError) -> None:
        """Raises an error about a limit; in a profile that only warns, logs it, once per line of the user's code."""
        if not self.warns:
            raise error
        where = own_location()
        place = (str(getattr(error, "limit", "")), where)
        if place in self._warned:
            return
        if len(self._warned) < MOST_PLACES:
            self._warned.add(place)
        import logging

        at = f"; at {where}" if where is not None else ""
        logging.getLogger("portable.limits").warning("%s (only a warning here%s)", error.message, at)

    def warning(self) -> "Profile":
        """The same limits, with warnings in the place of errors."""
        return self._copy(self.limits, warns=True)

    def without(self, name: str) -> "Profile":
        """The same profile with the limit `name` lifted."""
        lifted = self.limits[name]._replace(value=LIFTED)
        return self._copy({**self.limits, name: lifted}, warns=self.warns)

    def _copy(self, limits: dict[str, Limit], *, warns: bool) -> "Profile":
        return Profile(
            self.name,
            limits,
            names=self.names,
            capabilities=self.capabilities,
            reserved_paths=self.reserved_paths,
            reserved_endings=self.reserved_endings,
            memory_sizes=self.memory_sizes,
            warns=warns,
        )


def shown(number: float) -> str:
    """A number for people: whole ones in full, unless they are absurd."""
    return f"{number:,.10g}" if number != number // 1 or abs(number) >= 1e18 else f"{int(number):,}"


_loaded: dict[str, Profile] = {}


def load_profile(name: str = "portable") -> Profile:
    """The packaged profile `name`: portable (alias strictest) or a provider's. Raises ConfigurationError."""
    if name == "strictest":
        name = "portable"
    profile = _loaded.get(name)
    if profile is None:
        import json
        import os

        if name not in ("portable", *PROVIDERS):
            raise ConfigurationError(
                f"there is no profile {name!r}", hint=f"one of: portable, strictest, {', '.join(PROVIDERS)}"
            )
        # By the loader: in a deployed function these files lie in one with the modules.
        loader: Any = __spec__.loader
        text = loader.get_data(os.path.join(os.path.dirname(__file__), "profiles", f"{name}.json"))
        profile = _loaded[name] = _read(name, json.loads(text))
    return profile


def _read(name: str, data: dict[str, Any]) -> Profile:
    return Profile(
        name,
        _limits(data["limits"]),
        names=_limits(data["names"]),
        capabilities={
            key: Capability(
                key,
                entry["supported"],
                entry["what"],
                entry["provider"],
                entry["source"],
                entry.get("note", ""),
                entry["as_of"],
            )
            for key, entry in data["capabilities"].items()
        },
        reserved_paths=_reserved(data["reserved_paths"], "path"),
        reserved_endings=_reserved(data["reserved_endings"], "ending"),
        memory_sizes=tuple(data["memory_sizes"]),
    )


def _limits(entries: dict[str, Any]) -> dict[str, Limit]:
    return {
        key: Limit(
            key,
            entry["value"],
            entry["unit"],
            entry["provider"],
            entry["source"],
            entry.get("note", ""),
            entry["as_of"],
        )
        for key, entry in entries.items()
    }


def _reserved(entries: list[Any], field: str) -> tuple[Reserved, ...]:
    return tuple(
        Reserved(entry[field], entry["provider"], entry["source"], entry["as_of"], entry.get("note", ""))
        for entry in entries
    )


def strictest(targets: Iterable[str]) -> Profile:
    """What passes on all of `targets`: for each limit the lowest of theirs. All providers together are `portable`.

    Raises ConfigurationError for none, or for one that there is not.
    """
    chosen = set(targets)
    wanted = [provider for provider in PROVIDERS if provider in chosen]
    if len(wanted) == len(PROVIDERS):
        return load_profile()
    if not wanted:
        raise ConfigurationError("no targets are named", hint=f"some of: {', '.join(PROVIDERS)}")
    if len(wanted) == 1:
        return load_profile(wanted[0])
    name = "+".join(wanted)
    found = _loaded.get(name)
    if found is None:
        found = _loaded[name] = _join(name, [load_profile(provider) for provider in wanted])
    return found


def _join(name: str, profiles: list[Profile]) -> Profile:
    first = profiles[0]

    def lowest(kind: Literal["limits", "names"], key: str) -> Limit:
        theirs: list[Limit] = [getattr(profile, kind)[key] for profile in profiles]
        return min(theirs, key=lambda limit: limit.value)

    return Profile(
        name,
        {key: lowest("limits", key) for key in first.limits},
        names={key: lowest("names", key) for key in first.names},
        capabilities={
            key: next((p.capabilities[key] for p in profiles if not p.capabilities[key].supported), capability)
            for key, capability in first.capabilities.items()
        },
        reserved_paths=tuple(path for profile in profiles for path in profile.reserved_paths),
        reserved_endings=tuple(ending for profile in profiles for ending in profile.reserved_endings),
        memory_sizes=next((profile.memory_sizes for profile in profiles if profile.memory_sizes), ()),
    )


def profile_for(chosen: str | None, targets: Iterable[str], limits: Literal["refuse", "warn"] = "refuse") -> Profile:
    """The profile to run an app under: the `chosen` one by name, else the strictest of its targets."""
    if limits not in ("refuse", "warn"):
        raise ConfigurationError(f"limits={limits!r}", hint="one of: refuse, warn")
    profile = strictest(targets) if chosen is None else load_profile(chosen)
    return profile.warning() if limits == "warn" else profile
