"""Imports: a file in the bucket becomes accounts and transactions, or a record that says what is wrong with it.

An upload is `owner/import/filename`. Importing is idempotent twice over: a repeated delivery writes nothing new, and so
does the same file uploaded again, since transactions are kept under the bank's own ids.
"""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import BaseModel

from fatfire.models import (
    Account,
    AccountKind,
    ImportFault,
    ImportStatus,
    NewImport,
    StatementImport,
    StatementImported,
    Transaction,
    Upload,
)
from fatfire.services import exchange
from fatfire.services.core.ledger import accounts, closing_balances, ledger_of, statement_imported, transactions, users
from portable import Conflict, InvalidArgument, ObjectEvent, Unavailable

from .csv_statement import parse_csv
from .ofx import parse_ofx
from .statement import Statement, StatementError
from .store import imports, service, statements

UNSAFE = re.compile(r"[^A-Za-z0-9._=+@!~,()-]+")
PARSERS: dict[str, Callable[[bytes], list[Statement]]] = {".csv": parse_csv, ".ofx": parse_ofx, ".qfx": parse_ofx}
LABELS = {
    AccountKind.EVERYDAY: "Everyday",
    AccountKind.SAVINGS: "Savings",
    AccountKind.BROKERAGE: "Brokerage cash",
    AccountKind.CARD: "Credit card",
}
MOST_BYTES = 16 * 1024 * 1024


class Received(BaseModel):
    """The task's payload: which object to import."""

    key: str


def open_import(owner: str, filename: str) -> StatementImport:
    """The record of an import to come, under ids that sort by time."""
    users.require(owner)
    if not filename.lower().endswith(tuple(PARSERS)):
        raise InvalidArgument(
            f"{filename!r} is no statement file", hint=f"its name ends in one of {', '.join(PARSERS)}"
        )
    now = datetime.now(UTC)
    number = f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"
    safe = UNSAFE.sub("-", filename)[-120:].strip(".-") or "statement"
    record = StatementImport(owner=owner, id=number, filename=filename, key=f"{owner}/{number}/{safe}", created_at=now)
    imports.put(record, if_absent=True)
    return record


@service.post("/users/{user}/imports", status=201)
def start_import(user: str, body: NewImport) -> Upload:
    """Announces a file and answers where to PUT it."""
    record = open_import(user, body.filename)
    signed = statements.signed_url(record.key, method="PUT", expires_in=900)
    return Upload(record=record, url=signed.url, method=signed.method, headers=signed.headers)


@service.get("/users/{user}/imports")
def list_imports(user: str, limit: int = 10) -> list[StatementImport]:
    """The newest imports first."""
    users.require(user)
    return imports.query(user, reverse=True, limit=limit).items


@service.get("/users/{user}/imports/{id}")
def read_import(user: str, id: str) -> StatementImport:
    return imports.require(user, id)


@statements.on_created(prefix="")
def statement_received(event: ObjectEvent) -> None:
    import_statement.send(Received(key=event.key))


@service.task(max_attempts=5, timeout=300)
def import_statement(received: Received) -> None:
    """Imports one object of the bucket, whole or not at all; a bad file ends in its record, not in the dead letters."""
    record = record_of(received.key)
    exchange.ensure_loaded()
    try:
        with statements.open(received.key) as stored:
            found = parse(record.filename, stored.size, stored.read)
        check_currencies(found)
    except StatementError as error:
        fault = ImportFault(line=error.line, message=error.message)
        imports.put(record.model_copy(update={"status": ImportStatus.FAILED, "fault": fault}))
        return
    counts = [store(record.owner, statement) for statement in found]
    new, changed, known = (sum(column) for column in zip(*counts, strict=True))
    names = tuple(account_id(statement) for statement in found)
    imports.put(
        record.model_copy(
            update={
                "status": ImportStatus.IMPORTED,
                "accounts": names,
                "new": new,
                "changed": changed,
                "known": known,
                "fault": None,
            }
        )
    )
    statement_imported.publish(StatementImported(owner=record.owner, accounts=names))


def record_of(key: str) -> StatementImport:
    """The record of an upload; made here for a file that was put into the bucket by other means."""
    owner, _, rest = key.partition("/")
    number, _, filename = rest.partition("/")
    found = imports.get(owner, number) if number else None
    if found is not None:
        return found
    users.require(owner)
    name = filename or number
    return StatementImport(
        owner=owner, id=key[-60:].replace("/", "-"), filename=name, key=key, created_at=datetime.now(UTC)
    )


def parse(filename: str, size: int, read: Callable[[], bytes]) -> list[Statement]:
    if size > MOST_BYTES:
        raise StatementError(1, f"the file is larger than {MOST_BYTES // 2**20} MiB")
    content = read()
    if not content.strip():
        raise StatementError(1, "the file is empty")
    extension = filename[filename.rfind(".") :].lower()
    parser = PARSERS.get(extension)
    if parser is None:
        raise StatementError(1, f"{extension!r} is none of {', '.join(PARSERS)}")
    return parser(content)


def check_currencies(found: list[Statement]) -> None:
    """Refuses an account whose currency could never be converted."""
    for statement in found:
        row = exchange.open_book().row(statement.last)
        if statement.currency not in row.rates:
            raise StatementError(1, f"there is no exchange rate for {statement.currency!r} on {row.day}")


def account_id(statement: Statement) -> str:
    return f"{UNSAFE.sub('-', statement.institution).lower()}-{statement.account}"


def store(owner: str, statement: Statement) -> tuple[int, int, int]:
    """Writes what is new or has changed; returns how many were new, changed and known already."""
    account = account_id(statement)
    ledger = ledger_of(owner, account)
    rows = [
        Transaction(
            ledger=ledger,
            id=f"{entry.day.isoformat()}#{entry.reference}",
            owner=owner,
            account=account,
            day=entry.day,
            amount=entry.amount,
            currency=statement.currency,
            description=entry.description[:120],
        )
        for entry in statement.entries
    ]
    known = {row.id: row for row in transactions.batch_get((row.ledger, row.id) for row in rows)}
    changed = [row for row in rows if row.id in known and known[row.id] != row]
    new = [row for row in rows if row.id not in known]
    if transactions.batch_write(new + changed):
        raise Unavailable("some transactions were not stored", hint="the task will be tried again")
    store_account(owner, account, statement)
    return len(new), len(changed), len(rows) - len(new) - len(changed)


def store_account(owner: str, id: str, statement: Statement) -> None:
    """Creates or updates the account: the newest statement's balance counts, month ends follow from the ledger."""
    blank = Account(
        owner=owner,
        id=id,
        institution=statement.institution,
        name=f"{statement.institution} {LABELS[statement.kind]}",
        number=statement.account.rpartition("-")[2],
        kind=statement.kind,
        currency=statement.currency,
        opened_on=statement.first,
        balance=statement.balance,
        balance_on=statement.last,
    )
    try:
        accounts.put(blank, if_absent=True)
    except Conflict:
        pass  # known from an earlier statement: the update below weighs the two

    def weigh(account: Account) -> Account:
        newer = statement.last >= account.balance_on
        merged = account.model_copy(
            update={
                "opened_on": min(account.opened_on, statement.first),
                "balance": statement.balance if newer else account.balance,
                "balance_on": max(account.balance_on, statement.last),
            }
        )
        return merged.model_copy(update={"month_ends": closing_balances(merged)})

    known = accounts.require(owner, id)
    if weigh(known) != known:
        accounts.update(owner, id, change=weigh)
