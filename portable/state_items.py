"""Records in the framework's own table, over any adapter's TableDriver: how they are made and read.

What is kept there is written once for all clouds: run_records.py, letters.py, deduplication.py, leases.py and
idempotency.py. The partition key starts with what a record is, then `#` and whose: roles are limited by it. Errors of
the driver pass as they are, since whoever asks is a driver or a runtime of the same adapter.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from .documents import decode, encode
from .drivers import ALWAYS, Condition, Document, NewItem, StoredItem, TableDriver
from .errors import Conflict, PortableError

T = TypeVar("T")

DAY = 24 * 3600
ABSENT = Condition(absent=True)
PRESENT = Condition(present=True)


def state_item(pk: str, sk: str, document: Document, expires_at: float) -> NewItem:
    """A record that is gone after `expires_at` (an epoch; rounded up to a second)."""
    return NewItem(pk, sk, document, encode(document), {}, -int(-expires_at // 1))


def fields_of(stored: StoredItem) -> Document:
    """The document of what was read."""
    return stored.document if stored.document is not None else decode(stored.encoded or "{}")


def is_conflict(table: TableDriver, error: Exception) -> bool:
    """Whether an error of the driver means that a condition did not hold."""
    if isinstance(error, PortableError):
        return isinstance(error, Conflict)
    return table.classify(error) is Conflict


def put_unless(table: TableDriver, item: NewItem, condition: Condition = ALWAYS) -> str | None:
    """The new version, or None if the condition did not hold."""
    try:
        return table.put(item, condition)
    except Exception as error:
        if is_conflict(table, error):
            return None
        raise


def delete_unless(table: TableDriver, pk: str, sk: str, condition: Condition) -> bool:
    """Whether the condition held, and the record is gone."""
    try:
        table.delete(pk, sk, condition)
    except Exception as error:
        if is_conflict(table, error):
            return False
        raise
    return True


def changed(
    table: TableDriver, pk: str, sk: str, change: Callable[[Document | None], NewItem | None], *, tries: int = 20
) -> NewItem | None:
    """Reads a record, and puts what `change` makes of it (None: leaves it) unless somebody wrote meanwhile.

    Whoever loses a race begins again. Returns what was put, or None. Raises Conflict after `tries` lost races.
    """
    for attempt in range(tries):
        stored = table.get(pk, sk)
        item = change(None if stored is None else fields_of(stored))
        if item is None:
            return None
        condition = ABSENT if stored is None else Condition(version=stored.version)
        if put_unless(table, item, condition) is not None:
            return item
        pause(attempt)
    raise Conflict(f"{sk!r} of {pk!r} in the framework's table lost {tries} races")


def pause(attempt: int) -> None:
    """Waits before the next try: longer each time, with jitter."""
    from random import random
    from time import sleep

    sleep(min(0.5, 0.005 * 2.0**attempt) * (0.5 + random() / 2))  # noqa: S311 - jitter


def digest(text: str) -> str:
    """A part of a key that stands for a text of any length."""
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def text(value: Any) -> str:
    """A field that is a text, or the empty one."""
    return value if isinstance(value, str) else ""
