"""Subscriptions of the stand-in for Pub/Sub, and the messages in them: how they are pushed, refused, and gone."""

import base64
import json
from typing import Any, Protocol

from .deliveries import Attempt, Work, backoff
from .discovery import seconds_of
from .identity import Keys
from .pubsub_filters import parsed

DOUBLINGS = 60
"""The back-off of a retry policy doubles without end."""
ACKNOWLEDGED = (102, 200, 201, 202, 204)
"""https://cloud.google.com/pubsub/docs/push#receive_push"""


class Buries(Protocol):
    """What messages need of the service."""

    keys: Keys

    def bury(self, message: "Message", topic: str, now: float) -> bool:
        """Forwards a message to a dead-letter topic; whether that is there."""
        ...


class Subscription:
    """One subscription, and what it has not been acknowledged."""

    def __init__(self, project: str, resource: dict[str, Any]) -> None:
        self.project = project
        self.resource = resource
        self.matches = parsed(resource["filter"]) if resource.get("filter") else None
        self.backlog: dict[str, Message] = {}
        self.is_deleted = False

    def pushes(self) -> bool:
        return bool(self.resource.get("pushConfig", {}).get("pushEndpoint"))

    def wait(self, attempts: int) -> float:
        policy = self.resource.get("retryPolicy")
        if policy is None:
            return 0.0
        least = seconds_of(policy.get("minimumBackoff", "10s"))
        return backoff(attempts, least, seconds_of(policy.get("maximumBackoff", "600s")), DOUBLINGS)


class Snapshot:
    """What one subscription had not been acknowledged at a moment, and all that came to the topic since: (message, when
    it was published)."""

    def __init__(self, resource: dict[str, Any], messages: list[tuple[dict[str, Any], float]]) -> None:
        self.resource = resource
        self.messages = messages


class Message:
    """One message in one subscription; as work it is pushed until it is acknowledged."""

    def __init__(self, pubsub: Buries, subscription: Subscription, message: dict[str, Any], published: float) -> None:
        self._pubsub = pubsub
        self.subscription = subscription
        self.message = message
        self.published = published
        self.attempts = 0
        self.available = published
        self.ack_id = ""

    def is_there(self) -> bool:
        id = self.message["messageId"]
        return not self.subscription.is_deleted and self.subscription.backlog.get(id) is self

    def may_start(self) -> bool:
        return True

    def is_expired(self, now: float) -> bool:
        kept = seconds_of(self.subscription.resource["messageRetentionDuration"])
        return now > self.published + kept

    def start(self, now: float) -> Attempt | None:
        if self.is_expired(now):
            self.drop()
            return None
        if not self.subscription.pushes():
            # It is pulled now: its subscription was changed.
            return None
        self.attempts += 1
        resource = self.subscription.resource
        config = resource["pushConfig"]
        body: dict[str, Any] = {
            # The names with underscores are there too, for older endpoints.
            "message": {
                **self.message,
                "message_id": self.message["messageId"],
                "publish_time": self.message["publishTime"],
            },
            "subscription": resource["name"],
        }
        if "deadLetterPolicy" in resource:
            body["deliveryAttempt"] = self.attempts
        content = json.dumps(body).encode()
        headers = [
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("from", "noreply@google.com"),
            ("user-agent", "CloudPubSub-Google"),
        ]
        if "noWrapper" in config:
            content = base64.b64decode(self.message.get("data", ""))
            headers = [("user-agent", "CloudPubSub-Google")]
            if config["noWrapper"].get("writeMetadata"):
                headers += [
                    ("x-goog-pubsub-subscription-name", resource["name"]),
                    ("x-goog-pubsub-message-id", self.message["messageId"]),
                    ("x-goog-pubsub-publish-time", self.message["publishTime"]),
                    *self.message.get("attributes", {}).items(),
                ]
        identity = config.get("oidcToken")
        if identity:
            url = config["pushEndpoint"]
            token = self._pubsub.keys.token(identity["serviceAccountEmail"], identity.get("audience") or url, now)
            headers.append(("authorization", f"Bearer {token}"))
        deadline = float(resource["ackDeadlineSeconds"])
        return Attempt("pubsub", resource["name"], "POST", config["pushEndpoint"], headers, content, deadline)

    def settle(self, status: int, now: float) -> float | None:
        if status in ACKNOWLEDGED:
            self.drop()
            return None
        return self.refused(now)

    def refused(self, now: float) -> float | None:
        """It was not acknowledged: when it comes again, or None because it has gone to the dead-letter topic."""
        policy = self.subscription.resource.get("deadLetterPolicy", {})
        is_last = bool(policy) and self.attempts >= policy["maxDeliveryAttempts"]
        if is_last and self._pubsub.bury(self, policy["deadLetterTopic"], now):
            self.drop()
            return None
        self.available = now + self.subscription.wait(self.attempts)
        return self.available

    def drop(self) -> None:
        if self.is_there():
            del self.subscription.backlog[self.message["messageId"]]

    def again(self) -> Work:
        anew = Message(self._pubsub, self.subscription, self.message, self.published)
        self.subscription.backlog[self.message["messageId"]] = anew
        return anew
