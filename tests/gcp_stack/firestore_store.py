"""Databases of documents: commits, preconditions, transactions, and what triggers would be told."""

import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp

from .firestore_indexes import Indexes
from .firestore_protos import ArrayValue, Document, Refused, Value, WriteResult
from .firestore_queries import run
from .firestore_values import check_document, check_name, field_of, order_of, set_field

KEPT_CHANGES = 20_000
CONTENTION = "Aborted due to cross-transaction contention: several transactions are at the same data."
LARGEST, SMALLEST = 2**63 - 1, -(2**63)


class Change(NamedTuple):
    """What a trigger would be told of a document: as it was and as it is, None for absent."""

    number: int
    name: str
    before: Any
    after: Any
    time: Timestamp


class Transaction:
    def __init__(self, *, is_read_only: bool) -> None:
        self.is_read_only = is_read_only
        self.reads: dict[str, Any] = {}
        """The time of the last write of each document that was read, None for one that was absent."""
        self.queries: list[tuple[str, Any, list[Any]]] = []


class Clock:
    """Times of commits: strictly rising, in microseconds, over all databases."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def tick(self) -> Timestamp:
        with self._lock:
            self._last = max(time.time_ns() // 1000, self._last + 1)
            return Timestamp(seconds=self._last // 10**6, nanos=self._last % 10**6 * 1000)


class Database:
    """One database; `documents` is the path of its documents. Callers hold `lock`."""

    def __init__(self, documents: str, clock: Clock) -> None:
        self.documents = documents
        self.indexes = Indexes()
        self.changes: list[Change] = []
        self._clock = clock
        self._collections: dict[str, dict[str, Any]] = defaultdict(dict)
        self._groups: dict[str, set[str]] = defaultdict(set)
        self._transactions: dict[bytes, Transaction] = {}
        self._count = 0

    def now(self) -> Timestamp:
        return self._clock.tick()

    def find(self, name: str) -> Any:
        return self._collections.get(name.rpartition("/")[0], {}).get(name)

    def collection_paths(self) -> list[str]:
        return sorted(path for path, found in self._collections.items() if found)

    def collection(self, path: str) -> dict[str, Any]:
        return self._collections.get(path, {})

    # Transactions: nobody waits, who was overtaken is aborted

    def begin(self, *, is_read_only: bool) -> bytes:
        self._count += 1
        id = b"transaction-%d" % self._count
        self._transactions[id] = Transaction(is_read_only=is_read_only)
        return id

    def transaction(self, id: bytes) -> Transaction:
        found = self._transactions.get(id)
        if found is None:
            raise Refused("INVALID_ARGUMENT", "The referenced transaction has expired or is no longer valid.")
        return found

    def rollback(self, id: bytes) -> None:
        self.transaction(id)
        del self._transactions[id]

    def read(self, name: str, transaction: bytes) -> Any:
        check_name(name, self.documents)
        found = self.find(name)
        if transaction:
            self.transaction(transaction).reads.setdefault(name, time_of(found))
        return found

    def query(self, parent: str, query: Any, transaction: bytes = b"") -> list[Any]:
        """What a query finds below `parent`, a document or the database's documents."""
        found = run(self._asked(parent, query.from_[0]), query, self.indexes)
        if transaction:
            self.transaction(transaction).queries.append((parent, query, found))
        return found

    def _asked(self, parent: str, selector: Any) -> Iterable[Any]:
        if not selector.all_descendants:
            yield from self.collection(f"{parent}/{selector.collection_id}").values()
            return
        for path in self._groups.get(selector.collection_id, ()):
            if path.startswith(f"{parent}/"):
                yield from self._collections[path].values()

    # Writes

    def commit(self, writes: Iterable[Any], transaction: bytes = b"") -> tuple[list[Any], Timestamp]:
        """All or none."""
        if transaction:
            self._check_transaction(transaction, writes)
        now = self.now()
        staged: dict[str, Any] = {}
        results = [self._apply(write, now, staged) for write in writes]
        self._keep(staged, now)
        return results, now

    def write_each(self, writes: Iterable[Any]) -> list[tuple[Any, Refused | None]]:
        """Each for itself."""
        results: list[tuple[Any, Refused | None]] = []
        names = [name_of(write) for write in writes]
        if len(set(names)) < len(names):
            raise Refused("INVALID_ARGUMENT", "Cannot write to the same document more than once in a batch.")
        for write in writes:
            try:
                results.append((self.commit([write])[0][0], None))
            except Refused as error:
                results.append((WriteResult(), error))
        return results

    def _check_transaction(self, id: bytes, writes: Iterable[Any]) -> None:
        transaction = self.transaction(id)
        del self._transactions[id]
        if any(time_of(self.find(name)) != read for name, read in transaction.reads.items()):
            raise Refused("ABORTED", CONTENTION)
        if any(self.query(parent, query) != found for parent, query, found in transaction.queries):
            raise Refused("ABORTED", CONTENTION)
        if transaction.is_read_only and list(writes):
            raise Refused("INVALID_ARGUMENT", "Cannot modify entities in a read-only transaction.")

    def _apply(self, write: Any, now: Timestamp, staged: dict[str, Any]) -> Any:
        name = name_of(write)
        check_name(name, self.documents)
        old = staged[name] if name in staged else self.find(name)
        check_precondition(write.current_document, name, old)
        if write.WhichOneof("operation") == "delete":
            staged[name] = None
            return WriteResult()
        new = Document(name=name)
        if write.HasField("update_mask"):
            if old is not None:
                new.CopyFrom(old)
            for path in write.update_mask.field_paths:
                set_field(new, path, field_of(write.update, path))
        else:
            new.MergeFrom(Document(name=name, fields=write.update.fields))
        result = WriteResult()
        for one in write.update_transforms:
            result.transform_results.append(transform(new, one, now))
        check_document(new)
        self.indexes.check_entries(new)
        if old is not None and old.fields == new.fields:
            # A write that changes nothing leaves the time as it was.
            new.CopyFrom(old)
        else:
            new.create_time.CopyFrom(old.create_time if old is not None else now)
            new.update_time.CopyFrom(now)
        result.update_time.CopyFrom(new.update_time)
        staged[name] = new
        return result

    def _keep(self, staged: dict[str, Any], now: Timestamp) -> None:
        for name, new in staged.items():
            old = self.find(name)
            path = name.rpartition("/")[0]
            if new is None:
                self._collections[path].pop(name, None)
            else:
                self._collections[path][name] = new
                self._groups[path.rpartition("/")[2]].add(path)
            if old != new:
                number = self.changes[-1].number + 1 if self.changes else 1
                self.changes.append(Change(number, name, old, new, now))
        if len(self.changes) > 2 * KEPT_CHANGES:
            del self.changes[:KEPT_CHANGES]


