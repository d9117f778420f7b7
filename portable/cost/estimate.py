"""The month at the observed traffic, line by line: an amount, what of it is free, and what the rest costs.

Quantities are a provider's own (quantities.py); this is the arithmetic that all share. A line without a price says so,
and is in no total. Free tiers are an account's: the total after them holds if the app is alone in it.
"""

from typing import NamedTuple

from .invocations import ROUNDINGS
from .prices import Price, price
from .quantities import Quantity, quantities
from .traffic import Traffic

MONTH_HOURS = 730.0


class Line(NamedTuple):
    """One line of an estimate, in USD for a month; `usd` is None if there is no price to be had.

    `full` is without the free tier. `arithmetic` is how `usd` came about.
    """

    provider: str
    service: str
    what: str
    amount: float
    counted: str
    free: float
    usd: float | None
    full: float | None
    arithmetic: str
    how: str
    """How the amount came about."""
    price: Price | None


class Estimate(NamedTuple):
    """A provider's month. Totals are of the lines that have a price; `unknown` are those without."""

    provider: str
    hours: float
    """Of traffic that was observed."""
    factor: float
    """By which it was multiplied to a month."""
    lines: tuple[Line, ...]
    usd: float
    full: float
    unknown: tuple[str, ...]


def estimate(traffic: Traffic, provider: str) -> Estimate:
    """The month of `provider` (aws, gcp or azure). Raises ValueError for another, and for traffic of no time."""
    if provider not in ROUNDINGS:
        raise ValueError(f"there are no prices of {provider!r}")
    if not traffic.seconds > 0:
        raise ValueError("traffic of no time cannot be multiplied to a month")
    factor = MONTH_HOURS * 3600 / traffic.seconds
    lines = tuple(line_of(provider, quantity) for quantity in quantities(traffic, provider, factor))
    return Estimate(
        provider,
        traffic.seconds / 3600,
        factor,
        lines,
        sum(line.usd for line in lines if line.usd is not None),
        sum(line.full for line in lines if line.full is not None),
        tuple(line.what for line in lines if line.usd is None),
    )


def line_of(provider: str, quantity: Quantity) -> Line:
    """The quantity with its price."""
    found = price(provider, quantity.capability, quantity.name) if quantity.name else None
    if found is None:
        return Line(
            provider,
            quantity.service,
            quantity.what,
            quantity.amount,
            quantity.counted,
            0.0,
            None,
            None,
            "no price is known: not 0, and in no total",
            quantity.how,
            None,
        )
    free = found.free
    if quantity.shares_free is not None:
        shared = price(provider, quantity.capability, quantity.shares_free)
        free = shared.free if shared is not None else 0.0
    billed = max(0.0, quantity.amount - free)
    usd, shown = charged(found, billed)
    full, _ = charged(found, quantity.amount)
    left = f"{number(quantity.amount)} - {number(free)} free" if free else number(quantity.amount)
    if free and not billed:
        arithmetic = f"{number(quantity.amount)} of {number(free)} free = 0"
    elif found.tiers and len(shown) > 1:
        arithmetic = f"({left}): {' + '.join(shown)} = {usd:.6g}"
    else:
        left = f"({left})" if free else left
        divided = f" / {number(found.per)}" if found.per != 1 else ""
        arithmetic = f"{left}{divided} * {number(rate(found))} = {usd:.6g}"
    return Line(
        provider,
        quantity.service,
        quantity.what,
        quantity.amount,
        quantity.counted,
        free,
        usd,
        full,
        arithmetic,
        quantity.how,
        found,
    )


def rate(found: Price) -> float:
    return found.tiers[0][1] if found.tiers else found.value


def charged(found: Price, amount: float) -> tuple[float, list[str]]:
    """What an amount costs, and the parts of the sum. Beyond the last tier that is known its value goes on."""
    if not found.tiers:
        return amount / found.per * found.value, []
    total, begin, parts = 0.0, 0.0, list[str]()
    for position, (up_to, value) in enumerate(found.tiers):
        is_last = position == len(found.tiers) - 1
        end = amount if up_to is None or is_last else min(amount, up_to)
        if end > begin:
            total += (end - begin) / found.per * value
            divided = f" / {number(found.per)}" if found.per != 1 else ""
            parts.append(f"{number(end - begin)}{divided} * {number(value)}")
            begin = end
    return total, parts


def number(value: float) -> str:
    """As people write it: grouped, without what is not meant to be exact."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.1f}"
    return f"{value:.6g}"
