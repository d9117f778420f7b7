"""Net worth: on a day from the tables, in the past from snapshots, and its distance from the target."""

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from fatfire.models import (
    Account,
    AccountKind,
    Asset,
    History,
    HistoryPoint,
    Independence,
    Liability,
    MonthEnd,
    NetWorth,
    Position,
    Snapshots,
    StatementImported,
    Total,
)
from fatfire.services import exchange
from fatfire.services.exchange import RateBook, cents
from portable import Conflict, InvalidArgument

from .ledger import (
    accounts,
    assets,
    balance_at,
    balance_on,
    liabilities,
    month_ends,
    service,
    snapshots,
    statement_imported,
    users,
)

CURRENCY = re.compile(r"[A-Z]{3}")
CASH, CARD = "cash", "card"
DEBTS = frozenset({"mortgage", "loan", "other-debt", CARD})


class Household:
    """All that one owner has, read once."""

    def __init__(self, owner: str) -> None:
        self.accounts: list[Account] = accounts.query(owner, limit=1000).items
        self.assets: list[Asset] = assets.query(owner, limit=1000).items
        self.liabilities: list[Liability] = liabilities.query(owner, limit=1000).items

    def first_day(self) -> date | None:
        held = [holding.valuations[0].on for holding in (*self.assets, *self.liabilities)]
        return min([account.opened_on for account in self.accounts] + held, default=None)

    def last_day(self) -> date | None:
        held = [holding.valuations[-1].on for holding in (*self.assets, *self.liabilities)]
        return max([account.balance_on for account in self.accounts] + held, default=None)

    def totals(self, day: date) -> list[Total]:
        """The parts of net worth at the end of a month, by kind and currency."""
        found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for account in self.accounts:
            balance = balance_at(account, day)
            if balance is not None:
                found[kind_of(account), account.currency] += balance
        for sign, holdings in ((1, self.assets), (-1, self.liabilities)):
            for holding in holdings:
                valuation = holding.at(day)
                if valuation is not None:
                    found[holding.kind.value, holding.currency] += sign * valuation.price * valuation.units
        return [
            Total(kind=kind, currency=currency, amount=amount) for (kind, currency), amount in sorted(found.items())
        ]

    def month_ends(self) -> list[MonthEnd]:
        first, last = self.first_day(), self.last_day()
        if first is None or last is None:
            return []
        return [MonthEnd(on=day, totals=tuple(self.totals(day))) for day in month_ends(first, last)]


def kind_of(account: Account) -> str:
    return CARD if account.kind is AccountKind.CARD else CASH


def positions(household: Household, currency: str, day: date, book: RateBook) -> Iterator[tuple[Position, Decimal]]:
    """Every line of net worth on `day` with its value before rounding; accounts first."""
    for account in household.accounts:
        balance = balance_on(account, day)
        if balance is not None:
            value = book.convert(balance, account.currency, currency, day)
            yield (
                Position(
                    id=account.id,
                    name=account.name,
                    detail=f"{account.kind.value} ··{account.number[-4:]}",
                    kind=kind_of(account),
                    currency=account.currency,
                    amount=balance,
                    value=cents(value),
                ),
                value,
            )
    for sign, holdings in ((1, household.assets), (-1, household.liabilities)):
        for holding in holdings:
            valuation = holding.at(day)
            if valuation is not None:
                amount = sign * valuation.price * valuation.units
                value = book.convert(amount, holding.currency, currency, day)
                yield (
                    Position(
                        id=holding.id,
                        name=holding.name,
                        detail=f"valued {valuation.on.isoformat()}",
                        kind=holding.kind.value,
                        currency=holding.currency,
                        amount=cents(amount),
                        value=cents(value),
                        price=valuation.price,
                        units=valuation.units,
                        trend=tuple(v.price for v in holding.valuations if v.on <= day)[-24:],
                    ),
                    value,
                )


@service.get("/users/{user}/net-worth")
def net_worth(user: str, currency: str | None = None, on: date | None = None) -> NetWorth:
    """What `user` owns less what they owe on a day (default: today), in a currency (default: their own).

    Balances are those of the day, converted at the last rates published by then; the sum is rounded once.
    """
    return worth(user, chosen(user, currency), on or exchange.today())


