"""Resources by Google's generated clients: one table says how each kind is called there, one class does the calls.

All of them follow Google's own rules for interfaces (https://google.aip.dev/131 to 135), so that what differs is names.
Bodies go in and come out as JSON, by Google's own classes: what those do not know is refused before it is sent.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from .accounts import Place
from .deploy_clients import DeployClients
from .google_errors import is_absent, library
from .operations import Operation, operation_of
from .resources import Kind, Resource

Parent = Literal["project", "location"]


class Library(NamedTuple):
    """How one kind is called. `api` is the interface, `client` one of deploy_clients.LIBRARIES.

    `id_field` is what takes the short name in a request to create; "" where the resource has its whole name.
    `is_request`: the request to create is the resource itself.
    """

    api: str
    client: str
    types: str
    message: str
    noun: str
    plural: str
    parent: Parent
    id_field: str = ""
    is_request: bool = False
    pending: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


TABLE: dict[Kind, Library] = {
    "function": Library(
        "cloudfunctions", "cloudfunctions", "google.cloud.functions_v2", "Function", "function", "functions",
        "location", "functionId", pending=("DEPLOYING", "DELETING", "DETACHING"), failed=("FAILED", "UNKNOWN"),
    ),
    "queue": Library(
        "cloudtasks", "cloudtasks", "google.cloud.tasks_v2", "Queue", "queue", "queues", "location"
    ),
    "job": Library("cloudscheduler", "cloudscheduler", "google.cloud.scheduler_v1", "Job", "job", "jobs", "location"),
    "trigger": Library(
        "eventarc", "eventarc", "google.cloud.eventarc_v1", "Trigger", "trigger", "triggers", "location", "triggerId"
    ),
    "topic": Library(
        "pubsub", "publisher", "google.pubsub_v1", "Topic", "topic", "topics", "project", is_request=True
    ),
    "subscription": Library(
        "pubsub", "subscriber", "google.pubsub_v1", "Subscription", "subscription", "subscriptions", "project",
        is_request=True,
    ),
    "snapshot": Library(
        "pubsub", "subscriber", "google.pubsub_v1", "Snapshot", "snapshot", "snapshots", "project", is_request=True
    ),
    "secret": Library(
        "secretmanager", "secretmanager", "google.cloud.secretmanager_v1", "Secret", "secret", "secrets", "project",
        "secretId",
    ),
}  # fmt: skip


class Found(NamedTuple):
    """A resource as it is: `name` is Google's own, `state` its word for how it is ("" where it has none)."""

    name: str
    body: dict[str, Any]
    state: str = ""
    is_pending: bool = False
    is_failed: bool = False


def to_json(message: Any) -> dict[str, Any]:
    """A message of Google's libraries, as its interface has it; what has no order there, in one."""
    kind: Any = message.__class__
    found: dict[str, Any] = json.loads(
        kind.to_json(message, use_integers_for_enums=False, always_print_fields_with_no_presence=False, indent=None)
    )
    if "eventFilters" in found:
        filters: list[dict[str, str]] = found["eventFilters"]
        found["eventFilters"] = sorted(filters, key=lambda one: one["attribute"])
    return found


def from_json(kind: Any, value: Mapping[str, Any]) -> Any:
    return kind.from_json(json.dumps(value))


class LibraryKind:
    """The calls of one kind. Raises google.api_core's exceptions."""

    def __init__(self, clients: DeployClients, kind: Kind, place: Place) -> None:
        self._about = TABLE[kind]
        self._clients = clients
        project = f"projects/{place.project}"
        self._parent = project if self._about.parent == "project" else f"{project}/locations/{place.location}"
        # Some services name a project by its number, however they were asked.
        self._by_number, self._by_id = f"projects/{place.number}/", f"{project}/"

    @property
    def _client(self) -> Any:
        return self._clients.library(self._about.client)

    def _type(self, name: str) -> Any:
        return getattr(library(self._about.types), name)

    def _method(self, verb: str, noun: str) -> Any:
        return getattr(self._client, f"{verb}_{noun}")

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A body as Google writes it: without what is the default anyway, durations in its own form."""
        return to_json(from_json(self._type(self._about.message), body))

    def found(self) -> dict[str, Found]:
        """All of the place, by name."""
        about = self._about
        key = "project" if about.is_request else "parent"
        return {
            one.name: one for one in map(self._found, self._method("list", about.plural)(request={key: self._parent}))
        }

    def get(self, name: str) -> Found | None:
        key = self._about.noun if self._about.is_request else "name"
        try:
            return self._found(self._method("get", self._about.noun)(request={key: name}))
        except Exception as error:
            if is_absent(error):
                return None
            raise

    def _found(self, message: Any) -> Found:
        body = to_json(message)
        state = str(body.get("state", ""))
        name = str(body.pop("name")).replace(self._by_number, self._by_id, 1)
        return Found(name, body, state, state in self._about.pending, state in self._about.failed)

    def create(self, one: Resource) -> Operation:
        about = self._about
        whole = {**one.body, "name": one.name}
        if about.is_request:
            return operation_of(self._method("create", about.noun)(request=from_json(self._type(about.message), whole)))
        request: dict[str, Any] = {"parent": self._parent, about.noun: whole}
        if about.id_field:
            request[about.id_field] = one.name.rpartition("/")[2]
            if about.client == "secretmanager":
                # There the name is only Google's to give.
                request[about.noun] = one.body
        made = from_json(self._type(f"Create{about.message}Request"), request)
        return operation_of(self._method("create", about.noun)(request=made))

    def update(self, one: Resource, paths: tuple[str, ...]) -> Operation:
        """Changes the fields of `paths` (the first part of each) to what the body has."""
        about = self._about
        fields = sorted({path.partition("/")[0] for path in paths})
        request = {about.noun: {**one.body, "name": one.name}, "updateMask": ",".join(fields)}
        made = from_json(self._type(f"Update{about.message}Request"), request)
        return operation_of(self._method("update", about.noun)(request=made))

    def delete(self, found: Found) -> Operation:
        key = self._about.noun if self._about.is_request else "name"
        return operation_of(self._method("delete", self._about.noun)(request={key: found.name}))
