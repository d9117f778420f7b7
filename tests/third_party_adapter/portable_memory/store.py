"""What is kept: items, objects, deliveries, values. One lock guards it all, so that every method below is atomic."""

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

from portable.binding import Clock, current_context
from portable.drivers import Condition, IndexValue, ObjectRecord, RunState
from portable.errors import Conflict
from portable.manifest import Manifest
from portable.specs import BucketEvent, HandlerSpec, TableChange, Trigger

DAY = 24 * 3600.0
KEPT = {"succeeded": 7 * DAY, "discarded": 7 * DAY, "dead": 14 * DAY}


class Item(NamedTuple):
    """One item of a table."""

    pk: str
    sk: str
    version: str
    encoded: str
    expires_at: int | None
    index_values: dict[str, tuple[IndexValue, ...]]


@dataclass
class Delivery:
    """One message for one handler, from its first second to its end."""

    number: int
    id: str
    handler: str
    kind: str
    body: str
    enqueued_at: float
    due: float
    traceparent: str
    attributes: dict[str, str] = field(default_factory=dict)
    scheduled_at: float | None = None
    state: RunState = "queued"
    attempts: int = 0
    updated_at: float = 0.0
    result: str | None = None
    error: str | None = None
    progress: float | None = None
    note: str | None = None

    @property
    def waits(self) -> bool:
        return self.state in ("queued", "failed")


class Store:
    """Everything of one running app. `triggers` are its background handlers by qualified name."""

    def __init__(self, clock: Clock, manifest: Manifest) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.triggers: dict[str, Trigger] = {spec.name: spec.trigger for spec in manifest.handlers}
        self.handlers: dict[str, HandlerSpec] = {spec.name: spec for spec in manifest.handlers}
        self.tables: dict[str, dict[tuple[str, str], Item]] = {}
        self.tokens: dict[tuple[str, str], tuple[float, object]] = {}
        self.buckets: dict[str, dict[str, tuple[ObjectRecord, bytes]]] = {}
        self.deliveries: dict[tuple[str, str], Delivery] = {}
        self.dedups: dict[tuple[str, str], tuple[float, str]] = {}
        self.values: dict[tuple[str, str], str] = {}
        self._count = 0

    def number(self) -> int:
        """Greater than all before."""
        with self.lock:
            self._count += 1
            return self._count

    def version(self) -> str:
        """As text, in whose order the writes were."""
        return f"{self.number():016x}"

    def deliver(
        self,
        handler: str,
        kind: str,
        body: str,
        *,
        id: str | None = None,
        at: float | None = None,
        due: float | None = None,
        traceparent: str | None = None,
        attributes: dict[str, str] | None = None,
        scheduled_at: float | None = None,
    ) -> None:
        """Queues a delivery; one of the same id for the same handler is the same delivery."""
        now = self.clock.now() if at is None else at
        with self.lock:
            number = self.number()
            found = Delivery(
                number=number,
                id=id or f"{number:032x}",
                handler=handler,
                kind=kind,
                body=body,
                enqueued_at=now,
                due=now if due is None else due,
                traceparent=running_trace() if traceparent is None else traceparent,
                attributes=attributes or {},
                scheduled_at=scheduled_at,
                updated_at=now,
            )
            self.deliveries.setdefault((found.id, handler), found)

    def changed(self, table: str, body: str) -> None:
        """An item was written or deleted: for every handler of changes."""
        for name, trigger in self.triggers.items():
            if isinstance(trigger, TableChange) and trigger.table == table:
                self.deliver(name, "table", body)

    def happened(self, bucket: str, key: str, event: str, body: str) -> None:
        """An object was created or deleted: for every handler whose prefix the key has."""
        for name, trigger in self.triggers.items():
            if (
                isinstance(trigger, BucketEvent)
                and (trigger.bucket, trigger.event) == (bucket, event)
                and key.startswith(trigger.prefix)
            ):
                self.deliver(name, "bucket", body)

    def forget(self) -> None:
        """Drops what is kept for a time only."""
        now = self.clock.now()
        with self.lock:
            for key, found in list(self.deliveries.items()):
                if found.state in KEPT and found.updated_at + KEPT[found.state] <= now:
                    del self.deliveries[key]


def running_trace() -> str:
    """The trace of the handler that is running, for what follows from its writes."""
    context = current_context.get()
    return "" if context is None else context.traceparent


def check(condition: Condition, version: str | None) -> None:
    """Raises Conflict if the condition does not hold for what is there (None: nothing)."""
    if condition.absent:
        if version is not None:
            raise Conflict("it exists already")
    elif condition.present or condition.version is not None:
        if version is None:
            raise Conflict("it is not there")
        if condition.version is not None and condition.version != version:
            raise Conflict("it has another version")
