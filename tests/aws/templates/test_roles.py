"""Roles: each verb is exactly its actions on its own resource, each trigger has what it needs, nothing has `*`."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest
from portable_aws.iam import DELAY, granted, known, rights, statements
from portable_aws.stacks import Template
from portable_aws.template_functions import function_name
from portable_aws.template_parts import naming
from portable_aws.template_schedules import scheduling_part
from portable_aws.translate import Stage

from portable.binding import Resource
from portable.buckets import Bucket
from portable.config import Param, Secret
from portable.dead_letters import DeadLetters
from portable.deploy.functions import group
from portable.messages import new_message_id
from portable.tables import Table
from portable.tasks import Task
from portable.topics import Topic

Manifests = Callable[[str], dict[str, Any]]
Make = Callable[[str, Stage], Template]
DEV = Stage("dev")
NAME = naming("notes", "dev")
HERE = "arn:${AWS::Partition}"
TABLE = f"{HERE}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/notes-dev-words"
STATE = f"{HERE}:dynamodb:${{AWS::Region}}:${{AWS::AccountId}}:table/notes-dev--state"
BUCKET = f"{HERE}:s3:::notes-dev-files-${{AWS::AccountId}}-${{AWS::Region}}"
QUEUE = f"{HERE}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:notes-dev-pay"
TABLES = {"words": {"indexes": [{"name": "by_a"}, {"name": "b"}]}}
HANDLERS = {
    "hear": {"name": "hear", "trigger": {"type": "delivery", "kind": "topic", "source": "placed"}},
    "pay": {"name": "pay", "trigger": {"type": "delivery", "kind": "task", "source": "pay"}},
}

Allowed = set[tuple[str, str, str]]
"""(action, ARN, partitions)."""


def allowed(resource: str, verb: str) -> Allowed:
    return {
        (action, right.arn, " ".join(right.partitions))
        for right in granted(resource, verb, NAME, TABLES, HANDLERS)
        for action in right.actions
    }


def on(arn: str, *actions: str, of: str = "") -> Allowed:
    return {(action, arn, of) for action in actions}


RUN = "run#pay run#pay#*"
LETTERS = "letters#pay letters#pay#*"
GET, PUT, DELETE = "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"
READ_OBJECTS = on(f"{BUCKET}/*", "s3:GetObject") | on(BUCKET, "s3:ListBucket")
WRITES = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:AbortMultipartUpload")
WRITE_OBJECTS = on(f"{BUCKET}/*", *WRITES) | on(BUCKET, "s3:ListBucket")
DEAD = on(f"{QUEUE}-dead", "sqs:ReceiveMessage", "sqs:DeleteMessage") | on(STATE, GET, PUT, of=RUN)
EXPECTED: dict[tuple[str, str], Allowed] = {
    ("table:words", "get"): on(TABLE, GET),
    ("table:words", "require"): on(TABLE, GET),
    ("table:words", "get_entry"): on(TABLE, GET),
    ("table:words", "put"): on(TABLE, PUT),
    ("table:words", "update"): on(TABLE, GET, PUT),
    ("table:words", "delete"): on(TABLE, DELETE),
    ("table:words", "increment"): on(TABLE, GET, "dynamodb:UpdateItem")
    | on(STATE, GET, PUT, of="token#notes-dev-words token#notes-dev-words#*"),
    ("table:words", "query"): on(TABLE, "dynamodb:Query"),
    ("table:words", "query_index"): on(f"{TABLE}/index/by_a", "dynamodb:Query")
    | on(f"{TABLE}/index/index.b", "dynamodb:Query"),
    ("table:words", "transact"): on(TABLE, PUT, DELETE, "dynamodb:ConditionCheckItem"),
    ("table:words", "batch_get"): on(TABLE, "dynamodb:BatchGetItem"),
    ("table:words", "batch_write"): on(TABLE, "dynamodb:BatchWriteItem", PUT),
    ("table:words", "scan"): on(TABLE, "dynamodb:Scan"),
    ("bucket:files", "get"): READ_OBJECTS,
    ("bucket:files", "require"): READ_OBJECTS,
    ("bucket:files", "open"): READ_OBJECTS,
    ("bucket:files", "read_range"): READ_OBJECTS,
    ("bucket:files", "head"): READ_OBJECTS,
    ("bucket:files", "put"): WRITE_OBJECTS,
    ("bucket:files", "copy"): WRITE_OBJECTS,
    ("bucket:files", "delete"): on(f"{BUCKET}/*", "s3:GetObject", "s3:DeleteObject") | on(BUCKET, "s3:ListBucket"),
    ("bucket:files", "list"): on(BUCKET, "s3:ListBucket"),
    ("bucket:files", "signed_url"): on(f"{BUCKET}/*", "s3:GetObject", "s3:PutObject") | on(BUCKET, "s3:ListBucket"),
    ("topic:placed", "publish"): on(f"{HERE}:sns:${{AWS::Region}}:${{AWS::AccountId}}:notes-dev-placed", "sns:Publish"),
    ("param:limit", "get"): on(
        f"{HERE}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter/notes-dev-limit", "ssm:GetParameter"
    ),
    ("secret:key", "get"): on(
        f"{HERE}:secretsmanager:${{AWS::Region}}:${{AWS::AccountId}}:secret:notes-dev-key-??????",
        "secretsmanager:GetSecretValue",
    ),
    ("task:pay", "send"): on(QUEUE, "sqs:SendMessage")
    | on(STATE, GET, PUT, of=RUN)
    | on(STATE, GET, PUT, DELETE, of="dedup#pay dedup#pay#*")
    | on(
        f"{HERE}:scheduler:${{AWS::Region}}:${{AWS::AccountId}}:schedule/notes-dev/notes-dev--*",
        "scheduler:CreateSchedule",
    )
    | on(f"{HERE}:iam::${{AWS::AccountId}}:role/notes-dev--scheduler-${{AWS::Region}}", "iam:PassRole"),
    ("task:pay", "run"): on(STATE, GET, of=RUN),
    ("task:pay", "report"): on(STATE, GET, PUT, of=RUN),
    ("task:pay", "dead_letters"): on(STATE, GET, PUT, "dynamodb:Query", of=LETTERS) | DEAD,
    ("task:pay", "redrive"): on(STATE, GET, PUT, DELETE, of=LETTERS) | on(QUEUE, "sqs:SendMessage") | DEAD,
    ("task:pay", "discard"): on(STATE, GET, PUT, DELETE, of=LETTERS) | DEAD,
    ("state", "idempotent"): on(STATE, GET, PUT, DELETE, of="idempotency#*"),
}  # fmt: skip
EXPECTED["topic:placed", "publish_all"] = EXPECTED["topic:placed", "publish"]


def hearer(found: Allowed) -> Allowed:
    """The same rights for another handler."""
    return {(action, arn.replace("-pay", "-hear"), of.replace("#pay", "#hear")) for action, arn, of in found}


for _verb in ("dead_letters", "redrive", "discard"):
    EXPECTED["topic:placed", _verb] = hearer(EXPECTED["task:pay", _verb])
    EXPECTED["dead-letters:pay", _verb] = EXPECTED["task:pay", _verb]


@pytest.mark.parametrize(("resource", "verb"), sorted(EXPECTED))
def test_a_verb_is_exactly_its_actions_on_its_resource(resource: str, verb: str) -> None:
    assert allowed(resource, verb) == EXPECTED[resource, verb]


def test_every_verb_that_there_is_has_its_actions() -> None:
    kinds: tuple[type[Resource[Any]], ...] = (Table, Bucket, Topic, Task, Param, Secret, DeadLetters)
    known = {(resource.partition(":")[0], verb) for resource, verb in EXPECTED}
    assert {(kind.kind, verb) for kind in kinds for verb in kind.verbs} | {("state", "idempotent")} == known


def test_a_verb_that_the_table_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="drop"):
        granted("table:words", "drop", NAME, TABLES, HANDLERS)


def needs(kind: str) -> Allowed:
    handler = {
        "task": HANDLERS["pay"],
        "topic": {**HANDLERS["hear"], "name": "pay"},
        "schedule": {"name": "pay", "trigger": {"type": "schedule"}},
        "bucket": {"name": "pay", "trigger": {"type": "bucket", "bucket": "files"}},
        "table": {"name": "pay", "trigger": {"type": "table", "table": "words"}},
    }[kind]
    from portable_aws.iam import triggered

    return {
        (action, right.arn, " ".join(right.partitions))
        for right in triggered(handler, NAME)
        for action in right.actions
    }


CONSUMES = on(
    QUEUE,
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ChangeMessageVisibility",
) | on(STATE, GET, PUT, of=LETTERS)
TRIGGERS: dict[str, Allowed] = {
    "topic": CONSUMES,
    "bucket": CONSUMES | on(QUEUE, "sqs:SendMessage"),
    "task": CONSUMES | on(STATE, GET, PUT, of=RUN),
    "schedule": CONSUMES | on(STATE, GET, PUT, of="lease#pay lease#pay#*"),
    "table": CONSUMES
    | on(QUEUE, "sqs:SendMessage")
    | on(f"{QUEUE}-dead", "sqs:SendMessage")
    | on(
        f"{TABLE}/stream/*",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:DescribeStream",
        "dynamodb:ListStreams",
    ),
}


@pytest.mark.parametrize("kind", sorted(TRIGGERS))
def test_a_trigger_has_what_it_needs_and_no_more(kind: str) -> None:
    assert needs(kind) == TRIGGERS[kind]


# Policies


def documents(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement that allows, of roles and of resources."""
    for id, value in template.resources().items():
        properties = value["Properties"]
        found = [one["PolicyDocument"] for one in properties.get("Policies", ())]
        found += [properties[key] for key in ("PolicyDocument", "AssumeRolePolicyDocument") if key in properties]
        for document in found:
            for statement in document["Statement"]:
                if statement["Effect"] == "Allow":
                    yield id, statement


