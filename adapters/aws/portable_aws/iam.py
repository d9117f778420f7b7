"""The role of each function: exactly what its handlers' grants and triggers need, and nothing else.

One table says which actions a verb stands for (docs/aws.md shows it). Resources are always named: there is no `*` but
in the endings of ARNs that AWS makes itself (streams, log streams, the six characters of a secret, the keys of a
bucket). What a function may do with the framework's table is limited to its partitions.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from portable.deploy.functions import FunctionGroup

from .layout import DEDUPLICATION, IDEMPOTENCY, LEASE, LETTERS, RUN, TOKEN, index_name, partitions_of
from .template_parts import Naming, Resource, policy, resource, statement, sub

READ = ("dynamodb:GetItem",)
WRITE = ("dynamodb:PutItem",)
ERASE = ("dynamodb:DeleteItem",)

TABLE_VERBS: dict[str, tuple[str, ...]] = {
    "get": READ,
    "require": READ,
    "get_entry": READ,
    "put": WRITE,
    "update": (*READ, *WRITE),
    "delete": ERASE,
    "increment": ("dynamodb:GetItem", "dynamodb:UpdateItem"),
    "query": ("dynamodb:Query",),
    "query_index": ("dynamodb:Query",),
    "transact": ("dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem"),
    "batch_get": ("dynamodb:BatchGetItem",),
    "batch_write": ("dynamodb:BatchWriteItem", "dynamodb:PutItem"),
    "scan": ("dynamodb:Scan",),
}
"""On the table; `query_index` on its indexes. Items of a batch are put one by one, each with its version."""

OBJECT_VERBS: dict[str, tuple[str, ...]] = {
    "get": ("s3:GetObject",),
    "require": ("s3:GetObject",),
    "open": ("s3:GetObject",),
    "read_range": ("s3:GetObject",),
    "head": ("s3:GetObject",),
    "put": ("s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
    "delete": ("s3:DeleteObject", "s3:GetObject"),
    "list": (),
    "copy": ("s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"),
    "signed_url": ("s3:GetObject", "s3:PutObject"),
}
"""On the keys of the bucket. A write describes the version that it made."""
LISTING = ("s3:ListBucket",)
"""On the bucket: without it S3 answers 403 where an object is absent, so every verb that reads needs it."""
LISTING_VERBS = frozenset(OBJECT_VERBS)

TOPIC_VERBS = ("publish", "publish_all")
PUBLISH = ("sns:Publish",)
PARAM = ("ssm:GetParameter",)
SECRET = ("secretsmanager:GetSecretValue",)
SEND = ("sqs:SendMessage",)
DELAY = ("scheduler:CreateSchedule",)
PASS = ("iam:PassRole",)
CONSUME = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
STREAM = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams")
LOGS = ("logs:CreateLogStream", "logs:PutLogEvents")
ALL_OF_A_RECORD = (*READ, *WRITE, *ERASE)

TASK_STATE: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "send": (
        (RUN, (*READ, *WRITE)),
        (DEDUPLICATION, ALL_OF_A_RECORD),
    ),
    "run": ((RUN, READ),),
    "report": ((RUN, (*READ, *WRITE)),),
}
LETTER_STATE: dict[str, tuple[str, ...]] = {
    "dead_letters": (*READ, *WRITE, "dynamodb:Query"),
    "redrive": ALL_OF_A_RECORD,
    "discard": ALL_OF_A_RECORD,
}
"""All of them move what the native dead-letter queue holds into the table."""
LARGEST_POLICY = 10_240
"""Characters of all inline policies of a role: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


class Right(NamedTuple):
    """Actions on one ARN. `partitions`: only items of these, in the framework's table. `passed_to`: of a role."""

    actions: tuple[str, ...]
    arn: str
    partitions: tuple[str, ...] = ()
    passed_to: str = ""


