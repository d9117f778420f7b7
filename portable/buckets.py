"""Buckets of objects under string keys: what handlers hold.

Every argument is checked here, before any I/O; a driver sees only legal keys and chunks of bytes. The checks stand in
bucket_keys.py, the records in bucket_records.py.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar, cast, overload

from .binding import Grant, Registry, Resource
from .bucket_keys import (
    PAST,
    check_content_type,
    check_delimiter,
    check_key,
    check_metadata,
    check_prefix,
    check_range,
    check_version,
    guess_content_type,
    shown,
)
from .bucket_records import (
    BinarySource,
    ListedObject,
    Object,
    ObjectEvent,
    ObjectEventCodec,
    ObjectList,
    ObjectReader,
    Source,
    listed_of,
    object_of,
)
from .capabilities import load_profile
from .drivers import ALWAYS, BucketDriver, Condition, DriverFactory, SignedRequest
from .errors import DeclarationError, InvalidArgument, Location, NotFound, PortableError, caller_location
from .retries import check_retry
from .specs import BucketEvent, BucketSpec, RetryPolicy

__all__ = ["BinarySource", "Bucket", "ListedObject", "Object", "ObjectEvent", "ObjectList", "ObjectReader"]

EventFunction = TypeVar("EventFunction", bound=Callable[..., Any])
Grants = list[Grant]
Bytes = bytes | bytearray | memoryview

LIST_MOST = 1000
TEXT_TYPE = "text/plain; charset=utf-8"


class Bucket(Resource[BucketDriver]):
    """A bucket of objects, declared by `app.bucket(...)`.

    Keys are segments of ASCII letters, digits and `._=+@!~,()-` joined by `/`, at most 900 bytes and 254 segments; no
    segment is empty or ends with a dot. `a` and `a/b` are two objects. Reads and lists see every write acknowledged
    before; a reader sees one version, whole; a write that breaks off leaves nothing. Writing one key more often than
    once a second is throttled on Google Cloud Storage.

    Every method raises InvalidArgument or LimitExceeded before any I/O for what no provider could take, and
    Throttled, Unavailable or Unknown for what the provider answers.
    """

    kind = "bucket"
    verbs: tuple[str, ...] = (
        "get",
        "require",
        "open",
        "read_range",
        "head",
        "put",
        "delete",
        "list",
        "copy",
        "signed_url",
    )

    def __init__(self, registry: Registry, name: str, *, location: Location) -> None:
        super().__init__(registry, name, location)
        self.spec: BucketSpec = BucketSpec(name, registry.name, location)

    def __repr__(self) -> str:
        return f"<Bucket {self.id}>"

    def _make_driver(self, factory: DriverFactory) -> BucketDriver:
        return factory.bucket(self.spec)

    def _key(self, key: object) -> str:
        return check_key(key, self._profile, self.id)

    def _absent(self, key: str) -> NotFound:
        return NotFound(f"bucket {self.name!r} has no object {shown(key)}", resource=self.id, key=key)

    def _condition(self, if_absent: bool, if_version: object, key: str) -> Condition:
        version = check_version(if_version, self.id, key)
        if if_absent and version is not None:
            raise InvalidArgument("if_absent and if_version exclude one another", resource=self.id, key=key)
        return Condition(absent=True) if if_absent else ALWAYS if version is None else Condition(version=version)

    # Reading

    def get(self, key: str) -> bytes | None:
        """All bytes of an object, or None. For what does not fit into memory see `open`."""
        return self._bytes("get", self._key(key), 0, None)

    def require(self, key: str) -> bytes:
        """All bytes of an object. Raises NotFound (404 over HTTP) when it is absent."""
        key = self._key(key)
        found = self._bytes("require", key, 0, None)
        if found is None:
            raise self._absent(key)
        return found

    def read_range(self, key: str, start: int, end: int | None = None) -> bytes:
        """Bytes `start` to `end` (exclusive; None: to the end), fewer where the object ends. Raises NotFound."""
        key = self._key(key)
        check_range(start, end, self.id, key)
        found = self._bytes("read_range", key, start, end)
        if found is None:
            raise self._absent(key)
        return found

    def _bytes(self, verb: str, key: str, start: int, end: int | None) -> bytes | None:
        return self._call(verb, key, _read_whole, self._driver, key, start, end)

    def open(self, key: str, *, start: int = 0, end: int | None = None) -> ObjectReader:
        """A reader of bytes `start` to `end` (exclusive; None: to the end) of one version. Raises NotFound.

        with files.open("big.csv") as reader:
            for chunk in reader: ...
        """
        key = self._key(key)
        check_range(start, end, self.id, key)
        found = self._call("open", key, _open, self._driver, key, start, end)
        if found is None:
            raise self._absent(key)
        record, chunks = found

        def translate(error: Exception) -> PortableError | None:
            return self._translate(error, "open", key)

        return ObjectReader(object_of(record), chunks, translate)

    def head(self, key: str) -> Object | None:
        """What is known of an object without its bytes, or None."""
        key = self._key(key)
        record = self._call("head", key, self._driver.head, key)
        return None if record is None else object_of(record)

    def list(
        self,
        prefix: str = "",
        *,
        delimiter: str | None = None,
        start_after: str | None = None,
        limit: int = LIST_MOST,
    ) -> ObjectList:
        """At most `limit` (1-1000) objects and common prefixes below `prefix`, in byte order, after `start_after`.

        With a `delimiter` (one character, `/` as a rule) the keys that have it after the prefix are answered as one
        common prefix each, that ends with it. `start_after` is any key, or the last page's `cursor`.

        One call to the provider. An entry has `key`, `size`, `etag` and `modified`; for version, type and metadata ask
        `head`.
        """
        profile = self._profile
        prefix = check_prefix(prefix, profile, self.id)
        delimiter = check_delimiter(delimiter, self.id)
        if type(limit) is not int or not 1 <= limit <= LIST_MOST:
            raise InvalidArgument(f"limit={limit!r} is not 1-{LIST_MOST}", resource=self.id)
        after = None if start_after is None else check_prefix(start_after, profile, self.id) or None
        if after is not None and delimiter is not None and after.endswith(delimiter) and after.startswith(prefix):
            # What is below a common prefix was answered with it.
            after = after if len(after) == len(prefix) else after + PAST
        page = self._call(
            "list", prefix, self._driver.list, prefix, delimiter=delimiter, start_after=after, limit=limit
        )
        cursor = page.cursor
        if cursor is not None:
            ends = [record.key for record in page.objects[-1:]] + page.prefixes[-1:]
            cursor = max(ends, default=cursor)
        return ObjectList([listed_of(record) for record in page.objects], [*page.prefixes], cursor)

    # Writing

    def put(
        self,
        key: str,
        data: Bytes | str | Iterable[Bytes] | BinarySource,
        *,
        content_type: str | None = None,
        metadata: dict[str, str] | None = None,
        if_absent: bool = False,
        if_version: str | None = None,
    ) -> Object:
        """Writes an object whole, or not at all, and returns what is known of it.

        `data` may be read piece by piece: an iterable of bytes, or anything with `read(size)`; a str is stored as
        UTF-8. Without `content_type` the key's extension tells. `metadata` has names `[a-z][a-z0-9_]*` and values of
        printable ASCII, together at most 2 KB. At most one condition: Conflict (409 over HTTP) is raised, and nothing
        written, if there is such an object already, or if it has another version or is gone. What `data` raises while
        it is read is raised as it is.
        """
        profile, resource = self._profile, self.id
        key = check_key(key, profile, resource)
        condition = self._condition(if_absent, if_version, key)
        described = check_metadata(metadata, profile, resource, key)
        if content_type is None:
            kind = guess_content_type(key, TEXT_TYPE) if isinstance(data, str) else guess_content_type(key)
        else:
            kind = check_content_type(content_type, resource, key)
        source = Source(data, profile, resource, key)
        try:
            record = self._call(
                "put",
                key,
                self._driver.write,
                key,
                source.chunks(),
                content_type=kind,
                metadata=described,
                condition=condition,
            )
        except Exception:
            if source.error is not None:
                # The user's own mistake is no error of the provider.
                raise source.error  # noqa: B904 - raised as if it had never passed through a driver
            raise
        return object_of(record)

    def delete(self, key: str, *, if_version: str | None = None) -> None:
        """Removes an object; one that is absent is no error.

        With `if_version` Conflict is raised, and nothing removed, if it has another version or is gone.
        """
        key = self._key(key)
        self._call("delete", key, self._driver.delete, key, self._condition(False, if_version, key))

    def copy(self, source: str, target: str, *, if_absent: bool = False) -> Object:
        """Copies bytes, type and metadata to another key of this bucket, whole or not at all.

        Raises NotFound if `source` is absent, Conflict with `if_absent` if there is a `target` already.
        """
        source, target = self._key(source), self._key(target)
        if source == target:
            raise InvalidArgument(f"{shown(source)} cannot be copied to itself", resource=self.id, key=source)
        condition = self._condition(if_absent, None, target)
        record = self._call("copy", target, self._driver.copy, source, target, condition)
        if record is None:
            raise self._absent(source)
        return object_of(record)

    def signed_url(
        self,
        key: str,
        method: Literal["GET", "PUT"] = "GET",
        *,
        expires_in: int = 900,
        content_type: str | None = None,
    ) -> SignedRequest:
        """A URL with which anybody may read (GET) or write (PUT) this one object for `expires_in` seconds (1-3600).

        The client must use exactly the URL, the method and the `headers` of the answer. A PUT stores `content_type`
        (by default what the key's extension tells). Nothing is said about whether the object exists.
        """
        profile, resource = self._profile, self.id
        key = check_key(key, profile, resource)
        if method not in ("GET", "PUT"):
            raise InvalidArgument(f"method={method!r} is neither 'GET' nor 'PUT'", resource=resource, key=key)
        if type(expires_in) is not int or expires_in < 1:
            raise InvalidArgument(
                f"expires_in={expires_in!r} is not a whole number of seconds from 1",
                resource=resource,
                key=key,
            )
        profile.check("signed_url_seconds", expires_in, f"a signed URL of {shown(key)}", resource=resource, key=key)
        kind: str | None = None
        if method == "PUT":
            kind = guess_content_type(key) if content_type is None else content_type
            kind = check_content_type(kind, resource, key)
        elif content_type is not None:
            raise InvalidArgument(
                "content_type is for PUT; a GET answers with the object's own", resource=resource, key=key
            )
        return self._call("signed_url", key, self._driver.sign, key, method, expires_in=expires_in, content_type=kind)

    # Events

    @overload
    def on_created(self, prefix: EventFunction, /) -> EventFunction: ...
    @overload
    def on_created(
        self,
        prefix: str = "",
        *,
        max_attempts: int = 5,
        min_backoff: float = 1.0,
        max_backoff: float = 300.0,
        timeout: int = 300,
        memory: int | None = None,
        uses: Grants | None = None,
        name: str | None = None,
        service: Registry | None = None,
    ) -> Callable[[EventFunction], EventFunction]: ...
    def on_created(self, prefix: Any = "", **options: Any) -> Any:
        """Calls the decorated function with an ObjectEvent after an object under `prefix` was created or replaced.

        `@files.on_created` takes all objects, `@files.on_created(prefix="inbox/")` some. One object a call, at least
        once, in no order, within seconds; the object may have changed again or be gone by then. Failures are tried
        again as declared (`max_attempts` 1-100), then kept with the dead letters. `timeout` is at most 540 seconds.
        `service` has the handler, and its permissions, in another service than the bucket's. Raises DeclarationError.
        """
        return self._on("created", prefix, **options)

    @overload
    def on_deleted(self, prefix: EventFunction, /) -> EventFunction: ...
    @overload
    def on_deleted(
        self,
        prefix: str = "",
        *,
        max_attempts: int = 5,
        min_backoff: float = 1.0,
        max_backoff: float = 300.0,
        timeout: int = 300,
        memory: int | None = None,
        uses: Grants | None = None,
        name: str | None = None,
        service: Registry | None = None,
    ) -> Callable[[EventFunction], EventFunction]: ...
    def on_deleted(self, prefix: Any = "", **options: Any) -> Any:
        """Calls the decorated function with an ObjectEvent after an object under `prefix` was deleted.

        As `on_created`; the event's size is 0 and its version may be empty.
        """
        return self._on("deleted", prefix, **options)

    def _on(
        self,
        event: Literal["created", "deleted"],
        prefix: Any,
        *,
        max_attempts: int = 5,
        min_backoff: float = 1.0,
        max_backoff: float = 300.0,
        timeout: int = 300,
        memory: int | None = None,
        uses: Grants | None = None,
        name: str | None = None,
        service: Registry | None = None,
    ) -> Any:
        location = caller_location()
        function: Callable[..., Any] | None = None
        if callable(prefix):
            function, prefix = cast("Callable[..., Any]", prefix), ""
        try:
            prefix = check_prefix(prefix, load_profile(), self.id)
        except PortableError as error:
            raise DeclarationError(
                f"bucket {self.name!r}: on_{event}: {error.message}", hint=error.hint, location=location
            ) from None
        retry = check_retry(
            f"bucket {self.name!r}: on_{event}", RetryPolicy(max_attempts, min_backoff, max_backoff), location
        )

        def register(handler: EventFunction) -> EventFunction:
            (service or self._registry).register_handler(
                handler,
                BucketEvent(
                    self._registry.qualify(self.name),
                    event,
                    prefix,
                    retry,
                ),
                timeout=timeout,
                decode=ObjectEventCodec(self.name),
                memory=memory,
                uses=uses,
                name=name,
            )
            return handler

        return register if function is None else register(function)


def _open(driver: BucketDriver, key: str, start: int, end: int | None) -> Any:
    """`driver.read`; an empty range, which no HTTP range can say, asks only whether the object exists."""
    if end == start:
        record = driver.head(key)
        nothing: Iterator[bytes] = iter(())
        return None if record is None else (record, nothing)
    return driver.read(key, start, end)


def _read_whole(driver: BucketDriver, key: str, start: int, end: int | None) -> bytes | None:
    found = _open(driver, key, start, end)
    if found is None:
        return None
    chunks = found[1]
    try:
        return b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
