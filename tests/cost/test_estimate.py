"""The estimate: every kind of line against a calculation by hand, with list prices as they are packaged."""

import json
from pathlib import Path
from typing import Any

import pytest

from portable.cost import (
    CallTraffic,
    Estimate,
    HandlerTraffic,
    Line,
    Traffic,
    TrafficCount,
    cost_of,
    estimate,
    per_million,
    price,
    prices_as_of,
)
from portable.cost.estimate import line_of
from portable.cost.prices import Price, free_of, loaded
from portable.cost.quantities import Quantity

MONTH = 730 * 3600.0
"""Traffic of a month: nothing is multiplied."""


def handler(kind: str, times: int, **changes: Any) -> HandlerTraffic:
    """`times` invocations of 100 ms at 512 MB."""
    seconds = times * 0.1
    billed = {"aws": seconds, "gcp": seconds, "azure": float(times)}
    return HandlerTraffic(kind, kind, 512, times, times, seconds, billed, 0, 0)._replace(**changes)


def lines(traffic: Traffic, provider: str) -> dict[str, Line]:
    found = {f"{line.service} {line.what}": line for line in estimate(traffic, provider).lines}
    assert found
    return found


def of(provider: str, line: str, *handlers: HandlerTraffic, **changes: Any) -> Line:
    return lines(Traffic(MONTH, handlers)._replace(**changes), provider)[line]


MILLION = 1_000_000
HTTP_10M = handler("http", 10 * MILLION)

