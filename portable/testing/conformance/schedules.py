"""Schedules: each fire time is run, or skipped for a declared reason; the dialect is that of every provider."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from portable.adapter import Running
from portable.app import App, Service
from portable.context import Context
from portable.dead_letters import dead_letters
from portable.errors import DeclarationError
from portable.schedules import fire_times

from .harness import Harness

DAY = 24 * 3600


def settle(running: Running, rounds: int, seconds: float = 301) -> None:
    for _ in range(rounds):
        running.drain()
        running.advance(seconds)
    running.drain()


def past_next(running: Running, period: int) -> None:
    """Moves to a second after the next multiple of `period` seconds in UTC, whatever the time is now."""
    running.advance(period - running.now() % period + 1)


def advance_to(running: Running, moment: datetime) -> None:
    running.advance(moment.timestamp() - running.now())


class ScheduleConformance:
    """At least once per fire time, told which one it is; overlap and failures as declared."""

    def test_a_schedule_runs_at_its_times_and_not_between(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[float] = []

        @app.every(minutes=15)
        def sweep(context: Context) -> None:
            assert context.scheduled_at is not None
            seen.append(context.scheduled_at)

        with harness.running(app) as running:
            running.drain()
            assert seen == []
            start = running.now()
            for _ in range(8):
                running.advance(450)
                running.drain()
            expected = [at for at in range(int(start), int(running.now()) + 1) if at > start and at % 900 == 0]
            assert len(expected) == 4
            assert sorted(set(seen)) == expected

    @pytest.mark.parametrize(
        ("cron", "zone"),
        [
            ("*/30 * * * *", "UTC"),
            ("0 3 * * 1-5", "Australia/Sydney"),
            ("15,45 6-8 * * *", "Asia/Kathmandu"),
            ("30 2 * * *", "Europe/Berlin"),
            ("0 12 * JAN,jul SUN", "America/New_York"),
        ],
    )
    def test_cron_in_a_zone_runs_at_the_local_times(self, harness: Harness, cron: str, zone: str) -> None:
        app = App("conformance")
        seen: list[float] = []

        @app.cron(cron, zone=zone)
        def tick(at: datetime) -> None:
            seen.append(at.timestamp())

        with harness.running(app) as running:
            times = fire_times(cron, zone, running.now())
            for _ in range(3):
                at = next(times)
                running.advance(at - running.now() - 0.5)
                running.drain()
                count = len(seen)
                running.advance(1)
                running.drain()
                assert len(seen) > count
                assert seen[-1] == at

    def test_a_local_time_that_does_not_exist_is_skipped_and_one_that_occurs_twice_runs_once(
        self, harness: Harness
    ) -> None:
        app = App("conformance")
        seen: list[datetime] = []
        zone = ZoneInfo("Europe/Berlin")

        @app.cron("30 2 * * *", zone="Europe/Berlin")
        def tick(at: datetime) -> None:
            seen.append(at)

        with harness.running(app) as running:
            year = datetime.fromtimestamp(running.now(), UTC).year + 1
            for month in (3, 10):
                # Clocks change on the last Sunday of March and of October.
                sunday = max(
                    day for n in range(25, 32) if (day := datetime(year, month, n, tzinfo=zone)).isoweekday() == 7
                )
                advance_to(running, sunday - timedelta(hours=12))
                running.drain()
                seen.clear()
                for _ in range(8 * 6):
                    running.advance(1800)
                    running.drain()
                on_the_day = [at for at in seen if at.astimezone(zone).date() == sunday.date()]
                if month == 3:
                    assert on_the_day == []
                else:
                    assert on_the_day == [datetime(year, 10, sunday.day, 0, 30, tzinfo=UTC)]
                assert all(at.astimezone(zone).strftime("%H:%M") == "02:30" for at in seen)

    def test_a_handler_takes_nothing_a_context_a_datetime_or_both(self, harness: Harness) -> None:
        app = App("conformance")
        seen: dict[str, Any] = {}

        @app.every(hours=1)
        def bare() -> None:
            seen["bare"] = None

        @app.every(hours=1)
        def informed(context: Context) -> None:
            seen["informed"] = context

        @app.every(hours=1)
        def timed(at: datetime) -> None:
            seen["timed"] = at

        @app.every(hours=1)
        async def both(context: Context, at: datetime) -> None:
            seen["both"] = (context.scheduled_at, at)

        @app.every(hours=1)
        def defaulted(depth: int = 3) -> None:
            seen["defaulted"] = depth

        with harness.running(app) as running:
            start = running.now()
            running.advance(3600)
            running.drain()
            due = float(int(start) // 3600 * 3600 + 3600)
            assert set(seen) == {"bare", "informed", "timed", "both", "defaulted"}
            assert seen["timed"] == datetime.fromtimestamp(due, UTC)
            assert seen["timed"].tzinfo is UTC
            assert seen["both"] == (due, seen["timed"])
            assert seen["defaulted"] == 3
            context = seen["informed"]
            assert (context.kind, context.handler, context.attempt) == ("schedule", "informed", 1)
            assert context.scheduled_at == due
            assert 0 < context.deadline - running.now() <= 301
            assert len(context.traceparent.split("-")) == 4

    def test_the_decorated_function_stays_a_function(self, harness: Harness) -> None:
        app = App("conformance")

        def work() -> int:
            return 3

        assert app.every(minutes=5)(work) is work
        assert app.cron("0 0 1 * *", zone="Asia/Tokyo")(work) is work
        assert set(app.handlers) == {"work", "work-2"}
        with harness.running(app):
            assert work() == 3

    def test_fired_by_hand_it_runs_for_the_time_that_is_said(self, harness: Harness) -> None:
        app, part = App("conformance"), Service("part")
        seen: list[tuple[str, float]] = []

        @app.cron("0 3 29 2 *")
        def rare(at: datetime, context: Context) -> None:
            seen.append((context.handler, at.timestamp()))

        @part.every(days=1)
        def daily(at: datetime, context: Context) -> None:
            seen.append((context.handler, at.timestamp()))

        app.include(part)
        with harness.running(app) as running:
            now = running.now()
            running.fire("rare")
            assert seen == []
            running.drain()
            assert [name for name, _ in seen] == ["rare"]
            assert abs(seen[0][1] - now) < 5
            seen.clear()
            at = datetime(2028, 2, 29, 3, tzinfo=UTC)
            running.fire("rare", at)
            running.fire("part.daily", at)
            running.drain()
            assert set(seen) == {("rare", at.timestamp()), ("part.daily", at.timestamp())}

    def test_times_that_pass_at_once_are_run_or_skipped_but_never_run_twice(self, harness: Harness) -> None:
        app = App("conformance")
        seen: dict[str, list[float]] = {"skip": [], "allow": []}

        @app.every(hours=1, overlap="skip")
        def skipping(at: datetime) -> None:
            seen["skip"].append(at.timestamp())

        @app.every(hours=1, overlap="allow")
        def allowing(at: datetime) -> None:
            seen["allow"].append(at.timestamp())

        with harness.running(app) as running:
            start = int(running.now())
            running.advance(6 * 3600)
            running.drain()
            times = {float(at) for at in range(start // 3600 * 3600 + 3600, int(running.now()) + 1, 3600)}
            assert len(times) == 6
            for found in seen.values():
                assert found
                assert set(found) <= times
                assert len(set(found)) == len(found)
            # Nothing of it comes later, and the next time is on time.
            counts = {name: len(found) for name, found in seen.items()}
            running.drain()
            assert counts == {name: len(found) for name, found in seen.items()}
            running.advance(3600)
            running.drain()
            assert counts == {name: len(found) - 1 for name, found in seen.items()}

    @pytest.mark.parametrize(("overlap", "runs"), [("skip", 1), ("allow", 2)])
    def test_a_time_that_comes_while_it_still_runs_is_skipped_or_run(
        self, harness: Harness, overlap: Any, runs: int
    ) -> None:
        app = App("conformance")
        seen: list[float] = []
        clock: list[Running] = []

        @app.every(minutes=10, overlap=overlap, timeout=900)
        def slow(at: datetime) -> None:
            seen.append(at.timestamp())
            if len(seen) == 1:
                # The next fire time comes before this run has ended.
                clock[0].advance(600)

        with harness.running(app) as running:
            clock.append(running)
            running.advance(600)
            running.drain()
            assert len(set(seen)) == runs
            running.advance(600)
            running.drain()
            assert len(set(seen)) == runs + 1

    def test_without_retries_a_failure_is_a_dead_letter_and_the_next_time_is_run(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[tuple[float, int]] = []
        healthy: list[bool] = []

        @app.every(hours=1)
        def frail(at: datetime, context: Context) -> None:
            seen.append((at.timestamp(), context.attempt))
            if not healthy:
                raise ValueError("no luck")

        with harness.running(app) as running:
            past_next(running, 3600)
            running.drain()
            settle(running, 2)
            assert [attempt for _, attempt in seen] == [1]
            letters = dead_letters(app, frail)
            listed = letters.list().letters
            assert [(letter.handler, letter.attempts) for letter in listed] == [("frail", 1)]
            assert "no luck" in listed[0].error
            assert running.dead_letters("frail") == listed
            running.advance(3600)
            running.drain()
            assert len({at for at, _ in seen}) == 2
            healthy.append(True)
            first = seen[0][0]
            seen.clear()
            letters.redrive(listed[0].id)
            running.drain()
            assert seen == [(first, 1)], "the same fire time, with a fresh count"
            assert len(letters.list().letters) == 1

    def test_declared_retries_are_of_one_fire_time(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[tuple[float, int]] = []

        @app.cron("0 0 * * *", max_attempts=3)
        def frail(at: datetime, context: Context) -> None:
            seen.append((at.timestamp(), context.attempt))
            raise ValueError("no luck")

        with harness.running(app) as running:
            past_next(running, DAY)
            settle(running, 4)
            assert [attempt for _, attempt in seen] == [1, 2, 3]
            assert len({at for at, _ in seen}) == 1
            assert len(running.dead_letters("frail")) == 1

    def test_a_run_may_be_delivered_again_for_the_same_time(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[float] = []

        @app.every(hours=1)
        def tick(at: datetime) -> None:
            seen.append(at.timestamp())

        with harness.running(app) as running:
            running.advance(3600)
            running.drain()
            count = len(seen)
            assert running.redeliver("tick") >= 1
            running.drain()
            assert len(seen) > count
            assert len(set(seen)) == 1

    def test_a_schedule_may_use_what_the_app_has(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.task()
        def work(text: str) -> None:
            seen.append(text)

        @app.every(hours=1)
        def tick(at: datetime) -> None:
            work.send(at.isoformat(), dedup=at.isoformat())

        with harness.running(app) as running:
            running.advance(3600)
            running.drain()
            assert len(set(seen)) == 1
            assert running.redeliver("tick") == 1
            running.drain()
            assert len(seen) == 1

    # Declarations

    @pytest.mark.parametrize(
        ("options", "cron"),
        [
            ({"minutes": 1}, "* * * * *"),
            ({"minutes": 5}, "*/5 * * * *"),
            ({"minutes": 30}, "*/30 * * * *"),
            ({"hours": 1}, "0 * * * *"),
            ({"hours": 12}, "0 */12 * * *"),
            ({"days": 1}, "0 0 * * *"),
        ],
        ids=repr,
    )
    def test_every_n_that_divides_is_a_cron_expression(
        self, harness: Harness, options: dict[str, Any], cron: str
    ) -> None:
        app = App("conformance")

        @app.every(**options)
        def tick() -> None:
            return

        trigger: Any = app.handlers["tick"].spec.trigger
        assert (trigger.cron, trigger.zone) == (cron, "UTC")
        with harness.running(app) as running:
            running.advance(60)
            running.drain()

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"minutes": 7},
            {"minutes": 60},
            {"minutes": 45},
            {"minutes": -5},
            {"minutes": 1.5},
            {"minutes": True},
            {"hours": 5},
            {"hours": 24},
            {"days": 2},
            {"days": 7},
            {"minutes": 5, "hours": 1},
            {"minutes": 5, "missed": "all"},
            {"minutes": 5, "overlap": "wait"},
            {"minutes": 5, "max_attempts": 0},
            {"minutes": 5, "max_attempts": 101},
            {"minutes": 5, "timeout": 901},
            {"minutes": 5, "timeout": 0},
        ],
        ids=repr,
    )
    def test_an_every_that_no_provider_has_is_refused(self, harness: Harness, options: dict[str, Any]) -> None:
        app = App("conformance")

        def tick() -> None:
            raise AssertionError

        with pytest.raises(DeclarationError) as caught:
            app.every(**options)(tick)
        assert caught.value.location is not None
        with harness.running(app):
            pass

    @pytest.mark.parametrize(
        ("expression", "field"),
        [
            ("* * * *", "fields"),
            ("* * * * * *", "fields"),
            ("", "fields"),
            ("@daily", "fields"),
            ("60 * * * *", "minute"),
            ("-1 * * * *", "minute"),
            ("*/7 * * * *", "minute"),
            ("5/15 * * * *", "minute"),
            ("1,,2 * * * *", "minute"),
            ("* 24 * * *", "hour"),
            ("* */5 * * *", "hour"),
            ("* 17-9 * * *", "hour"),
            ("0 0 0 * *", "day of month"),
            ("0 0 32 * *", "day of month"),
            ("0 0 L * *", "day of month"),
            ("0 0 15W * *", "day of month"),
            ("0 0 ? * *", "day of month"),
            ("0 0 */2 * *", "day of month"),
            ("0 0 * 13 *", "month"),
            ("0 0 * JANUARY *", "month"),
            ("0 0 * * 7", "day of week"),
            ("0 0 * * MON#1", "day of week"),
            ("0 0 * * FRI-MON", "day of week"),
            ("0 0 1 * 1", "both"),
            ("0 0 30 2 *", "never"),
            ("0 0 31 4,6,9,11 *", "never"),
        ],
    )
    def test_an_expression_that_no_provider_or_not_all_can_run_is_refused_by_field(
        self, harness: Harness, expression: str, field: str
    ) -> None:
        app = App("conformance")

        def tick() -> None:
            raise AssertionError

        with pytest.raises(DeclarationError, match=field) as caught:
            app.cron(expression)(tick)
        assert caught.value.location is not None
        with harness.running(app):
            pass

    @pytest.mark.parametrize(
        "zone", ["", "Mars/Olympus", "europe/berlin", "../UTC", "/etc/passwd", "CET-1", "+02:00", None]
    )
    def test_a_zone_that_there_is_not_is_refused(self, harness: Harness, zone: Any) -> None:
        app = App("conformance")

        def tick() -> None:
            raise AssertionError

        with pytest.raises(DeclarationError, match="zone"):
            app.cron("0 0 * * *", zone=zone)(tick)
        with harness.running(app):
            pass
