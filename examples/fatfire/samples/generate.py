"""Writes the sample files of this folder: invented banks, people and amounts, in the banks' real formats.

`python samples/generate.py` writes the same bytes every time, which a test checks. The files are
dedicated to the public domain (CC0 1.0), see LICENSE in this folder.
"""

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

FIRST, LAST = date(2025, 5, 1), date(2026, 10, 31)
CENT = Decimal("0.01")


class Line(NamedTuple):
    """One transaction: OFX type, day, amount and text."""

    kind: str
    day: date
    amount: Decimal
    text: str


class Account(NamedTuple):
    """One account with its opening balance (at the end of the day before FIRST) and its transactions by day."""

    number: str
    kind: str
    opening: Decimal
    lines: list[Line]

    @property
    def closing(self) -> Decimal:
        return self.opening + sum((line.amount for line in self.lines), Decimal(0))


def days() -> Iterator[date]:
    day = FIRST
    while day <= LAST:
        yield day
        day += timedelta(days=1)


def month_ends() -> list[date]:
    return [day for day in days() if (day + timedelta(days=1)).day == 1]


def cents(chance: random.Random, low: float, high: float) -> Decimal:
    return Decimal(chance.randint(int(low * 100), int(high * 100))) / 100


def everyday(chance: random.Random) -> Account:
    lines: list[Line] = []

    def spend(kind: str, day: date, amount: Decimal | str, text: str) -> None:
        lines.append(Line(kind, day, -Decimal(amount), text))

    for day in days():
        if (day - FIRST).days % 14 == 13:
            lines.append(
                Line("DIRECTDEP", day, Decimal("3142.05") + (77 if day.year > 2025 else 0), "Salary Lantern Health")
            )
            lines.append(Line("DIRECTDEP", day, Decimal("2986.40"), "Salary Tidewater Studio"))
        if day.day == 1:
            spend("REPEATPMT", day, "3842.00", "Harbour Home Loan repayment")
        if day.day == 3:
            spend("XFER", day, "4900.00", "Transfer to Harbour Offset")
        if day.day == 5:
            spend("DIRECTDEBIT", day, "89.00", "Southline Broadband")
        if day.day == 12:
            spend("DIRECTDEBIT", day, cents(chance, 118, 236), "City Energy")
        if day.day == 16 and day.month % 3 == 2:
            spend("DIRECTDEBIT", day, cents(chance, 240, 310), "Coastal Water")
        if day.day == 20:
            spend("XFER", day, "1500.00", "Transfer Pacific Ridge Brokerage")
        if day.day == 22:
            spend("PAYMENT", day, card_month(day), "Harbour Card payment")
        if day.weekday() == 5:
            spend("POS", day, cents(chance, 128, 236), "Corner Grocer")
        if day.weekday() == 2 and chance.random() < 0.7:
            spend("POS", day, cents(chance, 18, 64), "Banksia Bakery & Deli")
        if day.weekday() == 4 and chance.random() < 0.4:
            spend("ATM", day, Decimal(chance.choice([60, 100, 120])), "Cash withdrawal")
    return Account("104482114821", "CHECKING", Decimal("16840.18"), lines)


def card_month(day: date) -> Decimal:
    """What is paid off the card in the month of `day`."""
    return Decimal(790 + (day.month * 37 + day.year * 11) % 290)


def offset(_: random.Random) -> Account:
    lines: list[Line] = []
    for day in days():
        if day.day == 3:
            lines.append(Line("XFER", day, Decimal("4900.00"), "Transfer from Harbour Everyday"))
        if (day.month, day.day) == (7, 24):
            lines.append(Line("CREDIT", day, Decimal("1864.20") + day.year - 2025, "Tax refund ATO"))
        if (day.month, day.day) == (2, 9):
            lines.append(Line("DEBIT", day, Decimal("-6450.00"), "Banksia Street roof repair"))
    return Account("104482114822", "SAVINGS", Decimal("47214.00"), lines)