# (provider, line, traffic, USD without the free tier, USD after it): calculated by hand, the calculation beside it.
BY_HAND: list[tuple[str, str, Traffic, float, float]] = [
    # 10 M requests at 0.20 a million; 1 M are free.
    ("aws", "Lambda requests", Traffic(MONTH, (HTTP_10M,)), 2.00, 1.80),
    # 10 M * 0.1 s * 0.5 GB = 500,000 GB-s at 0.0000133334 (arm); 400,000 are free.
    ("aws", "Lambda compute", Traffic(MONTH, (HTTP_10M,)), 6.6667, 1.33334),
    # 10 M at 1.00 a million, nothing free.
    ("aws", "API Gateway requests", Traffic(MONTH, (HTTP_10M,)), 10.00, 10.00),
    # 400 M: 300 M at 1.00 and 100 M at 0.90.
    ("aws", "API Gateway requests", Traffic(MONTH, (handler("http", 400 * MILLION),)), 390.00, 390.00),
    # 4 M gets of nothing known: a unit each, 0.125 a million.
    ("aws", "DynamoDB reads", Traffic(MONTH, (), (CallTraffic("table:n", "get", 4 * MILLION),)), 0.50, 0.50),
    # 1 M queries of 9,000 bytes each: 3 units of 4 KB.
    (
        "aws",
        "DynamoDB reads",
        Traffic(MONTH, (), (CallTraffic("table:n", "query", MILLION, 10, 200, 90_000),)),
        0.375,
        0.375,
    ),
    # 1 M puts into a table with two indexes: 3 units each at 0.625 a million.
    (
        "aws",
        "DynamoDB writes",
        Traffic(MONTH, (), (CallTraffic("table:n", "put", MILLION),), indexes={"n": 2}),
        1.875,
        1.875,
    ),
    # 1 M transactions: 2 units each.
    ("aws", "DynamoDB writes", Traffic(MONTH, (), (CallTraffic("table:n", "transact", MILLION),)), 1.25, 1.25),
    # 2 M calls of `update`: 1 M reads and 1 M writes.
    ("aws", "DynamoDB reads", Traffic(MONTH, (), (CallTraffic("table:n", "update", 2 * MILLION),)), 0.125, 0.125),
    ("aws", "DynamoDB writes", Traffic(MONTH, (), (CallTraffic("table:n", "update", 2 * MILLION),)), 0.625, 0.625),
    # 100 GB at 0.25; 25 are free.
    ("aws", "DynamoDB storage", Traffic(MONTH, stored={"table": 100 * 10**9}), 25.00, 18.75),
    # 1 M puts at 5.00, 10 M reads at 0.40 a million.
    ("aws", "S3 writes", Traffic(MONTH, (), (CallTraffic("bucket:f", "put", MILLION),)), 5.00, 5.00),
    ("aws", "S3 reads", Traffic(MONTH, (), (CallTraffic("bucket:f", "open", 10 * MILLION),)), 4.00, 4.00),
    # 2 M tasks, of which 1 M were tried twice: 2 M * 3 + 1 M = 7 M requests at 0.40 a million; 1 M are free.
    ("aws", "SQS messages", Traffic(MONTH, (handler("task", 3 * MILLION, deliveries=2 * MILLION),)), 2.80, 2.40),
    # 3 M at 0.50 a million; 1 M are free.
    ("aws", "SNS events", Traffic(MONTH, (), (CallTraffic("topic:t", "publish", 3 * MILLION),)), 1.50, 1.00),
    # 20 M at 1.00 a million; 14 M are free.
    ("aws", "EventBridge Scheduler runs", Traffic(MONTH, (handler("schedule", 20 * MILLION),)), 20.00, 6.00),
    # 3 at 0.40.
    ("aws", "Secrets Manager secrets", Traffic(MONTH, secrets=3), 1.20, 1.20),
    # 100,000 at 5.00 a million.
    ("aws", "Secrets Manager reads", Traffic(MONTH, (), (CallTraffic("secret:k", "get", 100_000),)), 0.50, 0.50),
    # 15 GB at 0.50; 5 are free.
    ("aws", "CloudWatch logs", Traffic(MONTH, log_bytes=15 * 10**9), 7.50, 5.00),
    # 300 GB at 0.09; 100 are free.
    ("aws", "data transfer answers", Traffic(MONTH, (handler("http", 1, response_bytes=300 * 10**9),)), 27.00, 18.00),
    # 10 M at 0.40 a million; 2 M are free.
    ("gcp", "Cloud Run requests", Traffic(MONTH, (HTTP_10M,)), 4.00, 3.20),
    # 1,000,000 s * 0.333 vCPU = 333,000 at 0.000024; 180,000 are free: 153,000.
    ("gcp", "Cloud Run vCPU", Traffic(MONTH, (HTTP_10M,)), 7.992, 3.672),
    # 1,000,000 s * 0.5 GiB = 500,000 at 0.0000025; 360,000 are free: 140,000.
    ("gcp", "Cloud Run memory", Traffic(MONTH, (HTTP_10M,)), 1.25, 0.35),
    # 1 M queries of 20 documents = 20 M at 0.30 a million; 50,000 a day are free, 1,520,833.3 in 730 hours.
    (
        "gcp",
        "Firestore reads",
        Traffic(MONTH, (), (CallTraffic("table:n", "query", MILLION, 10, 200, 90_000),)),
        6.00,
        5.54375,
    ),
    # 2 M at 0.90 a million; 20,000 a day are free: 608,333.3.
    ("gcp", "Firestore writes", Traffic(MONTH, (), (CallTraffic("table:n", "put", 2 * MILLION),)), 1.80, 1.2525),
    ("gcp", "Firestore deletes", Traffic(MONTH, (), (CallTraffic("table:n", "delete", 2 * MILLION),)), 0.20, 0.1391667),
    # 10 GiB at 0.15; 1 is free.
    ("gcp", "Firestore storage", Traffic(MONTH, stored={"table": 10 << 30}), 1.50, 1.35),
    # 2 M tasks and 3 M attempts = 5 M at 0.40 a million; 1 M are free.
    ("gcp", "Cloud Tasks tasks", Traffic(MONTH, (handler("task", 3 * MILLION, deliveries=2 * MILLION),)), 2.00, 1.60),
    # 100 M published and 100 M delivered, 1 KiB each: 204.8 GB = 190.73 GiB = 0.186265 TiB at 40; 10 GiB are free.
    (
        "gcp",
        "Pub/Sub events",
        Traffic(MONTH, (handler("topic", 100 * MILLION),), (CallTraffic("topic:t", "publish", 100 * MILLION),)),
        7.450581,
        7.059956,
    ),
    # 5 jobs at 0.10; 3 are free.
    ("gcp", "Cloud Scheduler schedules", Traffic(MONTH, schedules=5), 0.50, 0.20),
    # 10 at 0.06; 6 are free.
    ("gcp", "Secret Manager secrets", Traffic(MONTH, secrets=10), 0.60, 0.24),
    # 60 GiB at 0.50; 50 are free.
    ("gcp", "Cloud Logging logs", Traffic(MONTH, log_bytes=60 << 30), 30.00, 5.00),
    # 10 M at 0.40 a million; 250,000 are free.
    ("azure", "Functions executions", Traffic(MONTH, (HTTP_10M,)), 4.00, 3.90),
    # 1 s at least: 10 M s * 0.5 GB = 5,000,000 GB-s at 0.000026; 100,000 are free.
    ("azure", "Functions compute", Traffic(MONTH, (HTTP_10M,)), 130.00, 127.40),
    # 600 MB take an instance of 2048: 10 M s * 2 GB = 20,000,000 GB-s.
    ("azure", "Functions compute", Traffic(MONTH, (HTTP_10M._replace(memory=600),)), 520.00, 517.40),
    # 1 M gets of 1 KB, read strongly: 2 M RU; 1 M puts: 5.5 M RU; 7.5 M at 0.25 a million.
    (
        "azure",
        "Cosmos DB request units",
        Traffic(MONTH, (), (CallTraffic("table:n", "get", MILLION), CallTraffic("table:n", "put", MILLION))),
        1.875,
        1.875,
    ),
    # 2 M put, 3 M got: 5 M at 0.40 a million; 2 M deleted at 0.04.
    (
        "azure",
        "Queue Storage tasks put and got",
        Traffic(MONTH, (handler("task", 3 * MILLION, deliveries=2 * MILLION),)),
        2.00,
        2.00,
    ),
    (
        "azure",
        "Queue Storage tasks deleted",
        Traffic(MONTH, (handler("task", 3 * MILLION, deliveries=2 * MILLION),)),
        0.08,
        0.08,
    ),
    # 1 M published, 2 M delivered = 3 M at 0.60 a million; 100,000 are free.
    (
        "azure",
        "Event Grid events",
        Traffic(MONTH, (handler("topic", 2 * MILLION),), (CallTraffic("topic:t", "publish", MILLION),)),
        1.80,
        1.74,
    ),
    # 10 GB at 2.30; 5 are free.
    ("azure", "Azure Monitor logs", Traffic(MONTH, log_bytes=10 * 10**9), 23.00, 11.50),
    # 20,100 GB: 100 free; then 10,240 at 0.087 and 9,760 at 0.083. Without the free ones 10,240 and 9,860.
    (
        "azure",
        "data transfer answers",
        Traffic(MONTH, (handler("http", 1, response_bytes=20_100 * 10**9),)),
        1709.26,
        1700.96,
    ),
]


