"""Which of portable's errors an answer of Google's is."""

import pytest
from portable_gcp.errors import GoogleError, classify
from portable_gcp.rest_answers import error_of

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


@pytest.mark.parametrize(
    ("status", "reason", "message", "expected"),
    [
        (400, "FAILED_PRECONDITION", "the stored version does not match", Conflict),
        (400, "FAILED_PRECONDITION", "The query requires an index.", ConfigurationError),
        (400, "INVALID_ARGUMENT", "maximum entity size is 1048576 bytes", LimitExceeded),
        (400, "INVALID_ARGUMENT", "Task size too large", LimitExceeded),
        (400, "INVALID_ARGUMENT", "field name '__a__' is reserved.", None),
        (401, "UNAUTHENTICATED", "", PermissionDenied),
        (403, "PERMISSION_DENIED", "", PermissionDenied),
        (403, "rateLimitExceeded", "", Throttled),
        (404, "NOT_FOUND", "", NotFound),
        (408, "", "", Unavailable),
        (409, "ALREADY_EXISTS", "", Conflict),
        (409, "ABORTED", "Too much contention on these documents.", Throttled),
        (410, "", "", NotFound),
        (412, "conditionNotMet", "", Conflict),
        (413, "", "", LimitExceeded),
        (418, "", "", None),
        (429, "RESOURCE_EXHAUSTED", "", Throttled),
        (500, "INTERNAL", "", Unavailable),
        (501, "UNIMPLEMENTED", "", Unsupported),
        (503, "UNAVAILABLE", "", Unavailable),
        (504, "DEADLINE_EXCEEDED", "", Unavailable),
        (0, "", "no connection", Unavailable),
    ],
)
def test_an_error_is_told_by_status_and_reason(
    status: int, reason: str, message: str, expected: type[PortableError] | None
) -> None:
    assert classify(GoogleError(status, reason, message)) is expected
    assert classify(GoogleError(status, reason, message, in_doubt=True)) is Unknown


def test_a_service_that_is_switched_off_is_a_matter_of_configuration() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]
    assert classify(GoogleError(403, "PERMISSION_DENIED", "", details=details)) is ConfigurationError


def test_what_google_did_not_raise_is_none_of_ours() -> None:
    assert classify(ValueError("a bug")) is None


def test_an_answer_is_read_in_each_of_googles_forms() -> None:
    plain = error_of(
        409, b'{"error": {"code": 409, "message": "there", "status": "ALREADY_EXISTS", "details": [{"a": 1}]}}'
    )
    assert (plain.status, plain.reason, plain.message) == (409, "ALREADY_EXISTS", "ALREADY_EXISTS: there")
    assert plain.details == ({"a": 1},)
    streamed = error_of(400, b'[{"error": {"code": 400, "message": "bad", "status": "INVALID_ARGUMENT"}}]')
    assert streamed.reason == "INVALID_ARGUMENT"
    old = error_of(412, b'{"error": {"code": 412, "message": "no", "errors": [{"reason": "conditionNotMet"}]}}')
    assert (old.reason, old.reasons()) == ("conditionNotMet", {"conditionNotMet"})
    page = error_of(502, b"<html>" + b"x" * 1000)
    assert (page.reason, len(page.message) < 400) == ("", True)
    assert error_of(500, b"").message == "HTTP 500: no more is said"
    assert error_of(500, b"[]").reason == error_of(500, b'{"error": "x"}').reason == ""
