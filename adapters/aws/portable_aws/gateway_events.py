"""What happened in AWS, as the events of SQS, S3, SNS, EventBridge and DynamoDB tell it -> Invocations.

Pure: an event's record and what the app declares in, values out. Strict about what a handler is given, lenient about
the rest: emulators and older versions leave out or add what nobody needs. Whatever cannot be understood raises
MalformedEvent, so that whoever called can keep it; nothing is passed over because it is odd.

A record first becomes Envelopes (portable/envelopes.py), the form in which it also travels on when an attempt failed.
"""

import json
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any, cast

from portable.bucket_records import object_event_body
from portable.changes import change_body
from portable.envelopes import Envelope, moment, number
from portable.listeners import Listener, check_kind, matches, own_envelope
from portable.shapes import MalformedEvent, a_document, is_unicode, object_in, text_in

from .layout import filtered_by_sns
from .names import Names
from .traces import traceparent_of, traceparent_of_mark

SQS, S3, SNS, DYNAMODB = "aws:sqs", "aws:s3", "aws:sns", "aws:dynamodb"
SCHEDULED = "Scheduled Event"
SCHEDULERS = ("aws.events", "aws.scheduler")
S3_TEST = "s3:TestEvent"
CREATED, REMOVED, EXPIRED = "ObjectCreated:", "ObjectRemoved:", "LifecycleExpiration:"
EXPIRY_SERVICE = "dynamodb.amazonaws.com"
"""Who deletes items whose time is over: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html"""
DEEPEST_ATTRIBUTE = 40
"""DynamoDB nests 32 deep."""


class Wiring:
    """Which handlers a physical name belongs to; made once, from what the app declares."""

    def __init__(self, listeners: list[Listener], names: Names) -> None:
        self.names = names
        self.listeners = {listener.name: listener for listener in listeners}
        self.queues = {names.queue(listener.name): listener for listener in listeners}
        self.schedules = {names.schedule(one.name): one for one in listeners if one.kind == "schedule"}
        self.tables: dict[str, list[Listener]] = {}
        self.buckets: dict[str, list[Listener]] = {}
        self.topics: dict[str, list[Listener]] = {}
        for listener in listeners:
            if listener.kind == "table":
                self.tables.setdefault(names.table(listener.source), []).append(listener)
            elif listener.kind == "bucket":
                self.buckets.setdefault(names.bucket(listener.source), []).append(listener)
            elif listener.kind == "topic":
                self.topics.setdefault(names.topic(listener.source), []).append(listener)

    def of_function(self, listeners: list[Listener], function: str) -> list[Listener]:
        """Those that the function of this name is for: its own handler's, or all where it has those of a whole app."""
        return [one for one in listeners if self.names.function(one.name) == function] or listeners


# SQS


def queue_of(record: Any) -> str:
    """The name of the queue from which a record came. Raises MalformedEvent."""
    arn = text_in(a_record(record), "eventSourceARN", "the record")
    parts = arn.split(":")
    if len(parts) != 6 or parts[2] != "sqs":
        raise MalformedEvent(f"eventSourceARN {arn!r:.200} is not a queue's")
    return parts[5]


def receive_count(record: Mapping[str, Any]) -> int:
    """How often a message has been received, this time too; 1 where it is not said."""
    text = object_in(record, "attributes").get("ApproximateReceiveCount")
    if isinstance(text, str) and text.isascii() and text.isdecimal():
        return max(1, int(text[:9]))
    return max(1, text) if type(text) is int else 1


def sent_at(record: Mapping[str, Any]) -> float | None:
    """When a message was put into its queue, if it is said."""
    text = object_in(record, "attributes").get("SentTimestamp")
    return number(int(text[:15]) / 1000) if isinstance(text, str) and text.isascii() and text.isdecimal() else None


def message_envelopes(record: Mapping[str, Any], listener: Listener, names: Names) -> list[Envelope]:
    """What a message of a handler's queue stands for: one delivery as a rule, none if it is not for this handler.

    That is S3's own test, and what SNS or S3 could not filter as finely as it is declared. Raises MalformedEvent for
    what is not understood.
    """
    body = record.get("body")
    if not isinstance(body, str):
        raise MalformedEvent("the message has no body" if body is None else "the message's body is no text")
    found = document_envelopes(a_document(body), record, listener, names)
    wanted = dict(listener.filter)
    for envelope in found:
        check_kind(envelope, listener)
        if not matches(envelope, filtered_by_sns(wanted)):
            raise MalformedEvent(f"the event's attributes are not those that {listener.name} subscribes to")
    trace = traceparent_of(object_in(record, "attributes").get("AWSTraceHeader"))
    return [
        one if one.traceparent or not trace else one._replace(traceparent=trace)
        for one in found
        if matches(one, wanted)
    ]


