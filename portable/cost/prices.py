"""List prices, packaged: per provider, in one reference region each, with the page and the date of each of them.

Taxes, discounts and support are not in them. A price that is not here is unknown, which is not 0.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple

FILE = "prices.json"


class Price(NamedTuple):
    """One price. `unit` as in "USD per million"; `free` is what an account has of it in a month, in `per` units."""

    provider: str
    capability: str
    name: str
    value: float
    unit: str
    per: float
    """How many of what is counted the value is for: 1,000,000 of "USD per million"."""
    counted: str
    """What is counted: "", "GB-second", "GiB"."""
    free: float
    tiers: tuple[tuple[float | None, float], ...]
    """(up to, value), the last up to None; empty: one value."""
    region: str
    source: str
    as_of: str
    confidence: Literal["documented", "memory"]
    note: str


BYTES = {"GB": 1e9, "GiB": float(1 << 30), "TiB": float(1 << 40)}
DAYS = 730 / 24
"""Of the month that free tiers by day are multiplied to."""


@cache
def loaded() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(files("portable.cost").joinpath(FILE).read_text(encoding="utf-8"))
    return found


@cache
def price(provider: str, capability: str, name: str) -> Price | None:
    """The price, or None if it is not known."""
    entry: Mapping[str, Any] | None = loaded().get(provider, {}).get(capability, {}).get(name)
    if entry is None:
        return None
    unit = str(entry["unit"])
    counted = unit.removeprefix("USD per ")
    per = 1.0
    if counted == "million":
        counted, per = "", 1e6
    return Price(
        provider,
        capability,
        name,
        float(entry["value"]),
        unit,
        per,
        counted,
        free_of(entry.get("free_tier"), counted),
        tuple(
            (None if tier["up_to"] is None else float(tier["up_to"]), float(tier["value"]))
            for tier in entry.get("tiers", ())
        ),
        str(entry["region"]),
        str(entry["source"]),
        str(entry["as_of"]),
        entry["confidence"],
        str(entry.get("note", "")),
    )


def free_of(tier: Mapping[str, Any] | None, counted: str) -> float:
    """A free tier in what is counted, for a month."""
    if tier is None:
        return 0.0
    amount, unit = float(tier["value"]), str(tier["unit"])
    if unit.endswith("per day"):
        amount *= DAYS
    size, priced = unit.split(" ")[0], counted.partition("-")[0]
    if size in BYTES and priced in BYTES and size != priced:
        amount *= BYTES[size] / BYTES[priced]
    return amount


def prices_as_of(provider: str) -> tuple[str, str]:
    """The oldest and the newest date of the provider's prices."""
    dates = sorted(str(entry["as_of"]) for group in loaded()[provider].values() for entry in group.values())
    return dates[0], dates[-1]
