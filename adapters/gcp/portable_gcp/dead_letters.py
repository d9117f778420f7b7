"""The dead letters of a handler: records in the framework's table, and what Pub/Sub could not push.

Cloud Tasks keeps none. Pub/Sub gives what never reached our code to a topic of its own, whose one subscription keeps
it: whoever lists, redrives or discards moves what is there into the table first, so that it is all in one place.
https://cloud.google.com/pubsub/docs/handling-failures
"""

import json
from binascii import Error, a2b_base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from portable.drivers import DeadLetter, DeadLetterPage, TableDriver
from portable.envelopes import Envelope, NoEnvelope, decode, encode, moment
from portable.letters import KeptLetter, Letters, kept_original
from portable.run_records import RunRecords

from .cloud_tasks import Queue
from .errors import classify
from .names import Names

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients

PULLED = 100
MOST_ROUNDS = 20
NO_WORD = "the function ended, or could not be started, in each attempt and said nothing"
COUNT = "CloudPubSubDeadLetterSourceDeliveryCount"
ADDED = "CloudPubSubDeadLetterSource"
PUBLISHED = "CloudPubSubDeadLetterSourceTopicPublishTime"


class QueuedDeadLetters:
    """The dead letters of one handler, by its qualified name.

    `is_pushed`: Pub/Sub calls it, and has a dead-letter topic for it. Nobody may ask for one that is not there: Google
    answers that they have no right to it.
    """

    def __init__(
        self, names: Names, clients: "Clients", state: TableDriver, clock: "Clock", handler: str, *, is_pushed: bool
    ) -> None:
        self._clients = clients
        self._is_pushed = is_pushed
        self._subscription = f"/v1/{names.in_project(f'subscriptions/{names.dead_subscription(handler)}')}"
        self._queue = Queue(names, clients, state, clock, handler)
        self._letters = Letters(state, clock, handler)
        self._runs = RunRecords(state, clock)
        self._now = clock.now
        self.handler = handler

    classify = staticmethod(classify)

    def list(self, *, limit: int, cursor: str | None) -> DeadLetterPage:
        if cursor is None:
            self.gather()
        return self._letters.page(limit=limit, cursor=cursor)

    def redrive(self, id: str) -> bool:
        """Sends first, then removes: whoever is interrupted in between sends twice, and loses nothing."""
        kept = self._find(id)
        if kept is None:
            return False
        if kept.kind == "task":
            self._runs.requeued(self.handler, id)
        self._queue.send(kept.message or encode(envelope_of(kept, self._now())))
        self._letters.remove(id)
        return True

    def discard(self, id: str) -> bool:
        kept = self._find(id)
        if kept is None or not self._letters.remove(id):
            return False
        if kept.kind == "task":
            self._runs.discarded(self.handler, id)
        return True

    def _find(self, id: str) -> KeptLetter | None:
        found = self._letters.find(id)
        if found is None and self.gather():
            found = self._letters.find(id)
        return found

    def gather(self) -> int:
        """Moves what Pub/Sub keeps into the table; how much that was.

        One that cannot be kept stays with Pub/Sub, is told of in the log, and hides no other.
        """
        moved = 0
        for _ in range(MOST_ROUNDS if self._is_pushed else 0):
            received = self._pull()
            settled = [one["ackId"] for one in received if self._keep(one.get("message", {}))]
            if settled:
                self._ask("acknowledge", {"ackIds": settled})
            moved += len(settled)
            if not received:
                break
        return moved

    def _keep(self, message: dict[str, Any]) -> bool:
        """Whether the table has it now."""
        try:
            self._letters.keep(letter_of(self.handler, message, self._now()))
        except Exception:
            import logging

            logging.getLogger("portable.background").exception(
                "a dead letter of %s could not be taken over from Pub/Sub, where it stays", self.handler
            )
            return False
        return True

    def _pull(self) -> Sequence[dict[str, Any]]:
        # Else Google waits for some time whether a message comes.
        answer: dict[str, Any] | None = self._ask("pull", {"maxMessages": PULLED, "returnImmediately": True})
        return cast("Sequence[dict[str, Any]]", answer.get("receivedMessages", ()) if answer else ())

    def _ask(self, verb: str, body: dict[str, Any]) -> Any:
        # A message that was pulled and not taken care of comes again.
        return self._clients.pubsub.call("POST", f"{self._subscription}:{verb}", body=body, is_read=False, repeat=True)


def envelope_of(kept: KeptLetter, now: float) -> Envelope:
    """A letter as a message with a fresh count."""
    letter = kept.letter
    return Envelope(
        kept.kind,
        letter.id,
        letter.body,
        letter.enqueued_at or now,
        letter.traceparent,
        attributes=kept.attributes,
        scheduled_at=kept.scheduled_at,
    )


def letter_of(handler: str, message: dict[str, Any], now: float) -> KeptLetter:
    """What a message of a dead-letter topic becomes. One that is not ours is kept, and sent again, as it was pushed,
    up to the length that an item can have."""
    attributes: dict[str, str] = message.get("attributes", {})
    count = attributes.get(COUNT, "1")
    attempts = int(count) if count.isascii() and count.isdecimal() else 1
    original = {name: value for name, value in attributes.items() if not name.startswith(ADDED)}
    try:
        envelope = decode(json.loads(a2b_base64(message.get("data", ""))))
    except (NoEnvelope, Error, ValueError, RecursionError):
        text = kept_original(handler, json.dumps({"message": {**message, "attributes": original}}))
        sent = moment(attributes.get(PUBLISHED)) or now
        letter = DeadLetter(str(message.get("messageId", "")), handler, text, attempts, NO_WORD, sent, now, "")
        return KeptLetter(letter, "bucket" if "bucketId" in original else "topic", {}, None, text)
    letter = DeadLetter(
        envelope.id,
        handler,
        envelope.body,
        envelope.attempts + attempts,
        NO_WORD,
        envelope.enqueued_at,
        now,
        envelope.traceparent,
    )
    return KeptLetter(letter, envelope.kind, envelope.attributes, envelope.scheduled_at)
