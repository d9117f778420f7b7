"""The rights of whoever deploys: what CloudFormation does in the caller's name, and what the deployer calls itself.

The first part is AWS's own word, from its resource schemas (permissions.json, made by generate_permissions.py), without
what only features need that templates of ours never use. Data is not among it: a deploy reads none.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("permissions.json")
UNUSED = ("ec2:", "elasticfilesystem:", "firehose:", "kinesis:", "kms:", "s3files:", "cloudformation:")
"""Networks, keys of one's own, streams of Kinesis; stacks are among the deployer's own calls."""
DATA = frozenset(
    f"dynamodb:{name}"
    for name in (
        *("BatchWriteItem", "DeleteItem", "GetItem", "ImportTable", "PutItem", "Query", "Scan", "UpdateItem"),
        *("AssociateTableReplica", "CreateTableReplica", "DeleteTableReplica"),
    )
) | {"s3:DeleteObject", "s3:getObject", "s3:GetObject", "s3:GetObjectVersion", "s3:REST.PUT.OBJECT"}
STACKS = (
    "ContinueUpdateRollback", "CreateChangeSet", "CreateStack", "DeleteChangeSet", "DeleteStack", "DescribeChangeSet",
    "DescribeStackDriftDetectionStatus", "DescribeStackEvents", "DescribeStackResourceDrifts", "DescribeStacks",
    "DetectStackDrift", "DetectStackResourceDrift", "ExecuteChangeSet", "GetTemplate", "ListStackResources",
    "RollbackStack", "TagResource", "UpdateStack",
)  # fmt: skip
ARTIFACTS = (
    "CreateBucket", "GetBucketTagging", "GetObject", "GetObjectVersion", "ListBucket", "PutBucketPolicy",
    "PutBucketPublicAccessBlock", "PutBucketTagging", "PutBucketVersioning", "PutEncryptionConfiguration",
    "PutLifecycleConfiguration", "PutObject",
)  # fmt: skip
OWNERS = ("dynamodb:ListTagsOfResource", "s3:GetBucketTagging")
"""Whose a table or bucket is, before it is taken over or deleted by its name."""
USING = ("lambda:InvokeFunction", "logs:FilterLogEvents", "sts:GetCallerIdentity")
"""`portable invoke` and `portable logs`, and knowing who we are."""
VALUES = (
    "secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:DescribeSecret",
    "secretsmanager:ListSecrets", "secretsmanager:PutSecretValue", "secretsmanager:RestoreSecret",
    "ssm:DeleteParameter", "ssm:DescribeParameters", "ssm:GetParameter", "ssm:PutParameter",
)  # fmt: skip
ERASING = (
    "s3:AbortMultipartUpload", "s3:DeleteBucket", "s3:DeleteObject", "s3:DeleteObjectVersion",
    "s3:ListBucketMultipartUploads", "s3:ListBucketVersions",
)  # fmt: skip
"""`portable destroy --delete-data`, for buckets; leave it out, and nobody can."""


@cache
def resource_actions() -> tuple[str, ...]:
    """What CloudFormation calls for the types that templates of ours hold."""
    data: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    found = {action for actions in data["types"].values() for action in actions}
    return tuple(sorted(action for action in found if action not in DATA and not action.startswith(UNUSED)))


def policy() -> dict[str, Any]:
    """A policy of IAM."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            statement("Resources", resource_actions(), "*"),
            statement("Stacks", (f"cloudformation:{name}" for name in STACKS), "*"),
            statement("Artifacts", (f"s3:{name}" for name in ARTIFACTS), ["arn:*:s3:::portable-*"]),
            statement("Owners", OWNERS, "*"),
            statement("Use", USING, "*"),
            statement("Values", VALUES, "*"),
            statement("DeleteData", ERASING, "*"),
        ],
    }


def statement(sid: str, actions: Any, resource: Any) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resource}
