"""An app of every trigger behind the requests of Google's services: real handlers, a real table, a fake of Cloud Tasks.

The fake is ours and stands one level below the driver, in the place of the REST client: it only remembers. Requests are
made with Google's own message classes (google-events) where there are some, else from the documentation.
"""

import base64
import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from google.events.cloud import firestore_v1, pubsub_v1, storage_v1
from google.protobuf.json_format import MessageToDict, ParseDict
from portable_gcp.deliveries import Deliveries
from portable_gcp.errors import GoogleError
from portable_gcp.firestore_items import item_fields, item_name
from portable_gcp.names import Names

from portable.adapter import find_adapter
from portable.documents import decode, encode
from portable.drivers import NewItem
from tests.aws.lambdas import Called, an_app, envelope

PROJECT, LOCATION = "my-project", "europe-west1"
NAMES = Names("orders", "test", PROJECT, LOCATION, "123456789012")
DOCUMENTS = f"projects/{PROJECT}/databases/{NAMES.database()}/documents"
AT = "2026-11-26T18:00:00.250Z"
Written: Any = firestore_v1.DocumentEventData.pb(firestore_v1.DocumentEventData())


class Request(NamedTuple):
    """What a service sends to a function."""

    path: str
    headers: dict[str, str]
    body: bytes


class FakeTasks:
    """FAKE of ours: the tasks that were sent, or an error instead."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.error: GoogleError | None = None

    def call(self, method: str, path: str, *, body: Any, **_: Any) -> None:
        assert method == "POST"
        if self.error is not None:
            raise self.error
        self.sent.append((path, body["task"]))


class FakeClients:
    """FAKE of ours: portable_gcp.clients.Clients with nothing but Cloud Tasks."""

    def __init__(self) -> None:
        self.project = PROJECT
        self.tasks = FakeTasks()


def no_queue_today() -> GoogleError:
    return GoogleError(503, "UNAVAILABLE", "no queue today")


class Function:
    """The app of `an_app` behind Deliveries."""

    def __init__(self, app: Any, running: Any, called: Called) -> None:
        self.app = app
        self.running = running
        self.called = called
        self.clients = FakeClients()
        self.binding = running._binding
        self.deliveries = Deliveries(app, running.dispatcher, NAMES, self.clients, self.binding)
        self.clock = self.binding.clock

    def receive(self, request: Request) -> int:
        """The status of the answer."""
        return self.deliveries.receive(*request)[0]

    def letters(self, handler: str) -> Any:
        from portable.letters import Letters

        return Letters(self.binding.state, self.clock, handler).page(limit=100, cursor=None).letters

    def run(self, id: str) -> Any:
        from portable.run_records import RunRecords

        return RunRecords(self.binding.state, self.clock).find("work", id)

    def sent(self) -> list[tuple[str, dict[str, Any], str | None]]:
        """(queue, envelope, time from which it may come) of what was put into queues."""
        return [
            (path.split("/")[-2], json.loads(base64.b64decode(task["httpRequest"]["body"])), task.get("scheduleTime"))
            for path, task in self.clients.tasks.sent
        ]

    def sent_again(self) -> Request:
        """The newest task as Cloud Tasks sends it."""
        queue, document, _ = self.sent()[-1]
        handler = next(name for name in self.app.all_handlers() if NAMES.queue(name) == queue)
        return task(handler, json.dumps(document), id=f"t-{len(self.clients.tasks.sent)}")


@contextmanager
def a_function() -> Generator[Function]:
    called = Called()
    app = an_app(called, ("gcp",))
    with find_adapter("local").running(app) as running:
        yield Function(app, running, called)


# Requests


def task(handler: str, body: str, *, id: str = "t-1", retries: int = 0, responses: int = 0) -> Request:
    """https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler"""
    headers = {
        "content-type": "application/json",
        "user-agent": "Google-Cloud-Tasks",
        "x-cloudtasks-queuename": NAMES.queue(handler),
        "x-cloudtasks-taskname": id,
        "x-cloudtasks-taskretrycount": str(retries),
        "x-cloudtasks-taskexecutioncount": str(responses),
        "x-cloudtasks-tasketa": "1795716000.25",
    }
    return Request("/", headers, body.encode())


def push(
    handler: str, data: bytes | None, attributes: dict[str, str], *, id: str = "m-1", attempt: int | None = 1
) -> Request:
    """https://cloud.google.com/pubsub/docs/push#receive_push"""
    message = pubsub_v1.PubsubMessage(data=data, attributes=attributes, message_id=id, publish_time=AT)
    subscription = f"projects/{PROJECT}/subscriptions/{NAMES.pushed_subscription(handler, 'its topic', 'its filter')}"
    found = MessageToDict(
        pubsub_v1.MessagePublishedData.pb(pubsub_v1.MessagePublishedData(message=message, subscription=subscription))
    )
    if attempt is not None:
        found["deliveryAttempt"] = attempt
    return Request("/", {"content-type": "application/json"}, json.dumps(found).encode())