@pytest.mark.parametrize(
    ("provider", "line", "traffic", "full", "usd"), BY_HAND, ids=[f"{n}-{row[0]}" for n, row in enumerate(BY_HAND)]
)
def test_each_line_is_what_a_calculation_by_hand_gives(
    provider: str, line: str, traffic: Traffic, full: float, usd: float
) -> None:
    found = lines(traffic, provider)[line]
    assert found.full == pytest.approx(full, rel=1e-6)
    assert found.usd == pytest.approx(usd, rel=1e-6)


def test_every_line_that_there_can_be_is_calculated_by_hand_or_like_one_that_is() -> None:
    """What the quantities can make, against the table above: storage and requests of buckets differ by prices only."""
    everything = Traffic(
        MONTH,
        tuple(handler(kind, 10, response_bytes=9, request_bytes=9) for kind in ("http", "task", "topic", "schedule")),
        tuple(
            CallTraffic(f"{kind}:x", verb, 10)
            for kind, verb in (
                *(("table", verb) for verb in ("get", "put", "delete", "update")),
                *(("bucket", verb) for verb in ("get", "put", "delete")),
                ("topic", "publish"),
                ("secret", "get"),
            )
        ),
        9,
        {"table": 9, "bucket": 9},
        {},
        2,
        2,
    )
    alike = {"storage", "reads", "writes", "deletes", "secrets", "answers"}
    for provider in ("aws", "gcp", "azure"):
        by_hand = {row[1] for row in BY_HAND if row[0] == provider}
        for name, line in lines(everything, provider).items():
            assert name in by_hand or line.what in alike, (provider, name)


