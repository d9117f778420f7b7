"""What becomes of a delivery, by values: a Dispatcher without any binding, called with Invocations of every kind."""

import asyncio
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from portable.app import App, Service
from portable.binding import current_context
from portable.buckets import ObjectEvent
from portable.changes import change_body
from portable.context import Context
from portable.dispatch import Dispatcher
from portable.errors import Conflict, DeclarationError
from portable.identifiers import is_traceparent
from portable.invocation import Invocation, InvocationKind, Outcome
from portable.tables import Change
from portable.topics import Event

KINDS: tuple[InvocationKind, ...] = get_args(InvocationKind)
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
AT = 1_790_000_000.0
MUTATIONS = 500


class Line(BaseModel):
    amount: int
    tags: list[str] = []


class Note(BaseModel):
    id: str
    lines: list[Line]


NOTE = {"id": "n1", "lines": [{"amount": 1, "tags": ["a", "b"]}, {"amount": -2}]}


def call(app: App, handler: str, body: str = "null", **fields: Any) -> Outcome:
    invocation = Invocation("01ARZ3NDEKTSV4RRFFQ69G5FAV", "task", handler, body, 1, AT, AT + 300, TRACE, {})
    dispatcher = Dispatcher(app)
    try:
        return dispatcher.invoke(invocation._replace(**fields))
    finally:
        dispatcher.close()


def task_app(function: Callable[..., Any], **options: Any) -> App:
    app = App("shop")
    function.__name__ = "work"
    app.task(**options)(function)
    return app


# Success


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (None, None),
        (0, "0"),
        (False, "false"),
        ("", '""'),
        ([1, "é"], '[1,"é"]'),
        ({"a": None}, '{"a":null}'),
        (Line(amount=1), '{"amount":1,"tags":[]}'),
        (datetime(2026, 1, 1, tzinfo=UTC), '"2026-01-01T00:00:00Z"'),
    ],
    ids=str,
)
def test_what_a_handler_returns_is_the_result_as_json(result: Any, text: str | None) -> None:
    assert call(task_app(lambda: result), "work") == Outcome("succeeded", result=text)


@pytest.mark.parametrize("loop", [False, True], ids=["no loop", "a loop"])
def test_coroutines_are_driven_to_their_end(loop: bool) -> None:
    async def work(n: int) -> int:
        if loop:
            await asyncio.sleep(0)
        return n + 1

    assert call(task_app(work), "work", "41") == Outcome("succeeded", result="42")


def test_a_handler_sees_its_context_and_no_other_does() -> None:
    seen: list[Context | None] = []

    def work(payload: dict[str, Any], context: Context) -> None:
        seen.extend((context, current_context.get()))

    outcome = call(task_app(work), "work", '{"a": 1}', attempt=3, deadline=AT + 7, attributes={"k": "v"})
    assert outcome.status == "succeeded"
    context, current = seen
    assert context is not None
    assert context is current
    assert current_context.get() is None
    assert (context.id, context.kind, context.handler) == ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "task", "work")
    assert (context.app, context.stage, context.attempt, context.deadline) == ("shop", "dev", 3, AT + 7)
    assert (context.traceparent, context.attributes) == (TRACE, {"k": "v"})


@pytest.mark.parametrize(
    "given", ["", "nonsense", TRACE.upper(), "ff" + TRACE[2:], TRACE + "-x", "\x00", "\ud800"], ids=ascii
)
def test_a_traceparent_that_is_none_becomes_a_new_one(given: str) -> None:
    seen: list[str] = []

    def work(context: Context) -> None:
        seen.append(context.traceparent)

    assert call(task_app(work), "work", traceparent=given).status == "succeeded"
    assert is_traceparent(seen[0])
    assert seen[0] != TRACE


# Failure


