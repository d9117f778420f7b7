"""Limits and abilities of the portable profile and of each provider, read from packaged data (profiles/*.json).

One list, read by the SDK, `check`, the conformance suite and the documentation's tables. The `portable` profile is the
strictest of all providers; it is what local enforces by default and what deployed code enforces too.
"""

from typing import NamedTuple

from .errors import ConfigurationError, LimitExceeded

PROVIDERS = ("aws", "gcp", "azure")


class Limit(NamedTuple):
    """One number. `provider` is whose limit it is, `source` where that is written."""

    name: str
    value: float
    unit: str
    provider: str
    source: str
    note: str


class Profile:
    """The limits in force, asked for by name: `profile.check("item_bytes", actual, "what is measured")`."""

    def __init__(self, name: str, limits: dict[str, Limit]) -> None:
        self.name = name
        self.limits = limits
        self._values = {key: limit.value for key, limit in limits.items()}

    def limit(self, name: str) -> Limit:
        """The limit called `name`. Raises KeyError for a name that no profile has: that is a bug of the caller."""
        return self.limits[name]

    def value(self, name: str) -> int:
        """The limit's value as an int."""
        return int(self._values[name])

    def check(self, name: str, actual: float, what: str, *, resource: str | None = None, key: object = None) -> None:
        """Raises LimitExceeded, naming the limit, the provider and `what`, if `actual` is over the limit `name`."""
        if actual > self._values[name]:
            raise self.exceeded(name, actual, what, resource=resource, key=key)

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

        path = os.path.join(os.path.dirname(__file__), "profiles", f"{name}.json")
        if name not in ("portable", *PROVIDERS) or not os.path.exists(path):
            raise ConfigurationError(
                f"there is no profile {name!r}", hint=f"one of: portable, strictest, {', '.join(PROVIDERS)}"
            )
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        limits = {
            key: Limit(key, entry["value"], entry["unit"], entry["provider"], entry["source"], entry.get("note", ""))
            for key, entry in data["limits"].items()
        }
        profile = _loaded[name] = Profile(name, limits)
    return profile
