"""The printed rights are those that the deployer uses, and what CloudFormation needs by AWS's own schemas."""

import json
from importlib.metadata import version

import pytest
from portable_aws.deploy_policy import FILE, policy
from portable_aws.replacement import rules

from portable.errors import DeployFailed
from tests.aws.deployer.fake_aws import FakeAws
from tests.aws.deployer.shop import Shop

ACTIONS = {
    # Operations whose right is called otherwise:
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
LONGEST = 10_240
"""Characters of the policies of a role: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


def granted() -> set[str]:
    return {action for one in policy()["Statement"] for action in one["Action"]}


def test_every_call_of_the_deployer_is_allowed(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    shop.deployer.plan(shop.options(), drift=True)
    shop.deploy(code="2")
    shop.rollback()
    aws.fail("HandlerPackFunction", "update", "broken")
    aws.fail("HandlerPackFunction", "undo", "broken")
    with pytest.raises(DeployFailed):
        shop.deploy(code="3")
    aws.mend()
    shop.deploy()
    shop.destroy("orders", "StateTable")
    made = {call.replace(".", ":", 1) for call in aws.calls()}
    assert len(made) > 20
    assert {ACTIONS.get(call, call) for call in made} - granted() == set()


def test_a_policy_is_within_what_a_role_takes(shop: Shop) -> None:
    assert len(json.dumps(policy(), separators=(",", ":"))) <= LONGEST


def test_nothing_in_it_reads_data_or_reaches_what_no_template_has() -> None:
    actions = granted()
    for service in ("ec2", "kms", "kinesis", "elasticfilesystem", "firehose"):
        assert not any(action.startswith(f"{service}:") for action in actions)
    assert not actions & {
        "dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:PutItem", "secretsmanager:GetSecretValue",
    }  # fmt: skip
    assert not any("*" in action for action in actions)


def test_the_data_is_what_awss_schemas_say() -> None:
    """By the version of cfn-lint that made it; with another one, run adapters/aws/generate_permissions.py."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    kept = json.loads(FILE.read_text(encoding="utf-8"))
    assert kept["source"].endswith(f"cfn-lint {version('cfn-lint')}"), "run adapters/aws/generate_permissions.py"
    assert set(kept["types"]) == set(rules())
    for type_, actions in kept["types"].items():
        schema = dict(PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema)
        found = {action for one in schema.get("handlers", {}).values() for action in one.get("permissions", ())}
        assert set(actions) == found, type_
