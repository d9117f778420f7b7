"""Resources whose interface Google's generated clients do not speak by REST, or speak each in its own way.

Service accounts, buckets, enabled interfaces, policies of IAM: by Google's own session.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from portable.errors import ProjectConflict

from .deploy_clients import DeployClients
from .google_errors import exceptions, is_absent, is_refused
from .libraries import Found, to_json
from .operations import DONE, Operation, operation_of
from .resources import Resource

PAGE = 100
MOST_TRIES = 6
MOST_SERVICES = 20
"""https://cloud.google.com/service-usage/docs/reference/rest/v1/services/batchGet"""


class Accounts:
    """https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts"""

    def __init__(self, clients: DeployClients, project: str) -> None:
        self._clients = clients
        self._project = project

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(body)

    def found(self) -> dict[str, Found]:
        found: dict[str, Found] = {}
        query = {"pageSize": str(PAGE)}
        while True:
            answer = self._clients.call("iam", "GET", f"v1/projects/{self._project}/serviceAccounts", query=query)
            for one in answer.get("accounts", ()):
                found[one["name"]] = Found(one["name"], one)
            if not answer.get("nextPageToken"):
                return found
            query["pageToken"] = answer["nextPageToken"]

    def get(self, name: str) -> Found | None:
        return self.found().get(name)

    def create(self, one: Resource) -> Operation:
        id = one.name.rpartition("/")[2].partition("@")[0]
        body = {"accountId": id, "serviceAccount": one.body}
        self._clients.call("iam", "POST", f"v1/projects/{self._project}/serviceAccounts", body)
        return DONE

    def update(self, one: Resource, paths: tuple[str, ...]) -> Operation:
        mask = ",".join(sorted(paths))
        self._clients.call("iam", "PATCH", f"v1/{one.name}", {"serviceAccount": one.body, "updateMask": mask})
        return DONE

    def delete(self, found: Found) -> Operation:
        self._clients.call("iam", "DELETE", f"v1/{found.name}")
        return DONE


class Buckets:
    """https://cloud.google.com/storage/docs/json_api/v1/buckets"""

    def __init__(self, clients: DeployClients, project: str) -> None:
        self._clients = clients
        self._project = project

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(body)

    def found(self) -> dict[str, Found]:
        found: dict[str, Found] = {}
        query = {"project": self._project, "maxResults": str(PAGE)}
        while True:
            answer = self._clients.call("storage", "GET", "storage/v1/b", query=query)
            for one in answer.get("items", ()):
                made = self._found(one)
                found[made.name] = made
            if not answer.get("nextPageToken"):
                return found
            query["pageToken"] = answer["nextPageToken"]

    def _found(self, value: Mapping[str, Any]) -> Found:
        return Found(f"projects/_/buckets/{value['name']}", dict(value))

    def get(self, name: str) -> Found | None:
        try:
            return self._found(self._clients.call("storage", "GET", f"storage/v1/b/{bucket_in(name)}"))
        except Exception as error:
            if is_absent(error):
                return None
            raise

    def create(self, one: Resource) -> Operation:
        # Google makes the agent that tells of a bucket's objects when it is first asked for.
        self._clients.call("storage", "GET", f"storage/v1/projects/{self._project}/serviceAccount")
        body = {**one.body, "name": bucket_in(one.name)}
        self._clients.call("storage", "POST", "storage/v1/b", body, {"project": self._project})
        return DONE

    def update(self, one: Resource, paths: tuple[str, ...]) -> Operation:
        fields = {path.partition("/")[0] for path in paths}
        body = {key: value for key, value in one.body.items() if key in fields}
        self._clients.call("storage", "PATCH", f"storage/v1/b/{bucket_in(one.name)}", body)
        return DONE

    def delete(self, found: Found) -> Operation:
        """With all that is in it."""
        bucket = self._clients.storage.bucket(bucket_in(found.name))
        for blob in self._clients.storage.list_blobs(bucket, versions=True):
            try:
                blob.delete(if_generation_match=blob.generation)
            except Exception as error:
                # Gone meanwhile, or by an attempt of ours whose answer was lost: it says nothing about the bucket.
                if not is_absent(error):
                    raise
        self._clients.call("storage", "DELETE", f"storage/v1/b/{bucket_in(found.name)}")
        return DONE


def bucket_in(name: str) -> str:
    """Of `projects/_/buckets/NAME/...`."""
    return name.split("/")[3]


class Interfaces:
    """Which of Google's interfaces are enabled in the project; none is ever disabled, since others may use it."""

    def __init__(self, clients: DeployClients, project: str) -> None:
        self._clients = clients
        self._project = project

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(body)

    def found_of(self, names: Sequence[str]) -> dict[str, Found]:
        """Those of `names` that are enabled."""
        found: dict[str, Found] = {}
        client = self._clients.library("serviceusage")
        for start in range(0, len(names), MOST_SERVICES):
            answer = client.batch_get_services(
                request={"parent": f"projects/{self._project}", "names": list(names[start : start + MOST_SERVICES])}
            )
            for one in map(to_json, answer.services):
                if one.get("state") == "ENABLED":
                    # By its id, where Google has the number.
                    name = f"projects/{self._project}/services/{one['name'].rpartition('/')[2]}"
                    found[name] = Found(name, {})
        return found

    def create(self, one: Resource) -> Operation:
        return operation_of(self._clients.library("serviceusage").enable_service(request={"name": one.name}))


