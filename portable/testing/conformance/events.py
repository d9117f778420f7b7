"""What holds for every background handler, whatever starts it: a task, a topic, a schedule, a bucket, a table.

Also changes of tables as consumers of them meet them: repeated, out of order, with versions left out.
"""

from collections.abc import Callable
from typing import Any

import pytest

from portable.adapter import Running
from portable.app import App
from portable.context import Context
from portable.dead_letters import DeadLetters, dead_letters
from portable.drivers import DeadLetter
from portable.errors import InvalidArgument, NotFound
from portable.tables import Change

from .harness import Harness

KINDS = ("task", "topic", "schedule", "bucket", "table")
Body = Callable[[Context], None]
Start = Callable[[Running], None]
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def settle(running: Running, rounds: int, seconds: float = 301) -> None:
    for _ in range(rounds):
        running.drain()
        running.advance(seconds)
    running.drain()


def background(app: App, kind: str, body: Body, *, max_attempts: int = 5, name: str = "handle") -> Start:
    """Declares a handler of `kind` that runs `body`; what is answered starts it once."""

    def handle(context: Context) -> None:
        body(context)

    async def handle_async(context: Context) -> None:
        body(context)

    handle.__name__ = handle_async.__name__ = name
    if kind == "task":
        task = app.task(max_attempts=max_attempts)(handle)
        return lambda _: run_of(task.send())
    if kind == "topic":
        topic = app.topic(f"{name}-topic")
        topic.subscribe(max_attempts=max_attempts)(handle)
        return lambda _: run_of(topic.publish("x"))
    if kind == "schedule":
        app.cron("0 0 29 2 *", overlap="allow", max_attempts=max_attempts)(handle_async)
        return lambda running: running.fire(name)
    numbers = iter(range(1000))
    if kind == "bucket":
        bucket = app.bucket(f"{name}-bucket")
        bucket.on_created(max_attempts=max_attempts)(handle)
        return lambda _: run_of(bucket.put(f"k{next(numbers)}", b"x"))
    table = app.table(f"{name}-table")
    table.on_change(max_attempts=max_attempts)(handle_async)
    return lambda _: run_of(table.put({"id": f"k{next(numbers)}"}))


def run_of(_: object) -> None:
    """Takes what a start answers, since starts of all kinds answer nothing."""


class TableConsumerConformance:
    """A consumer that drops what is not newer ends at the truth, whatever is repeated, late or left out."""

    def test_a_copy_that_drops_older_versions_ends_at_the_truth_when_changes_are_late_and_repeated(
        self, harness: Harness
    ) -> None:
        app = App("conformance")
        table = app.table("items")
        copies: dict[str, tuple[str, int | None]] = {}
        calls: list[str] = []

        @table.on_change(max_attempts=10, min_backoff=5, max_backoff=5)
        def copy(change: Change[dict[str, Any]], context: Context) -> None:
            calls.append(change.pk)
            if context.attempt == 1 and len(calls) % 3 == 0:
                # Some come late, after newer ones of the same item.
                raise ConnectionError("try later")
            seen = copies[change.pk][0] if change.pk in copies else None
            if change.is_newer_than(seen):
                copies[change.pk] = (change.version, None if change.new is None else change.new["n"])

        with harness.running(app) as running:
            for round_ in range(6):
                for name in "abc":
                    if (round_, name) in ((2, "b"), (5, "c")):
                        table.delete(name)
                    else:
                        table.put({"id": name, "n": round_})
                running.drain()
                running.redeliver("copy")
                running.drain()
            settle(running, 4, 10)
            assert {name: n for name, (_, n) in copies.items()} == {"a": 5, "b": 5, "c": None}
            assert running.dead_letters("copy") == []

    def test_a_change_that_is_tried_again_tells_the_same(self, harness: Harness) -> None:
        app = App("conformance")
        table = app.table("items")
        seen: list[Change[dict[str, Any]]] = []

        @table.on_change
        def changed(change: Change[dict[str, Any]], context: Context) -> None:
            if change.pk == "a":
                seen.append(change)
                if context.attempt == 1:
                    raise ValueError("again")

        with harness.running(app) as running:
            table.put({"id": "a", "n": 1})
            running.drain()
            table.put({"id": "b"})
            settle(running, 2)
            assert len(seen) == 2
            assert seen[0] == seen[1]

    def test_writes_that_are_refused_or_undone_tell_nothing_and_a_dead_change_can_be_redriven(
        self, harness: Harness
    ) -> None:
        app = App("conformance")
        table = app.table("items")
        seen: list[str] = []
        healthy: list[bool] = []

        @table.on_change(max_attempts=1)
        def changed(change: Change[dict[str, Any]]) -> None:
            if not healthy:
                raise ValueError("no")
            seen.append(f"{change.op} {change.pk}")

        with harness.running(app) as running:
            table.put({"id": "a"})
            with pytest.raises(InvalidArgument):
                table.put({"id": "", "n": 1})
            running.drain()
            letters = dead_letters(app, changed)
            [letter] = letters.list().letters
            assert '"upsert"' in letter.body
            healthy.append(True)
            letters.redrive(letter.id)
            running.drain()
            assert seen == ["upsert a"]


