"""Exchange: published rates, conversion at a date, and a refresh that only adds what is new."""

import threading
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fatfire.models import RateMonth
from fatfire.services.exchange import RateBook
from fatfire.services.exchange.source import months_since, packaged_file
from fatfire.services.exchange.store import load_rates, rates

from portable import InvalidArgument, Unavailable
from portable.testing import RunningApp

SMALL = b"Date,USD,JPY,XXX,\n2026-10-05,1.10,170.00,N/A,\n2026-10-02,1.25,160.00,N/A,\n2026-09-30,1.20,161.00,N/A,\n"


def book() -> RateBook:
    months = {month.month: month for month in months_since(SMALL, "")}

    def at(day: date) -> list[RateMonth]:
        return [months[name] for name in sorted(months, reverse=True) if name <= day.isoformat()[:7]]

    return RateBook(at)


def test_a_weekend_takes_the_friday_before() -> None:
    assert book().row(date(2026, 10, 4)).day == date(2026, 10, 2)
    assert book().convert(Decimal(100), "EUR", "USD", date(2026, 10, 4)) == Decimal("125.00")


def test_the_first_days_of_a_month_take_the_month_before() -> None:
    assert book().row(date(2026, 10, 1)).day == date(2026, 9, 30)


def test_conversion_goes_both_ways_by_the_euro() -> None:
    day = date(2026, 10, 2)
    assert book().convert(Decimal(125), "USD", "JPY", day) == Decimal(16000)
    assert book().convert(Decimal(16000), "JPY", "USD", day) == Decimal(125)
    assert book().convert(Decimal("7.77"), "USD", "USD", day) == Decimal("7.77")


def test_a_currency_without_a_rate_is_refused_by_name() -> None:
    with pytest.raises(InvalidArgument, match="XXX"):
        book().convert(Decimal(1), "EUR", "XXX", date(2026, 10, 2))


def test_before_the_first_publication_there_is_nothing() -> None:
    with pytest.raises(Unavailable):
        book().row(date(2026, 9, 29))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"nothing", "does not start with Date"),
        (SMALL.replace(b"1.25", b"-1"), "line 3"),
        (SMALL.replace(b"2026-10-02", b"yesterday!"), "line 3"),
        (SMALL.replace(b"1.25,160.00", b"1.25"), "line 3"),
        (b"PK\x03\x04not a zip", "cannot be read"),
    ],
)
def test_a_bad_rates_file_is_refused_with_the_line(content: bytes, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        months_since(content, "")


@pytest.mark.usefixtures("running_app")
def test_the_packaged_history_is_loaded_once() -> None:
    first = load_rates()
    assert first.months >= 334
    assert first.latest >= date(2026, 10, 30)
    assert load_rates().months == 0
    oldest = rates.require("EUR", "1999-01")
    assert oldest.days["1999-01-04"]["USD"] == "1.1789"


@pytest.mark.usefixtures("running_app")
def test_a_refresh_adds_only_what_is_new() -> None:
    whole = months_since(packaged_file(), "")
    last = whole[-1]
    days = sorted(last.days)
    shortened = last.model_copy(update={"days": {day: last.days[day] for day in days[:-1]}})
    rates.batch_write([*whole[:-2], shortened, whole[-2]])
    assert load_rates().months == 1
    assert rates.require("EUR", last.month) == last


def test_the_schedule_loads_the_rates(running_app: RunningApp) -> None:
    assert running_app.client.get("/api/exchange/rates").status == 503
    running_app.fire("exchange.after_publication")
    running_app.drain()
    answer = running_app.client.get("/api/exchange/rates", params={"base": "AUD", "on": "2026-10-31"})
    found = answer.json()
    assert (answer.status, found["published"]) == (200, "2026-10-30")
    assert Decimal(found["rates"]["USD"]) == Decimal("0.702465")  # 1.1172 / 1.5904
    assert Decimal(found["rates"]["AUD"]) == 1


def test_conversion_over_http(running_app: RunningApp) -> None:
    load_rates()
    client = running_app.client
    found = client.get("/api/exchange/convert?amount=100&base=USD&quote=AUD&on=2026-11-01").json()
    assert (found["published"], found["result"]) == ("2026-10-30", "142.36")  # 100 / 1.1172 * 1.5904
    unknown = client.get("/api/exchange/convert?amount=100&base=USD&quote=ZZZ&on=2026-11-01")
    assert unknown.status == 422
    assert "ZZZ" in unknown.json()["detail"]
    assert client.get("/api/exchange/rates?base=ZZZ").status == 422
    assert client.get("/api/exchange/rates?on=1998-12-31").status == 503


@pytest.fixture
def published() -> Iterator[str]:
    class Bank(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/rates.csv" else 404)
            self.end_headers()
            self.wfile.write(SMALL)

        def log_message(self, format: str, *args: object) -> None:
            """Tests are quiet."""

    server = HTTPServer(("127.0.0.1", 0), Bank)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_rates_come_from_the_address_that_is_set(running_app: RunningApp, published: str) -> None:
    running_app.set_param("exchange.rates-url", f"{published}/rates.csv")
    assert load_rates().latest == date(2026, 10, 5)
    assert {month.month for month in rates.query("EUR").items} == {"2026-09", "2026-10"}


def test_an_address_that_does_not_answer_is_unavailable(running_app: RunningApp, published: str) -> None:
    running_app.set_param("exchange.rates-url", f"{published}/gone")
    with pytest.raises(Unavailable):
        load_rates()
    running_app.set_param("exchange.rates-url", "file:///etc/hostname")
    with pytest.raises(InvalidArgument):
        load_rates()
    assert rates.query("EUR").items == []
