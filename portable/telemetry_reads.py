"""What a read gave, as the last field of a CallRecord: what a replay and a saved test put back into empty tables.

Only recorders that want payloads get it, which is on a developer's machine; a deployed function never imports this.
Items of tables and values of params are kept. Secrets never are; objects of buckets are too large to be.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from .documents import encode
from .telemetry import PAYLOAD_BYTES

if TYPE_CHECKING:
    from .drivers import StoredItem

RESULT_BYTES = PAYLOAD_BYTES
"""What is kept of one read, in bytes of UTF-8; of a larger one only its size."""
REDACTED = "[redacted]"
"""What stands where a secret stood, in everything that is stored."""
READING = frozenset(("get", "require", "get_entry", "update", "query", "query_index", "scan", "batch_get"))
"""The verbs of tables that read."""


def read_result(kind: str, verb: str, value: object) -> str | None:
    """JSON text of what `verb` on a resource of `kind` gave: `{"items": [{"pk", "sk", "item"}]}`, `{"value": text}`,
    `{"cut": bytes}` of what is too large; None of what is no read, and of what is never kept.
    """
    if kind == "param":
        return limited(json.dumps({"value": value}, ensure_ascii=False)) if isinstance(value, str) else None
    if kind != "table" or verb not in READING:
        return None
    stored = items_of(value)
    return None if stored is None else limited(f'{{"items": [{", ".join(map(item_text, stored))}]}}')


def items_of(value: Any) -> "Iterable[StoredItem] | None":
    """The items of what a driver's read gave; None for the version that the write of an `update` gives."""
    if value is None:
        return ()
    if hasattr(value, "pk"):
        return (cast("StoredItem", value),)
    found = getattr(value, "items", value)
    return cast("list[StoredItem]", found) if isinstance(found, list) else None


def item_text(stored: "StoredItem") -> str:
    encoded = stored.encoded if stored.encoded is not None else encode(stored.document or {})
    return f'{{"pk": {json.dumps(stored.pk)}, "sk": {json.dumps(stored.sk)}, "item": {encoded}}}'


def limited(text: str) -> str:
    size = len(text) if text.isascii() else len(text.encode("utf-8", "backslashreplace"))
    return text if size <= RESULT_BYTES else f'{{"cut": {size}}}'
