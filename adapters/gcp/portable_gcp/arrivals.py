"""Which handlers a request of Cloud Tasks, Pub/Sub, Scheduler or Eventarc is for, and how often it came.

Pure: the headers and the body of a request, and what the app declares, in; values out. Whatever is for nobody raises
MalformedEvent. What it is to a handler is told by events.py.

https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
https://cloud.google.com/pubsub/docs/push#receive_push
https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs#HttpTarget
https://cloud.google.com/eventarc/docs/cloudevents
"""

from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, cast

from portable.listeners import Listener
from portable.messages import MESSAGE_ID
from portable.shapes import MalformedEvent, a_document, is_unicode, object_in, text_in

from .layout import ROOTS
from .names import Names

Way = Literal["task", "push", "fire", "object", "change"]
QUEUE, RETRIES, RESPONSES = "x-cloudtasks-queuename", "x-cloudtasks-taskretrycount", "x-cloudtasks-taskexecutioncount"
TASK = "x-cloudtasks-taskname"
JOB, FIRED = "x-cloudscheduler-jobname", "x-cloudscheduler-scheduletime"
STRUCTURED = "application/cloudevents+json"
"""https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md"""
CHANGES = "/changes/"
"""Where the trigger of a handler of changes leads, with the handler's name behind it."""
DOCUMENT = "google.cloud.firestore.document.v1."
OBJECT = "google.cloud.storage.object.v1."
PUBLISHED = "google.cloud.pubsub.topic.v1.messagePublished"
MOST_COUNT = 1_000_000


class Wiring:
    """Which handlers a physical name belongs to; made once, from what the app declares."""

    def __init__(self, found: list[Listener], names: Names) -> None:
        self.names = names
        self.queues = {names.queue(one.name): one for one in found}
        self.subscriptions = {names.subscription(one.name): one for one in found if one.kind in ("topic", "bucket")}
        self.jobs = {names.job(one.name): one for one in found if one.kind == "schedule"}
        self.tables: dict[str, list[Listener]] = {}
        self.buckets: dict[str, list[Listener]] = {}
        for one in found:
            if one.kind == "table":
                self.tables.setdefault(names.collection(one.source), []).append(one)
            elif one.kind == "bucket":
                self.buckets.setdefault(names.bucket(one.source), []).append(one)

    def subscribed(self, subscription: str) -> Listener | None:
        """Whose a subscription is, whichever its filter: names.py writes that behind its name."""
        plain, _, _ = subscription.rpartition("-")
        return self.subscriptions.get(subscription) or self.subscriptions.get(plain)


class Arrival(NamedTuple):
    """A request as what it is a delivery of. `content` is what came, as far as it has been looked into.

    `id` tells it from others, and is the same each time that it comes. `begun` is how often it may have been begun,
    this time too, as far as its sender tells.
    """

    way: Way
    listeners: tuple[Listener, ...]
    id: str
    begun: int
    content: Any


class CloudEvent(NamedTuple):
    """The parts of a CloudEvent that are needed here; `data` is what it has, bytes or parsed JSON."""

    id: str
    type: str
    source: str
    subject: str
    time: str
    data: Any


# Whose it is


def arrival_of(path: str, headers: Mapping[str, str], body: bytes, wiring: Wiring) -> Arrival:
    """Which handlers a request is for; `headers` have lower-case names. Raises MalformedEvent if it is for none.

    `path` names the handler of a change: the trigger leads there, and the event does not say who is to hear it.
    """
    if QUEUE in headers:
        return task_arrival(headers, body, wiring)
    if JOB in headers:
        return fire_arrival(headers, wiring)
    if "ce-type" in headers or headers.get("content-type", "").startswith(STRUCTURED):
        return event_arrival(path, cloud_event(headers, body), wiring)
    return push_arrival(a_document(body), wiring)


def task_arrival(headers: Mapping[str, str], body: bytes, wiring: Wiring) -> Arrival:
    """A task. It was begun before as often as it failed with a 5xx or without an answer.

    Other answers are Cloud Run's own, where no instance was free (429) or the sender was not let in (403): none of our
    code has run. https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
    """
    queue = headers[QUEUE]
    listener = wiring.queues.get(queue.rpartition("/")[2])
    if listener is None:
        raise MalformedEvent(f"no handler has the queue {queue!r:.200}")
    failed = number_in(headers, RETRIES) - number_in(headers, RESPONSES)
    return Arrival("task", (listener,), id_of(headers.get(TASK, ""), "the task"), 1 + max(0, failed), body)


def fire_arrival(headers: Mapping[str, str], wiring: Wiring) -> Arrival:
    """A fire time of a schedule."""
    job = headers[JOB]
    listener = wiring.jobs.get(job.rpartition("/")[2])
    if listener is None:
        raise MalformedEvent(f"no handler has the job {job!r:.200}")
    at = headers.get(FIRED, "")
    return Arrival("fire", (listener,), id_of(f"{at}.{listener.name}", "the job"), 1, at)


