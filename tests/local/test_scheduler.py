"""Which fire times are due: decided by values, with times made here instead of by cron."""

import random
from collections.abc import Callable, Iterator
from itertools import count

import pytest
from portable_local.scheduler import ON_TIME, RECORDED, Due, due

from portable.schedules import fire_times

FireTimes = Callable[[str, str, float], Iterator[float]]


def each(seconds: float) -> FireTimes:
    """Fire times at all multiples of `seconds`, without end."""

    def times(_: str, __: str, after: float) -> Iterator[float]:
        first = int(after // seconds) + 1
        return (number * seconds for number in count(first))

    return times


def at(*moments: float) -> FireTimes:
    """Fire times at these moments and never again."""
    return lambda _, __, after: iter([moment for moment in moments if moment > after])


def decide(times: FireTimes, last: float, now: float, missed: str = "skip") -> Due:
    return due("* * * * *", "UTC", missed, last, now, times)


def test_before_the_next_fire_time_nothing_is_due() -> None:
    assert decide(each(60), 120, 179.9) == Due(None, [])


def test_a_fire_time_is_due_at_its_very_second() -> None:
    assert decide(each(60), 120, 180) == Due(180, [])


@pytest.mark.parametrize("missed", ["skip", "latest"])
@pytest.mark.parametrize("late", [0.0, 1.0, 59.0, ON_TIME])
def test_a_fire_time_that_is_hardly_late_is_run_whatever_the_policy(late: float, missed: str) -> None:
    assert decide(at(1000), 0, 1000 + late, missed) == Due(1000, [])


def test_a_missed_fire_time_is_skipped_or_run_as_declared() -> None:
    assert decide(at(1000), 0, 1000 + ON_TIME + 0.1, "skip") == Due(None, [1000])
    assert decide(at(1000), 0, 1000 + ON_TIME + 0.1, "latest") == Due(1000, [])
    assert decide(at(1000), 0, 1e8, "latest") == Due(1000, [])


def test_of_several_missed_ones_at_most_the_newest_is_run_and_the_others_are_skipped() -> None:
    moments = (100, 200, 300)
    assert decide(at(*moments), 0, 5000, "skip") == Due(None, [100, 200, 300])
    assert decide(at(*moments), 0, 5000, "latest") == Due(300, [100, 200])
    assert decide(at(*moments), 0, 310, "skip") == Due(300, [100, 200])


def test_what_was_decided_before_is_not_decided_again() -> None:
    assert decide(at(100, 200), 100, 210) == Due(200, [])
    assert decide(at(100, 200), 200, 210) == Due(None, [])


@pytest.mark.parametrize("missed", ["skip", "latest"])
def test_a_clock_that_went_back_fires_nothing(missed: str) -> None:
    assert decide(each(60), 10_000, 9_000, missed) == Due(None, [])
    assert decide(each(60), 10_000, 10_000, missed) == Due(None, [])


@pytest.mark.parametrize("seconds", [60, 900, 86_400])
def test_a_clock_that_jumped_years_ahead_fires_once_and_records_the_newest(seconds: float) -> None:
    now = 3 * 366 * 86_400.0 + 30
    found = decide(each(seconds), 0, now, "latest")
    newest = now // seconds * seconds
    assert found.fire == newest
    assert len(found.skipped) <= RECORDED
    assert found.skipped == [newest - seconds * back for back in range(len(found.skipped), 0, -1)]
    assert len(found.skipped) == min(RECORDED, newest / seconds - 1)


def test_a_rare_schedule_is_found_however_long_ago_it_was_due() -> None:
    moment = 1_000_000.0
    now = moment + 8 * 366 * 86_400
    assert decide(at(moment), 0, now, "skip") == Due(None, [moment])
    assert decide(at(moment), 0, now, "latest") == Due(moment, [])


def test_each_fire_time_is_decided_exactly_once_whenever_it_is_looked() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(seed)
    for _ in range(50):
        last = now = 0.0
        decided: list[float] = []
        for _ in range(40):
            now += source.choice([0.5, 20, 59, 61, 300, 4000, -100])
            found = due("*/5 * * * *", "UTC", source.choice(["skip", "latest"]), last, now, fire_times)
            news = [*found.skipped, *([found.fire] if found.fire is not None else [])]
            decided.extend(news)
            last = max([last, *news])
            assert found.fire is None or found.fire <= now
        assert decided == [300.0 * number for number in range(1, len(decided) + 1)], seed
        assert len(decided) == max(0, int(last // 300)), seed
