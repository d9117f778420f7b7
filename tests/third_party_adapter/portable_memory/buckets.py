"""Buckets. An object is replaced whole, so that who reads one keeps the version that it opened."""

from collections.abc import Iterator
from typing import Literal

from portable.bucket_records import object_event_body
from portable.drivers import Condition, ListedRecord, ObjectPage, ObjectRecord, SignedRequest
from portable.errors import PortableError, Unsupported

from .store import Store, check

PIECE = 256 * 1024
PAST = "\x7f"
"""After every character that a key may have."""


class MemoryBucket:
    """One bucket; `name` is its qualified name."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._objects = store.buckets.setdefault(name, {})

    def classify(self, error: Exception) -> type[PortableError] | None:
        """Nothing here raises errors of its own."""
        return None

    def head(self, key: str) -> ObjectRecord | None:
        found = self._objects.get(key)
        return None if found is None else found[0]

    def read(self, key: str, start: int, end: int | None) -> tuple[ObjectRecord, Iterator[bytes]] | None:
        found = self._objects.get(key)
        if found is None:
            return None
        record, data = found
        part = data[start:end]
        return record, (part[at : at + PIECE] for at in range(0, len(part), PIECE))

    def write(
        self,
        key: str,
        chunks: Iterator[bytes],
        *,
        content_type: str,
        metadata: dict[str, str],
        condition: Condition,
    ) -> ObjectRecord:
        data = b"".join(chunks)
        store = self._store
        with store.lock:
            self._check(key, condition)
            now = store.clock.now()
            record = ObjectRecord(key, len(data), store.version(), content_type, dict(metadata), now)
            self._objects[key] = (record, data)
            self._tell(key, "created", record.size, record.version)
            return record

    def delete(self, key: str, condition: Condition) -> None:
        with self._store.lock:
            self._check(key, condition)
            if self._objects.pop(key, None) is not None:
                self._tell(key, "deleted", 0, self._store.version())

    def list(self, prefix: str, *, delimiter: str | None, start_after: str | None, limit: int) -> ObjectPage:
        objects: list[ListedRecord] = []
        prefixes: list[str] = []
        after = start_after or ""
        with self._store.lock:
            keys = sorted(key for key in self._objects if key.startswith(prefix))
            for key in keys:
                if key <= after:
                    continue
                if len(objects) + len(prefixes) == limit:
                    return ObjectPage(objects, prefixes, after)
                cut = -1 if delimiter is None else key.find(delimiter, len(prefix))
                if delimiter is not None and cut >= 0:
                    common = key[: cut + len(delimiter)]
                    prefixes.append(common)
                    after = common + PAST
                else:
                    record = self._objects[key][0]
                    objects.append(ListedRecord(key, record.size, record.version, record.modified))
                    after = key
        return ObjectPage(objects, prefixes, None)

    def copy(self, source: str, target: str, condition: Condition) -> ObjectRecord | None:
        with self._store.lock:
            found = self._objects.get(source)
            if found is None:
                return None
            record, data = found
            return self.write(
                target,
                iter((data,)),
                content_type=record.content_type,
                metadata=record.metadata,
                condition=condition,
            )

    def sign(
        self, key: str, method: Literal["GET", "PUT"], *, expires_in: int, content_type: str | None
    ) -> SignedRequest:
        raise Unsupported("memory has no signed URLs", hint="read and write the object in a handler")

    def _check(self, key: str, condition: Condition) -> None:
        found = self._objects.get(key)
        check(condition, None if found is None else found[0].version)

    def _tell(self, key: str, event: Literal["created", "deleted"], size: int, version: str) -> None:
        now = self._store.clock.now()
        body = object_event_body(self._name, key, event, size=size, version=version, time=now)
        self._store.happened(self._name, key, event, body)
