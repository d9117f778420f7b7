"""The line between the SDK and a provider: one Protocol per resource kind; adapters implement it, users never see it.

What every driver may count on: arguments are checked already (types, sizes, key alphabet, limits), documents are plain
values (None, bool, int, float, Decimal, str, bytes, aware UTC datetime, list, dict), names are the declared ones.
What every driver must do: be thread-safe; make its clients on first use; raise whatever its SDK raises; never wrap, log
or retry above its SDK. `classify` then says which of our errors a raised one is; `None` means a bug, shown as it is.
Every method may raise Throttled-, Unavailable- or Unknown-like errors; a write raises Unknown-like ones only where the
outcome cannot be known. A driver may raise a `PortableError` itself where its protocol says so; it passes unchanged.
"""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, Protocol

from .errors import PortableError
from .specs import BucketSpec, ParamSpec, SecretSpec, TableSpec, TaskSpec, TopicSpec

Document = dict[str, Any]
IndexValue = str | int


class Classifier(Protocol):
    """The part that all drivers share."""

    def classify(self, error: Exception) -> type[PortableError] | None:
        """Which of our errors `error` (raised by this driver) is, or None if it is none of them."""
        ...


# Tables


class Condition(NamedTuple):
    """When a write may happen. At most one is set; none set: always. An expired item counts as absent."""

    absent: bool = False
    present: bool = False
    version: str | None = None


ALWAYS = Condition()


class NewItem(NamedTuple):
    """An item to be written.

    `pk`, `sk`: 1-330 bytes of UTF-8, already checked. `encoded` is the canonical JSON of `document` (documents.py);
    store whichever suits. `index_values[name]` are the index's fields, only for indexes that the item belongs to.
    `expires_at`: epoch second from which the item is absent to every method, or None.
    """

    pk: str
    sk: str
    document: Document
    encoded: str
    index_values: dict[str, tuple[IndexValue, ...]]
    expires_at: int | None


class StoredItem(NamedTuple):
    """An item as read. Exactly one of `document` and `encoded` need be given.

    `version` changes with every write; the versions of one item sort as text in write order, also across deletion.
    """

    pk: str
    sk: str
    version: str
    document: Document | None
    encoded: str | None


class SortCondition(NamedTuple):
    """Restricts the sort key (or the second index field), compared as UTF-8 bytes (ints as numbers)."""

    operator: Literal["eq", "lt", "le", "gt", "ge", "between", "prefix"]
    low: IndexValue
    high: IndexValue | None = None


class StoredPage(NamedTuple):
    """At most the asked number of items; `cursor` is None on the last page, else opaque to everyone but the driver."""

    items: list[StoredItem]
    cursor: str | None


class PutAction(NamedTuple):
    item: NewItem
    condition: Condition


class DeleteAction(NamedTuple):
    pk: str
    sk: str
    condition: Condition


class CheckAction(NamedTuple):
    pk: str
    sk: str
    condition: Condition


WriteAction = PutAction | DeleteAction | CheckAction


class TableDriver(Classifier, Protocol):
    """Data plane of one table. Reads by key and by pk are strongly consistent unless `eventual`.

    An item whose `expires_at` is at or before the clock's second is absent to every method.
    A condition that does not hold raises `Conflict` (or an error that `classify` maps to it) and changes nothing.
    """

    def get(self, pk: str, sk: str, *, eventual: bool = False) -> StoredItem | None: ...

    def put(self, item: NewItem, condition: Condition) -> str:
        """Writes the item whole and returns its new version. Linearizable per key."""
        ...

    def delete(self, pk: str, sk: str, condition: Condition) -> None:
        """Removes the item; an absent one is no error unless the condition says so."""
        ...

    def increment(self, pk: str, sk: str, field: str, by: int, token: str | None, bound: int) -> int:
        """Adds `by` to the integer at the top-level `field` (missing: 0) and returns the new value; atomic.

        Raises NotFound for an absent item, Conflict if the field is no integer, LimitExceeded if the result's
        magnitude would pass `bound`; none of these changes anything. The same `token` (kept at least 10 minutes)
        applies once and answers alike. Without one, never retried: a lost answer is Unknown.
        """
        ...

    def query(
        self,
        pk: str,
        sort: SortCondition | None,
        *,
        reverse: bool,
        limit: int,
        cursor: str | None,
        eventual: bool = False,
    ) -> StoredPage:
        """Items of one pk in byte order of sk. `limit` is 1-1000. Items present throughout a paged read appear once."""
        ...

    def query_index(
        self,
        index: str,
        value: IndexValue,
        sort: SortCondition | None,
        *,
        reverse: bool,
        limit: int,
        cursor: str | None,
    ) -> StoredPage:
        """Items whose first index field equals `value`, ordered by the second; eventually consistent."""
        ...

    def transact(self, actions: list[WriteAction], token: str) -> list[str | None]:
        """All or nothing; 1-100 actions on distinct items of one pk. Returns each put's version, else None."""
        ...

    def batch_get(self, keys: list[tuple[str, str]]) -> list[StoredItem]:
        """The present ones among distinct keys, any number, in any order. Not a snapshot."""
        ...

    def batch_write(self, actions: list[PutAction | DeleteAction]) -> list[int]:
        """Unconditional writes on distinct items, any number, not atomic. Returns positions that failed."""
        ...

    def scan(self, *, limit: int, cursor: str | None) -> StoredPage:
        """Every item of the table once, in any stable order: for export."""
        ...


# Buckets


