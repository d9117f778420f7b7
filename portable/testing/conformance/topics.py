"""Topics: every subscriber gets every event that it asks for, at least once and on its own."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

from portable.adapter import Running
from portable.app import App, Service
from portable.context import Context
from portable.errors import DeclarationError, InvalidArgument, LimitExceeded, NotBound, NotFound
from portable.topics import Event

from .harness import Harness
from .naming import described
from .task_payloads import TEXTS, Opaque

BODY_BYTES = 128 * 1024
NO_EVENT = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
NO_FILTER: dict[str, str] = {}
NOBODY: set[str] = set()
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Note(BaseModel):
    id: str
    text: str = ""


class NoteId(BaseModel):
    """A part of a Note: all that some subscribers want to know."""

    id: str


def settle(running: Running, rounds: int, seconds: float = 301) -> None:
    for _ in range(rounds):
        running.drain()
        running.advance(seconds)
    running.drain()


class TopicConformance:
    """At least once for every subscriber, each with its own queue, retries and dead letters."""

    def test_every_subscriber_gets_every_event(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news", Note)
        seen: set[tuple[str, str]] = set()

        @news.subscribe
        def one(note: Note) -> None:
            seen.add(("one", note.id))

        @news.subscribe()
        def two(note: Note, context: Context) -> None:
            assert context.kind == "topic"
            seen.add(("two", note.id))

        @news.subscribe(max_attempts=1, timeout=540)
        async def three(event: Event[Note]) -> None:
            seen.add(("three", event.data.id))

        @news.subscribe
        def four() -> None:
            seen.add(("four", ""))

        @news.subscribe
        def five(context: Context) -> None:
            seen.add(("five", context.handler))

        with harness.running(app) as running:
            ids = {news.publish(Note(id=f"n{number}")) for number in range(20)}
            assert len(ids) == 20
            assert seen == set()
            running.drain()
            expected = {(name, f"n{number}") for name in ("one", "two", "three") for number in range(20)}
            assert seen == expected | {("four", ""), ("five", "five")}

    def test_an_event_without_subscribers_is_published_to_no_one(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")
        with harness.running(app) as running:
            assert news.publish({"a": 1})
            assert news.publish(None)
            running.drain()

    def test_a_subscriber_takes_the_data_as_it_says(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news", Note)
        seen: dict[str, Any] = {}

        @news.subscribe
        def whole(note: Note) -> None:
            seen["whole"] = note

        @news.subscribe
        def part(note: NoteId) -> None:
            seen["part"] = note

        @news.subscribe
        def plain(note: dict[str, Any]) -> None:
            seen["plain"] = note

        @news.subscribe
        def event(note: Event[NoteId]) -> None:
            seen["event"] = note.data

        def bare(note):  # type: ignore[no-untyped-def]
            seen["bare"] = note

        def bare_event(event: Event) -> None:  # type: ignore[type-arg]  # pyright: ignore[reportMissingTypeArgument, reportUnknownParameterType]
            seen["bare_event"] = event.data  # pyright: ignore[reportUnknownMemberType]

        untyped: Any = news
        untyped.subscribe(bare)
        untyped.subscribe(bare_event)
        with harness.running(app) as running:
            news.publish(Note(id="1", text="x"))
            running.drain()
            assert seen == {
                "whole": Note(id="1", text="x"),
                "part": NoteId(id="1"),
                "plain": {"id": "1", "text": "x"},
                "event": NoteId(id="1"),
                "bare": Note(id="1", text="x"),
                "bare_event": Note(id="1", text="x"),
            }
            assert type(seen["part"]) is NoteId

    def test_an_event_has_its_id_time_attributes_and_data(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news", Note)
        seen: list[tuple[str, Event[Note], Context]] = []

        @news.subscribe
        def one(event: Event[Note], context: Context) -> None:
            seen.append(("one", event, context))

        @news.subscribe
        def two(event: Event[Note], context: Context) -> None:
            seen.append(("two", event, context))

        with harness.running(app) as running:
            published_at = running.now()
            id = news.publish(Note(id="1"), attributes={"kind": "new", "Lang.x-1": "é 😀"})
            running.advance(30)
            running.drain()
            assert {name for name, _, _ in seen} == {"one", "two"}
            for name, event, context in seen:
                assert event.id == id
                assert event.attributes == {"kind": "new", "Lang.x-1": "é 😀"}
                assert event.data == Note(id="1")
                assert event.time.tzinfo is UTC
                assert abs(event.time.timestamp() - published_at) < 5
                assert isinstance(event.time, datetime)
                assert context.attributes == event.attributes
                assert (context.handler, context.attempt, context.kind) == (name, 1, "topic")
                assert 0 < context.deadline - running.now() <= 301

    def test_an_event_keeps_id_and_time_through_attempts_and_deliveries(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: list[tuple[str, float]] = []
        attempts: list[int] = []

        @news.subscribe
        def heard(event: Event[Any], context: Context) -> None:
            seen.append((event.id, event.time.timestamp()))
            attempts.append(context.attempt)
            if context.attempt == 1:
                raise ValueError("again")

        with harness.running(app) as running:
            id = news.publish("x")
            settle(running, 2)
            assert attempts == [1, 2]
            assert running.redeliver("heard") >= 1
            settle(running, 2)
            assert len(seen) >= 3
            assert {found for found, _ in seen} == {id}
            assert len(set(seen)) == 1

    def test_one_that_fails_affects_only_itself(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")
        heard: dict[str, list[int]] = {f"s{number}": [] for number in range(10)}

        def declare(name: str) -> None:
            def subscriber(number: int) -> None:
                heard[name].append(number)
                if name == "s3":
                    raise ValueError(f"s3 never hears {number}")

            news.subscribe(name=name, max_attempts=2)(subscriber)

        for name in heard:
            declare(name)
        with harness.running(app) as running:
            for number in range(10):
                news.publish(number)
            running.drain()
            for name, numbers in heard.items():
                assert sorted(numbers) == list(range(10)), name
            settle(running, 3)
            for name, numbers in heard.items():
                assert sorted(numbers) == sorted([*range(10)] * (2 if name == "s3" else 1)), name
                assert len(running.dead_letters(name)) == (10 if name == "s3" else 0)

    def test_a_failed_delivery_is_tried_again_and_then_a_dead_letter_of_that_subscriber(self, harness: Harness) -> None:
        app = App("conformance")
        news, other = app.topic("news", Note), app.topic("other")
        attempts: list[int] = []
        healthy: list[bool] = []

        @news.subscribe(max_attempts=3)
        def frail(note: Note, context: Context) -> None:
            attempts.append(context.attempt)
            if not healthy:
                raise ValueError(f"no {note.id}")

        @news.subscribe
        def strong(note: Note) -> None:
            assert note.id

        with harness.running(app) as running:
            id = news.publish(Note(id="1"), attributes={"a": "b"})
            settle(running, 5)
            assert attempts == [1, 2, 3]
            letters = news.dead_letters(frail).letters
            assert [(letter.id, letter.handler, letter.attempts) for letter in letters] == [(id, "frail", 3)]
            assert "no 1" in letters[0].error
            assert '"id":"1"' in letters[0].body
            assert news.dead_letters("frail").letters == letters == running.dead_letters("frail")
            assert news.dead_letters(strong).letters == []
            with pytest.raises(NotFound):
                news.redrive(strong, id)
            news.redrive(frail, id)
            settle(running, 5)
            assert attempts == [1, 2, 3, 1, 2, 3]
            healthy.append(True)
            news.redrive("frail", id)
            running.drain()
            assert attempts[6:] == [1]
            assert news.dead_letters(frail).letters == []
            for nobody in ("nobody", print, other):
                untyped: Any = nobody
                with pytest.raises(InvalidArgument, match="news"):
                    news.dead_letters(untyped)

    def test_a_discarded_event_is_gone_for_one_subscriber(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")

        @news.subscribe(max_attempts=1)
        def one(number: int) -> None:
            raise ValueError(number)

        @news.subscribe(max_attempts=1)
        def two(number: int) -> None:
            raise ValueError(number)

        with harness.running(app) as running:
            id = news.publish(1)
            running.drain()
            assert len(news.dead_letters(one).letters) == len(news.dead_letters(two).letters) == 1
            news.discard(one, id)
            assert news.dead_letters(one).letters == []
            assert len(news.dead_letters(two).letters) == 1
            for verb in (news.discard, news.redrive):
                with pytest.raises(NotFound):
                    verb(one, id)
                with pytest.raises(NotFound):
                    verb(two, NO_EVENT)

    def test_data_that_a_subscriber_cannot_take_is_dead_for_it_at_once(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: list[Any] = []

        @news.subscribe(max_attempts=5)
        def strict(note: Note) -> None:
            seen.append(note)

        @news.subscribe
        def tolerant(note: Any) -> None:
            seen.append(note)

        with harness.running(app) as running:
            news.publish({"no": "note"})
            running.drain()
            assert seen == [{"no": "note"}]
            letters = news.dead_letters(strict).letters
            assert len(letters) == 1
            assert letters[0].attempts == 1
            assert "decode" in letters[0].error

    # Filters

    @pytest.mark.parametrize(
        ("filter", "expected"),
        [
            (None, {"none", "a1", "a2", "a1b1", "a1b2", "A1", "b1"}),
            (NO_FILTER, {"none", "a1", "a2", "a1b1", "a1b2", "A1", "b1"}),
            ({"a": "1"}, {"a1", "a1b1", "a1b2"}),
            ({"a": "1", "b": "1"}, {"a1b1"}),
            ({"b": "1"}, {"a1b1", "b1"}),
            ({"A": "1"}, {"A1"}),
            ({"a": "1 "}, NOBODY),
            ({"a": "*"}, NOBODY),
            ({"c": "1"}, NOBODY),
        ],
    )
    def test_a_filter_compares_attributes_for_equality(
        self, harness: Harness, filter: dict[str, str] | None, expected: set[str]
    ) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: set[str] = set()

        @news.subscribe(filter=filter)
        def heard(name: str) -> None:
            seen.add(name)

        events: dict[str, dict[str, str]] = {
            "none": {},
            "a1": {"a": "1"},
            "a2": {"a": "2"},
            "a1b1": {"a": "1", "b": "1"},
            "a1b2": {"a": "1", "b": "2"},
            "A1": {"A": "1"},
            "b1": {"b": "1"},
        }
        with harness.running(app) as running:
            for name, attributes in events.items():
                news.publish(name, attributes=attributes)
            running.drain()
            assert seen == expected

    @pytest.mark.parametrize(
        "filter",
        [
            {"": "x"},
            {"a": ""},
            {"a": 1},
            {"a b": "x"},
            {"é": "x"},
            {"a": "\x00"},
            {"a": "\ud800"},
            {"goog-x": "x"},
            {"AWS.x": "x"},
            {"a": "x" * 257},
            {"a" * 257: "x"},
            {f"a{number}": "x" for number in range(11)},
            ["a"],
            "a=b",
        ],
        ids=described,
    )
    def test_what_no_attributes_can_be_is_refused_in_a_filter_and_when_published(
        self, harness: Harness, filter: Any
    ) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: list[int] = []

        @news.subscribe
        def heard(number: int) -> None:
            seen.append(number)

        with pytest.raises(DeclarationError, match="filter") as caught:
            news.subscribe(filter=filter)
        assert caught.value.location is not None
        with harness.running(app) as running:
            with pytest.raises((InvalidArgument, LimitExceeded), match="attribute"):
                news.publish(1, attributes=filter)
            with pytest.raises((InvalidArgument, LimitExceeded), match="attribute"):
                news.publish_all([1, 2], attributes=filter)
            running.drain()
            assert seen == []

    def test_ten_attributes_of_256_bytes_are_taken_and_more_are_over_the_limit(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: list[dict[str, str]] = []
        most = {f"{number}".rjust(256, "a"): "é" * 128 for number in range(10)}

        @news.subscribe(filter=most)
        def heard(event: Event[Any]) -> None:
            seen.append(event.attributes)

        with harness.running(app) as running:
            news.publish("x", attributes=most)
            running.drain()
            assert seen == [most]
            for attributes, limit in (
                ({**most, "one": "more"}, "event_attributes"),
                ({"a": "é" * 128 + "x"}, "event_attribute_bytes"),
                ({"a" * 257: "x"}, "event_attribute_bytes"),
            ):
                with pytest.raises(LimitExceeded) as caught:
                    news.publish("x", attributes=attributes)
                assert caught.value.limit == limit
                assert caught.value.resource == "topic:news"

    # Bodies

    @pytest.mark.parametrize("text", TEXTS, ids=described)
    def test_any_text_arrives_character_by_character(self, harness: Harness, text: str) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: set[str] = set()

        @news.subscribe
        def heard(data: dict[str, str]) -> None:
            seen.add(data["text"])

        with harness.running(app) as running:
            news.publish({"text": text})
            running.drain()
            assert seen == {text}

    @pytest.mark.parametrize(("filler", "width"), [("x", 1), ("é", 6), ("😀", 12)], ids=ascii)
    def test_128_kib_of_ascii_json_is_taken_and_one_byte_more_is_not(
        self, harness: Harness, filler: str, width: int
    ) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: list[str] = []

        @news.subscribe
        def heard(text: str) -> None:
            seen.append(text)

        room = BODY_BYTES - 2
        text = filler * (room // width) + "x" * (room % width)
        with harness.running(app) as running:
            news.publish(text)
            for refused in (lambda: news.publish(text + "x"), lambda: news.publish_all(["ok", text + "x"])):
                with pytest.raises(LimitExceeded) as caught:
                    refused()
                assert (caught.value.limit, caught.value.resource) == ("event_body_bytes", "topic:news")
            running.drain()
            assert seen == [text]

    @pytest.mark.parametrize("value", [Note, {"id": 1}, None, "x", 3, [Note(id="1")], Opaque()], ids=described)
    def test_an_event_that_is_not_what_the_topic_carries_is_refused(self, harness: Harness, value: Any) -> None:
        app = App("conformance")
        news = app.topic("news", Note)
        seen: list[Note] = []

        @news.subscribe
        def heard(note: Note) -> None:
            seen.append(note)

        with harness.running(app) as running:
            for publish in (lambda: news.publish(value), lambda: news.publish_all([Note(id="1"), value])):
                with pytest.raises(InvalidArgument, match="news") as caught:
                    publish()
                assert caught.value.resource == "topic:news"
            running.drain()
            assert seen == []

    def test_several_events_are_published_at_once_in_order_of_their_ids(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: dict[str, int] = {}

        @news.subscribe
        def heard(event: Event[int]) -> None:
            seen[event.id] = event.data

        with harness.running(app) as running:
            ids = news.publish_all(range(25), attributes={"a": "b"})
            assert news.publish_all([]) == []
            running.drain()
            assert [seen[id] for id in ids] == list(range(25))
            assert len(seen) == 25

    def test_what_threads_publish_at_once_all_arrives(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: set[tuple[str, int]] = set()
        errors: list[BaseException] = []

        @news.subscribe
        def one(number: int) -> None:
            seen.add(("one", number))

        @news.subscribe
        def two(number: int) -> None:
            seen.add(("two", number))

        def publish(first: int) -> None:
            try:
                for number in range(first, first + 10):
                    news.publish(number)
            except BaseException as error:
                errors.append(error)

        with harness.running(app) as running:
            threads = [threading.Thread(target=publish, args=(first,)) for first in range(0, 80, 10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
            assert errors == []
            running.drain()
            assert seen == {(name, number) for name in ("one", "two") for number in range(80)}

    # Where

    def test_topics_and_subscribers_of_several_services_are_apart(self, harness: Harness) -> None:
        app, left, right = App("conformance"), Service("left"), Service("right")
        news, own = left.topic("news"), app.topic("news")
        seen: set[tuple[str, str]] = set()

        @news.subscribe(service=right)
        def heard(text: str, context: Context) -> None:
            seen.add((context.handler, text))

        @own.subscribe(name="own-heard")
        def own_heard(text: str, context: Context) -> None:
            seen.add((context.handler, text))

        @news.subscribe
        def also(text: str, context: Context) -> None:
            seen.add((context.handler, text))

        app.include(left)
        app.include(right)
        with harness.running(app) as running:
            news.publish("left")
            own.publish("app")
            running.drain()
            assert seen == {("right.heard", "left"), ("left.also", "left"), ("own-heard", "app")}
            assert news.dead_letters("right.heard").letters == []
            assert news.dead_letters(also).letters == []

    def test_one_function_may_hear_two_topics(self, harness: Harness) -> None:
        app = App("conformance")
        one, two = app.topic("one"), app.topic("two")
        seen: set[str] = set()

        @one.subscribe
        @two.subscribe
        def heard(text: str) -> None:
            seen.add(text)

        heard("itself")
        assert seen == {"itself"}
        with harness.running(app) as running:
            one.publish("1")
            two.publish("2")
            running.drain()
            assert seen == {"itself", "1", "2"}

    def test_a_subscriber_may_publish_on(self, harness: Harness) -> None:
        app = App("conformance")
        first, second = app.topic("first"), app.topic("second")
        seen: set[int] = set()

        @first.subscribe
        def forward(number: int) -> None:
            second.publish(number + 1)

        @second.subscribe
        def heard(number: int) -> None:
            seen.add(number)

        with harness.running(app) as running:
            first.publish(1)
            running.drain()
            assert seen == {2}

    def test_the_trace_of_a_request_goes_on_to_every_subscriber(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")
        seen: dict[str, str] = {}

        @app.post("/start")
        def start() -> None:
            news.publish("x")

        @news.subscribe
        def one(text: str, context: Context) -> None:
            seen["one"] = context.traceparent
            work.send(text)

        @news.subscribe
        def two(context: Context) -> None:
            seen["two"] = context.traceparent

        @app.task()
        def work(text: str, context: Context) -> None:
            seen[f"work {text}"] = context.traceparent

        with harness.running(app) as running:
            assert running.request("POST", "/start", headers=[("traceparent", TRACE)]).status < 300
            running.drain()
            assert set(seen) == {"one", "two", "work x"}
            assert {parent.split("-")[1] for parent in seen.values()} == {TRACE.split("-")[1]}

    def test_nothing_is_published_while_nothing_runs(self, harness: Harness) -> None:
        app = App("conformance")
        news = app.topic("news")

        @news.subscribe
        def heard(text: str) -> None:
            raise AssertionError(text)

        for verb in (lambda: news.publish("x"), lambda: news.publish_all(["x"]), lambda: news.dead_letters(heard)):
            with pytest.raises(NotBound):
                verb()
        with harness.running(app) as running:
            running.drain()

    @pytest.mark.parametrize(
        "options",
        [
            {"max_attempts": 0},
            {"max_attempts": 101},
            {"timeout": 0},
            {"timeout": 541},
            {"min_backoff": -1},
            {"min_backoff": 5, "max_backoff": 1},
            {"memory": 1},
        ],
        ids=repr,
    )
    def test_options_that_no_provider_has_are_refused_at_declaration(
        self, harness: Harness, options: dict[str, Any]
    ) -> None:
        app = App("conformance")
        news = app.topic("news")

        def heard(text: str) -> None:
            raise AssertionError(text)

        def too_much(one: str, two: str, three: str) -> None:
            raise AssertionError(one, two, three)

        with pytest.raises(DeclarationError):
            news.subscribe(**options)(heard)
        with pytest.raises(DeclarationError):
            news.subscribe(too_much)
        news.subscribe(max_attempts=100, timeout=540, memory=2048)(heard)
        with harness.running(app):
            pass
