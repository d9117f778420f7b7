"""Who may do what: the bindings of IAM that handlers' grants and triggers need, and no other. Pure.

One table says which role a verb stands for (docs/gcp.md shows it). Roles are given on the one resource: a bucket, a
topic, a queue, a secret, a service. Firestore knows no such policy, so there the role is the project's with a
condition on the database; what is finer than that (this table, that partition) Google cannot limit for servers.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from portable.deploy.functions import FunctionGroup

from .names import Names

VIEWER, USER = "roles/datastore.viewer", "roles/datastore.user"
TABLE_VERBS: dict[str, str] = {
    "get": VIEWER,
    "require": VIEWER,
    "get_entry": VIEWER,
    "query": VIEWER,
    "query_index": VIEWER,
    "batch_get": VIEWER,
    "scan": VIEWER,
    "put": USER,
    "update": USER,
    "delete": USER,
    "increment": USER,
    "transact": USER,
    "batch_write": USER,
}
OBJECT_VIEWER, OBJECT_USER = "roles/storage.objectViewer", "roles/storage.objectUser"
OBJECT_VERBS: dict[str, str] = {
    "get": OBJECT_VIEWER,
    "require": OBJECT_VIEWER,
    "open": OBJECT_VIEWER,
    "read_range": OBJECT_VIEWER,
    "head": OBJECT_VIEWER,
    "list": OBJECT_VIEWER,
    "put": OBJECT_USER,
    "delete": OBJECT_USER,
    "copy": OBJECT_USER,
    "signed_url": OBJECT_USER,
}
"""A signed URL reaches what its signer reaches, and may be one to put with."""
SIGN = "roles/iam.serviceAccountTokenCreator"
"""On the function's own account: it signs by `signBlob`, since there is no key anywhere."""
PUBLISH = "roles/pubsub.publisher"
SUBSCRIBE = "roles/pubsub.subscriber"
READ_VALUE = "roles/secretmanager.secretAccessor"
ENQUEUE = "roles/cloudtasks.enqueuer"
INVOKE = "roles/run.invoker"
RECEIVE = "roles/eventarc.eventReceiver"
TOPIC_VERBS = ("publish", "publish_all")
TASK_VERBS: dict[str, tuple[str, bool]] = {
    "send": (USER, True),
    "run": (VIEWER, False),
    "report": (USER, False),
}
"""What a verb of tasks needs of the framework's records, and whether it puts something into the queue."""
LETTER_VERBS: dict[str, bool] = {"dead_letters": False, "discard": False, "redrive": True}
"""Whether it puts something into the queue. All of them move what Pub/Sub gave up into the framework's records."""
BUILD_ROLES = ("roles/artifactregistry.writer", "roles/logging.logWriter")
"""https://cloud.google.com/functions/docs/securing/build-custom-sa"""
BUILD_SOURCES = "roles/storage.objectViewer"
EVERYBODY = "allUsers"


class Right(NamedTuple):
    """A role on one resource, by the id of what it is about: `bucket:files`, `database`, `queue:summarise`."""

    role: str
    target: str


class Known(NamedTuple):
    """A manifest's handlers by name, and its grants by who has them."""

    handlers: dict[str, Any]
    grants: dict[str, list[Any]]


def known(manifest: Mapping[str, Any]) -> Known:
    grants: dict[str, list[Any]] = {}
    for grant in manifest["grants"]:
        grants.setdefault(grant["handler"], []).append(grant)
    return Known({handler["name"]: handler for handler in manifest["handlers"]}, grants)


def rights(about: Known, group: FunctionGroup) -> list[Right]:
    """All that a function needs, by grant and by trigger: each once, sorted."""
    found: set[Right] = set()
    for subject in group.subjects:
        for grant in about.grants.get(subject, ()):
            found.update(granted(grant["resource"], grant["verb"], about.handlers, group.id))
    for handler in group.background:
        found.update(triggered(about.handlers[handler], group.id))
    if Right(USER, "database") in found:
        found.discard(Right(VIEWER, "database"))
    for one in [one for one in found if one.role == OBJECT_USER]:
        found.discard(Right(OBJECT_VIEWER, one.target))
    return sorted(found)


