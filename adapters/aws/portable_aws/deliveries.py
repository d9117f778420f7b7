"""Background deliveries on Lambda: which attempt it is, what becomes of it, and what is kept of it.

What Lambda calls is lost unless it says so: a message is deleted when its record is not reported as failed, and a
change is passed when the batch is. So a record is only counted as done when its handler succeeded, when the queue has
its next attempt, or when it is kept as a dead letter. Everything else is reported as failed and comes again; what
comes again too often ends in the queue's native dead-letter queue.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import json
import math
from typing import TYPE_CHECKING, Any, cast

from portable.attempts import NEARLY, Attempts, Dispatches, every, log, log_unsettled
from portable.drivers import DeadLetter
from portable.envelopes import Envelope, encode
from portable.listeners import Listener, listeners_of
from portable.shapes import MalformedEvent, object_in

from .gateway_events import (
    Wiring,
    a_record,
    change_envelope,
    direct_deliveries,
    message_envelopes,
    queue_of,
    receive_count,
    records_of,
    table_of,
)
from .names import Names
from .sqs import LONGEST_DELAY, Queue

if TYPE_CHECKING:
    from portable.app import App
    from portable.binding import Binding

MOST_VISIBILITY = 12 * 3600
"""Counted from when the message was received, hence less what the attempt has taken:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html"""
VISIBILITY_TIMES = 6
"""A queue's visibility, in timeouts of its function: what a message waits for when its function was killed."""


