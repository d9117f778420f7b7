"""Fire times against another kind of evaluator: minute by minute in UTC, looking at what clocks of the zone show."""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portable.errors import DeclarationError, InvalidArgument, Location
from portable.schedules import (
    canonical,
    check_cron,
    check_policies,
    check_zone,
    every_to_cron,
    fire_times,
    next_fire,
    parse_cron,
)

HERE = Location("app.py", 3)
NAMES = {
    name: number
    for names, first in (("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC", 1), ("SUN MON TUE WED THU FRI SAT", 0))
    for number, name in enumerate(names.split(), first)
}
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def oracle(expression: str, zone: str, after: datetime, until: datetime) -> list[float]:
    """Every minute in (after, until] at which clocks of the zone first show a time that the expression asks for."""
    allowed = [listed(text, *bounds) for text, bounds in zip(expression.split(), RANGES, strict=True)]
    place = ZoneInfo(zone)
    found: list[float] = []
    moment = after.replace(second=0, microsecond=0)
    shown: set[datetime] = set()
    # What was shown in the hours before `after` does not fire again.
    moment -= timedelta(hours=3)
    while moment <= until:
        local = moment.astimezone(place).replace(tzinfo=None, fold=0)
        if local.second == 0 and local not in shown:
            shown.add(local)
            values = (local.minute, local.hour, local.day, local.month, (local.weekday() + 1) % 7)
            if after < moment and all(value in field for value, field in zip(values, allowed, strict=True)):
                found.append(moment.timestamp())
        moment += timedelta(minutes=1)
    return found


def listed(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for entry in text.split(","):
        span, _, step = entry.partition("/")
        first, _, last = span.partition("-")
        start = low if span == "*" else NAMES.get(first.upper()) if first.upper() in NAMES else int(first)
        end = high if span == "*" else NAMES.get(last.upper(), last) if last else start
        assert start is not None
        assert end is not None
        found |= set(range(int(start), int(end) + 1, int(step or 1)))
    return found


def ours(expression: str, zone: str, after: datetime, until: datetime) -> list[float]:
    found: list[float] = []
    for moment in fire_times(expression, zone, after.timestamp()):
        if moment > until.timestamp():
            break
        found.append(moment)
        assert len(found) < 200_000
    return found


def local_texts(times: list[float], zone: str) -> list[str]:
    return [datetime.fromtimestamp(at, ZoneInfo(zone)).strftime("%m-%d %H:%M %z") for at in times]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# The changes of clocks: (zone, a day before, hours to look at). Forward, back, by half an hour, at midnight, by a day.
CHANGES = [
    ("Europe/Berlin", "2026-03-28T00:00"),
    ("Europe/Berlin", "2026-10-24T00:00"),
    ("America/New_York", "2026-03-07T12:00"),
    ("America/New_York", "2026-10-31T12:00"),
    ("Australia/Sydney", "2026-04-04T00:00"),
    ("Australia/Sydney", "2026-10-03T00:00"),
    ("Australia/Lord_Howe", "2026-04-04T00:00"),
    ("Australia/Lord_Howe", "2026-10-03T00:00"),
    ("America/Santiago", "2026-04-04T12:00"),
    ("America/Santiago", "2026-09-05T12:00"),
    ("Africa/Casablanca", "2026-02-14T12:00"),
    ("Africa/Casablanca", "2026-03-21T12:00"),
    ("Asia/Kathmandu", "2026-01-01T00:00"),
    ("Pacific/Apia", "2011-12-29T00:00"),
    ("Asia/Beirut", "2026-03-28T00:00"),
    ("America/St_Johns", "2026-03-07T12:00"),
]


@pytest.mark.parametrize("expression", ["*/15 * * * *", "30 2 * * *", "0 0 * * *", "15,45 1-3 * * *", "30 * * * 0"])
@pytest.mark.parametrize(("zone", "start"), CHANGES)
def test_clock_changes_skip_times_that_never_come_and_run_repeated_ones_once(
    expression: str, zone: str, start: str
) -> None:
    after, until = utc(start), utc(start) + timedelta(hours=72)
    expected = oracle(expression, zone, after, until)
    assert local_texts(ours(expression, zone, after, until), zone) == local_texts(expected, zone)
    # One of four weekdays at most leaves a window without any.
    assert expected


@pytest.mark.parametrize(
    ("zone", "at", "expected"),
    [
        # 02:30 does not exist on 29 March, and exists twice on 25 October.
        ("Europe/Berlin", "2026-03-27", ["03-27 02:30 +0100", "03-28 02:30 +0100", "03-30 02:30 +0200"]),
        ("Europe/Berlin", "2026-10-24", ["10-24 02:30 +0200", "10-25 02:30 +0200", "10-26 02:30 +0100"]),
        ("America/New_York", "2026-03-07", ["03-07 02:30 -0500", "03-09 02:30 -0400", "03-10 02:30 -0400"]),
        ("America/New_York", "2026-10-31", ["10-31 02:30 -0400", "11-01 02:30 -0500", "11-02 02:30 -0500"]),
    ],
)
def test_half_past_two_around_the_changes_as_worked_out_by_hand(zone: str, at: str, expected: list[str]) -> None:
    after = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo(zone)).timestamp()
    assert local_texts(list(islice(fire_times("30 2 * * *", zone, after), 3)), zone) == expected


