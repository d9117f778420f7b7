"""Stand-in, ours: Cloud Scheduler, from Google's documentation. Jobs with an HTTP target, their fire times and retries.

What is kept to: an execution begins when the one before it has ended, its retries among it; without a retry policy none
is made; `X-CloudScheduler-ScheduleTime` is the time that the schedule says, also on a retry.
https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs
"""

import base64
import re
from collections.abc import Iterator
from typing import Any

from .deliveries import Attempt, Deliveries, Work, backoff
from .discovery import seconds_of
from .front import Answers, Call, Refused, not_found, page_of, updated
from .google_cron import Cron, NoSchedule, parsed
from .identity import Keys
from .times import timestamp

NAME = re.compile(r"[A-Za-z0-9_-]{1,500}", re.ASCII)
RETRIES = {
    "retryCount": 0,
    "maxRetryDuration": "0s",
    "minBackoffDuration": "5s",
    "maxBackoffDuration": "3600s",
    "maxDoublings": 5,
}
METHODS_WITH_BODY = ("POST", "PUT", "PATCH")


class Job:
    """One job. `turn` counts its changes: what was planned before one is void."""

    def __init__(self, project: str, resource: dict[str, Any]) -> None:
        self.project = project
        self.resource = resource
        self.cron: Cron = parsed(resource["schedule"], resource["timeZone"])
        self.is_deleted = False
        self.turn = 0
        self.running = 0
        self._times: Iterator[float] = iter(())
        self._given = 0.0

    def following(self, after: float) -> float | None:
        """The first fire time after one. Whoever goes on from the last answer is answered at once."""
        if after != self._given:
            self._times = self.cron.times(after)
        found = next(self._times, None)
        self._given = found or 0.0
        return found

    def forget_times(self) -> None:
        """The schedule is another one."""
        self._given = 0.0


class Execution:
    """One run of a job for one fire time; as work it is attempted as its retry policy says."""

    def __init__(self, scheduler: "Scheduler", job: Job, at: float, *, planned: bool = True) -> None:
        self._scheduler = scheduler
        self._job = job
        self._at = at
        self._turn = job.turn
        self._planned = planned
        self._attempts = 0
        self._first = 0.0

    def is_there(self) -> bool:
        return not self._job.is_deleted and (not self._planned or self._attempts > 0 or self._turn == self._job.turn)

    def may_start(self) -> bool:
        return self._attempts > 0 or not self._job.running

    def start(self, now: float) -> Attempt | None:
        resource = self._job.resource
        if not self._attempts:
            self._job.running += 1
            self._first = now
            if self._planned:
                self._scheduler.plan(self._job, self._at)
        self._attempts += 1
        resource["lastAttemptTime"] = timestamp(now)
        target = resource["httpTarget"]
        headers = {name.lower(): value for name, value in target.get("headers", {}).items()}
        headers["user-agent"] = "Google-Cloud-Scheduler"
        headers["x-cloudscheduler"] = "true"
        headers["x-cloudscheduler-jobname"] = resource["name"].rpartition("/")[2]
        headers["x-cloudscheduler-scheduletime"] = timestamp(self._at)
        if target.get("body") and "content-type" not in headers:
            headers["content-type"] = "application/octet-stream"
        identity = target.get("oidcToken")
        if identity:
            audience = identity.get("audience") or target["uri"]
            token = self._scheduler.keys.token(identity["serviceAccountEmail"], audience, now)
            headers["authorization"] = f"Bearer {token}"
        return Attempt(
            "cloudscheduler",
            resource["name"],
            target.get("httpMethod", "POST"),
            target["uri"],
            list(headers.items()),
            base64.b64decode(target.get("body", "")),
            seconds_of(resource["attemptDeadline"]),
        )

    def settle(self, status: int, now: float) -> float | None:
        succeeded = 200 <= status < 300
        self._job.resource["status"] = (
            {} if succeeded else {"code": 4 if not status else 13, "message": f"HTTP {status}"}
        )
        retry = RETRIES | self._job.resource.get("retryConfig", {})
        long = seconds_of(retry["maxRetryDuration"])
        left = self._attempts <= retry["retryCount"] or now - self._first < long
        if not succeeded and left and (retry["retryCount"] or long):
            wait = backoff(
                self._attempts,
                seconds_of(retry["minBackoffDuration"]),
                seconds_of(retry["maxBackoffDuration"]),
                retry["maxDoublings"],
            )
            return now + wait
        self._job.running -= 1
        return None

    def again(self) -> Work:
        return Execution(self._scheduler, self._job, self._at, planned=False)


