"""One stimulus, two platforms: the event of AWS and the local one give equal Invocations and equal Requests.

A stimulus is said once, as a user's code or a client says it. Locally it is done to the running app; for AWS its own
drivers make the message (what they would send is taken from a fake client), or AWS's documented event is filled in.
Left out of the comparison, and nothing else: ids of deliveries, traces, and times and versions that a platform makes.
"""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from portable_aws.drivers import AwsDrivers
from portable_aws.dynamodb_items import attributes_of
from portable_aws.gateway_events import Wiring, change_envelope, message_envelopes
from portable_aws.gateway_http import request_of
from portable_aws.http_front import event_of
from portable_aws.template_schedules import SCHEDULED_TIME, schedule_input

from portable import App
from portable.adapter import find_adapter
from portable.binding import Binding
from portable.documents import decode, encode
from portable.drivers import NewItem
from portable.http import Request
from portable.invocation import Invocation
from portable.listeners import invocation_of, listeners_of
from tests.aws.lambdas import NAMES, Called, FakeClients, an_app, s3_record, sqs_record

MADE_BY_PLATFORM = ("id", "enqueued_at", "deadline", "traceparent")
MADE_IN_BODY = ("version", "time")
AT = datetime(2026, 11, 26, 18, tzinfo=UTC)
PAYLOAD = {"text": "é\x00😀</script>", "n": [1, 2.5, None, True], "deep": {"a": {"b": []}}}
ITEM = {"pk": "a/é", "sk": "b", "n": 7, "f": 2.5, "raw": b"\x00\xff", "when": AT, "empty": {}, "l": [[], {"x": None}]}
ATTRIBUTES = {"kind": "good", "b": "é"}


class FakeSns:
    """FAKE of ours: what was published."""

    class meta:  # noqa: N801 - botocore's name
        partition = "aws"

    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []

    def publish_batch(self, **arguments: Any) -> dict[str, Any]:
        self.published.append(arguments)
        return {}


class Drivers(AwsDrivers):
    """AWS's own drivers, but for the framework's table, which is the local one."""

    table_of_state: Any

    def state(self) -> Any:
        return self.table_of_state


def resource(app: App, kind: str, name: str) -> Any:
    return app.resources[kind, name]


STIMULI: dict[str, Callable[[App, Any], None]] = {
    "work": lambda app, running: resource(app, "task", "work").send(PAYLOAD),
    "heard": lambda app, running: resource(app, "topic", "news").publish(
        PAYLOAD, attributes={"kind": "good", "b": "é"}
    ),
    "tick": lambda app, running: running.fire("tick", AT),
    "stored": lambda app, running: resource(app, "bucket", "files").put("in/a+b,c.csv", b"hello"),
    "changed": lambda app, running: resource(app, "table", "items").put(ITEM),
    "deleted": lambda app, running: resource(app, "table", "items").delete("a/é", "b"),
}


def local_invocation(stimulus: str) -> Invocation:
    """What the local runtime gives its Dispatcher."""
    app = an_app(Called())
    seen: list[Invocation] = []
    with find_adapter("local").running(app) as running:
        if stimulus == "deleted":
            STIMULI["changed"](app, running)
            running.drain()
        dispatcher: Any = running.dispatcher  # type: ignore[attr-defined]
        original = dispatcher.invoke

        def invoke(invocation: Invocation) -> Any:
            seen.append(invocation)
            return original(invocation)

        dispatcher.invoke = invoke
        STIMULI[stimulus](app, running)
        running.drain()
    assert len(seen) == 1
    return seen[0]


def message_of(stimulus: str) -> str:
    """The message that AWS's drivers send for the stimulus."""
    app = an_app(Called())
    clients: Any = FakeClients()
    clients.sns = FakeSns()
    with find_adapter("local").running(app) as running:
        local: Binding = running._binding  # type: ignore[attr-defined]
        drivers = Drivers(NAMES, clients, local.clock)
        drivers.table_of_state = local.state
        app.bind(
            Binding(
                app=app.name, stage="test", adapter="aws", drivers=drivers, profile=local.profile, clock=local.clock
            )
        )
        STIMULI[stimulus](app, running)
    if stimulus == "work":
        [sent] = clients.sqs.sent
        return str(sent["MessageBody"])
    [published] = clients.sns.published
    [entry] = published["PublishBatchRequestEntries"]
    return str(entry["Message"])


