"""The tables of core and the ledger of bank accounts: balances on any day, from the newest statement backwards."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from fatfire.models import (
    Account,
    Asset,
    Balance,
    Liability,
    Portfolio,
    Snapshots,
    StatementImported,
    Transaction,
    User,
)
from portable import Service, ge

service = Service("core")
users = service.table("users", User)
portfolios = service.table("portfolios", Portfolio, key=("owner", "id"))
assets = service.table("assets", Asset, key=("owner", "id"), indexes={"by_portfolio": ("portfolio", "owner")})
liabilities = service.table("liabilities", Liability, key=("owner", "id"))
accounts = service.table("accounts", Account, key=("owner", "id"))
transactions = service.table("transactions", Transaction, key=("ledger", "id"), indexes={"by_owner": ("owner", "id")})
snapshots = service.table("snapshots", Snapshots, key=("owner", "year"))
statement_imported = service.topic("statement-imported", StatementImported)


def ledger_of(owner: str, account: str) -> str:
    return f"{owner}/{account}"


def entries_from(ledger: str, day: date) -> Iterator[Transaction]:
    """The transactions of a ledger on and after `day`, oldest first."""
    cursor: str | None = None
    while True:
        page = transactions.query(ledger, ge(day.isoformat()), limit=1000, cursor=cursor)
        yield from page.items
        if (cursor := page.cursor) is None:
            return


def balance_on(account: Account, day: date) -> Decimal | None:
    """The balance at the end of `day`: the newest statement's less what was booked since; None before the first one.

    After the newest statement the account is taken as unchanged.
    """
    if day < account.opened_on:
        return None
    if day >= account.balance_on:
        return account.balance
    later = entries_from(ledger_of(account.owner, account.id), day + timedelta(days=1))
    return account.balance - sum((entry.amount for entry in later if entry.day <= account.balance_on), Decimal(0))


def month_ends(first: date, last: date) -> Iterator[date]:
    """Ends of months from that of `first` on, and `last` itself if it lies within a month."""
    day = first
    while True:
        end = (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
        if end >= last:
            yield last
            return
        yield end
        day = end + timedelta(days=1)


def closing_balances(account: Account) -> tuple[Balance, ...]:
    """The balances at the ends of all months that the statements cover, and at the newest one's end."""
    days = list(month_ends(account.opened_on, account.balance_on))
    entries = list(entries_from(ledger_of(account.owner, account.id), account.opened_on))
    entries = [entry for entry in entries if entry.day <= account.balance_on]
    found: list[Balance] = []
    balance = account.balance
    for day in reversed(days):
        while entries and entries[-1].day > day:
            balance -= entries.pop().amount
        found.append(Balance(on=day, amount=balance))
    return tuple(reversed(found))


def balance_at(account: Account, month_end: date) -> Decimal | None:
    """The balance at the end of a month (or at the account's newest day), from what closing_balances stored."""
    if month_end < account.opened_on:
        return None
    known = [balance for balance in account.month_ends if balance.on <= month_end]
    return known[-1].amount if known else None
