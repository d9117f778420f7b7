"""Stand-in, ours: Pub/Sub, from Google's documentation: topics, pushed and pulled subscriptions, filters, dead letters,
snapshots.

What is kept to: a message is in every subscription that was there when it was published and whose filter it matches;
it comes until it is acknowledged, with the back-off of the retry policy; after the attempts of a dead-letter policy it
goes to that topic; what is older than the retention is gone. https://cloud.google.com/pubsub/docs/reference/rest
"""

import itertools
import uuid
from typing import Any

from .deliveries import Deliveries
from .front import Answers, Call, Refused, not_found, page_of, updated
from .identity import Keys
from .policies import Policies
from .pubsub_checks import check_message, checked_name, checked_subscription, size_of
from .pubsub_messages import Message, Snapshot, Subscription
from .times import timestamp

MOST_MESSAGES = 1000
MOST_BYTES = 10_000_000
DELETED = "_deleted-topic_"
PULLED_MOST = 1000
SNAPSHOT_KEPT, SNAPSHOT_LEAST = 7 * 86400, 3600


class PubSub:
    """All topics and subscriptions of all projects."""

    def __init__(self, deliveries: Deliveries, keys: Keys) -> None:
        self._deliveries = deliveries
        self.keys = keys
        self._topics: dict[str, dict[str, Any]] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._snapshots: dict[str, Snapshot] = {}
        self._topic_policies = Policies()
        self._subscription_policies = Policies()
        self._numbers = itertools.count(10**15)

    def forget(self, project: str) -> None:
        prefix = f"projects/{project}/"
        self._topics = {name: topic for name, topic in self._topics.items() if not name.startswith(prefix)}
        for name in [name for name in self._subscriptions if name.startswith(prefix)]:
            self._subscriptions.pop(name).is_deleted = True
        self._snapshots = {name: one for name, one in self._snapshots.items() if not name.startswith(prefix)}
        self._topic_policies.forget(prefix)
        self._subscription_policies.forget(prefix)

    def answers(self) -> Answers:
        topics, subscriptions = "pubsub.projects.topics", "pubsub.projects.subscriptions"
        snapshots = "pubsub.projects.snapshots"
        return {
            f"{topics}.create": self.create_topic,
            f"{topics}.get": self._topic,
            f"{topics}.list": self.list_topics,
            f"{topics}.patch": self.patch_topic,
            f"{topics}.delete": self.delete_topic,
            f"{topics}.publish": self.publish,
            f"{topics}.subscriptions.list": self.list_of_topic,
            f"{subscriptions}.create": self.create_subscription,
            f"{subscriptions}.get": lambda call: self._subscription(call).resource,
            f"{subscriptions}.list": self.list_subscriptions,
            f"{subscriptions}.patch": self.patch_subscription,
            f"{subscriptions}.delete": self.delete_subscription,
            f"{subscriptions}.modifyPushConfig": self.modify_push_config,
            f"{subscriptions}.pull": self.pull,
            f"{subscriptions}.acknowledge": self.acknowledge,
            f"{subscriptions}.modifyAckDeadline": self.modify_ack_deadline,
            f"{subscriptions}.seek": self.seek,
            f"{snapshots}.create": self.create_snapshot,
            f"{snapshots}.get": lambda call: self._snapshot(call).resource,
            f"{snapshots}.list": self.list_snapshots,
            f"{snapshots}.delete": self.delete_snapshot,
            **self._topic_policies.answers(topics, lambda call: str(self._topic(call)["name"])),
            **self._subscription_policies.answers(
                subscriptions, lambda call: str(self._subscription(call).resource["name"])
            ),
        }

    # Topics

    def _topic(self, call: Call) -> dict[str, Any]:
        name = f"projects/{call.project}/topics/{call.names['topicsId']}"
        found = self._topics.get(name)
        if found is None:
            raise not_found(f"{call.names['topicsId']} (resource={call.names['topicsId']}).")
        return found

    def create_topic(self, call: Call) -> dict[str, Any]:
        name = checked_name(call, "topics")
        if name in self._topics:
            raise Refused("ALREADY_EXISTS", f"Resource already exists in the project (resource={name}).")
        self._topics[name] = {**call.body, "name": name, "state": "ACTIVE"}
        return self._topics[name]

    def list_topics(self, call: Call) -> dict[str, Any]:
        prefix = f"projects/{call.project}/topics/"
        return page_of(
            [self._topics[name] for name in sorted(self._topics) if name.startswith(prefix)], call.query, "topics"
        )

    def patch_topic(self, call: Call) -> dict[str, Any]:
        known = self._topic(call)
        self._topics[known["name"]] = updated(known, call.body.get("topic", {}), call.body.get("updateMask", ""))
        return self._topics[known["name"]]

    def delete_topic(self, call: Call) -> dict[str, Any]:
        name = self._topic(call)["name"]
        del self._topics[name]
        for subscription in self._subscriptions.values():
            if subscription.resource["topic"] == name:
                subscription.resource["topic"] = DELETED
        return {}

    def list_of_topic(self, call: Call) -> dict[str, Any]:
        name = self._topic(call)["name"]
        found = sorted(key for key, one in self._subscriptions.items() if one.resource["topic"] == name)
        return page_of(found, call.query, "subscriptions")

    def publish(self, call: Call) -> dict[str, Any]:
        topic = self._topic(call)["name"]
        messages = call.body.get("messages", [])
        if not messages or len(messages) > MOST_MESSAGES:
            raise Refused("INVALID_ARGUMENT", f"The value for message_count must be in [1, {MOST_MESSAGES}].")
        if sum(size_of(message) for message in messages) > MOST_BYTES:
            raise Refused("INVALID_ARGUMENT", f"The request exceeds the maximum allowed size of {MOST_BYTES} bytes.")
        for message in messages:
            check_message(message)
        return {"messageIds": [self.send(call.project, topic, message) for message in messages]}

    def send(self, project: str, topic: str, message: dict[str, Any]) -> str:
        """Puts a message into the subscriptions of a topic. Google's own agents come this way too."""
        if topic not in self._topics:
            raise not_found(f"{topic} (resource={topic.rpartition('/')[2]}).")
        now = self._deliveries.clocks.now(project)
        id = str(next(self._numbers))
        sent = {**message, "messageId": id, "publishTime": timestamp(now)}
        for subscription in list(self._subscriptions.values()):
            if subscription.resource["topic"] != topic:
                continue
            if subscription.matches is not None and not subscription.matches(message.get("attributes", {})):
                continue
            self._put(subscription, sent, now, now)
        for snapshot in self._snapshots.values():
            if snapshot.resource["topic"] == topic:
                snapshot.messages.append((sent, now))
        return id

    def _put(self, subscription: Subscription, sent: dict[str, Any], published: float, now: float) -> None:
        work = Message(self, subscription, sent, published)
        subscription.backlog[sent["messageId"]] = work
        if subscription.pushes():
            self._deliveries.add(subscription.project, now, work)

    def bury(self, message: Message, topic: str, now: float) -> bool:
        """Forwards a message to a dead-letter topic; whether that is there.

        https://cloud.google.com/pubsub/docs/handling-failures#dead_letter_topic
        """
        if topic not in self._topics:
            return False
        resource = message.subscription.resource
        attributes = {
            **message.message.get("attributes", {}),
            "CloudPubSubDeadLetterSourceDeliveryCount": str(message.attempts),
            "CloudPubSubDeadLetterSourceSubscription": resource["name"].rpartition("/")[2],
            "CloudPubSubDeadLetterSourceSubscriptionProject": message.subscription.project,
            "CloudPubSubDeadLetterSourceTopicPublishTime": message.message["publishTime"],
        }
        sent = {"attributes": attributes}
        if "data" in message.message:
            sent["data"] = message.message["data"]
        self.send(topic.split("/")[1], topic, sent)
        return True

    # Subscriptions

    def _subscription(self, call: Call) -> Subscription:
        name = f"projects/{call.project}/subscriptions/{call.names['subscriptionsId']}"
        found = self._subscriptions.get(name)
        if found is None:
            raise not_found(f"{call.names['subscriptionsId']} (resource={call.names['subscriptionsId']}).")
        return found

    def create_subscription(self, call: Call) -> dict[str, Any]:
        name = checked_name(call, "subscriptions")
        if name in self._subscriptions:
            raise Refused("ALREADY_EXISTS", f"Resource already exists in the project (resource={name}).")
        topic = call.body.get("topic")
        if topic not in self._topics:
            raise not_found(f"{topic} (resource={str(topic).rpartition('/')[2]}).")
        resource = checked_subscription({**call.body, "name": name})
        self._subscriptions[name] = Subscription(call.project, resource)
        return resource

    def list_subscriptions(self, call: Call) -> dict[str, Any]:
        prefix = f"projects/{call.project}/subscriptions/"
        found = [one.resource for name, one in sorted(self._subscriptions.items()) if name.startswith(prefix)]
        return page_of(found, call.query, "subscriptions")

    def patch_subscription(self, call: Call) -> dict[str, Any]:
        known = self._subscription(call)
        mask = call.body.get("updateMask", "")
        if {"filter", "topic", "enableMessageOrdering", "enable_message_ordering"} & set(mask.split(",")):
            raise Refused("INVALID_ARGUMENT", f"The fields {mask} of a subscription cannot be changed.")
        self._change(known, checked_subscription(updated(known.resource, call.body.get("subscription", {}), mask)))
        return known.resource

    def modify_push_config(self, call: Call) -> dict[str, Any]:
        known = self._subscription(call)
        self._change(known, checked_subscription({**known.resource, "pushConfig": call.body.get("pushConfig", {})}))
        return {}

    def _change(self, known: Subscription, resource: dict[str, Any]) -> None:
        pushed = known.pushes()
        known.resource = resource
        if known.pushes() and not pushed:
            now = self._deliveries.clocks.now(known.project)
            for message in known.backlog.values():
                self._deliveries.add(known.project, max(now, message.available), message)

    def delete_subscription(self, call: Call) -> dict[str, Any]:
        known = self._subscription(call)
        known.is_deleted = True
        del self._subscriptions[known.resource["name"]]
        return {}

    # Snapshots

    def _snapshot(self, call: Call) -> Snapshot:
        found = self._snapshots.get(f"projects/{call.project}/snapshots/{call.names['snapshotsId']}")
        if found is None:
            raise not_found(f"{call.names['snapshotsId']} (resource={call.names['snapshotsId']}).")
        return found

    def create_snapshot(self, call: Call) -> dict[str, Any]:
        """https://cloud.google.com/pubsub/docs/replay-overview#snapshot_overview"""
        name = f"projects/{call.project}/snapshots/{call.names['snapshotsId']}"
        if name in self._snapshots:
            raise Refused("ALREADY_EXISTS", f"Resource already exists in the project (resource={name}).")
        source = self._subscriptions.get(call.body.get("subscription", ""))
        if source is None:
            raise not_found(f"{call.body.get('subscription')}.")
        now = self._deliveries.clocks.now(call.project)
        waiting = [one for one in source.backlog.values() if not one.is_expired(now)]
        ends = min([one.published for one in waiting] or [now]) + SNAPSHOT_KEPT
        if ends < now + SNAPSHOT_LEAST:
            raise Refused("FAILED_PRECONDITION", "The backlog in the subscription is too old.")
        resource = {
            "name": name,
            "topic": source.resource["topic"],
            "labels": call.body.get("labels", {}),
            "expireTime": timestamp(ends),
        }
        self._snapshots[name] = Snapshot(resource, [(one.message, one.published) for one in waiting])
        return resource

    def list_snapshots(self, call: Call) -> dict[str, Any]:
        prefix = f"projects/{call.project}/snapshots/"
        found = [one.resource for name, one in sorted(self._snapshots.items()) if name.startswith(prefix)]
        return page_of(found, call.query, "snapshots")

    def delete_snapshot(self, call: Call) -> dict[str, Any]:
        del self._snapshots[self._snapshot(call).resource["name"]]
        return {}

    def seek(self, call: Call) -> dict[str, Any]:
        """What the snapshot has and the subscription's filter lets through is what waits, and nothing else."""
        known, now = self._subscription(call), self._deliveries.clocks.now(call.project)
        snapshot = self._snapshots.get(call.body.get("snapshot", ""))
        if snapshot is None:
            raise not_found(f"{call.body.get('snapshot')}.")
        if snapshot.resource["topic"] != known.resource["topic"]:
            raise Refused("INVALID_ARGUMENT", "The snapshot is of another topic than the subscription.")
        for message in list(known.backlog.values()):
            message.drop()
        for sent, published in snapshot.messages:
            if known.matches is None or known.matches(sent.get("attributes", {})):
                self._put(known, sent, published, now)
        return {}

    # Pulling

    def pull(self, call: Call) -> dict[str, Any]:
        known, now = self._subscription(call), self._deliveries.clocks.now(call.project)
        most = call.body.get("maxMessages", 0)
        if most <= 0:
            raise Refused("INVALID_ARGUMENT", "The value for max_messages must be positive.")
        if known.pushes():
            raise Refused("FAILED_PRECONDITION", "This method is not supported for this subscription type.")
        received: list[dict[str, Any]] = []
        for message in list(known.backlog.values()):
            if len(received) == min(most, PULLED_MOST):
                break
            if message.is_expired(now):
                message.drop()
            elif message.available <= now:
                # Whoever had it has let its deadline pass.
                held, message.ack_id = message.ack_id, ""
                if held and (message.refused(now) is None or message.available > now):
                    continue
                message.attempts += 1
                message.ack_id = uuid.uuid4().hex
                message.available = now + known.resource["ackDeadlineSeconds"]
                one: dict[str, Any] = {"ackId": message.ack_id, "message": message.message}
                if "deadLetterPolicy" in known.resource:
                    one["deliveryAttempt"] = message.attempts
                received.append(one)
        return {"receivedMessages": received} if received else {}

    def _acked(self, call: Call) -> list[Message]:
        wanted = set(call.body.get("ackIds", []))
        if not wanted:
            raise Refused("INVALID_ARGUMENT", "No ack ids specified.")
        return [message for message in list(self._subscription(call).backlog.values()) if message.ack_id in wanted]

    def acknowledge(self, call: Call) -> dict[str, Any]:
        for message in self._acked(call):
            message.drop()
        return {}

    def modify_ack_deadline(self, call: Call) -> dict[str, Any]:
        seconds, now = call.body.get("ackDeadlineSeconds", 0), self._deliveries.clocks.now(call.project)
        if not 0 <= seconds <= 600:
            raise Refused("INVALID_ARGUMENT", "The value for ack_deadline_seconds must be in [0, 600].")
        for message in self._acked(call):
            if seconds:
                message.available = now + seconds
            else:
                message.ack_id = ""
                message.refused(now)
        return {}
