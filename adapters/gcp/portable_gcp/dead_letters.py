"""The dead letters of a handler: records in the framework's table, and what Pub/Sub could not push.

Cloud Tasks keeps none. Pub/Sub gives what never reached our code to a topic of its own, whose one subscription keeps
it.
https://cloud.google.com/pubsub/docs/handling-failures
"""

import json
from binascii import Error, a2b_base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from portable.drivers import DeadLetter, TableDriver
from portable.envelopes import NoEnvelope, decode, moment
from portable.errors import Throttled, Unavailable
from portable.letters import KeptLetter, kept_original
from portable.moved_letters import NO_WORD, MovedLetters, unheard

from .cloud_tasks import Queue
from .errors import classify
from .names import Names

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients

PULLED = 100
MOST_ROUNDS = 20
COUNT = "CloudPubSubDeadLetterSourceDeliveryCount"
ADDED = "CloudPubSubDeadLetterSource"
PUBLISHED = "CloudPubSubDeadLetterSourceTopicPublishTime"


class QueuedDeadLetters(MovedLetters):
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
        super().__init__(state, clock, handler, Queue(names, clients, state, clock, handler).send)

    classify = staticmethod(classify)

    def gather(self) -> int:
        """Moves what Pub/Sub keeps into the table; how much that was.

        One that cannot be kept stays with Pub/Sub, is told of in the log, and hides no other.
        """
        moved = 0
        for _ in range(MOST_ROUNDS if self._is_pushed else 0):
            received = self._pull()
            if not received:
                break
            settled = self._take_over(received)
            if settled:
                self._ask("acknowledge", {"ackIds": settled})
            moved += len(settled)
        return moved

    def _take_over(self, received: Sequence[dict[str, Any]]) -> list[str]:
        """The acknowledgements of those that the table has now: all at once, where nothing is wrong with any."""
        try:
            self._letters.keep_all([letter_of(self.handler, one.get("message", {}), self._now()) for one in received])
        except Exception as error:
            if classify(error) in (Throttled, Unavailable):
                raise
            return [one["ackId"] for one in received if self._keep(one.get("message", {}))]
        return [one["ackId"] for one in received]

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
    return unheard(handler, envelope, attempts, now)
