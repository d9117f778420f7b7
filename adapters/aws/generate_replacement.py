"""Writes portable_aws/replacement.json anew: which changes of a property mean that AWS replaces the resource.

    python adapters/aws/generate_replacement.py

The source are AWS's own resource schemas as cfn-lint carries them, for the types that templates of ours hold. Users
need no cfn-lint: they have the file.
"""

import json
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

TARGET = Path(__file__).with_name("portable_aws") / "replacement.json"
REGION = "us-east-1"
TYPES = (
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudFormation::Stack",
    "AWS::CloudWatch::Alarm",
    "AWS::DynamoDB::Table",
    "AWS::IAM::Role",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Lambda::Function",
    "AWS::Lambda::Permission",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SNS::TopicPolicy",
    "AWS::SQS::Queue",
    "AWS::SQS::QueuePolicy",
    "AWS::Scheduler::Schedule",
    "AWS::Scheduler::ScheduleGroup",
)


def paths(schema: dict[str, Any], key: str) -> list[str]:
    return sorted(path.removeprefix("/properties/") for path in schema.get(key) or ())


def data() -> dict[str, Any]:
    types: dict[str, Any] = {}
    for type_ in TYPES:
        schema = dict(PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, type_).schema)
        types[type_] = {
            "replaces": paths(schema, "createOnlyProperties"),
            "may_replace": paths(schema, "conditionalCreateOnlyProperties"),
        }
    return {
        "source": f"AWS's resource schemas, {REGION}, by cfn-lint {version('cfn-lint')}",
        "types": types,
    }


def main() -> None:
    found = {"as_of": f"{datetime.now(UTC):%Y-%m}", **data()}
    TARGET.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
