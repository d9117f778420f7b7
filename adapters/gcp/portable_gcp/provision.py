"""Makes in a project of a test stack what a deploy of an app makes of messages and buckets: for apps that run in tests.

What Google's clients are for in a deploy is done by the drivers' own REST here: a test has an app in some milliseconds.
"""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

from .resources import Kind, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .clients import Clients

ORDER: tuple[Kind, ...] = ("topic", "bucket", "queue", "subscription", "notification", "job")


class Trigger(NamedTuple):
    """A trigger of Eventarc: documents that match the pattern are told to the function under a path."""

    pattern: str
    path: str

    def matches(self, document: str) -> bool:
        """A `*` of the pattern stands for one segment."""
        pattern, path = self.pattern.split("/"), document.split("/")
        return len(pattern) == len(path) and all(
            wanted == "*" or fnmatchcase(found, wanted) for wanted, found in zip(pattern, path, strict=True)
        )


def make(resources: "Iterable[Resource]", clients: "Clients") -> list[Trigger]:
    """Makes what messages need, in order; the triggers are the caller's to tell of changes."""
    found = list(resources)
    for kind in ORDER:
        for one in found:
            if one.kind == kind:
                make_one(one, clients)
    return [trigger_of(one) for one in found if one.kind == "trigger"]


def make_one(one: Resource, clients: "Clients") -> None:
    if one.kind in ("topic", "subscription"):
        clients.pubsub.call("PUT", f"/v1/{one.name}", body=one.body, is_read=False)
        return
    parent, _, last = one.name.rpartition("/")
    if one.kind in ("queue", "job"):
        service, version = (clients.tasks, "v2") if one.kind == "queue" else (clients.service("cloudscheduler"), "v1")
        service.call("POST", f"/{version}/{parent}", body={"name": one.name, **one.body}, is_read=False)
        return
    if one.kind == "bucket":
        body = {"name": last, **one.body}
        clients.storage.call("POST", "/storage/v1/b", query={"project": clients.project}, body=body, is_read=False)
        return
    bucket = one.name.removeprefix("projects/_/buckets/").partition("/")[0]
    clients.storage.call("POST", f"/storage/v1/b/{bucket}/notificationConfigs", body=one.body, is_read=False)


def trigger_of(one: Resource) -> Trigger:
    pattern = next(found["value"] for found in one.body["eventFilters"] if found["attribute"] == "document")
    return Trigger(pattern, one.body["destination"]["cloudRun"]["path"])