def test_lord_howe_repeats_half_an_hour_which_runs_once_and_skips_half_an_hour() -> None:
    zone = "Australia/Lord_Howe"
    # On 5 April clocks go from 02:00 back to 01:30; on 4 October from 02:00 to 02:30.
    back = ours("*/15 1-2 * * *", zone, utc("2026-04-04T13:00"), utc("2026-04-04T18:00"))
    assert local_texts(back, zone) == [
        *(f"04-05 01:{minute:02} +1100" for minute in (0, 15, 30, 45)),
        *(f"04-05 02:{minute:02} +1030" for minute in (0, 15, 30, 45)),
    ]
    forward = ours("*/15 1-2 * * *", zone, utc("2026-10-03T13:00"), utc("2026-10-03T18:00"))
    assert local_texts(forward, zone) == [
        *(f"10-04 01:{minute:02} +1030" for minute in (0, 15, 30, 45)),
        *(f"10-04 02:{minute:02} +1100" for minute in (30, 45)),
    ]


@pytest.mark.parametrize(
    ("expression", "start", "expected"),
    [
        ("0 0 29 2 *", "2026-01-01", ["2028-02-29", "2032-02-29", "2036-02-29"]),
        ("0 0 29 2 *", "2096-03-01", ["2104-02-29", "2108-02-29", "2112-02-29"]),
        ("0 0 31 * *", "2026-01-31", ["2026-03-31", "2026-05-31", "2026-07-31"]),
        ("0 0 30 * *", "2028-01-30", ["2028-03-30", "2028-04-30", "2028-05-30"]),
        ("0 0 29 * *", "2027-01-29", ["2027-03-29", "2027-04-29", "2027-05-29"]),
        ("0 0 29 * *", "2028-01-29", ["2028-02-29", "2028-03-29", "2028-04-29"]),
        ("0 0 1 1 *", "2026-01-01", ["2027-01-01", "2028-01-01", "2029-01-01"]),
        ("0 0 * * MON", "2026-02-27", ["2026-03-02", "2026-03-09", "2026-03-16"]),
        ("0 0 * 2 SUN", "2026-02-20", ["2026-02-22", "2027-02-07", "2027-02-14"]),
        ("0 0 30,31 4,12 *", "2026-04-01", ["2026-04-30", "2026-12-30", "2026-12-31"]),
    ],
)
def test_leap_days_and_ends_of_months_as_in_the_calendar(expression: str, start: str, expected: list[str]) -> None:
    times = islice(fire_times(expression, "UTC", utc(start).timestamp()), 3)
    assert [datetime.fromtimestamp(at, UTC).isoformat() for at in times] == [
        f"{day}T00:00:00+00:00" for day in expected
    ]


