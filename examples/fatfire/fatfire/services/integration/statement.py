"""What a statement file says, whatever its format: pure values, checked for sense."""

import hashlib
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fatfire.models import AccountKind


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


def checked_amount(text: str, line: int, what: str) -> Decimal:
    """A sum of money in plain notation with at most two decimals. Raises StatementError."""
    try:
        amount = Decimal(text.strip())
    except ArithmeticError:
        raise StatementError(line, f"{what} {text!r} is not an amount") from None
    if not amount.is_finite() or abs(amount) >= 10**15 or amount != round(amount, 2):
        raise StatementError(line, f"{what} {text!r} is not an amount of money")
    return round(amount, 2)


def stand_in_references(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Gives entries without a reference one that is the same whenever the same day is imported again.

    Made of what the entry says and its number among equal ones of that day.
    """
    seen: dict[Entry, int] = {}
    found: list[Entry] = []
    for entry in entries:
        if not entry.reference:
            number = seen[entry] = seen.get(entry, 0) + 1
            text = f"{entry.day}|{entry.amount}|{entry.description}|{number}"
            entry = entry._replace(reference=hashlib.sha256(text.encode()).hexdigest()[:24])
        found.append(entry)
    return tuple(found)
