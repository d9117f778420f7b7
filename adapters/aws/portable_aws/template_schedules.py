"""Schedules: our five fields of cron as EventBridge Scheduler's six, and the group and role that schedules share."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from portable.envelopes import VERSION
from portable.errors import Location
from portable.schedules import FIELDS, Field, parse_cron

from .iam import assume
from .template_parts import ACCOUNT, Link, Naming, Part, Resource, policy, resource, statement, sub

LONGEST_EXPRESSION = 256
"""https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"""
SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""What Scheduler replaces: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
RETRIES = 185
"""The most that Scheduler takes; it only has to put a message into a queue."""
GROUP = "ScheduleGroup"
ROLE = "SchedulerRole"
MOST_QUEUES = 70
"""Queues and dead queues that are named one by one in the role of the schedules; more are told by their tags."""


def schedule_input() -> str:
    """What a recurring schedule sends: an envelope whose id and time are known when it fires."""
    return json.dumps({"v": VERSION, "kind": "schedule", "scheduled_at": SCHEDULED_TIME}, separators=(",", ":"))


def aws_cron(cron: str) -> str:
    """`cron(...)` of EventBridge Scheduler: Sunday is 1, one of the two days is `?`, any year.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
    """
    parsed = parse_cron(cron, Location("<cron>", 0))
    minutes, hours, days, months, weekdays = (
        field_text(field, values) for field, values in zip(FIELDS, parsed, strict=True)
    )
    if weekdays == "*":
        weekdays = "?"
    else:
        days = "?"
    return f"cron({minutes} {hours} {days} {months} {weekdays} *)"


def field_text(field: Field, values: Sequence[int]) -> str:
    """One field: `*`, `first/step` where the steps fill the range evenly, else a list of values and ranges."""
    count = field.high - field.low + 1
    offset = 1 if field.name == "day of week" else 0
    if len(values) == count:
        return "*"
    step = count // len(values)
    if len(values) > 1 and count % len(values) == 0 and tuple(values) == tuple(range(field.low, field.high + 1, step)):
        return f"{field.low + offset}/{step}"
    parts: list[str] = []
    start = 0
    for index, value in enumerate(values):
        if index + 1 < len(values) and values[index + 1] == value + 1:
            continue
        run = [number + offset for number in values[start : index + 1]]
        parts.append(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)))
        start = index + 1
    return ",".join(parts)


def schedule(handler: str, trigger: Mapping[str, Any], queue: Link, dead: Link, name: Naming) -> Resource:
    """Puts a message into the handler's queue at each time."""
    return resource(
        "AWS::Scheduler::Schedule",
        {
            "Name": name.names.schedule(handler),
            "GroupName": Link(GROUP, None, name.names.schedule_group()),
            "ScheduleExpression": aws_cron(trigger["cron"]),
            "ScheduleExpressionTimezone": trigger["zone"],
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": queue,
                "RoleArn": Link(ROLE, "Arn", name.scheduler_role_arn()),
                "Input": schedule_input(),
                "RetryPolicy": {"MaximumRetryAttempts": RETRIES, "MaximumEventAgeInSeconds": 86400},
                "DeadLetterConfig": {"Arn": dead},
            },
        },
    )


def scheduling_part(manifest: Mapping[str, Any], name: Naming) -> Part | None:
    """The group of all schedules and their role; None where nothing is scheduled and no task can be put off."""
    targets = sorted(
        handler["name"]
        for handler in manifest["handlers"]
        if handler["trigger"]["type"] == "schedule"
        or (handler["trigger"]["type"] == "delivery" and handler["trigger"]["kind"] == "task")
    )
    if not targets:
        return None
    tags = name.tag_list(name.app)
    queues = [arn for handler in targets for arn in (name.queue_arn(handler), name.dead_queue_arn(handler))]
    if len(queues) <= MOST_QUEUES:
        allowed = statement(["sqs:SendMessage"], queues)
    else:
        allowed = statement(
            ["sqs:SendMessage"],
            [name.arn("sqs", name.names.queues())],
            condition={"StringEquals": {"aws:ResourceTag/app": name.app, "aws:ResourceTag/stage": name.stage}},
        )
    group_arn = name.arn("scheduler", f"schedule-group/{name.names.schedule_group()}")
    trust = {"StringEquals": {"aws:SourceAccount": sub(ACCOUNT)}, "ArnEquals": {"aws:SourceArn": sub(group_arn)}}
    return Part(
        "schedules",
        name.app,
        {
            GROUP: resource("AWS::Scheduler::ScheduleGroup", {"Name": name.names.schedule_group(), "Tags": tags}),
            ROLE: resource(
                "AWS::IAM::Role",
                {
                    "RoleName": sub(name.names.scheduler_role()),
                    "AssumeRolePolicyDocument": assume("scheduler.amazonaws.com", trust),
                    "Policies": [{"PolicyName": "queues", "PolicyDocument": policy(allowed)}],
                    "Tags": tags,
                },
            ),
        },
        always_root=True,
    )
