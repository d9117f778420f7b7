"""What a request of Cloud Tasks, Pub/Sub, Scheduler, Storage or Firestore is to a handler: an Envelope.

Pure. Strict about what a handler is given, lenient about the rest. Whatever cannot be understood raises MalformedEvent,
so that whoever called can keep it; nothing is passed over because it is odd.
"""

import json
from binascii import b2a_base64
from typing import Any, cast

from portable.bucket_records import object_event_body
from portable.envelopes import VERSION, Envelope, moment
from portable.listeners import Listener, check_kind, matches, own_envelope
from portable.schedules import next_fire
from portable.shapes import MalformedEvent, a_document, is_unicode, object_in, text_in

from .arrivals import DOCUMENT, FIRED, OBJECT, STRUCTURED, Arrival, CloudEvent, Way, cloud_event, collection_of, decoded

OBJECT_EVENTS = {"OBJECT_FINALIZE": "created", "OBJECT_DELETE": "deleted", "finalized": "created", "deleted": "deleted"}
"""Of notifications through Pub/Sub, and of Eventarc: https://cloud.google.com/storage/docs/pubsub-notifications#events"""
OTHER_OBJECT_EVENTS = ("OBJECT_ARCHIVE", "OBJECT_METADATA_UPDATE", "archived", "metadataUpdated")


def envelope_of(arrival: Arrival, listener: Listener) -> Envelope | None:
    """What an arrival is to one of its handlers; None if it is not for this one. Raises MalformedEvent."""
    if arrival.way == "task":
        return task_envelope(arrival, listener)
    if arrival.way == "fire":
        return fire_envelope(arrival, listener)
    if arrival.way == "object":
        event: CloudEvent = arrival.content
        data = cast("dict[str, Any]", event.data) if isinstance(cast("object", event.data), dict) else {}
        at = moment(event.time)
        return object_envelope(listener, event.type.removeprefix(OBJECT), data, arrival.id, at)
    if arrival.way == "change":
        from .change_events import change_envelope

        event = arrival.content
        return change_envelope(event.data, listener.source, arrival.id, moment(event.time), collection_of(event))
    if listener.kind == "bucket":
        return notification_envelope(arrival, listener)
    return message_envelope(arrival, listener)


def task_envelope(arrival: Arrival, listener: Listener) -> Envelope | None:
    """What a queue holds: an envelope of ours, or as it came what was not understood and is to be tried once more."""
    document = a_document(arrival.content)
    if "message" in document:
        message = object_in(document, "message")
        return envelope_of(Arrival("push", (listener,), text_in(message, "messageId", "it"), 1, message), listener)
    if "specversion" in document:
        event = cloud_event({"content-type": STRUCTURED}, arrival.content)
        way: Way = "change" if event.type.startswith(DOCUMENT) else "object"
        return envelope_of(Arrival(way, (listener,), event.id, 1, event), listener)
    envelope = own_envelope(document)
    check_kind(envelope, listener)
    return envelope


def original_of(arrival: Arrival, body: bytes) -> str:
    """What came, as text: as it came, or so that `task_envelope` reads the same from it."""
    if arrival.way in ("change", "object"):
        event: CloudEvent = arrival.content
        found = {"specversion": "1.0", **event._asdict()}
        if isinstance(event.data, bytes):
            del found["data"]
            found["data_base64"] = b2a_base64(event.data, newline=False).decode("ascii")
        return json.dumps(found)
    if arrival.way == "fire":
        return json.dumps({"v": VERSION, "kind": "schedule", "scheduled_at": arrival.content, "id": arrival.id})
    return body.decode("utf-8", "backslashreplace")


def message_envelope(arrival: Arrival, listener: Listener) -> Envelope | None:
    """An event of a topic. Its attributes are the message's too, for the subscription's filter."""
    message: dict[str, Any] = arrival.content
    envelope = own_envelope(a_document(decoded(message.get("data"), "the message's data")))
    check_kind(envelope, listener)
    attributes = object_in(message, "attributes")
    wanted = dict(listener.filter)
    if any(envelope.attributes.get(name) != attributes.get(name) for name in wanted):
        raise MalformedEvent(f"the message's attributes are not those of its event: {sorted(wanted)}")
    # Emulators do not filter.
    return envelope if matches(envelope, wanted) else None


def notification_envelope(arrival: Arrival, listener: Listener) -> Envelope | None:
    """A notification of Cloud Storage: https://cloud.google.com/storage/docs/pubsub-notifications#attributes"""
    message: dict[str, Any] = arrival.content
    attributes = object_in(message, "attributes")
    bucket = text_in(attributes, "bucketId", "the notification")
    data: dict[str, Any] = {"name": attributes.get("objectId"), "generation": attributes.get("objectGeneration")}
    if message.get("data"):
        data = {**a_document(decoded(message["data"], "the notification's data")), **data}
    data["bucket"] = bucket
    if attributes.get("overwrittenByGeneration"):
        data["overwritten"] = True
    at = moment(attributes.get("eventTime") or message.get("publishTime"))
    kind = text_in(attributes, "eventType", "the notification")
    return object_envelope(listener, kind, data, arrival.id, at, moment(message.get("publishTime")))


def object_envelope(
    listener: Listener, kind: str, data: dict[str, Any], id: str, at: float | None, sent: float | None = None
) -> Envelope | None:
    """What happened to an object, from what Storage knows of it; None if it is not what the handler asks for."""
    if kind in OTHER_OBJECT_EVENTS:
        return None
    event = OBJECT_EVENTS.get(kind)
    if event is None:
        raise MalformedEvent(f"{kind!r:.80} is nothing that happens to an object")
    key = text_in(data, "name", "the object of the event")
    if not is_unicode(key):
        raise MalformedEvent("the object's name has lone surrogates")
    generation, size = whole(data.get("generation")), whole(data.get("size", "0"))
    if generation is None:
        raise MalformedEvent(f"the object {key!r:.200} has no generation")
    if size is None or (event == "created" and "size" not in data):
        raise MalformedEvent(f"the object {key!r:.200} has no size")
    if at is None:
        raise MalformedEvent("the event does not tell when it happened")
    if event != listener.event or not key.startswith(listener.prefix) or data.get("overwritten"):
        # What was written over is not deleted to whoever reads under its name.
        return None
    body = object_event_body(
        listener.source,
        key,
        "created" if event == "created" else "deleted",
        size=size if event == "created" else 0,
        version=str(generation),
        time=at,
    )
    return Envelope("bucket", id, body, at if sent is None else sent)


def fire_envelope(arrival: Arrival, listener: Listener) -> Envelope | None:
    """A fire time; None for one that the schedule does not have.

    The job of a schedule in a zone whose clocks change fires at more times than that: scheduling.py.
    """
    at = moment(arrival.content)
    if at is None:
        raise MalformedEvent(f"the job tells no time at which it was scheduled ({FIRED}: {arrival.content!r:.80})")
    # A job fires within its minute.
    at -= at % 60
    if listener.zone != "UTC" and next_fire(listener.cron, listener.zone, at - 1) != at:
        return None
    return own_envelope({"v": VERSION, "kind": "schedule", "scheduled_at": at, "id": arrival.id})


def whole(value: object) -> int | None:
    """A number of 64 bits as JSON has them: as a text, or for some senders as a number."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 20 else None
    return value if type(value) is int and 0 <= value < 1 << 63 else None
