"""The queue of each background handler, with what may send to it and what takes from it: docs/design/0010."""

from collections.abc import Mapping, Sequence
from typing import Any

from portable.deploy.functions import FunctionGroup

from .layout import attribute_name, filtered_by_sns
from .template_alarms import depth_alarm, letters_alarm
from .template_data import bucket_id, from_bucket, listeners, shared_events, stream_link, table_id, topic_link
from .template_functions import base_id, function_link, function_seconds
from .template_parts import Link, Naming, Part, Resource, logical, policy, resource, sub
from .template_schedules import schedule

VISIBILITY_TIMES = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
LEAST_RECEIVES = 5
MORE_RECEIVES = 2
"""Receives beyond our own attempts, after which SQS gives up: what is left then our code never saw to the end."""
KEPT_SECONDS = 14 * 86400
SHARDS_AT_ONCE = 10
"""Batches of one shard that are handled at once; there is no order to keep."""
CHANGES_KEPT_SECONDS = 86400
PARTIAL = ["ReportBatchItemFailures"]


def handler_base(handler: str) -> str:
    return logical("Handler", handler)


def queue_link(handler: str, name: Naming) -> Link:
    return Link(f"{handler_base(handler)}Queue", "Arn", name.queue_arn(handler))


def handler_part(
    manifest: Mapping[str, Any],
    handler: Mapping[str, Any],
    group: FunctionGroup,
    name: Naming,
    alarm_actions: tuple[str, ...],
) -> Part:
    """All that belongs to one background handler but its function."""
    qualified, service, trigger = handler["name"], handler["service"], handler["trigger"]
    base = handler_base(qualified)
    tags = name.tag_list(service)
    resources: dict[str, Resource] = {
        f"{base}Dead": resource(
            "AWS::SQS::Queue",
            {
                "QueueName": name.names.dead_queue(qualified),
                "MessageRetentionPeriod": KEPT_SECONDS,
                "SqsManagedSseEnabled": True,
                "RedriveAllowPolicy": {
                    "redrivePermission": "byQueue",
                    "sourceQueueArns": [sub(name.queue_arn(qualified))],
                },
                "Tags": tags,
            },
        ),
        f"{base}Queue": resource(
            "AWS::SQS::Queue",
            {
                "QueueName": name.names.queue(qualified),
                "VisibilityTimeout": VISIBILITY_TIMES * function_seconds(group),
                "MessageRetentionPeriod": KEPT_SECONDS,
                "SqsManagedSseEnabled": True,
                "RedrivePolicy": {
                    "deadLetterTargetArn": Link(f"{base}Dead", "Arn"),
                    "maxReceiveCount": max(LEAST_RECEIVES, trigger["retry"]["max_attempts"] + MORE_RECEIVES),
                },
                "Tags": tags,
            },
        ),
        f"{base}Deliveries": resource(
            "AWS::Lambda::EventSourceMapping",
            {
                "FunctionName": function_link(group, name),
                "EventSourceArn": Link(f"{base}Queue", "Arn"),
                "BatchSize": 1,
                "FunctionResponseTypes": PARTIAL,
                "Tags": tags,
            },
        ),
        f"{base}Depth": depth_alarm(service, qualified, name, alarm_actions),
        f"{base}Letters": letters_alarm(service, qualified, name, alarm_actions),
    }
    kind = trigger["kind"] if trigger["type"] == "delivery" else trigger["type"]
    if kind == "topic":
        resources |= subscribed(base, qualified, topic_link(trigger["source"], name), name, filter_=trigger["filter"])
    elif kind == "bucket":
        resources |= notified(base, manifest, handler, name)
    elif kind == "table" and group.kind != "app":
        resources[f"{base}Changes"] = changes([handler], function_link(group, name), name, service)
    elif kind == "schedule":
        resources[f"{base}Schedule"] = schedule(
            qualified, trigger, queue_link(qualified, name), Link(f"{base}Dead", "Arn"), name
        )
    return Part(f"handler:{qualified}", service, resources)


