"""Fire times of EventBridge Scheduler's cron expressions, from its documentation: part of the stand-in of schedules.py.

Written apart from portable's own cron, so that the translation between the two is proven by more than itself.
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)").fullmatch
MONTHS = dict(
    zip(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), range(1, 13), strict=True)
)
DAYS = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], 1)}
MOST_DAYS = 9 * 366
"""How far ahead is looked for the next time: 29 February may be eight years away."""


def values(field: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    """The numbers that a field means. Raises ValueError."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        else:
            start, dash, end = span.partition("-")
            first = number(start, names)
            last = number(end, names) if dash else high if step else first
        if not low <= first <= last <= high:
            raise ValueError(f"{part!r} is not within {low}-{high}")
        found.update(range(first, last + 1, int(step) if step else 1))
    return frozenset(found)


def number(text: str, names: dict[str, int]) -> int:
    return names[text.upper()] if text.upper() in names else int(text)


def fire_times(expression: str, zone: ZoneInfo, after: float) -> Iterator[float]:
    """The epoch seconds at which `cron(...)` fires after `after`. Raises ValueError for what Scheduler refuses.

    A local time that does not exist is skipped; one that there is twice fires once.
    """
    found = CRON(expression)
    if found is None:
        raise ValueError(f"{expression!r} is no cron expression of six fields")
    minute, hour, day, month, weekday, year = found.groups()
    if (day == "?") == (weekday == "?"):
        raise ValueError(f"{expression!r}: one of day-of-month and day-of-week is ?")
    minutes, hours = sorted(values(minute, 0, 59, {})), sorted(values(hour, 0, 23, {}))
    months, years = values(month, 1, 12, MONTHS), values(year, 1970, 2199, {})
    days = None if day == "?" else values(day, 1, 31, {})
    weekdays = None if weekday == "?" else values(weekday, 1, 7, DAYS)
    today = datetime.fromtimestamp(after, zone).date()
    for offset in range(-1, MOST_DAYS):
        at = today + timedelta(days=offset)
        if at.month not in months or at.year not in years:
            continue
        # isoweekday is 1 on Monday; here it is 1 on Sunday.
        if (days is not None and at.day not in days) or (
            weekdays is not None and at.isoweekday() % 7 + 1 not in weekdays
        ):
            continue
        for moment in sorted(moments(at, hours, minutes, zone)):
            if moment > after:
                yield moment


def moments(day: date, hours: list[int], minutes: list[int], zone: ZoneInfo) -> Iterator[float]:
    for hour in hours:
        for minute in minutes:
            local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
            epoch = local.timestamp()
            exists = datetime.fromtimestamp(epoch, UTC).astimezone(zone).replace(tzinfo=None) == local.replace(
                tzinfo=None
            )
            if exists:
                yield epoch
