"""Runs of tasks and their dead letters: status, result and progress; listed, redriven, discarded."""

from typing import Any

import pytest

from portable.adapter import Running
from portable.app import App, Service
from portable.context import Context
from portable.dead_letters import dead_letters
from portable.errors import Conflict, InvalidArgument, NotFound, TaskFailed

from .harness import Harness

DAY = 24 * 3600
NO_RUN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def settle(running: Running, rounds: int, seconds: float = 301) -> None:
    for _ in range(rounds):
        running.drain()
        running.advance(seconds)
    running.drain()


class TaskRunConformance:
    """What is known of a run is true when it is asked, and is known for as long as promised."""

    def test_a_run_is_queued_then_running_then_succeeded(self, harness: Harness) -> None:
        app = App("conformance")
        during: list[str] = []

        @app.task()
        def work(number: int, context: Context) -> int:
            during.append(work.run(context.id).status())
            return number + 1

        with harness.running(app) as running:
            run = work.send(1)
            assert run.status() == "queued"
            before = run.record()
            assert (before.id, before.task, before.attempts, before.result, before.error) == (
                run.id, "work", 0, None, None,
            )  # fmt: skip
            assert abs(before.enqueued_at - running.now()) < 5
            with pytest.raises(Conflict, match="queued"):
                run.result()
            running.drain()
            assert set(during) == {"running"}
            assert run.status() == "succeeded"
            assert run.result() == 2
            assert work.run(run.id).result() == 2
            assert work.run(run.id) == run
            record = run.record()
            assert (record.attempts, record.error) == (1, None)
            assert record.updated_at >= record.enqueued_at

    def test_a_run_that_will_be_tried_again_is_failed_and_has_its_error(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task(min_backoff=10)
        def work(context: Context) -> str:
            if context.attempt == 1:
                raise ValueError("first time")
            return "done"

        with harness.running(app) as running:
            run = work.send()
            running.drain()
            assert run.status() == "failed"
            assert run.record().attempts == 1
            assert "first time" in (run.record().error or "")
            with pytest.raises(Conflict, match="failed"):
                run.result()
            running.advance(11)
            running.drain()
            assert run.result() == "done"
            assert run.record().attempts == 2

    def test_the_result_of_a_run_that_failed_for_good_is_its_failure(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task(max_attempts=2)
        def work() -> int:
            raise ValueError("it is broken")

        with harness.running(app) as running:
            run = work.send()
            settle(running, 3)
            assert run.status() == "dead"
            with pytest.raises(TaskFailed, match="it is broken") as caught:
                run.result()
            assert (caught.value.resource, caught.value.key) == ("task:work", run.id)
            assert caught.value.hint is not None
            assert "redrive" in caught.value.hint

    def test_nothing_is_a_result_too(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task()
        def work() -> None:
            return

        with harness.running(app) as running:
            run = work.send()
            running.drain()
            # That it is None is the point.
            found: object = run.result()
            assert found is None

    def test_progress_is_what_the_handler_last_said(self, harness: Harness) -> None:
        app = App("conformance")
        during: list[float | None] = []

        @app.task()
        def work(context: Context) -> None:
            run = work.run(context.id)
            during.append(run.progress)
            for fraction in (0, 0.25, 1 / 3, 1):
                context.progress(fraction, f"at {fraction}")
                during.append(run.progress)
            context.progress(0.9)

        with harness.running(app) as running:
            run = work.send()
            assert run.progress is None
            running.drain()
            assert during[1:5] == [0, 0.25, 1 / 3, 1]
            assert run.progress == 0.9

    @pytest.mark.parametrize("fraction", [-0.01, 1.01, float("nan"), float("inf"), "0.5", None, True], ids=repr)
    def test_progress_that_is_no_fraction_is_refused(self, harness: Harness, fraction: Any) -> None:
        app = App("conformance")
        caught: list[Exception] = []

        @app.task(max_attempts=1)
        def work(context: Context) -> None:
            try:
                context.progress(fraction)
            except InvalidArgument as error:
                caught.append(error)

        with harness.running(app) as running:
            run = work.send()
            running.drain()
            assert len(caught) == 1
            assert run.progress is None

    def test_a_note_of_progress_is_in_the_record(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task()
        def work(context: Context) -> None:
            context.progress(0.5, "half of it: é😀")

        with harness.running(app) as running:
            run = work.send()
            running.drain()
            assert run.record().note == "half of it: é😀"

    def test_an_unknown_run_is_not_found(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task()
        def work() -> None:
            return

        @app.task()
        def other() -> None:
            return

        with harness.running(app) as running:
            run = work.run(NO_RUN)
            for ask in (run.status, run.record, run.result, lambda: run.progress):
                with pytest.raises(NotFound) as caught:
                    ask()
                assert caught.value.resource == "task:work"
            mine = work.send()
            running.drain()
            with pytest.raises(NotFound):
                other.run(mine.id).status()

    @pytest.mark.parametrize("id", ["", "a b", "x" * 300, "../x", "é", None, 3, b"x"], ids=ascii)
    def test_what_is_no_id_is_refused(self, harness: Harness, id: Any) -> None:
        app = App("conformance")

        @app.task()
        def work() -> None:
            return

        with harness.running(app):
            for verb in (work.run, work.redrive, work.discard):
                with pytest.raises(InvalidArgument):
                    verb(id)

    def test_what_is_known_of_a_run_is_kept_for_7_days(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task()
        def work() -> int:
            return 7

        with harness.running(app) as running:
            run = work.send()
            running.drain()
            running.advance(7 * DAY - 3600)
            running.drain()
            assert run.result() == 7

    # Dead letters

    def test_a_dead_letter_tells_what_failed_how_often_and_why(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task(max_attempts=2)
        def work(text: str) -> None:
            raise LookupError(f"nothing for {text}")

        with harness.running(app) as running:
            assert work.dead_letters().letters == []
            assert work.dead_letters().cursor is None
            sent_at = running.now()
            run = work.send("é\x00")
            settle(running, 3)
            letters = work.dead_letters().letters
            assert len(letters) == 1
            letter = letters[0]
            assert (letter.id, letter.handler, letter.attempts) == (run.id, "work", 2)
            assert letter.body == '"\\u00e9\\u0000"'
            assert "LookupError" in letter.error
            assert "nothing for é" in letter.error
            assert "\n" not in letter.error
            assert abs(letter.enqueued_at - sent_at) < 5
            assert letter.died_at >= letter.enqueued_at
            assert len(letter.traceparent.split("-")) == 4
            assert running.dead_letters("work") == letters

    def test_many_dead_letters_are_listed_page_by_page_each_once(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task(max_attempts=1)
        def work(number: int) -> None:
            raise ValueError(number)

        with harness.running(app) as running:
            ids = [work.send(number).id for number in range(25)]
            running.drain()
            found: list[str] = []
            cursor: str | None = None
            for _ in range(30):
                page = work.dead_letters(limit=4, cursor=cursor)
                assert len(page.letters) <= 4
                found.extend(letter.id for letter in page.letters)
                cursor = page.cursor
                if cursor is None:
                    break
            assert cursor is None
            assert len(found) == 25
            assert set(found) == set(ids)
            assert len(work.dead_letters(limit=1000).letters) == 25

    @pytest.mark.parametrize("options", [{"limit": 0}, {"limit": 1001}, {"limit": "1"}, {"limit": True}, {"cursor": 3}])
    def test_a_page_that_there_cannot_be_is_refused(self, harness: Harness, options: dict[str, Any]) -> None:
        app = App("conformance")

        @app.task()
        def work() -> None:
            return

        with harness.running(app), pytest.raises(InvalidArgument):
            work.dead_letters(**options)

    def test_a_redriven_letter_runs_anew_with_a_fresh_count(self, harness: Harness) -> None:
        app = App("conformance")
        attempts: list[int] = []
        healthy: list[bool] = []

        @app.task(max_attempts=2)
        def work(number: int, context: Context) -> int:
            attempts.append(context.attempt)
            if not healthy:
                raise ValueError("no")
            return number

        with harness.running(app) as running:
            run = work.send(5)
            settle(running, 3)
            work.redrive(run.id)
            assert work.dead_letters().letters == []
            assert run.status() == "queued"
            with pytest.raises(NotFound):
                work.redrive(run.id)
            settle(running, 3)
            assert attempts == [1, 2, 1, 2]
            assert [letter.id for letter in work.dead_letters().letters] == [run.id]
            healthy.append(True)
            work.redrive(run.id)
            running.drain()
            assert attempts == [1, 2, 1, 2, 1]
            assert run.result() == 5
            assert work.dead_letters().letters == []

    def test_a_discarded_letter_is_gone_for_good(self, harness: Harness) -> None:
        app = App("conformance")
        attempts: list[int] = []

        @app.task(max_attempts=1)
        def work(number: int) -> None:
            attempts.append(number)
            raise ValueError("no")

        with harness.running(app) as running:
            run, other = work.send(1), work.send(2)
            running.drain()
            work.discard(run.id)
            assert [letter.id for letter in work.dead_letters().letters] == [other.id]
            assert run.status() == "discarded"
            with pytest.raises(TaskFailed):
                run.result()
            for verb in (work.discard, work.redrive):
                with pytest.raises(NotFound) as caught:
                    verb(run.id)
                assert caught.value.key == run.id
            settle(running, 2)
            assert sorted(attempts) == [1, 2]

    def test_a_letter_that_there_is_not_is_not_found(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task(max_attempts=1)
        def work() -> None:
            raise ValueError

        @app.task()
        def other() -> None:
            return

        with harness.running(app) as running:
            waiting = other.send(delay=60)
            run = work.send()
            running.drain()
            for id in (NO_RUN, waiting.id, run.id):
                for verb in (other.redrive, other.discard):
                    with pytest.raises(NotFound):
                        verb(id)
            assert waiting.status() == "queued"
            assert run.status() == "dead"

    def test_a_dead_letter_is_kept_for_14_days(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[int] = []

        @app.task(max_attempts=1)
        def work(context: Context) -> None:
            seen.append(context.attempt)
            if len(seen) == 1:
                raise ValueError("no")

        with harness.running(app) as running:
            run = work.send()
            running.drain()
            running.advance(14 * DAY - 3600)
            running.drain()
            assert [letter.id for letter in work.dead_letters().letters] == [run.id]
            work.redrive(run.id)
            running.drain()
            assert seen == [1, 1]

    def test_dead_letters_of_two_tasks_are_apart_and_any_can_be_asked_for_by_name(self, harness: Harness) -> None:
        app, part = App("conformance"), Service("part")

        def declare(service: Service) -> Any:
            def work(number: int) -> None:
                raise ValueError(f"{service.name} {number}")

            return service.task(max_attempts=1)(work)

        own, other = declare(app), declare(part)
        app.include(part)
        with harness.running(app) as running:
            mine, theirs = own.send(1), other.send(2)
            running.drain()
            assert [letter.id for letter in own.dead_letters().letters] == [mine.id]
            assert [letter.id for letter in other.dead_letters().letters] == [theirs.id]
            assert [letter.id for letter in dead_letters(app, "work").list().letters] == [mine.id]
            assert [letter.id for letter in dead_letters(app, "part.work").list().letters] == [theirs.id]
            assert [letter.id for letter in dead_letters(app, other).list().letters] == [theirs.id]
            with pytest.raises(InvalidArgument, match="nobody") as caught:
                dead_letters(app, "nobody")
            assert "part.work" in (caught.value.hint or "")
            dead_letters(part, other).discard(theirs.id)
            assert other.dead_letters().letters == []
            assert len(own.dead_letters().letters) == 1
