"""Tasks: deliveries, attempts, delays and duplicates; the face of the whole suite of tasks.

Payloads and their limits stand in task_payloads.py, runs and dead letters in task_runs.py; `TaskConformance` has all.
"""

import threading
from datetime import timedelta
from typing import Any

import pytest

from portable.adapter import Running
from portable.app import App, Service
from portable.context import Context
from portable.errors import DeclarationError, InvalidArgument, LimitExceeded, NotBound, Unsupported

from .harness import Harness
from .task_payloads import TaskPayloadConformance
from .task_runs import TaskRunConformance

WEEK = 7 * 24 * 3600
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def settle(running: Running, rounds: int, seconds: float = 301) -> None:
    """Delivers, and goes on past the longest wait between two attempts, `rounds` times."""
    for _ in range(rounds):
        running.drain()
        running.advance(seconds)
    running.drain()


class TaskConformance(TaskPayloadConformance, TaskRunConformance):
    """At least once, in no order, at most `max_attempts` starts; never early, never lost."""

    def test_a_task_runs_after_it_was_sent_and_not_within_send(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.task()
        def note(text: str) -> None:
            seen.append(text)

        with harness.running(app) as running:
            run = note.send("hello")
            assert seen == []
            assert run.id
            running.drain()
            assert set(seen) == {"hello"}

    def test_every_one_of_many_is_run(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[int] = []

        @app.task()
        def count(number: int) -> None:
            seen.append(number)

        with harness.running(app) as running:
            ids = {count.send(number).id for number in range(200)}
            assert len(ids) == 200
            running.drain()
            assert sorted(set(seen)) == list(range(200))
            assert len(seen) == 200, "without kills no task is done twice"

    def test_what_threads_send_at_once_is_all_run(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[int] = []
        ids: list[str] = []
        errors: list[BaseException] = []

        @app.task()
        def count(number: int) -> None:
            seen.append(number)

        def send(first: int) -> None:
            try:
                ids.extend(count.send(number).id for number in range(first, first + 20))
            except BaseException as error:
                errors.append(error)

        with harness.running(app) as running:
            threads = [threading.Thread(target=send, args=(first,)) for first in range(0, 160, 20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert errors == []
            assert len(set(ids)) == 160
            running.drain()
            assert sorted(set(seen)) == list(range(160))

    def test_ids_are_safe_in_urls_and_sort_by_time(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task()
        def nothing() -> None:
            return

        with harness.running(app) as running:
            ids: list[str] = []
            for _ in range(20):
                ids.append(nothing.send().id)
                running.advance(1)
            assert ids == sorted(ids)
            assert all(id.isalnum() and id.isascii() and len(id) <= 64 for id in ids)

    def test_a_task_without_payload_one_with_a_context_only_and_async_ones_run(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.task()
        def bare() -> None:
            seen.append("bare")

        @app.task
        def informed(context: Context) -> None:
            seen.append(f"informed {context.kind} {context.handler} {context.attempt}")

        @app.task
        async def later(text: str) -> str:
            seen.append(f"later {text}")
            return text.upper()

        @app.task()
        async def both(text: str, context: Context) -> None:
            seen.append(f"both {text} {context.attempt}")

        def turned(context: Context, *, text: str) -> None:
            seen.append(f"turned {text} {context.attempt}")

        # A payload that is taken by keyword runs, but no type says what it is.
        declare: Any = app.task()
        untyped: Any = declare(turned)

        with harness.running(app) as running:
            bare.send()
            bare.send(None)
            informed.send()
            run = later.send("x")
            both.send("y")
            untyped.send("z")
            running.drain()
            assert set(seen) == {"bare", "informed task informed 1", "later x", "both y 1", "turned z 1"}
            assert seen.count("bare") == 2
            assert run.result() == "X"

    def test_calling_a_task_is_a_plain_call_also_while_nothing_runs(self, harness: Harness) -> None:
        app = App("conformance")

        @app.task(max_attempts=2)
        def double(number: int) -> int:
            """Twice as much."""
            return number * 2

        assert double(4) == 8
        assert (double.__name__, double.__doc__, double.__module__) == ("double", "Twice as much.", __name__)
        with pytest.raises(NotBound):
            double.send(4)
        with pytest.raises(NotBound):
            double.run("01ARZ3NDEKTSV4RRFFQ69G5FAV").status()
        with harness.running(app):
            assert double(5) == 10
        with pytest.raises(NotBound):
            double.send(4)

    def test_a_handler_may_send_on_and_to_itself(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[int] = []

        @app.task()
        def first(number: int) -> None:
            second.send(number)

        @app.task()
        def second(number: int) -> None:
            seen.append(number)
            if number > 0:
                second.send(number - 1)

        with harness.running(app) as running:
            first.send(3)
            running.drain()
            assert set(seen) == {3, 2, 1, 0}

    def test_equal_names_in_two_services_are_two_tasks(self, harness: Harness) -> None:
        app, left, right = App("conformance"), Service("left"), Service("right")
        seen: list[tuple[str, str, int]] = []

        def declare(service: Service) -> Any:
            def work(number: int, context: Context) -> None:
                seen.append((service.name, context.handler, number))

            return service.task()(work)

        own, one, two = declare(app), declare(left), declare(right)
        app.include(left)
        app.include(right)
        with harness.running(app) as running:
            own.send(0)
            one.send(1)
            two.send(2)
            running.drain()
            assert set(seen) == {("conformance", "work", 0), ("left", "left.work", 1), ("right", "right.work", 2)}

    # Attempts

    def test_a_failing_task_is_tried_again_with_attempts_that_count_and_one_id(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[tuple[str, int, str]] = []

        @app.task(max_attempts=5)
        def work(text: str, context: Context) -> None:
            seen.append((context.id, context.attempt, text))
            if context.attempt < 4:
                raise ValueError("not yet")

        with harness.running(app) as running:
            run = work.send("x")
            settle(running, 5)
            assert seen == [(run.id, attempt, "x") for attempt in (1, 2, 3, 4)]
            assert run.status() == "succeeded"
            assert running.dead_letters("work") == []

    def test_the_waits_between_attempts_double_are_capped_and_never_shorter_than_half(self, harness: Harness) -> None:
        app = App("conformance")
        times: list[float] = []

        @app.task(max_attempts=6, min_backoff=100, max_backoff=400)
        def work() -> None:
            times.append(clock[0]())
            raise ValueError("no")

        clock: list[Any] = []
        with harness.running(app) as running:
            clock.append(running.now)
            work.send()
            running.drain()
            assert len(times) == 1
            for number, full in enumerate((100, 200, 400, 400, 400), 1):
                running.advance(full / 2 - 1)
                running.drain()
                assert len(times) == number, f"attempt {number + 1} came before half of {full} seconds"
                running.advance(full / 2 + 1)
                running.drain()
                assert len(times) == number + 1, f"attempt {number + 1} did not come after {full} seconds"

    @pytest.mark.parametrize("max_attempts", [1, 2, 7])
    def test_it_starts_at_most_max_attempts_times(self, harness: Harness, max_attempts: int) -> None:
        app = App("conformance")
        attempts: list[int] = []

        @app.task(max_attempts=max_attempts)
        def work(context: Context) -> None:
            attempts.append(context.attempt)
            raise RuntimeError("never")

        with harness.running(app) as running:
            run = work.send()
            settle(running, max_attempts + 3)
            assert attempts == list(range(1, max_attempts + 1))
            assert run.status() == "dead"
            assert len(running.dead_letters("work")) == 1

    def test_one_that_keeps_failing_holds_up_no_other(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[int] = []

        @app.task(max_attempts=100, min_backoff=0, max_backoff=1)
        def work(number: int) -> None:
            if number < 0:
                raise ValueError("poison")
            seen.append(number)

        @app.task()
        def other(number: int) -> None:
            seen.append(number)

        with harness.running(app) as running:
            work.send(-1)
            for number in range(30):
                (work if number % 2 else other).send(number)
            work.send(-2)
            running.drain()
            assert sorted(set(seen)) == list(range(30))

    def test_leaving_by_sys_exit_is_a_failure_like_any_other(self, harness: Harness) -> None:
        app = App("conformance")
        attempts: list[int] = []

        @app.task(max_attempts=2)
        def work(context: Context) -> None:
            attempts.append(context.attempt)
            raise SystemExit(3)

        with harness.running(app) as running:
            run = work.send()
            settle(running, 3)
            assert attempts == [1, 2]
            assert run.status() == "dead"

    # Delays

    @pytest.mark.parametrize("delay", [1, 0.5, 59.5, 3600, timedelta(minutes=2), timedelta(days=7), WEEK])
    def test_a_delayed_task_is_never_early(self, harness: Harness, delay: Any) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.task()
        def work(text: str) -> None:
            seen.append(text)

        seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
        with harness.running(app) as running:
            run = work.send("late", delay=delay)
            work.send("now", delay=0)
            running.drain()
            assert set(seen) == {"now"}
            running.advance(seconds - 0.2)
            running.drain()
            assert set(seen) == {"now"}
            assert run.status() == "queued"
            running.advance(60)
            running.drain()
            assert set(seen) == {"now", "late"}

    @pytest.mark.parametrize(
        "delay",
        [-1, -0.001, float("nan"), "5", True, [1], timedelta(seconds=-1), b"1", 1j],
        ids=repr,
    )
    def test_a_delay_that_is_no_time_is_refused_and_nothing_sent(self, harness: Harness, delay: Any) -> None:
        app = App("conformance")
        seen: list[int] = []

        @app.task()
        def work(number: int) -> None:
            seen.append(number)

        with harness.running(app) as running:
            with pytest.raises(InvalidArgument, match="delay"):
                work.send(1, delay=delay)
            running.advance(WEEK + 60)
            running.drain()
            assert seen == []

    @pytest.mark.parametrize("delay", [WEEK + 1, timedelta(days=7, microseconds=1), 10**12, float("inf")], ids=repr)
    def test_a_delay_past_a_week_is_over_the_limit(self, harness: Harness, delay: Any) -> None:
        app = App("conformance")

        @app.task()
        def work() -> None:
            return

        with harness.running(app):
            with pytest.raises(LimitExceeded) as caught:
                work.send(delay=delay)
            assert caught.value.limit == "task_delay_seconds"
            assert caught.value.resource == "task:work"

    # Duplicates

    def test_a_second_send_with_the_same_dedup_is_the_first_run(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[int] = []

        @app.task()
        def work(number: int) -> None:
            seen.append(number)

        with harness.running(app) as running:
            first = work.send(1, dedup="order-1")
            assert work.send(1, dedup="order-1") == first
            assert work.send(2, dedup="order-1").id == first.id
            running.drain()
            running.advance(200)
            assert work.send(3, dedup="order-1").id == first.id, "also after it has run"
            running.drain()
            assert set(seen) == {1}

    def test_other_dedups_other_tasks_and_none_are_runs_of_their_own(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.task()
        def one(text: str) -> None:
            seen.append(f"one {text}")

        @app.task()
        def two(text: str) -> None:
            seen.append(f"two {text}")

        with harness.running(app) as running:
            ids = {
                one.send("a", dedup="k").id,
                one.send("b", dedup="K").id,
                one.send("c", dedup="k ").id,
                two.send("d", dedup="k").id,
                one.send("e").id,
                one.send("f").id,
                one.send("g", dedup="é").id,
                one.send("h", dedup="e\u0301").id,
            }
            assert len(ids) == 8
            running.drain()
            assert set(seen) == {"one a", "one b", "one c", "two d", "one e", "one f", "one g", "one h"}

    @pytest.mark.parametrize("dedup", ["x", "x" * 256, "é" * 128, "😀" * 64, "a/b c\n\x00", "'; --"], ids=ascii)
    def test_any_text_of_1_to_256_bytes_is_a_dedup(self, harness: Harness, dedup: str) -> None:
        app = App("conformance")

        @app.task()
        def work() -> None:
            return

        with harness.running(app):
            first = work.send(dedup=dedup)
            assert work.send(dedup=dedup) == first

    @pytest.mark.parametrize("dedup", ["", "x" * 257, "é" * 129, "\ud800", 1, b"x", ["x"]], ids=ascii)
    def test_any_other_dedup_is_refused(self, harness: Harness, dedup: Any) -> None:
        app = App("conformance")

        @app.task()
        def work() -> None:
            return

        with harness.running(app), pytest.raises(InvalidArgument, match="dedup"):
            work.send(dedup=dedup)

    # At least once

    def test_an_acknowledged_run_may_be_delivered_again_as_the_same(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[tuple[str, str]] = []

        @app.task()
        def work(text: str, context: Context) -> None:
            seen.append((context.id, text))

        with harness.running(app) as running:
            assert running.redeliver("work") == 0
            run = work.send("x")
            running.drain()
            count = len(seen)
            assert running.redeliver("work") >= 1
            running.drain()
            assert len(seen) > count
            assert set(seen) == {(run.id, "x")}
            assert run.status() == "succeeded"

    # Context

    def test_a_handler_is_told_where_and_until_when_it_runs(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[Context] = []
        left: list[float] = []

        @app.task(timeout=120)
        def work(context: Context) -> None:
            seen.append(context)
            left.append(context.deadline - clock[0]())
            context.logger.debug("logged")

        clock: list[Any] = []
        with harness.running(app) as running:
            clock.append(running.now)
            run = work.send()
            running.drain()
            context = seen[0]
            assert (context.id, context.kind, context.handler) == (run.id, "task", "work")
            assert (context.app, context.attempt, context.scheduled_at) == ("conformance", 1, None)
            assert context.attributes == {}
            assert isinstance(context.stage, str)
            assert context.stage
            assert 0 < left[0] <= 121

    def test_the_trace_of_a_request_goes_on_through_its_tasks(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[str] = []

        @app.post("/start")
        def start(context: Context) -> None:
            seen.append(context.traceparent)
            first.send("x")

        @app.task()
        def first(text: str, context: Context) -> None:
            seen.append(context.traceparent)
            second.send(text)

        @app.task()
        def second(text: str, context: Context) -> None:
            seen.append(context.traceparent)

        with harness.running(app) as running:
            assert running.request("POST", "/start", headers=[("traceparent", TRACE)]).status < 300
            running.drain()
            assert len(seen) >= 3
            assert {parent.split("-")[1] for parent in seen} == {TRACE.split("-")[1]}
            seen.clear()
            second.send("alone")
            second.send("alone too")
            running.drain()
            traces = [parent.split("-") for parent in seen]
            assert all(len(trace[1]) == 32 and set(trace[1]) != {"0"} for trace in traces)
            assert len({trace[1] for trace in traces}) == 2

    def test_only_tasks_have_progress(self, harness: Harness) -> None:
        app = App("conformance")
        errors: list[Exception] = []

        @app.post("/start")
        def start(context: Context) -> None:
            try:
                context.progress(0.5)
            except Unsupported as error:
                errors.append(error)

        with harness.running(app) as running:
            running.request("POST", "/start")
            assert len(errors) == 1

    # Declarations

    @pytest.mark.parametrize(
        "options",
        [
            {"max_attempts": 0},
            {"max_attempts": 101},
            {"max_attempts": 1.5},
            {"max_attempts": True},
            {"min_backoff": -1},
            {"max_backoff": -1},
            {"min_backoff": 10, "max_backoff": 9},
            {"min_backoff": float("nan")},
            {"max_backoff": float("inf")},
            {"max_backoff": "300"},
            {"timeout": 0},
            {"timeout": 901},
            {"memory": 513},
            {"name": ""},
            {"name": "a b"},
            {"name": "x" * 64},
        ],
        ids=repr,
    )
    def test_options_that_no_provider_has_are_refused_at_declaration(
        self, harness: Harness, options: dict[str, Any]
    ) -> None:
        app = App("conformance")

        def work() -> None:
            raise AssertionError

        with pytest.raises(DeclarationError) as caught:
            app.task(**options)(work)
        assert caught.value.location is not None
        with harness.running(app):
            pass

    def test_options_at_their_bounds_are_taken(self, harness: Harness) -> None:
        app = App("conformance")
        seen: list[int] = []

        @app.task(max_attempts=100, min_backoff=0, max_backoff=0, timeout=900, memory=4096, name="a-1_b")
        def work(number: int) -> None:
            seen.append(number)

        @app.task(max_attempts=1, min_backoff=0.001, max_backoff=WEEK, timeout=1, memory=512)
        def other() -> None:
            seen.append(2)

        with harness.running(app) as running:
            work.send(1)
            other.send()
            running.drain()
            assert set(seen) == {1, 2}
            assert running.dead_letters("a-1_b") == []

    def test_functions_that_nothing_could_fill_are_refused(self, harness: Harness) -> None:
        def three(one: int, two: int, context: Context) -> None:
            raise AssertionError

        def many(*args: int) -> None:
            raise AssertionError

        def named(**kwargs: int) -> None:
            raise AssertionError

        for function in (three, many, named):
            app = App("conformance")
            untyped: Any = app.task()
            with pytest.raises(DeclarationError) as caught:
                untyped(function)
            assert caught.value.location is not None
            assert caught.value.location.file == __file__
        app = App("conformance")
        app.task()(self._plain)
        with pytest.raises(DeclarationError, match="twice"):
            app.task()(self._plain)
        with harness.running(app):
            pass

    @staticmethod
    def _plain(number: int) -> None:
        raise AssertionError(number)
