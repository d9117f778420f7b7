"""What an app declares, as frozen values: the vocabulary shared by the SDK, the manifest, `check`, deploy and adapters.

Only plain data lives here: no functions of the user, no I/O, nothing that a provider adds.
Sizes are bytes, durations are seconds.
"""

from typing import Literal, NamedTuple

from .errors import Location

Missed = Literal["skip", "latest"]
Overlap = Literal["skip", "allow"]
FieldType = Literal["str", "int"]
Grouping = Literal["app", "service", "handler"]


class RetryPolicy(NamedTuple):
    """How often a delivery is tried: at most `max_attempts` starts (a crashed one counts).

    Before attempt n+1 the wait is `min_backoff * 2**(n-1)`, at most `max_backoff`, with jitter; then the dead letters.
    """

    max_attempts: int = 5
    min_backoff: float = 1.0
    max_backoff: float = 300.0


class IndexSpec(NamedTuple):
    """A secondary index: items that have `fields[0]`, ordered by `fields[1]` (or by primary key without one)."""

    name: str
    fields: tuple[str, ...]
    types: tuple[FieldType, ...]


class TableSpec(NamedTuple):
    """A table of documents under (pk, sk). A one-field key has the constant sk of `tables.CONSTANT_SK`."""

    name: str
    service: str
    key: tuple[str, ...]
    indexes: tuple[IndexSpec, ...]
    ttl: str | None
    model: str | None
    location: Location


class BucketSpec(NamedTuple):
    """A bucket of objects under string keys."""

    name: str
    service: str
    location: Location


class TopicSpec(NamedTuple):
    """A publish/subscribe topic; each subscriber is a handler with its own queue."""

    name: str
    service: str
    model: str | None
    location: Location


class TaskSpec(NamedTuple):
    """A queue with the one handler of the same name."""

    name: str
    service: str
    payload: str | None
    retry: RetryPolicy
    timeout: int
    location: Location


class ParamSpec(NamedTuple):
    """A setting (at most 4 KB) that is read at run time and written by the command line only."""

    name: str
    service: str
    default: str | None
    location: Location


class SecretSpec(NamedTuple):
    """A secret (at most 25,000 bytes) that is read at run time and written by the command line only."""

    name: str
    service: str
    location: Location


class Route(NamedTuple):
    """Trigger: HTTP requests. `path` is the full template, `{name}` for one segment."""

    methods: tuple[str, ...]
    path: str
    status: int


class Schedule(NamedTuple):
    """Trigger: a 5-field cron expression in an IANA zone. `every(...)` is compiled to one in UTC."""

    cron: str
    zone: str
    missed: Missed
    overlap: Overlap
    retry: RetryPolicy


class Delivery(NamedTuple):
    """Trigger: messages of a task's queue or of a subscription to a topic.

    `source` names the task or topic; `filter` holds attribute equalities (topics only).
    """

    kind: Literal["task", "topic"]
    source: str
    filter: tuple[tuple[str, str], ...]
    retry: RetryPolicy


class BucketEvent(NamedTuple):
    """Trigger: an object under `prefix` was created (or replaced) or deleted."""

    bucket: str
    event: Literal["created", "deleted"]
    prefix: str
    retry: RetryPolicy


class TableChange(NamedTuple):
    """Trigger: an item of a table was written or deleted."""

    table: str
    retry: RetryPolicy


Trigger = Route | Schedule | Delivery | BucketEvent | TableChange


class HandlerSpec(NamedTuple):
    """A user's function and what starts it. `name` is unique in the app and is what the command line takes."""

    name: str
    service: str
    function: str
    trigger: Trigger
    timeout: int
    memory: int
    uses: tuple[tuple[str, tuple[str, ...]], ...] | None
    location: Location


class GrantSpec(NamedTuple):
    """A right of a handler (or of what is mounted: `mount:/path`): one verb on one resource, and who needs it.

    `how` is exact (followed in the code), widened (something could not be followed), declared (`uses=`) or implied (the
    record of a task's own run).
    """

    handler: str
    resource: str
    verb: str
    how: Literal["exact", "widened", "declared", "implied"]
    locations: tuple[Location, ...]


class WideningSpec(NamedTuple):
    """Something in a handler's code that could not be followed, so that more of a resource was granted.

    `instead` is what to write at the handler so that nothing has to be guessed.
    """

    handler: str
    resource: str
    what: str
    location: Location
    instead: str


class MountSpec(NamedTuple):
    """An existing ASGI or WSGI application that answers everything below `path`."""

    path: str
    service: str
    interface: Literal["asgi", "wsgi"]
    location: Location


class StaticSpec(NamedTuple):
    """A folder of the app's sources that is served below `path`."""

    path: str
    service: str
    directory: str
    location: Location
