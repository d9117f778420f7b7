"""`portable cost`: the month at the traffic that was recorded."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portable.cli.cost import how_long
from portable.console.store import Batch, Store, Unkept
from portable.telemetry import CallRecord, InvocationRecord, LogRecord, Payload

Command = Callable[..., Any]
Write = Callable[..., Path]
APP = """
    from portable import App

    app = App("shop", targets=("aws", "gcp"))
    notes = app.table("notes", indexes={"by_owner": ("owner",)})
    key = app.secret("key")


    @app.get("/notes/{id}", memory=1024)
    def read(id: str) -> str:
        return id


    @app.task
    def work() -> None:
        notes.put({"id": "1"})


    @app.every(hours=1)
    def hourly() -> None:
        return None
"""
NOW = 1_790_000_000.0


def invocation(number: int, handler: str, kind: Any, at: float, attempt: int = 1) -> list[Any]:
    answer = Payload("x" * 100, 100) if kind == "http" else None
    record = InvocationRecord(
        "t" * 32, f"{number:016x}", "", kind, handler, "id", attempt, at, 0.25, handler, "succeeded", 200, None, None,
        None, None, answer, 0.0, False, 1,
    )  # fmt: skip
    return ["i", list(record)]


def call(resource: str, verb: str, result: str | None, at: float) -> list[Any]:
    return ["c", list(CallRecord("t" * 32, "1" * 16, "2" * 16, resource, verb, "k", at, 0.001, None, result))]


@pytest.fixture
def shop(write: Write) -> Path:
    """An hour of traffic: 3600 requests (a hundred of them in its last minute), 10 tasks with 12 attempts."""
    folder = write({"app.py": APP})
    store = Store(folder / ".portable", clock=lambda: NOW)
    records = [invocation(number, "read", "http", NOW - 3600 + number) for number in range(3500)]
    records += [invocation(3500 + number, "read", "http", NOW - 60) for number in range(99)]
    # The newest ends at NOW, and the first began an hour before.
    records.append(invocation(3599, "read", "http", NOW - 0.25))
    records += [
        invocation(4000 + number, "work", "task", NOW - 3000 + number, 1 if number < 10 else 2) for number in range(12)
    ]
    item = '{"id": "1", "text": "%s"}' % ("y" * 5000)
    records += [
        call("table:notes", "get", f'{{"items": [{{"pk": "1", "sk": "-", "item": {item}}}]}}', NOW - 3000)
        for _ in range(5)
    ]
    records += [call("table:notes", "put", None, NOW - 3000) for _ in range(12)]
    log = LogRecord("", "", "", "read", NOW - 100, "INFO", "app", "é" * 500, {}, "logging", None)
    records.append(["l", list(log)])
    store.write([Batch(1, "http", {}, records)])
    store.close()
    assert store.refused == 0
    return folder


@pytest.fixture
def busy(write: Write) -> Path:
    """An hour in which 10 requests were kept, each with two calls, and 990 only counted."""
    folder = write({"app.py": APP})
    store = Store(folder / ".portable", clock=lambda: NOW)
    records = [invocation(number, "read", "http", NOW - 3600 + number * 360) for number in range(10)]
    records.append(invocation(10, "work", "task", NOW - 0.25))
    for record in records:
        record[1][-1] = 2 if record[1][3] == "http" else 0
        if record[1][3] == "http":
            for _ in range(2):
                records = [*records, call("table:notes", "put", None, NOW - 3000)]
                records[-1][1][2] = record[1][1]
    unkept = Unkept("http", "read", int(NOW - 1800) // 60, 990, 0, 990 * 0.25)
    store.write([Batch(1, "http", {"invocation": 990}, records, (unkept,))])
    store.close()
    assert store.refused == 0
    return folder


def test_what_was_only_counted_is_in_the_month(command: Command, busy: Path) -> None:
    done = command("cost", busy, "--json", "--targets", "aws")
    assert done.json["observed"]["invocations"] == 1001
    assert done.json["observed"]["unkept"] == 990
    lines = found(done, "aws")
    (requests,) = (line for name, line in lines.items() if "request" in name and "Lambda" in name)
    assert requests["amount"] == pytest.approx(1001 * 730, rel=0.01)
    (writes,) = (line for name, line in lines.items() if "write" in name)
    # Twice, as the table has an index.
    assert writes["amount"] == pytest.approx(2 * 2000 * 730, rel=0.01)
    assert "990 of them came too fast" in command("cost", busy).out


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (1e-9, "1 second"), (0.0125, "45 seconds"), (0.183056, "11 minutes"), (1.0, "1 hour"), (1.52777, "1.5 hours"),
        (30.0, "30 hours"), (72.0, "3 days"), (2000.04, "83.3 days"),
    ],
)  # fmt: skip
def test_what_was_observed_is_told_as_exactly_as_it_matters(hours: float, said: str) -> None:
    assert how_long(hours) == said


@pytest.mark.parametrize("hours", ["inf", "nan", "1e99", "0", "-1", "x"])
def test_hours_that_are_none_are_refused(command: Command, busy: Path, hours: str) -> None:
    assert command("cost", busy, "--hours", hours).code == 2


def found(done: Any, provider: str) -> dict[str, Any]:
    (target,) = (one for one in done.json["targets"] if one["provider"] == provider)
    return {f"{line['service']} {line['what']}": line for line in target["lines"]}


def test_the_month_is_seven_hundred_and_thirty_times_the_hour(command: Command, shop: Path) -> None:
    done = command("cost", shop, "--json")
    assert done.code == 0, done.err
    assert done.json["is_estimate"] is True
    assert [one["provider"] for one in done.json["targets"]] == ["aws", "gcp"]
    assert done.json["observed"]["hours"] == pytest.approx(1.0)
    assert done.json["observed"]["invocations"] == 3612
    assert set(done.json) == {"is_estimate", "month_hours", "observed", "targets"}
    totals = {"provider", "usd", "usd_without_free_tiers", "regions", "as_of", "unknown", "lines"}
    assert all(set(one) == totals for one in done.json["targets"])
    line = {
        "service",
        "what",
        "amount",
        "counted",
        "how",
        "free",
        "usd",
        "usd_without_free_tier",
        "arithmetic",
        "price",
    }
    assert all(set(one) == line for target in done.json["targets"] for one in target["lines"])
    lines = found(done, "aws")
    assert lines["Lambda requests"]["amount"] == pytest.approx(3612 * 730)
    # 3600 requests at 1 GB, 12 attempts at 512 MB, a quarter of a second each.
    assert lines["Lambda compute"]["amount"] == pytest.approx((3600 * 0.25 + 12 * 0.125) * 730)
    assert lines["SQS messages"]["amount"] == pytest.approx((10 * 3 + 2) * 730)
    assert lines["DynamoDB reads"]["amount"] == pytest.approx(5 * 2 * 730), "5 KB are two units"
    assert lines["DynamoDB writes"]["amount"] == pytest.approx(12 * 2 * 730), "one more for the index"
    assert lines["data transfer answers"]["amount"] == pytest.approx(3600 * 100 * 730 / 1e9)
    assert lines["CloudWatch logs"]["amount"] == pytest.approx(1000 * 730 / 1e9), "bytes, not characters"
    assert lines["Secrets Manager secrets"]["usd"] == pytest.approx(0.40)
    assert found(done, "gcp")["Cloud Scheduler schedules"]["amount"] == 1
    price = lines["Lambda requests"]["price"]
    assert price["as_of"] == "2026-10"
    assert price["source"].startswith("AWS Lambda pricing: https://")


def test_the_newest_hours_alone_can_be_taken(command: Command, shop: Path) -> None:
    done = command("cost", shop, "--json", "--hours", str(100 / 3600), "--targets", "azure")
    assert [one["provider"] for one in done.json["targets"]] == ["azure"]
    # 100 seconds: 99 of the last minute, the newest, and those of the 40 seconds before that minute.
    seconds = done.json["observed"]["hours"] * 3600
    assert seconds == pytest.approx(100)
    assert done.json["observed"]["invocations"] == 100
    assert done.json["observed"]["factor"] == pytest.approx(730 * 36)


def test_what_people_read_is_called_an_estimate_and_has_its_arithmetic(command: Command, shop: Path) -> None:
    done = command("cost", shop)
    assert done.code == 0
    assert "aws: estimate USD " in done.out
    assert "/ 1,000,000 * 0.2 = " in done.out
    assert "prices that were not checked against the provider's page: Secrets Manager " in done.out
    assert "free tiers" in done.out.lower()


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--targets", "aws,ibm"), "ibm is no provider"), (("--targets", ","), "nothing is no provider")],
)
def test_what_is_no_provider_is_said(command: Command, shop: Path, options: tuple[str, ...], message: str) -> None:
    done = command("cost", shop, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err


def test_without_records_there_is_no_estimate_and_not_one_of_nothing(command: Command, write: Write) -> None:
    folder = write({"app.py": APP})
    done = command("cost", folder)
    assert (done.code, done.out) == (1, "")
    assert "nothing is recorded in " in done.err
    Store(folder / ".portable", clock=time.time).close()
    done = command("cost", folder)
    assert done.code == 1
    assert "no invocation is recorded" in done.err