def push_arrival(document: dict[str, Any], wiring: Wiring) -> Arrival:
    """A message that Pub/Sub pushes."""
    if "message" not in document or "subscription" not in document:
        raise MalformedEvent("the request is none of Cloud Tasks, Pub/Sub, Scheduler or Eventarc")
    subscription = text_in(document, "subscription", "the push")
    listener = wiring.subscribed(subscription.rpartition("/")[2])
    if listener is None:
        raise MalformedEvent(f"no handler has the subscription {subscription!r:.200}")
    message = object_in(document, "message")
    id = id_of(text_in(message, "messageId", "the message"), "the message")
    attempts = document.get("deliveryAttempt", 1)
    if type(attempts) is not int or not 1 <= attempts <= MOST_COUNT:
        raise MalformedEvent(f"the push has deliveryAttempt={attempts!r:.40}")
    return Arrival("push", (listener,), id, attempts, message)


def event_arrival(path: str, event: CloudEvent, wiring: Wiring) -> Arrival:
    """A CloudEvent of Eventarc."""
    if event.type.startswith(DOCUMENT):
        name = path.removeprefix(CHANGES)
        found = [one for one in wiring.tables.get(collection_of(event), ()) if path in ("", "/") or one.name == name]
        database = event.source.rpartition("/databases/")[2]
        if not found or database != wiring.names.database():
            raise MalformedEvent(f"no handler here is for changes of {event.source:.200}/{event.subject:.200} ({path})")
        return Arrival("change", tuple(found), event.id, 1, event)
    if event.type.startswith(OBJECT):
        bucket = event.source.rpartition("/buckets/")[2]
        found = wiring.buckets.get(bucket, [])
        if not found:
            raise MalformedEvent(f"no handler is for objects of {event.source!r:.200}")
        return Arrival("object", tuple(found), event.id, 1, event)
    if event.type == PUBLISHED and isinstance(cast("object", event.data), dict):
        return push_arrival(cast("dict[str, Any]", event.data), wiring)
    raise MalformedEvent(f"an event {event.type!r:.200} is none that starts a handler")


def collection_of(event: CloudEvent) -> str:
    """In which collection a document is, by an event's subject: `documents/roots/a/items/b`.

    The names around it may be escaped in a header, or not; the collection's needs no escape.
    """
    parts = event.subject.split("/")
    if len(parts) != 5 or parts[:2] != ["documents", ROOTS]:
        raise MalformedEvent(f"the subject {event.subject!r:.200} is no item's document")
    return parts[3]


def cloud_event(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """A CloudEvent as HTTP carries it, binary (attributes in headers) or structured. Raises MalformedEvent."""
    kind = headers.get("content-type", "")
    if kind.startswith(STRUCTURED):
        document = a_document(body)
        names = ("specversion", "id", "type", "source", "subject", "time")
        found = {name: document.get(name) for name in names}
        data: Any = document.get("data")
        encoded = document.get("data_base64")
        if encoded is not None:
            data = decoded(encoded, "the event's data_base64")
    else:
        found = {name: headers.get(f"ce-{name}") for name in ("specversion", "id", "type", "source", "subject", "time")}
        data = a_document(body) if kind.startswith("application/json") else body
    if found.pop("specversion") != "1.0":
        raise MalformedEvent("the event is no CloudEvent of version 1.0")
    if not all(isinstance(found[name], str) and found[name] for name in ("id", "type", "source")):
        raise MalformedEvent("the event has no id, type or source")
    texts = {name: value if isinstance(value, str) else "" for name, value in found.items()}
    if not all(map(is_unicode, texts.values())):
        raise MalformedEvent("the event's attributes have lone surrogates")
    texts["id"] = id_of(texts["id"], "the event")
    return CloudEvent(data=data, **texts)


# Parts


def id_of(text: str, what: str) -> str:
    """A name for what arrived, such as ids of deliveries are, the same each time that it comes."""
    if not text:
        raise MalformedEvent(f"{what} has no name")
    if MESSAGE_ID.fullmatch(text) is not None:
        return text
    from hashlib import sha256

    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def number_in(headers: Mapping[str, str], name: str) -> int:
    """A count in a header; 0 where there is none. Raises MalformedEvent for a text that is no count."""
    text = headers.get(name, "0")
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise MalformedEvent(f"{name} is {text!r:.40}, which is no count")
    return int(text)


def decoded(value: object, what: str) -> bytes:
    """Bytes from the base64 of JSON. Raises MalformedEvent."""
    try:
        return a2b_base64(value, strict_mode=True) if isinstance(value, str) else refuse(what)
    except ValueError:
        raise MalformedEvent(f"{what} is no base64") from None


def refuse(what: str) -> bytes:
    raise MalformedEvent(f"{what} is no text")