def test_a_failure_says_what_and_when_to_try_again() -> None:
    def work() -> None:
        raise ValueError("no\nluck\t at  all")

    waits = set()
    for attempt, low, high in ((1, 0.5, 1), (2, 1, 2), (3, 2, 4), (4, 4, 8)):
        outcome = call(task_app(work), "work", attempt=attempt)
        assert (outcome.status, outcome.result) == ("failed", None)
        assert outcome.error == "ValueError: no luck at all"
        assert low <= outcome.retry_after <= high
        waits.add(outcome.retry_after)
        assert outcome.traceback is not None
        assert "test_invoking.py" in outcome.traceback
        assert "raise ValueError" in outcome.traceback
        assert 'invoking.py", line' not in outcome.traceback.replace("test_invoking.py", "")
        assert "Traceback (most recent call last)" in outcome.traceback
    assert len(waits) == 4


@pytest.mark.parametrize(
    ("attempt", "status"), [(1, "failed"), (2, "failed"), (3, "dead"), (4, "dead"), (10**9, "dead")]
)
def test_the_last_attempt_ends_with_the_dead_letters(attempt: int, status: str) -> None:
    def work() -> None:
        raise ConnectionError("gone")

    assert call(task_app(work, max_attempts=3), "work", attempt=attempt).status == status


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Unspeakable(Exception):
    def __str__(self) -> str:
        return "before \ud800 after"


class Stop(BaseException):
    """Nothing that a handler should raise."""


def unfinished() -> Any:
    yield 1


RAISED: list[BaseException] = [
    ValueError("x" * 1_000_000),
    ValueError("\x00\x1b[31m"),
    ValueError("\ud800"),
    Unspeakable(),
    Unprintable(),
    KeyError(),
    StopIteration(1),
    RecursionError("deep"),
    MemoryError(),
    SystemExit(3),
    SystemExit(None),
    GeneratorExit(),
    asyncio.CancelledError(),
    Stop("really"),
    ExceptionGroup("many", [ValueError("a"), ValueError("b")]),
    BaseExceptionGroup("many", [KeyboardInterrupt(), ValueError("b")]),
    Conflict("taken", hint="another"),
]


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    "error", RAISED, ids=[f"{number}-{type(error).__name__}" for number, error in enumerate(RAISED)]
)
def test_whatever_a_handler_raises_is_an_outcome(error: BaseException, is_async: bool) -> None:
    def work() -> None:
        raise error

    async def work_async() -> None:
        await asyncio.sleep(0)
        raise error

    outcome = call(task_app(work_async if is_async else work), "work")
    assert outcome.status == "failed"
    assert_for_people(outcome)


def assert_for_people(outcome: Outcome) -> None:
    assert outcome.error
    assert len(outcome.error) <= 1000
    assert outcome.error.splitlines() == [outcome.error]
    # It goes into a database and to a terminal.
    outcome.error.encode()
    (outcome.traceback or "").encode()
    json.loads(outcome.result or "null")
    assert 0 <= outcome.retry_after < 10**6


def test_an_interrupt_ends_the_process_and_is_no_outcome() -> None:
    def work() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        call(task_app(work), "work")
    assert current_context.get() is None