NAMED = [
    "0 0 1 JAN *",
    "0 0 1 jan *",
    "0 12 * * MON-FRI",
    "30 9 * * mon,wed,fri",
    "0 3 * * SUN",
    "0 3 * * sat",
    "*/10 8-17 * * Mon-Fri",
    "0 0 1 JAN,APR,JUL,OCT *",
    "0 0 15 MAR-MAY *",
    "15 6 * JUN-AUG SAT,SUN",
    "0 0 29 FEB *",
    "59 23 31 DEC *",
    "0 */6 * SEP THU",
    "5 4 * NOV TUE-THU",
]


@pytest.mark.parametrize("expression", NAMED)
def test_names_stand_for_numbers(expression: str) -> None:
    numbers = re.sub("[A-Za-z]+", lambda name: str(NAMES[name[0].upper()]), expression)
    assert parse_cron(expression, HERE) == parse_cron(numbers, HERE)
    assert check_cron(expression, HERE) == check_cron(numbers, HERE)
    parsed = parse_cron(expression, HERE)
    assert [set(field) for field in parsed] == [
        listed(text, *bounds) for text, bounds in zip(expression.split(), RANGES, strict=True)
    ]


WRONG = [
    ("", "has 0 fields"),
    ("* * * *", "has 4 fields"),
    ("* * * * * *", "has 6 fields"),
    ("@daily", "has 1 fields"),
    ("60 * * * *", "minute 60 is not 0-59"),
    ("* 24 * * *", "hour 24 is not 0-23"),
    ("* * 0 * *", "day of month 0 is not 1-31"),
    ("* * 32 * *", "day of month 32 is not 1-31"),
    ("* * * 13 *", "month 13 is not 1-12 or JAN-DEC"),
    ("* * * * 7", "day of week 7 is not 0-6"),
    ("0 0 1 * 1", "restricts both day of month"),
    ("0 0 31 2 *", "never fires"),
    ("0 0 30 FEB *", "never fires"),
    ("0 0 31 4,6,9,11 *", "never fires"),
    ("*/7 * * * *", "step 7 does not divide 0-59"),
    ("0 */5 * * *", "step 5 does not divide 0-23"),
    ("*/0 * * * *", "step '0' is not a number from 1"),
    ("*/ * * * *", "step '' is not a number from 1"),
    ("*/x * * * *", "step 'x' is not a number from 1"),
    ("5/15 * * * *", "a step but no range"),
    ("30-10 * * * *", "range '30-10' runs backwards"),
    ("* * * * FRI-MON", "range 'FRI-MON' runs backwards"),
    ("1,,2 * * * *", "has an empty value"),
    ("1- * * * *", "has an empty value"),
    ("-1 * * * *", "has an empty value"),
    ("1.5 * * * *", "'1.5' is not a value"),
    ("MON * * * *", "'MON' is not a value"),
    ("* * * MON *", "'MON' is not a value"),
    ("* * L * *", "'L' is not a value"),
    ("* * 15W * *", "'15W' is not a value"),
    ("* * * * MON#1", "'MON#1' is not a value"),
    ("* * ? * *", "'?' is not a value"),
    ("H * * * *", "'H' is not a value"),
    ("\u0661 * * * *", "is not a value"),
    ("*\t* * * *", "has 4 fields"),
    ("00001 * * * *", "'00001' is not a value"),
    ("0," * 250 + "0 * * * *", "at most 400 characters"),
]