def document_envelopes(
    document: dict[str, Any], record: Mapping[str, Any], listener: Listener, names: Names
) -> list[Envelope]:
    """The envelopes of a message's text, or of the text that SNS has put into another one."""
    if "v" in document or "kind" in document:
        envelope = own_envelope(document)
        if "id" not in document:
            # From a schedule. The message is the delivery, and the fire time may have two of them.
            envelope = envelope._replace(id=text_in(cast("dict[str, Any]", record), "messageId", "the message"))
        return [envelope]
    if document.get("Event") == S3_TEST:
        return []
    if "Records" in document:
        id = text_in(cast("dict[str, Any]", record), "messageId", "the message")
        sent = sent_at(record)
        found = notification_envelopes(document, listener, names, id)
        return found if sent is None else [one._replace(enqueued_at=sent) for one in found]
    if document.get("Type") == "Notification" and "Message" in document:
        inner = a_document(text_in(document, "Message", "the notification"))
        if inner.get("Type") == "Notification":
            raise MalformedEvent("the notification has another one in it")
        return document_envelopes(inner, record, listener, names)
    if "detail-type" in document:
        return [scheduled_envelope(document)]
    raise MalformedEvent("the message is neither one of ours nor a notification of S3 or SNS")


def a_record(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise MalformedEvent("the record is no JSON object")
    return cast("dict[str, Any]", value)


def records_of(event: object) -> list[Any]:
    """The records of an event of SQS, S3, SNS or DynamoDB. Raises MalformedEvent."""
    found = cast("dict[str, Any]", event).get("Records") if isinstance(event, dict) else None
    if not isinstance(found, list) or not found:
        raise MalformedEvent("the event has no list of Records")
    return cast("list[object]", found)


# S3


def notification_envelopes(document: Any, listener: Listener, names: Names, id: str) -> list[Envelope]:
    """A notification of S3 that came through the queue of `listener`."""
    records = records_of(document)
    found: list[Envelope] = []
    for position, record in enumerate(records):
        bucket, event, key, envelope = object_envelope(record, id if len(records) == 1 else f"{id}.{position}")
        if listener.kind != "bucket" or bucket != names.bucket(listener.source):
            raise MalformedEvent(f"{listener.name} has nothing to do with bucket {bucket!r:.80}")
        if event == listener.event and key.startswith(listener.prefix):
            found.append(named(envelope, listener.source))
    return found


def object_envelope(record: Any, id: str) -> tuple[str, str, str, Envelope]:
    """(physical bucket, "created" or "deleted", key, envelope whose body lacks the bucket's name)."""
    given = a_record(record)
    what = text_in(given, "eventName", "the record of S3").removeprefix("s3:")
    event = "created" if what.startswith(CREATED) else "deleted" if what.startswith((REMOVED, EXPIRED)) else ""
    if not event:
        raise MalformedEvent(f"eventName {what!r:.80} is neither a creation nor a deletion")
    s3 = object_in(given, "s3")
    bucket = text_in(object_in(s3, "bucket"), "name", "the bucket of the record")
    about = object_in(s3, "object")
    key = decoded_key(text_in(about, "key", "the object of the record"))
    at = moment(given.get("eventTime"))
    if at is None:
        raise MalformedEvent("the record of S3 has no eventTime")
    size, version, tag = about.get("size"), about.get("versionId"), about.get("eTag")
    if event == "created" and (type(size) is not int or size < 0):
        raise MalformedEvent("the object of the record has no size")
    chosen = version if isinstance(version, str) and version else tag
    if event == "created" and not (isinstance(chosen, str) and chosen):
        raise MalformedEvent("the object of the record has neither a versionId nor an eTag")
    fields = {
        "key": key,
        "size": size if event == "created" else 0,
        "version": chosen.strip('"') if isinstance(chosen, str) else "",
        "event": event,
        "time": at,
    }
    return bucket, event, key, Envelope("bucket", id, json.dumps(fields), at)


def named(envelope: Envelope, bucket: str) -> Envelope:
    """The envelope with the bucket's own name in its body."""
    fields = json.loads(envelope.body)
    body = object_event_body(
        bucket,
        fields["key"],
        fields["event"],
        size=fields["size"],
        version=fields["version"],
        time=fields["time"],
    )
    return envelope._replace(body=body)


def decoded_key(key: str) -> str:
    """A key as S3 writes it into events, form-encoded (LocalStack writes %20 for a space, which is read alike)."""
    from urllib.parse import unquote_to_bytes

    try:
        return unquote_to_bytes(key.replace("+", " ")).decode()
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise MalformedEvent(f"the key {key!r:.200} is not UTF-8") from None


# Schedules


def scheduled_envelope(document: dict[str, Any]) -> Envelope:
    """A "Scheduled Event" of a rule of EventBridge, or of EventBridge Scheduler."""
    if document.get("detail-type") != SCHEDULED or document.get("source") not in SCHEDULERS:
        source, kind = document.get("source"), document.get("detail-type")
        raise MalformedEvent(f"an event {kind!r:.80} of {source!r:.80} is no fire time of a schedule")
    at = moment(document.get("time"))
    if at is None:
        raise MalformedEvent("the scheduled event has no time")
    # A rule fires within its minute, and the time that it tells is that of the minute.
    at -= at % 60
    own = own_envelope({"v": 1, "kind": "schedule", "scheduled_at": at})
    id = document.get("id")
    return own._replace(id=id) if isinstance(id, str) and id and is_unicode(id) else own


def scheduled_listener(document: dict[str, Any], wiring: Wiring, function: str) -> Listener:
    """The handler of a scheduled event that came straight to a function."""
    resources = document.get("resources")
    for resource in cast("list[object]", resources) if isinstance(resources, list) else []:
        if isinstance(resource, str):
            listener = wiring.schedules.get(resource.rpartition("/")[2])
            if listener is not None:
                return listener
    mine = wiring.of_function(list(wiring.schedules.values()), function)
    if len(mine) != 1:
        raise MalformedEvent("the scheduled event names no schedule of this app")
    return mine[0]


# Straight to the function


def direct_deliveries(event: dict[str, Any], wiring: Wiring, function: str) -> list[tuple[Listener, Envelope]]:
    """What an event of S3, SNS, EventBridge or Scheduler that came without a queue starts. Raises MalformedEvent."""
    if "detail-type" in event:
        listener = scheduled_listener(event, wiring, function)
        return [(listener, scheduled_envelope(event))]
    if "v" in event and "kind" in event:
        envelope = own_envelope(event)
        name = event.get("handler")
        known = [one for one in wiring.listeners.values() if one.kind == envelope.kind]
        mine = [one for one in known if one.name == name] if name is not None else wiring.of_function(known, function)
        if len(mine) != 1:
            raise MalformedEvent(f"there is no {envelope.kind} handler {name!r:.80}; say which: handler")
        return [(mine[0], envelope)]
    if event.get("Event") == S3_TEST:
        return []
    found: list[tuple[Listener, Envelope]] = []
    for record in records_of(event):
        given = a_record(record)
        source = given.get("eventSource", given.get("EventSource"))
        if source == S3:
            found.extend(direct_object(given, wiring))
        elif source == SNS:
            found.extend(direct_notification(given, wiring))
        else:
            raise MalformedEvent(f"a record of {source!r:.80} is none that starts a handler")
    return found


def direct_object(record: dict[str, Any], wiring: Wiring) -> list[tuple[Listener, Envelope]]:
    about = object_in(object_in(record, "s3"), "object")
    id = about.get("sequencer")
    answer = object_in(record, "responseElements").get("x-amz-request-id")
    chosen = "-".join(part for part in (answer, id) if isinstance(part, str) and part)
    if not chosen:
        raise MalformedEvent("the record of S3 has nothing that tells it from others: sequencer, x-amz-request-id")
    bucket, event, key, envelope = object_envelope(record, chosen)
    listeners = [one for one in wiring.buckets.get(bucket, ()) if one.event == event and key.startswith(one.prefix)]
    if not listeners:
        raise MalformedEvent(f"no handler is for objects {event} in bucket {bucket!r:.80}")
    return [(one, named(envelope, one.source)) for one in listeners]


def direct_notification(record: dict[str, Any], wiring: Wiring) -> list[tuple[Listener, Envelope]]:
    notification = object_in(record, "Sns")
    topic = text_in(notification, "TopicArn", "the notification").rpartition(":")[2]
    envelope = own_envelope(a_document(text_in(notification, "Message", "the notification")))
    if topic not in wiring.topics:
        raise MalformedEvent(f"no handler subscribes to topic {topic!r:.80}")
    for one in wiring.topics[topic]:
        check_kind(envelope, one)
    return [(one, envelope) for one in wiring.topics[topic] if matches(envelope, dict(one.filter))]


# DynamoDB streams


def table_of(record: Any) -> str:
    """The physical name of the table whose stream a record is of. Raises MalformedEvent."""
    arn = text_in(a_record(record), "eventSourceARN", "the record")
    _, found, rest = arn.partition(":table/")
    name, stream, _ = rest.partition("/stream/")
    if not found or not stream or not name:
        raise MalformedEvent(f"eventSourceARN {arn!r:.200} is not a table's stream")
    return name


def change_envelope(record: Any, table: str) -> Envelope | None:
    """A change of the app's `table`; None for what is none to it: an item whose time was over is erased."""
    from .dynamodb_items import TRACE, deleted_version, image, version_of

    given = a_record(record)
    what, id = text_in(given, "eventName", "the change"), text_in(given, "eventID", "the change")
    if what not in ("INSERT", "MODIFY", "REMOVE"):
        raise MalformedEvent(f"eventName {what!r:.80} is no change")
    change = object_in(given, "dynamodb")
    keys = attributes_in(change, "Keys")
    pk, sk = (object_in(keys, name).get("S") for name in ("pk", "sk"))
    if not isinstance(pk, str) or not isinstance(sk, str):
        raise MalformedEvent("the change has no keys pk and sk")
    if what == "REMOVE" and object_in(given, "userIdentity").get("principalId") == EXPIRY_SERVICE:
        return None
    at = number(change.get("ApproximateCreationDateTime"))
    if at is None:
        raise MalformedEvent("the change has no ApproximateCreationDateTime")
    encoded: str | None = None
    traceparent = ""
    try:
        if what == "REMOVE":
            version = deleted_version(version_of(attributes_in(change, "OldImage")))
        else:
            written = attributes_in(change, "NewImage")
            encoded, version = image(written)
            traceparent = traceparent_of_mark(written.get(TRACE, {}).get("S"), version)
        body = change_body(table, pk, sk, encoded, version, at)
        body.encode()
    except MalformedEvent:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise MalformedEvent(f"the item of the change is none of portable's: {error!r:.200}") from None
    return Envelope("table", id, body, at, traceparent)


def attributes_in(change: dict[str, Any], name: str) -> dict[str, Any]:
    found = change.get(name)
    if not isinstance(found, dict) or not found:
        raise MalformedEvent(f"the change has no {name}")
    return {key: attribute(value, 0) for key, value in cast("dict[str, Any]", found).items()}


def attribute(value: Any, depth: int) -> dict[str, Any]:
    """One attribute as boto3 has it, from its JSON: only bytes differ. Raises MalformedEvent for what is none."""
    if value == {} and depth:
        # So the streams of DynamoDB Local have an empty map.
        return {"M": {}}
    if not isinstance(value, dict) or len(cast("dict[str, Any]", value)) != 1 or depth > DEEPEST_ATTRIBUTE:
        raise MalformedEvent(f"{value!r:.80} is no attribute of DynamoDB")
    [(kind, content)] = cast("dict[str, Any]", value).items()
    found: Any = None
    if kind == "S" or kind == "N":
        found = content if isinstance(content, str) and is_unicode(content) else None
    elif kind == "M":
        if isinstance(content, dict):
            fields = cast("dict[str, Any]", content)
            found = {name: attribute(inner, depth + 1) for name, inner in fields.items() if checked_name(name)}
    elif kind == "L":
        if isinstance(content, list):
            found = [attribute(inner, depth + 1) for inner in cast("list[object]", content)]
    elif kind == "BOOL" or kind == "NULL":
        found = content if isinstance(content, bool) else None
    elif kind == "B":
        found = as_bytes(content)
    elif kind in ("SS", "NS", "BS") and isinstance(content, list):
        # No document has a set, and a projection of ours only this one, of texts.
        found = cast("list[object]", content)
    if found is None:
        raise MalformedEvent(f"{value!r:.80} is no attribute of DynamoDB")
    return {kind: found}


def checked_name(name: str) -> bool:
    if not is_unicode(name):
        raise MalformedEvent(f"{name!r:.80} is no name of a field")
    return True


def as_bytes(content: Any) -> bytes | None:
    try:
        return a2b_base64(content, strict_mode=True) if isinstance(content, str) else None
    except ValueError:
        return None
