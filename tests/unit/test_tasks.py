"""Tasks without a provider: what is declared, what is sent, and that bad input meets no driver."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from portable.app import App, Service
from portable.context import Context
from portable.drivers import RunRecord
from portable.errors import (
    Conflict,
    DeclarationError,
    InvalidArgument,
    LimitExceeded,
    NotBound,
    NotFound,
    TaskFailed,
    Throttled,
    Unavailable,
    Unknown,
)
from portable.identifiers import is_traceparent
from portable.specs import Delivery, RetryPolicy
from portable.tasks import TaskRun

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
WEEK = 7 * 24 * 3600
BODY_BYTES = 48 * 1024


class Note(BaseModel):
    id: str


# Declarations


def test_a_task_is_a_resource_a_handler_and_still_its_function() -> None:
    app = App("shop")

    @app.task(max_attempts=3, min_backoff=2, max_backoff=9, timeout=60, memory=2048)
    def work(note: Note) -> str:
        """Works."""
        return note.id

    assert work(Note(id="a")) == "a"
    assert (work.__name__, work.__doc__, work.__module__) == ("work", "Works.", __name__)
    assert work.id == "task:work"
    assert work.spec == ("work", "shop", f"{__name__}:Note", RetryPolicy(3, 2, 9), 60, work.location)
    spec = app.handlers["work"].spec
    assert spec.trigger == Delivery("task", "work", (), RetryPolicy(3, 2, 9))
    assert (spec.timeout, spec.memory) == (60, 2048)
    assert repr(work) == "<Task task:work>"


def test_options_have_defaults_and_a_bare_decorator_will_do() -> None:
    app = App("shop")

    @app.task
    def bare() -> None: ...

    @app.task()
    def called() -> None: ...

    for task in (bare, called):
        assert (task.spec.retry, task.spec.timeout, task.spec.payload) == (RetryPolicy(5, 1, 300), 300, None)


def test_a_task_may_have_another_name_and_is_qualified_in_a_service() -> None:
    app, part = App("shop"), Service("part")

    @part.task(name="other-name")
    def work() -> None: ...

    app.include(part)
    assert work.id == "task:part.other-name"
    assert list(part.handlers) == ["other-name"]


@pytest.mark.parametrize("name", ["", "1work", "a b", "a.b", "ä", "a" * 64, "a/b", 5, "-a"], ids=ascii)
def test_a_name_that_no_queue_has_is_refused(name: Any) -> None:
    def work() -> None: ...

    with pytest.raises(DeclarationError, match="name"):
        App("shop").task(name=name)(work)


def test_two_tasks_of_one_name_are_refused_at_the_second() -> None:
    app = App("shop")

    @app.task
    def work() -> None: ...

    def other() -> None: ...

    with pytest.raises(DeclarationError, match="work") as caught:
        app.task(name="work")(other)
    assert caught.value.location is not None


def star(*values: int) -> None:
    raise AssertionError(values)


@pytest.mark.parametrize("function", [star, print, 5, "work"], ids=["star", "built-in", "number", "text"])
def test_what_nothing_could_call_is_refused(function: Any) -> None:
    with pytest.raises(DeclarationError):
        App("shop").task()(function)


def test_parameters_that_nothing_fills_are_refused() -> None:
    def three(one: int, other: int, context: Context) -> None:
        raise AssertionError(one, other, context)

    untyped: Any = three
    with pytest.raises(DeclarationError, match="one too many"):
        App("shop").task()(untyped)


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": 901}, {"memory": 1}, {"max_attempts": 0}], ids=str)
def test_options_over_the_profile_are_refused(options: dict[str, Any]) -> None:
    def work() -> None: ...

    with pytest.raises(DeclarationError):
        App("shop").task(**options)(work)


# Sending


class Shop:
    """An app with tasks of each make."""

    def __init__(self) -> None:
        app = self.app = App("shop")

        @app.task
        def noted(note: Note, context: Context) -> None: ...

        @app.task
        def free(data: Any) -> int:
            return 1

        @app.task
        def empty() -> None: ...

        self.noted: Any = noted
        self.free: Any = free
        self.empty: Any = empty


@pytest.fixture
def shop(broker: Any) -> Shop:
    found = Shop()
    broker.bind(found.app)
    return found


def test_a_message_has_all_that_a_queue_needs(shop: Shop, broker: Any) -> None:
    run = shop.noted.send(Note(id="é"), delay=2.5, dedup="once")
    [message] = broker.sent
    assert (message.id, message.task, message.body) == (run.id, "noted", '{"id":"\\u00e9"}')
    assert (message.enqueued_at, message.due) == (broker.time, broker.time + 2.5)
    assert message.dedup == "once"
    assert is_traceparent(message.traceparent)
    assert broker.asked == [("task:noted", "send")]


def test_without_options_a_run_is_due_at_once_and_each_has_an_id(shop: Shop, broker: Any) -> None:
    runs = [shop.empty.send(), shop.empty.send(None)]
    assert len({run.id for run in runs}) == 2
    for message in broker.sent:
        assert (message.body, message.dedup, message.due) == ("null", None, message.enqueued_at)


def test_a_second_send_under_one_key_is_the_first_run(shop: Shop) -> None:
    assert shop.empty.send(dedup="a") == shop.empty.send(dedup="a")
    assert shop.empty.send(dedup="a") != shop.empty.send(dedup="b")


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [(None, 0), (0, 0), (0.25, 0.25), (timedelta(hours=1), 3600), (WEEK, WEEK), (timedelta(days=7), WEEK)],
    ids=str,
)
def test_a_delay_is_seconds_or_a_timedelta_of_at_most_a_week(
    shop: Shop, broker: Any, delay: Any, seconds: float
) -> None:
    shop.empty.send(delay=delay)
    assert broker.sent[0].due == broker.time + seconds


BAD: dict[str, tuple[Callable[[Shop], Any], type[Exception]]] = {
    "no payload": (lambda shop: shop.noted.send(), InvalidArgument),
    "none": (lambda shop: shop.noted.send(None), InvalidArgument),
    "another model": (lambda shop: shop.noted.send({"no": 1}), InvalidArgument),
    "a payload too many": (lambda shop: shop.empty.send(1), InvalidArgument),
    "no json": (lambda shop: shop.free.send(object()), InvalidArgument),
    "nan": (lambda shop: shop.free.send(float("nan")), InvalidArgument),
    "a surrogate": (lambda shop: shop.free.send("\ud800"), InvalidArgument),
    "large": (lambda shop: shop.free.send("x" * (BODY_BYTES - 1)), LimitExceeded),
    "large when escaped": (lambda shop: shop.free.send("é" * (BODY_BYTES // 6)), LimitExceeded),
    "the past": (lambda shop: shop.empty.send(delay=-0.001), InvalidArgument),
    "no time": (lambda shop: shop.empty.send(delay=float("nan")), InvalidArgument),
    "a text": (lambda shop: shop.empty.send(delay="5"), InvalidArgument),
    "true": (lambda shop: shop.empty.send(delay=True), InvalidArgument),
    "too long": (lambda shop: shop.empty.send(delay=WEEK + 1), LimitExceeded),
    "for ever": (lambda shop: shop.empty.send(delay=float("inf")), LimitExceeded),
    "negative": (lambda shop: shop.empty.send(delay=timedelta(seconds=-1)), InvalidArgument),
    "an empty key": (lambda shop: shop.empty.send(dedup=""), InvalidArgument),
    "a long key": (lambda shop: shop.empty.send(dedup="é" * 129), InvalidArgument),
    "a key of bytes": (lambda shop: shop.empty.send(dedup=b"a"), InvalidArgument),
    "a surrogate key": (lambda shop: shop.empty.send(dedup="\ud800"), InvalidArgument),
    "no id": (lambda shop: shop.empty.run(""), InvalidArgument),
    "a number": (lambda shop: shop.empty.run(5), InvalidArgument),
    "a limit": (lambda shop: shop.empty.dead_letters(limit=0), InvalidArgument),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_refused_with_its_task_and_meets_no_driver(shop: Shop, broker: Any, what: str) -> None:
    call, error = BAD[what]
    with pytest.raises(error) as caught:
        call(shop)
    found: Any = caught.value
    assert found.resource.startswith("task:")
    assert len(found.message) < 500
    assert broker.calls == []


def test_the_largest_body_is_sent(shop: Shop, broker: Any) -> None:
    shop.free.send("x" * (BODY_BYTES - 2))
    shop.empty.send(dedup="é" * 128)
    assert len(broker.sent[0].body) == BODY_BYTES


@pytest.mark.parametrize("kind", [Throttled, Unavailable, Unknown])
def test_what_the_provider_raises_is_ours_with_task_and_verb(shop: Shop, broker: Any, kind: type[Exception]) -> None:
    broker.fails.append(broker.Refused("quota 7", kind))
    with pytest.raises(kind, match="quota 7") as caught:
        shop.empty.send()
    found: Any = caught.value
    assert found.resource == "task:empty"
    assert "send" in found.message
    assert isinstance(found.__cause__, broker.Refused)
    assert len(broker.calls) == 1


def test_what_the_driver_does_not_know_is_raised_as_it_is(shop: Shop, broker: Any) -> None:
    broker.fails.append(broker.Refused("odd", None))
    with pytest.raises(broker.Refused, match="odd"):
        shop.empty.send()


def test_a_task_of_an_app_that_does_not_run_is_not_bound() -> None:
    shop = Shop()
    for call in (shop.empty.send, lambda: shop.empty.run(ID).status(), shop.empty.dead_letters):
        with pytest.raises(NotBound):
            call()


# Runs


def record(state: Any, result: str | None = None, error: str | None = None) -> RunRecord:
    return RunRecord(ID, "free", state, 2, 1.0, 2.0, result, error, 0.5, "half")


def test_a_run_tells_what_its_record_says(shop: Shop, broker: Any) -> None:
    broker.records[ID] = record("succeeded", "41")
    run: TaskRun[int] = shop.free.run(ID)
    assert (run.status(), run.progress, run.result()) == ("succeeded", 0.5, 41)
    assert run.record() == broker.records[ID]
    assert repr(run) == f"<TaskRun free {ID}>"


@pytest.mark.parametrize("state", ["queued", "running", "failed"])
def test_the_result_of_a_run_that_has_not_ended_is_a_conflict(shop: Shop, broker: Any, state: str) -> None:
    broker.records[ID] = record(state)
    with pytest.raises(Conflict, match=state):
        shop.free.run(ID).result()


@pytest.mark.parametrize(("state", "hint"), [("dead", "redrive"), ("discarded", "discarded")])
def test_the_result_of_a_run_that_failed_for_good_is_its_error(shop: Shop, broker: Any, state: str, hint: str) -> None:
    broker.records[ID] = record(state, error="ValueError: no")
    with pytest.raises(TaskFailed, match="after 2 attempts: ValueError: no") as caught:
        shop.free.run(ID).result()
    assert hint in (caught.value.hint or "")
    assert caught.value.key == ID


@pytest.mark.parametrize("ask", ["status", "result", "record"])
def test_a_run_that_is_not_known_is_not_found(shop: Shop, ask: str) -> None:
    with pytest.raises(NotFound, match=ID) as caught:
        getattr(shop.free.run(ID), ask)()
    assert caught.value.resource == "task:free"


def test_a_kept_result_that_fits_the_code_no_more_is_a_conflict(shop: Shop, broker: Any) -> None:
    broker.records[ID] = record("succeeded", '"text"')
    with pytest.raises(Conflict, match="no longer fits"):
        shop.free.run(ID).result()


def test_runs_are_equal_by_task_and_id(shop: Shop) -> None:
    assert shop.free.run(ID) == shop.free.run(ID)
    assert hash(shop.free.run(ID)) == hash(shop.free.run(ID))
    assert shop.free.run(ID) != shop.empty.run(ID)
    assert shop.free.run(ID) != ID