def name_of(write: Any) -> str:
    kind = write.WhichOneof("operation")
    if kind not in ("update", "delete"):
        raise Refused("UNIMPLEMENTED", f"this stand-in has no write of the kind {kind}")
    name: str = write.update.name if kind == "update" else write.delete
    return name


def time_of(document: Any) -> tuple[int, int] | None:
    return None if document is None else (document.update_time.seconds, document.update_time.nanos)


def check_precondition(precondition: Any, name: str, old: Any) -> None:
    """Errors as Google's emulator has them."""
    kind = precondition.WhichOneof("condition_type")
    if kind == "exists" and precondition.exists != (old is not None):
        if precondition.exists:
            raise Refused("NOT_FOUND", f"No document to update: {name}")
        raise Refused("ALREADY_EXISTS", f"Document already exists: {name}")
    # A document that is not there has the time zero.
    if kind == "update_time" and (Timestamp() if old is None else old.update_time) != precondition.update_time:
        raise Refused("FAILED_PRECONDITION", "the stored version does not match the required base version")


def transform(document: Any, one: Any, now: Timestamp) -> Any:
    """Carries out a transform of a field; the result that is answered."""
    kind = one.WhichOneof("transform_type")
    current = field_of(document, one.field_path)
    if kind == "set_to_server_value":
        value = result = Value(timestamp_value=now)
    elif kind in ("increment", "maximum", "minimum"):
        value = result = number_of(kind, number(current), number(getattr(one, kind)))
    else:
        known = list(current.array_value.values) if current is not None else []
        given = getattr(one, kind).values
        if kind == "append_missing_elements":
            for item in given:
                if all(order_of(item) != order_of(other) for other in known):
                    known.append(item)
        else:
            known = [item for item in known if all(order_of(item) != order_of(other) for other in given)]
        value, result = Value(array_value=ArrayValue(values=known)), Value(null_value=0)
    set_field(document, one.field_path, value)
    return result


def number(value: Any) -> int | float | None:
    kind = value.WhichOneof("value_type") if value is not None else None
    return getattr(value, kind) if kind in ("integer_value", "double_value") else None


def number_of(kind: str, current: float | None, operand: float | None) -> Any:
    assert operand is not None
    if current is None:
        found = operand
    elif kind == "increment":
        found = current + operand
    else:
        found = max(current, operand) if kind == "maximum" else min(current, operand)
    return (
        Value(integer_value=max(SMALLEST, min(LARGEST, found))) if isinstance(found, int) else Value(double_value=found)
    )
