"""Each handler on its own: what it does must not hang on another one having done it before."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fatfire.services.exchange.store import is_loaded, load_rates
from fatfire.services.integration.store import imports, statements

from portable.testing import RunningApp

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
HOME = {"id": "home", "name": "Home"}
FLAT = {
    "id": "flat", "portfolio": "home", "name": "Flat", "kind": "property", "currency": "AUD",
    "valuations": [{"on": "2026-09-30", "price": "700000.00"}],
}  # fmt: skip
LOAN = {
    "id": "loan", "portfolio": "home", "name": "Home loan", "kind": "mortgage", "currency": "AUD",
    "valuations": [{"on": "2026-09-30", "price": "400000.00"}],
}  # fmt: skip


@pytest.fixture
def started(running_app: RunningApp) -> RunningApp:
    user = {"name": "Me", "currency": "AUD", "target": "1000000.00"}
    assert running_app.client.put("/api/users/me", json=user).status == 200
    return running_app


def hold(started: RunningApp, **holdings: Any) -> Any:
    answer = started.client.put("/api/users/me/holdings", json={"portfolios": [HOME], **holdings})
    assert answer.status == 200, answer.body
    started.drain()
    return answer.json()


def history(started: RunningApp) -> list[Decimal]:
    return [Decimal(point["net_worth"]) for point in started.client.get("/api/users/me/history").json()["points"]]


def test_holdings_are_answered_as_they_are_kept(started: RunningApp) -> None:
    assert hold(started, assets=[FLAT], liabilities=[LOAN])["portfolios"] == [HOME]
    found = started.client.get("/api/users/me/holdings").json()
    assert [portfolio["id"] for portfolio in found["portfolios"]] == ["home"]
    assert [debt["id"] for debt in found["liabilities"]] == ["loan"]


def test_an_asset_alone_makes_a_history(started: RunningApp) -> None:
    hold(started, assets=[FLAT])
    assert history(started) == [Decimal("700000.00")]


def test_a_liability_alone_makes_a_history(started: RunningApp) -> None:
    hold(started, liabilities=[LOAN])
    assert history(started) == [Decimal("-400000.00")]


def test_a_liability_counts_besides_what_is_owned(started: RunningApp) -> None:
    hold(started, assets=[FLAT])
    hold(started, liabilities=[LOAN])
    assert history(started) == [Decimal("300000.00")]


def test_a_liability_counts_besides_a_bank_account(started: RunningApp) -> None:
    statements.put("me/1/nordlicht.csv", (SAMPLES / "nordlicht.csv").read_bytes())
    started.drain()
    before = history(started)[-1]
    hold(started, liabilities=[{**LOAN, "valuations": [{"on": "2026-10-31", "price": "400000.00"}]}])
    assert history(started)[-1] == before - 400000


def test_a_liability_that_is_removed_no_longer_counts(started: RunningApp) -> None:
    hold(started, assets=[FLAT], liabilities=[LOAN])
    assert started.client.delete("/api/users/me/liabilities/loan").status == 204
    assert started.client.delete("/api/users/me/liabilities/loan").status == 404
    started.drain()
    assert history(started) == [Decimal("700000.00")]


def test_a_statement_alone_makes_a_history(started: RunningApp) -> None:
    statements.put("me/1/nordlicht.csv", (SAMPLES / "nordlicht.csv").read_bytes())
    started.drain()
    assert len(history(started)) == 18


def test_a_file_that_nobody_announced_needs_a_household(started: RunningApp) -> None:
    content = (SAMPLES / "nordlicht.csv").read_bytes()
    statements.put("me/1/nordlicht.csv", content)
    statements.put("nobody/1/nordlicht.csv", content)
    started.drain()
    assert [record.status.value for record in imports.query("me").items] == ["imported"]
    assert imports.query("nobody").items == []


def test_a_statement_that_ends_after_today_is_worth_what_it_is_today(started: RunningApp) -> None:
    content = (SAMPLES / "nordlicht.csv").read_bytes()
    later = f"To,{datetime.now(UTC).year + 2}-01-31".encode()
    statements.put("me/1/nordlicht.csv", content.replace(b"To,2026-10-31", later))
    started.drain()
    found = started.client.get("/api/users/me/independence?currency=EUR").json()
    assert Decimal(found["net_worth"]) == Decimal("33972.97")


def test_rates_can_be_refreshed_by_hand(started: RunningApp) -> None:
    assert not is_loaded()
    answer = started.client.post("/api/exchange/refresh")
    assert answer.status == 202
    assert answer.json()["run"]
    started.drain()
    assert is_loaded()
    assert load_rates().months == 0