def card(chance: random.Random) -> Account:
    lines: list[Line] = []
    shops = [
        ("Petrol North Shore", 52, 96),
        ("Blue Wren Cafe", 9, 34),
        ("Pharmacy on High", 12, 58),
        ("Paper & Ink Books", 18, 72),
        ("Metro Transit top-up", 20, 50),
        ("Saffron Kitchen", 48, 132),
    ]
    for day in days():
        if chance.random() < 0.62:
            text, low, high = chance.choice(shops)
            lines.append(Line("POS", day, -cents(chance, low, high), text))
        if day.day == 9:
            lines.append(Line("DIRECTDEBIT", day, Decimal("-21.99"), "Streamly subscription"))
        if day.day == 22:
            lines.append(Line("PAYMENT", day, card_month(day), "Payment received, thank you"))
        if (day.month, day.day) == (11, 18):
            lines.append(Line("POS", day, Decimal("-1236.40"), "Southern Cross Air"))
    return Account("4564800012347731", "CREDITCARD", Decimal("-1312.55"), lines)


def broker(chance: random.Random) -> Account:
    lines: list[Line] = []
    for day in days():
        if day.day == 21:
            lines.append(Line("XFER", day, cents(chance, 958, 1012), "Wire from Harbour Bank"))
        if day.day == 15 and day.month % 3 == 0:
            lines.append(Line("DIV", day, cents(chance, 412, 488), "WLD dividend"))
        if day.day == 28:
            lines.append(Line("INT", day, cents(chance, 21, 33), "Cash sweep interest"))
        if day.day == 24 and day.month % 2 == 0:
            lines.append(Line("DEBIT", day, -cents(chance, 1380, 1610), "Bought 12 WLD"))
        if (day.month, day.day) == (1, 6):
            lines.append(Line("FEE", day, Decimal("-45.00"), "Annual account fee"))
    return Account("PR-7715530", "MONEYMRKT", Decimal("6218.44"), lines)


def savings(chance: random.Random) -> Account:
    lines: list[Line] = []
    for day in days():
        if day.day == 2:
            lines.append(Line("XFER", day, Decimal("650.00"), "Miete Einnahmen, Hafenstraße 12"))
        if (day + timedelta(days=1)).day == 1:
            lines.append(Line("INT", day, cents(chance, 38, 52), "Zinsen"))
        if day.day == 30 and day.month in (3, 6, 9, 12):
            lines.append(Line("FEE", day, Decimal("-2.90"), "Kontoführung"))
        if (day.month, day.day) == (8, 14):
            lines.append(Line("DEBIT", day, Decimal("-1420.00"), 'Reise "Ostsee", Ferienhaus'))
    return Account("DE71120300001054778110", "SAVINGS", Decimal("24310.75"), lines)


def stamp(day: date) -> str:
    return f"{day:%Y%m%d}120000"


def fitids(account: Account) -> Iterator[tuple[Line, str]]:
    for number, line in enumerate(account.lines, start=1):
        yield line, f"{line.day:%Y%m%d}{account.number[-4:]}{number:05d}"


Element = Callable[[str, str], str]


def sgml(name: str, text: str) -> str:
    return f"<{name}>{text.replace('&', '&amp;')}"


def xml(name: str, text: str) -> str:
    return f"<{name}>{text.replace('&', '&amp;')}</{name}>"