class Scheduler:
    """All jobs of all projects."""

    def __init__(self, deliveries: Deliveries, keys: Keys) -> None:
        self._deliveries = deliveries
        self.keys = keys
        self._jobs: dict[str, Job] = {}

    def forget(self, project: str) -> None:
        for name in [name for name, job in self._jobs.items() if job.project == project]:
            self._jobs.pop(name).is_deleted = True

    def answers(self) -> Answers:
        base = "cloudscheduler.projects.locations.jobs"
        return {
            f"{base}.create": self.create,
            f"{base}.get": lambda call: self._job(call).resource,
            f"{base}.list": self.list,
            f"{base}.patch": self.patch,
            f"{base}.delete": self.delete,
            f"{base}.pause": lambda call: self._put_state(call, "PAUSED"),
            f"{base}.resume": lambda call: self._put_state(call, "ENABLED"),
            f"{base}.run": self.run,
        }

    def plan(self, job: Job, after: float) -> None:
        """The next fire time of a job becomes work."""
        following = job.following(after)
        job.resource.pop("scheduleTime", None)
        if following is not None:
            job.resource["scheduleTime"] = timestamp(following)
            self._deliveries.add(job.project, following, Execution(self, job, following))

    def _replan(self, job: Job) -> None:
        job.turn += 1
        job.forget_times()
        if job.resource["state"] == "ENABLED":
            self.plan(job, self._deliveries.clocks.now(job.project))

    def _name(self, call: Call) -> str:
        names = call.names
        return f"projects/{names['projectsId']}/locations/{names['locationsId']}/jobs/{names['jobsId']}"

    def _job(self, call: Call) -> Job:
        found = self._jobs.get(self._name(call))
        if found is None:
            raise not_found(self._name(call))
        return found

    def create(self, call: Call) -> dict[str, Any]:
        parent = f"projects/{call.project}/locations/{call.names['locationsId']}/jobs/"
        name = call.body.get("name", "")
        if not name.startswith(parent) or not NAME.fullmatch(name.removeprefix(parent)):
            raise Refused("INVALID_ARGUMENT", f"Job name must be {parent} and match {NAME.pattern}: {name!r}")
        if name in self._jobs:
            raise Refused("ALREADY_EXISTS", f"Job {name} already exists.")
        now = self._deliveries.clocks.now(call.project)
        resource = checked_job({**call.body, "state": "ENABLED", "userUpdateTime": timestamp(now)})
        job = self._jobs[name] = Job(call.project, resource)
        self._replan(job)
        return resource

    def list(self, call: Call) -> dict[str, Any]:
        prefix = f"projects/{call.project}/locations/{call.names['locationsId']}/jobs/"
        found = [job.resource for name, job in sorted(self._jobs.items()) if name.startswith(prefix)]
        return page_of(found, call.query, "jobs", 500)

    def patch(self, call: Call) -> dict[str, Any]:
        job = self._job(call)
        mask = call.query.get("updateMask") or ",".join(name for name in call.body if name != "name")
        resource = checked_job(updated(job.resource, call.body, mask))
        resource["userUpdateTime"] = timestamp(self._deliveries.clocks.now(call.project))
        cron = parsed(resource["schedule"], resource["timeZone"])
        job.resource, job.cron = resource, cron
        self._replan(job)
        return job.resource

    def delete(self, call: Call) -> dict[str, Any]:
        self._job(call).is_deleted = True
        del self._jobs[self._name(call)]
        return {}

    def _put_state(self, call: Call, state: str) -> dict[str, Any]:
        job = self._job(call)
        job.resource["state"] = state
        self._replan(job)
        return job.resource

    def run(self, call: Call) -> dict[str, Any]:
        """Forces a run now."""
        job, now = self._job(call), self._deliveries.clocks.now(call.project)
        self._deliveries.add(call.project, now, Execution(self, job, now, planned=False))
        return job.resource


def checked_job(given: dict[str, Any]) -> dict[str, Any]:
    found = {"timeZone": "UTC", "attemptDeadline": "180s", **given}
    found["retryConfig"] = RETRIES | given.get("retryConfig", {})
    target = found.get("httpTarget")
    if target is None:
        raise Refused("INVALID_ARGUMENT", "A job must have an httpTarget: others are not part of this stand-in.")
    if not target.get("uri", "").startswith(("http://", "https://")) or len(target["uri"]) > 2083:
        raise Refused("INVALID_ARGUMENT", "HttpTarget.uri must start with 'http://' or 'https://'.")
    if target.get("body") and target.get("httpMethod", "POST") not in METHODS_WITH_BODY:
        raise Refused("INVALID_ARGUMENT", "HttpTarget.body is allowed only for POST, PUT and PATCH.")
    if not 15 <= seconds_of(found["attemptDeadline"]) <= 1800:
        raise Refused("INVALID_ARGUMENT", "Job.attemptDeadline must be between [15s, 30m].")
    if not 0 <= found["retryConfig"]["retryCount"] <= 5:
        raise Refused("INVALID_ARGUMENT", "RetryConfig.retry_count must be between 0 and 5.")
    try:
        parsed(found.get("schedule", ""), found["timeZone"])
    except NoSchedule as error:
        raise Refused("INVALID_ARGUMENT", str(error)) from error
    return found
