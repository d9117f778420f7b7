"""An app of every trigger behind Lambda's events: real handlers, a real table for what is kept, and a fake of SQS.

The fake is ours and stands one level below the drivers, in the place of botocore's client: it only remembers.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from portable_aws.deliveries import Deliveries
from portable_aws.names import Names

from portable import App, Context
from portable.adapter import find_adapter
from portable.buckets import ObjectEvent
from portable.changes import Change

ACCOUNT, REGION = "123456789012", "eu-central-1"
NAMES = Names("orders", "test", ACCOUNT, REGION)


class FakeSqs:
    """FAKE of ours: what was sent and postponed, or an error instead."""

    class meta:  # noqa: N801 - botocore's name
        endpoint_url = f"https://sqs.{REGION}.amazonaws.com"
        partition = "aws"

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.postponed: list[dict[str, Any]] = []
        self.error: Exception | None = None

    def send_message(self, **arguments: Any) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append(arguments)

    def change_message_visibility(self, **arguments: Any) -> None:
        if self.error is not None:
            raise self.error
        self.postponed.append(arguments)


class FakeClients:
    """FAKE of ours: portable_aws.clients.Clients with nothing but a queue."""

    def __init__(self) -> None:
        self.sqs = FakeSqs()


class FakeContext:
    """FAKE of ours: what Lambda gives beside the event."""

    def __init__(self, function: str = "", seconds: float = 3600, id: str = "7d1c8f0a-0000-4000-8000-000000000001"):
        self.function_name = function
        self.aws_request_id = id
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


class Called:
    """What handlers were given, and what they are to do."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any, Context]] = []
        self.error: Exception | None = None

    def __call__(self, name: str, given: Any, context: Context) -> str:
        self.seen.append((name, given, context))
        if self.error is not None:
            raise self.error
        return "done"

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.seen]


def an_app(called: Called, targets: tuple[str, ...] = ("aws",)) -> App:
    """One handler for each trigger, each with three attempts."""
    app = App("orders", targets=targets)
    table = app.table("items", key=("pk", "sk"))
    files = app.bucket("files")
    news = app.topic("news")

    @app.task(max_attempts=3, timeout=60)
    def work(payload: dict[str, Any], context: Context) -> str:
        return called("work", payload, context)

    @news.subscribe(filter={"kind": "good"}, max_attempts=3, timeout=60)
    def heard(data: dict[str, Any], context: Context) -> None:
        called("heard", data, context)

    @app.every(hours=1, max_attempts=3, timeout=60)
    def tick(context: Context) -> None:
        called("tick", None, context)

    @files.on_created(prefix="in/", max_attempts=3, timeout=60)
    def stored(event: ObjectEvent, context: Context) -> None:
        called("stored", event, context)

    @table.on_change(max_attempts=3, timeout=60)
    def changed(change: Change[dict[str, Any]], context: Context) -> None:
        called("changed", change, context)

    @app.get("/x")
    def read() -> dict[str, str]:
        return {"a": "b"}

    return app


class Lambda:
    """The app of `an_app` behind Deliveries."""

    def __init__(self, app: App, running: Any, called: Called) -> None:
        self.app = app
        self.running = running
        self.called = called
        self.clients = FakeClients()
        binding = running._binding
        self.deliveries = Deliveries(app, running.dispatcher, NAMES, self.clients, binding)
        self.state = binding.state
        self.clock = binding.clock

    def letters(self, handler: str) -> Any:
        from portable.letters import Letters

        return Letters(self.state, self.clock, handler).page(limit=100, cursor=None).letters

    def run(self, id: str) -> Any:
        from portable.run_records import RunRecords

        return RunRecords(self.state, self.clock).find("work", id)

    def sent(self) -> list[tuple[str, dict[str, Any], int]]:
        """(queue, envelope, delay) of what was put into queues."""
        return [
            (one["QueueUrl"].rpartition("/")[2], json.loads(one["MessageBody"]), one["DelaySeconds"])
            for one in self.clients.sqs.sent
        ]


@contextmanager
def a_lambda() -> Generator[Lambda]:
    called = Called()
    app = an_app(called)
    with find_adapter("local").running(app) as running:
        yield Lambda(app, running, called)


