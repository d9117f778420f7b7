"""What Pub/Sub refuses: names, subscriptions and messages that are none. https://cloud.google.com/pubsub/quotas"""

import base64
import re
from typing import Any

from .discovery import seconds_of
from .front import Call, Refused
from .pubsub_filters import NoFilter, parsed

NAME = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9_.~+%-]{2,254}", re.ASCII)
MOST_ATTRIBUTES = 100


def checked_name(call: Call, kind: str) -> str:
    short = call.names[f"{kind}Id"]
    name = f"projects/{call.project}/{kind}/{short}"
    if not NAME.fullmatch(short):
        raise Refused(
            "INVALID_ARGUMENT", f"Invalid [{kind}] name: (name={name}). See https://cloud.google.com/pubsub/docs"
        )
    if call.body.get("name", name) != name:
        raise Refused("INVALID_ARGUMENT", f"The name of the body, {call.body['name']!r}, is not that of the path.")
    return name


def checked_subscription(given: dict[str, Any]) -> dict[str, Any]:
    found = {
        "ackDeadlineSeconds": 10,
        "messageRetentionDuration": "604800s",
        "expirationPolicy": {"ttl": "2678400s"},
        "pushConfig": {},
        "state": "ACTIVE",
        **given,
    }
    found["ackDeadlineSeconds"] = found["ackDeadlineSeconds"] or 10
    if not 10 <= found["ackDeadlineSeconds"] <= 600:
        raise Refused("INVALID_ARGUMENT", "Invalid ack deadline given: it must be between 10 and 600 seconds.")
    if not 600 <= seconds_of(found["messageRetentionDuration"]) <= 31 * 86_400:
        raise Refused("INVALID_ARGUMENT", "message_retention_duration must be between 10 minutes and 31 days.")
    ttl = found["expirationPolicy"].get("ttl")
    if ttl is not None and seconds_of(ttl) < 86_400:
        raise Refused("INVALID_ARGUMENT", "expiration_policy.ttl must be at least 1 day.")
    if "filter" in found:
        try:
            parsed(found["filter"])
        except NoFilter as error:
            raise Refused("INVALID_ARGUMENT", str(error)) from error
    dead = found.get("deadLetterPolicy")
    if dead is not None:
        dead.setdefault("maxDeliveryAttempts", 5)
        if not 5 <= dead["maxDeliveryAttempts"] <= 100:
            raise Refused("INVALID_ARGUMENT", "max_delivery_attempts must be between 5 and 100.")
    retry = found.get("retryPolicy")
    if retry is not None:
        for name in ("minimumBackoff", "maximumBackoff"):
            if not 0 <= seconds_of(retry.get(name, "0s")) <= 600:
                raise Refused("INVALID_ARGUMENT", f"{name} must be between 0 and 600 seconds.")
    endpoint = found["pushConfig"].get("pushEndpoint", "")
    if endpoint and not endpoint.startswith(("https://", "http://")):
        raise Refused("INVALID_ARGUMENT", f"Invalid push endpoint given (endpoint={endpoint}).")
    return found


def size_of(message: dict[str, Any]) -> int:
    attributes = message.get("attributes", {})
    return len(base64.b64decode(message.get("data", ""))) + sum(
        len(name.encode()) + len(value.encode()) for name, value in attributes.items()
    )


def check_message(message: dict[str, Any]) -> None:
    attributes = message.get("attributes", {})
    if not message.get("data") and not attributes:
        raise Refused("INVALID_ARGUMENT", "One or more messages in the publish request is empty.")
    if len(attributes) > MOST_ATTRIBUTES:
        raise Refused("INVALID_ARGUMENT", f"A message has at most {MOST_ATTRIBUTES} attributes.")
    for name, value in attributes.items():
        if not name or len(name.encode()) > 256 or len(value.encode()) > 1024 or name.startswith("goog"):
            raise Refused("INVALID_ARGUMENT", f"The attribute {name!r:.80} is invalid.")