@pytest.mark.parametrize(("expression", "reason"), WRONG, ids=[f"{number}" for number in range(len(WRONG))])
def test_what_not_every_provider_runs_is_refused_with_a_reason(expression: str, reason: str) -> None:
    with pytest.raises(DeclarationError, match=re.escape(reason)) as caught:
        check_cron(expression, HERE)
    assert caught.value.location == HERE
    with pytest.raises(InvalidArgument, match=re.escape(reason)):
        next_fire(expression, "UTC", 0)


@pytest.mark.parametrize("expression", [None, 5, b"* * * * *", ["*"] * 5])
def test_what_is_no_text_is_refused(expression: Any) -> None:
    with pytest.raises(DeclarationError, match="is not a text"):
        check_cron(expression, HERE)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0,15,30,45 * * * *", "*/15 * * * *"),
        ("0-59 0-23 1-31 1-12 0-6", "* * * * *"),
        ("1-2 * * * *", "1,2 * * * *"),
        ("3,2,1 * * * *", "1-3 * * * *"),
        ("0 0,12 * * *", "0 */12 * * *"),
        ("0 9-17/2 * * *", "0 9,11,13,15,17 * * *"),
        ("  0   3  *  *  mon-fri ", "0 3 * * 1-5"),
        ("00 003 * * *", "0 3 * * *"),
    ],
)
def test_the_canonical_form_is_the_shortest(expression: str, expected: str) -> None:
    assert check_cron(expression, HERE) == expected
    assert check_cron(expected, HERE) == expected


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        *(
            ({"minutes": n}, "* * * * *" if n == 1 else f"*/{n} * * * *")
            for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)
        ),
        *(({"hours": n}, "0 * * * *" if n == 1 else f"0 */{n} * * *") for n in (1, 2, 3, 4, 6, 8, 12)),
        ({"days": 1}, "0 0 * * *"),
    ],
    ids=str,
)
def test_every_is_an_expression_with_even_gaps(options: dict[str, int], expected: str) -> None:
    cron = every_to_cron(**{"minutes": 0, "hours": 0, "days": 0, **options}, location=HERE)
    assert cron == expected
    times = list(islice(fire_times(cron, "UTC", 0), 200))
    gap = options.get("minutes", 0) * 60 + options.get("hours", 0) * 3600 + options.get("days", 0) * 86400
    assert {later - earlier for earlier, later in pairwise(times)} == {gap}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"minutes": 7},
        {"minutes": 60},
        {"minutes": -5},
        {"minutes": 1.5},
        {"minutes": True},
        {"minutes": "5"},
        {"hours": 5},
        {"hours": 24},
        {"days": 2},
        {"minutes": 5, "hours": 1},
    ],
    ids=str,
)
def test_every_that_has_uneven_gaps_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="every"):
        every_to_cron(**{"minutes": 0, "hours": 0, "days": 0, **options}, location=HERE)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])
def test_zones_of_this_machine_are_taken(zone: str) -> None:
    assert check_zone(zone, HERE) == zone


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("Australia/Sidney", "Australia/Sydney"),
        ("../../etc/passwd", None),
        ("/etc/localtime", None),
        ("", None),
        ("Europe/Berlin\x00", None),
        ("Europe", None),
        (None, None),
        (5, None),
        ("\ud800", None),
        ("X" * 5000, None),
    ],
    ids=ascii,
)
def test_zones_that_are_none_are_refused_with_the_nearest(zone: Any, hint: str | None) -> None:
    with pytest.raises(DeclarationError, match="zone") as caught:
        check_zone(zone, HERE)
    assert len(caught.value.message) < 300
    if hint is not None:
        assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("zone", ["Nowhere/None", "../x", "", "\x00"])
def test_fire_times_of_no_zone_are_refused(zone: str) -> None:
    with pytest.raises(InvalidArgument, match="zone"):
        next_fire("* * * * *", zone, 0)


def test_policies_are_skip_latest_and_skip_allow() -> None:
    for missed in ("skip", "latest"):
        for overlap in ("skip", "allow"):
            check_policies(missed, overlap, HERE)
    for wrong in ("all", "", None, True, "SKIP"):
        with pytest.raises(DeclarationError, match="missed"):
            check_policies(wrong, "skip", HERE)
        with pytest.raises(DeclarationError, match="overlap"):
            check_policies("skip", wrong, HERE)


