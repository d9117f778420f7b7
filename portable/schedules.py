"""Schedules: the one cron dialect that every provider can run, and when it fires.

Five fields (minute, hour, day of month, month, day of week) of `*`, lists, ranges and steps; names or numbers, Sunday
is 0. A local time that does not exist is skipped, one that occurs twice runs once, the first: the rule of EventBridge
Scheduler (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html). Libraries of cron have other
rules for the days on which clocks change, so the times are worked out here.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from .errors import DeclarationError, InvalidArgument, Location
from .patterns import Pattern

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
MOST_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
ZONE = Pattern(r"[A-Z][A-Za-z0-9_+-]*(/[A-Z][A-Za-z0-9_+-]*){0,2}", re.ASCII)
NUMBER = Pattern(r"[0-9]{1,4}", re.ASCII)
MINUTES = (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
HOURS = (1, 2, 3, 4, 6, 8, 12)
LONGEST_EXPRESSION = 400
DAY = 86400
YEARS_AHEAD = 40
"""Longer than any date of the calendar stays away (29 February: 8 years), also where clocks skip it some years."""
LAST_YEAR = 9990


class Field(NamedTuple):
    """One field of an expression: what it is called, its range, and the names of its values from `low` on."""

    name: str
    low: int
    high: int
    names: tuple[str, ...]

    @property
    def allowed(self) -> str:
        named = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"{self.low}-{self.high}{named}"


FIELDS = (
    Field("minute", 0, 59, ()),
    Field("hour", 0, 23, ()),
    Field("day of month", 1, 31, ()),
    Field("month", 1, 12, MONTHS),
    Field("day of week", 0, 6, WEEKDAYS),
)


class Cron(NamedTuple):
    """A parsed expression: the values of each field, in order; weekdays from Sunday, 0."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]


# What is declared


def every_to_cron(*, minutes: int, hours: int, days: int, location: Location) -> str:
    """The cron expression of `app.every(...)`, for UTC. Raises DeclarationError."""
    given = {name: n for name, n in (("minutes", minutes), ("hours", hours), ("days", days)) if n != 0}
    if len(given) != 1:
        raise DeclarationError(
            f"every({', '.join(f'{name}={n!r}' for name, n in given.items())}) is not one of minutes, hours and days",
            hint="for instance every(minutes=15); other times are for cron()",
            location=location,
        )
    [(name, n)] = given.items()
    allowed = {"minutes": MINUTES, "hours": HOURS, "days": (1,)}[name]
    if type(n) is not int or n not in allowed:
        whole = {"minutes": "an hour", "hours": "a day", "days": "itself"}[name]
        raise DeclarationError(
            f"every({name}={n!r}) does not divide {whole}" if name != "days" else f"every(days={n!r}) is not 1 day",
            hint=f"{name} is one of {', '.join(map(str, allowed))}; other times are for cron()",
            location=location,
        )
    if name == "minutes":
        return "* * * * *" if n == 1 else f"*/{n} * * * *"
    if name == "hours":
        return "0 * * * *" if n == 1 else f"0 */{n} * * *"
    return "0 0 * * *"


def check_cron(expression: str, location: Location) -> str:
    """The canonical form of an expression: numbers for names, the shortest way to write each field.

    Raises DeclarationError, naming the field and what is allowed there, for whatever not every provider can run.
    """
    return canonical(parse_cron(expression, location))


def check_zone(zone: str, location: Location) -> str:
    """An IANA zone that this machine knows. Raises DeclarationError, with the nearest name."""
    if zone == "UTC":
        return zone
    if type(zone) is str and ZONE.fullmatch(zone) is not None:
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        try:
            return ZoneInfo(zone).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            # Said below, with what there is instead.
            found = None
    else:
        found = "not even of the form Area/City"
    from difflib import get_close_matches
    from zoneinfo import available_timezones

    known = available_timezones()
    near = get_close_matches(str(zone), sorted(known), 1) or [
        name for name in sorted(known) if name.casefold() == str(zone).casefold()
    ]
    raise DeclarationError(
        f"zone {zone!r:.80} is {found or 'not among the IANA time zones of this machine'}",
        hint="this machine has no time zones: install tzdata"
        if not known
        else f"did you mean {near[0]!r}?"
        if near
        else "for instance 'UTC' or 'Europe/Berlin'",
        location=location,
    )


def check_policies(missed: object, overlap: object, location: Location) -> None:
    """Raises DeclarationError for a policy that there is not."""
    for name, value, allowed in (("missed", missed, ("skip", "latest")), ("overlap", overlap, ("skip", "allow"))):
        if value not in allowed:
            raise DeclarationError(f"{name}={value!r} is not {' or '.join(map(repr, allowed))}", location=location)


# Expressions


def parse_cron(expression: str, location: Location) -> Cron:
    """The values of each field. Raises DeclarationError."""
    if type(expression) is not str or len(expression) > LONGEST_EXPRESSION:
        raise DeclarationError(
            f"cron {expression!r:.80} is not a text of at most {LONGEST_EXPRESSION} characters", location=location
        )
    texts = expression.split(" ")
    texts = [text for text in texts if text]
    if len(texts) != len(FIELDS):
        raise DeclarationError(
            f"cron {expression!r} has {len(texts)} fields, not 5",
            hint="minute, hour, day of month, month, day of week: '0 3 * * 1-5'; no seconds, no year, no @daily",
            location=location,
        )
    values = [parse_field(field, text, expression, location) for field, text in zip(FIELDS, texts, strict=True)]
    cron = Cron(*values)
    if len(cron.days) < 31 and len(cron.weekdays) < 7:
        raise DeclarationError(
            f"cron {expression!r} restricts both day of month ({texts[2]}) and day of week ({texts[4]}), "
            "which providers take to mean different things",
            hint="leave one of them '*' and ask for the other in the handler",
            location=location,
        )
    if not any(day <= MOST_DAYS[month - 1] for month in cron.months for day in cron.days):
        raise DeclarationError(
            f"cron {expression!r} never fires: no month of {texts[3]!r} has a day {texts[2]!r}", location=location
        )
    return cron