ENDINGS = re.compile(
    r":table/[^*?]+/stream/\*"
    r"|:log-group:/aws/lambda/[^*?]+:\*"
    r"|:s3:::[^*?]+/\*"
    r"|:secret:[^*?]+-\?{6}"
    r"|:schedule/[a-z0-9-]+/[a-z0-9-]+--\*"
)
"""What AWS makes itself, and so cannot be named beforehand."""


@pytest.mark.parametrize("app", ["notes", "fatfire", "everything:service", "everything:app", "everything:handler"])
def test_no_resource_and_no_action_is_a_star(app: str, template: Make) -> None:
    checked = 0
    for id, statement in documents(template(app, DEV)):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not any("*" in action for action in actions), id
        resources = statement.get("Resource", [])
        for one in resources if isinstance(resources, list) else [resources]:
            if isinstance(one, dict) and "Fn::Sub" not in one:
                continue
            text = one["Fn::Sub"] if isinstance(one, dict) else one
            star = min((text.find(mark) for mark in "*?" if mark in text), default=-1)
            assert star < 0 or ENDINGS.search(text), f"{id}: {text}"
            checked += 1
    assert checked > 30


def test_every_statement_on_the_frameworks_table_is_limited_to_partitions(template: Make) -> None:
    checked = 0
    for id, statement in documents(template("everything:service", DEV)):
        places = json.dumps(statement.get("Resource"))
        if "--state" in places:
            keys = statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
            assert keys, id
            assert all(re.match(r"(run|letters|dedup|lease|token|idempotency)#", key) for key in keys), id
            assert statement["Condition"]["Null"] == {"dynamodb:LeadingKeys": "false"}
            assert places.count("arn:") == 1
            checked += 1
    assert checked > 10