def statement(account: Account, currency: str, element: Element, bank: str | None) -> list[str]:
    """The OFX statement response of one account (OFX 1.0.2 and 2.2, sections 11.4.2 and 11.4.3)."""
    card = bank is None
    kind = "CC" if card else ""
    rows = [
        f"<{kind}STMTTRNRS>",
        element("TRNUID", "0"),
        "<STATUS>",
        element("CODE", "0"),
        element("SEVERITY", "INFO"),
        "</STATUS>",
    ]
    rows += [f"<{kind}STMTRS>", element("CURDEF", currency)]
    if bank is None:
        rows += ["<CCACCTFROM>", element("ACCTID", account.number), "</CCACCTFROM>"]
    else:
        rows += [
            "<BANKACCTFROM>",
            element("BANKID", bank),
            element("ACCTID", account.number),
            element("ACCTTYPE", account.kind),
            "</BANKACCTFROM>",
        ]
    rows += ["<BANKTRANLIST>", element("DTSTART", stamp(FIRST)), element("DTEND", stamp(LAST))]
    for line, fitid in fitids(account):
        rows += [
            "<STMTTRN>",
            element("TRNTYPE", line.kind),
            element("DTPOSTED", stamp(line.day)),
            element("TRNAMT", str(line.amount.quantize(CENT))),
            element("FITID", fitid),
            element("NAME", line.text),
            "</STMTTRN>",
        ]
    rows += [
        "</BANKTRANLIST>",
        "<LEDGERBAL>",
        element("BALAMT", str(account.closing.quantize(CENT))),
        element("DTASOF", stamp(LAST)),
        "</LEDGERBAL>",
    ]
    return [*rows, f"</{kind}STMTRS>", f"</{kind}STMTTRNRS>"]


def signon(element: Element, organisation: str, fid: str) -> list[str]:
    return [
        "<SIGNONMSGSRSV1>",
        "<SONRS>",
        "<STATUS>",
        element("CODE", "0"),
        element("SEVERITY", "INFO"),
        "</STATUS>",
        element("DTSERVER", stamp(LAST)),
        element("LANGUAGE", "ENG"),
        "<FI>",
        element("ORG", organisation),
        element("FID", fid),
        "</FI>",
        "</SONRS>",
        "</SIGNONMSGSRSV1>",
    ]


def ofx1(organisation: str, fid: str, message: str, statements: list[list[str]]) -> bytes:
    header = [
        "OFXHEADER:100",
        "DATA:OFXSGML",
        "VERSION:102",
        "SECURITY:NONE",
        "ENCODING:USASCII",
        "CHARSET:1252",
        "COMPRESSION:NONE",
        "OLDFILEUID:NONE",
        "NEWFILEUID:NONE",
        "",
    ]
    body = [
        "<OFX>",
        *signon(sgml, organisation, fid),
        f"<{message}>",
        *(row for rows in statements for row in rows),
        f"</{message}>",
        "</OFX>",
        "",
    ]
    return "\r\n".join([*header, *body]).encode("cp1252")


def ofx2(organisation: str, fid: str, message: str, statements: list[list[str]]) -> bytes:
    header = [
        '<?xml version="1.0" encoding="UTF-8" standalone="no"?>',
        '<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>',
    ]
    body = [
        "<OFX>",
        *signon(xml, organisation, fid),
        f"<{message}>",
        *(row for rows in statements for row in rows),
        f"</{message}>",
        "</OFX>",
        "",
    ]
    return "\n".join([*header, *body]).encode()