class Deliveries:
    """The background deliveries of one app; thread-safe as far as its handlers are."""

    def __init__(self, app: "App", dispatcher: Dispatches, names: Names, clients: Any, binding: "Binding") -> None:
        self._app = app
        self._names = names
        self._clients = clients
        self._clock = binding.clock
        self._queues: dict[str, Queue] = {}
        self._wiring = Wiring(listeners_of(app), names)
        self._attempts = Attempts(dispatcher, binding, send=self._send, longest=longest, died=self._count)

    # What Lambda calls

    def sqs(self, event: Any, context: Any) -> dict[str, Any]:
        """A batch of messages. Raises MalformedEvent, which fails the whole batch, if a failure has no name."""
        failed: list[str] = []
        for position, record in enumerate(records_of(event)):
            if not self._message(record, context, is_first=position == 0):
                failed.append(message_id(record))
        return failures(failed)

    def stream(self, event: Any, context: Any) -> dict[str, Any]:
        """A batch of changes of tables, in order; from the first one that is reported on, all come again."""
        for position, record in enumerate(records_of(event)):
            if not self._change(record, context, is_first=position == 0):
                return failures([sequence_number(record)])
        return failures([])

    def direct(self, event: Any, context: Any) -> None:
        """An event that reached the function without a queue. What fails goes to the queue.

        Raises whatever keeps it from there, so that Lambda calls again.
        """
        for listener, envelope in direct_deliveries(event, self._wiring, function_name(context)):
            if not self._inline(listener, envelope, context):
                raise RuntimeError(f"a delivery of {listener.name} failed, and could not be put into its queue")

    # One record

    def _message(self, record: Any, context: Any, *, is_first: bool) -> bool:
        """Whether a message may be deleted."""
        try:
            listener = self._wiring.queues.get(queue_of(record))
        except MalformedEvent as error:
            return self._refuse(f"a message was not understood: {error}")
        if listener is None:
            return self._refuse(f"no handler has the queue {queue_of(record)!r:.200}")
        try:
            try:
                envelopes = message_envelopes(record, listener, self._names)
            except MalformedEvent as error:
                return self._keep_original(listener, record.get("body"), error, record)
            count = receive_count(record)
            if len(envelopes) != 1:
                return every(self._inline(listener, one, context, count) for one in envelopes)
            [envelope] = envelopes
            if not is_first and remaining(context, listener.timeout) < listener.timeout * NEARLY:
                # Sent anew, since this message's receipts count: the attempt was none.
                return self._send(listener, envelope._replace(attempts=envelope.attempts + count - 1), 0.0)
            left = remaining(context, listener.timeout)
            outcome = self._attempts.attempt(listener, envelope, envelope.attempts + count, left)
            if outcome.status == "failed":
                self._postpone(record, listener, outcome.retry_after)
                return False
        except Exception:
            log_unsettled(listener)
            return False
        return True

    def _change(self, record: Any, context: Any, *, is_first: bool) -> bool:
        """Whether a change may be passed."""
        try:
            table = table_of(record)
        except MalformedEvent as error:
            return self._refuse(f"a change was not understood: {error}")
        listeners = self._wiring.of_function(self._wiring.tables.get(table, []), function_name(context))
        if not listeners:
            return self._refuse(f"no handler is for changes of the table {table!r:.200}")
        if not is_first and any(remaining(context, one.timeout) < one.timeout * NEARLY for one in listeners):
            return False
        try:
            envelope = change_envelope(record, listeners[0].source)
        except MalformedEvent as error:
            original = json.dumps(record)
            return every(self._keep_original(one, original, error, record) for one in listeners)
        if envelope is None:
            return True
        # A stream tells the time to the second, DynamoDB Local to the minute: it is in the body. Here it is taken up.
        envelope = envelope._replace(enqueued_at=self._clock.now())
        # A stream does not tell how often a change came.
        return every(self._attempts.once_inline(one, envelope, remaining(context, one.timeout)) for one in listeners)

    def _inline(self, listener: Listener, envelope: Envelope, context: Any, count: int = 1) -> bool:
        """An attempt without a message of its own; the next one has one. Whether it is done or in the queue."""
        left = remaining(context, listener.timeout)
        return self._attempts.inline(listener, envelope, envelope.attempts + count, left)

    def _keep_original(self, listener: Listener, original: Any, error: MalformedEvent, record: Any) -> bool:
        text = original if isinstance(original, str) else json.dumps(original)
        return self._attempts.keep_original(listener, text, original_id(record), receive_count(record), error)

    def _count(self, listener: Listener, letter: DeadLetter) -> None:
        from .lambda_logs import count_dead_letter

        count_dead_letter(self._app.name, self._names.stage, listener.name, letter, self._clock.now())

    def _refuse(self, why: str) -> bool:
        log().error("%s; it is reported as failed", why)
        return False

    # Queues

    def _queue(self, listener: Listener) -> Queue:
        found = self._queues.get(listener.name)
        if found is None:
            found = self._queues[listener.name] = Queue(self._names, self._clients, listener.name)
        return found

    def _send(self, listener: Listener, envelope: Envelope, wait: float) -> bool:
        """Puts a delivery into its queue. Raises what SQS raises."""
        self._queue(listener).send(encode(envelope), min(math.ceil(wait), LONGEST_DELAY))
        return True

    def _postpone(self, record: Any, listener: Listener, wait: float) -> None:
        """Lets a message that failed come again after `wait`. Without that it comes after the queue's visibility."""
        receipt = record.get("receiptHandle")
        if not isinstance(receipt, str) or not receipt:
            return
        seconds = min(math.ceil(wait), MOST_VISIBILITY - listener.timeout - 1)
        try:
            url = self._queue(listener).url(self._names.queue(listener.name))
            self._clients.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=receipt, VisibilityTimeout=seconds)
        except Exception as error:
            log().warning("the next attempt of %s comes later than in %s s: %s", listener.name, seconds, error)


def longest(listener: Listener) -> float:
    """Until when a delivery that started now has ended or come again, also if its function is killed."""
    return float(VISIBILITY_TIMES * listener.timeout)


def failures(ids: list[str]) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": id} for id in ids]}


def message_id(record: Any) -> str:
    """Raises MalformedEvent for a message that has none: only all of its batch can be reported."""
    found = a_record(record).get("messageId")
    if not isinstance(found, str) or not found:
        raise MalformedEvent("a message has no messageId")
    return found


def sequence_number(record: Any) -> str:
    """As `message_id`, of a change."""
    found = object_in(record, "dynamodb").get("SequenceNumber")
    if not isinstance(found, str) or not found:
        raise MalformedEvent("a change has no SequenceNumber")
    return found


def original_id(record: Any) -> str:
    """A name for what is kept of a record, the same each time that it comes."""
    given = a_record(record)
    for name in ("messageId", "eventID"):
        found = given.get(name)
        if isinstance(found, str) and 0 < len(found) <= 200 and found.isascii() and found.isprintable():
            return found
    from hashlib import sha256

    return sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()[:32]


def remaining(context: Any, otherwise: float) -> float:
    """Seconds until Lambda ends the function."""
    left = getattr(context, "get_remaining_time_in_millis", None)
    return otherwise if left is None else cast("float", left() / 1000)


def function_name(context: Any) -> str:
    return str(getattr(context, "function_name", ""))