class Known(NamedTuple):
    """A manifest's tables and handlers by name, and its grants by who has them: made once for all functions."""

    tables: dict[str, Any]
    handlers: dict[str, Any]
    grants: dict[str, list[Any]]
    rights: dict[tuple[str, str], list["Right"]]
    """What each verb on a resource needs, as far as it was asked for: many handlers do the same."""


def known(manifest: Mapping[str, Any]) -> Known:
    grants: dict[str, list[Any]] = {}
    for grant in manifest["grants"]:
        grants.setdefault(grant["handler"], []).append(grant)
    return Known(
        {table["name"]: table for table in manifest["tables"]},
        {handler["name"]: handler for handler in manifest["handlers"]},
        grants,
        {},
    )


def rights(about: Known, group: FunctionGroup, name: Naming, function: str) -> list[Right]:
    """All that a function needs, by grant and by trigger; not yet joined."""
    found = [Right(LOGS, name.log_group_arn(function))]
    for subject in group.subjects:
        for grant in about.grants.get(subject, ()):
            what = (grant["resource"], grant["verb"])
            known_rights = about.rights.get(what)
            if known_rights is None:
                known_rights = about.rights[what] = granted(*what, name, about.tables, about.handlers)
            found += known_rights
    for handler in group.background:
        found += triggered(about.handlers[handler], name)
    return found


def granted(
    resource_id: str,
    verb: str,
    name: Naming,
    tables: Mapping[str, Any],
    handlers: Mapping[str, Any],
) -> list[Right]:
    """What one verb on one resource needs. Raises ValueError for a verb that this table does not know."""
    kind, _, qualified = resource_id.partition(":")
    if kind == "state" and verb == "idempotent":
        return [in_state(name, (*READ, *WRITE, *ERASE), (f"{IDEMPOTENCY}#*",))]
    if kind == "table" and verb == "query_index":
        arn = name.table_arn(qualified)
        indexes = [index_name(index["name"]) for index in tables[qualified]["indexes"]]
        return [Right(TABLE_VERBS[verb], f"{arn}/index/{index}") for index in indexes]
    if kind == "table" and verb in TABLE_VERBS:
        found = [Right(TABLE_VERBS[verb], name.table_arn(qualified))]
        if verb == "increment":
            # What an earlier one with the same token answered.
            found.append(in_state(name, (*READ, *WRITE), partitions_of(TOKEN, name.names.table(qualified))))
        return found
    if kind == "bucket" and verb in OBJECT_VERBS:
        arn = name.bucket_arn(qualified)
        on_keys = [Right(OBJECT_VERBS[verb], f"{arn}/*")] if OBJECT_VERBS[verb] else []
        return [*on_keys, *([Right(LISTING, arn)] if verb in LISTING_VERBS else [])]
    if kind == "topic" and verb in TOPIC_VERBS:
        return [Right(PUBLISH, name.topic_arn(qualified))]
    if kind == "param" and verb == "get":
        return [Right(PARAM, name.parameter_arn(qualified))]
    if kind == "secret" and verb == "get":
        return [Right(SECRET, name.secret_arn(qualified))]
    if kind == "task" and verb in TASK_STATE:
        state = [in_state(name, actions, partitions_of(what, qualified)) for what, actions in TASK_STATE[verb]]
        return [*state, *sending(name, qualified)] if verb == "send" else state
    if verb in LETTER_STATE and kind in ("task", "dead-letters"):
        return letters(name, qualified, verb)
    if verb in LETTER_STATE and kind == "topic":
        return [
            right
            for handler in handlers.values()
            if is_subscriber(handler, qualified)
            for right in letters(name, handler["name"], verb)
        ]
    raise ValueError(f"there are no actions of AWS for {verb!r} on {resource_id}")


def is_subscriber(handler: Mapping[str, Any], topic: str) -> bool:
    trigger = handler["trigger"]
    return bool(trigger["type"] == "delivery" and trigger["kind"] == "topic" and trigger["source"] == topic)


def sending(name: Naming, handler: str) -> list[Right]:
    """Sending a task: at once, or later than a queue can hold it back."""
    return [
        Right(SEND, name.queue_arn(handler)),
        Right(DELAY, name.schedules_arn(name.names.delays())),
        Right(PASS, name.scheduler_role_arn(), passed_to="scheduler.amazonaws.com"),
    ]


