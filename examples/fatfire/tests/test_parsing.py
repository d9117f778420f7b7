"""Statement files: what is read from good ones, and which line is named for bad ones."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from fatfire.models import AccountKind
from fatfire.services.integration.csv_statement import parse_csv
from fatfire.services.integration.ofx import parse_ofx
from fatfire.services.integration.statement import StatementError
from samples.generate import build

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
OFX = (SAMPLES / "harbour-accounts.ofx").read_bytes()
CSV = (SAMPLES / "nordlicht.csv").read_bytes()


def fault(parse: object, content: bytes) -> StatementError:
    assert callable(parse)
    with pytest.raises(StatementError) as caught:
        parse(content)
    return caught.value


def test_reading_a_statement_does_not_fill_the_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert parse_ofx(OFX)
    assert caplog.records == []


def test_the_samples_are_what_the_generator_writes() -> None:
    for name, content in build().items():
        assert (SAMPLES / name).read_bytes() == content, name


def test_an_sgml_file_holds_two_accounts() -> None:
    everyday, offset = parse_ofx(OFX)
    assert (everyday.institution, everyday.account, everyday.currency) == ("Harbour Bank", "989001-104482114821", "AUD")
    assert (everyday.kind, offset.kind) == (AccountKind.EVERYDAY, AccountKind.SAVINGS)
    assert (everyday.first, everyday.last) == (date(2025, 5, 1), date(2026, 10, 31))
    assert everyday.balance == Decimal("30610.79")
    assert len(everyday.entries) == OFX.split(b"</STMTTRNRS>")[0].count(b"<STMTTRN>")


def test_a_card_and_an_xml_file_are_read() -> None:
    (card,) = parse_ofx((SAMPLES / "harbour-card.ofx").read_bytes())
    (broker,) = parse_ofx((SAMPLES / "pacific-ridge.ofx").read_bytes())
    assert (card.kind, card.balance) == (AccountKind.CARD, Decimal("-3826.09"))
    assert (broker.kind, broker.currency, broker.balance) == (AccountKind.BROKERAGE, "USD", Decimal("13735.03"))


def test_the_day_is_the_one_that_the_bank_writes() -> None:
    moved = OFX.replace(b"<DTPOSTED>20250501120000", b"<DTPOSTED>20250501000000[+10:AEST]", 1)
    assert parse_ofx(moved)[0].entries[0].day == date(2025, 5, 1)


def test_a_csv_file_is_read_with_quotes_and_umlauts() -> None:
    (savings,) = parse_csv(CSV)
    assert (savings.currency, savings.balance, len(savings.entries)) == ("EUR", Decimal("33972.97"), 44)
    assert savings.entries[0].description == "Miete Einnahmen, Hafenstraße 12"
    assert any('"Ostsee"' in entry.description for entry in savings.entries)


@pytest.mark.parametrize(
    ("found", "instead", "line", "said"),
    [
        (b"<TRNAMT>-89.00", b"<TRNAMT>-89,0x", 74, "TRNAMT '-89,0x'"),
        (b"<DTPOSTED>20250505120000", b"<DTPOSTED>20251505120000", 73, "DTPOSTED '20251505120000'"),
        (b"<TRNTYPE>XFER", b"<TRNTYPE>NOPE", 58, "TRNTYPE 'NOPE'"),
        (b"<TRNAMT>-89.00", b"<TRNAMT>-89.001", 71, "not an amount of money"),
        (b"<CURDEF>AUD", b"<CURDEF>ZZZ", 34, "CURDEF 'ZZZ'"),
        (b"<TRNAMT>-89.00", b"<TRNAMT>1e30", 71, "not an amount of money"),
        (b"<DTASOF>2026", b"<DTASOF>2999", 1, "not a period"),
        (b"</OFX>", b"", 2691, "not whole"),
    ],
)
def test_a_bad_ofx_file_is_refused_with_the_line(found: bytes, instead: bytes, line: int, said: str) -> None:
    assert found in OFX
    error = fault(parse_ofx, OFX.replace(found, instead, 1))
    assert said in error.message
    assert error.line == line


def test_two_transactions_of_one_id_are_refused() -> None:
    first, second = [part.split(b"\r\n")[0] for part in OFX.split(b"<FITID>")[1:3]]
    error = fault(parse_ofx, OFX.replace(b"<FITID>" + second, b"<FITID>" + first, 1))
    assert "is that of the transaction in line" in error.message


@pytest.mark.parametrize("content", [b"hello", b"\xff\xfe\x00", b"<html></html>"])
def test_what_is_no_ofx_at_all_is_refused_at_its_first_line(content: bytes) -> None:
    assert fault(parse_ofx, content).line == 1


def test_no_prefix_of_an_ofx_file_is_taken_for_the_whole() -> None:
    for cut in range(0, len(OFX) - 10, 4099):
        fault(parse_ofx, OFX[:cut])


@pytest.mark.parametrize(
    ("found", "instead", "line", "said"),
    [
        (b",650.00,24960.75", b",650.00,24960.76", 10, "does not follow"),
        (b",650.00,24960.75", b",six,24960.75", 10, "'six' is not an amount"),
        (b",650.00,24960.75", b",NaN,24960.75", 10, "is not an amount of money"),
        (b",650.00,24960.75", b",650.00", 10, "expected 5 columns, found 4"),
        (b"2025-05-31,Zinsen", b"31.05.2025,Zinsen", 11, "'31.05.2025' is not a date"),
        (b"2025-05-31,Zinsen", b"2024-05-31,Zinsen", 11, "out of order or outside"),
        (b"20250531811000002", b"20250502811000001", 11, "is that of line 10 too"),
        (b"From,2025", b"From,0025", 6, "is not a period"),
        (b"Nordlicht Bank", b"N" * 61, 1, "longer than 60"),
        (b"Currency,EUR", b"Currency,euro", 4, "'euro' is not an ISO 4217 code"),
        (b"Type,savings", b"Type,piggy bank", 3, "'piggy bank' is none of"),
        (b"Opening balance", b"Balance at start", 7, "expected one of"),
        (b"Account,DE71120300001054778110\n", b"", 7, "without Account"),
        (b"Date,Description", b"Datum,Text", 9, "expected the columns"),
        (b"To,2026-10-31", b"To,2024-10-31", 6, "is not a period"),
        (b"Zinsen", b'Zin"sen', 11, "balance"),
        ("Kontoführung".encode(), "Kontoführung".encode("latin-1"), 14, "not UTF-8"),
    ],
)
def test_a_bad_csv_file_is_refused_with_the_line(found: bytes, instead: bytes, line: int, said: str) -> None:
    assert found in CSV
    changed = CSV.replace(found, instead, 1)
    if said == "balance":  # a quote inside a field is data, not a fault
        assert parse_csv(changed)[0].entries[1].description == 'Zin"sen'
        return
    error = fault(parse_csv, changed)
    assert said in error.message
    assert error.line == line


def test_rows_without_a_reference_keep_theirs_when_the_day_is_imported_again() -> None:
    head, _, _ = CSV.partition(b"\n\n")
    columns = b"Date,Description,Reference,Amount,Balance\n"
    table = columns + b"2025-05-02,Coffee,,-4.00,24306.75\n2025-05-02,Coffee,,-4.00,24302.75\n"
    once = parse_csv(head + b"\n\n" + table)[0]
    more = parse_csv(head + b"\n\n" + table + b"2025-05-03,Tea,,-3.00,24299.75\n")[0]
    references = [entry.reference for entry in once.entries]
    assert len(set(references)) == 2
    assert [entry.reference for entry in more.entries][:2] == references


def test_a_reference_too_long_for_a_key_is_shortened() -> None:
    (savings,) = parse_csv(CSV.replace(b"20250502811000001", b"r" * 400))
    assert len(savings.entries[0].reference) == 32
