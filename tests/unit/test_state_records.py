"""What the framework keeps in its own table, over the local adapter's: runs, dead letters, dedup keys, leases."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest
from portable_local.running import running

from portable.app import App
from portable.deduplication import Deduplication
from portable.drivers import DeadLetter, TableDriver, TaskMessage
from portable.invocation import Outcome
from portable.leases import Leases
from portable.letters import KeptLetter, Letters
from portable.run_records import RunRecords
from portable.state_items import ABSENT, changed, fields_of, put_unless, state_item
from portable.testing.clock import ManualClock

DAY = 24 * 3600
START = 1_800_000_000.0


@contextmanager
def state() -> Generator[tuple[TableDriver, ManualClock]]:
    app, clock = App("shop"), ManualClock(START)
    with running(app, clock):
        yield app.binding.state, clock


def together(*functions: Callable[[], Any]) -> list[Any]:
    """What each function returned; all start at one moment."""
    barrier = threading.Barrier(len(functions))
    found: dict[int, Any] = {}

    def run(number: int, function: Callable[[], Any]) -> None:
        barrier.wait(30)
        found[number] = function()

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == len(functions)
    return [found[number] for number in range(len(functions))]


# Records


def test_a_change_by_many_loses_none() -> None:
    with state() as (table, _):

        def add() -> None:
            def one_more(found: dict[str, Any] | None) -> Any:
                count = 0 if found is None else found["n"]
                return state_item("p", "s", {"n": count + 1}, START + DAY)

            changed(table, "p", "s", one_more, tries=200)

        together(*[add] * 8)
        stored = table.get("p", "s")
        assert stored is not None
        assert fields_of(stored) == {"n": 8}


def test_a_change_may_leave_a_record_alone() -> None:
    with state() as (table, _):
        assert changed(table, "p", "s", lambda found: None) is None
        assert table.get("p", "s") is None
        assert put_unless(table, state_item("p", "s", {}, START + 1), ABSENT) is not None
        assert put_unless(table, state_item("p", "s", {}, START + 1), ABSENT) is None


# Runs


def message(id: str = "01A") -> TaskMessage:
    return TaskMessage(id, "work", "1", START, START, None, "")


def test_a_run_is_queued_started_and_ended() -> None:
    with state() as (table, clock):
        runs = RunRecords(table, clock)
        assert runs.find("work", "01A") is None
        runs.queued(message())
        queued = runs.find("work", "01A")
        assert queued is not None
        assert (queued.state, queued.attempts, queued.enqueued_at) == ("queued", 0, START)
        clock.advance(5)
        first = runs.started("work", "01A", 1, START)
        runs.ended(first, Outcome("failed", error="no luck", retry_after=3))
        failed = runs.find("work", "01A")
        assert failed is not None
        assert (failed.state, failed.attempts, failed.error) == ("failed", 1, "no luck")
        second = runs.started("work", "01A", 2, START)
        runs.ended(second, Outcome("succeeded", result='{"x": 1}'))
        done = runs.find("work", "01A")
        assert done is not None
        assert (done.state, done.attempts, done.result, done.error) == ("succeeded", 2, '{"x": 1}', None)
        assert done.updated_at == START + 5


def test_a_record_that_is_there_is_not_queued_again() -> None:
    with state() as (table, clock):
        runs = RunRecords(table, clock)
        runs.started("work", "01A", 1, START)
        runs.queued(message())
        found = runs.find("work", "01A")
        assert found is not None
        assert found.state == "running"


def test_progress_that_was_reported_meanwhile_survives_the_end() -> None:
    with state() as (table, clock):
        runs = RunRecords(table, clock)
        run = runs.started("work", "01A", 1, START)
        runs.reported("work", "01A", 0.5, "half")
        runs.ended(run, Outcome("succeeded", result="1"))
        found = runs.find("work", "01A")
        assert found is not None
        assert (found.state, found.progress, found.note, found.result) == ("succeeded", 0.5, "half", "1")
        runs.reported("work", "01A", 0.7, None)
        found = runs.find("work", "01A")
        assert found is not None
        assert found.progress == 0.5, "a run that has ended reports nothing"


def test_an_earlier_attempt_that_ends_late_does_not_overwrite_a_later_one() -> None:
    with state() as (table, clock):
        runs = RunRecords(table, clock)
        first = runs.started("work", "01A", 1, START)
        runs.started("work", "01A", 2, START)
        runs.ended(first, Outcome("failed", error="late"))
        found = runs.find("work", "01A")
        assert found is not None
        assert (found.state, found.attempts) == ("running", 2)


def test_a_dead_run_is_discarded_or_queued_anew() -> None:
    with state() as (table, clock):
        runs = RunRecords(table, clock)
        runs.died("work", "01A", 5, START, "it said nothing")
        found = runs.find("work", "01A")
        assert found is not None
        assert (found.state, found.attempts, found.error) == ("dead", 5, "it said nothing")
        runs.requeued("work", "01A")
        found = runs.find("work", "01A")
        assert found is not None
        assert (found.state, found.attempts) == ("queued", 0)
        runs.discarded("work", "01A")
        found = runs.find("work", "01A")
        assert found is not None
        assert found.state == "discarded"
        runs.died("work", "01A", 6, START, "too late")
        found = runs.find("work", "01A")
        assert found is not None
        assert found.state == "discarded"
        runs.requeued("work", "unknown")
        assert runs.find("work", "unknown") is None


def test_a_run_is_known_for_7_days_after_its_end_and_while_it_waits() -> None:
    with state() as (table, clock):
        runs = RunRecords(table, clock)
        runs.queued(message("waits"))
        runs.ended(runs.started("work", "ended", 1, START), Outcome("succeeded"))
        clock.advance(7 * DAY - 1)
        assert runs.find("work", "ended") is not None
        clock.advance(2)
        assert runs.find("work", "ended") is None
        assert runs.find("work", "waits") is not None


def test_a_result_that_no_item_could_hold_is_told_and_the_run_has_succeeded() -> None:
    with state() as (table, clock):
        runs = RunRecords(table, clock)
        runs.ended(runs.started("work", "01A", 1, START), Outcome("succeeded", result=f'"{"x" * 300_000}"'))
        found = runs.find("work", "01A")
        assert found is not None
        assert (found.state, found.result) == ("succeeded", None)
        assert "300,002" in (found.error or "")


# Letters


def letter(id: str, at: float = START, **options: Any) -> KeptLetter:
    kept = DeadLetter(id, "core.work", f'"{id}"', 3, "no luck", at, at + 60, "00-a-b-01")
    return KeptLetter(kept, "topic", {"__kind__": "new"}, options.get("scheduled_at"), options.get("message", ""))


def test_letters_are_listed_the_oldest_first_page_by_page() -> None:
    with state() as (table, clock):
        letters = Letters(table, clock, "core.work")
        for number in (3, 1, 4, 0, 2):
            letters.keep(letter(f"{9 - number}", START + number))
        Letters(table, clock, "core.worker").keep(letter("other"))
        found: list[DeadLetter] = []
        cursor: str | None = None
        for _ in range(10):
            page = letters.page(limit=2, cursor=cursor)
            found += page.letters
            cursor = page.cursor
            if cursor is None:
                break
        assert [entry.id for entry in found] == ["9", "8", "7", "6", "5"]
        assert found[0] == letter("9").letter


def test_a_letter_is_found_and_removed_by_its_id_and_kept_twice_is_one() -> None:
    with state() as (table, clock):
        letters = Letters(table, clock, "core.work")
        kept = letter("01A", scheduled_at=START, message="raw")
        letters.keep(kept)
        letters.keep(kept)
        assert letters.find("01A") == kept
        assert letters.find("01B") is None
        assert len(letters.page(limit=10, cursor=None).letters) == 1
        assert together(*[lambda: letters.remove("01A")] * 4).count(True) == 1
        assert letters.find("01A") is None
        assert letters.page(limit=10, cursor=None).letters == []
        assert letters.remove("01A") is False


def test_letters_are_kept_for_14_days() -> None:
    with state() as (table, clock):
        letters = Letters(table, clock, "core.work")
        letters.keep(letter("01A"))
        clock.advance(14 * DAY)
        assert letters.find("01A") is not None
        clock.advance(61)
        assert letters.find("01A") is None
        assert letters.page(limit=10, cursor=None).letters == []


# Deduplication


def test_a_key_belongs_to_the_first_run_for_5_minutes_once_it_is_sent() -> None:
    with state() as (table, clock):
        keys = Deduplication(table, clock, "work")
        first = keys.claim("k", "01A")
        assert (first.id, first.is_ours) == ("01A", True)
        keys.confirm("k", first)
        second = keys.claim("k", "01B")
        assert (second.id, second.is_ours) == ("01A", False)
        assert keys.claim("K", "01C").is_ours
        assert Deduplication(table, clock, "other").claim("k", "01D").is_ours
        clock.advance(301)
        later = keys.claim("k", "01E")
        assert (later.id, later.is_ours) == ("01E", True)


def test_a_claim_that_was_given_up_is_free() -> None:
    with state() as (table, clock):
        keys = Deduplication(table, clock, "work")
        keys.give_up("k", keys.claim("k", "01A"))
        assert keys.claim("k", "01B").id == "01B"


def test_a_claim_whose_sender_died_is_taken_over_under_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with state() as (table, clock):
        keys = Deduplication(table, clock, "work")
        keys.claim("k", "01A")
        second = keys.claim("k", "01B")
        assert (second.id, second.is_ours) == ("01A", True)
        keys.confirm("k", second)
        assert keys.claim("k", "01C") == ("01A", False, "")


def test_of_many_who_claim_one_key_at_once_one_sends() -> None:
    with state() as (table, clock):
        keys = Deduplication(table, clock, "work")

        def send(number: int) -> tuple[str, bool]:
            claim = keys.claim("k", f"0{number}")
            if claim.is_ours:
                keys.confirm("k", claim)
            return claim.id, claim.is_ours

        found = together(*[lambda number=number: send(number) for number in range(6)])
        assert [ours for _, ours in found].count(True) == 1
        assert len({id for id, _ in found}) == 1


# Leases


def test_a_fire_time_belongs_to_the_first_message_and_its_repetitions_run() -> None:
    with state() as (table, clock):
        leases = Leases(table, clock, "rates")
        assert leases.begin(START, "m1", exclusive=False, until=START + 60) == "run"
        assert leases.begin(START, "m2", exclusive=False, until=START + 60) == "known"
        assert leases.begin(START, "m1", exclusive=False, until=START + 60) == "run"
        assert leases.begin(START + 60, "m3", exclusive=False, until=START + 60) == "run"


def test_a_fire_time_that_comes_while_another_is_under_way_is_skipped_for_good() -> None:
    with state() as (table, clock):
        leases = Leases(table, clock, "rates")
        assert leases.begin(START, "m1", exclusive=True, until=START + 600) == "run"
        clock.advance(60)
        assert leases.begin(START + 60, "m2", exclusive=True, until=START + 700) == "skipped"
        leases.extend(START, "m1", START + 900)
        clock.advance(700)
        assert leases.begin(START + 660, "m3", exclusive=True, until=START + 900) == "skipped"
        leases.end(START, "m1")
        assert leases.begin(START + 60, "m2", exclusive=True, until=START + 900) == "skipped"
        clock.advance(60)
        assert leases.begin(START + 840, "m4", exclusive=True, until=START + 900) == "run"


def test_a_lease_that_nobody_ended_lapses() -> None:
    with state() as (table, clock):
        leases = Leases(table, clock, "rates")
        assert leases.begin(START, "m1", exclusive=True, until=START + 60) == "run"
        clock.advance(61)
        assert leases.begin(START + 60, "m2", exclusive=True, until=START + 120) == "run"
        # The first one ends late; the lease is not its own any more.
        leases.end(START, "m1")
        assert leases.begin(START + 61, "m3", exclusive=True, until=START + 120) == "skipped"


def test_of_many_messages_for_one_fire_time_one_runs() -> None:
    with state() as (table, clock):
        leases = Leases(table, clock, "rates")
        found = together(
            *[
                lambda number=number: leases.begin(START, f"m{number}", exclusive=True, until=START + 60)
                for number in range(8)
            ]
        )
        assert sorted(found) == ["known"] * 7 + ["run"]
