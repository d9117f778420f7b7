"""What botocore raises, as a person who deploys is told it, with the exit code that scripts see."""

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
)
from portable_aws.deploy_clients import told

from portable.errors import NotFound, PortableError


def answered(code: str, message: str = "no", operation: str = "CreateChangeSet", status: int = 400) -> ClientError:
    found = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(found, operation)


@pytest.mark.parametrize(
    ("error", "exit_code", "text"),
    [
        (NoCredentialsError(), 4, "AWS needs credentials"),
        (NoRegionError(), 3, "no region is set"),
        (
            answered("AccessDenied", "User is not authorized to perform: cloudformation:CreateChangeSet"),
            4,
            "authorized",
        ),
        (answered("ExpiredToken", "The security token included in the request is expired"), 4, "expired"),
        (answered("Throttling", "Rate exceeded"), 5, "Rate exceeded"),
        (answered("ServiceUnavailable", status=503), 5, "deploy"),
        (answered("InternalFailure", operation="DescribeStacks", status=500), 5, "deploy"),
        (EndpointConnectionError(endpoint_url="https://nowhere"), 5, "nowhere"),
        (ReadTimeoutError(endpoint_url="https://slow"), 5, "the answer was lost"),
        (answered("ValidationError", "Template format error"), 1, "Template format error"),
        (answered("InsufficientCapabilitiesException", "Requires capabilities"), 1, "Requires capabilities"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_of_aws_has_its_exit_code(error: Exception, exit_code: int, text: str) -> None:
    with pytest.raises(PortableError, match=text) as caught, told("deploy"):
        raise error
    assert caught.value.exit_code == exit_code
    assert caught.value.__cause__ is error


def test_what_is_not_awss_stays_what_it_is() -> None:
    for error in (NotFound("no release 7"), ZeroDivisionError("a bug")):
        with pytest.raises(type(error)) as caught, told("deploy"):
            raise error
        assert caught.value is error
