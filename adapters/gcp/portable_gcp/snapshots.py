"""Snapshots of Pub/Sub: there while a subscription takes the place of another, see handover.py.

https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.snapshots
"""

from .handover import source_of
from .libraries import LibraryKind
from .operations import DONE, Operation
from .resources import Resource


class Snapshots(LibraryKind):
    """The calls of snapshots. Raises google.api_core's exceptions."""

    def create(self, one: Resource) -> Operation:
        """Of the subscription that its id names.

        Google refuses one of a message that is gone within the hour, of the seven days that it is kept.
        """
        request = {"name": one.name, "subscription": source_of(one), **one.body}
        self._client.create_snapshot(request=request)
        return DONE

    def seek(self, subscription: str, snapshot: str) -> None:
        self._client.seek(request={"subscription": subscription, "snapshot": snapshot})
