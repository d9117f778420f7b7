"""Tasks, topics, values and SQS's own dead letters, against answers that no emulator can be made to give."""

import base64
import json
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portable_aws.clients import Clients
from portable_aws.dead_queues import SqsDeadLetters
from portable_aws.errors import classify
from portable_aws.layout import attribute_name
from portable_aws.names import Names
from portable_aws.sns import SnsTopic, entry_of
from portable_aws.sqs import SqsTask
from portable_aws.values import SecretsManagerValue, SsmValue, from_store, to_store
from portable_local.running import running

from portable.app import App
from portable.drivers import DeadLetter, EventMessage, TableDriver, TaskMessage
from portable.envelopes import Envelope, decode, encode
from portable.errors import LimitExceeded, NotFound, PortableError, Throttled, Unknown
from portable.letters import KeptLetter, Letters
from portable.run_records import RunRecords
from portable.testing.clock import ManualClock

from .scripted import LOST, Asked, Reply, Step, answer, refusal, scripted

NAMES = Names("shop", "prod", "123456789012", "eu-central-1")
SENT = answer({"MessageId": "m"})


@contextmanager
def state_table() -> Generator[tuple[TableDriver, ManualClock]]:
    """The framework's table of a local app: what is written over TableDriver does not ask whose it is."""
    app, clock = App("shop"), ManualClock(1_800_000_030.0)
    with running(app, clock):
        yield app.binding.state, clock


@contextmanager
def tasks(*steps: Step) -> Generator[tuple[SqsTask, Any, RunRecords, ManualClock]]:
    with state_table() as (state, clock), scripted(*steps) as (clients, script):
        yield SqsTask(NAMES, clients, state, clock, "core.work"), script, RunRecords(state, clock), clock


def message(clock: ManualClock, id: str = "01A", *, delay: float = 0.0, dedup: str | None = None) -> TaskMessage:
    now = clock.now()
    return TaskMessage(id, "core.work", '{"tag": "<aws.scheduler.scheduled-time>"}', now, now + delay, dedup, "")


def kind_of(error: pytest.ExceptionInfo[Exception]) -> type[PortableError] | None:
    return type(error.value) if isinstance(error.value, PortableError) else classify(error.value)


# Tasks


@pytest.mark.parametrize(("delay", "seconds"), [(0.0, 0), (0.2, 1), (59.5, 60), (900.0, 900)])
def test_a_queue_holds_a_message_back_for_whole_seconds_and_never_too_short(delay: float, seconds: int) -> None:
    with tasks(SENT) as (task, script, runs, clock):
        assert task.send(message(clock, delay=delay)) == "01A"
        asked = script.asked[0].json
        assert asked["QueueUrl"].endswith("/123456789012/shop-prod-core-work")
        assert asked["DelaySeconds"] == seconds
        assert decode(json.loads(asked["MessageBody"])).id == "01A"
        record = runs.find("core.work", "01A")
        assert record is not None
        assert record.state == "queued"


@pytest.mark.parametrize("delay", [900.1, 901, 3600, 7 * 24 * 3600, 1234.5])
def test_what_is_due_later_is_sent_by_a_schedule_that_is_never_early_and_a_minute_late_at_most(delay: float) -> None:
    with tasks(answer({"ScheduleArn": "a"})) as (task, script, _, clock):
        sent = message(clock, delay=delay)
        task.send(sent)
        [asked] = script.asked
        assert (asked.method, asked.path) == ("POST", "/schedules/shop-prod--01A")
        schedule = asked.json
        at = datetime.strptime(schedule["ScheduleExpression"], "at(%Y-%m-%dT%H:%M:%S)").replace(tzinfo=UTC)
        call = json.loads(schedule["Target"]["Input"])
        assert at.second == 0
        assert at.timestamp() > clock.now()
        # It fires at any moment of its minute.
        first, last = at.timestamp() + call["DelaySeconds"], at.timestamp() + 60 + call["DelaySeconds"]
        assert sent.due <= first
        assert last <= sent.due + 61
        assert call["DelaySeconds"] <= 900
        assert schedule["ActionAfterCompletion"] == "DELETE"
        assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert "<aws.scheduler" not in schedule["Target"]["Input"]
        assert decode(json.loads(call["MessageBody"])).body == sent.body
        assert schedule["Target"]["RoleArn"] == f"arn:aws:iam::123456789012:role/{NAMES.scheduler_role()}"
        assert schedule["Target"]["DeadLetterConfig"]["Arn"].endswith(":shop-prod-core-work-dead")


def test_a_schedule_that_an_earlier_attempt_has_made_is_the_one() -> None:
    with tasks(refusal("ConflictException", 409)) as (task, _, _, clock):
        assert task.send(message(clock, delay=1000)) == "01A"


def test_a_second_send_with_the_same_key_sends_nothing() -> None:
    with tasks(SENT) as (task, _, runs, clock):
        assert task.send(message(clock, "01A", dedup="k")) == "01A"
        assert task.send(message(clock, "01B", dedup="k")) == "01A"
        assert runs.find("core.work", "01B") is None