def csv_statement(account: Account, institution: str, currency: str) -> bytes:
    """The CSV format that fatfire/services/integration/csv_statement.py documents."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows(
        [
            ("Institution", institution),
            ("Account", account.number),
            ("Type", "savings"),
            ("Currency", currency),
            ("From", FIRST),
            ("To", LAST),
            ("Opening balance", account.opening),
            (),
            ("Date", "Description", "Reference", "Amount", "Balance"),
        ]
    )
    balance = account.opening
    for line, reference in fitids(account):
        balance += line.amount
        writer.writerow((line.day, line.text, reference, line.amount.quantize(CENT), balance.quantize(CENT)))
    return file.getvalue().encode()


def valuations(
    chance: random.Random, start: float, drift: float, swing: float, units: list[int]
) -> list[dict[str, str]]:
    """Month-end prices that wander around a steady monthly drift (a fraction), with the units held then."""
    price = start
    found: list[dict[str, str]] = []
    for day, held in zip(month_ends(), units, strict=True):
        found.append({"on": day.isoformat(), "price": f"{price:.2f}", "units": str(held)})
        price *= 1 + drift + chance.uniform(-swing, swing)
    return found


def holdings(chance: random.Random) -> bytes:
    ends = month_ends()
    house = [
        {"on": day.isoformat(), "price": f"{price}.00"}
        for day, price in [
            (ends[0], 1168000),
            (ends[4], 1184000),
            (ends[9], 1207000),
            (ends[13], 1226000),
            (ends[17], 1250000),
        ]
    ]
    mortgage: list[dict[str, str]] = []
    balance = 612480.0
    for day in ends:
        mortgage.append({"on": day.isoformat(), "price": f"{balance:.2f}"})
        balance -= 3842 - (balance - 60000) * 0.0594 / 12
    flat = [1] * len(ends)
    assets = [
        ("banksia", "home", "12 Banksia Street", "property", "AUD", house),
        (
            "super",
            "retirement",
            "Tidewater Super, growth",
            "superannuation",
            "AUD",
            valuations(chance, 526300, 0.0085, 0.014, flat),
        ),
        (
            "aux",
            "shares",
            "AUX Australian shares",
            "shares",
            "AUD",
            valuations(chance, 88.1, 0.006, 0.03, [1680 + 20 * (i // 2) for i in range(len(ends))]),
        ),
        (
            "wld",
            "shares",
            "WLD World shares",
            "shares",
            "USD",
            valuations(chance, 116.4, 0.008, 0.028, [1452 + 12 * ((i + 1) // 2) for i in range(len(ends))]),
        ),
        ("eub", "shares", "EUB Euro bonds", "shares", "EUR", valuations(chance, 51.9, 0.002, 0.009, [840] * len(ends))),
        ("car", "home", "Estate car, 2021", "vehicles", "AUD", valuations(chance, 29800, -0.012, 0.002, flat)),
        (
            "emk",
            "shares",
            "EMK Emerging markets",
            "shares",
            "AUD",
            valuations(chance, 66.2, 0.003, 0.036, [910] * len(ends)),
        ),
        (
            "koa",
            "shares",
            "KOA Koala Technologies",
            "shares",
            "AUD",
            valuations(chance, 88.4, -0.002, 0.05, [430] * len(ends)),
        ),
    ]
    liabilities = [
        ("mortgage", "home", "Harbour Home Loan", "mortgage", "AUD", mortgage),
        ("study", "home", "Study loan", "loan", "AUD", valuations(chance, 29240, -0.006, 0.001, flat)),
    ]
    names = ("id", "portfolio", "name", "kind", "currency", "valuations")
    found = {
        "portfolios": [
            {"id": "home", "name": "Home"},
            {"id": "shares", "name": "Shares & ETFs"},
            {"id": "retirement", "name": "Retirement"},
        ],
        "assets": [dict(zip(names, row, strict=True)) for row in assets],
        "liabilities": [dict(zip(names, row, strict=True)) for row in liabilities],
    }
    return json.dumps(found, indent=1).encode() + b"\n"


def build() -> dict[str, bytes]:
    """Every sample file by name."""
    chance = random.Random(20250501)
    bank, fid = "989001", "90217"
    home = [statement(account(chance), "AUD", sgml, bank) for account in (everyday, offset)]
    plastic = [statement(card(chance), "AUD", sgml, None)]
    dollars = [statement(broker(chance), "USD", xml, "021000998")]
    return {
        "harbour-accounts.ofx": ofx1("Harbour Bank", fid, "BANKMSGSRSV1", home),
        "harbour-card.ofx": ofx1("Harbour Bank", fid, "CREDITCARDMSGSRSV1", plastic),
        "pacific-ridge.ofx": ofx2("Pacific Ridge", "41188", "BANKMSGSRSV1", dollars),
        "nordlicht.csv": csv_statement(savings(chance), "Nordlicht Bank", "EUR"),
        "holdings.json": holdings(chance),
    }


if __name__ == "__main__":
    for name, content in build().items():
        Path(__file__).with_name(name).write_bytes(content)
