"""Stand-in, ours: Cloud Tasks, from Google's documentation. Queues, HTTP tasks, their dispatch and its retries.

What is kept to: names of tasks are not used again for an hour, a task runs from its time on and never early, one that
fails comes back after the queue's back-off until both limits are reached and is then deleted, a dispatch has its
deadline, a queue its number of tasks at once, and its own target where it has one.
https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks
"""

import itertools
import re
from typing import Any

from .cloud_tasks_checks import checked_queue, checked_task
from .cloud_tasks_items import Queue, Task, shown
from .deliveries import Deliveries
from .discovery import parsed_time
from .front import Answers, Call, Refused, page_of, updated
from .identity import Keys
from .policies import Policies
from .times import timestamp

NAME = re.compile(r"[A-Za-z0-9-]{1,100}", re.ASCII)
TASK = re.compile(r"[A-Za-z0-9_-]{1,500}", re.ASCII)
REMEMBERED_SECONDS = 3600
"""How long the name of a task that is gone is taken: https://cloud.google.com/tasks/docs/creating-http-target-tasks"""
BLOCKED_SECONDS = 3 * 86_400
"""How long the name of a queue that was deleted is: https://cloud.google.com/tasks/docs/deleting-appengine-queues-and-tasks"""


class CloudTasks:
    """All queues of all projects."""

    def __init__(self, deliveries: Deliveries, keys: Keys) -> None:
        self._deliveries = deliveries
        self._keys = keys
        self._queues: dict[str, Queue] = {}
        self._blocked: dict[str, float] = {}
        self._policies = Policies()
        self._numbers = itertools.count(10**18)

    def forget(self, project: str) -> None:
        for name in [name for name, queue in self._queues.items() if queue.project == project]:
            self._queues.pop(name).is_deleted = True
        self._policies.forget(f"projects/{project}/")
        self._blocked = {
            name: at for name, at in self._blocked.items() if not name.startswith(f"projects/{project}/")
        }  # fmt: skip

    def answers(self) -> Answers:
        base = "cloudtasks.projects.locations.queues"
        return {
            f"{base}.create": self.create,
            f"{base}.get": lambda call: self._queue(call).resource,
            f"{base}.list": self.list,
            f"{base}.patch": self.patch,
            f"{base}.delete": self.delete,
            f"{base}.pause": lambda call: self._put_state(call, "PAUSED"),
            f"{base}.resume": lambda call: self._put_state(call, "RUNNING"),
            f"{base}.purge": self.purge,
            **self._policies.answers(base, lambda call: str(self._queue(call).resource["name"])),
            f"{base}.tasks.create": self.create_task,
            f"{base}.tasks.get": lambda call: shown(self._task(call), call.query.get("responseView", "BASIC")),
            f"{base}.tasks.list": self.list_tasks,
            f"{base}.tasks.delete": self.delete_task,
        }

    def _name(self, call: Call) -> str:
        names = call.names
        return f"projects/{names['projectsId']}/locations/{names['locationsId']}/queues/{names['queuesId']}"

    def _queue(self, call: Call) -> Queue:
        found = self._queues.get(self._name(call))
        if found is None:
            raise Refused("NOT_FOUND", "Requested entity was not found.")
        return found

    def _task(self, call: Call) -> Task:
        found = self._queue(call).tasks.get(call.names["tasksId"])
        if found is None:
            raise Refused("NOT_FOUND", "The task no longer exists, though a task with this name existed recently.")
        return found

    def create(self, call: Call) -> dict[str, Any]:
        parent = f"projects/{call.project}/locations/{call.names['locationsId']}"
        name = call.body.get("name", "")
        if not name.startswith(f"{parent}/queues/") or not NAME.fullmatch(name.removeprefix(f"{parent}/queues/")):
            raise Refused("INVALID_ARGUMENT", f"Queue ID must match {NAME.pattern}: {name!r}")
        if name in self._queues:
            raise Refused("ALREADY_EXISTS", "Queue already exists")
        now = self._deliveries.clocks.now(call.project)
        if now < self._blocked.get(name, 0.0) + BLOCKED_SECONDS:
            raise Refused(
                "FAILED_PRECONDITION",
                "The queue cannot be created because a queue with this name existed too recently.",
            )
        self._queues[name] = Queue(call.project, checked_queue({**call.body, "state": "RUNNING"}))
        return self._queues[name].resource

    def list(self, call: Call) -> dict[str, Any]:
        prefix = f"projects/{call.project}/locations/{call.names['locationsId']}/queues/"
        found = [queue.resource for name, queue in sorted(self._queues.items()) if name.startswith(prefix)]
        return page_of(found, call.query, "queues", 9800)

    def patch(self, call: Call) -> dict[str, Any]:
        name = self._name(call)
        known = self._queues.get(name)
        if known is None:
            # "If the queue does not exist, then the queue will be created."
            return self.create(call._replace(body={**call.body, "name": name}))
        mask = call.query.get("updateMask") or ",".join(
            field for field in ("rateLimits", "retryConfig", "httpTarget", "stackdriverLoggingConfig")
            if field in call.body
        )  # fmt: skip
        known.resource = checked_queue(updated(known.resource, call.body, mask))
        return known.resource

    def delete(self, call: Call) -> dict[str, Any]:
        queue = self._queue(call)
        queue.is_deleted = True
        del self._queues[self._name(call)]
        self._blocked[self._name(call)] = self._deliveries.clocks.now(call.project)
        return {}

    def _put_state(self, call: Call, state: str) -> dict[str, Any]:
        queue = self._queue(call)
        queue.resource["state"] = state
        return queue.resource

    def purge(self, call: Call) -> dict[str, Any]:
        queue, now = self._queue(call), self._deliveries.clocks.now(call.project)
        for task in list(queue.tasks.values()):
            task.end(now)
        queue.resource["purgeTime"] = timestamp(now)
        return queue.resource

    def create_task(self, call: Call) -> dict[str, Any]:
        queue = self._queue(call)
        given = call.body.get("task")
        if given is None:
            raise Refused("INVALID_ARGUMENT", "Task is required.")
        now = self._deliveries.clocks.now(call.project)
        name = given.get("name") or f"{self._name(call)}/tasks/{next(self._numbers)}"
        short = name.removeprefix(f"{self._name(call)}/tasks/")
        if not TASK.fullmatch(short):
            raise Refused("INVALID_ARGUMENT", f"Task name must be of this queue and match {TASK.pattern}: {name!r}")
        if short in queue.tasks or now < queue.used.get(short, -1e18) + REMEMBERED_SECONDS:
            raise Refused("ALREADY_EXISTS", "Requested entity already exists")
        task = Task(queue, checked_task({**given, "name": name}, now), self._keys)
        queue.tasks[short] = task
        self._deliveries.add(call.project, parsed_time(task.resource["scheduleTime"]), task)
        return shown(task, call.body.get("responseView", "BASIC"))

    def list_tasks(self, call: Call) -> dict[str, Any]:
        view = call.query.get("responseView", "BASIC")
        found = [shown(task, view) for _, task in sorted(self._queue(call).tasks.items())]
        return page_of(found, call.query, "tasks")

    def delete_task(self, call: Call) -> dict[str, Any]:
        self._task(call).end(self._deliveries.clocks.now(call.project))
        return {}
