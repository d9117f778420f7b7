"""Schedules as Cloud Scheduler has them: unix cron in a time zone. Pure.

What Cloud Scheduler does with an hour that clocks skip or repeat is not documented. So a schedule in a zone whose
clocks change is made a job in UTC that fires at least when it should, whatever offset is in force; the running half
lets through what is a fire time by our own rule (portable/schedules.py) and acknowledges the rest.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise, product
from typing import NamedTuple
from zoneinfo import ZoneInfo

from portable.errors import Location
from portable.schedules import FIELDS, Cron, Field, canonical, parse_cron

UTC_ZONE = "Etc/UTC"
FIRST_YEAR, YEARS = 2026, 12
"""For which offsets are looked up: rules are changed a few years ahead at most, and each deploy looks again."""
DAY_MINUTES = 24 * 60
MONTHS = 12


class Timing(NamedTuple):
    """What a job says: when, and in which zone. `is_wider`: it also fires when the schedule does not."""

    cron: str
    zone: str
    is_wider: bool


def timing(cron: str, zone: str) -> Timing:
    """The job of a schedule."""
    offsets = offsets_of(zone)
    parsed = parse_cron(cron, Location("<cron>", 0))
    if len(offsets) == 1:
        return Timing(canonical(parsed), UTC_ZONE if zone == "UTC" else zone, is_wider=False)
    return Timing(canonical(in_utc(parsed, offsets)), UTC_ZONE, is_wider=True)


def shortest_gap(cron: str) -> int:
    """The least seconds that there can be between two times of a job; at most a day's."""
    parsed = parse_cron(cron, Location("<cron>", 0))
    times = sorted(hour * 60 + minute for hour, minute in product(parsed.hours, parsed.minutes))
    # The first of the next day follows the last, whether or not it is a day of the schedule.
    return 60 * min(after - before for before, after in pairwise([*times, times[0] + DAY_MINUTES]))


@lru_cache
def offsets_of(zone: str) -> tuple[int, ...]:
    """All offsets from UTC that the zone has in the years to come, in minutes."""
    if zone == "UTC":
        return (0,)
    place = ZoneInfo(zone)
    start = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
    found = {
        (start + timedelta(days=day)).astimezone(place).utcoffset() or timedelta() for day in range(0, YEARS * 366, 7)
    }
    return tuple(sorted(int(offset.total_seconds() // 60) for offset in found))


def in_utc(cron: Cron, offsets: Iterable[int]) -> Cron:
    """A schedule in UTC that has every time of the local one, under each of the offsets."""
    minutes: set[int] = set()
    hours: set[int] = set()
    shifts: set[int] = set()
    for offset, hour, minute in product(offsets, cron.hours, cron.minutes):
        shift, rest = divmod(hour * 60 + minute - offset, DAY_MINUTES)
        shifts.add(shift)
        hours.add(rest // 60)
        minutes.add(rest % 60)
    all_days, all_months = every(FIELDS[2]), every(FIELDS[3])
    weekdays = {(day + shift) % 7 for day, shift in product(cron.weekdays, shifts)}
    days, months = set(cron.days), set(cron.months)
    if cron.days != all_days:
        days = {day + shift for day, shift in product(cron.days, shifts)}
        if 0 in days:
            # The day before the first is the last of a month, whichever that is.
            days |= {28, 29, 30, 31}
        if days & {29, 30, 31, 32} and 1 in shifts:
            days.add(1)
        days &= set(all_days)
    if cron.months != all_months and shifts != {0}:
        near = {-1, 0} if max(shifts) <= 0 else {0, 1} if min(shifts) >= 0 else {-1, 0, 1}
        months = {(month - 1 + step) % MONTHS + 1 for month, step in product(cron.months, near)}
    return Cron(*(tuple(sorted(values)) for values in (minutes, hours, days, months, weekdays)))


def every(field: Field) -> Sequence[int]:
    return tuple(range(field.low, field.high + 1))
