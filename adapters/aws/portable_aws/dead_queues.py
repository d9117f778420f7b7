"""The dead letters of a handler: records in the framework's table, and what SQS's own dead-letter queue holds.

That queue gets what never reached our code: a function that cannot be imported, or that is ended before it says a word.
"""

import json
from typing import TYPE_CHECKING, Any

from portable.drivers import DeadLetter, TableDriver
from portable.envelopes import NoEnvelope, decode
from portable.letters import KeptLetter
from portable.moved_letters import NO_WORD, MovedLetters, unheard

from .errors import classify, error_code
from .names import Names
from .sqs import Queue

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients

RECEIVED = 10
"""At once: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""
MOST_ROUNDS = 20
NO_QUEUE = ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue")


class SqsDeadLetters(MovedLetters):
    """The dead letters of one handler, by its qualified name."""

    def __init__(self, names: Names, clients: "Clients", state: TableDriver, clock: "Clock", handler: str) -> None:
        self._queue = Queue(names, clients, handler)
        super().__init__(state, clock, handler, self._queue.send)

    classify = staticmethod(classify)

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
    return unheard(handler, envelope, attempts, now)
