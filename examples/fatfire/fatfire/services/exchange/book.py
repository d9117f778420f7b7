"""Conversion by published rates: pure, exact decimals, no storage."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from fatfire.models import RateMonth
from portable import InvalidArgument, Unavailable

EURO = "EUR"


def cents(amount: Decimal) -> Decimal:
    """Rounded to cents, halves to the even one; done once, at the end of a computation."""
    return amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)


class RateRow(NamedTuple):
    """What was published on one day: units of each currency for one euro, the euro included."""

    day: date
    rates: Mapping[str, Decimal]

    def known(self) -> str:
        return f"published that day: {', '.join(sorted(self.rates))}"


class RateBook:
    """Rates by day, for as long as one computation takes.

    `months(day)` gives the stored month of `day` and the one before, newest first. On a day without a publication
    (weekends, holidays, today before 16:00) the last one before it counts, as banks do.
    """

    def __init__(self, months: Callable[[date], list[RateMonth]]) -> None:
        self._months = months
        self._rows: dict[date, RateRow] = {}

    def row(self, day: date) -> RateRow:
        """The last publication on or before `day`. Raises Unavailable when nothing is loaded that early."""
        if day not in self._rows:
            self._rows[day] = self._find(day)
        return self._rows[day]

    def _find(self, day: date) -> RateRow:
        asked = day.isoformat()
        for month in self._months(day):
            published = max((known for known in month.days if known <= asked), default=None)
            if published is not None:
                rates = {currency: Decimal(rate) for currency, rate in month.days[published].items()}
                return RateRow(date.fromisoformat(published), {EURO: Decimal(1), **rates})
        raise Unavailable(
            f"no exchange rates are loaded for {asked} or earlier",
            hint="they start on 1999-01-04; POST /api/exchange/refresh loads them",
        )

    def convert(self, amount: Decimal, base: str, quote: str, day: date) -> Decimal:
        """`amount` of `base` in `quote` on `day`, by way of the euro, unrounded.

        Raises InvalidArgument for a currency without a rate that day, Unavailable without rates.
        """
        row = self.row(day)
        for currency in (base, quote):
            if currency not in row.rates:
                raise InvalidArgument(f"there is no rate for {currency!r} on {row.day}", hint=row.known())
        return amount if base == quote else amount / row.rates[base] * row.rates[quote]
