"""Exchange: the euro reference rates of the European Central Bank, kept by month, and conversion at a date."""

from datetime import UTC, date, datetime
from decimal import Decimal

from fatfire.models import Conversion, Loaded, RateDay
from portable import InvalidArgument, Response

from .book import EURO, RateBook, cents
from .store import is_loaded, load_rates, open_book, service

__all__ = ["RateBook", "cents", "ensure_loaded", "open_book", "service"]


def today() -> date:
    return datetime.now(UTC).date()


def ensure_loaded() -> None:
    """Loads the rates if there are none yet, so that the first statement can be converted at once."""
    if not is_loaded():
        load_rates()


@service.task(max_attempts=4, min_backoff=60, timeout=300)
def refresh() -> Loaded:
    """Stores the days that have been published since the last time."""
    return load_rates()


@service.cron("30 16 * * 1-5", zone="Europe/Berlin")
def after_publication() -> None:
    """The bank publishes at about 16:00 Central European Time on its working days."""
    refresh.send(None)


@service.post("/refresh", status=202)
def refresh_now() -> Response:
    run = refresh.send(None)
    return Response(f'{{"run":"{run.id}"}}', 202, media_type="application/json")


@service.get("/rates")
def rates_on(base: str = EURO, on: date | None = None) -> RateDay:
    """The rates of the last publication on or before `on`: units of each currency for one `base`."""
    asked = on or today()
    row = open_book().row(asked)
    if base not in row.rates:
        raise InvalidArgument(f"there is no rate for {base!r} on {row.day}", hint=row.known())
    unit = row.rates[base]
    rates = {currency: (rate / unit).quantize(Decimal("0.000001")) for currency, rate in sorted(row.rates.items())}
    return RateDay(base=base, asked=asked, published=row.day, rates=rates)


@service.get("/convert")
def convert(amount: Decimal, base: str, quote: str, on: date | None = None) -> Conversion:
    """`amount` of `base` in `quote`, rounded to cents, at the last publication on or before `on`."""
    if not amount.is_finite() or abs(amount) >= 10**15:
        raise InvalidArgument(f"amount {amount} is not a sum of money", hint="a finite number below 10^15")
    asked, book = on or today(), open_book()
    result = book.convert(amount, base, quote, asked)
    return Conversion(
        amount=amount,
        base=base,
        quote=quote,
        asked=asked,
        published=None if base == quote else book.row(asked).day,
        rate=book.convert(Decimal(1), base, quote, asked).quantize(Decimal("0.000001")),
        result=cents(result),
    )
