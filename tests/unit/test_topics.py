"""Topics without a provider: what is published, who subscribes, and that bad input meets no driver."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from portable.app import App, Service
from portable.context import Context
from portable.drivers import DeadLetter
from portable.errors import (
    DeclarationError,
    InvalidArgument,
    LimitExceeded,
    NotBound,
    NotFound,
    Throttled,
    Unknown,
)
from portable.identifiers import is_traceparent
from portable.invocation import Invocation
from portable.specs import Delivery, RetryPolicy
from portable.topics import Event, Topic

ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
BODY_BYTES = 128 * 1024


class Note(BaseModel):
    id: str


@pytest.fixture
def app() -> App:
    return App("shop")


@pytest.fixture
def news(app: App, broker: Any) -> Topic[Any]:
    found: Topic[Any] = app.topic("news")
    broker.bind(app)
    return found


# Declarations


def test_a_topic_says_what_it_carries(app: App) -> None:
    topic = app.topic("note-changed", Note)
    assert topic.id == "topic:note-changed"
    assert topic.spec == ("note-changed", "shop", f"{__name__}:Note", topic.location)
    assert app.topic("free").spec.model is None
    assert repr(topic) == "<Topic topic:note-changed>"


def test_a_subscriber_stays_a_function_and_is_a_handler(app: App) -> None:
    topic = app.topic("news", Note)

    @topic.subscribe(filter={"b": "2", "a": "1"}, max_attempts=3, min_backoff=2, max_backoff=9, timeout=60, memory=512)
    def heard(note: Note) -> str:
        return note.id

    @topic.subscribe
    def also(note: Note) -> None: ...

    assert heard(Note(id="a")) == "a"
    spec = app.handlers["heard"].spec
    assert spec.trigger == Delivery("topic", "news", (("a", "1"), ("b", "2")), RetryPolicy(3, 2, 9))
    assert (spec.timeout, spec.memory) == (60, 512)
    assert app.handlers["also"].spec.trigger == Delivery("topic", "news", (), RetryPolicy(5, 1, 300))


def test_a_subscriber_may_live_in_another_service() -> None:
    app, left, right = App("shop"), Service("left"), Service("right")
    topic = left.topic("news")

    @topic.subscribe(service=right, name="ears")
    def heard(data: Any) -> None: ...

    app.include(left)
    app.include(right)
    assert list(right.handlers) == ["ears"]
    assert right.handlers["ears"].spec.trigger == Delivery("topic", "left.news", (), RetryPolicy())


@pytest.mark.parametrize("name", ["", "News", "a_b", "1a", "a" * 64, "ä", 5], ids=ascii)
def test_a_name_that_no_provider_has_is_refused(app: App, name: Any) -> None:
    with pytest.raises(DeclarationError):
        app.topic(name)


@pytest.mark.parametrize(
    "filter",
    [{"": "x"}, {"a": ""}, {"a": 1}, {"a": None}, {1: "a"}, {"a b": "x"}, {"goog-a": "x"}, {"AWS.a": "x"}, ["a"], "a"],
    ids=ascii,
)
def test_a_filter_that_no_event_could_meet_is_refused_at_its_line(app: App, filter: Any) -> None:
    with pytest.raises(DeclarationError, match="filter") as caught:
        app.topic("news").subscribe(filter=filter)
    assert caught.value.location is not None
    assert caught.value.location.file == __file__


# What subscribers get


def delivered(function: Any, data: str, model: Any = None, **fields: Any) -> Any:
    app = App("shop")
    app.topic("news", model).subscribe(function)
    [handler] = app.handlers.values()
    invocation = Invocation(ID, "topic", "x", data, 1, 5.0, 9.0, "", {"a": "b"})._replace(**fields)
    return handler.decode.decode_invocation(invocation)


def test_the_data_is_what_the_topic_carries_or_what_the_subscriber_asks_for() -> None:
    def bare(note):  # type: ignore[no-untyped-def]
        raise AssertionError(note)

    def typed(note: Note) -> None: ...

    def free(note: dict[str, str]) -> None: ...

    raw = '{"id": "1"}'
    assert delivered(bare, raw, Note) == Note(id="1")
    assert delivered(bare, raw) == {"id": "1"}
    assert delivered(typed, raw) == Note(id="1")
    assert delivered(free, raw, Note) == {"id": "1"}


def test_an_event_has_id_time_and_attributes() -> None:
    def typed(event: Event[Note]) -> None: ...

    def bare(event: Event, context: Context) -> None: ...  # type: ignore[type-arg]

    when = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    assert delivered(typed, '{"id": "1"}') == Event(ID, when, {"a": "b"}, Note(id="1"))
    assert delivered(bare, '{"id": "1"}', Note) == Event(ID, when, {"a": "b"}, Note(id="1"))
    assert delivered(bare, "[1]") == Event(ID, when, {"a": "b"}, [1])


def test_a_subscriber_without_parameters_gets_nothing() -> None:
    app = App("shop")

    @app.topic("news").subscribe
    def heard() -> None: ...

    assert app.handlers["heard"].decode is None


# Publishing


def test_an_event_has_all_that_a_provider_needs(news: Topic[Any], broker: Any) -> None:
    id = news.publish({"text": "é"}, attributes={"a": "b"})
    [[event]] = broker.published
    assert (event.id, event.source, event.type, event.time) == (id, "/shop", "news", broker.time)
    assert (event.data, event.attributes) == ('{"text":"\\u00e9"}', {"a": "b"})
    assert is_traceparent(event.traceparent)
    assert broker.asked == [("topic:news", "publish")]


def test_attributes_are_copied(news: Topic[Any], broker: Any) -> None:
    attributes = {"a": "b"}
    news.publish_all([1, 2], attributes=attributes)
    attributes["a"] = "c"
    assert [event.attributes for event in broker.published[0]] == [{"a": "b"}, {"a": "b"}]
    assert broker.published[0][0].attributes is not broker.published[0][1].attributes


def test_many_are_one_call_and_none_is_none(news: Topic[Any], broker: Any) -> None:
    ids = news.publish_all(str(number) for number in range(5))
    assert [event.id for event in broker.published[0]] == ids
    assert [event.data for event in broker.published[0]] == [f'"{number}"' for number in range(5)]
    assert news.publish_all([]) == []
    assert broker.calls == [("publish",)]


@pytest.mark.parametrize(
    ("event", "attributes", "error"),
    [
        (object(), None, InvalidArgument),
        (float("nan"), None, InvalidArgument),
        ("\ud800", None, InvalidArgument),
        ("x" * (BODY_BYTES - 1), None, LimitExceeded),
        (1, {"": "x"}, InvalidArgument),
        (1, {"a": ""}, InvalidArgument),
        (1, {"a": 1}, InvalidArgument),
        (1, {"a": "\x00"}, InvalidArgument),
        (1, {"a": "\ufffe"}, InvalidArgument),
        (1, {"é": "x"}, InvalidArgument),
        (1, {"Google": "x"}, InvalidArgument),
        (1, [("a", "b")], InvalidArgument),
        (1, {"a": "x" * 257}, LimitExceeded),
        (1, {"a" * 257: "x"}, LimitExceeded),
        (1, {f"a{number}": "x" for number in range(11)}, LimitExceeded),
    ],
    ids=[str(number) for number in range(15)],
)
def test_bad_input_is_refused_with_its_topic_and_meets_no_driver(
    news: Topic[Any], broker: Any, event: Any, attributes: Any, error: type[Exception]
) -> None:
    for publish in (
        lambda: news.publish(event, attributes=attributes),
        lambda: news.publish_all([1, event], attributes=attributes),
    ):
        with pytest.raises(error) as caught:
            publish()
        found: Any = caught.value
        assert found.resource == "topic:news"
        assert len(found.message) < 500
    assert broker.calls == []


def test_an_event_that_is_not_what_the_topic_carries_is_refused(app: App, broker: Any) -> None:
    topic = app.topic("notes", Note)
    broker.bind(app)
    wrong: Any = {"no": "note"}
    with pytest.raises(InvalidArgument, match="notes"):
        topic.publish(wrong)
    assert broker.calls == []


@pytest.mark.parametrize("kind", [Throttled, Unknown])
def test_what_the_provider_raises_is_ours_and_tried_once(news: Topic[Any], broker: Any, kind: type[Exception]) -> None:
    broker.fails.append(broker.Refused("quota 7", kind))
    with pytest.raises(kind, match="quota 7") as caught:
        news.publish(1)
    found: Any = caught.value
    assert found.resource == "topic:news"
    assert len(broker.calls) == 1


def test_a_topic_of_an_app_that_does_not_run_is_not_bound(app: App) -> None:
    topic = app.topic("news")
    with pytest.raises(NotBound):
        topic.publish(1)
    with pytest.raises(NotBound):
        topic.publish_all([])


# Dead letters of a subscriber


def test_letters_are_asked_for_by_function_or_name(app: App, news: Topic[Any], broker: Any) -> None:
    @news.subscribe
    def heard(data: Any) -> None: ...

    broker.bind(app)
    letter = DeadLetter(ID, "heard", "1", 5, "no", 1.0, 2.0, "")
    broker.letters["heard"] = [letter]
    assert news.dead_letters(heard).letters == news.dead_letters("heard").letters == [letter]
    news.redrive(heard, ID)
    with pytest.raises(NotFound):
        news.redrive("heard", ID)
    with pytest.raises(NotFound):
        news.discard(heard, ID)
    assert ("topic:news", "redrive") in broker.asked
    for nobody in ("nobody", print, None, 5):
        anyone: Any = nobody
        with pytest.raises(InvalidArgument, match="no subscriber of topic 'news'"):
            news.dead_letters(anyone)
