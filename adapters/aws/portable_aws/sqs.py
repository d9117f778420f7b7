"""The task driver: messages in SQS, what is known of their runs in the framework's table.

A queue holds a message back for at most 15 minutes. What is due later is sent by a schedule of EventBridge that fires
once and is deleted with that; https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html.
"""

import json
from datetime import UTC, datetime
from math import ceil, floor
from typing import TYPE_CHECKING, Any

from portable.deduplication import Deduplication
from portable.drivers import RunRecord, TableDriver, TaskMessage
from portable.envelopes import Envelope, encode
from portable.run_records import RunRecords

from .errors import classify, error_code
from .names import Names

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients

LONGEST_DELAY = 900
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


class SqsTask:
    """One task's queue, by the task's qualified name."""

    def __init__(self, names: Names, clients: "Clients", state: TableDriver, clock: "Clock", task: str) -> None:
        self._names = names
        self._clients = clients
        self._now = clock.now
        self._runs = RunRecords(state, clock)
        self._deduplication = Deduplication(state, clock, task)
        self._queue = Queue(names, clients, task)
        self.task = task

    classify = staticmethod(classify)

    def native(self, type_: type[Any]) -> Any:  # noqa: ARG002 - the Resource checks the type
        """botocore's client."""
        return self._clients.sqs

    def send(self, message: TaskMessage) -> str:
        return self._deduplication.send(message, self._send, classify)

    def _send(self, message: TaskMessage) -> None:
        self._runs.queued(message)
        delay = message.due - self._now()
        envelope = Envelope("task", message.id, message.body, message.enqueued_at, message.traceparent)
        if delay <= LONGEST_DELAY:
            # Whole seconds, and never early.
            self._queue.send(encode(envelope), ceil(max(0.0, delay)))
        else:
            self._schedule(message.id, encode(envelope), message.due)

    def _schedule(self, id: str, body: str, due: float) -> None:
        """A schedule fires somewhere within its minute, so it is for the minute before: SQS holds back the rest."""
        names, partition = self._names, self._clients.sqs.meta.partition
        minute = floor(due / 60) * 60
        message = {
            "QueueUrl": self._queue.url(names.queue(self.task)),
            "MessageBody": body,
            "DelaySeconds": ceil(due - minute),
        }
        try:
            self._clients.scheduler.create_schedule(
                Name=names.delay(id),
                GroupName=names.schedule_group(),
                ScheduleExpression=f"at({datetime.fromtimestamp(minute, UTC):%Y-%m-%dT%H:%M:%S})",
                ScheduleExpressionTimezone="UTC",
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE",
                # Whoever repeats the call, botocore or a sender after a crash, makes no second schedule.
                ClientToken=id,
                Target={
                    "Arn": f"arn:{partition}:scheduler:::aws-sdk:sqs:sendMessage",
                    "RoleArn": f"arn:{partition}:iam::{names.account}:role/{names.scheduler_role()}",
                    "Input": without_keywords(json.dumps(message)),
                    "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86_400},
                    "DeadLetterConfig": {"Arn": names.arn("sqs", names.dead_queue(self.task), partition=partition)},
                },
            )
        except Exception as error:
            if error_code(error) != "ConflictException":
                raise

    def run(self, id: str) -> RunRecord | None:
        return self._runs.find(self.task, id)

    def report(self, id: str, progress: float, note: str | None) -> None:
        self._runs.reported(self.task, id, progress, note)


def without_keywords(text: str) -> str:
    """JSON in which Scheduler finds none of its own keywords, `<aws.scheduler...>`, to put something in their place."""
    return text.replace("<", "\\u003c")


class Queue:
    """The queue of a background handler, and the one of what never reached our code; URLs are asked for once."""

    def __init__(self, names: Names, clients: "Clients", handler: str) -> None:
        self._names = names
        self._clients = clients
        self._handler = handler
        self._urls: dict[str, str] = {}

    def url(self, name: str) -> str:
        """The URL of a queue of this account and region. Without a call where the endpoint tells."""
        found = self._urls.get(name)
        if found is None:
            endpoint: str = self._clients.sqs.meta.endpoint_url
            found = self._urls[name] = f"{endpoint.rstrip('/')}/{self._names.account}/{name}"
        return found

    def send(self, body: str, delay: int = 0) -> None:
        """Sends one message, held back for `delay` seconds."""
        url = self.url(self._names.queue(self._handler))
        self._clients.sqs.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay)

    def dead(self, most: int) -> list[dict[str, Any]]:
        """Some messages that Lambda never got through to our code, hidden for a minute."""
        answer = self._clients.sqs.receive_message(
            QueueUrl=self.url(self._names.dead_queue(self._handler)),
            MaxNumberOfMessages=most,
            VisibilityTimeout=60,
            MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp"],
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def forget_dead(self, receipt: str) -> None:
        url = self.url(self._names.dead_queue(self._handler))
        self._clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)
