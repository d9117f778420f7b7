"""The background handlers of an app as a provider's events meet them, and how an event becomes one of their deliveries.

The same for all providers: an adapter finds out which of its queues, topics and buckets an event is of, and asks here
for the rest.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from .envelopes import Envelope, NoEnvelope, decode
from .invocation import Invocation, InvocationKind
from .shapes import MalformedEvent, is_unicode
from .specs import BucketEvent, Delivery, RetryPolicy, Route, Schedule, TableChange

if TYPE_CHECKING:
    from .app import App


class Listener(NamedTuple):
    """A background handler, and what starts it: `source` is the qualified name of a task, topic, bucket or table."""

    name: str
    kind: InvocationKind
    source: str
    retry: RetryPolicy
    timeout: int
    event: str = ""
    prefix: str = ""
    filter: tuple[tuple[str, str], ...] = ()
    overlap: str = "allow"
    cron: str = ""
    zone: str = ""
    """When a schedule is to fire."""


def listeners_of(app: "App") -> list[Listener]:
    """The background handlers of an app."""
    found: list[Listener] = []
    for part in app.parts():
        for own_name, handler in part.handlers.items():
            name, trigger, timeout = part.qualify(own_name), handler.spec.trigger, handler.spec.timeout
            if isinstance(trigger, Delivery):
                kind: InvocationKind = trigger.kind
                one = Listener(name, kind, trigger.source, trigger.retry, timeout, filter=trigger.filter)
            elif isinstance(trigger, Schedule):
                cron, zone, overlap = trigger.cron, trigger.zone, trigger.overlap
                one = Listener(name, "schedule", name, trigger.retry, timeout, overlap=overlap, cron=cron, zone=zone)
            elif isinstance(trigger, BucketEvent):
                event, prefix = trigger.event, trigger.prefix
                one = Listener(name, "bucket", trigger.bucket, trigger.retry, timeout, event=event, prefix=prefix)
            elif isinstance(trigger, TableChange):
                one = Listener(name, "table", trigger.table, trigger.retry, timeout)
            else:
                assert isinstance(trigger, Route)
                continue
            found.append(one)
    return found


def own_envelope(document: Any) -> Envelope:
    """The envelope that a parsed message is. Raises MalformedEvent, also for half characters, which no store takes."""
    try:
        found = decode(document)
    except NoEnvelope as error:
        raise MalformedEvent(f"the message is no envelope of ours: {error}") from None
    texts = (found.id, found.body, found.traceparent, *found.attributes, *found.attributes.values())
    if not all(map(is_unicode, texts)):
        raise MalformedEvent("the message has lone surrogates")
    return found


def check_kind(envelope: Envelope, listener: Listener) -> None:
    """Raises MalformedEvent for a delivery that is not of the kind that the handler takes."""
    if envelope.kind != listener.kind:
        raise MalformedEvent(f"{listener.name} takes what a {listener.kind} starts, and this is a {envelope.kind}")


def matches(envelope: Envelope, wanted: Mapping[str, str]) -> bool:
    """Whether an event has the attributes that a subscriber asks for."""
    return all(envelope.attributes.get(name) == value for name, value in wanted.items())


def invocation_of(envelope: Envelope, handler: str, *, attempt: int, deadline: float) -> Invocation:
    """One attempt at a delivery."""
    return Invocation(
        id=envelope.id,
        kind=envelope.kind,
        handler=handler,
        body=envelope.body,
        attempt=attempt,
        enqueued_at=envelope.enqueued_at,
        deadline=deadline,
        traceparent=envelope.traceparent,
        attributes=dict(envelope.attributes),
        scheduled_at=envelope.scheduled_at,
    )
