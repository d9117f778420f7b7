"""fatfire from outside, over HTTP: statements in, net worth out, checked against values worked out another way."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fatfire.services.core.ledger import transactions
from fatfire.services.integration.store import statements
from samples.independent import net_worth_of_the_samples

from portable.testing import RunningApp

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


class Household:
    """The API as a client sees it."""

    def __init__(self, started: RunningApp) -> None:
        self.started = started

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        client = self.started.client
        answer = client.request(method, path) if body is None else client.request(method, path, json=body)
        return answer.status, answer.json() if answer.body else None

    def get(self, path: str) -> Any:
        status, found = self.call("GET", path)
        assert status == 200, found
        return found

    def upload(self, name: str, content: bytes) -> dict[str, Any]:
        """Announces a file, stores it as the signed URL would, and answers the import's record once it is done."""
        status, found = self.call("POST", "/api/users/me/imports", {"filename": name})
        assert status == 201, found
        assert found["method"] == "PUT"
        statements.put(found["record"]["key"], content)
        self.started.drain()
        record: dict[str, Any] = self.get(f"/api/users/me/imports/{found['record']['id']}")
        return record


@pytest.fixture
def empty(running_app: RunningApp) -> Household:
    return Household(running_app)


@pytest.fixture
def me(empty: Household) -> Household:
    assert empty.call("PUT", "/api/users/me", {"name": "Me", "currency": "AUD"})[0] == 200
    return empty


@pytest.fixture
def sample(empty: Household) -> Household:
    status, records = empty.call("POST", "/api/users/me/sample")
    assert status == 202
    assert len(records) == 4
    empty.started.drain()
    return empty


# Net worth


@pytest.mark.parametrize("currency", ["AUD", "USD", "EUR", "JPY"])
@pytest.mark.parametrize("on", ["2026-10-31", "2026-10-30", "2026-06-30", "2026-01-04", "2025-12-25", "2025-05-31"])
def test_net_worth_is_what_an_independent_computation_gives(sample: Household, currency: str, on: str) -> None:
    found = sample.get(f"/api/users/me/net-worth?currency={currency}&on={on}")
    assert Decimal(found["net_worth"]) == net_worth_of_the_samples(SAMPLES, currency, on)
    assert found["currency"] == currency
    assert Decimal(found["assets"]) + Decimal(found["liabilities"]) - Decimal(found["net_worth"]) <= Decimal("0.01")


def test_net_worth_of_the_samples_is_pinned(sample: Household) -> None:
    """Numbers worked out once from the files, so that both computations cannot drift together."""
    found = sample.get("/api/users/me/net-worth?on=2026-10-31")
    assert (found["currency"], found["rates_on"]) == ("AUD", "2026-10-30")
    values = {position["name"]: Decimal(position["value"]) for position in found["positions"]}
    assert values["Harbour Bank Everyday"] == Decimal("30610.79")
    assert values["Harbour Bank Credit card"] == Decimal("-3826.09")
    assert values["Pacific Ridge Brokerage cash"] == Decimal("19552.62")  # 13735.03 / 1.1172 * 1.5904
    assert values["Nordlicht Bank Savings"] == Decimal("54030.61")  # 33972.97 * 1.5904
    assert values["12 Banksia Street"] == Decimal("1250000.00")
    assert Decimal(found["net_worth"]) == Decimal("2111752.59")


def test_history_ends_where_net_worth_is_and_has_every_month(sample: Household) -> None:
    points = sample.get("/api/users/me/history?currency=EUR")["points"]
    assert len(points) == 18
    assert [points[0]["on"], points[-1]["on"]] == ["2025-05-31", "2026-10-31"]
    for point in points:
        assert Decimal(point["net_worth"]) == net_worth_of_the_samples(SAMPLES, "EUR", point["on"])


def test_independence_follows_from_the_target(sample: Household) -> None:
    found = sample.get("/api/users/me/independence")
    assert Decimal(found["target"]) == 3250000
    assert Decimal(found["share"]) == (Decimal(found["net_worth"]) / 3250000).quantize(Decimal("0.0001"))
    points = sample.get("/api/users/me/history")["points"]
    grown = Decimal(points[-1]["net_worth"]) - Decimal(points[-13]["net_worth"])
    assert abs(Decimal(found["monthly"]) - grown / 12) <= Decimal("0.01")
    assert found["reached_on"] > "2027"


def test_before_the_first_statement_there_is_nothing(sample: Household) -> None:
    found = sample.get("/api/users/me/net-worth?on=1990-01-01")
    assert Decimal(found["net_worth"]) == 0
    assert (found["positions"], found["rates_on"]) == ([], None)