def subscribed(
    base: str, handler: str, topic: Link, name: Naming, *, filter_: Mapping[str, str]
) -> dict[str, Resource]:
    """The queue hears of a topic, without an envelope of SNS around each message."""
    properties: dict[str, Any] = {
        "TopicArn": topic,
        "Protocol": "sqs",
        "Endpoint": Link(f"{base}Queue", "Arn"),
        "RawMessageDelivery": True,
    }
    if filter_:
        properties["FilterPolicyScope"] = "MessageAttributes"
        wanted = filtered_by_sns(dict(filter_))
        properties["FilterPolicy"] = {attribute_name(key): [value] for key, value in wanted.items()}
    return {
        f"{base}Senders": senders(base, handler, "sns.amazonaws.com", {"ArnEquals": {"aws:SourceArn": topic}}, name),
        f"{base}Subscription": resource("AWS::SNS::Subscription", properties, DependsOn=[f"{base}Senders"]),
    }


def notified(base: str, manifest: Mapping[str, Any], handler: Mapping[str, Any], name: Naming) -> dict[str, Resource]:
    """S3 tells the queue, or a topic that tells all whose prefixes overlap; the gateway looks at the prefix again."""
    bucket = handler["trigger"]["bucket"]
    if handler["trigger"]["event"] in shared_events(listeners(manifest, bucket)):
        topic = Link(f"{bucket_id(bucket)}Events", None, name.bucket_events_arn(bucket))
        return subscribed(base, handler["name"], topic, name, filter_={})
    condition = from_bucket(bucket, name)
    return {f"{base}Senders": senders(base, handler["name"], "s3.amazonaws.com", condition, name)}


def senders(base: str, handler: str, service: str, condition: Mapping[str, Any], name: Naming) -> Resource:
    """The policy of a queue: which service may send to it, and for which source."""
    return resource(
        "AWS::SQS::QueuePolicy",
        {
            "Queues": [Link(f"{base}Queue")],
            "PolicyDocument": policy(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": service},
                    "Action": "sqs:SendMessage",
                    "Resource": sub(name.queue_arn(handler)),
                    "Condition": dict(condition),
                }
            ),
        },
    )


def change_parts(manifest: Mapping[str, Any], groups: Sequence[FunctionGroup], name: Naming) -> list[Part]:
    """The streams of an app in one function: Lambda takes one mapping of a stream to a function, however many handlers.

    They are in the root, as the function is, since they refer to it and to queues that may be elsewhere.
    """
    found: list[Part] = []
    for group in groups:
        by_table: dict[str, list[Mapping[str, Any]]] = {}
        for handler in manifest["handlers"]:
            if group.kind == "app" and handler["trigger"]["type"] == "table":
                by_table.setdefault(handler["trigger"]["table"], []).append(handler)
        for table, handlers in sorted(by_table.items()):
            made = changes(handlers, function_link(group, name), name, group.service)
            id = f"{base_id(group, name.app)}{table_id(table)}Changes"
            found.append(Part(f"changes:{table}", group.service, {id: made}, always_root=True))
    return found


def changes(handlers: Sequence[Mapping[str, Any]], function: Link, name: Naming, service: str) -> Resource:
    """The stream of a table, straight to the function; what fails goes on from the handler's queue.

    What even Lambda gives up is in the dead-letter queue of the first handler.
    """
    first = handlers[0]
    base = handler_base(first["name"])
    return resource(
        "AWS::Lambda::EventSourceMapping",
        {
            "FunctionName": function,
            "EventSourceArn": stream_link(first["trigger"]["table"]),
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 1,
            "ParallelizationFactor": SHARDS_AT_ONCE,
            "BisectBatchOnFunctionError": True,
            "MaximumRetryAttempts": max(
                # Each of them may end the function once before its attempts go on in its queue.
                len(handlers) + MORE_RECEIVES,
                *(one["trigger"]["retry"]["max_attempts"] for one in handlers),
            ),
            "MaximumRecordAgeInSeconds": CHANGES_KEPT_SECONDS,
            "FunctionResponseTypes": PARTIAL,
            "DestinationConfig": {
                "OnFailure": {"Destination": Link(f"{base}Dead", "Arn", name.dead_queue_arn(first["name"]))}
            },
            "Tags": name.tag_list(service),
        },
    )
