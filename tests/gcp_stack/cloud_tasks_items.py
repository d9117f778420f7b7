"""Queues of the stand-in for Cloud Tasks, and the tasks in them: how they are sent, tried again, and gone."""

import base64
from typing import Any
from urllib.parse import urlsplit

from .deliveries import Attempt, Work, backoff
from .discovery import parsed_time, seconds_of
from .identity import Keys
from .times import timestamp

RETENTION = 31 * 86_400


class Queue:
    """One queue; `resource` is as it is shown, `running` are its dispatches that have not ended."""

    def __init__(self, project: str, resource: dict[str, Any]) -> None:
        self.project = project
        self.resource = resource
        self.tasks: dict[str, Task] = {}
        self.used: dict[str, float] = {}
        self.running = 0
        self.is_deleted = False

    @property
    def short(self) -> str:
        return str(self.resource["name"]).rpartition("/")[2]


class Task:
    """One task; as work it is attempted until it is done."""

    def __init__(self, queue: Queue, resource: dict[str, Any], keys: Keys) -> None:
        self.queue = queue
        self.resource = resource
        self.created = parsed_time(resource["createTime"])
        self.first: float | None = None
        self.is_deleted = False
        self.previous = 0
        self.executions = 0
        """Answers that were none of 5xx: https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler"""
        self._keys = keys

    def is_there(self) -> bool:
        return not self.is_deleted and not self.queue.is_deleted

    def may_start(self) -> bool:
        most: int = self.queue.resource["rateLimits"]["maxConcurrentDispatches"]
        return bool(self.queue.resource["state"] == "RUNNING") and self.queue.running < most

    def start(self, now: float) -> Attempt | None:
        if now - self.created > RETENTION:
            self.end(now)
            return None
        self.queue.running += 1
        if self.first is None:
            self.first = now
            self.resource["firstAttempt"] = {"dispatchTime": timestamp(now)}
        self.resource["lastAttempt"] = {
            "scheduleTime": self.resource["scheduleTime"], "dispatchTime": timestamp(now)
        }  # fmt: skip
        retries = self.resource["dispatchCount"]
        self.resource["dispatchCount"] = retries + 1
        request = self.resource["httpRequest"]
        target = self.queue.resource.get("httpTarget", {})
        url = url_of(request["url"], target.get("uriOverride"))
        headers = {name.lower(): value for name, value in request.get("headers", {}).items()}
        for override in target.get("headerOverrides", []):
            headers[override["header"]["key"].lower()] = override["header"]["value"]
        headers["user-agent"] = "Google-Cloud-Tasks"
        headers["x-cloudtasks-queuename"] = self.queue.short
        headers["x-cloudtasks-taskname"] = str(self.resource["name"]).rpartition("/")[2]
        headers["x-cloudtasks-taskretrycount"] = str(retries)
        headers["x-cloudtasks-taskexecutioncount"] = str(self.executions)
        headers["x-cloudtasks-tasketa"] = f"{parsed_time(self.resource['scheduleTime']):.6f}"
        if self.previous:
            headers["x-cloudtasks-taskpreviousresponse"] = str(self.previous)
        identity = target.get("oidcToken") or request.get("oidcToken")
        if identity:
            account = identity["serviceAccountEmail"]
            token = self._keys.token(account, identity.get("audience") or url, now)
            headers["authorization"] = f"Bearer {token}"
        return Attempt(
            "cloudtasks",
            self.queue.resource["name"],
            target.get("httpMethod") or request.get("httpMethod", "POST"),
            url,
            list(headers.items()),
            base64.b64decode(request.get("body", "")),
            seconds_of(self.resource["dispatchDeadline"]),
        )

    def settle(self, status: int, now: float) -> float | None:
        self.queue.running -= 1
        last = self.resource["lastAttempt"]
        if status:
            self.resource["responseCount"] += 1
            self.executions += status < 500
            last["responseTime"] = timestamp(now)
        code = 0 if 200 <= status < 300 else 4 if not status else 14
        last["responseStatus"] = {"code": code, "message": f"HTTP {status}"}
        if self.is_deleted:
            return None
        if 200 <= status < 300:
            self.end(now)
            return None
        self.previous = status
        retry = self.queue.resource["retryConfig"] | self.resource.get("retryConfig", {})
        attempts = self.resource["dispatchCount"]
        assert self.first is not None
        long = seconds_of(retry.get("maxRetryDuration", "0s"))
        is_over = now - self.first >= long
        if retry["maxAttempts"] != -1 and attempts >= retry["maxAttempts"] and is_over:
            self.end(now)
            return None
        wait = backoff(
            attempts, seconds_of(retry["minBackoff"]), seconds_of(retry["maxBackoff"]), retry["maxDoublings"]
        )
        self.resource["scheduleTime"] = timestamp(now + wait)
        return now + wait

    def end(self, now: float) -> None:
        self.is_deleted = True
        name = str(self.resource["name"]).rpartition("/")[2]
        self.queue.tasks.pop(name, None)
        self.queue.used[name] = now

    def again(self) -> Work:
        return Task(self.queue, dict(self.resource), self._keys)


def url_of(url: str, override: dict[str, Any] | None) -> str:
    """Where a task is sent: https://cloud.google.com/tasks/docs/configuring-queues#routing"""
    if not override:
        return url
    parts = urlsplit(url)
    if override.get("uriOverrideEnforceMode") == "IF_NOT_EXISTS" and parts.netloc:
        return url
    scheme = override.get("scheme", parts.scheme.upper()).lower()
    host, port = override.get("host") or parts.hostname or "", str(override.get("port") or parts.port or "")
    # An override that is there and empty clears what the task has.
    path = override["pathOverride"].get("path", "") if "pathOverride" in override else parts.path
    query = override["queryOverride"].get("queryParams", "") if "queryOverride" in override else parts.query
    return f"{scheme}://{host}{':' + port if port else ''}{path}{'?' + query if query else ''}"


def shown(task: Task, view: str) -> dict[str, Any]:
    found = {**task.resource, "view": "FULL" if view == "FULL" else "BASIC"}
    if view != "FULL":
        found["httpRequest"] = {name: value for name, value in found["httpRequest"].items() if name != "body"}
    return found
