"""OFX statements (Open Financial Exchange 1.0.2 as SGML and 2.x as XML), read with ofxtools.

Bank and credit card statements are taken; investment statements, profiles and the like are not.
"""

import io
import logging
import re
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol, cast
from xml.etree.ElementTree import Element

from ofxtools.models.base import Aggregate
from ofxtools.Parser import OFXTree

from fatfire.models import AccountKind

from .statement import Entry, Statement, StatementError, checked_days, is_money, stand_in_references

# It tells of each transaction that it converts.
logging.getLogger("ofxtools").setLevel(logging.WARNING)

KINDS = {
    "CHECKING": AccountKind.EVERYDAY,
    "SAVINGS": AccountKind.SAVINGS,
    "CD": AccountKind.SAVINGS,
    "MONEYMRKT": AccountKind.BROKERAGE,
    "CREDITLINE": AccountKind.CARD,
}
BOOKED = re.compile(rb"<STMTTRN>", re.IGNORECASE)
BODY = re.compile(rb"<OFX>", re.IGNORECASE)
END = re.compile(rb"</OFX>\s*$", re.IGNORECASE)
FIELD = re.compile(r"Can't set (\w+)\.(\w+) to (.*?): (.*)", re.DOTALL)
ZONE = re.compile(r"\[[^\]]*\]\s*$")
POSITION = re.compile(r"position=\[(\d+):")


class Booked(Protocol):
    """The part of an ofxtools STMTTRN that is used."""

    dtposted: datetime
    trnamt: Decimal
    fitid: str
    name: str | None
    memo: str | None


def parse_ofx(content: bytes) -> list[Statement]:
    """The statements of the file, one an account. Raises StatementError with the line."""
    if BODY.search(content) is None:
        raise StatementError(1, "not an OFX file: there is no <OFX>")
    if END.search(content) is None:
        raise StatementError(content.rstrip().count(b"\n") + 1, "the file ends before </OFX>: it is not whole")
    tree: Any = cast("Any", OFXTree)()
    try:
        root: Element = tree.parse(io.BytesIO(content))
    except Exception as error:  # ofxtools raises many kinds, assertions of ElementTree among them
        raise StatementError(*syntax_fault(content, error)) from error
    keep_written_days(root)
    check_entries(content, root)
    try:
        document: Any = tree.convert()
        institution = document.sonrs.org or "Bank"
        statements = [statement(found, institution) for found in document.statements]
    except StatementError:
        raise
    except Exception as error:
        raise StatementError(*field_fault(content, body_start(content), error)) from error
    if not statements:
        raise StatementError(line_at(content, BODY), "the file holds no bank or credit card statement")
    return statements


def statement(found: Any, institution: str) -> Statement:
    """One STMTRS or CCSTMTRS as a Statement."""
    if found.transactions is None or not hasattr(found, "ledgerbal"):
        raise StatementError(1, "only bank and credit card statements with transactions can be imported")
    card = not hasattr(found.account, "accttype")
    entries = [
        Entry(row.dtposted.date(), row.trnamt, (row.name or row.memo or "No description").strip(), row.fitid)
        for row in cast("Iterable[Booked]", found.transactions)
    ]
    last: date = found.ledgerbal.dtasof.date()
    balance: Decimal = found.ledgerbal.balamt
    if not is_money(balance):
        raise StatementError(1, f"BALAMT {str(balance)[:40]} is not an amount of money")
    start: datetime | None = found.transactions.dtstart
    number: str = found.account.acctid
    first = min([last, *(entry.day for entry in entries)] + ([start.date()] if start else []))
    checked_days(first, max([last, *(entry.day for entry in entries)]), 1)
    return Statement(
        institution=institution,
        account=number if card else f"{found.account.bankid}-{number}",
        kind=AccountKind.CARD if card else KINDS[found.account.accttype],
        currency=found.curdef,
        first=first,
        last=last,
        balance=round(balance, 2),
        entries=stand_in_references(sorted(entries, key=lambda entry: entry.day)),
    )


def keep_written_days(root: Element) -> None:
    """Drops the zones of dates: a booking's day is the one that the bank writes, not that day's in Greenwich."""
    for tag in ("DTPOSTED", "DTSTART", "DTASOF"):
        for element in root.iter(tag):
            element.text = ZONE.sub("", element.text or "")


def check_entries(content: bytes, root: Element) -> None:
    """Converts each transaction by itself, so that a fault can be told with its line."""
    starts = [match.start() for match in BOOKED.finditer(content)]
    seen: dict[tuple[int, str], int] = {}
    number = 0
    for ledger, entries in enumerate(root.iter("BANKTRANLIST")):
        for element in entries.iter("STMTTRN"):
            line = content.count(b"\n", 0, starts[number]) + 1 if number < len(starts) else 1
            number += 1
            try:
                row = cast("Booked", cast("Any", Aggregate).from_etree(element))
                amount = row.trnamt
            except Exception as error:
                raise StatementError(*entry_fault(content, line, element, error)) from error
            if not is_money(amount):
                raise StatementError(line, f"TRNAMT {str(amount)[:40]} is not an amount of money")
            if (first := seen.setdefault((ledger, row.fitid), line)) != line:
                raise StatementError(line, f"FITID {row.fitid!r} is that of the transaction in line {first} too")


def entry_fault(content: bytes, line: int, element: Element, error: Exception) -> tuple[int, str]:
    """The line and text of a bad transaction, of its bad field where ofxtools names one."""
    start = sum(len(part) + 1 for part in content.split(b"\n")[: line - 1])
    amount = element.findtext("TRNAMT", "")
    if isinstance(error, ArithmeticError):
        return line_at(content, re.compile(b"<TRNAMT>"), start), f"TRNAMT {amount!r} is not an amount"
    return field_fault(content, start, error)


def field_fault(content: bytes, start: int, error: Exception) -> tuple[int, str]:
    """The line of the field that ofxtools could not set, from `start` on, and why."""
    found = FIELD.match(str(error))
    if found is None:
        return content.count(b"\n", 0, start) + 1, f"not a valid OFX document: {first_line(error)}"
    aggregate, field, value, reason = found[1], found[2].upper(), found[3], found[4]
    if value == "None":
        return line_at(content, re.compile(f"<{aggregate}>".encode()), start), f"{aggregate} has no {field}"
    place = re.compile(f"<{field}>\\s*{re.escape(value)}".encode())
    return line_at(content, place, start), f"{field} {value!r} is not valid: {reason[:120]}"


def body_start(content: bytes) -> int:
    found = BODY.search(content)
    return found.start() if found else 0


def syntax_fault(content: bytes, error: Exception) -> tuple[int, str]:
    """The line that ofxtools stopped at."""
    found = POSITION.search(str(error))
    at = body_start(content) + int(found[1]) if found else body_start(content)
    return content.count(b"\n", 0, at) + 1, f"not a valid OFX document: {first_line(error)}"


def line_at(content: bytes, pattern: re.Pattern[bytes], start: int = 0) -> int:
    """The line of the first match from `start` on, else that of `start`."""
    found = pattern.search(content, start)
    return content.count(b"\n", 0, found.start() if found else start) + 1


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
