"""What is counted as done, what comes again, and what is kept: deliveries on Lambda."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from portable.shapes import MalformedEvent
from tests.aws.lambdas import (
    NAMES,
    FakeContext,
    Lambda,
    a_lambda,
    change_record,
    envelope,
    s3_record,
    scheduled_event,
    sns_event,
    sqs_event,
    sqs_record,
)


@pytest.fixture
def aws() -> Generator[Lambda]:
    with a_lambda() as found:
        yield found


DONE: dict[str, Any] = {"batchItemFailures": []}


def failed(*ids: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": id} for id in ids]}


BODIES = {
    "work": envelope("task", {"a": 1}),
    "heard": envelope("topic", {"a": 1}, attributes={"kind": "good"}),
    "tick": json.dumps({"v": 1, "kind": "schedule", "scheduled_at": "2026-11-26T18:00:00Z"}),
    "stored": json.dumps({"Records": [s3_record()]}),
    "changed": envelope(
        "table",
        {"table": "items", "pk": "a", "sk": "b", "op": "delete", "new": None, "version": "1", "time": 0},
    ),
}


@pytest.mark.parametrize("handler", BODIES)
def test_what_succeeds_is_done(aws: Lambda, handler: str) -> None:
    assert aws.deliveries.sqs(sqs_event(sqs_record(handler, BODIES[handler])), FakeContext()) == DONE
    assert aws.called.names == [handler]
    _, _, context = aws.called.seen[0]
    assert (context.handler, context.attempt) == (handler, 1)
    assert aws.clients.sqs.sent == aws.clients.sqs.postponed == []


@pytest.mark.parametrize("handler", BODIES)
def test_what_fails_is_reported_and_comes_again_after_its_back_off(aws: Lambda, handler: str) -> None:
    aws.called.error = ValueError("no luck")
    record = sqs_record(handler, BODIES[handler], count=2)
    assert aws.deliveries.sqs(sqs_event(record), FakeContext()) == failed("m-1")
    assert aws.called.seen[0][2].attempt == 2
    [postponed] = aws.clients.sqs.postponed
    assert postponed["ReceiptHandle"] == "receipt-m-1-2"
    assert postponed["QueueUrl"].endswith(f"/123456789012/{NAMES.queue(handler)}")
    # After attempt 2 the wait is 1 to 2 seconds, and never shorter than drawn.
    assert postponed["VisibilityTimeout"] in (1, 2)
    assert aws.letters(handler) == []


@pytest.mark.parametrize("handler", BODIES)
def test_the_last_attempt_that_fails_is_a_dead_letter_and_done(aws: Lambda, handler: str) -> None:
    aws.called.error = ValueError("no luck")
    for _ in range(2):
        assert aws.deliveries.sqs(sqs_event(sqs_record(handler, BODIES[handler], count=3)), FakeContext()) == DONE
    [letter] = aws.letters(handler)
    assert (letter.handler, letter.attempts) == (handler, 3)
    assert "no luck" in letter.error
    assert aws.clients.sqs.postponed == []


@pytest.mark.parametrize("handler", BODIES)
def test_a_delivery_after_the_last_attempt_is_a_dead_letter_without_a_run(aws: Lambda, handler: str) -> None:
    assert aws.deliveries.sqs(sqs_event(sqs_record(handler, BODIES[handler], count=4)), FakeContext()) == DONE
    assert aws.called.seen == []
    [letter] = aws.letters(handler)
    assert letter.attempts == 3
    assert "attempt 3" in letter.error


def test_attempts_are_those_before_the_message_and_its_receipts(aws: Lambda) -> None:
    record = sqs_record("work", envelope("task", {}, attempts=1), count=2)
    assert aws.deliveries.sqs(sqs_event(record), FakeContext()) == DONE
    assert aws.called.seen[0][2].attempt == 3


def test_of_a_batch_only_what_failed_is_reported(aws: Lambda) -> None:
    records = [sqs_record("work", envelope("task", {"n": n}, id=f"d-{n}"), id=f"m-{n}") for n in range(4)]
    records[2]["body"] = records[2]["body"].replace('"task"', '"topic"')
    records[3]["eventSourceARN"] = "arn:aws:sqs:eu-central-1:123456789012:of-nobody"
    assert aws.deliveries.sqs(sqs_event(*records), FakeContext()) == failed("m-3")
    assert [payload["n"] for _, payload, _ in aws.called.seen] == [0, 1]
    [letter] = aws.letters("work")
    assert (letter.id, letter.body) == ("m-2", records[2]["body"])


def test_what_cannot_be_kept_comes_again(aws: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError("no table today")

    monkeypatch.setattr(aws.state, "put", refuse)
    monkeypatch.setattr(aws.state, "transact", refuse)
    records = [
        sqs_record("work", BODIES["work"], id="m-1"),
        sqs_record("work", "nonsense", id="m-2"),
        sqs_record("heard", BODIES["heard"], id="m-3", count=4),
    ]
    assert aws.deliveries.sqs(sqs_event(*records), FakeContext()) == failed("m-1", "m-2", "m-3")
    assert aws.called.seen == []


def test_a_failure_that_cannot_be_postponed_comes_again_all_the_same(aws: Lambda) -> None:
    aws.called.error = ValueError("no luck")
    aws.clients.sqs.error = OSError("no queue today")
    assert aws.deliveries.sqs(sqs_event(sqs_record("work", BODIES["work"])), FakeContext()) == failed("m-1")


def test_without_time_the_rest_of_a_batch_is_given_back_and_no_attempt_of_it_counted(aws: Lambda) -> None:
    records = [
        sqs_record("work", envelope("task", {"n": n}, id=f"d-{n}", attempts=1), id=f"m-{n}", count=2) for n in range(2)
    ]
    assert aws.deliveries.sqs(sqs_event(*records), FakeContext(seconds=30)) == DONE
    assert [payload["n"] for _, payload, _ in aws.called.seen] == [0]
    [(queue, sent, delay)] = aws.sent()
    assert (queue, sent["id"], sent["attempts"], delay) == (NAMES.queue("work"), "d-1", 2, 0)


def test_a_deadline_is_what_lambda_leaves_and_never_more_than_the_handlers_time(aws: Lambda) -> None:
    for seconds, most in ((20, 20), (600, 60)):
        aws.called.seen.clear()
        aws.deliveries.sqs(sqs_event(sqs_record("work", BODIES["work"])), FakeContext(seconds=seconds))
        assert aws.called.seen[0][2].deadline == aws.clock.now() + most


def test_a_run_of_a_task_is_recorded(aws: Lambda) -> None:
    aws.called.error = ValueError("no luck")
    aws.deliveries.sqs(sqs_event(sqs_record("work", BODIES["work"])), FakeContext())
    found = aws.run("d-1")
    assert (found.state, found.attempts) == ("failed", 1)
    assert "no luck" in found.error
    aws.called.error = None
    aws.deliveries.sqs(sqs_event(sqs_record("work", BODIES["work"], count=2)), FakeContext())
    found = aws.run("d-1")
    assert (found.state, found.attempts, found.result) == ("succeeded", 2, '"done"')


def test_a_fire_time_that_comes_twice_is_run_once_and_a_message_that_comes_twice_twice(aws: Lambda) -> None:
    first, second = (sqs_record("tick", BODIES["tick"], id=id) for id in ("m-1", "m-2"))
    for record in (first, second, first):
        assert aws.deliveries.sqs(sqs_event(record), FakeContext()) == DONE
    assert [context.id for _, _, context in aws.called.seen] == ["m-1", "m-1"]


def test_a_fire_time_that_came_during_an_earlier_run_is_skipped(aws: Lambda) -> None:
    def message(minute: int) -> dict[str, Any]:
        at = aws.clock.now() + minute * 60
        body = json.dumps({"v": 1, "kind": "schedule", "scheduled_at": at})
        return sqs_event(sqs_record("tick", body, id=f"m-{minute}"))

    now, during, later = message(0), message(10), message(30)

    first = aws.called.seen
    original = aws.running.dispatcher.invoke

    def invoke(invocation: Any) -> Any:
        if not first:
            aws.running.clock.advance(900)
        return original(invocation)

    aws.running.dispatcher.invoke = invoke
    for event in (now, during, later):
        assert aws.deliveries.sqs(event, FakeContext()) == DONE
    assert [context.id for _, _, context in aws.called.seen] == ["m-0", "m-30"]


# Streams


def test_a_change_is_run_where_it_arrives(aws: Lambda) -> None:
    assert aws.deliveries.stream({"Records": [change_record()]}, FakeContext()) == DONE
    [(_, change, context)] = aws.called.seen
    assert (change.pk, change.sk, change.op, context.attempt) == ("a", "b", "upsert", 1)
    assert change.new == {"pk": "a", "sk": "b", "n": 7, "raw": b"\x00\xff", "e": {}}
    assert aws.clients.sqs.sent == []


def test_a_change_that_fails_goes_on_in_the_queue(aws: Lambda) -> None:
    aws.called.error = ValueError("no luck")
    assert aws.deliveries.stream({"Records": [change_record("REMOVE")]}, FakeContext()) == DONE
    [(queue, sent, delay)] = aws.sent()
    assert (queue, sent["kind"], sent["attempts"], delay) == (NAMES.queue("changed"), "table", 1, 1)
    aws.called.error = None
    record = sqs_record("changed", aws.clients.sqs.sent[0]["MessageBody"])
    assert aws.deliveries.sqs(sqs_event(record), FakeContext()) == DONE
    first, second = aws.called.seen
    assert (second[2].attempt, second[2].id, second[1]) == (2, first[2].id, first[1])


def test_a_change_that_comes_again_goes_on_in_the_queue_and_its_first_attempt_counts(aws: Lambda) -> None:
    event = {"Records": [change_record()]}
    assert aws.deliveries.stream(event, FakeContext()) == DONE
    aws.clients.sqs.error = OSError("no queue today")
    assert aws.deliveries.stream(event, FakeContext()) == failed("4421584500000000017450439091")
    aws.clients.sqs.error = None
    assert aws.deliveries.stream(event, FakeContext()) == DONE
    assert len(aws.called.seen) == 1
    [(queue, sent, delay)] = aws.sent()
    assert (queue, sent["attempts"], delay) == (NAMES.queue("changed"), 1, 0)
    record = sqs_record("changed", aws.clients.sqs.sent[0]["MessageBody"])
    assert aws.deliveries.sqs(sqs_event(record), FakeContext()) == DONE
    assert [context.attempt for _, _, context in aws.called.seen] == [1, 2]


def test_a_change_that_cannot_be_marked_is_not_run(aws: Lambda, monkeypatch: pytest.MonkeyPatch) -> None:
    def throttled(*_: Any) -> None:
        raise OSError("no table today")

    monkeypatch.setattr(type(aws.state), "put", throttled)
    assert aws.deliveries.stream({"Records": [change_record()]}, FakeContext()) == failed(
        "4421584500000000017450439091"
    )
    assert aws.called.seen == []


def test_a_change_that_cannot_go_on_is_reported_and_nothing_after_it_is_run(aws: Lambda) -> None:
    aws.called.error = ValueError("no luck")
    aws.clients.sqs.error = OSError("no queue today")
    records = [change_record(), change_record()]
    assert aws.deliveries.stream({"Records": records}, FakeContext()) == failed("4421584500000000017450439091")
    assert len(aws.called.seen) == 1


def test_an_item_whose_time_was_over_is_no_change(aws: Lambda) -> None:
    expired = change_record("REMOVE", userIdentity={"type": "Service", "principalId": "dynamodb.amazonaws.com"})
    assert aws.deliveries.stream({"Records": [expired]}, FakeContext()) == DONE
    assert aws.called.seen == []


def test_a_change_that_is_not_understood_is_a_dead_letter_as_it_came(aws: Lambda) -> None:
    record = change_record()
    del record["dynamodb"]["NewImage"]["_v"]
    assert aws.deliveries.stream({"Records": [record, change_record()]}, FakeContext()) == DONE
    assert len(aws.called.seen) == 1
    [letter] = aws.letters("changed")
    assert json.loads(letter.body) == record
    assert "_v" in letter.error


# Straight to the function


@pytest.mark.parametrize(
    ("handler", "event"),
    [
        ("stored", {"Records": [s3_record()]}),
        ("heard", sns_event(BODIES["heard"])),
        ("tick", scheduled_event()),
        ("tick", scheduled_event("aws.scheduler")),
        ("work", {**json.loads(BODIES["work"]), "handler": "work"}),
    ],
    ids=["s3", "sns", "rule", "scheduler", "envelope"],
)
def test_an_event_without_a_queue_is_run_and_what_fails_goes_to_the_queue(
    aws: Lambda, handler: str, event: dict[str, Any]
) -> None:
    aws.deliveries.direct(event, FakeContext())
    assert aws.called.names == [handler]
    aws.called.error = ValueError("no luck")
    aws.deliveries.direct(event, FakeContext())
    [(queue, sent, _)] = aws.sent()
    assert (queue, sent["attempts"]) == (NAMES.queue(handler), 1)
    aws.clients.sqs.error = OSError("no queue today")
    with pytest.raises(RuntimeError, match=handler):
        aws.deliveries.direct(event, FakeContext())


def test_a_message_without_a_name_fails_the_whole_batch(aws: Lambda) -> None:
    aws.called.error = ValueError("no luck")
    record = sqs_record("work", BODIES["work"])
    del record["messageId"]
    with pytest.raises(MalformedEvent, match="messageId"):
        aws.deliveries.sqs(sqs_event(record), FakeContext())


def test_what_s3_tells_of_itself_is_done(aws: Lambda) -> None:
    body = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": NAMES.bucket("files")})
    assert aws.deliveries.sqs(sqs_event(sqs_record("stored", body)), FakeContext()) == DONE
    assert aws.called.seen == aws.letters("stored") == []


def test_several_objects_in_one_message_are_tried_one_by_one(aws: Lambda) -> None:
    aws.called.error = ValueError("no luck")
    body = json.dumps({"Records": [s3_record("in/1"), s3_record("out/2"), s3_record("in/3")]})
    assert aws.deliveries.sqs(sqs_event(sqs_record("stored", body)), FakeContext()) == DONE
    assert [event.key for _, event, _ in aws.called.seen] == ["in/1", "in/3"]
    assert [(sent["id"], sent["attempts"]) for _, sent, _ in aws.sent()] == [("m-1.0", 1), ("m-1.2", 1)]
