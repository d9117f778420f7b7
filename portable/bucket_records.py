"""What the methods of a bucket give and take besides bytes: objects, listings, readers, events and sources of bytes."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self, cast

from .capabilities import Profile
from .drivers import ListedRecord, ObjectRecord
from .errors import InvalidArgument, PortableError, Problem

if TYPE_CHECKING:
    from datetime import datetime

CHUNK = 256 * 1024
_BYTES: tuple[type[Any], ...] = (bytes, bytearray, memoryview)
_CONTAINERS: tuple[type[Any], ...] = (dict, list, tuple, set)


class Object(NamedTuple):
    """What is known of an object without its bytes.

    `size` is in bytes; `version` is what `if_version=` takes, changes with every write and tells nothing else;
    `modified` is aware, in UTC.
    """

    key: str
    size: int
    version: str
    content_type: str
    metadata: dict[str, str]
    modified: "datetime"


class ObjectEvent(NamedTuple):
    """An object was created (or replaced) or deleted: what `on_created` and `on_deleted` handlers get.

    At least once, in no order: the object may have another version by now, or be gone. For a deletion `size` is 0 and
    `version` may be empty, since not every provider tells. `time` is aware, in UTC.
    """

    bucket: str
    key: str
    size: int
    version: str
    event: Literal["created", "deleted"]
    time: "datetime"


class ListedObject(NamedTuple):
    """What a listing tells of an object; `head` tells its version, type and metadata as well.

    `etag` differs where the bytes differ, so that a copy elsewhere can be told from what is here now; it is no version,
    and `if_version=` does not take it. `modified` is aware, in UTC.
    """

    key: str
    size: int
    etag: str
    modified: "datetime"

    if not TYPE_CHECKING:  # type: ignore[misc] # a type checker would believe in every attribute

        def __getattr__(self, name: str) -> Any:
            hint = f"; head(key) tells {name}" if name in Object._fields else ""
            raise AttributeError(
                f"a listing tells {', '.join(self._fields)} of an object, not {name!r}{hint}", name=name, obj=self
            )


class ObjectList(NamedTuple):
    """Some objects and, with a delimiter, common prefixes, both in byte order.

    `cursor` is None on the last page, else what `start_after=` takes for the next one.
    """

    objects: list[ListedObject]
    prefixes: list[str]
    cursor: str | None


class BinarySource(Protocol):
    """What `put` can read from: a file opened in binary mode, a socket's makefile, an ObjectReader."""

    def read(self, size: int, /) -> bytes: ...


