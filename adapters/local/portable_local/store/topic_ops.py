"""Publishing: one delivery for each subscriber whose filter the event meets."""

import json
from typing import Any

from .outbox import deliver
from .session import Session


def publish(session: Session, arguments: dict[str, Any]) -> None:
    subscribers = session.wiring.get("topics", {}).get(arguments["topic"], ())
    for event in arguments["events"]:
        attributes = event["attributes"]
        handlers = [
            subscriber["handler"]
            for subscriber in subscribers
            if all(attributes.get(name) == value for name, value in subscriber["filter"].items())
        ]
        deliver(
            session,
            handlers,
            "topic",
            event["data"],
            event["traceparent"],
            now=event["time"],
            id=event["id"],
            attributes=json.dumps(attributes) if attributes else None,
        )