def test_the_month_is_what_was_seen_times_what_a_month_has_more_of_it() -> None:
    hour = Traffic(3600.0, (handler("http", 100_000),))
    found = estimate(hour, "aws")
    assert (found.hours, found.factor) == (1.0, 730.0)
    requests = lines(hour, "aws")["Lambda requests"]
    assert requests.amount == 73_000_000
    assert requests.usd == pytest.approx(14.40)  # (73 - 1) million at 0.20
    assert requests.arithmetic == "(73,000,000 - 1,000,000 free) / 1,000,000 * 0.2 = 14.4"
    # What is declared is there all month, however short it was looked at.
    assert of("aws", "Secrets Manager secrets", secrets=3, seconds=3600.0).usd == pytest.approx(1.20)


def test_the_arithmetic_of_a_line_gives_its_sum() -> None:
    """Each right side is what its left side is, as a calculator that knows + - * / sees it."""
    checked = 0
    for provider, name, traffic, *_ in BY_HAND:
        line = lines(traffic, provider)[name]
        left, _, right = line.arithmetic.rpartition(" = ")
        if " of " in left or ": " in left:
            left = left.partition(": ")[2]
        left = left.replace(",", "").replace(" free", "")
        if not left:
            assert float(right) == 0
            continue
        assert set(left) <= set("0123456789.+-*/() e"), left
        assert eval(left, {"__builtins__": {}}) == pytest.approx(float(right), rel=1e-4, abs=1e-9), line.arithmetic
        checked += 1
    assert checked > 30


def test_totals_are_of_the_lines_and_what_is_within_free_tiers_costs_nothing() -> None:
    small = Traffic(MONTH, (handler("http", 1000),))
    found = estimate(small, "aws")
    assert found.usd == pytest.approx(sum(line.usd or 0.0 for line in found.lines))
    assert found.usd == pytest.approx(0.001)  # the gateway has no free tier: 1000 at 1.00 a million
    assert found.full == pytest.approx(0.001 + 0.0002 + 1000 * 0.1 * 0.5 * 1.33334e-05)


def test_a_price_that_is_not_known_is_told_and_is_in_no_total() -> None:
    found: Estimate = estimate(Traffic(MONTH, (), (CallTraffic("bucket:f", "delete", 5),)), "aws")
    (line,) = found.lines
    assert (line.usd, line.full, line.price) == (None, None, None)
    assert line.arithmetic == "no price is known: not 0, and in no total"
    assert found.unknown == ("deletes",)
    assert found.usd == 0
    unknown = Quantity("New", "functions", "no_such_price", "things", 7.0, "things", "counted")
    assert line_of("gcp", unknown).usd is None


def test_a_price_of_nothing_is_known_to_be_nothing() -> None:
    assert price("gcp", "http", "direct") is not None
    free = line_of("gcp", Quantity("Run", "http", "direct", "requests", 7.0, "requests", "counted"))
    assert free.usd == 0.0


