"""What Cloud Tasks refuses: queues and tasks that are none. https://cloud.google.com/tasks/docs/quotas"""

import base64
from typing import Any

from .discovery import parsed_time, seconds_of
from .front import Refused
from .times import timestamp

LARGEST = 100 * 1024
"""Of a task with all that it has: the smaller of the two numbers that Google's pages tell."""
LONGEST_DELAY = 30 * 86_400
DEFAULT_DEADLINE = 600.0
RATES = {"maxDispatchesPerSecond": 500.0, "maxBurstSize": 100, "maxConcurrentDispatches": 1000}
RETRIES = {"maxAttempts": 100, "minBackoff": "0.100s", "maxBackoff": "3600s", "maxDoublings": 16}
METHODS_WITH_BODY = ("POST", "PUT", "PATCH")


def checked_queue(given: dict[str, Any]) -> dict[str, Any]:
    rates = RATES | given.get("rateLimits", {})
    retries = RETRIES | given.get("retryConfig", {})
    if not 0 < rates["maxDispatchesPerSecond"] <= 500:
        raise Refused("INVALID_ARGUMENT", "Queue.rate_limits.max_dispatches_per_second must be in (0, 500].")
    if not 0 < rates["maxConcurrentDispatches"] <= 5000:
        raise Refused("INVALID_ARGUMENT", "Queue.rate_limits.max_concurrent_dispatches must be in [1, 5000].")
    if retries["maxAttempts"] == 0 or retries["maxAttempts"] < -1:
        raise Refused("INVALID_ARGUMENT", "Queue.retry_config.max_attempts must be -1 or positive.")
    if seconds_of(retries["minBackoff"]) > seconds_of(retries["maxBackoff"]):
        raise Refused("INVALID_ARGUMENT", "Queue.retry_config.min_backoff must not exceed max_backoff.")
    target = given.get("httpTarget", {})
    identity = target.get("oidcToken")
    if identity is not None and not (identity.get("serviceAccountEmail") and identity.get("audience")):
        raise Refused("INVALID_ARGUMENT", "A queue's oidcToken needs both serviceAccountEmail and audience.")
    if target.get("uriOverride", {}).get("host") == "":
        raise Refused("INVALID_ARGUMENT", "uriOverride.host must not be empty.")
    return {**given, "rateLimits": rates, "retryConfig": retries}


def checked_task(given: dict[str, Any], now: float) -> dict[str, Any]:
    request = given.get("httpRequest")
    if request is None:
        raise Refused("INVALID_ARGUMENT", "A task must have an httpRequest: others are not part of this stand-in.")
    url = request.get("url", "")
    if not url.startswith(("http://", "https://")) or len(url) > 2083:
        raise Refused("INVALID_ARGUMENT", "HttpRequest.url must start with 'http://' or 'https://'.")
    if request.get("body") and request.get("httpMethod", "POST") not in METHODS_WITH_BODY:
        raise Refused("INVALID_ARGUMENT", "HttpRequest.body is allowed only for POST, PUT and PATCH.")
    deadline = seconds_of(given.get("dispatchDeadline", f"{DEFAULT_DEADLINE}s"))
    if not 15 <= deadline <= 1800:
        raise Refused("INVALID_ARGUMENT", "Task.dispatchDeadline must be between [15s, 30m].")
    at = max(now, parsed_time(given["scheduleTime"]) if "scheduleTime" in given else now)
    if at > now + LONGEST_DELAY:
        raise Refused("INVALID_ARGUMENT", "The scheduled time must not be more than 30 days from now.")
    size = len(base64.b64decode(request.get("body", ""))) + sum(
        len(name) + len(value) for name, value in request.get("headers", {}).items()
    )
    if size > LARGEST:
        raise Refused("INVALID_ARGUMENT", f"Task size too large: {size} is more than {LARGEST}")
    return {
        **given,
        "httpRequest": {"httpMethod": "POST", **request},
        "createTime": timestamp(int(now)),
        "scheduleTime": timestamp(at),
        "dispatchDeadline": given.get("dispatchDeadline", "600s"),
        "dispatchCount": 0,
        "responseCount": 0,
    }
