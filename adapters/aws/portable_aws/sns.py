"""The topic driver over SNS: events are published by ten, and what SNS left out of a batch is sent again."""

import time
from typing import TYPE_CHECKING, Any

from portable.drivers import EventMessage
from portable.envelopes import Envelope, encode
from portable.errors import LimitExceeded, PortableError, Throttled, Unavailable

from .errors import THROTTLED, classify
from .layout import attribute_name
from .names import Names

if TYPE_CHECKING:
    from .clients import Clients

BATCH = 10
"""https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html"""
BATCH_BYTES = 262_144
"""Of all messages of a request together, names, types and values of attributes included."""
TRIES = 6
STRING = "String"


class SnsTopic:
    """One topic, by its qualified name."""

    def __init__(self, names: Names, clients: "Clients", topic: str) -> None:
        self._names = names
        self._clients = clients
        self.topic = topic

    classify = staticmethod(classify)

    def native(self, type_: type[Any]) -> Any:  # noqa: ARG002 - the Resource checks the type
        """botocore's client."""
        return self._clients.sns

    @property
    def arn(self) -> str:
        partition: str = self._clients.sns.meta.partition
        return self._names.arn("sns", self._names.topic(self.topic), partition=partition)

    def publish(self, events: list[EventMessage]) -> None:
        entries = [entry_of(event) for event in events]
        for size, event in zip(map(size_of, entries), events, strict=True):
            if size > BATCH_BYTES:
                raise LimitExceeded(
                    f"event {event.id} has {size:,} bytes when it is packed, and SNS takes {BATCH_BYTES:,}",
                    limit="event_body_bytes",
                    provider="aws",
                    hint="quotes and backslashes count twice; put the data into a bucket and publish its key",
                )
        for batch in batches(entries):
            self._publish(batch)

    def _publish(self, batch: list[dict[str, Any]]) -> None:
        for attempt in range(TRIES):
            numbered = [{**entry, "Id": str(number)} for number, entry in enumerate(batch)]
            answer = self._clients.sns.publish_batch(TopicArn=self.arn, PublishBatchRequestEntries=numbered)
            failed: list[dict[str, Any]] = answer.get("Failed") or []
            if not failed:
                return
            refused = [entry for entry in failed if entry.get("SenderFault") and entry.get("Code") not in THROTTLED]
            if refused:
                raise refusal(refused[0])
            batch = [batch[int(entry["Id"])] for entry in failed]
            if attempt + 1 == TRIES:
                raise unpublished(failed)
            pause(attempt)


def entry_of(event: EventMessage) -> dict[str, Any]:
    """An event as a message: its attributes are in it, and beside it for the filters of subscriptions."""
    envelope = Envelope("topic", event.id, event.data, event.time, event.traceparent, attributes=dict(event.attributes))
    entry: dict[str, Any] = {"Message": encode(envelope)}
    if event.attributes:
        entry["MessageAttributes"] = {
            attribute_name(name): {"DataType": STRING, "StringValue": value} for name, value in event.attributes.items()
        }
    return entry


def size_of(entry: dict[str, Any]) -> int:
    """What SNS counts."""
    attributes: dict[str, dict[str, str]] = entry.get("MessageAttributes", {})
    return len(entry["Message"]) + sum(
        len(name) + len(STRING) + len(value["StringValue"].encode()) for name, value in attributes.items()
    )


def batches(entries: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """At most ten, and at most what one request may have."""
    found: list[list[dict[str, Any]]] = []
    left = 0
    for entry in entries:
        size = size_of(entry)
        if not found or len(found[-1]) == BATCH or size > left:
            found.append([])
            left = BATCH_BYTES
        found[-1].append(entry)
        left -= size
    return found


def refusal(failed: dict[str, Any]) -> Exception:
    """SNS refused an event itself."""
    import botocore.exceptions

    error = {"Code": failed.get("Code", ""), "Message": failed.get("Message", "")}
    exceptions: Any = botocore.exceptions
    found: Exception = exceptions.ClientError({"Error": error}, "PublishBatch")
    return found


def unpublished(failed: list[dict[str, Any]]) -> PortableError:
    codes = sorted({str(entry.get("Code")) for entry in failed})
    kind = Throttled if any(code in THROTTLED for code in codes) else Unavailable
    return kind(f"SNS did not take {len(failed)} of the events: {', '.join(codes)}")


def pause(attempt: int) -> None:
    from random import random

    time.sleep(min(2.0, 0.05 * 2.0**attempt) * (0.5 + random() / 2))  # noqa: S311 - jitter