def as_json(value: Any) -> Any:
    """Attributes of DynamoDB as an event has them."""
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [as_json(inner) for inner in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def change_event(operation: str) -> dict[str, Any]:
    document = decode(encode(ITEM))
    item = NewItem(ITEM["pk"], ITEM["sk"], document, encode(document), {}, None)  # type: ignore[arg-type]
    image = as_json(attributes_of(item, "1795714800123456000001", {}))
    images = {"NewImage": image} if operation == "INSERT" else {"OldImage": image}
    record = {
        "eventID": "e-1",
        "eventName": operation,
        "eventSource": "aws:dynamodb",
        "dynamodb": {
            "ApproximateCreationDateTime": 1795714800,
            "Keys": {"pk": {"S": ITEM["pk"]}, "sk": {"S": ITEM["sk"]}},
            **images,
            "SequenceNumber": "1",
        },
    }
    found: dict[str, Any] = json.loads(json.dumps(record))
    return found


def aws_invocation(stimulus: str) -> Invocation:
    """What the gateway makes of AWS's event."""
    wiring = Wiring(listeners_of(an_app(Called())), NAMES)
    if stimulus in ("changed", "deleted"):
        [listener] = wiring.tables[NAMES.table("items")]
        envelope = change_envelope(change_event("INSERT" if stimulus == "changed" else "REMOVE"), listener.source)
        assert envelope is not None
    else:
        if stimulus == "tick":
            text = schedule_input().replace(SCHEDULED_TIME, AT.strftime("%Y-%m-%dT%H:%M:%SZ"))
        elif stimulus == "stored":
            text = json.dumps({"Records": [s3_record("in/a%2Bb%2Cc.csv")]})
        else:
            text = message_of(stimulus)
        listener = wiring.listeners[stimulus]
        [envelope] = message_envelopes(json.loads(json.dumps(sqs_record(stimulus, text))), listener, NAMES)
    return invocation_of(envelope, listener.name, attempt=1, deadline=0.0)


def comparable(invocation: Invocation) -> dict[str, Any]:
    fields = invocation._asdict()
    for name in MADE_BY_PLATFORM:
        assert fields.pop(name) is not None
    body = json.loads(fields.pop("body"))
    if invocation.kind in ("bucket", "table"):
        for name in MADE_IN_BODY:
            assert body.pop(name)
    return {**fields, "body": body}


@pytest.mark.parametrize("stimulus", STIMULI)
def test_the_event_of_aws_and_the_local_one_are_equal_invocations(stimulus: str) -> None:
    local, aws = local_invocation(stimulus), aws_invocation(stimulus)
    assert comparable(aws) == comparable(local)
    if stimulus in ("work", "heard"):
        assert aws.body == local.body


REQUESTS: dict[str, tuple[str, str, list[tuple[str, str]], bytes]] = {
    "json": ("POST", "/notes/a%20b?x=1&x=2&y=%C3%A9", [("content-type", "application/json")], b'{"a": "\xc3\xa9"}'),
    "binary": ("PUT", "/x", [("content-type", "application/octet-stream")], bytes(range(256))),
    "cookies": ("GET", "/", [("cookie", "a=1; b=2")], b""),
    "no body": ("DELETE", "/x/y?", [("accept", "*/*")], b""),
    "text that is none": ("POST", "/x", [("content-type", "text/plain")], b"\xff\xfe"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_the_http_event_of_aws_and_the_local_request_are_equal(name: str) -> None:
    method, target, headers, body = REQUESTS[name]
    path, _, query = target.partition("?")
    local = Request(method, path, query_string=query, headers=headers, body=body, client="127.0.0.1")
    event = event_of(method, target, headers, body, id="r-1", now=0.0, account="123456789012")
    aws = request_of(event)
    # What a front adds: scheme and host.
    for field in ("method", "path", "query_string", "body", "client", "query", "cookies"):
        assert getattr(aws, field) == getattr(local, field), field
    added = [item for item in aws.headers.items() if item not in local.headers.items()]
    assert {key for key, _ in added} <= {
        "host",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
    }