def parse_field(field: Field, text: str, expression: str, location: Location) -> tuple[int, ...]:
    """The values of one field: a list of `*`, values and ranges, the last two of which may have a step."""

    def fault(what: str, hint: str | None = None) -> DeclarationError:
        return DeclarationError(
            f"cron {expression!r}: {field.name} {what}",
            hint=hint or f"{field.name} takes {field.allowed}, '*', 'a,b', 'a-b', and steps '*/n' or 'a-b/n'",
            location=location,
        )

    def value(part: str) -> int:
        if part.upper() in field.names:
            return field.names.index(part.upper()) + field.low
        if NUMBER.fullmatch(part) is None:
            raise fault(f"{part!r} is not a value" if part else "has an empty value")
        number = int(part)
        if not field.low <= number <= field.high:
            sunday = field.names is WEEKDAYS and number == 7
            raise fault(f"{part} is not {field.allowed}", "Sunday is 0" if sunday else None)
        return number

    found: set[int] = set()
    for entry in text.split(","):
        span, slash, step_text = entry.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            low, high = field.low, field.high
        elif dash:
            low, high = value(first), value(last)
            if low > high:
                two = f"{first}-{field.high},{field.low}-{last}"
                raise fault(f"range {span!r} runs backwards", f"write it as two: {two!r}")
        else:
            low = high = value(first)
        step = 1
        if slash:
            if low == high and not dash:
                raise fault(f"{entry!r} has a step but no range", f"'{first}-{field.high}/{step_text}' says until when")
            if NUMBER.fullmatch(step_text) is None or int(step_text) == 0:
                raise fault(f"step {step_text!r} is not a number from 1")
            step = int(step_text)
            count = high - low + 1
            # A range that ends on its last step is as even as one whose length the step divides.
            if count % step and (span == "*" or (high - low) % step):
                listed = ",".join(map(str, range(low, high + 1, step)))
                raise fault(
                    f"step {step} does not divide {low}-{high}, so the last gap would be shorter",
                    f"if that is meant, list the values: '{listed}'",
                )
        found.update(range(low, high + 1, step))
    return tuple(sorted(found))


def canonical(cron: Cron) -> str:
    """An expression that `parse_cron` takes to the same values; equal values give equal text."""
    return " ".join(_text(field, values) for field, values in zip(FIELDS, cron, strict=True))


def _text(field: Field, values: tuple[int, ...]) -> str:
    count = field.high - field.low + 1
    if len(values) == count:
        return "*"
    step = count // len(values)
    if len(values) > 1 and values == tuple(range(field.low, field.high + 1, step)) and count % step == 0:
        return f"*/{step}"
    parts: list[str] = []
    start = 0
    for index, number in enumerate(values):
        if index + 1 < len(values) and values[index + 1] == number + 1:
            continue
        run = values[start : index + 1]
        parts.append(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)))
        start = index + 1
    return ",".join(parts)


# When it fires


@lru_cache(maxsize=512)
def _parsed(cron: str) -> Cron:
    try:
        return parse_cron(cron, Location("<cron>", 0))
    except DeclarationError as error:
        raise InvalidArgument(error.message, hint=error.hint) from None


def next_fire(cron: str, zone: str, after: float) -> float | None:
    """The first fire time (epoch seconds) later than `after`; None if there is none within 40 years.

    Raises InvalidArgument for an expression or a zone that `check_cron` or `check_zone` would refuse.
    """
    return next(fire_times(cron, zone, after), None)


def fire_times(cron: str, zone: str, after: float) -> Iterator[float]:
    """All fire times (epoch seconds) later than `after`, in order, without end but for expressions that stop firing."""
    from datetime import UTC, datetime, timedelta
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    parsed = _parsed(cron)
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidArgument(f"zone {zone!r:.80} is not known here") from error
    # What clocks show later than `after` for the first time is later in the day too. Some hours early all the same.
    local = datetime.fromtimestamp(after, UTC).astimezone(place) - timedelta(hours=3)
    day, first_hour = local.date(), local.hour
    one = timedelta(days=1)
    until = day.year + YEARS_AHEAD
    while day.year <= min(until, LAST_YEAR):
        if day.month not in parsed.months:
            day = day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1, day=1)
            first_hour = 0
            continue
        if day.day in parsed.days and day.isoweekday() % 7 in parsed.weekdays:
            for hour in parsed.hours:
                if hour < first_hour:
                    continue
                for minute in parsed.minutes:
                    moment = _epoch(datetime(day.year, day.month, day.day, hour, minute, tzinfo=place), place)
                    if moment is not None and moment > after:
                        until = day.year + YEARS_AHEAD
                        yield moment
        day += one
        first_hour = 0


def _epoch(local: "datetime", place: "ZoneInfo") -> float | None:
    """The first moment at which clocks show `local`; None if they never do."""
    moment = local.timestamp()
    shown = type(local).fromtimestamp(moment, place)
    return moment if shown.replace(tzinfo=None) == local.replace(tzinfo=None) else None
