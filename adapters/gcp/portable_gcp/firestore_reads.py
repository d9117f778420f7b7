"""The reading half of the table driver: items by key, queries, pages."""

import json
from base64 import b64decode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from portable.drivers import IndexValue, SortCondition, StoredItem, StoredPage
from portable.specs import IndexSpec

from .errors import GoogleError, classify
from .firestore_conditions import live
from .firestore_items import Found, index_value, is_expired, item_name, keys_of, size_of, stored_item
from .firestore_keys import escaped
from .firestore_queries import Filter, is_out_of_reach, ordered_by, where
from .firestore_values import bytes_value
from .layout import FIRST, INDEXES, MARK, ORDER, ROOTS, SECOND, TTL, field_path

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients

CONDITIONAL = (MARK, TTL)
"""Fields that conditions of writes ask for."""
BATCH_GET = 100
FIRST_ROWS = 100
"""Asked for at once before anything is known of their sizes: an answer has no limit of bytes."""
PAGE_BYTES = 8 * 1024 * 1024
"""A page of more is cut short, and goes on at its cursor."""
MOST_ROUNDS = 10
"""Answers that one page is put together of: past them a page is what was found."""


class TableReads:
    """One table: `collection` in `database`."""

    def __init__(
        self,
        clients: "Clients",
        database: str,
        collection: str,
        clock: "Clock",
        *,
        indexes: tuple[IndexSpec, ...] = (),
        expires: bool = True,
        is_heard: bool = False,
    ) -> None:
        self._clients = clients
        self._now = clock.now
        self.documents = f"projects/{clients.project}/databases/{database}/documents"
        self._path = f"/v1/{self.documents}"
        self.collection = collection
        self._indexes = {index.name: index for index in indexes}
        self._expires = expires
        self._is_heard = is_heard
        """Whether a handler listens to its changes."""

    classify = staticmethod(classify)

    def native(self, type_: type[Any]) -> Any:
        """Our REST client, or one of google-cloud-firestore for the database, made anew at each call; else None."""
        if type_.__module__.startswith("google.cloud.firestore"):
            _, project, _, database, _ = self.documents.split("/")
            return type_(project=project, database=database)
        return self._clients.firestore

    def _name(self, pk: str, sk: str) -> str:
        return item_name(self.documents, self.collection, pk, sk)

    def _second(self) -> int:
        return int(self._now())

    def get(self, pk: str, sk: str, *, eventual: bool = False) -> StoredItem | None:  # noqa: ARG002 - all are strong
        found = live(self._read(self._name(pk, sk)), self._second())
        return None if found is None else stored_item(found)

    def _read(self, name: str) -> Found | None:
        """What is there, expired or not."""
        return self._read_all([name]).get(name)

    def _look(self, name: str) -> Found | None:
        """As `_read`, of what conditions ask for alone."""
        return self._read_all([name], CONDITIONAL).get(name)

    def _read_all(self, names: list[str], paths: tuple[str, ...] = ()) -> dict[str, Found]:
        """What is there of at most 100 documents, at one moment: all fields, or those at `paths`."""
        asked: dict[str, Any] = {"documents": names}
        if paths:
            asked["mask"] = {"fieldPaths": paths}
        answer: list[dict[str, Any]] = self._clients.firestore.call(
            "POST", f"{self._path}:batchGet", body=asked, is_read=True
        )
        found = {one["found"]["name"]: one["found"] for one in answer if "found" in one}
        missing = {one["missing"] for one in answer if "missing" in one}
        if len(found) + len(missing) < len(names):
            raise GoogleError(0, "", f"Firestore left out {len(names) - len(found) - len(missing)} documents")
        return found

    def query(
        self,
        pk: str,
        sort: SortCondition | None,
        *,
        reverse: bool,
        limit: int,
        cursor: str | None,
        eventual: bool = False,  # noqa: ARG002 - all are strong
    ) -> StoredPage:
        if is_out_of_reach(sort):
            return StoredPage([], None)
        asked: dict[str, Any] = {
            "from": [{"collectionId": self.collection}],
            "orderBy": ordered_by(ORDER, reverse=reverse),
        }
        asked.update(where(ORDER, sort, []))
        start = None if cursor is None else [bytes_value(cursor.encode())]
        parent = f"{self._path}/{quote(f'{ROOTS}/{escaped(pk)}', safe='/')}"
        found, more = self._collect(parent, asked, start, limit, lambda last: [last["fields"][ORDER]])
        next_cursor = None if more is None else b64decode(more[0]["bytesValue"]).decode()
        return StoredPage([stored_item(item) for item in found], next_cursor)

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
        if is_out_of_reach(sort):
            return StoredPage([], None)
        first, second = field_path(INDEXES, index, FIRST), field_path(INDEXES, index, SECOND)
        equal: list[Filter] = [(first, "EQUAL", index_value(value))]
        asked: dict[str, Any] = {**self._group(), "orderBy": ordered_by(second, "__name__", reverse=reverse)}
        asked.update(where(second, sort, equal))

        def after(last: Found) -> list[dict[str, Any]]:
            projected: dict[str, Any] = last["fields"][INDEXES]["mapValue"]["fields"][index]["mapValue"]["fields"]
            return [projected[SECOND], {"referenceValue": last["name"]}]

        start = None
        if cursor is not None:
            pk, sk, order = json.loads(cursor)
            start = [order, {"referenceValue": self._name(pk, sk)}]
        found, more = self._collect(self._path, asked, start, limit, after)
        next_cursor = None
        if more is not None:
            order, place = more
            next_cursor = json.dumps([*keys_of(place["referenceValue"]), order])
        return StoredPage([stored_item(item) for item in found], next_cursor)

    def scan(self, *, limit: int, cursor: str | None) -> StoredPage:
        asked: dict[str, Any] = {**self._group(), "orderBy": ordered_by("__name__", reverse=False)}
        start = None if cursor is None else [{"referenceValue": self._name(*json.loads(cursor))}]
        found, more = self._collect(self._path, asked, start, limit, lambda last: [{"referenceValue": last["name"]}])
        next_cursor = None if more is None else json.dumps(keys_of(more[0]["referenceValue"]))
        return StoredPage([stored_item(item) for item in found], next_cursor)

    def _group(self) -> dict[str, Any]:
        return {"from": [{"collectionId": self.collection, "allDescendants": True}]}

    def _collect(
        self,
        parent: str,
        asked: dict[str, Any],
        start: list[dict[str, Any]] | None,
        limit: int,
        after: Callable[[Found], list[dict[str, Any]]],
    ) -> tuple[list[Found], list[dict[str, Any]] | None]:
        """At most `limit` items that have not expired, and the values to go on after (None: there is nothing more).

        One item more is asked for, to know if there is any. Firestore's answers are as large as what they hold: how
        many items are asked for at once depends on how large those before were.
        """
        now = self._second()
        found: list[Found] = []
        rows = size = count = 0
        for _ in range(MOST_ROUNDS):
            wanted = limit + 1 - len(found)
            room = FIRST_ROWS if not rows else (PAGE_BYTES - size) * rows // max(size, 1)
            if room <= 0:
                break
            # What has expired in the last answer is likely to be followed by more of it.
            asked["limit"] = count = min(max(wanted, 2 * count), room)
            if start is not None:
                asked["startAt"] = {"values": start, "before": False}
            answer: list[dict[str, Any]] = self._clients.firestore.call(
                "POST", f"{parent}:runQuery", body={"structuredQuery": asked}, is_read=True
            )
            read: list[Found] = [one["document"] for one in answer if "document" in one]
            found += [one for one in read if not is_expired(one, now)]
            if len(found) > limit:
                return found[:limit], after(found[limit - 1])
            if len(read) < count:
                return found, None
            start = after(read[-1])
            rows += len(read)
            size += sum(map(size_of, read))
        return found, start

    def batch_get(self, keys: list[tuple[str, str]]) -> list[StoredItem]:
        """An answer has no limit of bytes here either: how many are asked for at once depends on those before."""
        now = self._second()
        names = [self._name(pk, sk) for pk, sk in keys]
        found: list[StoredItem] = []
        start = size = 0
        while start < len(names):
            count = BATCH_GET if not size else max(1, min(BATCH_GET, PAGE_BYTES * start // size))
            read = self._read_all(names[start : start + count])
            found += [stored_item(one) for one in read.values() if not is_expired(one, now)]
            size += sum(map(size_of, read.values()))
            start += count
        return found
