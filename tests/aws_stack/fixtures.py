"""The AWS test stack as a fixture: started by the first test that asks for it, ended with the session.

from tests.aws_stack.fixtures import aws_stack
"""

from collections.abc import Generator
from typing import NamedTuple

import pytest

from . import session

REGION = "eu-central-1"


class AwsStack(NamedTuple):
    """Where it listens. `control` is where a test may move an account's time."""

    localstack: str
    dynamodb: str
    control: str

    def environment(self) -> dict[str, str]:
        """What a process needs to use it with any SDK of AWS, and to find nothing of the user's own."""
        return {
            "AWS_ENDPOINT_URL": self.localstack,
            "AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb,
            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": self.dynamodb,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PORTABLE_AWS_CONTROL": self.control,
        }


@pytest.fixture(scope="session")
def aws_stack() -> Generator[AwsStack]:
    """The running stack, with the environment of this process pointing to it."""
    localstack, dynamodb = session.endpoint_of("localstack"), session.endpoint_of("dynamodb")
    stack = AwsStack(localstack, dynamodb, f"{localstack}/_portable")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in stack.environment().items():
            patch.setenv(name, value)
        yield stack
