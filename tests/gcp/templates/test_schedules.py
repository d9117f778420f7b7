"""Schedules as jobs of Cloud Scheduler: wherever clocks change, a job fires whenever the schedule does."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from portable_gcp.scheduling import offsets_of, shortest_gap, timing

from portable.errors import Location
from portable.schedules import fire_times, parse_cron

ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Sydney", "Australia/Lord_Howe", "America/St_Johns",
    "Pacific/Auckland", "America/Santiago", "Africa/Casablanca", "Asia/Tokyo", "Asia/Kolkata", "UTC",
)  # fmt: skip
START = datetime(2027, 1, 1, tzinfo=UTC).timestamp()
YEAR = 366 * 86400


def test_a_zone_whose_clocks_never_change_is_the_jobs_own() -> None:
    assert timing("0 3 * * *", "Asia/Tokyo") == ("0 3 * * *", "Asia/Tokyo", False)
    assert timing("0 3 * * 1-5", "UTC") == ("0 3 * * 1-5", "Etc/UTC", False)


def test_where_clocks_change_the_job_is_in_utc_under_every_offset() -> None:
    assert timing("0 3 * * 1-5", "Australia/Sydney") == ("0 16,17 * * 0-4", "Etc/UTC", True)
    assert timing("30 0 1 * *", "Europe/Berlin") == ("30 22,23 28-31 * *", "Etc/UTC", True)
    assert offsets_of("Australia/Lord_Howe") == (630, 660)


@pytest.mark.parametrize(
    ("cron", "seconds"),
    [
        ("* * * * *", 60), ("*/15 * * * *", 900), ("0,10,59 3 * * *", 600), ("0,59 * * * *", 60), ("0 * * * *", 3600),
        ("0 0,23 * * *", 3600), ("0 3 * * *", 86400), ("0 3 1 1 *", 86400),
    ],
)  # fmt: skip
def test_a_job_is_tried_until_its_next_time_and_for_a_day_at_most(cron: str, seconds: int) -> None:
    assert shortest_gap(cron) == seconds


def random_cron(pick: random.Random) -> str:
    minute = pick.choice(["0", "30", "*/15", "7,59", "5-8"])
    hour = pick.choice(["0", "2", "23", "*/6", "1-3", "*"])
    day = pick.choice(["*", "*", "1", "31", "1,15", "28-31"])
    month = pick.choice(["*", "*", "1", "3,10", "12"])
    weekday = pick.choice(["*", "0", "1-5", "6"]) if day == "*" else "*"
    return f"{minute} {hour} {day} {month} {weekday}"


@pytest.mark.parametrize("zone", ZONES)
def test_a_job_fires_whenever_its_schedule_does(zone: str) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    pick = random.Random(seed)
    for _ in range(12):
        cron = random_cron(pick)
        made = timing(cron, zone)
        parse_cron(made.cron, Location("<cron>", 0))
        wanted = until(fire_times(cron, zone, START))
        if not made.is_wider:
            assert made.zone in (zone, "Etc/UTC")
            continue
        job = parse_cron(made.cron, Location("<cron>", 0))
        for at in wanted:
            moment = datetime.fromtimestamp(at, UTC)
            # Both days of a cron are never restricted here: see portable/schedules.py.
            assert moment.minute in job.minutes, (cron, made.cron, moment)
            assert moment.hour in job.hours, (cron, made.cron, moment)
            assert moment.day in job.days, (cron, made.cron, moment)
            assert moment.month in job.months, (cron, made.cron, moment)
            assert moment.isoweekday() % 7 in job.weekdays, (cron, made.cron, moment)


def until(times: Iterator[float]) -> list[float]:
    found: list[float] = []
    for at in times:
        if at > START + YEAR or len(found) > 3000:
            break
        found.append(at)
    return found