def chosen(user: str, currency: str | None) -> str:
    """The asked currency, else that of the household. Raises NotFound and InvalidArgument."""
    own = users.require(user).currency
    if currency is not None and CURRENCY.fullmatch(currency) is None:
        raise InvalidArgument(f"currency {currency!r} is not an ISO 4217 code", hint="three capital letters: AUD")
    return currency or own


def worth(user: str, currency: str, day: date) -> NetWorth:
    household, book = Household(user), exchange.open_book()
    lines = list(positions(household, currency, day, book))
    owned = sum((value for line, value in lines if line.kind not in DEBTS), Decimal(0))
    owed = sum((value for line, value in lines if line.kind in DEBTS), Decimal(0))
    return NetWorth(
        currency=currency,
        on=day,
        rates_on=book.row(day).day if lines else None,
        assets=cents(owned),
        liabilities=cents(owed),
        net_worth=cents(owned + owed),
        positions=tuple(line for line, _ in lines),
    )


def recompute(owner: str) -> None:
    """Writes the snapshots of all years anew from what the tables hold.

    The tables are read after the snapshot's version, and the write holds only for that version: of two that run at
    once, the one that writes last has seen everything that the other has.
    """
    stored = {page.year for page in snapshots.query(owner, limit=1000).items}
    needed = {month.on.isoformat()[:4] for month in Household(owner).month_ends()}
    for year in sorted(stored | needed):
        if year not in stored:
            try:
                snapshots.put(Snapshots(owner=owner, year=year), if_absent=True)
            except Conflict:
                pass  # another run has just made it
        snapshots.update(owner, year, change=recomputed)


def recomputed(page: Snapshots) -> Snapshots:
    months = tuple(month for month in Household(page.owner).month_ends() if month.on.isoformat()[:4] == page.year)
    return page.model_copy(update={"months": months})


@statement_imported.subscribe
def after_import(event: StatementImported) -> None:
    recompute(event.owner)


@service.get("/users/{user}/history")
def history(user: str, currency: str | None = None) -> History:
    """Net worth at the end of every month that is known, each at that day's rates."""
    wanted = chosen(user, currency)
    book = exchange.open_book()
    points: list[HistoryPoint] = []
    for year in snapshots.query(user, limit=1000).items:
        for month in year.months:
            kinds: defaultdict[str, Decimal] = defaultdict(Decimal)
            for total in month.totals:
                kinds[total.kind] += book.convert(total.amount, total.currency, wanted, month.on)
            points.append(
                HistoryPoint(
                    on=month.on,
                    net_worth=cents(sum(kinds.values(), Decimal(0))),
                    kinds={kind: cents(value) for kind, value in kinds.items()},
                )
            )
    return History(currency=wanted, points=tuple(points))


@service.get("/users/{user}/independence")
def independence(user: str, currency: str | None = None) -> Independence:
    """How much of the household's target is reached, and when the rest would be at the pace of the last year."""
    household = users.require(user)
    if household.target is None or household.target <= 0:
        raise InvalidArgument(f"{user!r} has no target", hint="PUT the user with a target, a net worth in its currency")
    wanted, day = chosen(user, currency), exchange.today()
    current = worth(user, wanted, day).net_worth
    target = exchange.open_book().convert(household.target, household.currency, wanted, day)
    points = history(user, wanted).points[-13:]
    months = len(points) - 1
    monthly = (points[-1].net_worth - points[0].net_worth) / months if months > 0 else Decimal(0)
    return Independence(
        currency=wanted,
        target=cents(target),
        net_worth=current,
        share=(current / target).quantize(Decimal("0.0001")),
        monthly=cents(monthly),
        reached_on=reached_on(day, target - current, monthly),
    )


def reached_on(day: date, missing: Decimal, monthly: Decimal) -> date | None:
    """The first of the month in which `missing` is saved at `monthly`; None if not within a century."""
    if missing <= 0:
        return day
    if monthly <= 0 or missing / monthly > 1200:
        return None
    months = int(-(-missing // monthly))
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)
