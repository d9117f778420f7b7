"""What a call of Google Cloud raises, and which of portable's errors that is.

What matters most is whether a write happened. `rest.py` says so on the error: `in_doubt` where an attempt may have been
carried out whose answer was lost, or was one that tells nothing (500, 502, 503, 504). The retries after it do not take
the doubt away, whatever they end in. Of 503 Google says itself that it is not always safe to repeat what is not
idempotent: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
"""

from collections.abc import Sequence
from typing import Any, cast

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
    Unsupported,
)

RATES = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "RATE_LIMIT_EXCEEDED"})
"""Reasons of a 403 that is about the rate: https://cloud.google.com/storage/docs/json_api/v1/status-codes"""
SWITCHED_OFF = "SERVICE_DISABLED"
LARGE = (
    "exceeds the maximum",
    "larger than",
    "longer than",
    "maximum allowed size",
    "maximum entity size",
    "too large",
    "too many",
)


class GoogleError(Exception):
    """An answer that is an error, or none at all.

    `status` is that of HTTP, 0 where no answer came. `reason` is Google's word: a canonical code (`ALREADY_EXISTS`), or
    of Storage its reason (`conditionNotMet`), else "". `in_doubt`: whether a write may have been carried out all the
    same. `details` is what else the answer had, each with its `@type`.
    """

    def __init__(
        self, status: int, reason: str, message: str, *, in_doubt: bool = False, details: Sequence[Any] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.in_doubt = in_doubt
        self.details = tuple(details)

    def reasons(self) -> set[str]:
        """All words for why: its own and those of its details (google.rpc.ErrorInfo)."""
        found = {self.reason}
        for detail in self.details:
            if isinstance(detail, dict) and "reason" in detail:
                found.add(str(cast("dict[str, Any]", detail)["reason"]))
        return found


def classify(error: Exception) -> type[PortableError] | None:
    """Which of portable's errors this is; None for what is none, and for mistakes in a call."""
    if not isinstance(error, GoogleError):
        return None
    if error.in_doubt:
        return Unknown
    return of_answer(error)


def of_answer(error: GoogleError) -> type[PortableError] | None:
    """Of an error that leaves no doubt."""
    status, reason = error.status, error.reason
    if status == 400:
        return of_bad_request(error)
    if status == 409:
        # Firestore: two at one document at once. https://cloud.google.com/firestore/docs/understand-error-codes
        return Throttled if reason == "ABORTED" else Conflict
    if status == 412:
        return Conflict
    if status in (404, 410):
        return NotFound
    if status in (401, 403):
        reasons = error.reasons()
        if reasons & RATES:
            return Throttled
        return ConfigurationError if SWITCHED_OFF in reasons else PermissionDenied
    if status == 413:
        return LimitExceeded
    if status == 429:
        return Throttled
    if status == 501:
        return Unsupported
    if status in (0, 408, 499) or status >= 500:
        return Unavailable
    return None


def of_bad_request(error: GoogleError) -> type[PortableError] | None:
    if error.reason == "FAILED_PRECONDITION":
        return ConfigurationError if "requires an index" in error.message else Conflict
    text = error.message.lower()
    return LimitExceeded if any(word in text for word in LARGE) else None