def granted(resource_id: str, verb: str, handlers: Mapping[str, Any], function: str) -> list[Right]:
    """What one verb on one resource needs. Raises ValueError for a verb that this table does not know."""
    kind, _, qualified = resource_id.partition(":")
    if kind == "state" and verb == "idempotent":
        return [Right(USER, "database")]
    if kind == "table" and verb in TABLE_VERBS:
        return [Right(TABLE_VERBS[verb], "database")]
    if kind == "bucket" and verb in OBJECT_VERBS:
        signing = [Right(SIGN, f"account:{function}")] if verb == "signed_url" else []
        return [Right(OBJECT_VERBS[verb], f"bucket:{qualified}"), *signing]
    if kind == "topic" and verb in TOPIC_VERBS:
        return [Right(PUBLISH, f"topic:{qualified}")]
    if kind in ("param", "secret") and verb == "get":
        return [Right(READ_VALUE, f"{kind}:{qualified}")]
    if kind == "task" and verb in TASK_VERBS:
        role, sends = TASK_VERBS[verb]
        return [Right(role, "database"), *([Right(ENQUEUE, f"queue:{qualified}")] if sends else [])]
    if verb in LETTER_VERBS and kind in ("task", "dead-letters"):
        return letters(handlers[qualified], verb)
    if verb in LETTER_VERBS and kind == "topic":
        return [
            right for handler in handlers.values() if subscribes(handler, qualified) for right in letters(handler, verb)
        ]
    raise ValueError(f"there are no roles of Google's for {verb!r} on {resource_id}")


def subscribes(handler: Mapping[str, Any], topic: str) -> bool:
    trigger = handler["trigger"]
    return bool(trigger["type"] == "delivery" and trigger["kind"] == "topic" and trigger["source"] == topic)


def kind_of(handler: Mapping[str, Any]) -> str:
    """What starts a background handler: task, topic, bucket, table or schedule."""
    trigger = handler["trigger"]
    return str(trigger["kind"] if trigger["type"] == "delivery" else trigger["type"])


def is_pushed(handler: Mapping[str, Any]) -> bool:
    """Whether it hears by a subscription of Pub/Sub of its own."""
    return kind_of(handler) in ("topic", "bucket")


def letters(handler: Mapping[str, Any], verb: str) -> list[Right]:
    name = handler["name"]
    found = [Right(USER, "database")]
    if is_pushed(handler):
        found.append(Right(SUBSCRIBE, f"dead-subscription:{name}"))
    if LETTER_VERBS[verb]:
        found.append(Right(ENQUEUE, f"queue:{name}"))
    return found


def triggered(handler: Mapping[str, Any], function: str) -> list[Right]:
    """What a background handler needs for its attempts, its letters and leases, and to be called in its own name."""
    found = [
        Right(USER, "database"),
        Right(ENQUEUE, f"queue:{handler['name']}"),
        Right(INVOKE, f"function:{function}"),
    ]
    if kind_of(handler) == "table":
        found.append(Right(RECEIVE, "project"))
    return found


# Bindings


class Binding(NamedTuple):
    """A role for members, with the condition that limits it ("" for none; `title` says what it does)."""

    role: str
    members: tuple[str, ...]
    title: str = ""
    expression: str = ""

    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = {"role": self.role, "members": list(self.members)}
        if self.expression:
            found["condition"] = {"title": self.title, "expression": self.expression}
        return found


def member(email: str) -> str:
    return f"serviceAccount:{email}"


def agent(names: Names, domain: str) -> str:
    """A service agent of Google's own in the project: https://cloud.google.com/iam/docs/service-agents"""
    return member(f"service-{names.number}@{domain}.iam.gserviceaccount.com")


def pubsub_agent(names: Names) -> str:
    return agent(names, "gcp-sa-pubsub")


def storage_agent(names: Names) -> str:
    return agent(names, "gs-project-accounts")


def of_database(role: str, members: Iterable[str], names: Names) -> Binding:
    """https://cloud.google.com/firestore/docs/manage-databases#limit_permissions_to_a_specific_database"""
    name = names.in_project(f"databases/{names.database()}")
    return Binding(role, tuple(sorted(members)), f"{names.app} in {names.stage}", f'resource.name == "{name}"')


def build_bindings(names: Names) -> list[Binding]:
    """What Cloud Build needs to make images of our zips: no objects but those that it is given."""
    who = (member(names.build_account()),)
    places = (f"projects/_/buckets/{names.release_bucket()}/", "projects/_/buckets/gcf-v2-sources-")
    expression = " || ".join(f'resource.name.startsWith("{place}")' for place in places)
    return [
        *(Binding(role, who) for role in BUILD_ROLES),
        Binding(BUILD_SOURCES, who, f"sources of {names.app} in {names.stage}", expression),
    ]


def joined(bindings: Iterable[Binding]) -> list[Binding]:
    """Those of one role and condition together, sorted."""
    found: dict[tuple[str, str, str], set[str]] = {}
    for one in bindings:
        found.setdefault((one.role, one.title, one.expression), set()).update(one.members)
    return [
        Binding(role, tuple(sorted(members)), title, expression)
        for (role, title, expression), members in sorted(found.items())
    ]