def test_an_unknown_currency_is_refused_by_name(sample: Household) -> None:
    status, problem = sample.call("GET", "/api/users/me/net-worth?currency=ZZZ")
    assert status == 422
    assert "ZZZ" in problem["detail"]


def test_a_household_without_anything_is_worth_nothing(me: Household) -> None:
    assert Decimal(me.get("/api/users/me/net-worth")["net_worth"]) == 0
    assert me.get("/api/users/me/history")["points"] == []
    assert me.call("GET", "/api/users/me/independence")[0] == 422


def test_a_new_valuation_changes_the_history(sample: Household) -> None:
    holdings = sample.get("/api/users/me/holdings")
    house = next(asset for asset in holdings["assets"] if asset["id"] == "banksia")
    house["valuations"][-1]["price"] = "1350000.00"
    status, _ = sample.call("PUT", "/api/users/me/holdings", {"assets": [house]})
    assert status == 200
    sample.started.drain()
    expected = net_worth_of_the_samples(SAMPLES, "AUD", "2026-10-31") + 100000
    assert Decimal(sample.get("/api/users/me/history")["points"][-1]["net_worth"]) == expected


def test_a_removed_asset_no_longer_counts(sample: Household) -> None:
    assert sample.call("DELETE", "/api/users/me/assets/banksia")[0] == 204
    assert sample.call("DELETE", "/api/users/me/assets/banksia")[0] == 404
    sample.started.drain()
    expected = net_worth_of_the_samples(SAMPLES, "AUD", "2026-10-31") - 1250000
    assert Decimal(sample.get("/api/users/me/history")["points"][-1]["net_worth"]) == expected


def test_assets_are_listed_by_portfolio(sample: Household) -> None:
    found = sample.get("/api/users/me/portfolios/shares/assets")
    assert {asset["id"] for asset in found} == {"aux", "wld", "eub", "emk", "koa"}
    assert sample.call("GET", "/api/users/me/portfolios/none/assets")[0] == 404


# Imports


def test_importing_a_file_twice_changes_nothing(sample: Household) -> None:
    before = sample.get("/api/users/me/net-worth?on=2026-10-31")
    listed = sample.get("/api/users/me/transactions?limit=1000")
    again = sample.upload("harbour-accounts.ofx", (SAMPLES / "harbour-accounts.ofx").read_bytes())
    assert (again["status"], again["new"], again["changed"], again["known"]) == ("imported", 0, 0, 374)
    assert sample.get("/api/users/me/net-worth?on=2026-10-31") == before
    assert sample.get("/api/users/me/transactions?limit=1000") == listed


def test_a_repeated_delivery_changes_nothing(sample: Household) -> None:
    before = sample.get("/api/users/me/net-worth?on=2026-10-31")
    history = sample.get("/api/users/me/history")
    for handler in ("integration.statement_received", "integration.import_statement", "core.after_import"):
        assert sample.started.redeliver(handler) >= 1
        sample.started.drain()
    assert sample.get("/api/users/me/net-worth?on=2026-10-31") == before
    assert sample.get("/api/users/me/history") == history


def test_statements_may_come_in_any_order(me: Household) -> None:
    content = (SAMPLES / "nordlicht.csv").read_text(encoding="utf-8")
    head, _, table = content.partition("\n\n")
    columns, *rows = table.splitlines()
    early, late = rows[:20], rows[20:]
    opening = early[-1].rpartition(",")[2]
    split = early[-1][:10]
    assert late[0][:10] > split
    second = head.replace("From,2025-05-01", f"From,{late[0][:10]}").replace("balance,24310.75", f"balance,{opening}")
    me.upload("late.csv", "\n".join([second, "", columns, *late]).encode())
    me.upload("early.csv", "\n".join([head.replace("To,2026-10-31", f"To,{split}"), "", columns, *early]).encode())
    assert Decimal(me.get("/api/users/me/net-worth?currency=EUR&on=2026-10-31")["net_worth"]) == Decimal("33972.97")
    first = Decimal(me.get("/api/users/me/net-worth?currency=EUR&on=2025-05-02")["net_worth"])
    assert first == Decimal("24960.75")
    whole = me.upload("whole.csv", content.encode())
    assert (whole["new"], whole["known"]) == (0, 44)


def test_a_malformed_file_ends_in_a_record_that_names_the_line(me: Household) -> None:
    content = (SAMPLES / "nordlicht.csv").read_bytes().replace(b",650.00,24960.75", b",650.00,24960.76", 1)
    record = me.upload("broken.csv", content)
    assert record["status"] == "failed"
    assert record["fault"]["line"] == 10
    assert "does not follow" in record["fault"]["message"]
    assert statements.require(record["key"]) == content
    assert me.get("/api/users/me/transactions") == []
    assert me.started.dead_letters("integration.import_statement") == []


