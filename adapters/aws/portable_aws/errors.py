"""Which of portable's errors an error of AWS is.

What matters most is whether a write happened. `note_attempt` therefore looks at every attempt that botocore makes: an
answer that was lost, or one that says "internal error", leaves in doubt whether that attempt was carried out, and the
retries after it do not take the doubt away, whatever they end in.
"""

import sys
from typing import Any

from portable.errors import (
    ConfigurationError,
    Conflict,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    PortableError,
    Throttled,
    Unavailable,
    Unknown,
)

IN_DOUBT = "portable_in_doubt"

READS = ("Get", "BatchGet", "Query", "Scan", "Head", "List", "Describe", "Receive", "TransactGet")

CONFLICTS = frozenset(
    {
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
        "PreconditionFailed",
        "412",
    }
)
ABSENT = frozenset(
    {
        "ResourceNotFoundException",
        "NoSuchKey",
        "NoSuchBucket",
        "NoSuchVersion",
        "NoSuchUpload",
        "404",
        "NotFound",
        "NotFoundException",
        "ParameterNotFound",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    }
)
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
        "UnauthorizedException",
        "403",
        "Forbidden",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "KMSAccessDeniedException",
        "KMS.AccessDeniedException",
    }
)
THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "Throttled",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "TooManyRequestsException",
        "TooManyRequests",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "OverLimit",
        "SlowDown",
        "KMSThrottlingException",
        "KMS.ThrottlingException",
        # Two writes at one item or key at once: as S3 and DynamoDB say, try again.
        "TransactionConflictException",
        "TransactionInProgressException",
        "ConditionalRequestConflict",
        "OperationAborted",
    }
)
UNAVAILABLE = frozenset({"ServiceUnavailable", "ServiceUnavailableException", "503"})
TOO_LARGE = frozenset(
    {
        "EntityTooLarge",
        "ItemCollectionSizeLimitExceededException",
        "MaxMessageLengthExceeded",
        "RequestEntityTooLarge",
        "RequestTooLarge",
        "BatchRequestTooLong",
        "AWS.SimpleQueueService.BatchRequestTooLong",
        "MetadataTooLarge",
        "KeyTooLongError",
    }
)
NEVER_SENT = ("EndpointConnectionError", "ConnectTimeoutError", "ProxyConnectionError")


def note_attempt(response: Any, operation: Any, caught_exception: Any, request_dict: Any, **_: Any) -> None:
    """Of every attempt of a call, before botocore decides on a retry: notes on its error what is in doubt by now."""
    context = request_dict["context"]
    if response is None:
        if type(caught_exception).__name__ not in NEVER_SENT:
            context[IN_DOUBT] = True
        caught_exception.operation_name = operation.name
        caught_exception.in_doubt = context.get(IN_DOUBT, False)
        return
    status = response[0].status_code
    if status >= 300:
        if status >= 500 and status != 503:
            context[IN_DOUBT] = True
        if context.get(IN_DOUBT):
            response[1].setdefault("ResponseMetadata", {})["InDoubt"] = True


def error_code(error: Exception) -> str:
    """AWS's own code of an error response, or ""."""
    response: Any = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]


def status_of(error: Exception) -> int:
    """The HTTP status of an error response, or 0."""
    response: Any = getattr(error, "response", None)
    found = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else 0  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return found if isinstance(found, int) else 0


def is_in_doubt(error: Exception) -> bool:
    """Whether one of the attempts may have been carried out, as far as botocore could see."""
    response: Any = getattr(error, "response", None)
    if isinstance(response, dict):
        return bool(response.get("ResponseMetadata", {}).get("InDoubt"))  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
    return bool(getattr(error, "in_doubt", False))


def classify(error: Exception) -> type[PortableError] | None:
    """Which of portable's errors an error of botocore is; None for what is none, and for mistakes in a call."""
    exceptions: Any = sys.modules.get("botocore.exceptions")
    if exceptions is None:
        return None
    if isinstance(error, exceptions.ClientError):
        return of_response(error)
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.NoRegionError)):
        return ConfigurationError
    if isinstance(error, (exceptions.CredentialRetrievalError, exceptions.MetadataRetrievalError)):
        return Unavailable
    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError)):
        lost = getattr(error, "in_doubt", type(error).__name__ not in NEVER_SENT)
        return Unknown if lost and is_write(error) else Unavailable
    if type(error).__name__ == "ResponseParserError":
        # Something answered, and it was not AWS.
        return Unknown if is_write(error) else Unavailable
    return None


def of_response(error: Exception) -> type[PortableError] | None:
    """Of an error that AWS answered."""
    code, status = error_code(error), status_of(error)
    if code in CONFLICTS:
        return Conflict
    if code in ABSENT:
        return NotFound
    if code in DENIED:
        return PermissionDenied
    if code in TOO_LARGE or (code == "ValidationException" and "size" in str(error).lower()):
        return LimitExceeded
    if is_write(error) and (is_in_doubt(error) or (status >= 500 and status != 503 and code not in UNAVAILABLE)):
        return Unknown
    if code in THROTTLED or status == 429:
        return Throttled
    if code in UNAVAILABLE or status >= 500 or code.startswith("Internal") or code == "RequestTimeout":
        return Unavailable
    return None


def is_write(error: Exception) -> bool:
    """Whether the call that failed writes; one whose operation is not known is taken for a write."""
    return not str(getattr(error, "operation_name", "")).startswith(READS)
