"""The bucket driver over Cloud Storage.

An object's version is its generation: it changes with every write, and preconditions are about it, so that no write is
lost. Bytes are read by the XML interface, whose one answer has the description and the metadata too; everything else
goes by the JSON interface. `modified` is to the second, as Cloud Storage tells it with the bytes.

https://cloud.google.com/storage/docs/request-preconditions
https://cloud.google.com/storage/docs/xml-api/get-object-download
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import quote

from portable.drivers import ALWAYS, Condition, ListedRecord, ObjectPage, ObjectRecord, SignedRequest
from portable.errors import Conflict

from .errors import GoogleError, classify
from .storage_uploads import ATTEMPTS, PIECE, Resumable, multipart, pieces_of

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients
    from .rest_answers import Answer

TRANSFER_SECONDS = 120
"""For what carries bytes."""
MOST_LISTED = 1000
LISTED = "nextPageToken,prefixes,items(name,size,etag,updated)"
BEFORE_ALL = " "
"""Lower than every character of a key: what begins at a key and this comes right after the key."""
META = "x-goog-meta-"
MOST_REWRITES = 100_000
"""Calls that copy one object; each goes on where the last one ended."""


class StorageBucket:
    """One bucket, by its physical name."""

    def __init__(self, clients: "Clients", bucket: str, clock: "Clock") -> None:
        self._clients = clients
        self._now = clock.now
        self.bucket = bucket

    classify = staticmethod(classify)

    def native(self, type_: type[Any]) -> Any:  # noqa: ARG002 - the Resource checks the type
        """The REST client of Cloud Storage."""
        return self._clients.storage

    def _path(self, key: str) -> str:
        return f"/storage/v1/b/{self.bucket}/o/{quote(key, safe='~')}"

    # Reading

    def head(self, key: str) -> ObjectRecord | None:
        try:
            answer = self._clients.storage.call("GET", self._path(key), is_read=True)
        except GoogleError as error:
            if error.status == 404:
                return None
            raise
        return record_of(answer)

    def read(self, key: str, start: int, end: int | None) -> tuple[ObjectRecord, Iterator[bytes]] | None:
        if end is not None and end <= start:
            return self._nothing_of(key)
        headers: dict[str, str] = {}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        try:
            answer = self._clients.storage.open(
                "GET", object_path(self.bucket, key), headers=headers, is_read=True, timeout=TRANSFER_SECONDS
            )
        except GoogleError as error:
            if error.status == 404:
                return None
            if error.status == 416:
                return self._nothing_of(key)
            raise
        return described(key, answer), answer.chunks()

    def _nothing_of(self, key: str) -> tuple[ObjectRecord, Iterator[bytes]] | None:
        """An object and none of its bytes: what a range past the end gives."""
        record = self.head(key)
        return None if record is None else (record, iter(()))

    def list(self, prefix: str, *, delimiter: str | None, start_after: str | None, limit: int) -> ObjectPage:
        query: dict[str, str | int | bool] = {"prefix": prefix, "fields": LISTED}
        if delimiter is not None:
            query["delimiter"] = delimiter
        if start_after is not None:
            query["startOffset"] = start_after + BEFORE_ALL
        objects: list[ListedRecord] = []
        prefixes: list[str] = []
        while True:
            query["maxResults"] = min(limit - len(objects) - len(prefixes), MOST_LISTED)
            answer = self._clients.storage.call(
                "GET", f"/storage/v1/b/{self.bucket}/o", query=query, is_read=True
            )  # fmt: skip
            objects += [
                ListedRecord(one["name"], int(one["size"]), one["etag"], seconds_of(one["updated"]))
                for one in answer.get("items", ())
            ]
            prefixes += answer.get("prefixes", ())
            token = answer.get("nextPageToken")
            if token is None or len(objects) + len(prefixes) >= limit:
                break
            # A page may have less than was asked for, and others after it.
            query["pageToken"] = token
        ends = [record.key for record in objects[-1:]] + prefixes[-1:]
        return ObjectPage(objects, prefixes, max(ends, default="") if token is not None else None)

    # Writing

    def write(
        self,
        key: str,
        chunks: Iterator[bytes],
        *,
        content_type: str,
        metadata: dict[str, str],
        condition: Condition,
    ) -> ObjectRecord:
        query = conditions(condition)
        resource: dict[str, Any] = {"name": key, "contentType": content_type, "metadata": metadata}
        pieces = pieces_of(chunks)
        first = next(pieces)
        try:
            if len(first) < PIECE:
                return record_of(multipart(self._clients.storage, self.bucket, resource, first, query))
            with Resumable(self._clients.storage, self.bucket, resource, query) as upload:
                held = first
                for piece in pieces:
                    upload.add(held)
                    held = piece
                return record_of(upload.finish(held))
        except GoogleError as error:
            raise refused(error, condition) from error

    def delete(self, key: str, condition: Condition) -> None:
        if condition.absent:
            if self.head(key) is not None:
                raise Conflict("it exists already")
            return
        query = conditions(condition) if condition.version is not None else {}
        try:
            self._clients.storage.call(
                # Without a version it is not sent again: by now somebody may have made it anew.
                "DELETE",
                self._path(key),
                query=query,
                is_read=False,
                repeat=bool(query),
                attempts=ATTEMPTS,
            )
        except GoogleError as error:
            if error.in_doubt and condition == ALWAYS and self._is_gone(key):
                return
            if error.status != 404:
                raise refused(error, condition) from error
            if condition.version is None and not condition.present:
                return
            if error.in_doubt:
                raise
            raise Conflict("it is not there") from error

    def _is_gone(self, key: str) -> bool:
        """Whether the object can be seen not to be there."""
        try:
            return self.head(key) is None
        except GoogleError:
            # The deletion's own error says more.
            return False

    def copy(self, source: str, target: str, condition: Condition) -> ObjectRecord | None:
        query = conditions(condition)
        path = f"{self._path(source)}/rewriteTo/b/{self.bucket}/o/{quote(target, safe='~')}"
        for _ in range(MOST_REWRITES):
            try:
                answer = self._clients.storage.call(
                    "POST", path, query=query, is_read=False, repeat=True, attempts=ATTEMPTS, timeout=TRANSFER_SECONDS
                )
            except GoogleError as error:
                if error.status == 404 and not error.in_doubt and self.head(source) is None:
                    # In doubt, it may be gone only since the first attempt, which has copied it.
                    return None
                raise refused(error, condition) from error
            if answer["done"]:
                return record_of(answer["resource"])
            query["rewriteToken"] = answer["rewriteToken"]
        raise GoogleError(0, "", f"{source!r} is not copied after {MOST_REWRITES} calls", in_doubt=True)

    # Rights for others

    def sign(
        self, key: str, method: Literal["GET", "PUT"], *, expires_in: int, content_type: str | None
    ) -> SignedRequest:
        """Signed by Google, with the key of the account that this code runs as: one call of signBlob."""
        from .storage_signing import signed

        return signed(self._clients, self.bucket, key, method, int(self._now()), expires_in, content_type)


def object_path(bucket: str, key: str) -> str:
    """Of the XML interface, escaped as signatures have it."""
    return f"/{bucket}/{quote(key, safe='/~')}"


def record_of(resource: dict[str, Any]) -> ObjectRecord:
    """What the JSON interface says of an object."""
    return ObjectRecord(
        resource["name"],
        int(resource["size"]),
        resource["generation"],
        resource.get("contentType", ""),
        resource.get("metadata") or {},
        seconds_of(resource["updated"]),
    )


def described(key: str, answer: "Answer") -> ObjectRecord:
    """What stands in the headers of an object's bytes."""
    from email.utils import parsedate_to_datetime

    headers = answer.headers
    span = headers.get("Content-Range", "")
    size = span.rpartition("/")[2] if span else headers.get("Content-Length", "0")
    metadata = {
        name.lower().removeprefix(META): value for name, value in headers.items() if name.lower().startswith(META)
    }
    modified = parsedate_to_datetime(headers["Last-Modified"]).timestamp()
    generation = cast("str", headers["x-goog-generation"])
    return ObjectRecord(key, int(size), generation, headers.get("Content-Type", ""), metadata, modified)


def seconds_of(timestamp: str) -> float:
    """Epoch seconds, whole ones, of RFC 3339."""
    from datetime import datetime

    return float(int(datetime.fromisoformat(timestamp).timestamp()))


def conditions(condition: Condition) -> dict[str, str | int | bool]:
    """The condition of a write as Cloud Storage takes it. Raises Conflict for a version that cannot be one."""
    if condition.absent:
        return {"ifGenerationMatch": "0"}
    if condition.version is not None:
        if not condition.version.isascii() or not condition.version.isdecimal() or len(condition.version) > 18:
            raise Conflict("it has another version")
        return {"ifGenerationMatch": condition.version}
    # "Setting to 0 makes the operation succeed only if there is a live version of the object."
    return {"ifGenerationNotMatch": "0"} if condition.present else {}


def refused(error: GoogleError, condition: Condition) -> Exception:
    """What a refusal of a condition means; any other error as it is."""
    if error.status != 412 or error.in_doubt:
        # In doubt, the first attempt may have been the one that made the condition false.
        return error
    if condition.absent:
        return Conflict("it exists already")
    return Conflict("it is not there" if condition.present else "it has another version, or is not there")
