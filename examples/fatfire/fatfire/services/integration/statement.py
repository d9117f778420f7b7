"""What a statement file says, whatever its format: pure values, checked for sense."""

import hashlib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fatfire.models import AccountKind

EARLIEST, LATEST = date(1999, 1, 4), date(2100, 12, 31)  # the first day with published rates; a year that is no slip
MOST_MONEY = Decimal(10) ** 12


class StatementError(Exception):
    """A file that cannot be imported: what is wrong and in which line (from 1)."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


class Entry(NamedTuple):
    """One booked transaction. `reference` is the bank's id for it, unique within the account."""

    day: date
    amount: Decimal
    description: str
    reference: str


class Statement(NamedTuple):
    """The transactions of one account from `first` to `last`, and its balance at the end of `last`."""

    institution: str
    account: str
    kind: AccountKind
    currency: str
    first: date
    last: date
    balance: Decimal
    entries: tuple[Entry, ...]


def is_money(amount: Decimal) -> bool:
    """Whether `amount` is a sum that can be kept: finite, below 10^12, with at most two decimals."""
    return amount.is_finite() and abs(amount) < MOST_MONEY and amount == round(amount, 2)


def checked_amount(text: str, line: int, what: str) -> Decimal:
    """A sum of money in plain notation with at most two decimals. Raises StatementError."""
    try:
        amount = Decimal(text.strip())
    except ArithmeticError:
        raise StatementError(line, f"{what} {text[:40]!r} is not an amount") from None
    if not is_money(amount):
        raise StatementError(line, f"{what} {text[:40]!r} is not an amount of money")
    return round(amount, 2)


def checked_days(first: date, last: date, line: int) -> None:
    """Raises StatementError unless the days are in order and in the range for which there are rates."""
    if not EARLIEST <= first <= last <= LATEST:
        raise StatementError(line, f"{first} to {last} is not a period between {EARLIEST} and {LATEST}")


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def stand_in_references(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Gives entries without a reference one that is the same whenever the same day is imported again.

    Made of what the entry says and its number among equal ones of that day. A reference too long for a key is hashed.
    """
    seen: dict[Entry, int] = {}
    found: list[Entry] = []
    for entry in entries:
        if not entry.reference:
            number = seen[entry] = seen.get(entry, 0) + 1
            text = f"{entry.day}|{entry.amount}|{entry.description}|{number}"
            entry = entry._replace(reference=digest(text))
        elif len(entry.reference.encode()) > 200:
            entry = entry._replace(reference=digest(entry.reference))
        found.append(entry)
    return tuple(found)
