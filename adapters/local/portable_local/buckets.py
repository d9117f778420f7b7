"""The bucket driver: bytes in files, written and read by this process; what makes them an object is an operation."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from portable.drivers import Condition, ListedRecord, ObjectPage, ObjectRecord, SignedRequest
from portable.errors import Unavailable

from .signed import sign_url
from .store import crash_points
from .store.access import Row, Store
from .store.conditions import to_json
from .store.object_files import ObjectFiles
from .tables import after_prefix, classify_store, traceparent

LISTED = "key, size, version, modified"
COLUMNS = "key, size, version, content_type, metadata, modified"
TRIES = 50
SOME = 32
PAST = "\x7f"
"""After every character that a key may have."""


class LocalBucket:
    """One bucket; `name` is its qualified name."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._files = ObjectFiles(store.folder, durable=store.durable)
        self.name = name

    classify = staticmethod(classify_store)

    def head(self, key: str) -> ObjectRecord | None:
        found = self._find(key)
        return None if found is None else found[0]

    def _find(self, key: str) -> tuple[ObjectRecord, str] | None:
        rows = self._store.read(
            f"SELECT {COLUMNS}, file FROM objects WHERE bucket = ? AND key = ?",  # noqa: S608
            (self.name, key),
        )
        return (record(rows[0]), rows[0][6]) if rows else None

    def read(self, key: str, start: int, end: int | None) -> tuple[ObjectRecord, Iterator[bytes]] | None:
        for _ in range(TRIES):
            found = self._find(key)
            if found is None:
                return None
            try:
                return found[0], self._files.read(found[1], start, end)
            except FileNotFoundError:
                # It was replaced in between: what is there now?
                continue
        raise Unavailable(f"the file of {key!r} is not where it should be", hint="portable doctor")

    def write(
        self,
        key: str,
        chunks: Iterator[bytes],
        *,
        content_type: str,
        metadata: dict[str, str],
        condition: Condition,
    ) -> ObjectRecord:
        file, size = self._files.write(self.name, key, chunks)
        return self._commit(key, file, size, content_type, metadata, condition)

    def _commit(
        self, key: str, file: str, size: int, content_type: str, metadata: dict[str, str], condition: Condition
    ) -> ObjectRecord:
        arguments: dict[str, Any] = {
            "bucket": self.name,
            "key": key,
            "file": file,
            "size": size,
            "content_type": content_type,
            "metadata": metadata,
            "condition": to_json(condition),
            "traceparent": traceparent(),
        }
        try:
            committed = self._store.call("bucket.commit", arguments)
        except Exception as error:
            if getattr(error, "code", "") != "P1009":
                # Not in doubt: nothing refers to the file.
                self._files.remove([file])
            raise
        crash_points.reach("object-acknowledged")
        return ObjectRecord(*committed)

    def delete(self, key: str, condition: Condition) -> None:
        self._store.call(
            "bucket.delete",
            {"bucket": self.name, "key": key, "condition": to_json(condition), "traceparent": traceparent()},
        )

    def list(self, prefix: str, *, delimiter: str | None, start_after: str | None, limit: int) -> ObjectPage:
        objects: list[ListedRecord] = []
        prefixes: list[str] = []
        after = start_after or ""
        while True:
            left = limit - len(objects) - len(prefixes)
            # Of what is below a common prefix one key is enough.
            most = left + 1 if delimiter is None else min(left + 1, SOME)
            rows = self._rows(prefix, after, most)
            for row in rows:
                key: str = row[0]
                if len(objects) + len(prefixes) == limit:
                    return ObjectPage(objects, prefixes, after)
                cut = -1 if delimiter is None else key.find(delimiter, len(prefix))
                if delimiter is not None and cut >= 0:
                    common = key[: cut + len(delimiter)]
                    after = common + PAST
                    prefixes.append(common)
                    break
                objects.append(ListedRecord(key, row[1], token(row[2]), row[3]))
                after = key
            else:
                if len(rows) < most:
                    return ObjectPage(objects, prefixes, None)

    def _rows(self, prefix: str, after: str, limit: int) -> Sequence[Row]:
        clause, values = "", [self.name, after, prefix]
        end = after_prefix(prefix)
        if end is not None:
            clause = " AND key < ?"
            values.append(end)
        return self._store.read(
            f"SELECT {LISTED} FROM objects WHERE bucket = ? AND key > ? AND key >= ?{clause} ORDER BY key LIMIT ?",  # noqa: S608
            (*values, limit),
        )

    def copy(self, source: str, target: str, condition: Condition) -> ObjectRecord | None:
        for _ in range(TRIES):
            found = self._find(source)
            if found is None:
                return None
            old, file = found
            try:
                new = self._files.copy(file, self.name, target)
            except FileNotFoundError:
                # It was replaced in between: what is there now?
                continue
            return self._commit(target, new, old.size, old.content_type, old.metadata, condition)
        raise Unavailable(f"the file of {source!r} is not where it should be", hint="portable doctor")

    def sign(
        self, key: str, method: Literal["GET", "PUT"], *, expires_in: int, content_type: str | None
    ) -> SignedRequest:
        return sign_url(self._store, self.name, key, method, expires_in=expires_in, content_type=content_type)


def record(row: Row) -> ObjectRecord:
    key, size, version, content_type, metadata, modified = row[:6]
    return ObjectRecord(key, size, token(version), content_type, json.loads(metadata), modified)


def token(version: int) -> str:
    return f"{version:016x}"
