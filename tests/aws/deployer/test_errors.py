"""What botocore raises, as a person who deploys is told it, with the exit code that scripts see."""

import pytest
from botocore.exceptions import (
    ClientError,
    ConfigParseError,
    EndpointConnectionError,
    InvalidRegionError,
    InvalidRetryModeError,
    NoCredentialsError,
    NoRegionError,
    ReadTimeoutError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from portable_aws.deploy_clients import DeployClients, told

from portable.errors import ConfigurationError, NotFound, PortableError


def answered(code: str, message: str = "no", operation: str = "CreateChangeSet", status: int = 400) -> ClientError:
    found = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(found, operation)


@pytest.mark.parametrize(
    ("error", "exit_code", "text"),
    [
        (NoCredentialsError(), 4, "AWS needs credentials"),
        (TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed"), 4, "has expired"),
        (SSOTokenLoadError(error_msg="no token for this session"), 4, "no token"),
        (UnauthorizedSSOTokenError(), 4, "The SSO session"),
        (NoRegionError(), 3, "no region is set"),
        (InvalidRegionError(region_name="bad region"), 3, "bad region"),
        (InvalidRetryModeError(provided_retry_mode="never", valid_modes="standard"), 3, "never"),
        (ConfigParseError(path="/home/me/.aws/config"), 3, "/home/me/.aws/config"),
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


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_credentials_that_are_none_any_more_are_no_matter_of_rights(code: str) -> None:
    with pytest.raises(PortableError) as caught, told("deploy"):
        raise answered(code)
    assert caught.value.exit_code == 4
    assert "--policy" not in str(caught.value.hint)
    assert "log in again" in str(caught.value.hint)


def test_an_endpoint_that_is_no_url_is_a_setting_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "nonsense")
    with (
        pytest.raises(ConfigurationError, match="the endpoint of sts: Invalid endpoint: nonsense") as caught,
        told("x"),
    ):
        DeployClients("eu-central-1").account()
    assert "http://" in str(caught.value.hint)
    assert caught.value.exit_code == 3
