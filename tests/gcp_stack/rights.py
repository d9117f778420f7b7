"""Our own judge of rights: whether the roles that an account was given allow a call of one of Google's services.

Google publishes no simulator of IAM as there is one of AWS's. What a method needs and what a role allows is what its
pages say (rights.json, each with its source); what resources inherit is theirs too: a role on a resource, or on its
project. Of conditions it knows the two forms that the adapter writes, and refuses to judge any other.
"""

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from .discovery import document

DATA: dict[str, Any] = json.loads(Path(__file__).with_name("rights.json").read_text(encoding="utf-8"))
DOCUMENTS = {
    "cloudtasks": "cloudtasks.v2",
    "firestore": "firestore.v1",
    "iamcredentials": "iamcredentials.v1",
    "pubsub": "pubsub.v1",
    "secretmanager": "secretmanager.v1",
    "storage": "storage.v1",
}
"""Services that functions call."""
UPLOAD = re.compile(r"/(?:resumable/)?upload/storage/v1/b/(?P<bucket>[^/]+)/o")
XML = re.compile(r"/(?P<bucket>[a-z0-9][a-z0-9._-]{1,220}[a-z0-9])/.+", re.DOTALL)
DATA_OF_FIRESTORE = re.compile(
    r"/v1/projects/(?P<projects>[^/]+)/databases/(?P<databases>[^/]+)/documents(?:/.+)?:(?P<verb>[A-Za-z]+)", re.DOTALL
)
CONDITION = re.compile(r'resource\.name == "(?P<same>[^"]+)"|resource\.name\.startsWith\("(?P<start>[^"]+)"\)')


class Unjudged(Exception):
    """A call or a condition that rights.json or this module does not know: nobody is let in unseen."""


class Need(NamedTuple):
    """A permission on a resource, by its full name as conditions see it: `projects/p/databases/d`."""

    permission: str
    resource: str


class Asked(NamedTuple):
    """A call as IAM sees it: the path is as it was sent, without its query."""

    service: str
    verb: str
    path: str
    query: Mapping[str, str]
    body: bytes


def needs(call: Asked) -> list[Need]:
    """What a call needs, each once. Raises Unjudged for a call that is not known."""
    if call.service == "storage":
        found = of_storage(call)
    else:
        method, names = method_of(call)
        resource = resource_of(method, names)
        if method in DATA["writes"]["methods"]:
            permissions = [one for write in json.loads(call.body)["writes"] for one in of_write(write)]
        else:
            permissions = of_method(method)
        found = [Need(one, resource) for one in permissions]
    return sorted(set(found))


def method_of(call: Asked) -> tuple[str, dict[str, str]]:
    # What Firestore's paths name may be of any depth, and its document has those of one.
    data = DATA_OF_FIRESTORE.fullmatch(call.path) if call.service == "firestore" else None
    if data is not None:
        return f"firestore.projects.databases.documents.{data['verb']}", data.groupdict()
    found = document(DOCUMENTS[call.service]).find(call.verb, call.path)
    if found is None:
        raise Unjudged(f"{call.service} has no {call.verb} {call.path}")
    return found.method.id, found.names


def of_method(id: str) -> list[str]:
    known = DATA["methods"].get(id)
    if known is None:
        raise Unjudged(f"rights.json does not say what {id} needs")
    permissions: list[str] = known["permissions"]
    return permissions


def of_write(write: Mapping[str, Any]) -> list[str]:
    """Of one write in a commit: a condition on a time is one that the document is there."""
    kinds: dict[str, list[str]] = DATA["writes"]
    if "delete" in write:
        return kinds["delete"]
    current = write.get("currentDocument", {})
    if not current:
        return kinds["update"]
    return kinds["update, absent" if current.get("exists") is False else "update, present"]


def resource_of(method: str, names: Mapping[str, str]) -> str:
    """What a policy can be on: a queue of a task, a secret of its version, the database of a document."""
    parts = {key.removesuffix("Id"): value for key, value in names.items()}
    if parts["projects"] == "-":
        # The address of an account says whose it is.
        parts["projects"] = parts["serviceAccounts"].partition("@")[2].partition(".")[0]
    found = f"projects/{parts['projects']}"
    for kind in ("locations", "databases", "queues", "topics", "subscriptions", "secrets", "serviceAccounts"):
        if kind in parts:
            found += f"/{kind}/{parts[kind]}"
    if found.count("/") == 1:
        raise Unjudged(f"what {method} is about is not known: {dict(names)}")
    return found


def of_storage(call: Asked) -> list[Need]:
    """An upload that was begun needs no right for its pieces: its address stands for one.

    https://cloud.google.com/storage/docs/resumable-uploads#session-uris
    """
    upload = UPLOAD.fullmatch(call.path)
    if upload is not None:
        if "upload_id" in call.query:
            return []
        return of_objects("storage.objects.insert", unquote(upload["bucket"]))
    if call.path.startswith("/storage/v1/"):
        method, names = method_of(call)
        if method == "storage.objects.rewrite":
            permissions = of_method(method)
            source, target = (f"projects/_/buckets/{names[one]}" for one in ("sourceBucket", "destinationBucket"))
            reads = [Need(one, source) for one in permissions if one.endswith(".get")]
            return [*reads, *(Need(one, target) for one in permissions if not one.endswith(".get"))]
        return of_objects(method, names["bucket"])
    plain = XML.fullmatch(call.path)
    if plain is None:
        raise Unjudged(f"{call.verb} {call.path} is about no object")
    return of_objects(f"xml {call.verb}", plain["bucket"])


def of_objects(method: str, bucket: str) -> list[Need]:
    return [Need(one, f"projects/_/buckets/{bucket}") for one in of_method(method)]


# Roles


@cache
def permissions_of(role: str) -> frozenset[str]:
    """Raises Unjudged for a role that rights.json does not have."""
    known = DATA["roles"].get(role)
    if known is None:
        raise Unjudged(f"rights.json does not say what {role} allows")
    return frozenset(known["permissions"])


def holds(expression: str, resource: str) -> bool:
    """Whether a condition holds for a resource. Raises Unjudged for one of another form."""
    for part in expression.split(" || "):
        match = CONDITION.fullmatch(part)
        if match is None:
            raise Unjudged(f"the condition {expression!r} is of no form that is known here")
        if match["same"] == resource or (match["start"] is not None and resource.startswith(match["start"])):
            return True
    return False


def allowed_by(need: Need, account: str, policies: Iterable[Mapping[str, Any]]) -> str | None:
    """The role of one of these policies (the resource's own, its project's) that gives an account what it needs."""
    member = f"serviceAccount:{account}"
    for policy in policies:
        for binding in policy.get("bindings", ()):
            if member not in binding["members"] or need.permission not in permissions_of(binding["role"]):
                continue
            condition = binding.get("condition")
            if condition is None or holds(condition["expression"], need.resource):
                role: str = binding["role"]
                return role
    return None
