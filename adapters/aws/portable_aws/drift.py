"""What was changed in AWS past CloudFormation: found by its own drift detection, told with a plan.

An update does not mend it: CloudFormation compares templates, not resources. What was deleted by hand makes an update
of it fail; what was changed stays so until the template says something else.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
"""

import json
from collections.abc import Mapping
from typing import Any

from portable.errors import DeployFailed

from .diff import kind_of
from .stack_calls import Stacks

LONGEST_VALUE = 60
FOUND = ("MODIFIED", "DELETED")


def drift_of(stacks: Stacks) -> list[str]:
    """A sentence for each resource of the root stack that is not as it was deployed. Takes a minute or more on AWS."""
    answer = stacks.detect_drift()
    # Where single resources could not be looked at, those that could are told all the same.
    if answer["DetectionStatus"] == "DETECTION_FAILED" and answer.get("StackDriftStatus") is None:
        raise DeployFailed(f"{stacks.name}: {answer.get('DetectionStatusReason') or 'drift could not be detected'}")
    return sorted(sentence(one) for one in stacks.drifted(FOUND))


def sentence(one: Mapping[str, Any]) -> str:
    """One entry of DescribeStackResourceDrifts, in words."""
    kind, name = kind_of(str(one["ResourceType"])), str(one.get("PhysicalResourceId") or one["LogicalResourceId"])
    what = f"{kind} {name} ({one['LogicalResourceId']})"
    if one["StackResourceDriftStatus"] == "DELETED":
        return f"{what} is gone: somebody has deleted it; an update of it fails until it is there again"
    changes = "; ".join(
        f"{str(entry['PropertyPath']).strip('/')}: {short(entry['ExpectedValue'])} -> {short(entry['ActualValue'])}"
        for entry in one.get("PropertyDifferences", ())
    )
    return f"{what} was changed past CloudFormation: {changes or 'AWS does not say how'}"


def short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
