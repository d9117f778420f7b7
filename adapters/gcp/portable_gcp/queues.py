"""Queues of Cloud Tasks. One that is not needed any more is laid to rest, since Google keeps its name for days.

Whoever deletes a queue may be refused another one of that name for three days, or be told that it is there when it is
not: a rollback to a release that had the handler, or a deploy after a destroy, would have none. A queue at rest is
empty and paused, costs nothing, and says that it is at rest; the next deploy of that name wakes it.
https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues/delete
"""

from typing import Any

from .google_errors import is_refused
from .libraries import Found, LibraryKind, from_json
from .operations import DONE, Operation
from .resources import Resource

PAUSED = "PAUSED"
MARK = "X-Portable-At-Rest"
"""A header that the queue would give its tasks, of which it sends none: queues have no labels."""


def is_at_rest(found: Found) -> bool:
    """Whether anybody may have it. One that somebody has paused by hand is not."""
    return found.state == PAUSED and is_marked(found)


def is_marked(found: Found) -> bool:
    given = found.body.get("httpTarget", {}).get("headerOverrides", ())
    return any(one.get("header", {}).get("key") == MARK for one in given)


def awake(found: Found) -> Found:
    """One whose waking, or falling asleep, was interrupted has to be written once more."""
    return found._replace(state="HALF_AT_REST", is_failed=True) if is_marked(found) else found


class Queues(LibraryKind):
    """The calls of queues. Raises google.api_core's exceptions."""

    def found(self) -> dict[str, Found]:
        return {name: awake(one) for name, one in super().found().items() if not is_at_rest(one)}

    def get(self, name: str) -> Found | None:
        found = super().get(name)
        return None if found is None or is_at_rest(found) else awake(found)

    def create(self, one: Resource) -> Operation:
        try:
            return super().create(one)
        except Exception as error:
            if not is_refused(error):
                raise
            there = super().get(one.name)
            if there is None or not is_at_rest(there):
                raise
        # In this order: the mark goes last, by which a run that was interrupted in between is taken up.
        self._call("purge", one.name)
        self._call("resume", one.name)
        return self.update(one, tuple(one.body))

    def delete(self, found: Found) -> Operation:
        """The mark comes first: without it one that is paused would be taken for somebody's."""
        target: dict[str, Any] = dict(found.body.get("httpTarget", {}))
        others = [one for one in target.get("headerOverrides", ()) if one.get("header", {}).get("key") != MARK]
        marked = {**target, "headerOverrides": [*others, {"header": {"key": MARK, "value": "true"}}]}
        queue = {"name": found.name, "httpTarget": marked}
        request = from_json(self._type("UpdateQueueRequest"), {"queue": queue, "updateMask": "httpTarget"})
        self._client.update_queue(request=request)
        self._call("purge", found.name)
        self._call("pause", found.name)
        return DONE

    def _call(self, verb: str, name: str) -> None:
        self._method(verb, "queue")(request={"name": name})
