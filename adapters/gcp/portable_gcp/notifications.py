"""What buckets tell of their objects, and to which topic; by Google's own session, as the buckets are."""

from collections.abc import Mapping
from typing import Any

from .deploy_clients import DeployClients
from .google_errors import is_absent
from .libraries import Found
from .operations import DONE, Operation
from .resources import Resource
from .sessions import bucket_in


class Notifications:
    """https://cloud.google.com/storage/docs/json_api/v1/notifications

    Google numbers them; ours are known by the topic that they tell.
    """

    def __init__(self, clients: DeployClients) -> None:
        self._clients = clients

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return dict(body)

    def get(self, name: str) -> Found | None:
        """One of more, which an interrupted change has left, is failed."""
        there = self._told(name)
        return there[0]._replace(state="REPEATED" if there[1:] else "", is_failed=bool(there[1:])) if there else None

    def _told(self, name: str) -> list[Found]:
        place = f"storage/v1/b/{bucket_in(name)}/notificationConfigs"
        try:
            answer = self._clients.call("storage", "GET", place)
        except Exception as error:
            if is_absent(error):
                return []
            raise
        wanted = name.partition("/notificationConfigs/")[2]
        return [
            Found(f"{place}/{one['id']}", {**one, "event_types": sorted(one.get("event_types", ()))})
            for one in answer.get("items", ())
            if str(one["topic"]).removeprefix("//pubsub.googleapis.com/") == wanted
        ]

    def update(self, one: Resource, _: tuple[str, ...]) -> Operation:
        """Google changes none: the new one is made first, so that nothing happens unheard, and what was there goes.

        What happens meanwhile is told twice, as anything may be.
        """
        there = self._told(one.name)
        alike = [found for found in there if {**found.body, **one.body} == found.body]
        if not alike:
            self.create(one)
        for found in there:
            if found not in alike[:1]:
                self._drop(found)
        return DONE

    def create(self, one: Resource) -> Operation:
        self._clients.call("storage", "POST", f"storage/v1/b/{bucket_in(one.name)}/notificationConfigs", one.body)
        return DONE

    def delete(self, found: Found) -> Operation:
        topic = str(found.body["topic"]).removeprefix("//pubsub.googleapis.com/")
        for one in self._told(f"projects/_/buckets/{bucket_in(found.name)}/notificationConfigs/{topic}"):
            self._drop(one)
        return DONE

    def _drop(self, found: Found) -> None:
        try:
            self._clients.call("storage", "DELETE", found.name)
        except Exception as error:
            if not is_absent(error):
                raise
