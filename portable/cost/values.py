"""An estimate as JSON: what `portable cost --json` prints, and what the console's API gives."""

from collections.abc import Sequence
from typing import Any

from .estimate import MONTH_HOURS, Estimate, Line
from .prices import prices_as_of
from .traffic import Traffic


def value_of(traffic: Traffic, estimates: Sequence[Estimate]) -> dict[str, Any]:
    return {
        "is_estimate": True,
        "month_hours": MONTH_HOURS,
        "observed": {
            "hours": traffic.seconds / 3600,
            "invocations": traffic.invocations,
            "unkept": traffic.unkept,
            "factor": MONTH_HOURS * 3600 / traffic.seconds,
        },
        "targets": [target_value(one) for one in estimates],
    }


def target_value(one: Estimate) -> dict[str, Any]:
    oldest, newest = prices_as_of(one.provider)
    return {
        "provider": one.provider,
        "usd": one.usd,
        "usd_without_free_tiers": one.full,
        "regions": sorted({line.price.region for line in one.lines if line.price is not None}),
        "as_of": [oldest, newest],
        "unknown": list(one.unknown),
        "lines": [line_value(line) for line in one.lines],
    }


def line_value(line: Line) -> dict[str, Any]:
    price = line.price
    return {
        "service": line.service,
        "what": line.what,
        "amount": line.amount,
        "counted": line.counted,
        "how": line.how,
        "free": line.free,
        "usd": line.usd,
        "usd_without_free_tier": line.full,
        "arithmetic": line.arithmetic,
        "price": None
        if price is None
        else {
            "value": price.value,
            "unit": price.unit,
            "region": price.region,
            "source": price.source,
            "as_of": price.as_of,
            "confidence": price.confidence,
            "note": price.note,
        },
    }
