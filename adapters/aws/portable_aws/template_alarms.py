"""Alarms: on what fails without anybody looking. With `alarm_actions` of the stage they tell somebody."""

from typing import Any

from .template_parts import Naming, Resource, resource

METRICS = "portable"
"""The namespace of our own metrics in CloudWatch."""
DEAD_LETTERS = "DeadLetters"
"""How many deliveries of a handler were given up; dimensions: app, stage, handler."""
PERIOD = 300


def alarm(
    service: str,
    name: Naming,
    actions: tuple[str, ...],
    *,
    description: str,
    namespace: str,
    metric: str,
    dimensions: dict[str, Any],
    statistic: str,
) -> Resource:
    properties: dict[str, Any] = {
        "AlarmDescription": description,
        "Namespace": namespace,
        "MetricName": metric,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        "Statistic": statistic,
        "Period": PERIOD,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    if actions:
        properties["AlarmActions"] = list(actions)
    properties["Tags"] = name.tag_list(service)
    return resource("AWS::CloudWatch::Alarm", properties)


def errors_alarm(service: str, function: str, name: Naming, actions: tuple[str, ...]) -> Resource:
    """Invocations that ended without an answer: a crash, no memory, no time, no import."""
    return alarm(
        service,
        name,
        actions,
        description=f"{function} failed: it crashed, ran out of time or memory, or cannot be imported",
        namespace="AWS/Lambda",
        metric="Errors",
        dimensions={"FunctionName": function},
        statistic="Sum",
    )


def depth_alarm(service: str, handler: str, name: Naming, actions: tuple[str, ...]) -> Resource:
    """Messages that our code never saw to the end."""
    return alarm(
        service,
        name,
        actions,
        description=f"deliveries of {handler} were given up by SQS: its function cannot run",
        namespace="AWS/SQS",
        metric="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": name.names.dead_queue(handler)},
        statistic="Maximum",
    )


def letters_alarm(service: str, handler: str, name: Naming, actions: tuple[str, ...]) -> Resource:
    """Deliveries that failed at their last attempt."""
    return alarm(
        service,
        name,
        actions,
        description=f"deliveries of {handler} failed at their last attempt and are kept as dead letters",
        namespace=METRICS,
        metric=DEAD_LETTERS,
        dimensions={"app": name.app, "stage": name.stage, "handler": handler},
        statistic="Sum",
    )
