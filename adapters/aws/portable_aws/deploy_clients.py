"""The clients that only the command line uses, and what their errors mean to a person who deploys.

No function ships this module: clients.py has what the runtime half needs.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, NamedTuple

from portable.errors import ConfigurationError, DeployFailed, PermissionDenied, PortableError, Unknown

from .clients import Clients
from .errors import ABSENT, classify, error_code, status_of

ATTEMPTS = 8
"""CloudFormation is asked often, and throttles early."""
LAMBDA = "lambda"
LONGEST_INVOCATION = 910
"""Seconds: a function has 900 at most."""
NO_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound")
LOGGED_OUT = (
    "LoginError", "LoginRefreshRequired", "LoginTokenLoadError", "NoAuthTokenError", "SSOError", "SSOTokenLoadError",
    "TokenRetrievalError", "UnauthorizedSSOTokenError",
)  # fmt: skip
"""What botocore raises where `aws sso login` or `aws login` has not been called, or its session has ended."""
STALE = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Codes of AWS for credentials that are none, or none any more: rights have nothing to do with it."""
MISTAKES = (
    "ConfigNotFound", "ConfigParseError", "InfiniteLoopConfigError", "InvalidChecksumConfigError", "InvalidConfigError",
    "InvalidDefaultsMode", "InvalidEndpointConfigurationError", "InvalidMaxRetryAttemptsError",
    "InvalidProxiesConfigError", "InvalidRegionError", "InvalidRetryConfigurationError", "InvalidRetryModeError",
    "InvalidS3AddressingStyleError", "InvalidSTSRegionalEndpointsConfigError", "UnknownEndpointError",
)  # fmt: skip
"""What botocore raises for settings of its own, whatever AWS would say."""


class Account(NamedTuple):
    """Whose credentials these are. `arn` is the caller's own."""

    id: str
    region: str
    partition: str
    arn: str


class DeployClients(Clients):
    """Clients, and those of the services with which one deploys."""

    @property
    def cloudformation(self) -> Any:
        return self._client("cloudformation", "cloudformation", attempts=ATTEMPTS)

    @property
    def logs(self) -> Any:
        return self._client("logs", "logs")

    @property
    def sts(self) -> Any:
        return self._client("sts", "sts")

    @property
    def lambda_(self) -> Any:
        """An invocation is answered when it is over, and is never sent twice."""
        return self._client("lambda_", LAMBDA, attempts=1)

    def account(self) -> Account:
        """Asks AWS who we are."""
        answer = self.sts.get_caller_identity()
        arn = str(answer["Arn"])
        return Account(str(answer["Account"]), str(self.cloudformation.meta.region_name), arn.split(":")[1], arn)

    def _make(self, service: str, attempts: int, options: dict[str, Any]) -> Any:
        """Raises ConfigurationError for an endpoint that is no URL."""
        try:
            client = super()._make(service, attempts, options)
        except ValueError as error:
            # botocore has an error of its own for nearly all that is wrong, and none for this.
            if type(error) is not ValueError:
                raise
            raise ConfigurationError(
                f"the endpoint of {service}: {error}",
                hint="AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>, or endpoint_url of the profile, are URLs: "
                "http://127.0.0.1:4566",
            ) from error
        if service != LAMBDA:
            return client
        from botocore.config import Config

        patient = client.meta.config.merge(Config(read_timeout=LONGEST_INVOCATION))
        client.close()
        return self._session.create_client(LAMBDA, region_name=self.region, config=patient)


@contextmanager
def told(doing: str) -> Generator[None]:
    """What AWS or botocore raises meanwhile comes out as one of portable's errors, which says what was being done."""
    try:
        yield
    except PortableError:
        raise
    except Exception as error:
        found = meaning(error, doing)
        if found is None:
            raise
        raise found from error


def meaning(error: Exception, doing: str) -> PortableError | None:
    """An error of botocore as a person is told it; None for what is none of botocore's."""
    if not type(error).__module__.startswith("botocore."):
        return None
    name = type(error).__name__
    if name in NO_CREDENTIALS:
        return PermissionDenied(
            f"{doing}: AWS needs credentials, and there are none: {error}",
            hint="as for every tool of AWS: `aws configure`, AWS_PROFILE, or the variables AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY",
        )
    if name in LOGGED_OUT:
        return PermissionDenied(f"{doing}: {error}", hint="log in again: `aws sso login`, or as your profile has it")
    if name == "NoRegionError":
        return ConfigurationError(f"{doing}: no region is set", hint="AWS_REGION=eu-central-1, or a profile with one")
    if name in MISTAKES:
        return ConfigurationError(
            f"{doing}: {error}", hint="it is in the variables AWS_..., or in the files of `aws configure`"
        )
    kind = classify(error)
    if error_code(error) in STALE:
        return PermissionDenied(
            f"{doing}: {error}", hint="log in again, or look at AWS_PROFILE, at the variables AWS_... and at the clock"
        )
    if kind is PermissionDenied:
        return PermissionDenied(
            f"{doing}: {error}", hint="`portable doctor --target aws --policy` prints the rights that a deploy needs"
        )
    if kind is Unknown:
        return Unknown(f"{doing}: the answer was lost: {error}", hint="run it again: it goes on from where AWS is")
    if kind is None or error_code(error) == "ValidationError":
        return DeployFailed(f"{doing}: {error}")
    return kind(f"{doing}: {error}", hint="run it again: it goes on from where AWS is")


def is_absent(error: Exception) -> bool:
    """Whether AWS says that what was asked for is not there; HEAD requests are answered without a code."""
    return error_code(error) in ABSENT or status_of(error) == 404