def test_a_fire_time_is_later_than_after_never_equal() -> None:
    first = next_fire("*/5 * * * *", "UTC", 1000)
    assert first == 1200
    assert next_fire("*/5 * * * *", "UTC", first) == 1500
    assert next_fire("*/5 * * * *", "UTC", first - 0.001) == first
    assert next_fire("*/5 * * * *", "UTC", first + 0.001) == 1500


def test_times_before_1970_and_far_ahead_are_worked_out() -> None:
    assert next_fire("0 0 1 1 *", "UTC", utc("1900-06-01T00:00").timestamp()) == utc("1901-01-01T00:00").timestamp()
    assert next_fire("0 0 1 1 *", "UTC", utc("9000-06-01T00:00").timestamp()) == utc("9001-01-01T00:00").timestamp()
    assert next_fire("0 0 29 2 *", "UTC", utc("9989-06-01T00:00").timestamp()) is None


def test_an_expression_that_clocks_skip_for_ever_ends() -> None:
    # Berlin skips 02:30 on a Sunday of March only; as the one time of a year it comes in other years.
    times = list(islice(fire_times("30 2 29 3 *", "Europe/Berlin", utc("2026-01-01T00:00").timestamp()), 3))
    years = [datetime.fromtimestamp(at, UTC).year for at in times]
    # 29 March is the last Sunday in 2026 and 2037.
    assert years == [2027, 2028, 2029]


def random_expression(source: random.Random) -> str:
    def field(low: int, high: int) -> str:
        kind = source.random()
        if kind < 0.3:
            return "*"
        if kind < 0.5:
            size = high - low + 1
            return f"*/{source.choice([n for n in range(1, size + 1) if size % n == 0])}"
        if kind < 0.7:
            first = source.randint(low, high)
            last = source.randint(first, high)
            return f"{first}-{last}" if source.random() < 0.7 or first == last else f"{first}-{last}/{last - first}"
        return ",".join(str(source.randint(low, high)) for _ in range(source.randint(1, 4)))

    while True:
        fields = [field(*bounds) for bounds in RANGES]
        if fields[2] != "*" and fields[4] != "*":
            fields[source.choice([2, 4])] = "*"
        # A day of the month that no month of the list has is refused, rightly.
        if fields[2] == "*" or fields[3] == "*" or min(listed(fields[2], 1, 31)) <= 29:
            return " ".join(fields)


def cases(seed: int, count: int) -> Iterator[tuple[str, str, datetime]]:
    source = random.Random(seed)
    zones = sorted({zone for zone, _ in CHANGES} | {"UTC", "Asia/Kolkata", "Europe/London", "Pacific/Chatham"})
    for _ in range(count):
        start = utc("2020-01-01T00:00") + timedelta(minutes=source.randrange(10 * 365 * 1440))
        yield random_expression(source), source.choice(zones), start


def compare(seed: int, count: int, window: timedelta) -> None:
    print("seed", seed)
    fired = 0
    for expression, zone, start in cases(seed, count):
        expected = oracle(expression, zone, start, start + window)
        found = ours(expression, zone, start, start + window)
        assert local_texts(found, zone) == local_texts(expected, zone), (seed, expression, zone, start)
        canonic = canonical(parse_cron(expression, HERE))
        assert ours(canonic, zone, start, start + window) == found, (seed, expression, canonic)
        fired += len(expected)
    assert fired > count


def test_twenty_random_expressions_fire_as_the_minutes_say() -> None:
    compare(20261126, 20, timedelta(days=4))


@pytest.mark.slow
def test_two_hundred_random_expressions_fire_as_the_minutes_say() -> None:
    compare(random.randrange(2**32), 200, timedelta(days=10))
