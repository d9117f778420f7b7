"""Tasks, topics, dead letters and values over the stack's services, beside Google's own clients."""

import base64
import itertools
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import secretmanager_v1, tasks_v2
from google.pubsub_v1 import PublisherClient, SubscriberClient
from hypothesis import given, settings
from hypothesis import strategies as st
from portable_gcp.clients import Clients
from portable_gcp.cloud_tasks import LARGEST, Queue, QueuedTask, body_of, time_text
from portable_gcp.dead_letters import QueuedDeadLetters, letter_of
from portable_gcp.errors import GoogleError, classify
from portable_gcp.names import Names
from portable_gcp.pubsub import BATCH, BATCH_BYTES, PubSubTopic, batches
from portable_gcp.values import Kind, SecretManagerValue, from_store, to_store
from portable_gcp.written_values import KEPT_VERSIONS, write_value
from portable_local.running import running

from portable.app import App
from portable.drivers import DeadLetter, EventMessage, PutAction, TableDriver, TaskMessage, WriteAction
from portable.envelopes import Envelope, decode, encode
from portable.errors import LimitExceeded, NotFound, PermissionDenied, PortableError, Unknown
from portable.letters import ORIGINAL_CHARACTERS, KeptLetter, Letters
from portable.run_records import RunRecords
from portable.shapes import MalformedEvent
from portable.testing.clock import ManualClock
from tests.gcp_stack.asking import Project, body
from tests.gcp_stack.discovery import document, parsed_time
from tests.gcp_stack.fixtures import OVERRIDE, GcpServices, gcp_services
from tests.gcp_stack.server import Reply

from .faulty import Between, Step, between

__all__ = ["gcp_services"]

