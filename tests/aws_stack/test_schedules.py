"""Cron expressions of portable, as the template has them, fire at the same times by AWS's documentation.

What reads them here is written apart from both portable's cron and its translation.
"""

import random
from collections.abc import Iterator
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from portable_aws.template_schedules import aws_cron

from portable.schedules import fire_times as own_times
from tests.aws_stack.host.aws_cron import fire_times

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu")
STARTS = (1_774_000_000.0, 1_793_000_000.0, 1_803_600_000.0)
"""Weeks before both changes of the clocks in 2026, and before 29 February 2028."""
TIMES = 200
YEARS = 5
EXPRESSIONS = (
    "* * * * *",
    "*/15 * * * *",
    "0 */6 * * *",
    "30 2 * * *",
    "0 2 * * 0",
    "0 0 1 * *",
    "0 12 * * 1-5",
    "0 9 * * mon,wed,fri",
    "15 10 31 * *",
    "0 0 29 2 *",
    "59 23 * 12 6",
    "1,2,3,7 1-3 * jan-mar *",
)


def random_cron(source: random.Random) -> str:
    def field(low: int, high: int) -> str:
        kind = source.randrange(4)
        if kind == 0:
            return "*"
        if kind == 1:
            first = source.randint(low, high)
            return f"{first}-{source.randint(first, high)}"
        return ",".join(str(source.randint(low, high)) for _ in range(source.randint(1, 4)))

    day, weekday = (field(1, 31), "*") if source.random() < 0.5 else ("*", field(0, 6))
    return f"{field(0, 59)} {field(0, 23)} {day} {field(1, 12)} {weekday}"


def check(cron: str, zone: str, start: float) -> int:
    def some(times: Iterator[float]) -> list[float]:
        return list(islice(takewhile(lambda at: at < start + YEARS * 365.25 * 86400, times), TIMES))

    wanted, found = some(own_times(cron, zone, start)), some(fire_times(aws_cron(cron), ZoneInfo(zone), start))
    assert found == wanted, (cron, aws_cron(cron), zone, start)
    return len(found)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", EXPRESSIONS)
def test_an_expression_fires_at_the_same_times(cron: str, zone: str) -> None:
    assert all(check(cron, zone, start) for start in STARTS)


def test_random_expressions_fire_at_the_same_times() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    source = random.Random(seed)
    checked = 0
    for _ in range(60):
        cron = random_cron(source)
        try:
            list(islice(own_times(cron, "UTC", STARTS[0]), 1))
        except ValueError:
            # 31 February and the like: refused when it is declared.
            continue
        checked += check(cron, source.choice(ZONES), source.choice(STARTS)) > 0
    assert checked > 20


@pytest.mark.parametrize("expression", ["cron(* * * * *)", "cron(0 0 1 * 1 *)", "cron(0 0 ? * ? *)", "rate(1 minute)"])
def test_what_scheduler_refuses_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="cron"):
        next(fire_times(expression, ZoneInfo("UTC"), STARTS[0]))
