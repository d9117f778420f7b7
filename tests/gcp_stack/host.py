"""Google Cloud on this machine: what a deploy of Google's own clients meets, and what the functions meet that it made.

    host = Host()
    host.environment("my-project")      what `portable deploy --target gcp` and Google's own clients need
    host.forget("my-project")
    host.close()

Control planes are fakes (control_plane.py); Cloud Tasks, Pub/Sub, Scheduler, Secret Manager and Storage are the
stand-ins that deliver too; functions are built, and run under Google's own functions-framework. Time is the machine's.
"""

import json
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

from portable_gcp.stand_ins import LOCATION

from .control_plane import documents
from .eventarc import Eventarc
from .firestore import Firestore
from .fixtures import OVERRIDE, start_services, stop_services
from .front import Front, error
from .guard import Guard
from .live_plane import LivePlane, LiveProject, host_of
from .rights import DOCUMENTS
from .server import Reply, Request, Stand

PLANES = ("cloudfunctions", "cloudresourcemanager", "eventarc", "firestore", "iam", "logging", "run", "serviceusage")
"""Answered by the fake of control planes."""
DELIVERING = ("cloudscheduler", "cloudtasks", "pubsub", "secretmanager")
"""Answered by stand-ins, once their interface is enabled."""
DATA = "/documents"
FORWARDED = ("content-type", "authorization")
POLICIES = {"queues": ("POST", "v2"), "topics": ("GET", "v1"), "subscriptions": ("GET", "v1"), "secrets": ("GET", "v1")}
"""Of which kinds the stand-ins that deliver keep the policies, and how they are asked."""
SECONDS = 60.0


