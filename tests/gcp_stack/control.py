"""The control protocol of README.md: time, deliveries, and forgetting."""

import base64
from collections.abc import Callable
from typing import Any

from .clocks import Backwards, Clocks
from .deliveries import Attempt, Deliveries
from .front import Refused
from .pubsub import PubSub
from .pushing import Pusher
from .server import Reply, Request

PREFIX = "/_portable/"


class Control:
    """`forgets` are called with a project that is to be gone."""

    def __init__(
        self, clocks: Clocks, deliveries: Deliveries, pubsub: PubSub, forgets: list[Callable[[str], None]]
    ) -> None:
        self._clocks = clocks
        self._deliveries = deliveries
        self._pubsub = pubsub
        self._forgets = forgets
        self._pushers: dict[str, Pusher] = {}

    def answer(self, request: Request) -> Reply:
        action = getattr(self, f"do_{request.path.removeprefix(PREFIX)}", None)
        if action is None or request.verb != "POST":
            return Reply(404, {"error": f"there is no action {request.verb} {request.path}"})
        try:
            return Reply(200, action(**request.json()))
        except (Backwards, Refused, LookupError, TypeError, ValueError) as error:
            return Reply(200, {"error": f"{type(error).__name__}: {error}"})

    def do_clock(self, project: str, now: float) -> dict[str, Any]:
        with self._deliveries.changed:
            self._clocks.tell(project, float(now))
            self._deliveries.changed.notify_all()
        return {}

    def do_due(self, project: str, most: int = 100) -> dict[str, Any]:
        if project in self._pushers:
            raise ValueError(f"what is due in {project!r} is pushed")
        found = [shown(id, attempt) for id, attempt in self._deliveries.due(project, most)]
        return {"deliveries": found, "next": self._deliveries.next_due(project)}

    def do_answer(self, project: str, id: str, status: int) -> dict[str, Any]:
        if not self._deliveries.answer(project, id, status):
            raise LookupError(f"no delivery {id!r} is held: it was answered, or its deadline has passed")
        return {}

    def do_again(self, project: str, id: str) -> dict[str, Any]:
        if not self._deliveries.again(project, id):
            raise LookupError(f"no delivery {id!r} was answered well")
        return {}

    def do_push(self, project: str, hosts: dict[str, str]) -> dict[str, Any]:
        if project in self._pushers:
            self._pushers[project].hosts.update(hosts)
        else:
            self._pushers[project] = Pusher(self._deliveries, project, hosts)
        return {}

    def do_pull(self, project: str) -> dict[str, Any]:
        pusher = self._pushers.pop(project, None)
        if pusher is not None:
            pusher.close()
        return {}

    def do_publish(
        self, project: str, topic: str, data: str = "", attributes: dict[str, str] | None = None
    ) -> dict[str, Any]:
        message = {"data": data, "attributes": attributes or {}}
        with self._deliveries.changed:
            return {"id": self._pubsub.send(project, f"projects/{project}/topics/{topic.rpartition('/')[2]}", message)}

    def do_forget(self, project: str) -> dict[str, Any]:
        self.do_pull(project)
        with self._deliveries.changed:
            for forget in self._forgets:
                forget(project)
            self._deliveries.forget(project)
            self._clocks.forget(project)
        return {}

    def close(self) -> None:
        for project in list(self._pushers):
            self.do_pull(project)


def shown(id: str, attempt: Attempt) -> dict[str, Any]:
    return {
        "id": id,
        "service": attempt.service,
        "resource": attempt.resource,
        "method": attempt.method,
        "url": attempt.url,
        "headers": [list(pair) for pair in attempt.headers],
        "body": base64.b64encode(attempt.body).decode(),
        "deadline": attempt.deadline,
    }
