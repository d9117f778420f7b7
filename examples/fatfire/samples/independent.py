"""Net worth of the samples worked out from the raw files alone: no code of fatfire, no parser, no SDK."""

import csv
import io
import json
import re
import zipfile
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from pathlib import Path

from currency_converter import CURRENCY_FILE


@cache
def published() -> dict[str, dict[str, str]]:
    with zipfile.ZipFile(CURRENCY_FILE) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    return {row["Date"]: row for row in csv.DictReader(io.StringIO(text))}


def euros(amount: Decimal, currency: str, day: str) -> Decimal:
    if currency == "EUR":
        return amount
    return amount / Decimal(published()[day][currency])


def balances(samples: Path, day: str) -> list[tuple[Decimal, str]]:
    """The balance of every account after `day`: the closing one less all bookings after that day."""
    found: list[tuple[Decimal, str]] = []
    digits = day.replace("-", "")
    for path in sorted(samples.glob("*.ofx")):
        for part in path.read_text(encoding="cp1252").split("<CURDEF>")[1:]:
            closing = re.search(r"<BALAMT>([-\d.]+)", part)
            assert closing is not None
            booked = re.findall(r"<DTPOSTED>(\d{8})\d*(?:</DTPOSTED>)?\s*<TRNAMT>([-\d.]+)", part)
            later = sum((Decimal(amount) for posted, amount in booked if posted > digits), Decimal(0))
            found.append((Decimal(closing[1]) - later, part[:3]))
    lines = (samples / "nordlicht.csv").read_text(encoding="utf-8").splitlines()
    rows = list(csv.reader(lines[9:]))
    before = [row for row in rows if row[0] <= day]
    found.append((Decimal(before[-1][4]) if before else Decimal("24310.75"), "EUR"))
    return found


def holdings(samples: Path, day: str) -> list[tuple[Decimal, str]]:
    document = json.loads((samples / "holdings.json").read_text(encoding="utf-8"))
    found: list[tuple[Decimal, str]] = []
    for sign, name in ((1, "assets"), (-1, "liabilities")):
        for holding in document[name]:
            past = [v for v in holding["valuations"] if v["on"] <= day]
            if past:
                latest = past[-1]
                amount = Decimal(latest["price"]) * Decimal(latest.get("units", "1"))
                found.append((sign * amount, holding["currency"]))
    return found


def net_worth_of_the_samples(samples: Path, currency: str, on: str) -> Decimal:
    """In `currency` on the day `on`, at the last rates published by then, rounded to cents."""
    rates_day = max(day for day in published() if day <= on)
    parts = [*balances(samples, on), *holdings(samples, on)]
    total = sum((euros(amount, code, rates_day) for amount, code in parts), Decimal(0))
    unit = Decimal(1) if currency == "EUR" else Decimal(published()[rates_day][currency])
    return (total * unit).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
