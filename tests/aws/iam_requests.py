"""Calls of AWS as requests that IAM judges: the action, the resource and the context of each."""

from collections.abc import Callable
from typing import Any, NamedTuple

BY_AWS = {
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}
"""What Lambda itself does with a function's role, and no code of ours."""

PARTITIONS = ("run", "letters", "dedup", "lease", "token", "idempotency")
"""How partitions of the framework's table begin."""


class Call(NamedTuple):
    function: str
    service: str
    operation: str
    parameters: dict[str, Any]


class Asked(NamedTuple):
    """A request as IAM sees it."""

    function: str
    action: str
    resource: str
    context: tuple[tuple[str, str | tuple[str, ...]], ...] = ()


class Place(NamedTuple):
    """Where a call was made."""

    account: str
    region: str

    def arn(self, service: str, rest: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{rest}"


def asked(call: Call, place: Place) -> list[Asked]:
    """What a call needs to be allowed."""
    return [one._replace(function=call.function) for one in NEEDS[call.service](call.operation, call.parameters, place)]


IN_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}


def of_dynamodb(operation: str, p: dict[str, Any], place: Place) -> list[Asked]:
    def table(name: str) -> str:
        return place.arn("dynamodb", f"table/{name}")

    def item(action: str, name: str, keys: dict[str, Any]) -> Asked:
        return Asked("", f"dynamodb:{action}", table(name), (("dynamodb:LeadingKeys", (keys["pk"]["S"],)),))

    if operation == "TransactWriteItems":
        return [
            item(IN_TRANSACTION[kind], step["TableName"], step.get("Item") or step["Key"])
            for entry in p["TransactItems"]
            for kind, step in entry.items()
        ]
    if operation in ("BatchGetItem", "BatchWriteItem"):
        return [Asked("", f"dynamodb:{operation}", table(name)) for name in p["RequestItems"]]
    if operation in ("Query", "Scan"):
        index = f"/index/{p['IndexName']}" if "IndexName" in p else ""
        values = [value["S"] for value in p.get("ExpressionAttributeValues", {}).values() if "S" in value]
        # Of the framework's table the partition is the value with a `#` that is not a sort key's.
        keys = [value for value in values if value.partition("#")[0] in PARTITIONS] or values
        context = (("dynamodb:LeadingKeys", (keys[0],)),) if keys else ()
        return [Asked("", f"dynamodb:{operation}", table(p["TableName"]) + index, context)]
    return [item(operation, p["TableName"], p.get("Item") or p["Key"])]


def of_s3(operation: str, p: dict[str, Any], place: Place) -> list[Asked]:
    keys = f"arn:aws:s3:::{p['Bucket']}/{p.get('Key', '')}"
    if operation == "ListObjectsV2":
        return [Asked("", "s3:ListBucket", f"arn:aws:s3:::{p['Bucket']}")]
    if operation in ("HeadObject", "GetObject"):
        return [Asked("", "s3:GetObjectVersion" if "VersionId" in p else "s3:GetObject", keys)]
    if operation == "CopyObject":
        found = p["CopySource"]
        if isinstance(found, dict):
            source, has_version = f"{found['Bucket']}/{found['Key']}", "VersionId" in found
        else:
            source, has_version = str(found).partition("?")[0], "versionId=" in str(found)
        reads = "s3:GetObjectVersion" if has_version else "s3:GetObject"
        return [Asked("", reads, f"arn:aws:s3:::{source}"), Asked("", "s3:PutObject", keys)]
    if operation in ("CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"):
        return [Asked("", "s3:PutObject", keys)]
    return [Asked("", f"s3:{operation}", keys)]


def of_scheduler(operation: str, p: dict[str, Any], place: Place) -> list[Asked]:
    assert operation == "CreateSchedule"
    context = (("iam:PassedToService", "scheduler.amazonaws.com"),)
    return [
        Asked("", "scheduler:CreateSchedule", place.arn("scheduler", f"schedule/{p['GroupName']}/{p['Name']}")),
        Asked("", "iam:PassRole", p["Target"]["RoleArn"], context),
    ]


NEEDS: dict[str, Callable[[str, dict[str, Any], Place], list[Asked]]] = {
    "dynamodb": of_dynamodb,
    "s3": of_s3,
    "scheduler": of_scheduler,
    "sqs": lambda operation, p, place: [
        Asked("", f"sqs:{operation}", place.arn("sqs", p["QueueUrl"].rpartition("/")[2]))
    ],
    "sns": lambda operation, p, place: [Asked("", "sns:Publish", p["TopicArn"])],
    "ssm": lambda operation, p, place: [Asked("", f"ssm:{operation}", place.arn("ssm", f"parameter/{p['Name']}"))],
    "secretsmanager": lambda operation, p, place: [
        Asked("", f"secretsmanager:{operation}", place.arn("secretsmanager", f"secret:{p['SecretId']}-AbCdEf"))
    ],
}


def probe_of(one: Asked, account: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    """A request as the simulator takes it."""
    return {
        "principal": f"arn:aws:sts::{account}:assumed-role/{one.function}/it",
        "action": one.action,
        "resource": one.resource,
        "account": account,
        "context": {key: list(value) if isinstance(value, tuple) else value for key, value in one.context},
        "policies": [{"name": "grants", "policy": {"Version": "2012-10-17", "Statement": statements}}],
    }
