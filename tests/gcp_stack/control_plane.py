"""A fake of the control planes that a deploy calls: functions, queues, topics, triggers, jobs, secrets, IAM... Ours.

It proves that what Google's own clients send is well-formed by Google's discovery documents (front.py), comes in an
order that works, and names nothing that is not there; that operations are waited for; that policies are written on
condition of what was read. It does not prove that Google accepts the values, or what Google does with them.
"""

import copy
import re
import threading
from collections.abc import Callable
from typing import Any

from .discovery import Document, document
from .front import Answers, Call, Refused, page_of, updated

NUMBER = "123456789012"
NOW = "2026-11-27T00:00:00Z"
ALWAYS = frozenset({"cloudresourcemanager", "iam", "logging", "serviceusage", "storage"})
"""Interfaces that a new project has enabled."""
DOCUMENTS = (
    "cloudfunctions.v2", "cloudresourcemanager.v3", "cloudscheduler.v1", "cloudtasks.v2", "eventarc.v1", "firestore.v1",
    "iam.v1", "logging.v2", "pubsub.v1", "run.v2", "secretmanager.v1", "serviceusage.v1",
)  # fmt: skip
NAMES = {
    "functions": r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?",
    "queues": r"[A-Za-z0-9-]{1,100}",
    "topics": r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}",
    "subscriptions": r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}",
    "snapshots": r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}",
    "jobs": r"[A-Za-z0-9_-]{1,500}",
    "triggers": r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
    "secrets": r"[A-Za-z0-9_-]{1,255}",
    "databases": r"[a-z][a-z0-9-]{2,61}[a-z0-9]",
    "serviceAccounts": r"[a-z][a-z0-9-]{4,28}[a-z0-9]",
}
"""What a name may be, as each service documents it; of a function less: it is a service of Cloud Run too."""
EMPTY = "google.protobuf.Empty"
POLLS = 2
"""How often an operation is asked about until it is over."""


