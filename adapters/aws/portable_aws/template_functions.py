"""Lambda functions with their roles and log groups."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from portable.deploy.functions import FunctionGroup

from .iam import Known, function_role
from .template_alarms import errors_alarm
from .template_parts import Link, Naming, Part, Resource, logical, resource, sub

ENTRY = "portable_entry.handler"
MOST_SECONDS = 900
MARGIN_SECONDS = 1
"""More than its handlers have, so that a handler that runs out of time is answered by us, not cut off by Lambda."""
MOST_HTTP_SECONDS = 29
"""Of a function that only answers HTTP: the gateway waits for 30."""


class Runtime(NamedTuple):
    """What all functions of a stage have in common."""

    python: str
    architecture: str
    log_days: int
    alarm_actions: tuple[str, ...]
    bucket: Any
    """Of the zips: a name, or a reference to a parameter."""
    keys: Mapping[str, str]
    """The zip of each function, by the group's id."""


def function_name(group: FunctionGroup, name: Naming) -> str:
    if group.kind == "app":
        return name.names.app_function()
    if group.kind == "http":
        return name.names.http_function(group.service)
    return name.names.function(group.handlers[0])


def base_id(group: FunctionGroup, app: str) -> str:
    """What the logical ids of a group begin with."""
    if group.kind == "app":
        return "App"
    if group.kind == "http":
        return "Http" if group.service == app else logical("Http", f"{group.service}.")
    return logical("Handler", group.handlers[0])


def function_link(group: FunctionGroup, name: Naming) -> Link:
    """The ARN of a group's function."""
    return Link(f"{base_id(group, name.app)}Function", "Arn", name.function_arn(function_name(group, name)))


def function_seconds(group: FunctionGroup) -> int:
    most = MOST_SECONDS if group.background else MOST_HTTP_SECONDS
    return max(min(group.timeout + MARGIN_SECONDS, most), min(group.timeout, MOST_SECONDS))


def function_part(group: FunctionGroup, name: Naming, runtime: Runtime) -> Part:
    """The function, its log group, the alarm on its errors; and room for its role, which `give_role` makes."""
    function, base = function_name(group, name), base_id(group, name.app)
    properties: dict[str, Any] = {
        "FunctionName": function,
        "Description": described(group),
        "Runtime": f"python{runtime.python}",
        "Architectures": [runtime.architecture],
        "Handler": ENTRY,
        "Code": {"S3Bucket": runtime.bucket, "S3Key": runtime.keys[group.id]},
        "MemorySize": group.memory,
        "Timeout": function_seconds(group),
        "Role": Link(f"{base}Role", "Arn"),
        "Environment": {
            "Variables": {"PORTABLE_STAGE": name.stage, "PORTABLE_ACCOUNT": {"Ref": "AWS::AccountId"}},
        },
        "LoggingConfig": {"LogFormat": "JSON", "LogGroup": Link(f"{base}Logs")},
        "Tags": name.tag_list(group.service),
    }
    if group.background:
        # A task that sends itself again, or work that goes on from handler to handler, is no mistake: Lambda would
        # drop a message after the sixteenth step.
        properties["RecursiveLoop"] = "Allow"
    return Part(
        f"function:{group.id}",
        group.service,
        {
            f"{base}Logs": resource(
                "AWS::Logs::LogGroup",
                {
                    "LogGroupName": sub(name.names.log_group(function)),
                    "RetentionInDays": runtime.log_days,
                    "Tags": name.tag_list(group.service),
                },
                DeletionPolicy="Delete",
                UpdateReplacePolicy="Delete",
            ),
            f"{base}Role": {},
            f"{base}Function": resource("AWS::Lambda::Function", properties),
            f"{base}Errors": errors_alarm(group.service, function, name, runtime.alarm_actions),
        },
        # All stacks refer to it.
        always_root=group.kind == "app",
    )


def give_role(part: Part, group: FunctionGroup, name: Naming, about: Known) -> dict[str, Resource]:
    """Puts the role of a function into its part, by its grants: they are the last that is known. It by its id."""
    role = function_role(about, group, name, function_name(group, name), group.service)
    made = {f"{base_id(group, name.app)}Role": role}
    part.resources.update(made)
    return made


def described(group: FunctionGroup) -> str:
    if group.kind == "handler":
        return group.handlers[0]
    what = "everything" if group.kind == "app" else "HTTP"
    return f"{what} of {group.service}"
