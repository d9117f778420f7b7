"""What fatfire keeps and answers: plain records, validated at the edge and again when read back."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True)]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Money = Annotated[Decimal, Field(max_digits=18, decimal_places=2)]
Day = Annotated[date, Field(ge=date(1999, 1, 4), le=date(2100, 12, 31))]  # the first with published rates, and no slip
Price = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6)]


class Record(BaseModel):
    """A value that is replaced, never altered."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AssetKind(StrEnum):
    PROPERTY = "property"
    SUPERANNUATION = "superannuation"
    SHARES = "shares"
    VEHICLES = "vehicles"
    OTHER = "other"


class LiabilityKind(StrEnum):
    MORTGAGE = "mortgage"
    LOAN = "loan"
    OTHER_DEBT = "other-debt"


class AccountKind(StrEnum):
    EVERYDAY = "everyday"
    SAVINGS = "savings"
    BROKERAGE = "brokerage"
    CARD = "card"


class NewUser(Record):
    """A household. `target` is the net worth, in its currency, at which work becomes a choice."""

    name: Name
    currency: Currency = "AUD"
    target: Money | None = None


class User(NewUser):
    id: Id


class NewPortfolio(Record):
    id: Id
    name: Name


class Portfolio(NewPortfolio):
    owner: Id


class Valuation(Record):
    """What one unit was worth (or how much was owed) from a day on."""

    on: Day
    price: Price
    units: Price = Decimal(1)


class Holding(Record):
    """Something owned or owed; its value is units times price of the last valuation on or before a day."""

    id: Id
    portfolio: Id
    name: Name
    currency: Currency
    valuations: Annotated[tuple[Valuation, ...], Field(min_length=1, max_length=1000)]

    @model_validator(mode="after")
    def _days_are_distinct(self) -> Self:
        days = [valuation.on for valuation in self.valuations]
        if days != sorted(set(days)):
            raise ValueError("valuations stand in order of their days, one a day")
        return self

    def at(self, day: date) -> Valuation | None:
        """The valuation in force on `day`, or None before the first."""
        return max((v for v in self.valuations if v.on <= day), key=lambda v: v.on, default=None)


class NewAsset(Holding):
    kind: AssetKind


class Asset(NewAsset):
    owner: Id


class NewLiability(Holding):
    kind: LiabilityKind


class Liability(NewLiability):
    owner: Id


class Holdings(Record):
    """Portfolios with what is in them, as one document."""

    portfolios: tuple[NewPortfolio, ...] = ()
    assets: tuple[NewAsset, ...] = ()
    liabilities: tuple[NewLiability, ...] = ()


class Balance(Record):
    on: date
    amount: Money


class Account(Record):
    """A bank account as its statements tell: the balance at the end of `balance_on`, known from `opened_on`."""

    owner: Id
    id: str
    institution: Name
    name: Name
    number: str
    kind: AccountKind
    currency: Currency
    opened_on: date
    balance: Money
    balance_on: date
    month_ends: tuple[Balance, ...] = ()


class Transaction(Record):
    """One line of a statement. `ledger` is owner/account; `id` starts with the day, so ids sort by day."""

    ledger: str
    id: str
    owner: Id
    account: str
    day: date
    amount: Money
    currency: Currency
    description: str


class ImportStatus(StrEnum):
    WAITING = "waiting"
    IMPORTED = "imported"
    FAILED = "failed"


class ImportFault(Record):
    line: int
    message: str


class StatementImport(Record):
    """What became of one uploaded file, which stays in the bucket under `key`."""

    owner: Id
    id: str
    filename: str
    key: str
    status: ImportStatus = ImportStatus.WAITING
    created_at: datetime
    accounts: tuple[str, ...] = ()
    new: int = 0
    changed: int = 0
    known: int = 0
    fault: ImportFault | None = None


class StatementImported(Record):
    """The event: accounts of `owner` may have other balances than before."""

    owner: Id
    accounts: tuple[str, ...]


class Total(Record):
    """A part of net worth in its own currency; what is owed is negative."""

    kind: str
    currency: Currency
    amount: Decimal


class MonthEnd(Record):
    on: date
    totals: tuple[Total, ...]


class Snapshots(Record):
    """One year of net worth at the ends of months, in the currencies of the parts."""

    owner: Id
    year: str
    months: tuple[MonthEnd, ...] = ()


class Position(Record):
    """One line of net worth: `amount` in its own currency, `value` in the asked one; what is owed is negative."""

    id: str
    name: str
    detail: str
    kind: str
    currency: Currency
    amount: Decimal
    value: Decimal
    price: Decimal | None = None
    units: Decimal | None = None
    trend: tuple[Decimal, ...] = ()


class NetWorth(Record):
    currency: Currency
    on: date
    rates_on: date | None
    assets: Decimal
    liabilities: Decimal
    net_worth: Decimal
    positions: tuple[Position, ...]


class HistoryPoint(Record):
    on: date
    net_worth: Decimal
    kinds: dict[str, Decimal]


class History(Record):
    currency: Currency
    points: tuple[HistoryPoint, ...]


class Independence(Record):
    """How far the target is. `monthly` is the mean monthly change of the last year; `reached_on` at that pace."""

    currency: Currency
    target: Decimal
    net_worth: Decimal
    share: Decimal
    monthly: Decimal
    reached_on: date | None


class LedgerLine(Record):
    account: str
    day: date
    amount: Decimal
    currency: Currency
    description: str
    category: str


class NewImport(Record):
    filename: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Upload(Record):
    """Where to PUT the file, with the headers to send; then poll the import."""

    record: StatementImport
    url: str
    method: str
    headers: dict[str, str]


class RateMonth(Record):
    """Published rates of one month: day -> currency -> units for one `base`, as text, so nothing is rounded."""

    base: Currency
    month: str
    days: dict[str, dict[str, str]]


class RateDay(Record):
    base: Currency
    asked: date
    published: date
    rates: dict[str, Decimal]


class Conversion(Record):
    amount: Decimal
    base: Currency
    quote: Currency
    asked: date
    published: date | None
    rate: Decimal
    result: Decimal


class Loaded(Record):
    """What a refresh of the rates did."""

    months: int
    latest: date
