"""CSV statements, as comma-separated UTF-8 (RFC 4180) with a head, an empty line and a table:

    Institution,Nordlicht Bank
    Account,DE71120300001054778110
    Type,savings                      everyday, savings, brokerage or card
    Currency,EUR                      ISO 4217
    From,2025-05-01                   first and last day that the statement covers
    To,2026-10-31
    Opening balance,24310.75          at the end of the day before From

    Date,Description,Reference,Amount,Balance
    2025-05-02,"Rent, number 12",20250502811000001,650.00,24960.75

Dates are ISO 8601, amounts have a point and at most two decimals, money out is negative. Rows stand in order of their
dates and each Balance is the one before plus Amount, which is checked. Reference may be empty.
"""

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from fatfire.models import AccountKind

from .statement import Entry, Statement, StatementError, checked_amount, checked_days, stand_in_references

HEAD = ("Institution", "Account", "Type", "Currency", "From", "To", "Opening balance")
COLUMNS = ["Date", "Description", "Reference", "Amount", "Balance"]


def parse_csv(content: bytes) -> list[Statement]:
    """The one statement of the file. Raises StatementError with the line."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise StatementError(content.count(b"\n", 0, error.start) + 1, "not UTF-8 text") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = numbered(reader)
    head, lines = read_head(rows)
    first, last = checked_date(head["From"], lines["From"]), checked_date(head["To"], lines["To"])
    checked_days(first, last, lines["To"])
    for name in ("Institution", "Account"):
        if len(head[name]) > 60:
            raise StatementError(lines[name], f"{name} is longer than 60 characters")
    currency = head["Currency"]
    if len(currency) != 3 or not currency.isascii() or not currency.isalpha() or not currency.isupper():
        raise StatementError(lines["Currency"], f"Currency {currency!r} is not an ISO 4217 code such as EUR")
    try:
        kind = AccountKind(head["Type"].lower())
    except ValueError:
        raise StatementError(lines["Type"], f"Type {head['Type']!r} is none of {', '.join(AccountKind)}") from None
    balance = checked_amount(head["Opening balance"], lines["Opening balance"], "Opening balance")
    entries, balance = read_entries(rows, first, last, balance)
    return [
        Statement(head["Institution"], head["Account"].replace(" ", ""), kind, currency, first, last, balance, entries)
    ]


def numbered(reader: "Iterator[list[str]]") -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which they end."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise StatementError(line_of(reader), f"not CSV: {error}") from None
        yield line_of(reader), row


def line_of(reader: object) -> int:
    number: int = getattr(reader, "line_num", 0)
    return number


def read_head(rows: Iterator[tuple[int, list[str]]]) -> tuple[dict[str, str], dict[str, int]]:
    head: dict[str, str] = {}
    lines: dict[str, int] = {}
    line = 0
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            break
        if len(row) != 2 or row[0] not in HEAD or row[0] in head or not row[1].strip():
            raise StatementError(line, f"expected one of {', '.join(HEAD)} and its value, found {','.join(row)[:80]!r}")
        head[row[0]], lines[row[0]] = row[1].strip(), line
    missing = [name for name in HEAD if name not in head]
    if missing:
        raise StatementError(max(line, 1), f"the head ends without {', '.join(missing)}")
    return head, lines


def read_entries(
    rows: Iterator[tuple[int, list[str]]], first: date, last: date, balance: Decimal
) -> tuple[tuple[Entry, ...], Decimal]:
    nothing: tuple[int, list[str]] = (1, [])
    line, columns = next(rows, nothing)
    if columns != COLUMNS:
        raise StatementError(line, f"expected the columns {','.join(COLUMNS)}, found {','.join(columns)[:80]!r}")
    entries: list[Entry] = []
    references: dict[str, int] = {}
    for line, row in rows:
        if not row:
            continue
        if len(row) != len(COLUMNS):
            raise StatementError(line, f"expected {len(COLUMNS)} columns, found {len(row)}")
        day, amount = checked_date(row[0], line), checked_amount(row[3], line, "Amount")
        if not first <= day <= last or (entries and day < entries[-1].day):
            raise StatementError(line, f"{day} is out of order or outside {first} to {last}")
        balance += amount
        if checked_amount(row[4], line, "Balance") != balance:
            raise StatementError(line, f"Balance {row[4]} does not follow: the one before plus Amount is {balance}")
        reference = row[2].strip()
        if reference and references.setdefault(reference, line) != line:
            raise StatementError(line, f"Reference {reference!r} is that of line {references[reference]} too")
        entries.append(Entry(day, amount, row[1].strip() or "No description", reference))
    return stand_in_references(entries), balance


def checked_date(text: str, line: int) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise StatementError(line, f"{text!r} is not a date such as 2026-10-31") from None