class Host:
    """All of it, on loopback, for any number of projects."""

    def __init__(self) -> None:
        self.firestore = Firestore()
        self.services = start_services()
        self._declared: dict[tuple[str, str], str] = {}
        self._idle: list[HTTPConnection] = []
        stand_ins = self.services.services
        answers_of = {"firestore": self._forward, "storage": self.services.storage.answer}
        self.guard = Guard({name: answers_of.get(name, stand_ins.answer) for name in DOCUMENTS}, self._policy)
        functions = {OVERRIDE + name.upper(): place for name, place in self.guard.endpoints.items()}
        self.plane = LivePlane(self._object, stand_ins.keys, stand_ins.clocks, functions)
        self.plane.made.append(self._push)
        answers = self.plane.answers()
        self._fronts = {
            name: Front([one], {id: act for id, act in answers.items() if id.partition(".")[0] == name})
            for name, one in documents().items()
            if name in PLANES
        }
        self._stands = {name: Stand(self._answering(name), f"google-{name}") for name in (*PLANES, *DELIVERING)}
        self._eventarc = Eventarc(
            stand_ins.deliveries,
            stand_ins.keys,
            self._ask_firestore,
            self._databases,
            self._has,
            self._triggers,
            self._target,
        )

    def environment(self, project: str, location: str = LOCATION) -> dict[str, str]:
        """What a process needs to deploy to it, and to find nothing of the user's own."""
        found = {OVERRIDE + name.upper(): one.endpoint for name, one in self._stands.items()}
        return {
            **self.services.environment(),
            **found,
            "GOOGLE_CLOUD_PROJECT": project,
            "CLOUDSDK_CORE_PROJECT": project,
            "CLOUDSDK_FUNCTIONS_REGION": location,
        }

    def forget(self, project: str) -> None:
        """Everything of the project is gone, and its functions have ended."""
        self._control("pull", project=project)
        self.plane.forget(project)
        self._control("forget", project=project)
        self.guard.forget(project)
        self._ask_firestore("forget", project=project)
        self._declared = {key: text for key, text in self._declared.items() if key[0] != project}

    def close(self) -> None:
        self._eventarc.close()
        for project in self.plane.live():
            self._control("pull", project=project.id)
        self.plane.close()
        self.guard.close()
        for one in self._stands.values():
            one.close()
        stop_services(self.services)
        while self._idle:
            self._idle.pop().close()
        self.firestore.close()

    def url(self, project: str, function: str) -> str:
        """Where a function is in truth; its short name."""
        with self.plane.lock:
            [live] = [one for one in self.plane.live() if one.id == project]
            return next(one.endpoint for one in live.functions.values() if one.short == function)

    def enabled(self, project: str) -> set[str]:
        """The interfaces that are enabled in a project: `cloudtasks`."""
        with self.plane.lock:
            return set(self.plane.projects[project].enabled)

    # Requests

    def _answering(self, service: str) -> Callable[[Request], Reply]:
        if service == "firestore":
            return self._firestore
        if service in PLANES:
            return lambda request: self._planned(service, request)
        return lambda request: self._delivering(service, request)

    def _planned(self, service: str, request: Request) -> Reply:
        with self.plane.lock:
            self.plane.tick()
            reply = self._fronts[service].answer(request)
            self._route()
        return reply or error("NOT_FOUND", f"{service} has no {request.verb} {request.path}")

    def _firestore(self, request: Request) -> Reply:
        if f"{DATA}/" in request.path or f"{DATA}:" in request.path:
            return self._forward(request)
        reply = self._planned("firestore", request)
        with self.plane.lock:
            self._declare()
        return reply

    def _delivering(self, service: str, request: Request) -> Reply:
        parts = request.path.split("/")
        with self.plane.lock:
            self.plane.make(parts[3] if len(parts) > 3 and parts[2] == "projects" else "")
            self.plane.tick()
            project = next((one for one in self.plane.live() if one.id in parts), None)
            if project is not None and service not in project.enabled:
                return error(
                    "PERMISSION_DENIED",
                    f"{service}.googleapis.com has not been used in project {project.id} before or it is disabled",
                )
        return self.services.services.answer(request)

    # Rights

    def _policy(self, resource: str) -> Mapping[str, Any]:
        """The policy of a resource; {} where there is none."""
        _, project, *rest = resource.split("/")
        if project == "_":
            reply = self.services.storage.answer(Request("GET", f"/storage/v1/b/{rest[1]}/iam", [], {}, b""))
            found: Mapping[str, Any] = json.loads(reply.body) if reply.status == 200 else {}
            return found
        kind = rest[-2] if rest else ""
        if kind in POLICIES:
            verb, version = POLICIES[kind]
            reply = self.services.services.answer(
                Request(verb, f"/{version}/{resource}:getIamPolicy", [], {}, b"{}" if verb == "POST" else b"")
            )
            return reply.body if reply.status == 200 else {}
        # Without the lock: who holds it may wait for those who ask.
        known = self.plane.projects.get(project)
        return known.policies.get(resource, {}) if known is not None else {}

    # Deliveries

    def _push(self, project: LiveProject) -> None:
        self._control("push", project=project.id, hosts={})

    def _route(self) -> None:
        """What is sent to a function by its name in the world reaches it where it is."""
        for project in self.plane.live():
            hosts = {one.host: one.endpoint for one in project.functions.values()}
            if hosts != project.routed:
                project.routed = hosts
                self._control("push", project=project.id, hosts=hosts)

    def _control(self, action: str, **body: Any) -> None:
        answer = self.services.services.answer(
            Request("POST", f"/_portable/{action}", [], {}, json.dumps(body).encode())
        )
        if answer.status != 200 or "error" in answer.body:
            raise RuntimeError(f"{action}: {answer.body}")

    def _databases(self) -> list[tuple[str, str]]:
        with self.plane.lock:
            names = [name.split("/") for one in self.plane.live() for name in one.resources]
        return [(name[1], name[3]) for name in names if len(name) == 4 and name[2] == "databases"]

    def _has(self, name: str) -> bool:
        # Without the lock: who holds it may wait for those who ask.
        project = self.plane.projects.get(name.split("/")[1])
        return project is not None and name in project.resources

    def _triggers(self) -> dict[str, Any]:
        with self.plane.lock:
            return {
                name: body
                for project in self.plane.live()
                for name, body in project.resources.items()
                if "/triggers/" in name and body.get("state") is None
            }

    def _target(self, trigger: Any, name: str) -> str:
        run = trigger["destination"]["cloudRun"]
        return f"https://{host_of(run['service'], run['region'])}"

    # Data

    def _object(self, bucket: str, name: str) -> bytes | None:
        with self.services.services.deliveries.changed:
            return self.services.storage.store.content(bucket, name)

    def _declare(self) -> None:
        """What the administration was told of indexes holds for queries."""
        for project in self.plane.live():
            for database, document in indexes_of(project).items():
                text = json.dumps(document, sort_keys=True)
                if self._declared.get((project.id, database)) != text:
                    self._declared[project.id, database] = text
                    self._ask_firestore("indexes", project=project.id, database=database, document=document)

    def _ask_firestore(self, action: str, **body: Any) -> dict[str, Any]:
        headers = {"content-type": "application/json"}
        reply = self._forward(Request("POST", f"/_portable/{action}", [], headers, json.dumps(body).encode()))
        found: dict[str, Any] = json.loads(reply.body)
        if reply.status != 200 or "error" in found:
            raise RuntimeError(f"{action}: {found}")
        return found

    def _forward(self, request: Request) -> Reply:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = HTTPConnection(self.firestore.rest, timeout=SECONDS)
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        try:
            connection.request(request.verb, request.path, request.body, headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException) as fault:
            connection.close()
            return error("UNAVAILABLE", f"the stand-in of Firestore does not answer: {fault}")
        self._idle.append(connection)
        return Reply(answer.status, body, (("Content-Type", answer.headers.get("content-type", "")),))


def indexes_of(project: LiveProject) -> dict[str, dict[str, list[Any]]]:
    """The indexes of each database that are ready, in the form of firestore.indexes.json."""
    found: dict[str, dict[str, list[Any]]] = {}
    for name, body in sorted(project.resources.items()):
        parts = name.split("/")
        if parts[2] != "databases":
            continue
        document = found.setdefault(parts[3], {"indexes": [], "fieldOverrides": []})
        if parts[6:7] == ["indexes"] and body.get("state") == "READY":
            one = {"collectionGroup": parts[5], "queryScope": body["queryScope"], "fields": body["fields"]}
            document["indexes"].append(one)
        elif parts[6:7] == ["fields"] and "indexConfig" in body:
            indexes = body["indexConfig"].get("indexes", [])
            document["fieldOverrides"].append({"collectionGroup": parts[5], "fieldPath": parts[7], "indexes": indexes})
    return found
