"""What happens to the resources of a stack, as it happens: events of it and of its nested stacks, in order, each once.

Events of a stack come newest first, page by page, and all that ever happened is among them; so reading stops at what
was there before (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from portable.adapter import Step

from .diff import kind_of
from .errors import error_code

STACK = "AWS::CloudFormation::Stack"
MOST_PAGES = 200
CANCELLED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")
"""Of a resource that only stopped because another one failed."""


class Event(NamedTuple):
    """One event. `stack` is the id of the stack that it is of; `physical` the resource's own, once it has one."""

    id: str
    at: float
    stack: str
    logical: str
    physical: str
    type: str
    status: str
    reason: str

    @property
    def is_of_stack(self) -> bool:
        """Whether it is about the stack itself."""
        return self.type == STACK and self.physical == self.stack


def event_of(entry: Mapping[str, Any]) -> Event:
    moment: Any = entry["Timestamp"]
    at = moment.timestamp() if isinstance(moment, datetime) else datetime.fromisoformat(str(moment)).timestamp()
    return Event(
        str(entry["EventId"]),
        float(at),
        str(entry["StackId"]),
        str(entry.get("LogicalResourceId", "")),
        str(entry.get("PhysicalResourceId", "")),
        str(entry.get("ResourceType", "")),
        str(entry.get("ResourceStatus", "")),
        str(entry.get("ResourceStatusReason", "")),
    )


def state_of(status: str) -> Literal["started", "done", "failed"]:
    if status.endswith("_FAILED"):
        return "failed"
    return "started" if status.endswith("_IN_PROGRESS") else "done"


def step_of(event: Event) -> Step:
    """An event as people see it."""
    return Step(
        event.at,
        kind_of(event.type),
        name_of(event),
        event.logical,
        event.status,
        state_of(event.status),
        event.reason or None,
    )


def name_of(event: Event) -> str:
    """What people know a resource by: the end of an ARN or URL, or the logical id of what has no name yet."""
    if event.type == STACK or not event.physical:
        return event.logical
    if event.physical.startswith("arn:"):
        return event.physical.rpartition(":")[2]
    if event.physical.startswith(("http://", "https://")):
        return event.physical.rpartition("/")[2]
    return event.physical


def first_failure(events: Iterable[Event]) -> Event | None:
    """The event that began the failure: of a resource rather than of a stack that holds it; of no cancelled one."""
    failed = [
        one for one in events if one.status.endswith("_FAILED") and not any(text in one.reason for text in CANCELLED)
    ]
    for one in failed:
        if one.type != STACK:
            return one
    return failed[0] if failed else None


class Follower:
    """The events of one stack from now on. `nested` stacks are followed as soon as an event names them."""

    def __init__(self, cloudformation: Any, stack: str) -> None:
        self._cloudformation = cloudformation
        self._root = stack
        self._seen: set[str] = set()
        self._stacks = [stack]
        self._begun = 0.0
        self.events: list[Event] = []
        for one in self._read(stack, until_known=False, first_page=True):
            self._seen.add(one.id)

    def poll(self) -> list[Event]:
        """What has happened since, oldest first."""
        found: list[Event] = []
        waiting = list(self._stacks)
        done: set[str] = set()
        while waiting:
            stack = waiting.pop()
            if stack in done:
                continue
            done.add(stack)
            for one in self._read(stack, until_known=True):
                # A nested stack may be older than this operation: what came before it is not of it.
                if one.id in self._seen or one.at < self._begun:
                    continue
                self._begun = self._begun or one.at
                self._seen.add(one.id)
                found.append(one)
                if one.type == STACK and one.physical and one.physical not in self._stacks and not one.is_of_stack:
                    self._stacks.append(one.physical)
                    waiting.append(one.physical)
        found.sort(key=lambda one: one.at)
        self.events += found
        return found

    def last_of_root(self) -> str | None:
        """The last status of the followed stack itself that was seen change."""
        for one in reversed(self.events):
            if one.is_of_stack and one.stack == self._root:
                return one.status
        return None

    def _read(self, stack: str, *, until_known: bool, first_page: bool = False) -> list[Event]:
        found: list[Event] = []
        token: str | None = None
        for _ in range(MOST_PAGES):
            try:
                answer = self._cloudformation.describe_stack_events(
                    StackName=stack, **({"NextToken": token} if token else {})
                )
            except Exception as error:
                if error_code(error) == "ValidationError" and "does not exist" in str(error):
                    break
                raise
            page = [event_of(entry) for entry in answer.get("StackEvents", ())]
            found += page
            token = answer.get("NextToken")
            if not token or first_page or (until_known and any(one.id in self._seen for one in page)):
                break
        # They come newest first; equal times keep their order that way round.
        found.reverse()
        return found