def test_a_send_that_was_refused_does_not_take_its_key() -> None:
    denied = refusal("AccessDeniedException")
    with tasks(denied, SENT) as (task, _, _, clock):
        with pytest.raises(Exception) as error:
            task.send(message(clock, "01A", dedup="k"))
        assert str(getattr(kind_of(error), "code", "")) == "P1004"
        assert task.send(message(clock, "01B", dedup="k")) == "01B"


def test_a_send_in_doubt_keeps_its_key_and_the_next_one_sends_under_the_same_id() -> None:
    with tasks(LOST, LOST, LOST, LOST, SENT) as (task, script, _, clock):
        with pytest.raises(Exception) as error:
            task.send(message(clock, "01A", dedup="k"))
        assert kind_of(error) is Unknown
        assert task.send(message(clock, "01B", dedup="k")) == "01A"
        assert decode(json.loads(script.asked[-1].json["MessageBody"])).id == "01A"
        assert task.send(message(clock, "01C", dedup="k")) == "01A"


# Dead letters


def dead_message(body: str, number: int = 1) -> dict[str, Any]:
    return {
        "MessageId": f"m{number}",
        "ReceiptHandle": f"r{number}",
        "Body": body,
        "Attributes": {"ApproximateReceiveCount": "5", "SentTimestamp": "1800000000000"},
    }


def test_what_never_reached_our_code_is_listed_with_the_dead_letters() -> None:
    envelope = Envelope("task", "01A", "[1]", 1_800_000_000.0, attempts=2)
    received = answer({"Messages": [dead_message(encode(envelope)), dead_message('{"Records": []}', 2)]})
    with state_table() as (state, clock), scripted(received, answer({}), answer({}), answer({})) as (clients, script):
        runs = RunRecords(state, clock)
        driver = SqsDeadLetters(NAMES, clients, state, clock, "core.work")
        letters = driver.list(limit=10, cursor=None).letters
        assert [(letter.id, letter.body, letter.attempts) for letter in letters] == [
            ("01A", "[1]", 7), ("m2", '{"Records": []}', 5),
        ]  # fmt: skip
        assert script.operations == ["ReceiveMessage", "DeleteMessage", "DeleteMessage", "ReceiveMessage"]
        record = runs.find("core.work", "01A")
        assert record is not None
        assert record.state == "dead"


def test_a_message_that_is_not_ours_is_sent_again_as_it_was() -> None:
    body = '{"Records": [{"eventSource": "aws:s3"}]}'
    received = answer({"Messages": [dead_message(body)]})
    with state_table() as (state, clock), scripted(received, answer({}), answer({}), SENT) as (clients, script):
        driver = SqsDeadLetters(NAMES, clients, state, clock, "core.work")
        assert driver.redrive("m1") is True
        assert script.asked[-1].json["MessageBody"] == body


def test_a_redriven_letter_has_a_fresh_count_and_all_that_it_came_with() -> None:
    with state_table() as (state, clock), scripted(SENT, answer({})) as (clients, script):
        kept = KeptLetter(
            DeadLetter("01A", "core.seen", '"x"', 5, "no", 1_800_000_000.0, clock.now(), "00-a-b-01"),
            "topic",
            {"kind": "new"},
            None,
        )
        Letters(state, clock, "core.seen").keep(kept)
        driver = SqsDeadLetters(NAMES, clients, state, clock, "core.seen")
        assert driver.redrive("01A") is True
        sent = decode(json.loads(script.asked[0].json["MessageBody"]))
        assert sent == Envelope("topic", "01A", '"x"', 1_800_000_000.0, "00-a-b-01", 0, {"kind": "new"}, None)
        assert driver.redrive("01A") is False


def test_a_letter_whose_message_cannot_be_sent_stays() -> None:
    denied = refusal("AccessDeniedException")
    with state_table() as (state, clock), scripted(denied) as (clients, _):
        letters = Letters(state, clock, "core.work")
        letter = DeadLetter("01A", "core.work", "1", 5, "no", clock.now(), clock.now(), "")
        letters.keep(KeptLetter(letter, "task", {}, None))
        with pytest.raises(Exception, match="SendMessage"):
            SqsDeadLetters(NAMES, clients, state, clock, "core.work").redrive("01A")
        assert letters.find("01A") is not None


# Topics


def event(number: int, data: str = "1", **attributes: str) -> EventMessage:
    return EventMessage(f"e{number}", "/shop", "placed", 1_800_000_000.0, attributes, "", data)


def entries(asked: Asked) -> dict[str, str]:
    """The ids of the entries in a PublishBatch and of the events in them."""
    form = parse_qs(asked.body.decode())
    found: dict[str, str] = {}
    for number in range(1, 11):
        prefix = f"PublishBatchRequestEntries.member.{number}."
        if f"{prefix}Id" in form:
            found[form[f"{prefix}Id"][0]] = json.loads(form[f"{prefix}Message"][0])["id"]
    return found