def letters(name: Naming, handler: str, verb: str) -> list[Right]:
    found = [
        in_state(name, LETTER_STATE[verb], partitions_of(LETTERS, handler)),
        in_state(name, (*READ, *WRITE), partitions_of(RUN, handler)),
        Right(("sqs:DeleteMessage", "sqs:ReceiveMessage"), name.dead_queue_arn(handler)),
    ]
    if verb == "redrive":
        found.append(Right(SEND, name.queue_arn(handler)))
    return found


def triggered(handler: Mapping[str, Any], name: Naming) -> list[Right]:
    """What the gateway does for a background handler: its queue, its attempts, its dead letters, its lease."""
    qualified, trigger = handler["name"], handler["trigger"]
    found = [
        Right(CONSUME, name.queue_arn(qualified)),
        in_state(name, (*READ, *WRITE), partitions_of(LETTERS, qualified)),
    ]
    kind = trigger["kind"] if trigger["type"] == "delivery" else trigger["type"]
    if kind == "task":
        found.append(in_state(name, (*READ, *WRITE), partitions_of(RUN, qualified)))
    if kind == "schedule":
        found.append(in_state(name, (*READ, *WRITE), partitions_of(LEASE, qualified)))
    if kind in ("bucket", "table"):
        # The next attempt of a change, or of one object of several in a notification: no message could come again.
        found.append(Right(SEND, name.queue_arn(qualified)))
    if kind == "table":
        found.append(Right(STREAM, f"{name.table_arn(trigger['table'])}/stream/*"))
        # What Lambda itself gives up.
        found.append(Right(SEND, name.dead_queue_arn(qualified)))
    return found


def in_state(name: Naming, actions: Sequence[str], partitions: Iterable[str]) -> Right:
    return Right(tuple(actions), name.state_arn(), tuple(partitions))


# Policies


def statements(wanted: Iterable[Right]) -> list[dict[str, Any]]:
    """Rights as statements: equal actions together, sorted, so that equal rights give equal text."""
    by_place: dict[tuple[str, str, str], set[str]] = {}
    for right in wanted:
        for partition in right.partitions or ("",):
            by_place.setdefault((right.arn, partition, right.passed_to), set()).update(right.actions)
    joined: dict[tuple[tuple[str, ...], str, str], dict[str, set[str]]] = {}
    for (arn, partition, passed_to), allowed in by_place.items():
        key = (tuple(sorted(allowed)), arn if partition else "", passed_to)
        places = joined.setdefault(key, {})
        places.setdefault(arn, set()).update({partition} if partition else ())
    made: list[dict[str, Any]] = []
    for (actions, _, passed_to), places in sorted(joined.items()):
        condition: dict[str, Any] = {}
        partitions = sorted({partition for ones in places.values() for partition in ones})
        if partitions:
            condition["ForAllValues:StringLike"] = {"dynamodb:LeadingKeys": partitions}
            # Of a request without keys the first condition would hold.
            condition["Null"] = {"dynamodb:LeadingKeys": "false"}
        if passed_to:
            condition["StringEquals"] = {"iam:PassedToService": passed_to}
        made.append(statement(actions, sorted(places), condition=condition))
    return made


def function_role(about: Known, group: FunctionGroup, name: Naming, function: str, what: str) -> Resource:
    """The role of one function."""
    return resource(
        "AWS::IAM::Role",
        {
            "RoleName": sub(name.names.role(function)),
            "AssumeRolePolicyDocument": assume("lambda.amazonaws.com"),
            "Policies": [
                {
                    "PolicyName": "grants",
                    "PolicyDocument": policy(*statements(rights(about, group, name, function))),
                }
            ],
            "Tags": name.tag_list(what),
        },
    )


def assume(service: str, condition: Mapping[str, Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if condition:
        found["Condition"] = condition
    return policy(found)