@pytest.mark.parametrize(
    "result",
    [
        object(),
        {1, 2},
        float("nan"),
        {"a": float("inf")},
        "\ud800",
        {"\udfff": 1},
        {object(): 1},
        lambda: 1,
        unfinished(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_result_that_is_no_json_is_a_failure_that_says_so(result: Any) -> None:
    outcome = call(task_app(lambda: result), "work")
    if isinstance(result, set):
        assert outcome.status == "succeeded"
        return
    assert outcome.status == "failed"
    assert_for_people(outcome)


def test_a_result_that_holds_itself_is_a_failure() -> None:
    loop: list[Any] = []
    loop.append(loop)
    outcome = call(task_app(lambda: loop), "work")
    assert outcome.status == "failed"
    assert_for_people(outcome)


def test_a_generator_that_is_returned_is_a_failure_since_nothing_runs_it() -> None:
    outcome = call(task_app(lambda: unfinished()), "work")
    assert outcome.status == "failed"
    assert "generator" in (outcome.error or "")


def test_a_handler_that_there_is_not_is_dead_and_named() -> None:
    outcome = call(task_app(lambda: None), "nobody")
    assert outcome.status == "dead"
    assert "'nobody'" in (outcome.error or "")
    assert "'shop'" in (outcome.error or "")


def test_handlers_of_services_have_qualified_names() -> None:
    app, shop = App("conformance"), Service("shop")

    @shop.task
    def work(n: int) -> int:
        return n

    app.include(shop)
    assert call(app, "shop.work", "1") == Outcome("succeeded", result="1")
    assert call(app, "work", "1").status == "dead"


def test_a_route_is_no_background_handler() -> None:
    app = App("shop")

    @app.get("/")
    def page() -> str:
        return "page"

    assert call(app, "page").status == "dead"


def test_a_handler_that_nothing_could_fill_is_refused_when_the_dispatcher_is_made() -> None:
    app = App("shop")

    @app.cron("0 0 * * *")
    def nightly(payload: str) -> None:
        raise AssertionError(payload)

    with pytest.raises(DeclarationError, match="payload"):
        Dispatcher(app)


# Malformed events


class Heard:
    """An app with a handler of every kind, which keep what they got; `good` is a proper body for each."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        app = self.app = App("shop")
        topic = app.topic("changed", Note)
        bucket = app.bucket("files")
        table = app.table("notes", Note)

        @app.task
        def task(payload: Note) -> None:
            self.seen.append(payload)

        @topic.subscribe
        def topic_handler(event: Event[Note]) -> None:
            self.seen.append(event)

        @app.cron("0 0 * * *")
        def schedule(at: datetime) -> None:
            self.seen.append(at)

        @bucket.on_created
        def bucket_handler(event: ObjectEvent) -> None:
            self.seen.append(event)

        @table.on_change
        def table_handler(change: Change[Note]) -> None:
            self.seen.append(change)

        self.dispatcher = Dispatcher(app)
        self.handlers: dict[InvocationKind, str] = {
            "task": "task",
            "topic": "topic_handler",
            "schedule": "schedule",
            "bucket": "bucket_handler",
            "table": "table_handler",
        }
        self.good: dict[InvocationKind, str] = {
            "task": json.dumps(NOTE),
            "topic": json.dumps(NOTE),
            "schedule": '{"scheduled_at": "2026-01-01T00:00:00+00:00"}',
            "bucket": json.dumps(
                {"bucket": "files", "key": "a", "size": 1, "version": "1", "event": "created", "time": AT}
            ),
            "table": change_body("notes", "n1", "-", json.dumps(NOTE), "1", AT),
        }

    def invocation(self, kind: InvocationKind) -> Invocation:
        return Invocation(
            "01ARZ3NDEKTSV4RRFFQ69G5FAV", kind, self.handlers[kind], self.good[kind], 1, AT, AT + 300, TRACE, {}, AT
        )

    def deliver(self, invocation: Invocation) -> Outcome:
        """The outcome, of which everything holds that holds for every one."""
        self.seen.clear()
        outcome = self.dispatcher.invoke(invocation)
        if outcome.status == "succeeded":
            assert len(self.seen) == 1
        else:
            assert self.seen == []
            assert_for_people(outcome)
        return outcome


WANTED: dict[InvocationKind, type] = {
    "task": Note,
    "topic": Event,
    "schedule": datetime,
    "bucket": ObjectEvent,
    "table": Change,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_proper_event_of_each_kind_arrives(kind: InvocationKind) -> None:
    heard = Heard()
    assert heard.deliver(heard.invocation(kind)) == Outcome("succeeded")
    assert type(heard.seen[0]) is WANTED[kind]


BROKEN = [
    "",
    " ",
    "{",
    "}",
    "nul",
    "undefined",
    "NaN",
    "[NaN]",
    "'a'",
    '{"a": 1,}',
    '{"a": 1} x',
    '"\\ud800"',
    "\ud800",
    "\x00",
    "\ufeff{}",
    "[" * 100_000,
    '{"a":' * 100_000,
    "1" * 100_000,
    "1e999999",
    "-",
    '{"id": "n1"',
    "null",
    "[]",
    "{}",
    "0",
    '"text"',
    "true",
    '{"id": null, "lines": null}',
    '{"id": "n1", "lines": {}}',
    '{"id": "n1", "lines": [{"amount": "one"}]}',
]


@pytest.mark.parametrize("body", BROKEN, ids=[f"{number}-{body[:12]!a}" for number, body in enumerate(BROKEN)])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "schedule"])
def test_a_body_that_is_no_such_event_is_dead_at_once_and_never_done(kind: InvocationKind, body: str) -> None:
    heard = Heard()
    outcome = heard.deliver(heard.invocation(kind)._replace(body=body))
    assert outcome.status == "dead"
    assert "does not decode" in (outcome.error or "")


@pytest.mark.parametrize("at", [float("nan"), float("inf"), -1e18, 1e18], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_times_that_no_calendar_has_are_never_raised(kind: InvocationKind, at: float) -> None:
    heard = Heard()
    outcome = heard.deliver(heard.invocation(kind)._replace(scheduled_at=at, enqueued_at=at, deadline=at))
    assert outcome.status == ("dead" if kind in ("schedule", "topic") else "succeeded")


PIECES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 2**53, 2**64, 10**400, 1e308, "", "x", "\x00", "\ud800", "é😀", "NaN",
    "2026-13-45T99:99", [], {}, [[]], {"": None}, [None] * 50, "x" * 10_000, {"__decimal__": "x"},
    {"__bytes__": "!"}, {"__datetime__": "soon"}, {"__decimal__": 1, "more": 2},
)  # fmt: skip


def mutated(source: random.Random, body: str) -> str:
    """The body with one to three changes to its structure, or to its text."""
    value = json.loads(body)
    for _ in range(source.randint(1, 3)):
        value = changed(source, value)
    text = json.dumps(value, ensure_ascii=source.random() < 0.5)
    if source.random() < 0.3:
        at = source.randrange(len(text) + 1)
        text = source.choice(
            [text[:at], text[at:], text[:at] + source.choice('{}[]",:\\\x00\ud800 1e') + text[at:], text * 2]
        )
    return text


def changed(source: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and source.random() < 0.85:
        name = source.choice(sorted(value))
        what = source.random()
        if what < 0.2:
            return {key: kept for key, kept in value.items() if key != name}
        if what < 0.3:
            return {**value, source.choice(["", "extra", name.upper(), f"{name} ", "__class__"]): source.choice(PIECES)}
        return {**value, name: changed(source, value[name])}
    if isinstance(value, list) and value and source.random() < 0.85:
        at = source.randrange(len(value))
        what = source.random()
        if what < 0.2:
            return value[:at] + value[at + 1 :]
        if what < 0.3:
            return value * 3
        return [*value[:at], changed(source, value[at]), *value[at + 1 :]]
    return source.choice([*PIECES, [value], {"value": value}, str(value)])


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_events_fail_visibly_or_arrive_whole_and_never_raise(kind: InvocationKind) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(f"{seed} {kind}")
    heard = Heard()
    counts = {"succeeded": 0, "failed": 0, "dead": 0}
    for _ in range(MUTATIONS):
        invocation = heard.invocation(kind)._replace(body=mutated(source, heard.good[kind]))
        if source.random() < 0.2:
            invocation = invocation._replace(
                id=source.choice(["", "\x00", "x" * 10_000, "\ud800"]),
                attempt=source.choice([0, -1, 2, 5, 10**12]),
                enqueued_at=source.choice([0.0, -1e300, float("nan"), 1e300]),
                attributes=source.choice([{}, {"": ""}, {"\ud800": "\x00"}]),
                traceparent=source.choice(["", "x", "\ud800", TRACE * 2]),
                scheduled_at=source.choice([None, 0.0, -1e300, float("inf")]),
            )
        outcome = heard.deliver(invocation)
        counts[outcome.status] += 1
        if outcome.status == "succeeded":
            assert type(heard.seen[0]) is WANTED[kind], invocation
    # What does not decode never will: it is dead at once, not tried again.
    assert counts["failed"] == 0
    assert counts["dead"] > (0 if kind == "schedule" else MUTATIONS // 4), counts
