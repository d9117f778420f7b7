"""D9, Q3, T2, T3: clocks that jump and pages under writers; leases that ran out while the worker stood still."""

import random
import threading
from collections import Counter
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from portable_local.running import running
from portable_local.scheduler import ON_TIME, due
from portable_local.store.engine import Engine

from portable import App
from portable.schedules import fire_times
from portable.testing import ManualClock

START = datetime(2026, 3, 28, 0, 0, tzinfo=UTC).timestamp()
"""The day before clocks change in Berlin."""
HOUR, DAY, YEAR = 3600.0, 86400.0, 365 * 86400.0
LONGEST_DAYS = 12


# Leases: the fence decides who may end an attempt


class Queue:
    """The queue of an engine in memory, on a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.engine = Engine(None, self.clock, random.Random(7))
        handler = {"kind": "task", "max_attempts": 3, "timeout": 60, "min_backoff": 1.0, "max_backoff": 1.0}
        wiring: dict[str, Any] = {kind: {} for kind in ("tables", "topics", "changes", "buckets", "schedules")}
        self.do("bind", {"wiring": {**wiring, "handlers": {"work": handler}}})

    def do(self, operation: str, arguments: dict[str, Any]) -> Any:
        return self.engine.execute([(operation, arguments)])[0].unwrap()

    def send(self, id: str) -> None:
        now = self.clock.now()
        message = {"task": "work", "id": id, "body": "null", "enqueued_at": now, "due": now, "dedup": None}
        self.do("queue.send", message)

    def claim(self, worker: str, lease: float = 10.0) -> dict[str, Any] | None:
        found: list[dict[str, Any]] = self.do("queue.claim", {"worker": worker, "slots": 1, "lease": lease})
        return found[0] if found else None

    def finish(self, delivery: dict[str, Any], status: str = "succeeded", result: str = "null") -> bool:
        outcome = {"id": delivery["id"], "fence": delivery["fence"], "status": status, "result": result, "error": "x"}
        return bool(self.do("queue.finish", outcome))

    def row(self, id: str) -> tuple[str, int, str | None]:
        sql = "SELECT state, attempts, result FROM deliveries WHERE id = ?"
        state, attempts, result = self.engine._session.execute(sql, (id,)).fetchone()
        return state, attempts, result


@pytest.mark.parametrize("round_number", range(20))
def test_the_late_end_of_an_attempt_whose_lease_ran_out_does_not_win(round_number: int) -> None:
    queue = Queue()
    queue.send("a")
    late = queue.claim("stopped")
    assert late is not None
    queue.clock.advance(9.9)
    assert queue.claim("other") is None, "the lease has not run out"
    queue.clock.advance(0.2)
    assert queue.claim("other") is None, "a lost attempt waits as a failed one does"
    if round_number % 2:
        assert queue.finish(late) is False
        assert queue.row("a")[:2] == ("failed", 1)
    queue.clock.advance(2.0)
    second = queue.claim("other")
    assert second is not None
    assert second["attempt"] == 2
    assert queue.finish(late, result='"late"') is False
    assert queue.finish(late, "failed") is False
    assert queue.do("queue.renew", {"leases": [["a", late["fence"]], ["a", second["fence"]]], "lease": 10}) == [
        False,
        True,
    ]
    assert queue.finish(second, result='"second"') is True
    assert queue.finish(late, result='"late"') is False
    assert queue.finish(second, result='"again"') is False
    assert queue.row("a") == ("succeeded", 2, '"second"')


def test_a_lease_that_is_renewed_is_kept_however_long_it_takes() -> None:
    queue = Queue()
    queue.send("a")
    held = queue.claim("slow")
    assert held is not None
    for _ in range(20):
        queue.clock.advance(9.0)
        assert queue.do("queue.renew", {"leases": [["a", held["fence"]]], "lease": 10}) == [True]
        assert queue.claim("other") is None
    assert queue.finish(held) is True


def test_an_attempt_that_always_loses_its_lease_counts_and_ends_among_the_dead() -> None:
    queue = Queue()
    queue.send("a")
    starts: list[int] = []
    fences: list[dict[str, Any]] = []
    for _ in range(50):
        claimed = queue.claim("vanishing")
        if claimed is not None:
            starts.append(claimed["attempt"])
            fences.append(claimed)
        queue.clock.advance(6.0)
    assert starts == [1, 2, 3]
    assert queue.row("a")[:2] == ("dead", 3)
    assert [queue.finish(held) for held in fences] == [False] * 3
    assert queue.do("queue.redrive", {"handler": "work", "id": "a"}) is True
    assert [queue.finish(held) for held in fences] == [False] * 3
    again = queue.claim("well")
    assert again is not None
    assert again["attempt"] == 1
    assert [queue.finish(held) for held in fences] == [False] * 3
    assert queue.finish(again) is True


@pytest.mark.parametrize("jump", [-YEAR, -HOUR, HOUR, YEAR], ids=["back a year", "back an hour", "an hour", "a year"])
def test_a_jump_of_the_clock_neither_loses_a_task_nor_runs_it_twice(jump: float) -> None:
    queue = Queue()
    for number in range(10):
        queue.send(f"{number}")
    ended: Counter[str] = Counter()
    held = [queue.claim("w", lease=1e9) for _ in range(5)]
    queue.clock.set(queue.clock.now() + jump)
    for delivery in held:
        assert delivery is not None
        assert queue.finish(delivery)
        ended[delivery["id"]] += 1
    # After a jump back they are due when the clock comes there again.
    queue.clock.set(max(queue.clock.now(), START))
    while (delivery := queue.claim("w", lease=1e9)) is not None:
        assert queue.finish(delivery)
        ended[delivery["id"]] += 1
    assert ended == Counter({f"{number}": 1 for number in range(10)})


# Schedules


@lru_cache(maxsize=16)
def shown(zone: str, since: float, days: int) -> list[tuple[float, datetime]]:
    """(minute, what clocks show then) of every minute of some days; a time that is shown twice only the first time."""
    place = ZoneInfo(zone)
    found: list[tuple[float, datetime]] = []
    known: set[datetime] = set()
    for number in range(days * 24 * 60):
        minute = since + number * 60
        local = datetime.fromtimestamp(minute, place).replace(tzinfo=None, fold=0)
        if local not in known:
            found.append((minute, local))
            known.add(local)
    return found


def minute_by_minute(fields: tuple[set[int] | None, ...], zone: str, since: float, until: float) -> list[float]:
    """Fire times in (since, until], by looking at what the clocks show in every minute."""
    # From a day before, so that a time that is shown twice is known the second time.
    midnight = since - since % DAY - DAY
    found: list[float] = []
    for minute, local in shown(zone, midnight, LONGEST_DAYS + 2):
        values = (local.minute, local.hour, local.day, local.month, local.isoweekday() % 7)
        if since < minute <= until and all(
            wanted is None or value in wanted for wanted, value in zip(fields, values, strict=True)
        ):
            found.append(minute)
    return found


CRONS: dict[str, tuple[set[int] | None, ...]] = {
    "*/15 * * * *": ({0, 15, 30, 45}, None, None, None, None),
    "0 * * * *": ({0}, None, None, None, None),
    "30 2 * * *": ({30}, {2}, None, None, None),
    "0 3 * * 1-5": ({0}, {3}, None, None, {1, 2, 3, 4, 5}),
    "0 0 29 * *": ({0}, {0}, {29}, None, None),
}
ZONES = ("UTC", "Europe/Berlin", "Australia/Lord_Howe")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", CRONS)
def test_the_fire_times_of_four_days_with_a_change_of_clocks_are_those_of_every_minute(cron: str, zone: str) -> None:
    for start in (START, datetime(2026, 10, 24, tzinfo=UTC).timestamp(), datetime(2026, 4, 3, tzinfo=UTC).timestamp()):
        end = start + 4 * DAY
        expected = minute_by_minute(CRONS[cron], zone, start, end)
        found: list[float] = []
        for at in fire_times(cron, zone, start):
            if at > end:
                break
            found.append(at)
        assert found == expected


def decide(cron: str, zone: str, missed: str, clock: list[float]) -> tuple[list[tuple[float, float]], list[float]]:
    """(the runs as (when, fire time), the skipped ones) of a scheduler that looks at these times of the clock."""
    last = clock[0]
    fired: list[tuple[float, float]] = []
    skipped: list[float] = []
    for now in clock[1:]:
        found = due(cron, zone, missed, last, now, fire_times)
        assert found.skipped == sorted(found.skipped)
        decided = [*found.skipped, *([] if found.fire is None else [found.fire])]
        assert all(last < at <= now for at in decided)
        skipped += found.skipped
        if found.fire is not None:
            fired.append((now, found.fire))
        last = max([last, *decided])
    return fired, skipped


@pytest.mark.parametrize("missed", ["skip", "latest"])
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", CRONS)
def test_whatever_the_clock_does_every_fire_time_is_run_once_or_recorded_as_skipped(
    cron: str, zone: str, missed: str
) -> None:
    seed = random.randrange(2**32)
    source = random.Random(seed)
    for _ in range(4):
        clock = [START + source.uniform(0, DAY - 1)]
        for _ in range(60):
            # Mostly the looks of a scheduler, sometimes a sleep, sometimes a jump either way.
            step = source.choice(
                [
                    source.uniform(0, 10),
                    source.uniform(0, 900),
                    source.uniform(0, HOUR),
                    HOUR,
                    -HOUR,
                    DAY,
                    -DAY / 2,
                    0.0,
                ]
            )
            clock.append(min(clock[-1] + step, clock[0] + LONGEST_DAYS * DAY))
        fired, skipped = decide(cron, zone, missed, clock)
        expected = minute_by_minute(CRONS[cron], zone, clock[0], max(clock))
        assert sorted([at for _, at in fired] + skipped) == expected, f"seed {seed}"
        for now, at in fired:
            assert at <= now, f"seed {seed}: run before its time"
            assert missed == "latest" or now - at <= ON_TIME, f"seed {seed}: a missed one was run"


def test_a_jump_of_a_year_runs_once_at_most_and_a_jump_back_runs_nothing_again() -> None:
    fired, skipped = decide("0 * * * *", "UTC", "latest", [START, START + YEAR, START, START + DAY, START + YEAR])
    assert [at for _, at in fired] == [START + YEAR]
    assert len(skipped) == 1000, "the newest of them are recorded"
    fired, skipped = decide("0 * * * *", "UTC", "skip", [START, START + YEAR + 120])
    assert fired == []
    assert len(skipped) > 900


def test_two_changes_of_the_clock_in_autumn_run_a_daily_time_once() -> None:
    # 02:30 is shown twice in Berlin on 25 October 2026.
    start = datetime(2026, 10, 24, 12, tzinfo=UTC).timestamp()
    clock = [start + step * 30.0 for step in range(int(DAY / 30))]
    fired, skipped = decide("30 2 * * *", "Europe/Berlin", "skip", clock)
    assert len(fired) == 1
    assert skipped == []
    # And not at all on 29 March.
    clock = [START + DAY - HOUR + step * 30.0 for step in range(int(8 * HOUR / 30))]
    assert decide("30 2 * * *", "Europe/Berlin", "skip", clock) == ([], [])


# Items that expire, and pages


@pytest.mark.parametrize("seed", range(5))
def test_an_item_is_there_until_its_second_and_not_from_then_on_whatever_the_clock_does(seed: int) -> None:
    source = random.Random(seed)
    app = App("durable")
    table = app.table("items", key=("pk", "sk"), ttl="expires")
    clock = ManualClock(START)
    with running(app, clock) as started:
        ends: dict[str, int] = {}
        for number in range(20):
            ends[f"{number:02}"] = int(START) + source.randrange(1, 1000)
            expires = datetime.fromtimestamp(ends[f"{number:02}"], UTC)
            table.put({"pk": "p", "sk": f"{number:02}", "expires": expires})
        swept = 0.0
        for _ in range(100):
            clock.set(
                START + source.choice((source.uniform(0, 1100), source.randrange(1100), source.uniform(-DAY, DAY)))
            )
            if source.random() < 0.2:
                started.store.call("sweep", {})
                swept = max(swept, clock.now())
            now = clock.now()
            alive = {sk for sk, end in ends.items() if now < end}
            assert {item["sk"] for item in table.query("p")} == alive
            assert {item["sk"] for item in table.scan(limit=100)} == alive
            for sk in ends:
                assert (table.get("p", sk) is not None) == (sk in alive)
        # What a sweep removes was over for a day, even if the clock was an hour wrong.
        assert swept < START + 2 * DAY


@pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
def test_pages_under_writers_show_what_was_there_throughout_exactly_once(reverse: bool) -> None:
    seed = random.randrange(2**32)
    source = random.Random(seed)
    app = App("durable")
    table = app.table("items", key=("pk", "sk"))
    with running(app):
        stays = {f"{number:04}" for number in range(0, 400, 2)}
        table.batch_write([{"pk": "p", "sk": sk, "n": 0} for sk in stays])
        stop = threading.Event()
        errors: list[BaseException] = []
        writes = [0]

        def disturb(chance: random.Random) -> None:
            try:
                while not stop.is_set():
                    number = chance.randrange(400)
                    sk = f"{number:04}"
                    if number % 2 == 0:
                        table.put({"pk": "p", "sk": sk, "n": chance.randrange(1000)})
                    elif chance.random() < 0.5:
                        table.put({"pk": "p", "sk": sk, "n": 1})
                    else:
                        table.delete("p", sk)
                    writes[0] += 1
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=disturb, args=(random.Random(seed + n),), daemon=True) for n in range(3)]
        for thread in threads:
            thread.start()
        try:
            for number in range(2000):
                if number >= 25 and writes[0] > 400:
                    break
                seen: list[str] = []
                cursor: str | None = None
                while True:
                    page = table.query("p", reverse=reverse, limit=source.randrange(1, 40), cursor=cursor)
                    seen += [item["sk"] for item in page]
                    cursor = page.cursor
                    if cursor is None:
                        break
                counted = Counter(seen)
                assert all(counted[sk] == 1 for sk in stays), f"seed {seed}"
                assert max(counted.values()) == 1, f"seed {seed}: shown twice"
                assert seen == sorted(seen, reverse=reverse)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        assert errors == []
        assert writes[0] > 400, f"seed {seed}: hardly anything was written meanwhile"