def event(**more: Any) -> Request:
    """An event of a topic that is pushed."""
    return push("heard", envelope("topic", {"a": 1}, attributes={"kind": "good"}).encode(), {"kind": "good"}, **more)


def stored(key: str = "in/a+b,é.csv", size: int = 5) -> dict[str, Any]:
    """What Storage knows of an object."""
    about = storage_v1.StorageObjectData(
        bucket=NAMES.bucket("files"), name=key, generation=1795716000250123, size=size, time_created=AT, updated=AT
    )
    return dict(MessageToDict(storage_v1.StorageObjectData.pb(about)))


def notification(
    kind: str = "OBJECT_FINALIZE", key: str = "in/a+b,é.csv", more: dict[str, str] | None = None, **others: Any
) -> Request:
    """https://cloud.google.com/storage/docs/pubsub-notifications#format"""
    attributes = {
        "notificationConfig": f"projects/_/buckets/{NAMES.bucket('files')}/notificationConfigs/1",
        "eventType": kind,
        "payloadFormat": "JSON_API_V1",
        "bucketId": NAMES.bucket("files"),
        "objectId": key,
        "objectGeneration": "1795716000250123",
        "eventTime": AT,
        **(more or {}),
    }
    return push("stored", json.dumps(stored(key)).encode(), attributes, **others)


def fire(at: str = "2026-11-26T18:00:00Z") -> Request:
    """https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#HttpTarget"""
    headers = {
        "user-agent": "Google-Cloud-Scheduler",
        "x-cloudscheduler": "true",
        "x-cloudscheduler-jobname": NAMES.job("tick"),
        "x-cloudscheduler-scheduletime": at,
    }
    return Request("/", headers, b"")


def cloud_event(kind: str, source: str, subject: str, id: str = "e-1") -> dict[str, str]:
    """The attributes of a CloudEvent in headers."""
    return {
        "ce-specversion": "1.0",
        "ce-id": id,
        "ce-type": kind,
        "ce-source": source,
        "ce-subject": subject,
        "ce-time": AT,
    }


def document(item: dict[str, Any], pk: str, sk: str, *, ttl: int | None = None) -> dict[str, Any]:
    """The document of an item, as the driver writes it."""
    plain = decode(encode(item))
    new = NewItem(pk, sk, plain, encode(plain), {}, ttl)
    fields = item_fields(new, "mark", {}, is_heard=True)
    return {"name": item_name(DOCUMENTS, "items", pk, sk), "fields": fields, "createTime": AT, "updateTime": AT}


def change(
    new: dict[str, Any] | None, old: dict[str, Any] | None = None, *, id: str = "e-1", path: str = "/changes/changed"
) -> Request:
    """What Eventarc tells of a document: https://cloud.google.com/eventarc/docs/run/route-trigger-cloud-firestore"""
    body = ParseDict({"value": new or {}, "oldValue": old or {}}, type(Written)())
    shown: dict[str, Any] = new or old or {}
    subject = "documents/" + str(shown["name"]).partition("/documents/")[2]
    source = f"//firestore.googleapis.com/projects/{PROJECT}/databases/{NAMES.database()}"
    headers = {
        **cloud_event("google.cloud.firestore.document.v1.written", source, subject, id),
        "ce-document": subject.removeprefix("documents/"),
        "ce-database": NAMES.database(),
        "content-type": "application/protobuf",
    }
    return Request(path, headers, body.SerializeToString())


ITEM = {"pk": "a", "sk": "b", "n": 7, "raw": b"\x00\xff", "e": {}}
BODIES = {
    "work": envelope("task", {"a": 1}),
    "heard": envelope("topic", {"a": 1}, attributes={"kind": "good"}),
    "tick": envelope("schedule", {"scheduled_at": "2026-11-26T18:00:00+00:00"}, scheduled_at=1795716000),
    "stored": envelope(
        "bucket",
        {"bucket": "files", "key": "in/a", "size": 1, "version": "1", "event": "created", "time": 1795716000.0},
    ),
    "changed": envelope(
        "table", {"table": "items", "pk": "a", "sk": "b", "op": "delete", "new": None, "version": "1", "time": 0}
    ),
}
"""What the queue of each handler holds."""
ARRIVALS: dict[str, Any] = {
    "heard": event,
    "stored": notification,
    "tick": fire,
    "changed": lambda: change(document(ITEM, "a", "b")),
}
"""What arrives without a queue, by handler."""
