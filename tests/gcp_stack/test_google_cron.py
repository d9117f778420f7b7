"""When jobs of the stand-in for Cloud Scheduler fire."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from .google_cron import NoSchedule, parsed


def times(schedule: str, zone: str, after: datetime, count: int) -> list[str]:
    found = itertools.islice(parsed(schedule, zone).times(after.timestamp()), count)
    return [datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M") for at in found]


START = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("*/15 * * * *", ["2027-01-15 08:15", "2027-01-15 08:30", "2027-01-15 08:45"]),
        ("0 3 * * 1-5", ["2027-01-18 03:00", "2027-01-19 03:00", "2027-01-20 03:00"]),
        ("5,35 8-9 * jan fri", ["2027-01-15 08:05", "2027-01-15 08:35", "2027-01-15 09:05"]),
        ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
        ("0 0 31 * *", ["2027-01-31 00:00", "2027-03-31 00:00", "2027-05-31 00:00"]),
        ("0 0 13 * 5", ["2027-01-22 00:00", "2027-01-29 00:00", "2027-02-05 00:00", "2027-02-12 00:00"]),
        ("30 12 * * 7", ["2027-01-17 12:30", "2027-01-24 12:30"]),
    ],
)
def test_fire_times_are_those_of_the_page(schedule: str, expected: list[str]) -> None:
    assert times(schedule, "utc", START, len(expected)) == expected


def test_a_local_time_that_there_is_twice_fires_twice_and_one_that_there_is_not_never() -> None:
    autumn = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
    assert times("30 2 * * *", "Europe/Zurich", autumn, 3) == [
        "2026-10-25 00:30",
        "2026-10-25 01:30",
        "2026-10-26 01:30",
    ]
    spring = datetime(2027, 3, 27, 22, 0, tzinfo=UTC)
    assert times("30 2 * * *", "Europe/Zurich", spring, 2) == ["2027-03-29 00:30", "2027-03-30 00:30"]


@pytest.mark.parametrize("zone", ["Europe/Zurich", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
def test_all_times_are_those_of_a_walk_over_the_minutes(zone: str) -> None:
    local = ZoneInfo(zone)
    for first in (
        datetime(2026, 10, 3, tzinfo=UTC),
        datetime(2026, 10, 31, tzinfo=UTC),
        datetime(2027, 3, 27, tzinfo=UTC),
    ):
        expected = []
        for minute in range(1, 3 * 1440):
            at = first + timedelta(minutes=minute)
            there = at.astimezone(local)
            if there.minute in (0, 15, 30) and there.hour in (0, 1, 2, 3, 23):
                expected.append(at.strftime("%Y-%m-%d %H:%M"))
        assert times("0,15,30 0-3,23 * * *", zone, first, len(expected)) == expected


@pytest.mark.parametrize(
    "wrong", ["", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
              "5-1 * * * *", "*/0 * * * *", "a * * * *", "1,, * * * *", "*/x * * * *"],
)  # fmt: skip
def test_what_is_no_schedule_is_refused(wrong: str) -> None:
    with pytest.raises(NoSchedule):
        parsed(wrong, "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "europe/nowhere"])
def test_what_is_no_zone_is_refused(zone: str) -> None:
    with pytest.raises(NoSchedule):
        parsed("* * * * *", zone)