def utc(epoch: float) -> "datetime":
    """An epoch second as an aware datetime in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(epoch, UTC)


def object_of(record: ObjectRecord) -> Object:
    """The public form of what a driver knows."""
    return Object(
        record.key,
        record.size,
        record.version,
        record.content_type,
        dict(record.metadata),
        utc(record.modified),
    )


def listed_of(record: ListedRecord) -> ListedObject:
    """The public form of what a driver lists."""
    return ListedObject(record.key, record.size, record.etag, utc(record.modified))


class ObjectReader:
    """One version of an object, or a range of it, read piece by piece: iterate over its chunks or call `read`.

    Made by `bucket.open`. Use it in a `with` block, or read it to the end, or close it: until then it may hold a
    connection. `object` says what it belongs to. A failure while reading raises our errors; what was read before is
    right, and there is no way to go on but to open again with `start=` and compare versions.
    """

    def __init__(
        self, object: Object, chunks: Iterator[bytes], translate: Callable[[Exception], PortableError | None]
    ) -> None:
        self.object = object
        self._chunks = chunks
        self._translate = translate
        self._rest = b""
        self._closed = False

    @property
    def key(self) -> str:
        return self.object.key

    @property
    def size(self) -> int:
        """Bytes of the whole object, also when only a range of it is read."""
        return self.object.size

    @property
    def version(self) -> str:
        return self.object.version

    @property
    def content_type(self) -> str:
        return self.object.content_type

    @property
    def metadata(self) -> dict[str, str]:
        return self.object.metadata

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        """The next chunk, never empty."""
        if self._rest:
            chunk, self._rest = self._rest, b""
            return chunk
        if self._closed:
            raise StopIteration
        while True:
            try:
                chunk = next(self._chunks)
            except StopIteration:
                self.close()
                raise
            except PortableError:
                self.close()
                raise
            except Exception as error:
                self.close()
                translated = self._translate(error)
                if translated is None:
                    raise
                raise translated from error
            if chunk:
                return chunk

    def read(self, size: int = -1, /) -> bytes:
        """The next `size` bytes (fewer only at the end), or all that are left."""
        if size < 0:
            return b"".join(self)
        parts: list[bytes] = []
        missing = size
        while missing > 0:
            try:
                chunk = next(self)
            except StopIteration:
                break
            if len(chunk) > missing:
                chunk, self._rest = chunk[:missing], chunk[missing:]
            parts.append(chunk)
            missing -= len(chunk)
        return b"".join(parts)

    def close(self) -> None:
        """Ends reading; harmless when ended already."""
        if not self._closed:
            self._closed = True
            self._rest = b""
            close = getattr(self._chunks, "close", None)
            if close is not None:
                close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Source:
    """The bytes of a put, in chunks, checked on the way. `error` is what the user's source raised, if it did."""

    def __init__(self, data: object, profile: Profile, resource: str, key: str) -> None:
        self.error: Exception | None = None
        self._profile = profile
        self._resource = resource
        self._key = key
        self._size = 0
        self._first: bytes | None = None
        self._rest: Iterator[object] | None = None
        if isinstance(data, str):
            try:
                self._take(data.encode())
            except UnicodeEncodeError as error:
                raise self._refused(f"text that is not Unicode: {error.reason}", "put bytes") from None
        elif isinstance(data, _BYTES):
            self._take(data)
        else:
            self._rest = self._opened(data)
            # The first piece tells most mistakes, and nothing has begun yet.
            for chunk in self._rest:
                self._take(chunk)
                break

    def _opened(self, data: Any) -> Iterator[object]:
        read = getattr(data, "read", None)
        if callable(read):
            return iter(lambda: read(CHUNK) or b"", b"")
        if isinstance(data, _CONTAINERS) and any(not isinstance(part, _BYTES) for part in data):
            raise self._refused(
                f"a {type(data).__name__} that holds more than bytes", "encode it, for instance as JSON"
            )
        if isinstance(data, Iterable):
            return iter(cast("Iterable[object]", data))
        raise self._refused(
            f"a {type(data).__name__}",
            "put bytes, a str, an iterable of bytes or a file opened in binary mode",
        )

    def _refused(self, what: str, hint: str) -> InvalidArgument:
        return InvalidArgument(
            f"object {self._key!r} cannot be made of {what}",
            hint=hint,
            resource=self._resource,
            key=self._key,
        )

    def _take(self, chunk: Any) -> bytes:
        if not isinstance(chunk, _BYTES):
            raise self._refused(
                f"a piece that is a {type(chunk).__name__}",
                "open the file in binary mode, or encode each str" if isinstance(chunk, str) else "yield bytes",
            )
        found = bytes(chunk)
        self._size += len(found)
        self._profile.check("object_bytes", self._size, f"object {self._key!r}", resource=self._resource, key=self._key)
        self._first = found if self._first is None else self._first
        return found

    def chunks(self) -> Iterator[bytes]:
        """Each chunk once; none is empty."""
        first, self._first = self._first, b""
        if first:
            yield first
        if self._rest is None:
            return
        try:
            for chunk in self._rest:
                found = self._take(chunk)
                if found:
                    yield found
        except Exception as error:
            self.error = error
            raise


class ObjectEventCodec:
    """Makes the ObjectEvent of an Invocation's body: the `decode` of on_created and on_deleted handlers."""

    def __init__(self, bucket: str) -> None:
        self.annotation: Any = ObjectEvent
        self._bucket = bucket

    def decode_json(self, raw: bytes | str) -> ObjectEvent:
        """Raises InvalidArgument for a body that is none, with every fault."""
        from .codec import parse_json

        body: Any = parse_json(raw)
        problems = _faults(body)
        if problems:
            raise InvalidArgument(
                f"bucket {self._bucket!r}: not an event: " + "; ".join(problem.message for problem in problems),
                problems=problems,
                hint='{"bucket": "files", "key": "a", "size": 1, "version": "1", "event": "created", "time": 0}',
            )
        event = body["event"]
        size = 0 if event == "deleted" else body["size"]
        return ObjectEvent(body["bucket"], body["key"], size, body.get("version") or "", event, utc(body["time"]))


def _faults(body: Any) -> tuple[Problem, ...]:
    if not isinstance(body, dict):
        return (Problem((), "an object is expected"),)
    fields = cast("dict[str, Any]", body)
    event = fields.get("event")
    problems = [
        Problem((name,), f"{name} is a str") for name in ("bucket", "key") if not isinstance(fields.get(name), str)
    ]
    if event not in ("created", "deleted"):
        problems.append(Problem(("event",), "event is created or deleted"))
    size, version, time = fields.get("size"), fields.get("version"), fields.get("time")
    if event != "deleted" and (type(size) is not int or size < 0):
        problems.append(Problem(("size",), "size is a number of bytes"))
    if not isinstance(version, str) and (event != "deleted" or version is not None):
        problems.append(Problem(("version",), "version is a str"))
    if isinstance(time, bool) or not isinstance(time, (int, float)) or not 0 <= time < 253_402_300_800:
        problems.append(Problem(("time",), "time is an epoch second"))
    return tuple(problems)


def object_event_body(
    bucket: str, key: str, event: Literal["created", "deleted"], *, size: int, version: str, time: float
) -> str:
    """The body of a bucket Invocation, for adapters. `bucket` is the qualified name, `time` an epoch second."""
    return json.dumps({"bucket": bucket, "key": key, "size": size, "version": version, "event": event, "time": time})
