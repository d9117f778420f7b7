"""Errors of Cloud Storage as its two interfaces answer them, and times as HTTP has them."""

from email.utils import formatdate
from xml.sax.saxutils import escape

from .discovery import parsed_time
from .server import Reply

REASONS = {400: "invalid", 401: "required", 403: "forbidden", 404: "notFound", 409: "conflict", 412: "conditionNotMet"}


def http_time(timestamp: str) -> str:
    return formatdate(int(parsed_time(timestamp)), usegmt=True)


def failed(status: int, message: str) -> Reply:
    """An error of the JSON interface: https://cloud.google.com/storage/docs/json_api/v1/status-codes"""
    reason = REASONS.get(status, "backendError")
    one = {"domain": "global", "reason": reason, "message": message}
    return Reply(status, {"error": {"code": status, "message": message, "errors": [one]}})


def refused(status: int, code: str, message: str) -> Reply:
    """An error of the XML interface: https://cloud.google.com/storage/docs/xml-api/reference-status"""
    body = (
        f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    )
    return Reply(status, body.encode(), (("Content-Type", "application/xml; charset=UTF-8"),))