class Project:
    """Everything of one project. All methods are called with `lock` held."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.lock = threading.RLock()
        self.resources: dict[str, dict[str, Any]] = {}
        """By name, also those of storage: `projects/_/buckets/NAME`."""
        self.policies: dict[str, dict[str, Any]] = {}
        self.operations: dict[str, dict[str, Any]] = {}
        self.waiting: dict[str, tuple[int, Callable[[], None]]] = {}
        """What an operation does when it is over, and how many looks are left until then."""
        self.enabled = set(ALWAYS)
        self.agents: set[str] = set()
        """Interfaces whose agents have been made."""
        self.failing: dict[str, str] = {}
        """Names whose operations fail, with what is said then."""
        self.entries: list[dict[str, Any]] = []
        self.erased: list[str] = []
        """Collection groups whose documents were deleted."""
        self.led_back: list[tuple[str, str, bool]] = []
        """Subscriptions that took over what another has not delivered: (its name, the other's, whether it was there
        when the other's snapshot was made)."""
        self.buried: set[str] = set()
        """Names of queues that were deleted."""
        self.count = 0

    def number(self) -> int:
        self.count += 1
        return self.count

    def must(self, name: str) -> dict[str, Any]:
        found = self.resources.get(name)
        if found is None:
            raise Refused("NOT_FOUND", f"Resource '{name}' was not found")
        return found

    def need(self, api: str) -> None:
        if api not in self.enabled:
            raise Refused(
                "PERMISSION_DENIED",
                f"{api}.googleapis.com has not been used in project {self.id} before or it is disabled",
            )

    # Operations

    def operation(
        self, prefix: str, about: str, end: Callable[[], dict[str, Any] | None], polls: int = POLLS
    ) -> dict[str, Any]:
        """One that is over after some looks at it, or at what it is about: Google goes on though nobody asks."""
        name = f"{prefix}operations/op-{self.number()}"
        self.operations[name] = {"name": name}

        def over() -> None:
            said = self.failing.get(about)
            made = end() if said is None else None
            self.operations[name] = {"name": name, "done": True}
            if said is not None:
                self.operations[name]["error"] = {"code": 13, "message": said}
                if about in self.resources:
                    self.resources[about]["state"] = "FAILED"
            elif made is not None:
                self.operations[name]["response"] = made

        self.waiting[name] = (polls, over)
        return {"name": name}

    def tick(self) -> None:
        """Time passes: with every request."""
        for name, (left, over) in list(self.waiting.items()):
            if left <= 1:
                del self.waiting[name]
                over()
            else:
                self.waiting[name] = (left - 1, over)


def check_name(plural: str, name: str) -> None:
    if re.fullmatch(NAMES[plural], name, re.ASCII) is None:
        raise Refused("INVALID_ARGUMENT", f"{name!r} is no name for one of the {plural}: {NAMES[plural]}")


def named(call: Call) -> str:
    """The name in a path: `projects/p/locations/l/queues/q`."""
    return "/".join(f"{key.removesuffix('Id')}/{value}" for key, value in call.names.items())


class ControlPlane:
    """The answers of all services, for any number of projects."""

    def __init__(self, *projects: str) -> None:
        self.projects = {id: Project(id) for id in projects}

    def project(self, call: Call) -> Project:
        found = self.projects.get(call.names.get("projectsId", call.names.get("v1Id1", "")))
        if found is None:
            raise Refused("PERMISSION_DENIED", "the caller does not have permission, or there is no such project")
        return found

    def answers(self) -> Answers:
        made: dict[str, Callable[[Call], Any]] = {}
        for service in SERVICES:
            made |= service(self)
        return made


def collection(  # noqa: C901 - one method after another
    plane: ControlPlane,
    service: str,
    prefix: str,
    plural: str,
    *,
    message: str,
    id_field: str = "",
    is_operation: bool = False,
    answers_what_was: bool = False,
    made: Callable[[Project, str, dict[str, Any]], None] = lambda *_: None,
    gone: Callable[[Project, str], None] = lambda *_: None,
    shown: Callable[[Project, dict[str, Any]], dict[str, Any]] = lambda _, one: one,
    check: Callable[[Project, dict[str, Any]], None] = lambda *_: None,
) -> dict[str, Callable[[Call], Any]]:
    """create, get, list, patch and delete of one kind, by https://google.aip.dev/131 to 135.

    `answers_what_was`: the operation of a deletion ends in the thing that is gone.
    """
    path = f"{service}.{prefix}.{plural}"

    def typed(body: dict[str, Any]) -> dict[str, Any]:
        return {"@type": f"type.googleapis.com/{message}", **body}

    def create(call: Call) -> Any:
        project = plane.project(call)
        project.need(service)
        body, parent = dict(call.body), named(call)
        name = f"{parent}/{plural}/{call.query[id_field]}" if id_field else str(body.get("name", ""))
        if not name.startswith(f"{parent}/{plural}/") or name.endswith("/"):
            raise Refused("INVALID_ARGUMENT", f"{name!r} is no name below {parent}/{plural}")
        check_name(plural, name.rpartition("/")[2])
        if name in project.resources:
            raise Refused("ALREADY_EXISTS", f"Resource '{name}' already exists")
        check(project, body)
        body["name"] = name
        project.resources[name] = body
        if not is_operation:
            made(project, name, body)
            return shown(project, body)
        body["state"] = "DEPLOYING"

        def end() -> dict[str, Any]:
            body.pop("state", None)
            made(project, name, body)
            return typed(shown(project, body))

        return project.operation(f"{parent}/", name, end)

    def get(call: Call) -> Any:
        project = plane.project(call)
        project.need(service)
        return shown(project, project.must(named(call)))

    def listed(call: Call) -> Any:
        project = plane.project(call)
        project.need(service)
        start = f"{named(call)}/{plural}/"
        found = [shown(project, one) for name, one in sorted(project.resources.items()) if name.startswith(start)]
        return page_of(found, call.query, plural, 3)

    def patch(call: Call) -> Any:
        project = plane.project(call)
        project.need(service)
        name = named(call)
        one = project.must(name)
        if one.get("state") == "DEPLOYING":
            raise Refused("ABORTED", "unable to queue the operation")
        check(project, {**one, **call.body})
        changed = updated(one, call.body, call.query["updateMask"])
        project.resources[name] = changed
        if not is_operation:
            made(project, name, changed)
            return shown(project, changed)
        changed["state"] = "DEPLOYING"

        def end() -> dict[str, Any]:
            changed.pop("state", None)
            made(project, name, changed)
            return typed(shown(project, changed))

        return project.operation(f"{named(call).rpartition(f'/{plural}/')[0]}/", name, end)

    def delete(call: Call) -> Any:
        project = plane.project(call)
        project.need(service)
        name = named(call)
        one = project.must(name)
        if one.get("state") == "DEPLOYING":
            raise Refused("ABORTED", "unable to queue the operation")
        if not is_operation:
            remove(project, name)
            return {}
        one["state"] = "DELETING"

        def end() -> dict[str, Any]:
            remove(project, name)
            return typed(shown(project, one)) if answers_what_was else {"@type": f"type.googleapis.com/{EMPTY}"}

        return project.operation(f"{name.rpartition(f'/{plural}/')[0]}/", name, end)

    def remove(project: Project, name: str) -> None:
        project.resources.pop(name, None)
        project.policies.pop(name, None)
        gone(project, name)

    return {
        f"{path}.create": create,
        f"{path}.get": get,
        f"{path}.list": listed,
        f"{path}.patch": patch,
        f"{path}.delete": delete,
    }


def operations(plane: ControlPlane, service: str, prefix: str) -> dict[str, Callable[[Call], Any]]:
    def get(call: Call) -> Any:
        project = plane.project(call)
        found = project.operations.get(named(call))
        if found is None:
            raise Refused("NOT_FOUND", f"no operation {named(call)}")
        return found

    return {f"{service}.{prefix}.operations.get": get}


# Policies


def policies(
    plane: ControlPlane, service: str, prefix: str, name_of: Callable[[Project, str], str] = lambda _, name: name
) -> dict[str, Callable[[Call], Any]]:
    def read(call: Call) -> Any:
        project = plane.project(call)
        name = name_of(project, named(call))
        return project.policies.get(name, {"version": 1, "etag": "MA=="})

    def write(call: Call) -> Any:
        project = plane.project(call)
        return set_policy(project, name_of(project, named(call)), call.body["policy"])

    return {f"{service}.{prefix}.getIamPolicy": read, f"{service}.{prefix}.setIamPolicy": write}


def set_policy(project: Project, name: str, policy: dict[str, Any]) -> dict[str, Any]:
    import base64

    before = project.policies.get(name, {"etag": "MA=="})
    if policy.get("etag") != before["etag"]:
        raise Refused("ABORTED", "There were concurrent policy changes. Please retry the whole read-modify-write.")
    emails = {str(one["email"]) for one in project.resources.values() if "email" in one}
    for binding in policy.get("bindings", ()):
        if not str(binding.get("role", "")).startswith("roles/"):
            raise Refused("INVALID_ARGUMENT", f"no such role: {binding.get('role')}")
        if "condition" in binding and policy.get("version") != 3:
            raise Refused("INVALID_ARGUMENT", "conditions need a policy of version 3")
        for member in binding.get("members", ()):
            email = member.partition(":")[2]
            if member.startswith("serviceAccount:") and email.endswith(f"@{project.id}.iam.gserviceaccount.com"):
                if email not in emails:
                    raise Refused("INVALID_ARGUMENT", f"Service account {email} does not exist.")
            elif email.startswith(f"service-{NUMBER}@gcp-sa-pubsub.") and "pubsub" not in project.agents:
                raise Refused("INVALID_ARGUMENT", f"Service account {email} does not exist.")
            elif member != "allUsers" and not email.startswith(f"service-{NUMBER}@"):
                raise Refused("INVALID_ARGUMENT", f"no such member: {member}")
    etag = base64.b64encode(str(project.number()).encode()).decode()
    project.policies[name] = {**policy, "etag": etag}
    return project.policies[name]


def existing(project: Project, name: str) -> str:
    project.must(name)
    return name


# Services


def functions(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    def check(project: Project, body: dict[str, Any]) -> None:
        source = body["buildConfig"]["source"]["storageSource"]
        if f"projects/_/buckets/{source['bucket']}/objects/{source['object']}" not in project.resources:
            raise Refused("INVALID_ARGUMENT", f"source {source['bucket']}/{source['object']} is not there")
        account = f"projects/{project.id}/serviceAccounts/{body['serviceConfig']['serviceAccountEmail']}"
        for one in (account, body["buildConfig"]["serviceAccount"]):
            if one not in project.resources:
                raise Refused("INVALID_ARGUMENT", f"Service account {one} does not exist.")

    def made(project: Project, name: str, body: dict[str, Any]) -> None:
        service = name.replace("/functions/", "/services/")
        short, location = name.rpartition("/")[2], name.split("/")[3]
        body["state"] = "ACTIVE"
        body["serviceConfig"] = {
            **body["serviceConfig"],
            "service": service,
            "uri": f"https://{short}-{NUMBER}.{location}.run.app",
        }
        project.resources[service] = {"name": service}

    def gone(project: Project, name: str) -> None:
        service = name.replace("/functions/", "/services/")
        project.resources.pop(service, None)
        project.policies.pop(service, None)

    return {
        **collection(
            plane, "cloudfunctions", "projects.locations", "functions", id_field="functionId", is_operation=True,
            message="google.cloud.functions.v2.Function", made=made, gone=gone, check=check,
        ),
        **operations(plane, "cloudfunctions", "projects.locations"),
        **policies(plane, "run", "projects.locations.services", existing),
    }  # fmt: skip


def queues(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    """The name of a queue that was deleted is taken for days: here, for ever.

    https://cloud.google.com/tasks/docs/deleting-appengine-queues-and-tasks
    """
    path = "cloudtasks.projects.locations.queues"

    def made(_: Project, __: str, body: dict[str, Any]) -> None:
        body.setdefault("state", "RUNNING")

    def check(project: Project, body: dict[str, Any]) -> None:
        if body["name"] in project.buried:
            raise Refused(
                "FAILED_PRECONDITION",
                "The queue cannot be created because a queue with this name existed too recently.",
            )

    def gone(project: Project, name: str) -> None:
        project.buried.add(name)

    def state(value: str | None) -> Callable[[Call], Any]:
        def change(call: Call) -> Any:
            one = plane.project(call).must(named(call))
            one |= {} if value is None else {"state": value}
            return one

        return change

    return {
        **collection(
            plane,
            "cloudtasks",
            "projects.locations",
            "queues",
            message="google.cloud.tasks.v2.Queue",
            made=made,
            gone=gone,
            check=check,
        ),
        **policies(plane, "cloudtasks", "projects.locations.queues", existing),
        f"{path}.pause": state("PAUSED"),
        f"{path}.purge": state(None),
        f"{path}.resume": state("RUNNING"),
    }


def jobs(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    return collection(plane, "cloudscheduler", "projects.locations", "jobs", message="google.cloud.scheduler.v1.Job")


def triggers(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    def check(project: Project, body: dict[str, Any]) -> None:
        run = body["destination"]["cloudRun"]
        service = f"projects/{project.id}/locations/{run['region']}/services/{run['service']}"
        if service not in project.resources:
            raise Refused("INVALID_ARGUMENT", f"the Cloud Run service {service} is not there")
        account = f"projects/{project.id}/serviceAccounts/{body['serviceAccount']}"
        if account not in project.resources:
            raise Refused("INVALID_ARGUMENT", f"Service account {account} does not exist.")

    return {
        **collection(
            plane, "eventarc", "projects.locations", "triggers", id_field="triggerId", is_operation=True,
            message="google.cloud.eventarc.v1.Trigger", check=check, answers_what_was=True,
            shown=lambda _, one: {key: value for key, value in one.items() if key != "state"},
        ),
        **operations(plane, "eventarc", "projects.locations"),
    }  # fmt: skip


def secrets(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    def shown(project: Project, one: dict[str, Any]) -> dict[str, Any]:
        # Secret Manager names a project by its number.
        return {**one, "name": one["name"].replace(f"projects/{project.id}/", f"projects/{NUMBER}/"), "createTime": NOW}

    return {
        **collection(
            plane, "secretmanager", "projects", "secrets", id_field="secretId",
            message="google.cloud.secretmanager.v1.Secret", shown=shown,
        ),
        **policies(plane, "secretmanager", "projects.secrets", existing),
    }  # fmt: skip


def messages(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    """Topics and subscriptions: made by PUT, the request being the thing itself."""
    found: dict[str, Callable[[Call], Any]] = {}
    for plural, noun in (("topics", "topic"), ("subscriptions", "subscription")):
        base = collection(plane, "pubsub", "projects", plural, message=f"google.pubsub.v1.{noun.title()}")

        def create(call: Call, noun: str = noun) -> Any:
            project = plane.project(call)
            project.need("pubsub")
            name, body = named(call), dict(call.body)
            check_name(f"{noun}s", name.rpartition("/")[2])
            if name in project.resources:
                raise Refused("ALREADY_EXISTS", f"Resource already exists in the project (resource={name}).")
            if noun == "subscription":
                project.must(body["topic"])
                dead = body.get("deadLetterPolicy", {}).get("deadLetterTopic")
                if dead is not None:
                    project.must(dead)
            project.resources[name] = {**body, "name": name, "state": "ACTIVE"}
            return project.resources[name]

        def patch(call: Call, noun: str = noun) -> Any:
            project = plane.project(call)
            name = named(call)
            fixed = {"topic", "filter", "name"} & set(str(call.body["updateMask"]).split(","))
            if fixed:
                raise Refused("INVALID_ARGUMENT", f"{', '.join(sorted(fixed))} cannot be changed")
            project.resources[name] = updated(project.must(name), call.body[noun], call.body["updateMask"])
            return project.resources[name]

        found |= base
        found[f"pubsub.projects.{plural}.create"] = create
        found[f"pubsub.projects.{plural}.patch"] = patch
        found |= policies(plane, "pubsub", f"projects.{plural}", existing)
    return found


def snapshots(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    """A snapshot knows which subscriptions were there when it was made; a subscription that is led back says to which.

    https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.snapshots
    """
    hidden = ("_of", "_before")

    def shown(_: Project, one: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in one.items() if key not in hidden}

    base = collection(plane, "pubsub", "projects", "snapshots", message="google.pubsub.v1.Snapshot", shown=shown)

    def create(call: Call) -> Any:
        project, name = plane.project(call), named(call)
        check_name("snapshots", name.rpartition("/")[2])
        if name in project.resources:
            raise Refused("ALREADY_EXISTS", f"Resource already exists in the project (resource={name}).")
        project.resources[name] = {
            "name": name,
            "topic": project.must(call.body["subscription"])["topic"],
            "labels": call.body.get("labels", {}),
            "_of": call.body["subscription"],
            "_before": [one for one in project.resources if "/subscriptions/" in one],
        }
        return shown(project, project.resources[name])

    def seek(call: Call) -> Any:
        project = plane.project(call)
        one, snapshot = project.must(named(call)), project.must(call.body["snapshot"])
        if one["topic"] != snapshot["topic"]:
            raise Refused("INVALID_ARGUMENT", "the snapshot is of another topic than the subscription")
        project.led_back.append((one["name"], snapshot["_of"], one["name"] in snapshot["_before"]))
        return {}

    return {**base, "pubsub.projects.snapshots.create": create, "pubsub.projects.subscriptions.seek": seek}


def accounts(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    path = "iam.projects.serviceAccounts"

    def create(call: Call) -> Any:
        project = plane.project(call)
        email = f"{call.body['accountId']}@{project.id}.iam.gserviceaccount.com"
        name = f"projects/{project.id}/serviceAccounts/{email}"
        check_name("serviceAccounts", call.body["accountId"])
        if name in project.resources:
            raise Refused("ALREADY_EXISTS", f"Service account {email} already exists")
        project.resources[name] = {**call.body.get("serviceAccount", {}), "name": name, "email": email}
        return project.resources[name]

    def listed(call: Call) -> Any:
        project = plane.project(call)
        start = f"projects/{project.id}/serviceAccounts/"
        found = [one for name, one in sorted(project.resources.items()) if name.startswith(start)]
        return page_of(found, call.query, "accounts", 3)

    def patch(call: Call) -> Any:
        project, name = plane.project(call), named(call)
        changed = updated(project.must(name), call.body["serviceAccount"], call.body["updateMask"])
        project.resources[name] = changed
        return changed

    def delete(call: Call) -> Any:
        project, name = plane.project(call), named(call)
        project.must(name)
        del project.resources[name]
        project.policies.pop(name, None)
        return {}

    return {
        f"{path}.create": create,
        f"{path}.list": listed,
        f"{path}.patch": patch,
        f"{path}.delete": delete,
        **policies(plane, "iam", "projects.serviceAccounts", existing),
    }


def projects(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    def get(call: Call) -> Any:
        return {"name": f"projects/{NUMBER}", "projectId": plane.project(call).id, "state": "ACTIVE"}

    return {"cloudresourcemanager.projects.get": get, **policies(plane, "cloudresourcemanager", "projects")}


def interfaces(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    def shown(project: Project, name: str) -> dict[str, Any]:
        state = "ENABLED" if name.partition(".")[0] in project.enabled else "DISABLED"
        return {"name": f"projects/{NUMBER}/services/{name}", "parent": f"projects/{NUMBER}", "state": state}

    def batch(call: Call) -> Any:
        project = plane.project(call)
        names = call.query["names"]
        if not 1 <= len(names) <= 30:
            raise Refused("INVALID_ARGUMENT", "1 to 30 services can be asked for at once")
        return {"services": [shown(project, name.rpartition("/")[2]) for name in names]}

    def enable(call: Call) -> Any:
        project, name = plane.project(call), call.names["servicesId"]

        def end() -> dict[str, Any]:
            project.enabled.add(name.partition(".")[0])
            service = shown(project, name)
            return {"@type": "type.googleapis.com/google.api.serviceusage.v1.EnableServiceResponse", "service": service}

        return project.operation("", f"projects/{project.id}/services/{name}", end)

    def identity(call: Call) -> Any:
        project = plane.projects[call.names["v1beta1Id1"]]
        project.need(call.names["servicesId"].partition(".")[0])
        project.agents.add(call.names["servicesId"].partition(".")[0])
        return {"name": "operations/finished.DONE_OPERATION", "done": True}

    def operation(call: Call) -> Any:
        name = f"operations/{call.names['operationsId']}"
        for project in plane.projects.values():
            if name in project.operations:
                return project.operations[name]
        raise Refused("NOT_FOUND", name)

    return {
        "serviceusage.services.batchGet": batch,
        "serviceusage.services.enable": enable,
        "serviceusage.services.generateServiceIdentity": identity,
        "serviceusage.operations.get": operation,
    }


def firestore(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:  # noqa: C901 - one method after another
    path, kind = "firestore.projects.databases", "google.firestore.admin.v1"

    def create(call: Call) -> Any:
        project = plane.project(call)
        project.need("firestore")
        check_name("databases", call.query["databaseId"])
        name = f"projects/{project.id}/databases/{call.query['databaseId']}"
        if name in project.resources:
            raise Refused("ALREADY_EXISTS", f"Database '{name}' already exists")
        body = {**call.body, "name": name}
        project.resources[name] = body
        return project.operation(f"{name}/", name, lambda: {"@type": f"type.googleapis.com/{kind}.Database", **body})

    def get(call: Call) -> Any:
        project = plane.project(call)
        project.need("firestore")
        return project.must(named(call))

    def listed(call: Call) -> Any:
        project = plane.project(call)
        project.need("firestore")
        start = f"projects/{project.id}/databases/"
        return {
            "databases": [
                one
                for name, one in sorted(project.resources.items())
                if name.startswith(start) and name.count("/") == 3
            ]
        }

    def patch(call: Call) -> Any:
        project, name = plane.project(call), named(call)
        changed = updated(project.must(name), call.body, call.query["updateMask"])
        project.resources[name] = changed
        return project.operation(f"{name}/", name, lambda: {"@type": f"type.googleapis.com/{kind}.Database", **changed})

    def delete(call: Call) -> Any:
        project, name = plane.project(call), named(call)
        one = project.must(name)
        if one.get("deleteProtectionState") == "DELETE_PROTECTION_ENABLED":
            raise Refused("FAILED_PRECONDITION", f"{name} is protected against deletion")

        def end() -> dict[str, Any]:
            for inside in [key for key in project.resources if key == name or key.startswith(f"{name}/")]:
                del project.resources[inside]
            return {"@type": f"type.googleapis.com/{kind}.Database", **one}

        return project.operation(f"{name}/", name, end)

    def erase(call: Call) -> Any:
        project = plane.project(call)
        project.must(named(call))
        project.erased += call.body["collectionIds"]
        made = {"@type": f"type.googleapis.com/{kind}.BulkDeleteDocumentsResponse"}
        return project.operation(f"{named(call)}/", "", lambda: made)

    def new_index(call: Call) -> Any:
        project, group = plane.project(call), named(call)
        project.must("/".join(group.split("/")[:4]))
        wanted = [one for one in call.body["fields"] if one["fieldPath"] != "__name__"]
        for name, one in project.resources.items():
            if name.startswith(f"{group}/indexes/") and one["fields"][:-1] == wanted:
                raise Refused("ALREADY_EXISTS", "index already exists")
        name = f"{group}/indexes/CICAgOi{project.number()}"
        ended = [*wanted, {"fieldPath": "__name__", "order": wanted[-1].get("order", "ASCENDING")}]
        body = {**call.body, "fields": ended, "name": name, "state": "CREATING"}
        project.resources[name] = body

        def end() -> dict[str, Any]:
            body["state"] = "READY"
            return {"@type": f"type.googleapis.com/{kind}.Index", **body}

        return project.operation(f"{'/'.join(group.split('/')[:4])}/", name, end)

    def list_inside(what: str) -> Callable[[Call], Any]:
        def listed_inside(call: Call) -> Any:
            project = plane.project(call)
            project.need("firestore")
            database = "/".join(named(call).split("/")[:4])
            project.must(database)
            found = [
                one
                for name, one in sorted(project.resources.items())
                if name.startswith(f"{database}/") and f"/{what}/" in name
            ]
            return page_of(found, call.query, what, 3)

        return listed_inside

    def delete_index(call: Call) -> Any:
        project, name = plane.project(call), named(call)
        project.must(name)
        del project.resources[name]
        return {}

    def patch_field(call: Call) -> Any:
        project, name = plane.project(call), named(call)
        database = "/".join(name.split("/")[:4])
        project.must(database)
        one = updated(project.resources.get(name, {"name": name}), call.body, call.query["updateMask"])
        if "ttlConfig" in one:
            one["ttlConfig"] = {"state": "ACTIVE"}
        if "indexConfig" in one or "ttlConfig" in one:
            project.resources[name] = one
        else:
            project.resources.pop(name, None)
        return project.operation(f"{database}/", name, lambda: {"@type": f"type.googleapis.com/{kind}.Field", **one})

    return {
        f"{path}.create": create,
        f"{path}.get": get,
        f"{path}.list": listed,
        f"{path}.patch": patch,
        f"{path}.delete": delete,
        f"{path}.bulkDeleteDocuments": erase,
        f"{path}.collectionGroups.indexes.create": new_index,
        f"{path}.collectionGroups.indexes.list": list_inside("indexes"),
        f"{path}.collectionGroups.indexes.delete": delete_index,
        f"{path}.collectionGroups.fields.list": list_inside("fields"),
        f"{path}.collectionGroups.fields.patch": patch_field,
        **operations(plane, "firestore", "projects.databases"),
    }


def logs(plane: ControlPlane) -> dict[str, Callable[[Call], Any]]:
    def entries(call: Call) -> Any:
        [resource] = call.body["resourceNames"]
        project = plane.projects[resource.partition("/")[2]]
        wanted = str(call.body["filter"])
        since = wanted.partition('timestamp>="')[2].partition('"')[0]
        found = [
            one
            for one in sorted(project.entries, key=lambda one: str(one["timestamp"]))
            if f'"{one["resource"]["labels"]["service_name"]}"' in wanted
            and str(one["timestamp"]).replace("Z", "+00:00") >= since
        ]
        return page_of(found, call.body, "entries", 3)

    return {"logging.entries.list": entries}


SERVICES = (
    functions, queues, jobs, triggers, secrets, messages, snapshots, accounts, projects, interfaces, firestore, logs,
)  # fmt: skip


def documents() -> dict[str, Document]:
    """By service; with the one method of an earlier version that is the only one of its kind."""
    found = {name.partition(".")[0]: document(name) for name in DOCUMENTS}
    usage = copy.copy(found["serviceusage"])
    earlier = document("serviceusage.v1beta1").methods
    usage.methods = [*usage.methods, *(one for one in earlier if one.id.endswith(".generateServiceIdentity"))]
    return {**found, "serviceusage": usage}