class ObjectRecord(NamedTuple):
    """What is known of an object without its bytes. `version` changes with every write and is no hash."""

    key: str
    size: int
    version: str
    content_type: str
    metadata: dict[str, str]
    modified: float


class ListedRecord(NamedTuple):
    """What a listing tells of an object: what every provider's own listing tells, in the one call.

    `etag` differs where the bytes differ, and may be the same where only the version does. `modified` is an epoch time.
    """

    key: str
    size: int
    etag: str
    modified: float


class ObjectPage(NamedTuple):
    """Objects and, with a delimiter, common prefixes, both in byte order; `cursor` None on the last page."""

    objects: list[ListedRecord]
    prefixes: list[str]
    cursor: str | None


class SignedRequest(NamedTuple):
    """A URL that stands for a right, and the headers that the client must send with it."""

    url: str
    method: Literal["GET", "PUT"]
    headers: dict[str, str]
    expires_at: float


class BucketDriver(Classifier, Protocol):
    """Data plane of one bucket. Reads and listings are strongly consistent; a reader sees one version, whole."""

    def head(self, key: str) -> ObjectRecord | None: ...

    def read(self, key: str, start: int, end: int | None) -> tuple[ObjectRecord, Iterator[bytes]] | None:
        """Bytes `start` to `end` (exclusive; None: to the end) of one version in chunks, or None if absent.

        `start` past the end gives no bytes. The iterator must be exhausted or closed.
        """
        ...

    def write(
        self,
        key: str,
        chunks: Iterator[bytes],
        *,
        content_type: str,
        metadata: dict[str, str],
        condition: Condition,
    ) -> ObjectRecord:
        """Stores the object atomically; nothing is visible if the chunks raise or the process dies."""
        ...

    def delete(self, key: str, condition: Condition) -> None: ...

    def list(self, prefix: str, *, delimiter: str | None, start_after: str | None, limit: int) -> ObjectPage: ...

    def copy(self, source: str, target: str, condition: Condition) -> ObjectRecord | None:
        """Copies bytes, type and metadata within the bucket; None if the source is absent."""
        ...

    def sign(
        self, key: str, method: Literal["GET", "PUT"], *, expires_in: int, content_type: str | None
    ) -> SignedRequest:
        """A URL for one method on one key. Raises Unsupported, naming the adapter, if it lacks `signed_urls`."""
        ...


# Tasks, topics, dead letters

RunState = Literal["queued", "running", "succeeded", "failed", "dead", "discarded"]


class TaskMessage(NamedTuple):
    """One task to be run. `body` is JSON. `due` is an epoch time, never before `enqueued_at`."""

    id: str
    task: str
    body: str
    enqueued_at: float
    due: float
    dedup: str | None
    traceparent: str


class RunRecord(NamedTuple):
    """What is known of a task run for 7 days after it ended. `failed` means: will be tried again."""

    id: str
    task: str
    state: RunState
    attempts: int
    enqueued_at: float
    updated_at: float
    result: str | None
    error: str | None
    progress: float | None
    note: str | None


class DeadLetter(NamedTuple):
    """A delivery that failed for good; kept 14 days unless redriven or discarded."""

    id: str
    handler: str
    body: str
    attempts: int
    error: str
    enqueued_at: float
    died_at: float
    traceparent: str


class DeadLetterPage(NamedTuple):
    letters: list[DeadLetter]
    cursor: str | None


class TaskDriver(Classifier, Protocol):
    """Data plane of one task's queue: at least once, unordered, durable once `send` returns."""

    def send(self, message: TaskMessage) -> str:
        """Enqueues; returns the run's id, or within 5 minutes of the same `dedup` the earlier run's id."""
        ...

    def run(self, id: str) -> RunRecord | None: ...

    def report(self, id: str, progress: float, note: str | None) -> None:
        """Records the progress (0-1) of a running task."""
        ...


class DeadLetterDriver(Classifier, Protocol):
    """The dead letters of one background handler (task, subscriber, schedule, bucket or table event)."""

    def list(self, *, limit: int, cursor: str | None) -> DeadLetterPage: ...

    def redrive(self, id: str) -> bool:
        """Runs the delivery anew with a fresh count; False if there is no such letter."""
        ...

    def discard(self, id: str) -> bool: ...


class EventMessage(NamedTuple):
    """One published event, under CloudEvents 1.0 names. `data` is JSON; `attributes` are at most 10 strings."""

    id: str
    source: str
    type: str
    time: float
    attributes: dict[str, str]
    traceparent: str
    data: str


class TopicDriver(Classifier, Protocol):
    """Data plane of one topic."""

    def publish(self, events: list[EventMessage]) -> None:
        """Every present subscriber whose filter matches gets each event at least once. Durable once it returns."""
        ...


# Settings


class ValueDriver(Classifier, Protocol):
    """Reads one param or secret; writes are the command line's."""

    def read(self) -> str | None: ...


class DriverFactory(Protocol):
    """What an adapter's runtime gives a Binding; each method is called once per resource, on first use.

    `state()` is the framework's own table (idempotency records and the like): pk, sk, document, ttl, no indexes.
    """

    def table(self, spec: TableSpec) -> TableDriver: ...
    def bucket(self, spec: BucketSpec) -> BucketDriver: ...
    def task(self, spec: TaskSpec) -> TaskDriver: ...
    def topic(self, spec: TopicSpec) -> TopicDriver: ...
    def dead_letters(self, handler: str) -> DeadLetterDriver: ...
    def param(self, spec: ParamSpec) -> ValueDriver: ...
    def secret(self, spec: SecretSpec) -> ValueDriver: ...
    def state(self) -> TableDriver: ...