numbers = itertools.count(1)
START = 1_800_000_030.0
DENIED = Reply(403, {"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}})


class Stage:
    """One app in a project of its own: the framework's table, our clients, and Google's beside them."""

    def __init__(self, found: Between, stack: GcpServices, state: TableDriver, clock: ManualClock) -> None:
        self.between = found
        self.state = state
        self.clock = clock
        project = f"messages-{next(numbers)}"
        self.names = Names("shop", "prod", project, "europe-west1", "123")
        self.clients = Clients(project)
        self.project = Project(stack.services.control, project)
        self.project.clock(clock.now())
        self.runs = RunRecords(state, clock)
        options: Any = {
            "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
            "transport": "rest",
            "client_options": {"api_endpoint": stack.services.endpoint},
        }
        self.tasks: Any = tasks_v2.CloudTasksClient(**options)
        self.publisher: Any = PublisherClient(**options)
        self.subscriber: Any = SubscriberClient(**options)
        self.secrets: Any = secretmanager_v1.SecretManagerServiceClient(**options)

    def make_queue(self, handler: str = "core.work") -> str:
        parent = self.names.in_location("queues").rpartition("/")[0]
        name = f"{parent}/queues/{self.names.queue(handler)}"
        self.tasks.create_queue(parent=parent, queue={"name": name})
        return name

    def task(self, handler: str = "core.work", timeout: float = 900) -> QueuedTask:
        return QueuedTask(self.names, self.clients, self.state, self.clock, handler, timeout=timeout)

    def queue(self, handler: str = "core.work") -> Queue:
        return Queue(self.names, self.clients, self.state, self.clock, handler)

    def letters(self, handler: str = "core.work", *, is_pushed: bool = False) -> QueuedDeadLetters:
        return QueuedDeadLetters(self.names, self.clients, self.state, self.clock, handler, is_pushed=is_pushed)

    def message(self, id: str = "01A", *, delay: float = 0.0, dedup: str | None = None, of: str = "[1]") -> TaskMessage:
        now = self.clock.now()
        return TaskMessage(id, "core.work", of, now, now + delay, dedup, "")

    def lose(self, *steps: Step) -> None:
        self.between.steps = list(steps)


@pytest.fixture
def stage(gcp_services: GcpServices, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr("portable_gcp.rest.pause_before", lambda attempt, wait: 0.0)
    app, clock = App("shop"), ManualClock(START)
    # What is written over TableDriver does not ask whose it is.
    with running(app, clock), between(gcp_services.services.endpoint) as found:
        for service in ("CLOUDTASKS", "PUBSUB", "SECRETMANAGER"):
            monkeypatch.setenv(OVERRIDE + service, found.endpoint)
        made = Stage(found, gcp_services, app.binding.state, clock)
        yield made
        made.clients.close()
        made.project.ask("forget")


def kind_of(error: pytest.ExceptionInfo[Exception]) -> type[PortableError] | None:
    return type(error.value) if isinstance(error.value, PortableError) else classify(error.value)


# Tasks


@pytest.mark.parametrize("delay", [0.0, 0.2, 59.5, 900.0, 7 * 86_400.0, 1234.567_891_2])
def test_a_task_comes_when_it_is_due_and_not_before(stage: Stage, delay: float) -> None:
    stage.make_queue()
    sent = stage.message(delay=delay)
    assert stage.task().send(sent) == "01A"
    record = stage.runs.find("core.work", "01A")
    assert record is not None
    assert record.state == "queued"
    if delay:
        stage.project.clock(sent.due - 0.001)
        assert stage.project.due() == []
    stage.project.clock(sent.due + 0.001)
    [delivery] = stage.project.due()
    envelope = decode(json.loads(body(delivery)))
    assert envelope == Envelope("task", "01A", "[1]", START)


@settings(deadline=None)
@given(st.floats(0, 4_000_000_000))
def test_a_time_that_is_written_down_is_not_earlier(at: float) -> None:
    written = time_text(at)
    assert parsed_time(written) >= at - 1e-6
    whole, _, part = written.removesuffix("Z").partition(".")
    assert len(part) == 6
    microseconds = round(parsed_time(f"{whole}Z")) * 1_000_000 + int(part)
    assert microseconds >= at * 1_000_000 or math.isclose(microseconds, at * 1_000_000, rel_tol=1e-15)


@pytest.mark.parametrize(("timeout", "seconds"), [(1, 16.0), (30, 45.0), (900, 915.0)])
def test_a_dispatch_may_take_as_long_as_the_handler(stage: Stage, timeout: float, seconds: float) -> None:
    stage.make_queue()
    stage.task(timeout=timeout).send(stage.message())
    [delivery] = stage.project.due()
    assert delivery["deadline"] == seconds


def test_what_is_sent_fits_googles_discovery_document(stage: Stage) -> None:
    stage.make_queue()
    stage.task().send(stage.message(delay=5))
    [request] = stage.between.asked
    assert document("cloudtasks.v2").check("CreateTaskRequest", request.json()) == request.json()
    assert request.path == f"/v2/{stage.names.in_location('queues/shop-prod-core-work/tasks')}"


def test_a_second_send_with_the_same_key_sends_nothing(stage: Stage) -> None:
    stage.make_queue()
    task = stage.task()
    assert task.send(stage.message("01A", dedup="k")) == "01A"
    assert task.send(stage.message("01B", dedup="k")) == "01A"
    assert stage.runs.find("core.work", "01B") is None
    assert len(stage.project.due()) == 1
    stage.clock.advance(301)
    assert task.send(stage.message("01C", dedup="k")) == "01C"


def test_a_send_that_was_refused_does_not_take_its_key(stage: Stage) -> None:
    stage.make_queue()
    stage.lose(DENIED)
    with pytest.raises(GoogleError) as caught:
        stage.task().send(stage.message("01A", dedup="k"))
    assert kind_of(caught) is PermissionDenied
    assert stage.task().send(stage.message("01B", dedup="k")) == "01B"


def test_a_send_in_doubt_keeps_its_key_and_the_next_one_sends_under_the_same_id(stage: Stage) -> None:
    stage.make_queue()
    stage.lose("lose", "drop", "drop", "drop")
    with pytest.raises(GoogleError) as caught:
        stage.task().send(stage.message("01A", dedup="k"))
    assert kind_of(caught) is Unknown
    assert stage.task().send(stage.message("01B", dedup="k")) == "01A"
    ids = [decode(json.loads(body(delivery))).id for delivery in stage.project.due()]
    assert ids == ["01A", "01A"]
    assert stage.task().send(stage.message("01C", dedup="k")) == "01A"


def test_a_send_whose_answer_is_lost_is_repeated(stage: Stage) -> None:
    stage.make_queue()
    stage.lose("lose")
    assert stage.task().send(stage.message()) == "01A"
    assert len(stage.project.due()) == 2


def test_a_queue_that_is_not_there_is_told_as_that(stage: Stage) -> None:
    with pytest.raises(GoogleError) as caught:
        stage.task().send(stage.message())
    assert kind_of(caught) is NotFound


# Messages that are large


HARD = json.dumps('"\\' * 12_000)
"""48 KiB of JSON, all of it characters that are escaped again."""
WIDE = json.dumps("\u20ac" * 16_000, ensure_ascii=False)


@pytest.mark.parametrize("of", [HARD, WIDE], ids=["quotes", "wide"])
def test_the_largest_task_goes_as_it_is(stage: Stage, of: str) -> None:
    stage.make_queue()
    assert 48_000 <= len(of.encode()) <= 48 * 1024
    stage.task().send(stage.message(of=of))
    [delivery] = stage.project.due()
    content = body(delivery)
    assert stage.queue().opened(content) == content
    assert decode(json.loads(content)).body == of


def test_what_is_larger_is_laid_down_and_found_again(stage: Stage) -> None:
    stage.make_queue()
    text = encode(Envelope("table", "e", json.dumps("\u20ac" * 80_000, ensure_ascii=False), START))
    stage.queue().send(text, 5.0)
    stage.project.clock(START + 5)
    [delivery] = stage.project.due()
    content = body(delivery)
    assert len(content) < 100
    assert decode(json.loads(stage.queue().opened(content))) == decode(json.loads(text))
    with pytest.raises(MalformedEvent, match="is gone"):
        stage.queue("core.other").opened(content)


def test_what_nothing_can_keep_is_refused(stage: Stage) -> None:
    stage.make_queue()
    with pytest.raises(LimitExceeded) as caught:
        stage.queue().send(json.dumps("x" * 1_000_000))
    assert caught.value.limit == "task_body_bytes"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"laid_down"', b'{"laid_down": 1', b'{"v": 1}', b'{"laid_downs": "x"}', b'"laid_down"',
     b'{"laid_down": "' + b"x" * 100 + b'"}'],
)  # fmt: skip
def test_what_refers_to_nothing_stays_what_it_is(stage: Stage, content: bytes) -> None:
    try:
        assert stage.queue().opened(content) == content
    except MalformedEvent:
        assert content.startswith(b'{"laid_downs"')


@pytest.mark.parametrize("id", ["1", '""', '"a/b"', '"../x"', "null", '"\u0661"', '"gone"'])
def test_a_reference_that_is_none_is_malformed(stage: Stage, id: str) -> None:
    with pytest.raises(MalformedEvent):
        stage.queue().opened(f'{{"laid_down": {id}}}'.encode())


@settings(deadline=None)
@given(st.text(max_size=30), st.integers(0, 3))
def test_a_body_is_the_same_json_however_it_is_packed(text: str, times: int) -> None:
    document = json.dumps({"body": text * (10_000 if times == 3 else 1), "n": times})
    assert json.loads(body_of(document)) == json.loads(document)
    if len(document) > LARGEST:
        assert len(body_of(document)) <= len(document)


# Topics


def event(number: int, data: str = "1", **attributes: str) -> EventMessage:
    return EventMessage(f"e{number}", "shop/orders", "orders", START, attributes, "00-a-b-01", data)


def test_events_are_messages_with_their_attributes(stage: Stage) -> None:
    topic = stage.names.in_project(f"topics/{stage.names.topic('core.orders')}")
    subscription = stage.names.in_project("subscriptions/mine")
    stage.publisher.create_topic(name=topic)
    stage.subscriber.create_subscription(
        request={"name": subscription, "topic": topic, "filter": 'attributes.kind = "new"'}
    )
    driver = PubSubTopic(stage.names, stage.clients, "core.orders")
    driver.publish([event(1, '{"a": "ü"}', kind="new"), event(2, kind="old"), event(3)])
    [received] = stage.subscriber.pull(subscription=subscription, max_messages=10).received_messages
    assert dict(received.message.attributes) == {"kind": "new"}
    assert decode(json.loads(received.message.data)) == Envelope(
        "topic", "e1", '{"a": "ü"}', START, "00-a-b-01", 0, {"kind": "new"}
    )
    [request] = stage.between.asked
    assert document("pubsub.v1").check("PublishRequest", request.json()) == request.json()


def test_a_publish_whose_answer_is_lost_is_repeated(stage: Stage) -> None:
    topic = stage.names.in_project(f"topics/{stage.names.topic('orders')}")
    subscription = stage.names.in_project("subscriptions/mine")
    stage.publisher.create_topic(name=topic)
    stage.subscriber.create_subscription(request={"name": subscription, "topic": topic})
    stage.lose("lose")
    PubSubTopic(stage.names, stage.clients, "orders").publish([event(1)])
    assert len(stage.subscriber.pull(subscription=subscription, max_messages=10).received_messages) == 2


@settings(deadline=None)
@given(st.lists(st.integers(1, 200_000), max_size=200))
def test_batches_are_whole_and_fit_into_a_request(sizes: list[int]) -> None:
    messages: list[dict[str, Any]] = [{"data": "x" * size} for size in sizes]
    found = batches(messages)
    assert [message for batch in found for message in batch] == messages
    for batch in found:
        assert 0 < len(batch) <= BATCH
        assert sum(len(message["data"]) for message in batch) <= BATCH_BYTES


def test_many_small_events_go_by_a_thousand() -> None:
    assert [len(batch) for batch in batches([{"data": "x"}] * 2001)] == [1000, 1000, 1]


# Dead letters


def keep(stage: Stage, kept: KeptLetter) -> None:
    Letters(stage.state, stage.clock, kept.letter.handler).keep(kept)


def test_a_redriven_letter_has_a_fresh_count_and_all_that_it_came_with(stage: Stage) -> None:
    stage.make_queue("core.seen")
    letter = DeadLetter("01A", "core.seen", '"x"', 5, "no", START, START, "00-a-b-01")
    keep(stage, KeptLetter(letter, "topic", {"kind": "new"}, None))
    driver = stage.letters("core.seen")
    assert [found.id for found in driver.list(limit=10, cursor=None).letters] == ["01A"]
    assert driver.redrive("01A") is True
    [delivery] = stage.project.due()
    assert decode(json.loads(body(delivery))) == Envelope(
        "topic", "01A", '"x"', START, "00-a-b-01", 0, {"kind": "new"}, None
    )
    assert driver.redrive("01A") is False
    assert driver.list(limit=10, cursor=None).letters == []


def test_the_run_of_a_letter_is_queued_or_discarded_with_it(stage: Stage) -> None:
    stage.make_queue()
    for id in ("01A", "01B"):
        stage.runs.queued(stage.message(id))
        stage.runs.died("core.work", id, 5, START, "no")
        keep(stage, KeptLetter(DeadLetter(id, "core.work", "1", 5, "no", START, START, ""), "task", {}, None))
    driver = stage.letters()
    assert driver.redrive("01A")
    assert driver.discard("01B")
    assert not driver.discard("01B")
    found = [stage.runs.find("core.work", id) for id in ("01A", "01B")]
    assert [record and record.state for record in found] == ["queued", "discarded"]


def test_a_letter_whose_message_cannot_be_sent_stays(stage: Stage) -> None:
    keep(stage, KeptLetter(DeadLetter("01A", "core.work", "1", 5, "no", START, START, ""), "task", {}, None))
    with pytest.raises(GoogleError) as caught:
        stage.letters().redrive("01A")
    assert kind_of(caught) is NotFound
    assert Letters(stage.state, stage.clock, "core.work").find("01A") is not None


def make_dead_topic(stage: Stage, handler: str) -> tuple[str, str]:
    """A pushed topic whose messages go to the handler's dead-letter topic after five attempts; both topics."""
    names = stage.names
    topic, dead = names.in_project("topics/shop-prod-orders"), names.in_project(f"topics/{names.dead_topic(handler)}")
    for name in (topic, dead):
        stage.publisher.create_topic(name=name)
    stage.subscriber.create_subscription(
        request={"name": names.in_project(f"subscriptions/{names.dead_subscription(handler)}"), "topic": dead}
    )
    stage.subscriber.create_subscription(
        request={
            "name": names.in_project(f"subscriptions/{names.subscription(handler)}"),
            "topic": topic,
            "push_config": {"push_endpoint": "https://shop.example/"},
            "dead_letter_policy": {"dead_letter_topic": dead, "max_delivery_attempts": 5},
        }
    )
    return topic, dead


def test_what_pubsub_could_not_push_is_listed_with_the_dead_letters(stage: Stage) -> None:
    topic, _ = make_dead_topic(stage, "core.seen")
    stage.make_queue("core.seen")
    ours = encode(Envelope("topic", "e1", '"x"', START - 5, "00-a-b-01", attributes={"kind": "new"}))
    notification = {"bucketId": "files", "eventType": "OBJECT_FINALIZE", "objectId": "a"}
    for data, attributes in ((ours.encode(), {"kind": "new"}), (b'{"name": "a"}', notification)):
        stage.publisher.publish(topic=topic, messages=[{"data": data, "attributes": attributes}])
    for _ in range(5):
        for delivery in stage.project.due():
            stage.project.answer(delivery, 500)
    driver = stage.letters("core.seen", is_pushed=True)
    second, first = sorted(driver.list(limit=10, cursor=None).letters, key=lambda letter: letter.id)
    assert (first.id, first.body, first.attempts, first.enqueued_at) == ("e1", '"x"', 5, START - 5)
    assert (second.attempts, second.enqueued_at) == (5, START)
    document = json.loads(second.body)
    assert document["message"]["attributes"] == notification
    assert base64.b64decode(document["message"]["data"]) == b'{"name": "a"}'
    # They are the table's now.
    assert len(driver.list(limit=10, cursor=None).letters) == 2
    assert driver.redrive(second.id)
    [delivery] = stage.project.due()
    assert json.loads(body(delivery)) == document
    assert driver.discard("e1")


def test_nobody_asks_pubsub_for_what_it_does_not_push(stage: Stage) -> None:
    driver = stage.letters("core.work")
    assert driver.list(limit=10, cursor=None).letters == []
    assert driver.redrive("x") is False
    assert stage.between.asked == []


def test_a_dead_letter_topic_that_may_not_be_read_is_told_as_that(stage: Stage) -> None:
    stage.lose(DENIED)
    with pytest.raises(GoogleError) as caught:
        stage.letters("core.seen", is_pushed=True).list(limit=10, cursor=None)
    assert kind_of(caught) is PermissionDenied


def test_what_is_moved_and_not_acknowledged_is_moved_once_more(stage: Stage) -> None:
    _, dead = make_dead_topic(stage, "core.seen")
    message = encode(Envelope("topic", "e1", "1", START)).encode()
    stage.publisher.publish(topic=dead, messages=[{"data": message}])
    stage.lose("pass", DENIED)
    driver = stage.letters("core.seen", is_pushed=True)
    with pytest.raises(GoogleError):
        driver.list(limit=10, cursor=None)
    stage.project.clock(START + 60)
    assert [letter.id for letter in driver.list(limit=10, cursor=None).letters] == ["e1"]
    stage.project.clock(START + 600)
    assert driver.gather() == 0


def test_a_large_message_that_is_not_ours_is_cut_and_hides_no_other_letter(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    _, dead = make_dead_topic(stage, "core.seen")
    ours = encode(Envelope("topic", "e1", "1", START)).encode()
    for data in (b"x" * 600_000, ours):
        stage.publisher.publish(topic=dead, messages=[{"data": data}])
    driver = stage.letters("core.seen", is_pushed=True)
    [foreign] = [letter for letter in driver.list(limit=10, cursor=None).letters if letter.id != "e1"]
    assert len(foreign.body) == ORIGINAL_CHARACTERS
    assert len(driver.list(limit=10, cursor=None).letters) == 2
    [record] = caplog.records
    assert len(record.getMessage()) > 600_000
    stage.project.clock(START + 600)
    assert driver.gather() == 0


class Refusing:
    """FAKE of ours: a table that does not take what is about one letter."""

    def __init__(self, table: TableDriver, refused: str) -> None:
        self.refused = refused
        self._table = table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def transact(self, actions: list[WriteAction], token: str) -> list[str | None]:
        if self.refused and any(
            isinstance(action, PutAction) and action.item.sk.endswith(self.refused) for action in actions
        ):
            raise GoogleError(400, "INVALID_ARGUMENT", "it exceeds the maximum size")
        return self._table.transact(actions, token)


def test_a_letter_that_cannot_be_kept_stays_with_pubsub_and_hides_no_other(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    _, dead = make_dead_topic(stage, "core.seen")
    for id in ("refused", "e1"):
        message = encode(Envelope("topic", id, "1", START)).encode()
        stage.publisher.publish(topic=dead, messages=[{"data": message}])
    state: Any = Refusing(stage.state, "refused")
    driver = QueuedDeadLetters(stage.names, stage.clients, state, stage.clock, "core.seen", is_pushed=True)
    assert [letter.id for letter in driver.list(limit=10, cursor=None).letters] == ["e1"]
    assert [record.getMessage() for record in caplog.records] == [
        "a dead letter of core.seen could not be taken over from Pub/Sub, where it stays"
    ]
    stage.project.clock(START + 600)
    assert driver.gather() == 0
    state.refused = ""
    stage.project.clock(START + 1200)
    assert driver.gather() == 1


class Counting:
    """FAKE of ours: a table that counts what is asked of it."""

    def __init__(self, table: TableDriver) -> None:
        self.asked: list[str] = []
        self._table = table

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(self._table, name)


def test_many_letters_are_taken_over_from_pubsub_in_few_calls(stage: Stage) -> None:
    _, dead = make_dead_topic(stage, "core.seen")
    ids = [f"e{number:03}" for number in range(130)]
    messages = [{"data": encode(Envelope("topic", id, "1", START)).encode()} for id in ids]
    # One of them comes twice, as Pub/Sub may.
    stage.publisher.publish(topic=dead, messages=[*messages, messages[0]])
    state: Any = Counting(stage.state)
    driver = QueuedDeadLetters(stage.names, stage.clients, state, stage.clock, "core.seen", is_pushed=True)
    assert driver.gather() == 131
    assert state.asked.count("transact") <= 4
    assert len(state.asked) - state.asked.count("classify") <= 6
    assert [letter.id for letter in driver.list(limit=1000, cursor=None).letters] == ids
    # What is kept again stays where it is, and is one letter.
    stage.project.clock(START + 60)
    stage.publisher.publish(topic=dead, messages=messages[:3])
    assert driver.gather() == 3
    assert [letter.id for letter in driver.list(limit=1000, cursor=None).letters] == ids


class Overtaken(Counting):
    """FAKE of ours: a table as it was before others kept a letter."""

    def batch_get(self, keys: list[tuple[str, str]]) -> list[Any]:
        return []


def test_letters_that_others_keep_at_the_same_time_stay_where_they_put_them(stage: Stage) -> None:
    def kept(id: str, died_at: float) -> KeptLetter:
        return KeptLetter(DeadLetter(id, "core.seen", "1", 1, "no", START, died_at, ""), "topic", {}, None)

    keep(stage, kept("e1", START))
    state: Any = Overtaken(stage.state)
    Letters(state, stage.clock, "core.seen").keep_all([kept("e0", START + 1), kept("e1", START + 1)])
    found = stage.letters("core.seen").list(limit=10, cursor=None).letters
    assert [letter.id for letter in found] == ["e1", "e0"]


@pytest.mark.parametrize("data", ["", "!", "bm8=", "W10=", base64.b64encode(b'{"v": 1, "kind": "x"}').decode()])
def test_a_message_that_is_not_ours_is_kept_as_it_was(data: str) -> None:
    message = {"messageId": "7", "data": data, "attributes": {"CloudPubSubDeadLetterSourceDeliveryCount": "x"}}
    kept = letter_of("core.seen", message, START)
    assert (kept.letter.id, kept.letter.attempts, kept.kind) == ("7", 1, "topic")
    assert json.loads(kept.message)["message"] == {"messageId": "7", "data": data, "attributes": {}}


# Values


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_value_comes_back(value: str) -> None:
    stored = to_store(value)
    assert stored
    assert from_store(stored) == value


@pytest.mark.parametrize("value", ["", "portable:", "portable:empty", "portable:quoted:x", "x"])
def test_values_that_look_like_marks_come_back(value: str) -> None:
    assert from_store(to_store(value)) == value


def test_a_value_is_written_read_and_written_again(stage: Stage) -> None:
    kinds: list[Kind] = ["param", "secret"]
    for kind in kinds:
        value = SecretManagerValue(stage.clients, stage.names.value(kind, "core.key"))
        assert value.read() is None
        for text in ("one", "", "portable:x", "ü"):
            write_value(stage.clients, stage.names, kind, "core.key", text)
            assert value.read() == text
    labels = [dict(one.labels) for one in stage.secrets.list_secrets(parent=f"projects/{stage.project.name}")]
    assert sorted(one["kind"] for one in labels) == ["param", "secret"]
    assert {(one["app"], one["stage"]) for one in labels} == {("shop", "prod")}


def test_old_versions_are_destroyed(stage: Stage) -> None:
    for number in range(KEPT_VERSIONS + 4):
        write_value(stage.clients, stage.names, "secret", "key", str(number))
    name = f"projects/{stage.project.name}/secrets/{stage.names.value('secret', 'key')}"
    states = [version.state.name for version in stage.secrets.list_secret_versions(parent=name)]
    assert states == ["ENABLED"] * (KEPT_VERSIONS + 1) + ["DESTROYED"] * 3


def test_a_value_whose_newest_version_is_none_is_not_set(stage: Stage) -> None:
    write_value(stage.clients, stage.names, "secret", "key", "x")
    name = f"projects/{stage.project.name}/secrets/{stage.names.value('secret', 'key')}"
    stage.secrets.disable_secret_version(name=f"{name}/versions/1")
    assert SecretManagerValue(stage.clients, stage.names.value("secret", "key")).read() is None


def test_two_who_write_a_new_value_both_succeed(stage: Stage) -> None:
    """The second one finds the secret made meanwhile."""
    not_found = Reply(404, {"error": {"code": 404, "message": "no", "status": "NOT_FOUND"}})
    write_value(stage.clients, stage.names, "secret", "key", "one")
    stage.lose(not_found)
    write_value(stage.clients, stage.names, "secret", "key", "two")
    assert SecretManagerValue(stage.clients, stage.names.value("secret", "key")).read() == "two"


def test_a_value_that_may_not_be_read_is_told_as_that(stage: Stage) -> None:
    stage.lose(DENIED)
    with pytest.raises(GoogleError) as caught:
        SecretManagerValue(stage.clients, "shop-prod-key").read()
    assert kind_of(caught) is PermissionDenied
