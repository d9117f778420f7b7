"""AWS's own sample events through the gateway, and what we make in tests of events under a model of somebody else's.

The samples are those of aws-sam-cli, see samples/README.md. The models are those of Powertools' parser: another reading
of the same documentation, which must accept the events that stand in for AWS's in the conformance suite.
"""

import hashlib
import json
from collections.abc import Generator
from typing import Any, get_args

import pytest
from portable_aws.event_sources import message_record
from portable_aws.gateway_http import request_of
from portable_aws.http_front import event_of
from portable_aws.runtime import Entry

from portable.invocation import InvocationKind
from tests.aws import lambdas
from tests.aws.lambdas import NAMES, FakeContext, Lambda, a_lambda
from tests.aws.sam_samples import SAMPLES, sample

TRIGGERS = {
    "HttpApi": "http",
    "Sqs": "task",
    "Sns": "topic",
    "S3Put": "bucket",
    "S3Delete": "bucket",
    "ScheduledEvent": "schedule",
    "DynamoDBUpdate": "table",
}


@pytest.fixture
def aws() -> Generator[Lambda]:
    with a_lambda() as found:
        yield found


def handled(aws: Lambda, event: Any) -> Any:
    entry = Entry(aws.app, aws.running.dispatcher, NAMES, aws.clients, aws.running._binding)
    entry._made = aws.deliveries
    return entry.handle(event, FakeContext())


def test_the_samples_are_those_of_the_wheel_and_every_trigger_has_one() -> None:
    lines = (SAMPLES / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, name in map(str.split, lines)}
    there = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in SAMPLES.glob("*.json")}
    assert there == sums
    assert {name.removesuffix(".json") for name in there} == set(TRIGGERS)
    assert set(TRIGGERS.values()) == {"http", *get_args(InvocationKind)}


def test_the_sample_of_an_http_api_is_a_request() -> None:
    request = request_of(sample("HttpApi"))
    assert (request.method, request.path) == ("POST", "/x")
    assert request.query == {"parameter1": ["value1", "value2"], "parameter2": ["value"]}
    assert request.headers["cookie"] == "cookie1; cookie2"
    assert request.json() == {"test": "body"}
    assert request.client == "192.168.0.1/32"


@pytest.mark.parametrize(
    ("name", "handler"), [("Sqs", "work"), ("Sns", "heard"), ("S3Put", "stored"), ("ScheduledEvent", "tick")]
)
def test_a_sample_runs_its_handler(aws: Lambda, name: str, handler: str) -> None:
    answer = handled(aws, sample(name))
    assert answer in (None, {"batchItemFailures": []})
    [(called, given, context)] = aws.called.seen
    assert (called, context.handler) == (handler, handler)
    if handler == "stored":
        assert (given.bucket, given.key, given.size, given.event) == ("files", "in/a+b.csv", 1024, "created")
    if handler == "tick":
        assert context.scheduled_at == 0.0


QUEUED = {
    "heard": lambda: lambdas.envelope("topic", {"a": 1}, attributes={"kind": "good"}),
    "tick": lambda: lambdas.envelope("schedule", None, scheduled_at="2026-11-26T20:00:00Z"),
    "stored": lambda: json.dumps(sample("S3Put")),
}


@pytest.mark.parametrize("handler", QUEUED)
def test_the_sample_of_a_queue_runs_what_a_topic_a_schedule_or_a_bucket_put_into_it(aws: Lambda, handler: str) -> None:
    assert handled(aws, sample("Sqs", QUEUED[handler](), handler=handler)) == {"batchItemFailures": []}
    [(called, given, context)] = aws.called.seen
    assert (called, context.handler) == (handler, handler)
    assert given == {"a": 1} if handler == "heard" else given is None or given.key == "in/a+b.csv"


def test_a_change_of_a_table_that_is_not_ours_is_kept_three_times_and_lost_never(aws: Lambda) -> None:
    assert handled(aws, sample("DynamoDBUpdate")) == {"batchItemFailures": []}
    assert aws.called.seen == []
    letters = aws.letters("changed")
    assert len(letters) == 3
    assert all("keys pk and sk" in letter.error for letter in letters)


def test_a_change_of_our_own_items_in_the_sample_of_a_stream_runs_its_handler(aws: Lambda) -> None:
    """Items as we write them, in the sample's records: what is around them is AWS's."""
    event = sample("DynamoDBUpdate")
    ours = [lambdas.change_record(name) for name in ("INSERT", "MODIFY", "REMOVE")]
    for record, own in zip(event["Records"], ours, strict=True):
        assert record["eventName"] == own["eventName"]
        for part in ("Keys", "NewImage", "OldImage"):
            assert (part in record["dynamodb"]) == (part in own["dynamodb"])
            if part in record["dynamodb"]:
                record["dynamodb"][part] = own["dynamodb"][part]
    assert handled(aws, event) == {"batchItemFailures": []}
    assert [called for called, _, _ in aws.called.seen] == ["changed"] * 3
    assert [change.op for _, change, _ in aws.called.seen] == ["upsert", "upsert", "delete"]


def test_a_deletion_that_no_handler_is_for_is_an_error(aws: Lambda) -> None:
    with pytest.raises(ValueError, match="deleted"):
        handled(aws, sample("S3Delete"))


MODELS: dict[str, Any] = {
    "SqsModel": lambda: lambdas.sqs_event(made_message()),
    "DynamoDBStreamModel": lambda: {"Records": [lambdas.change_record("MODIFY")]},
    "S3Model": lambda: {"Records": [lambdas.s3_record()]},
    "SnsModel": lambda: lambdas.sns_event("{}"),
    "EventBridgeModel": lambdas.scheduled_event,
    "APIGatewayProxyEventV2Model": lambda: event_of(
        "POST", "/x?a=1", [("content-type", "application/json")], b"{}", id="r-1", now=1.0, account=lambdas.ACCOUNT
    ),
    "APIGatewayProxyEventV2Model, by hand": lambdas.http_event,
}


def made_message() -> dict[str, Any]:
    """A message as the stand-in for Lambda's mappings makes it of what SQS gave."""
    message = {
        "MessageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "ReceiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
        "Body": lambdas.envelope("task", {}),
        "MD5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "Attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795714800000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795714800001",
        },
        "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "good"}},
    }
    arn = f"arn:aws:sqs:{lambdas.REGION}:{lambdas.ACCOUNT}:{NAMES.queue('work')}"
    return message_record(message, arn, lambdas.REGION)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_of_powertools_accepts_the_events_of_our_tests(name: str) -> None:
    from aws_lambda_powertools.utilities.parser import models

    model = getattr(models, name.partition(",")[0])
    parsed = model.model_validate(json.loads(json.dumps(MODELS[name]())))
    assert parsed is not None