class EventConformance(TableConsumerConformance):
    """Attempts, waits, dead letters: the same rules and the same verbs for all."""

    @EACH_KIND
    def test_a_delivery_has_an_id_of_its_own_an_attempt_and_a_deadline(self, harness: Harness, kind: str) -> None:
        app = App("conformance")
        seen: list[Context] = []
        now: list[Callable[[], float]] = []
        left: list[float] = []

        def body(context: Context) -> None:
            seen.append(context)
            left.append(context.deadline - now[0]())

        start = background(app, kind, body)
        with harness.running(app) as running:
            now.append(running.now)
            start(running)
            running.advance(1)
            start(running)
            running.drain()
            assert len({context.id for context in seen}) == 2
            for context in seen:
                assert (context.kind, context.handler, context.attempt) == (kind, "handle", 1)
                assert context.app == "conformance"
                assert len(context.traceparent) == 55
            assert all(0 < seconds <= 301 for seconds in left)

    @EACH_KIND
    def test_attempts_count_up_under_one_id_until_one_succeeds(self, harness: Harness, kind: str) -> None:
        app = App("conformance")
        seen: list[tuple[str, int]] = []

        def body(context: Context) -> None:
            seen.append((context.id, context.attempt))
            if context.attempt < 3:
                raise RuntimeError("not yet")

        start = background(app, kind, body)
        with harness.running(app) as running:
            start(running)
            settle(running, 4)
            assert [attempt for _, attempt in seen] == [1, 2, 3]
            assert len({id for id, _ in seen}) == 1
            assert dead_letters(app, "handle").list().letters == []

    @pytest.mark.parametrize("max_attempts", [1, 3])
    @EACH_KIND
    def test_after_the_last_attempt_it_is_a_dead_letter_once(
        self, harness: Harness, kind: str, max_attempts: int
    ) -> None:
        app = App("conformance")
        attempts: list[int] = []

        def body(context: Context) -> None:
            attempts.append(context.attempt)
            raise RuntimeError("first line\nsecond line \x1b[31m")

        start = background(app, kind, body, max_attempts=max_attempts)
        with harness.running(app) as running:
            at = running.now()
            start(running)
            settle(running, max_attempts + 2)
            assert attempts == list(range(1, max_attempts + 1))
            letters = dead_letters(app, "handle").list().letters
            assert len(letters) == 1
            letter: DeadLetter = letters[0]
            assert (letter.handler, letter.attempts) == ("handle", max_attempts)
            assert "RuntimeError" in letter.error
            assert "first line" in letter.error
            assert "\n" not in letter.error
            assert letter.body
            assert abs(letter.enqueued_at - at) < 5
            assert at <= letter.died_at <= running.now()
            assert running.dead_letters("handle") == letters

    @EACH_KIND
    def test_a_redriven_letter_is_delivered_anew_with_a_fresh_count(self, harness: Harness, kind: str) -> None:
        app = App("conformance")
        seen: list[tuple[str, int]] = []
        healthy: list[bool] = []

        def body(context: Context) -> None:
            seen.append((context.id, context.attempt))
            if not healthy:
                raise RuntimeError("no")

        start = background(app, kind, body, max_attempts=2)
        with harness.running(app) as running:
            start(running)
            settle(running, 3)
            letters: DeadLetters = dead_letters(app, "handle")
            [letter] = letters.list().letters
            letters.redrive(letter.id)
            assert letters.list().letters == []
            settle(running, 3)
            assert [attempt for _, attempt in seen] == [1, 2, 1, 2]
            assert [found.id for found in letters.list().letters] == [letter.id]
            healthy.append(True)
            letters.redrive(letter.id)
            running.drain()
            assert [attempt for _, attempt in seen] == [1, 2, 1, 2, 1]
            assert letters.list().letters == []
            with pytest.raises(NotFound):
                letters.redrive(letter.id)

    @EACH_KIND
    def test_a_discarded_letter_does_not_come_back(self, harness: Harness, kind: str) -> None:
        app = App("conformance")
        attempts: list[int] = []

        def body(context: Context) -> None:
            attempts.append(context.attempt)
            raise RuntimeError("no")

        start = background(app, kind, body, max_attempts=1)
        with harness.running(app) as running:
            start(running)
            running.advance(1)
            start(running)
            running.drain()
            letters = dead_letters(app, "handle")
            first, second = letters.list().letters
            letters.discard(first.id)
            assert [letter.id for letter in letters.list().letters] == [second.id]
            with pytest.raises(NotFound):
                letters.discard(first.id)
            with pytest.raises(NotFound):
                letters.discard(UNKNOWN)
            with pytest.raises(InvalidArgument):
                letters.discard("")
            settle(running, 2)
            assert attempts == [1, 1]

    @EACH_KIND
    def test_letters_are_listed_by_page_oldest_first(self, harness: Harness, kind: str) -> None:
        app = App("conformance")

        def body(context: Context) -> None:
            raise RuntimeError(context.id)

        start = background(app, kind, body, max_attempts=1)
        with harness.running(app) as running:
            for _ in range(7):
                start(running)
                running.drain()
                running.advance(1)
            letters = dead_letters(app, "handle")
            found: list[DeadLetter] = []
            page = letters.list(limit=3)
            for _ in range(5):
                found.extend(page.letters)
                if page.cursor is None:
                    break
                page = letters.list(limit=3, cursor=page.cursor)
            assert len(found) == len({letter.id for letter in found}) == 7
            assert [letter.died_at for letter in found] == sorted(letter.died_at for letter in found)
            assert found == letters.list().letters

    @EACH_KIND
    def test_a_handler_that_always_fails_holds_up_no_other(self, harness: Harness, kind: str) -> None:
        app = App("conformance")
        healthy: list[int] = []

        def fail(context: Context) -> None:
            raise RuntimeError(context.id)

        def succeed(context: Context) -> None:
            healthy.append(context.attempt)

        failing = background(app, kind, fail, max_attempts=100, name="failing")
        working = background(app, kind, succeed, name="working")
        with harness.running(app) as running:
            for _ in range(5):
                failing(running)
                working(running)
                running.advance(0.5)
            running.drain()
            assert healthy == [1] * 5
            assert running.dead_letters("working") == []

    @EACH_KIND
    def test_what_was_acknowledged_may_come_again_the_same(self, harness: Harness, kind: str) -> None:
        app = App("conformance")
        seen: list[str] = []
        start = background(app, kind, lambda context: seen.append(context.id))
        with harness.running(app) as running:
            assert running.redeliver("handle") == 0
            start(running)
            running.drain()
            count = len(seen)
            assert running.redeliver("handle") >= 1
            running.drain()
            assert len(seen) > count
            assert len(set(seen)) == 1

    @pytest.mark.parametrize(
        "error",
        [
            SystemExit(1),
            RecursionError("deep"),
            KeyError("\ud800"),
            ValueError("x" * 100_000),
            ValueError("\x00"),
            ValueError("half a pair \ud800"),
            AssertionError(),
            GeneratorExit(),
            StopIteration("stop"),
        ],
        ids=lambda error: type(error).__name__,
    )
    @EACH_KIND
    def test_whatever_a_handler_raises_is_a_failure_with_a_line_for_people(
        self, harness: Harness, kind: str, error: BaseException
    ) -> None:
        app = App("conformance")

        def body(_: Context) -> None:
            raise error

        start = background(app, kind, body, max_attempts=1)
        with harness.running(app) as running:
            start(running)
            running.drain()
            [letter] = running.dead_letters("handle")
            assert letter.error
            assert len(letter.error) <= 2000
