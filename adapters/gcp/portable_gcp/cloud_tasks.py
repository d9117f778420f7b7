"""The task driver: messages in Cloud Tasks, what is known of their runs in the framework's table.

A queue has its target itself: the function's address, and the account in whose name it is called. So whoever sends
needs neither, and no right to act as anybody. https://cloud.google.com/tasks/docs/configuring-queues#queue-level-routing

Cloud Tasks takes 100 KB with all that a task has. What is larger is laid down in the framework's table, and the task
says where: an event of a topic or a table may be so large when it is tried again.
"""

import json
import os
from base64 import b64encode
from typing import TYPE_CHECKING, Any, cast

from portable.deduplication import Deduplication
from portable.drivers import ALWAYS, RunRecord, TableDriver, TaskMessage
from portable.envelopes import Envelope, encode
from portable.errors import LimitExceeded
from portable.run_records import RunRecords
from portable.shapes import MalformedEvent
from portable.state_items import DAY, fields_of, state_item

from .errors import classify
from .names import Names

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients

LARGEST = 99_000
"""Bytes of a body, so that a task has no more than 100 KB: https://cloud.google.com/tasks/docs/quotas"""
LARGEST_LAID_DOWN = 1_000_000
"""Bytes in a document of Firestore: https://cloud.google.com/firestore/quotas#limits"""
LONGEST_HANDLER = 900
SHORTEST_DISPATCH, LONGEST_DISPATCH = 15, 1800
"""Seconds: https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#Task"""
MARGIN = 15
"""Seconds for the start of a function, beside what its handler may take."""
ANYWHERE = "https://portable.invalid/"
"""What a task names as its target: the queue puts its own in the place."""
PARTITION = "message"
SORT_KEY = "message"
KEPT = 45 * DAY
"""Longer than a queue keeps a task (31 days: https://cloud.google.com/tasks/docs/quotas)."""
REFERENCE = "laid_down"


class Queue:
    """The queue of a background handler, by the handler's qualified name.

    `state` is the framework's table. `timeout` are the seconds that the handler has: with them it is noticed earlier
    that a function has gone without an answer.
    """

    def __init__(
        self,
        names: Names,
        clients: "Clients",
        state: TableDriver,
        clock: "Clock",
        handler: str,
        *,
        timeout: float = LONGEST_HANDLER,
    ) -> None:
        self._clients = clients
        self._state = state
        self._now = clock.now
        self._path = f"/v2/{names.in_location(f'queues/{names.queue(handler)}')}/tasks"
        self._handler = handler
        deadline = max(SHORTEST_DISPATCH, min(timeout + MARGIN, LONGEST_DISPATCH))
        self._deadline = f"{deadline:g}s"

    def send(self, body: str, wait: float = 0.0) -> None:
        """Sends one message, JSON, to come no earlier than in `wait` seconds.

        It may come twice: an attempt to send whose answer was lost is repeated. Raises GoogleError, LimitExceeded.
        """
        now = self._now()
        content = body_of(body)
        if len(content) > LARGEST:
            content = json.dumps({REFERENCE: self._lay_down(content, now + wait)}).encode()
        task: dict[str, Any] = {
            "httpRequest": {
                "url": ANYWHERE,
                "httpMethod": "POST",
                "headers": {"Content-Type": "application/json"},
                "body": b64encode(content).decode(),
            },
            "dispatchDeadline": self._deadline,
        }
        if wait > 0:
            task["scheduleTime"] = time_text(now + wait)
        self._clients.tasks.call("POST", self._path, body={"task": task}, is_read=False, repeat=True)

    def _lay_down(self, content: bytes, due: float) -> str:
        if len(content) > LARGEST_LAID_DOWN:
            raise LimitExceeded(
                f"a message for {self._handler} has {len(content):,} bytes when it is packed, and Firestore keeps "
                f"{LARGEST_LAID_DOWN:,}",
                limit="task_body_bytes",
                provider="gcp",
                hint="put the data into a bucket and send its key",
            )
        id = os.urandom(16).hex()
        item = state_item(self._key(id), SORT_KEY, {"content": content.decode()}, due + KEPT)
        self._state.put(item, ALWAYS)
        return id

    def _key(self, id: str) -> str:
        return f"{PARTITION}#{self._handler}#{id}"

    def opened(self, content: bytes) -> bytes:
        """What was sent, from what came. Raises MalformedEvent if it was laid down and is not there any more."""
        if not content.startswith(b'{"' + REFERENCE.encode()) or len(content) > 100:
            return content
        try:
            found: Any = json.loads(content)
        except ValueError:
            return content
        id = cast("dict[str, object]", found).get(REFERENCE) if isinstance(found, dict) else None
        if not isinstance(id, str) or not 0 < len(id) <= 64 or not id.isalnum() or not id.isascii():
            raise MalformedEvent("the task refers to a message under a name that is none")
        stored = self._state.get(self._key(id), SORT_KEY)
        kept = None if stored is None else fields_of(stored).get("content")
        if not isinstance(kept, str):
            raise MalformedEvent(f"the message {id} that the task refers to is gone")
        return kept.encode()


class QueuedTask:
    """One task's queue, by the task's qualified name."""

    def __init__(
        self,
        names: Names,
        clients: "Clients",
        state: TableDriver,
        clock: "Clock",
        task: str,
        *,
        timeout: float = LONGEST_HANDLER,
    ) -> None:
        self._clients = clients
        self._now = clock.now
        self._runs = RunRecords(state, clock)
        self._deduplication = Deduplication(state, clock, task)
        self._queue = Queue(names, clients, state, clock, task, timeout=timeout)
        self.task = task

    classify = staticmethod(classify)

    def native(self, type_: type[Any]) -> Any:  # noqa: ARG002 - the Resource checks the type
        """The REST client of Cloud Tasks."""
        return self._clients.tasks

    def send(self, message: TaskMessage) -> str:
        return self._deduplication.send(message, self._send, classify)

    def _send(self, message: TaskMessage) -> None:
        self._runs.queued(message)
        envelope = Envelope("task", message.id, message.body, message.enqueued_at, message.traceparent)
        self._queue.send(encode(envelope), max(0.0, message.due - self._now()))

    def run(self, id: str) -> RunRecord | None:
        return self._runs.find(self.task, id)

    def report(self, id: str, progress: float, note: str | None) -> None:
        self._runs.reported(self.task, id, progress, note)


def body_of(text: str) -> bytes:
    """A message as it is sent: JSON as short as it can be, in which only quotes and backslashes take more room."""
    if len(text) <= LARGEST and text.isascii():
        return text.encode()
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")).encode()
    except ValueError:
        # Lone surrogates stay escaped.
        return text.encode("utf-8", "backslashreplace")


def time_text(at: float) -> str:
    """RFC 3339 in UTC, rounded up to the microsecond: never early."""
    from datetime import UTC, datetime, timedelta
    from math import ceil

    return (datetime.fromtimestamp(0, UTC) + timedelta(microseconds=ceil(at * 1_000_000))).strftime(
        "%Y-%m-%dT%H:%M:%S.%fZ"
    )