# Events, as AWS documents them


def sqs_record(handler: str, body: str, *, id: str = "m-1", count: int = 1, **more: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    return {
        "messageId": id,
        "receiptHandle": f"receipt-{id}-{count}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(count),
            "SentTimestamp": "1795714800000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795714800001",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAMES.queue(handler)}",
        "awsRegion": REGION,
        **more,
    }


def sqs_event(*records: dict[str, Any]) -> dict[str, Any]:
    return {"Records": list(records)}


def envelope(kind: str, body: Any, **more: Any) -> str:
    document = {"v": 1, "kind": kind, "id": "d-1", "body": json.dumps(body), "enqueued_at": 1795714800.5, **more}
    return json.dumps(document)


def s3_record(key: str = "in/a+b%C3%A9.csv", name: str = "ObjectCreated:Put", **more: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": "2026-11-26T18:00:00.250Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AROAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "203.0.113.7"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "files",
            "bucket": {
                "name": NAMES.bucket("files"),
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{NAMES.bucket('files')}",
            },
            "object": {
                "key": key,
                "size": 5,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "versionId": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
        **more,
    }


VERSION = "1795714800123456000001"


def change_record(name: str = "INSERT", **more: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    image = {
        "pk": {"S": "a"},
        "sk": {"S": "b"},
        "_v": {"N": VERSION},
        "doc": {"M": {"pk": {"S": "a"}, "sk": {"S": "b"}, "n": {"N": "7"}, "raw": {"B": "AP8="}, "e": {"M": {}}}},
    }
    return {
        "eventID": "c4ca4238a0b923820dcc509a6f75849b",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": 1795714800,
            "Keys": {"pk": {"S": "a"}, "sk": {"S": "b"}},
            **({} if name == "REMOVE" else {"NewImage": image}),
            **({} if name == "INSERT" else {"OldImage": image}),
            "SequenceNumber": "4421584500000000017450439091",
            "SizeBytes": 26,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/orders-test-items/stream/2026-11-01T00:00:00.000",
        **more,
    }


def sns_notification(message: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html"""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAMES.topic('news')}",
        "Message": message,
        "Timestamp": "2026-11-26T18:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0000.pem",
        "UnsubscribeURL": "https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe",
        "MessageAttributes": {"kind": {"Type": "String", "Value": "good"}},
    }


def sns_event(message: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"""
    arn = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NAMES.topic('news')}:21be56ed-a058-49f5-8c98-aedd2564c486"
    record = {"EventVersion": "1.0", "EventSubscriptionArn": arn, "EventSource": "aws:sns"}
    return {"Records": [{**record, "Sns": sns_notification(message)}]}


def scheduled_event(source: str = "aws.events") -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html"""
    rest = "rule/" if source == "aws.events" else "schedule/orders-test/"
    return {
        "version": "0",
        "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
        "detail-type": "Scheduled Event",
        "source": source,
        "account": ACCOUNT,
        "time": "2026-11-26T18:00:07Z",
        "region": REGION,
        "resources": [f"arn:aws:{source[4:]}:{REGION}:{ACCOUNT}:{rest}{NAMES.schedule('tick')}"],
        "detail": {},
    }


def http_event(method: str = "POST", path: str = "/x", body: str | None = '{"a":1}', **more: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    host = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "p=1&p=2&q=%C3%A9",
        "cookies": ["s=1", "t=2"],
        "headers": {
            "accept": "*/*",
            "content-length": str(len(body or "")),
            "content-type": "application/json",
            "host": host,
            "user-agent": "curl/8.5.0",
            "x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678",
            "x-forwarded-for": "203.0.113.7",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "queryStringParameters": {"p": "1,2", "q": "é"},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "a1b2c3d4e5",
            "domainName": host,
            "domainPrefix": "a1b2c3d4e5",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "curl/8.5.0",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "$default",
            "stage": "$default",
            "time": "26/Nov/2026:18:00:00 +0000",
            "timeEpoch": 1795716000000,
        },
        "isBase64Encoded": False,
        **more,
    }
    if body is not None:
        event["body"] = body
    return event
