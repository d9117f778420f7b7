"""Our cron as EventBridge Scheduler's, held against a reading of its documentation that shares no code with ours.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
"""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from portable_aws.template_schedules import LONGEST_EXPRESSION, aws_cron

from portable.errors import Location
from portable.schedules import check_cron, every_to_cron, fire_times

HERE = Location("app.py", 1)
NAMES = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (1, 7))
FIELD = re.compile(r"\*|\?|[0-9,/-]+")
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()


def values(text: str, low: int, high: int) -> set[int]:
    """One field as Scheduler reads it: `*`, `?`, lists, ranges, `first/step`."""
    assert FIELD.fullmatch(text), text
    if text in ("*", "?"):
        return set(range(low, high + 1))
    found: set[int] = set()
    for entry in text.split(","):
        first, _, step = entry.partition("/")
        start, dash, end = first.partition("-")
        stop = int(end) if dash else high if step else int(start)
        assert low <= int(start) <= stop <= high, entry
        found.update(range(int(start), stop + 1, int(step or 1)))
    return found


def scheduler_times(expression: str, zone: str, after: float) -> Iterator[float]:
    """When Scheduler fires, by the clocks of the zone: not when they skip a time, once when they show it twice."""
    match = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) \*\)", expression)
    assert match, expression
    assert (match[3] == "?") != (match[5] == "?"), "exactly one of the two days is ?"
    minutes, hours, days, months, weekdays = (
        values(text, low, high) for text, (low, high) in zip(match.groups(), RANGES, strict=True)
    )
    place = ZoneInfo(zone)
    moment = after - after % 60
    shown: set[tuple[int, ...]] = set()
    for _ in range(60 * 24 * 800):
        moment += 60
        local = datetime.fromtimestamp(moment, place)
        is_day = local.day in days and local.month in months and local.isoweekday() % 7 + 1 in weekdays
        if not is_day:
            # On to just before the next hour, which is never more than one change of clocks away.
            moment += 60 * (59 - local.minute)
            continue
        if local.hour in hours and local.minute in minutes:
            reading = tuple(local.timetuple()[:5])
            earlier = datetime.fromtimestamp(moment, place).replace(fold=0).timestamp()
            if reading not in shown and earlier >= moment:
                shown.add(reading)
                yield moment
        elif local.hour not in hours:
            moment += 60 * (59 - local.minute)


@pytest.mark.parametrize(
    ("cron", "aws"),
    [
        ("*/15 * * * *", "cron(0/15 * * * ? *)"),
        ("0 3 * * 1-5", "cron(0 3 ? * 2-6 *)"),
        ("30 6 1 */3 *", "cron(30 6 1 1/3 ? *)"),
        ("0 0 * * 0", "cron(0 0 ? * 1 *)"),
        ("0 0 * * SAT,SUN", "cron(0 0 ? * 1,7 *)"),
        ("0 0 29 2 *", "cron(0 0 29 2 ? *)"),
        ("5,7,9 1-4 * * *", "cron(5,7,9 1-4 * * ? *)"),
        ("* * * * *", "cron(* * * * ? *)"),
    ],
)
def test_an_expression_is_written_as_scheduler_reads_it(cron: str, aws: str) -> None:
    assert aws_cron(check_cron(cron, HERE)) == aws


@pytest.mark.parametrize("unit", [{"minutes": 1}, {"minutes": 12}, {"hours": 1}, {"hours": 8}, {"days": 1}])
def test_every_is_a_schedule_too(unit: dict[str, int]) -> None:
    cron = every_to_cron(**{"minutes": 0, "hours": 0, "days": 0, **unit}, location=HERE)
    ours, theirs = (list(islice(times, 30)) for times in both(cron, "UTC", START))
    assert ours == theirs


def both(cron: str, zone: str, after: float) -> tuple[Iterator[float], Iterator[float]]:
    return fire_times(cron, zone, after), scheduler_times(aws_cron(check_cron(cron, HERE)), zone, after)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/30 1-3 * * *", "15 0 * * 0", "45 1 * * *"])
def test_days_on_which_clocks_change_are_the_same(cron: str, zone: str) -> None:
    """From a week before each change of 2026 on, for two weeks."""
    place = ZoneInfo(zone)
    changes = 0
    day = datetime(2026, 1, 1, 12, tzinfo=UTC)
    while day.year == 2026:
        if day.astimezone(place).utcoffset() != (day + timedelta(days=1)).astimezone(place).utcoffset():
            changes += 1
            after = (day - timedelta(days=7)).timestamp()
            end = (day + timedelta(days=7)).timestamp()
            ours, theirs = (list(within(times, end)) for times in both(cron, zone, after))
            assert ours == theirs
            assert ours
        day += timedelta(days=1)
    assert changes == 2


def within(times: Iterator[float], end: float) -> Iterator[float]:
    for moment in times:
        if moment > end:
            return
        yield moment


def test_random_schedules_fire_when_ours_do() -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    zones = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Auckland")
    fired = 0
    for _ in range(60):
        minute = ",".join(map(str, sorted(chance.sample(range(60), chance.choice([1, 2, 5])))))
        hour = chance.choice(["*", "*/6", "0", "2", "1-4", "3,5,23"])
        day, weekday = chance.choice(
            [("*", "*"), ("1,15", "*"), ("28-31", "*"), ("*", "0"), ("*", "1-5"), ("*", "6,0")]
        )
        month = chance.choice(["*", "*", "*/2", "3", "10,11"])
        cron = f"{minute} {hour} {day} {month} {weekday}"
        after = START + chance.randrange(300) * 86400 + chance.randrange(86400)
        ours, theirs = (
            list(islice(within(times, after + 90 * 86400), 40)) for times in both(cron, chance.choice(zones[:1]), after)
        )
        assert ours == theirs, cron
        zone = chance.choice(zones)
        ours, theirs = (list(islice(within(times, after + 90 * 86400), 40)) for times in both(cron, zone, after))
        assert ours == theirs, (cron, zone)
        fired += len(ours)
    assert fired > 500


def test_the_longest_schedule_that_there_is_fits() -> None:
    """Every third value left out: no run is long enough to be written as a range, and nothing else is longer."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)

    def text(low: int, high: int, keep: float | None) -> str:
        """The lowest stays in what is random: a schedule of the 31st of April alone would be refused."""
        if keep is None:
            return ",".join(str(n) for n in range(low, high + 1) if (n - low) % 3)
        return ",".join(str(n) for n in range(low, high + 1) if n == low or chance.random() < keep)

    sizes: list[int] = []
    for keep in (None, *(number / 100 for number in range(10, 95, 5) for _ in range(20))):
        minutes, hours, days, months = (text(low, high, keep) for low, high in ((0, 59), (0, 23), (1, 31), (1, 12)))
        sizes.append(len(aws_cron(check_cron(f"{minutes} {hours} {days} {months} *", HERE))))
    assert max(sizes) == sizes[0]
    assert 200 < max(sizes) <= LONGEST_EXPRESSION
