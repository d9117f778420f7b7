"""When a job of Cloud Scheduler runs: unix-cron in a time zone, from Google's page, apart from portable's own.

A local time that there is twice matches twice, one that there is not never does: of what Google does the page says
nothing, and this is what an adapter must be able to live with.
https://cloud.google.com/scheduler/docs/configuring/cron-job-schedules
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MOST_DAYS = 366 * 8
"""A 29th of February comes within eight years."""


class NoSchedule(ValueError):
    """A text that is none; it says why."""


class Cron(NamedTuple):
    """A schedule. Days: of the month or of the week, where both are restricted; else both."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    zone: ZoneInfo

    def is_day(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return of_month or of_week if self.either_day else of_month and of_week

    def times(self, after: float) -> Iterator[float]:
        """Epoch seconds of all fire times later than `after`, in order."""
        first = datetime.fromtimestamp(after, self.zone).date() - timedelta(days=1)
        # Of two days at once, as a zone may set its clocks back over midnight.
        pending: list[float] = []
        for number in range(MOST_DAYS):
            day = first + timedelta(days=number)
            border = datetime.combine(day, clock_time(), self.zone).timestamp() - 7200
            ready = sorted(at for at in pending if at < border)
            pending = [at for at in pending if at >= border]
            yield from (at for at in ready if at > after)
            if self.is_day(day):
                pending += self._of_day(day)
        yield from sorted(at for at in pending if at > after)

    def _of_day(self, day: date) -> list[float]:
        found: set[float] = set()
        for hour in self.hours:
            for minute in self.minutes:
                for fold in (0, 1):
                    local = datetime.combine(day, clock_time(hour, minute, fold=fold), self.zone)
                    at = local.timestamp()
                    back = datetime.fromtimestamp(at, UTC).astimezone(self.zone)
                    if (back.hour, back.minute, back.date()) == (hour, minute, day):
                        found.add(at)
        return list(found)


def parsed(text: str, zone: str) -> Cron:
    """Raises NoSchedule. The English dialect is not part of the stand-in."""
    fields = text.split()
    if len(fields) != 5:
        raise NoSchedule(f"Schedule {text!r} has {len(fields)} fields, not 5")
    try:
        found = ZoneInfo("UTC" if zone.lower() in ("", "utc") else zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise NoSchedule(f"The time zone {zone!r} is unknown") from error
    weekdays = frozenset(day % 7 for day in values(fields[4], 0, 7, DAYS, 0))
    return Cron(
        values(fields[0], 0, 59),
        values(fields[1], 0, 23),
        values(fields[2], 1, 31),
        values(fields[3], 1, 12, MONTHS, 1),
        weekdays,
        not fields[2].startswith("*") and not fields[4].startswith("*"),
        found,
    )


def values(field: str, least: int, most: int, names: tuple[str, ...] = (), first: int = 0) -> frozenset[int]:
    found: set[int] = set()
    for part in field.lower().split(","):
        span, slash, step = part.partition("/")
        if slash and (not step.isdigit() or int(step) < 1):
            raise NoSchedule(f"{part!r} has no step")
        low, dash, high = span.partition("-")
        if span == "*":
            start, end = least, most
        else:
            start = number(low, names, first)
            end = number(high, names, first) if dash else most if slash else start
        if not least <= start <= end <= most:
            raise NoSchedule(f"{part!r} is not within {least}-{most}")
        found |= set(range(start, end + 1, int(step or 1)))
    return frozenset(found)


def number(text: str, names: tuple[str, ...], first: int) -> int:
    if text in names:
        return names.index(text) + first
    if not text.isascii() or not text.isdigit():
        raise NoSchedule(f"{text!r} is no number")
    return int(text)
