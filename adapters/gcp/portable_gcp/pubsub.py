"""The topic driver over Pub/Sub: an event is a message whose data is our envelope, and whose attributes filters see.

https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish
"""

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from portable.drivers import EventMessage
from portable.envelopes import Envelope, encode

from .errors import classify
from .names import Names

if TYPE_CHECKING:
    from .clients import Clients

BATCH = 1000
BATCH_BYTES = 9_000_000
"""Of a request as it is sent; Google counts what is inside the base64: https://cloud.google.com/pubsub/quotas"""


class PubSubTopic:
    """One topic, by its qualified name."""

    def __init__(self, names: Names, clients: "Clients", topic: str) -> None:
        self._clients = clients
        self._path = f"/v1/{names.in_project(f'topics/{names.topic(topic)}')}:publish"
        self.topic = topic

    classify = staticmethod(classify)

    def native(self, type_: type[Any]) -> Any:  # noqa: ARG002 - the Resource checks the type
        """The REST client of Pub/Sub."""
        return self._clients.pubsub

    def publish(self, events: list[EventMessage]) -> None:
        """What was lost on its way is sent again: subscribers may get an event twice in any case."""
        for batch in batches([message_of(event) for event in events]):
            self._clients.pubsub.call("POST", self._path, body={"messages": batch}, is_read=False, repeat=True)


def message_of(event: EventMessage) -> dict[str, Any]:
    """An event as a message: its attributes are in it, and beside it for the filters of subscriptions."""
    envelope = Envelope("topic", event.id, event.data, event.time, event.traceparent, attributes=dict(event.attributes))
    message: dict[str, Any] = {"data": b64encode(encode(envelope).encode()).decode()}
    if event.attributes:
        message["attributes"] = dict(event.attributes)
    return message


def batches(messages: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """At most what one request may have."""
    found: list[list[dict[str, Any]]] = []
    left = 0
    for message in messages:
        size = size_of(message)
        if not found or len(found[-1]) == BATCH or size > left:
            found.append([])
            left = BATCH_BYTES
        found[-1].append(message)
        left -= size
    return found


def size_of(message: dict[str, Any]) -> int:
    attributes: dict[str, str] = message.get("attributes", {})
    return len(message["data"]) + sum(len(name.encode()) + len(value.encode()) for name, value in attributes.items())