@pytest.mark.parametrize(
    ("name", "content"), [("a.ofx", b"hello"), ("b.csv", b""), ("c.csv", b"\xff"), ("d.qfx", b"<OFX>")]
)
def test_a_file_of_rubbish_fails_visibly(me: Household, name: str, content: bytes) -> None:
    record = me.upload(name, content)
    assert (record["status"], record["fault"]["line"]) == ("failed", 1)
    assert me.get("/api/users/me/imports")[0]["id"] == record["id"]


def test_a_statement_in_a_currency_without_rates_fails_visibly(me: Household) -> None:
    content = (SAMPLES / "nordlicht.csv").read_bytes().replace(b"Currency,EUR", b"Currency,XAU")
    record = me.upload("gold.csv", content)
    assert record["status"] == "failed"
    assert "XAU" in record["fault"]["message"]


def test_transactions_are_listed_newest_first(sample: Household) -> None:
    found = sample.get("/api/users/me/transactions?limit=50")
    days = [line["day"] for line in found]
    assert len(days) == 50
    assert days == sorted(days, reverse=True)
    assert {line["category"] for line in found} > {"Groceries", "Eating out"}
    assert len(transactions.query("me/nordlicht-bank-DE71120300001054778110", limit=1000).items) == 44


# Bad requests


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/users/nobody", None, 404),
        ("GET", "/api/users/nobody/net-worth", None, 404),
        ("POST", "/api/users/nobody/imports", {"filename": "a.csv"}, 404),
        ("POST", "/api/users/me/imports", {"filename": "a.pdf"}, 422),
        ("POST", "/api/users/me/imports", {}, 422),
        ("PUT", "/api/users/me", {"name": "", "currency": "aud"}, 422),
        ("PUT", "/api/users/Not%20an%20id", {"name": "x"}, 422),
        ("GET", "/api/users/me/net-worth?on=yesterday", None, 422),
        ("GET", "/api/users/me/net-worth?currency=dollars", None, 422),
        ("GET", "/api/users/me/history?currency=dollars", None, 422),
        ("GET", "/api/users/me/transactions?limit=0", None, 422),
        ("POST", "/api/users/Not%20an%20id/sample", None, 422),
        ("GET", "/api/exchange/convert?amount=1&base=EUR", None, 422),
        ("GET", "/api/exchange/convert?amount=NaN&base=EUR&quote=USD", None, 422),
        ("GET", "/nowhere", None, 404),
    ],
)
def test_bad_requests_get_a_problem_that_says_so(
    me: Household, method: str, path: str, body: object, status: int
) -> None:
    found, problem = me.call(method, path, body)
    assert found == status, problem
    assert problem["status"] == status
    assert me.get("/api/users/me")["name"] == "Me"


def test_every_fault_of_a_body_is_listed(me: Household) -> None:
    bad = {"id": "BAD", "portfolio": "x", "name": "", "kind": "boat", "currency": "AUD"}
    asset: dict[str, object] = {**bad, "valuations": []}
    status, problem = me.call("PUT", "/api/users/me/holdings", {"assets": [asset]})
    text = json.dumps(problem)
    assert status == 422
    assert all(field in text for field in ("id", "name", "kind", "valuations"))


def test_an_asset_in_an_unknown_portfolio_is_refused_whole(me: Household) -> None:
    asset = {
        "id": "boat", "portfolio": "harbour", "name": "Boat", "kind": "other", "currency": "AUD",
        "valuations": [{"on": "2026-10-01", "price": "10"}],
    }  # fmt: skip
    status, problem = me.call("PUT", "/api/users/me/holdings", {"assets": [asset]})
    assert status == 422
    assert "harbour" in problem["detail"]
    assert me.get("/api/users/me/holdings")["assets"] == []


def test_the_signed_address_is_for_one_file(me: Household) -> None:
    status, found = me.call("POST", "/api/users/me/imports", {"filename": "../../My bank (May).ofx"})
    assert status == 201
    assert found["record"]["filename"] == "../../My bank (May).ofx"
    assert found["record"]["key"].startswith(f"me/{found['record']['id']}/")
    assert found["record"]["key"].count("/") == 2


# The page


def test_the_page_answers_with_all_its_parts(empty: Household) -> None:
    client = empty.started.client
    page = client.get("/")
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    assert b"<title>Net worth" in page.body
    assert b"http://" not in page.body.replace(b"http://www.w3.org/", b"")
    assert b"https://" not in page.body
    for part in ("style.css", "app.js", "chart.js", "format.js", "theme.js", "flame.svg"):
        assert client.get(f"/{part}").status == 200, part