# Policies

AGENTS = {"gcp-sa-pubsub": "pubsub.googleapis.com"}
"""Agents of Google's by the domain of their names; that of Storage is made with the first bucket."""


def policy_place(name: str) -> tuple[str, str, str]:
    """(service, version, verb to read with) of the policy of a resource, by the resource's name."""
    for part, place in (
        ("/services/", ("run", "v2", "GET")),
        ("/topics/", ("pubsub", "v1", "GET")),
        ("/subscriptions/", ("pubsub", "v1", "GET")),
        ("/secrets/", ("secretmanager", "v1", "GET")),
        ("/queues/", ("cloudtasks", "v2", "POST")),
        ("/serviceAccounts/", ("iam", "v1", "POST")),
    ):
        if part in name:
            return place
    return "cloudresourcemanager", "v3", "POST"


class Policies:
    """https://cloud.google.com/iam/docs/policies: read, changed and written with what was read as a condition."""

    def __init__(self, clients: DeployClients, project: str) -> None:
        self._clients = clients
        self._project = project
        self._agents: set[str] = set()

    def read(self, name: str) -> dict[str, Any] | None:
        """The policy of a resource; None if that is not there."""
        try:
            if "/buckets/" in name:
                query = {"optionsRequestedPolicyVersion": "3"}
                return dict(self._clients.call("storage", "GET", f"storage/v1/b/{bucket_in(name)}/iam", query=query))
            service, version, verb = policy_place(name)
            path = f"{version}/{quote(name, safe='/@')}:getIamPolicy"
            if verb == "GET" or service == "iam":
                return dict(self._clients.call(service, verb, path, query={"options.requestedPolicyVersion": "3"}))
            return dict(self._clients.call(service, verb, path, {"options": {"requestedPolicyVersion": 3}}))
        except Exception as error:
            if is_absent(error):
                return None
            raise

    def change(self, name: str, add: Sequence[Mapping[str, Any]], take: Sequence[Mapping[str, Any]]) -> None:
        """Gives and takes bindings; those of others stay as they are. Raises ProjectConflict."""
        self._make_agents(add)
        for attempt in range(MOST_TRIES):
            found = self.read(name)
            if found is None:
                if not add:
                    return
                raise exceptions().NotFound(f"{name} is not there")
            changed = with_bindings(found.get("bindings", ()), add, take)
            if changed == list(found.get("bindings", ())):
                return
            policy = {**found, "bindings": changed, "version": 3}
            policy.pop("kind", None)
            policy.pop("resourceId", None)
            try:
                self._write(name, policy)
            except Exception as error:
                if not is_refused(error):
                    raise
                time.sleep(0.1 * attempt)
            else:
                return
        raise ProjectConflict(f"others change who may do what with {name} all the time", hint="try again in a minute")

    def _make_agents(self, bindings: Iterable[Mapping[str, Any]]) -> None:
        """Google's agents that are given something exist from then on: some are made when they are first needed.

        https://cloud.google.com/iam/docs/create-service-agents
        """
        domains = {str(member).partition("@")[2].partition(".")[0] for one in bindings for member in one["members"]}
        for domain in sorted(domains & set(AGENTS) - self._agents):
            path = f"v1beta1/projects/{self._project}/services/{AGENTS[domain]}:generateServiceIdentity"
            self._clients.call("serviceusage", "POST", path)
            self._agents.add(domain)

    def _write(self, name: str, policy: Mapping[str, Any]) -> None:
        if "/buckets/" in name:
            self._clients.call("storage", "PUT", f"storage/v1/b/{bucket_in(name)}/iam", policy)
            return
        service, version, _ = policy_place(name)
        self._clients.call(
            service, "POST", f"{version}/{quote(name, safe='/@')}:setIamPolicy", {"policy": dict(policy)}
        )


def binding_key(binding: Mapping[str, Any]) -> tuple[str, str]:
    """Two bindings of one key can be joined."""
    return str(binding["role"]), str(binding.get("condition", {}).get("expression", ""))


def members_of(bindings: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for one in bindings:
        found.setdefault(binding_key(one), set()).update(one.get("members", ()))
    return found


def with_bindings(
    there: Iterable[Mapping[str, Any]], add: Sequence[Mapping[str, Any]], take: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Bindings with more and fewer members. Pure."""
    taken = members_of(take)
    made: list[dict[str, Any]] = []
    missing = members_of(add)
    for one in there:
        key = binding_key(one)
        members = [name for name in one.get("members", ()) if name not in taken.get(key, ())]
        members += sorted(missing.pop(key, set()) - set(members))
        if members:
            made.append({**one, "members": members})
    for one in add:
        members = sorted(missing.pop(binding_key(one), ()))
        if members:
            made.append({**one, "members": members})
    return made