def test_what_is_joined_says_no_more_than_the_parts_did(manifests: Manifests) -> None:
    """Statements multiplied out again are the rights, one by one."""
    for app in ("notes", "fatfire", "everything:service", "everything:app"):
        manifest = manifests(app)
        name = naming(manifest["app"]["name"], "dev")
        for one in group(manifest):
            found = rights(known(manifest), one, name, function_name(one, name))
            parts = {
                (action, right.arn, partition, right.passed_to)
                for right in found
                for action in right.actions
                for partition in right.partitions or ("",)
            }
            joined: set[tuple[str, str, str, str]] = set()
            for statement in statements(found):
                condition: Mapping[str, Any] = statement.get("Condition", {})
                keys = condition.get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [""])
                passed = condition.get("StringEquals", {}).get("iam:PassedToService", "")
                joined |= {
                    (action, place["Fn::Sub"], key, passed)
                    for action in statement["Action"]
                    for place in statement["Resource"]
                    for key in keys
                }
            assert joined == parts, one.id


def test_a_function_has_the_rights_of_its_own_handlers_only(template: Make) -> None:
    resources = template("everything:service", DEV).root["Resources"]
    audit = json.dumps(resources["HandlerAuditRole"]["Properties"]["Policies"])
    assert "everything-dev-orders" not in audit
    assert "sns:Publish" not in audit
    assert "everything-dev-audit" in audit


@pytest.mark.parametrize("stage", ["d", "s" * 16])
def test_names_that_are_cut_are_within_the_patterns_of_the_roles(stage: str) -> None:
    """With app names of every length: delayed tasks, and the queues that the schedules' role does not list."""
    handlers = ["a", "h" * 63]
    one = {"trigger": {"type": "delivery", "kind": "task"}}
    manifest = {"handlers": [{**one, "name": name} for name in [*handlers, *(f"task_{n}" for n in range(40))]]}
    for length in range(1, 64):
        name = naming("a-" * (length // 2) + "b" * (length % 2), stage)
        [delay] = [right for right in granted("task:pay", "send", name, {}, {}) if right.actions == DELAY]
        for id in (new_message_id(0.0), "i" * 60):
            assert fnmatchcase(name.schedules_arn(name.names.delay(id)), delay.arn), (length, id)
            assert len(name.names.delay(id)) <= 64
        part = scheduling_part(manifest, name)
        assert part is not None
        [policy] = part.resources["SchedulerRole"]["Properties"]["Policies"]
        [pattern] = policy["PolicyDocument"]["Statement"][0]["Resource"]
        for handler in handlers:
            for arn in (name.queue_arn(handler), name.dead_queue_arn(handler)):
                assert fnmatchcase(arn, pattern["Fn::Sub"]), (length, handler)


def test_a_role_is_for_its_service_alone(template: Make) -> None:
    for id, value in template("everything:service", DEV).root["Resources"].items():
        if value["Type"] == "AWS::IAM::Role":
            [statement] = value["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            service = "scheduler.amazonaws.com" if id == "SchedulerRole" else "lambda.amazonaws.com"
            assert statement["Principal"] == {"Service": service}
            assert ("Condition" in statement) == (id == "SchedulerRole")