def test_a_million_invocations_cost_their_requests_and_their_time() -> None:
    # 0.20 + 1.00 + 1 M * 0.123 s * 0.5 GB * 0.0000133334
    assert per_million("aws", 0.1225, 512, is_http=True) == pytest.approx(0.20 + 1.00 + 0.8200041, abs=1e-4)
    # 0.40 + 1 M * 0.2 s * (0.333 * 0.000024 + 0.5 * 0.0000025)
    assert per_million("gcp", 0.1225, 512, is_http=True) == pytest.approx(0.40 + 1.8484, abs=1e-4)
    # 0.40 + 1 M * 1 s * 0.5 GB * 0.000026
    assert per_million("azure", 0.1225, 512, is_http=True) == pytest.approx(0.40 + 13.0, abs=1e-4)
    assert per_million("aws", 0.1225, 512, is_http=False) == pytest.approx(0.20 + 0.8200041, abs=1e-4)
    with pytest.raises(LookupError):
        cost_of("elsewhere", 1.0, 512, is_http=True)


@pytest.mark.parametrize(
    ("provider", "seconds", "billed"),
    [
        ("aws", 0.0004, 0.001),
        ("aws", 0.0011, 0.002),
        ("aws", 0.3, 0.3),
        ("gcp", 0.01, 0.1),
        ("gcp", 0.1001, 0.2),
        ("azure", 0.01, 1.0),
        ("azure", 1.01, 1.1),
    ],
)
def test_seconds_are_rounded_as_the_provider_does(provider: str, seconds: float, billed: float) -> None:
    counted = TrafficCount({"f": 1024})
    counted.invocation("f", "http", seconds, 1)
    (found,) = counted.traffic(1.0).handlers
    assert found.billed[provider] == pytest.approx(billed)
    assert found.memory == 1024


def test_a_real_bill_comes_out_of_the_arithmetic() -> None:
    """Figures of a bill that was shown in public: 107 million invocations, 45 million requests, 3768 GB in a month."""

    def usd(name: str, amount: float, capability: str = "functions") -> float:
        line = line_of("aws", Quantity("", capability, name, "", amount, "", ""))
        assert line.usd is not None
        return line.usd

    assert usd("requests", 107 * MILLION) == pytest.approx(21.20)
    # What was left of the line for functions, 685.29, is 41.5 million GB-seconds, of which 400,000 were free.
    assert usd("compute_x86", 41_517_400) == pytest.approx(685.29, abs=0.01)
    assert usd("rest_api_requests", 45 * MILLION, "http") == pytest.approx(157.50)
    assert usd("storage", 3768, "storage") == pytest.approx(86.664)


def test_traffic_of_no_time_and_a_provider_without_prices_are_refused() -> None:
    with pytest.raises(ValueError, match="no time"):
        estimate(Traffic(0.0), "aws")
    with pytest.raises(ValueError, match="elsewhere"):
        estimate(Traffic(1.0), "elsewhere")


# The data


def test_every_price_has_its_source_its_date_and_a_unit_that_is_understood() -> None:
    checked = 0
    for provider, capabilities in loaded().items():
        assert provider in ("aws", "gcp", "azure")
        for capability, entries in capabilities.items():
            for name in entries:
                found = price(provider, capability, name)
                assert isinstance(found, Price)
                assert found.unit.startswith("USD per ")
                assert "https://" in found.source
                assert found.as_of[:2] == "20"
                assert found.region
                assert found.confidence in ("documented", "memory")
                assert found.value >= 0
                checked += 1
    assert checked > 90
    assert prices_as_of("aws") == ("2025", "2026-11")


def test_free_tiers_are_in_the_units_of_their_prices() -> None:
    assert free_of({"value": 10, "unit": "GiB per month"}, "TiB") == pytest.approx(10 / 1024)
    assert free_of({"value": 25, "unit": "GB"}, "GB-month") == 25
    assert free_of({"value": 24, "unit": "reads per day"}, "") == pytest.approx(730)
    assert free_of(None, "") == 0


def test_the_packaged_prices_are_json_of_three_providers_and_nothing_else() -> None:
    file = Path(__file__).parents[2] / "portable/cost/prices.json"
    assert sorted(json.loads(file.read_text(encoding="utf-8"))) == ["aws", "azure", "gcp"]
