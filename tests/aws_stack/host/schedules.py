"""STAND-IN of ours: EventBridge Scheduler firing. LocalStack stores schedules and never fires them.

What is fired, and when, is read from the schedules as they were really created; where it goes, and what is said there,
is their target's. Only SQS is known, as a queue and as the call `sendMessage`: the adapter makes no other targets.
"""

import hashlib
import json
import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from .aws_cron import fire_times

AT = re.compile(r"at\((.+)\)").fullmatch
SEND = ":scheduler:::aws-sdk:sqs:sendMessage"
QUEUE = re.compile(r"arn:[^:]+:sqs:([^:]+):([^:]+):(.+)").fullmatch
CALL = ":aws-sdk:sqs:sendMessage"
"""https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html"""


def fire_between(account: str, after: float, until: float) -> int:
    """Fires everything of an account that is due in (after, until], in order; how much that was."""
    from .clocks import CLOCKS, update_queues

    found = sorted(
        (
            (at, schedule.group_name, schedule.name, backend)
            for backend, schedule in schedules_of(account)
            for at in times(schedule, after, until)
        ),
        key=lambda due: due[:3],
    )
    for at, group, name, backend in found:
        CLOCKS.set(account, max(at, after))
        update_queues(account)
        schedule = backend.schedule_groups[group].schedules.get(name)
        if schedule is not None:
            fire(backend, schedule, at)
    return len(found)


def schedules_of(account: str) -> Iterator[tuple[Any, Any]]:
    from moto.scheduler.models import scheduler_backends

    for backend in list(scheduler_backends[account].values()):
        for group in list(backend.schedule_groups.values()):
            for schedule in list(group.schedules.values()):
                if schedule.state == "ENABLED":
                    yield backend, schedule


def times(schedule: Any, after: float, until: float) -> Iterator[float]:
    """When a schedule fires in (after, until]; a one-time one also if it should have fired before."""
    zone = ZoneInfo(schedule.schedule_expression_timezone)
    once = AT(schedule.schedule_expression)
    if once is not None:
        at = datetime.fromisoformat(once[1]).replace(tzinfo=zone).timestamp()
        if at <= until:
            yield at
        return
    for at in fire_times(schedule.schedule_expression, zone, after):
        if at > until:
            return
        yield at


def fire(backend: Any, schedule: Any, at: float) -> None:
    """Sends what the target says to its queue, and removes a one-time schedule that says so."""
    target = schedule.target
    body, delay = filled(target.get("Input") or "{}", schedule, at), None
    if target["Arn"].endswith(CALL):
        call = json.loads(body)
        account, name = call["QueueUrl"].split("/")[-2:]
        region, body, delay = backend.region_name, call["MessageBody"], call.get("DelaySeconds")
    else:
        queue = QUEUE(target["Arn"])
        if queue is None:
            raise NotImplementedError(f"schedule {schedule.name} has the target {target['Arn']}, which is no queue")
        region, account, name = queue.groups()
    if account != backend.account_id or region != backend.region_name:
        raise NotImplementedError(f"schedule {schedule.name} sends to another account or region: {target['Arn']}")
    send(account, region, name, body, delay)
    if AT(schedule.schedule_expression) and schedule.action_after_completion == "DELETE":
        backend.schedule_groups[schedule.group_name].schedules.pop(schedule.name, None)
    elif AT(schedule.schedule_expression):
        schedule.state = "DISABLED"


def send(account: str, region: str, name: str, body: str, delay: int | None = None) -> None:
    """Puts a message into a queue, if that is still there: what cannot be delivered is dropped, as there is no DLQ."""
    from localstack.services.sqs.models import sqs_stores

    queue = sqs_stores[account][region].queues.get(name)
    if queue is None:
        return
    message = {
        "MessageId": str(uuid.uuid4()),
        "MD5OfBody": hashlib.md5(body.encode()).hexdigest(),
        "Body": body,
        "Attributes": {"SenderId": "AROASCHEDULER:Scheduler", "SentTimestamp": str(int(time.time() * 1000))},
    }
    queue.put(message, delay_seconds=delay)


def filled(text: str, schedule: Any, at: float) -> str:
    """The input with Scheduler's context attributes:
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
    moment = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    known = {
        "<aws.scheduler.scheduled-time>": moment,
        "<aws.scheduler.schedule-arn>": schedule.arn,
        "<aws.scheduler.execution-id>": uuid.uuid4().hex[:16],
        "<aws.scheduler.attempt-number>": "1",
    }
    for name, value in known.items():
        text = text.replace(name, value)
    return text
