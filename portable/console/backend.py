"""What the console asks of whatever runs the app. The local runtime implements it; tests and samples have their own."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from .description import Description

Item = dict[str, Any]


class Again(NamedTuple):
    """What a delivery that is repeated has beside its payload."""

    attempt: int
    attributes: Mapping[str, str]
    scheduled_at: float | None


class Backend(Protocol):
    """Called by any number of threads. Every method may raise a PortableError, which the API tells as a problem.

    Invocations that are started here carry the traceparent that they are given, so that they are found once recorded.
    """

    def status(self) -> Item:
        """app, stage, pid, started_at, api_url, watched_files, last_reload, import_error, is_running, is_recorded."""
        ...

    def described(self) -> Description:
        """The app as it is declared now, with what is known of its grants at once."""
        ...

    def openapi(self) -> Item:
        """The app's OpenAPI document. May take a second."""
        ...

    def full_description(self) -> Description:
        """With grants. May take a second the first time."""
        ...

    def module(self) -> tuple[str, str]:
        """The module that has the app, and the app's name in it."""
        ...

    # Running things

    def invoke(self, handler: str, payload: str, traceparent: str, again: Again | None = None) -> Item:
        """Runs a background handler once, beside its queue: status, result, error, traceback. `payload` is JSON.

        It is a first attempt, made now, unless `again` says otherwise.
        """
        ...

    def request(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Item:
        """Sends a request to the app: status, headers."""
        ...

    # Schedules

    def schedules(self, count: int) -> list[Item]:
        """handler, service, cron, zone, text, next (`count` epoch times), last, is_paused."""
        ...

    def run_schedule(self, handler: str) -> None: ...

    def pause_schedule(self, handler: str, *, is_paused: bool) -> None: ...

    # Queues

    def queues(self) -> list[Item]:
        """handler, service, kind, source, depth, in_flight, retrying, dead, oldest_at."""
        ...

    def dead_letters(self, handler: str, *, limit: int, cursor: str | None) -> Item: ...

    def redrive(self, handler: str, ids: list[str] | None) -> int:
        """Dead letters by id, or all of them (None); how many there were."""
        ...

    def discard(self, handler: str, ids: list[str]) -> int: ...

    # Tables

    def tables(self) -> list[Item]:
        """name, service, key, indexes, ttl, model, count."""
        ...

    def items(self, table: str, *, pk: str | None, index: str | None, limit: int, cursor: str | None) -> Item: ...

    def put_item(self, table: str, item: Item, version: str | None) -> Item: ...

    def delete_item(self, table: str, pk: str, sk: str, version: str | None) -> None: ...

    # Buckets

    def buckets(self) -> list[Item]:
        """name, service, count, bytes."""
        ...

    def objects(self, bucket: str, *, prefix: str, cursor: str | None, limit: int) -> Item: ...

    def read_object(self, bucket: str, key: str, most: int) -> Item:
        """key, size, version, content_type, metadata, modified_at, encoding, body (at most `most` bytes)."""
        ...

    def write_object(self, bucket: str, key: str, body: bytes, content_type: str) -> Item: ...

    def delete_object(self, bucket: str, key: str) -> None: ...

    # Values

    def values(self) -> list[Item]:
        """name, kind, service, is_set, masked."""
        ...

    def write_value(self, name: str, value: str | None) -> None: ...
