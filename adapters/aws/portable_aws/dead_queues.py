"""The dead letters of a handler: records in the framework's table, and what SQS's own dead-letter queue holds.

That queue gets what never reached our code: a function that cannot be imported, or that is ended before it says a word.
Whoever lists, redrives or discards moves what is there into the table first, so that it is all in one place.
"""

import json
from typing import TYPE_CHECKING, Any

from portable.drivers import DeadLetter, DeadLetterPage, TableDriver
from portable.envelopes import Envelope, NoEnvelope, decode, encode
from portable.letters import KeptLetter, Letters
from portable.run_records import RunRecords

from .errors import classify, error_code
from .names import Names
from .sqs import Queue

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients

RECEIVED = 10
"""At once: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""
MOST_ROUNDS = 20
NO_WORD = "the function ended, or could not be started, in each attempt and said nothing"
NO_QUEUE = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")


class SqsDeadLetters:
    """The dead letters of one handler, by its qualified name."""

    def __init__(self, names: Names, clients: "Clients", state: TableDriver, clock: "Clock", handler: str) -> None:
        self._queue = Queue(names, clients, handler)
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
        """Moves what SQS's own queue holds into the table; how much that was."""
        moved = 0
        for _ in range(MOST_ROUNDS):
            try:
                messages = self._queue.dead(RECEIVED)
            except Exception as error:
                if error_code(error) in NO_QUEUE:
                    return moved
                raise
            for message in messages:
                kept = letter_of(self.handler, message, self._now())
                self._letters.keep(kept)
                if kept.kind == "task" and not kept.message:
                    letter = kept.letter
                    self._runs.died(self.handler, letter.id, letter.attempts, letter.enqueued_at, letter.error)
                self._queue.forget_dead(message["ReceiptHandle"])
            moved += len(messages)
            if not messages:
                break
        return moved


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
    """What a message of SQS's own dead-letter queue becomes. One that is not ours is kept, and sent again, as it is."""
    body: str = message["Body"]
    attributes: dict[str, str] = message.get("Attributes", {})
    attempts = int(attributes.get("ApproximateReceiveCount", "1"))
    try:
        envelope = decode(json.loads(body))
    except (NoEnvelope, ValueError, RecursionError):
        sent = int(attributes.get("SentTimestamp", "0")) / 1000 or now
        letter = DeadLetter(message["MessageId"], handler, body, attempts, NO_WORD, sent, now, "")
        return KeptLetter(letter, "task", {}, None, body)
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