def published(*, failing: str = "", code: str = "InternalError", fault: bool = False) -> Step:
    """Takes all events but one."""

    def take(asked: Asked) -> Reply:
        failed = "".join(
            f"<member><Id>{id}</Id><Code>{code}</Code><SenderFault>{str(fault).lower()}</SenderFault></member>"
            for id, name in entries(asked).items()
            if name == failing
        )
        inner = f"<PublishBatchResult><Failed>{failed}</Failed><Successful/></PublishBatchResult>"
        return Reply(200, f"<PublishBatchResponse>{inner}</PublishBatchResponse>".encode())

    return take


def topic(clients: Clients) -> SnsTopic:
    return SnsTopic(NAMES, clients, "placed")


def test_events_are_published_by_ten_and_what_was_left_out_is_sent_again() -> None:
    with scripted(published(failing="e3"), published(), published()) as (clients, script):
        topic(clients).publish([event(number) for number in range(14)])
        sent = [sorted(entries(asked).values()) for asked in script.asked]
        assert [len(names) for names in sent] == [10, 1, 4]
        assert sent[1] == ["e3"]


def test_an_event_that_sns_never_takes_is_an_error() -> None:
    with scripted(*[published(failing="e0", code="Throttled")] * 6) as (clients, _):
        with pytest.raises(Throttled):
            topic(clients).publish([event(0)])
    with scripted(published(failing="e0", code="AuthorizationError", fault=True)) as (clients, _):
        with pytest.raises(Exception) as error:
            topic(clients).publish([event(0)])
        assert str(getattr(kind_of(error), "code", "")) == "P1004"


def test_a_batch_is_no_larger_than_sns_takes_and_one_event_is_told_before_anything_is_sent() -> None:
    with scripted(published(), published()) as (clients, script):
        topic(clients).publish([event(number, f'"{"x" * 100_000}"') for number in range(3)])
        assert [len(entries(asked)) for asked in script.asked] == [2, 1]
        with pytest.raises(LimitExceeded):
            topic(clients).publish([event(1), event(2, json.dumps('"' * 65_535))])


def test_attributes_stand_beside_the_event_for_the_filters() -> None:
    with scripted(published()) as (clients, script):
        topic(clients).publish([event(0, kind="new")])
        form = parse_qs(script.asked[0].body.decode())
        assert "new" in [value for values in form.values() for value in values]
        assert form["TopicArn"] == ["arn:aws:sns:eu-central-1:123456789012:shop-prod-placed"]


def test_a_name_that_sqs_would_drop_a_message_for_is_stood_for_by_its_hash() -> None:
    for name in ("a" * 256, "a.", "a..b"):
        attributes: dict[str, Any] = entry_of(event(0, **{name: "x"}))["MessageAttributes"]
        assert list(attributes) == [attribute_name(name)]
        assert len(attribute_name(name)) < 60
        assert ".." not in attribute_name(name)
    assert attribute_name("a" * 255) == "a" * 255
    assert decode(json.loads(entry_of(event(0, **{"a.": "x"}))["Message"])).attributes == {"a.": "x"}


# Values


@given(st.text())
def test_every_value_comes_back_from_what_is_stored(value: str) -> None:
    stored = to_store(value)
    assert from_store(stored) == value
    assert stored
    assert "{{" not in stored


@pytest.mark.parametrize("value", ["", "{{ssm:x}}", "portable:empty", "portable:quoted:%7B", "%7B%25", "{a}", "%"])
def test_values_that_look_like_the_rules_come_back_too(value: str) -> None:
    assert from_store(to_store(value)) == value
    assert to_store(value) != ""


def test_what_is_not_set_is_none_and_what_may_not_be_read_an_error() -> None:
    with scripted(
        refusal("ParameterNotFound"),
        answer({"Parameter": {"Value": "portable:empty"}}),
        refusal("ResourceNotFoundException"),
        refusal("InvalidRequestException", message="the secret was marked for deletion."),
        answer({"SecretString": "s"}),
        refusal("AccessDeniedException"),
    ) as (clients, _):
        param, secret = SsmValue(clients, "shop-prod-rate"), SecretsManagerValue(clients, "shop-prod-key")
        assert param.read() is None
        assert param.read() == ""
        assert secret.read() is None
        assert secret.read() is None
        assert secret.read() == "s"
        with pytest.raises(Exception, match="GetSecretValue") as error:
            secret.read()
        assert str(getattr(kind_of(error), "code", "")) == "P1004"


def test_a_missing_queue_or_table_is_not_found() -> None:
    with scripted(refusal("QueueDoesNotExist")) as (clients, _):
        with pytest.raises(Exception) as error:
            clients.sqs.send_message(QueueUrl="http://127.0.0.1/1/q", MessageBody="x")
        assert kind_of(error) is NotFound


def test_no_credentials_are_a_mistake_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    with scripted(SENT) as (clients, _):
        clients.sqs.send_message(QueueUrl="http://127.0.0.1/1/q", MessageBody=base64.b64encode(b"x").decode())
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        bare = Clients("eu-central-1")
        with pytest.raises(Exception) as error:
            bare.ssm.get_parameter(Name="x")
        bare.ssm.close()
        assert str(getattr(kind_of(error), "code", "")) == "P2003"
