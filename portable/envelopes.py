"""A delivery as it travels through a provider's queues, topics and schedulers: docs/design/0010 and 0017.

ASCII JSON, since SQS takes only the characters of XML 1.0. What reads them is lenient about what it does not need.
"""

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

from .invocation import InvocationKind

VERSION = 1
KINDS: tuple[InvocationKind, ...] = ("task", "topic", "schedule", "bucket", "table")


class Envelope(NamedTuple):
    """One delivery as it travels; `attempts` are those made before this message was sent."""

    kind: InvocationKind
    id: str
    body: str
    enqueued_at: float
    traceparent: str = ""
    attempts: int = 0
    attributes: dict[str, str] = {}  # noqa: RUF012 - never changed
    scheduled_at: float | None = None


class NoEnvelope(ValueError):
    """A text that is none; it says why."""


def encode(envelope: Envelope) -> str:
    """ASCII JSON, without what says nothing."""
    document: dict[str, Any] = {"v": VERSION, "kind": envelope.kind, "id": envelope.id, "body": envelope.body}
    document["enqueued_at"] = envelope.enqueued_at
    if envelope.traceparent:
        document["traceparent"] = envelope.traceparent
    if envelope.attempts:
        document["attempts"] = envelope.attempts
    if envelope.attributes:
        document["attributes"] = envelope.attributes
    if envelope.scheduled_at is not None:
        document["scheduled_at"] = envelope.scheduled_at
    return json.dumps(document, separators=(",", ":"))


def decode(document: Any) -> Envelope:
    """An envelope from parsed JSON. Raises NoEnvelope."""
    if not isinstance(document, dict):
        raise NoEnvelope("it is no JSON object")
    found = cast("dict[str, Any]", document)
    if found.get("v") != VERSION:
        raise NoEnvelope(f"its version is {found.get('v')!r:.40}, not {VERSION}")
    kind = found.get("kind")
    if kind not in KINDS:
        raise NoEnvelope(f"its kind is {kind!r:.40}")
    at = moment(found.get("scheduled_at"))
    if kind == "schedule":
        if at is None:
            raise NoEnvelope("it has no time at which it was scheduled")
        text = datetime.fromtimestamp(at, UTC).isoformat()
        found = {"id": f"{at:.0f}", "body": json.dumps({"scheduled_at": text}), "enqueued_at": at, **found}
    id, body, enqueued_at = found.get("id"), found.get("body"), number(found.get("enqueued_at"))
    if not isinstance(id, str) or not id or not isinstance(body, str) or enqueued_at is None:
        raise NoEnvelope("it lacks an id, a body or the time at which it was sent")
    traceparent = found.get("traceparent", "")
    attempts = found.get("attempts", 0)
    attributes = texts(found.get("attributes", {}))
    if not isinstance(traceparent, str) or type(attempts) is not int or attempts < 0 or attributes is None:
        raise NoEnvelope("its traceparent, attempts or attributes are none")
    return Envelope(kind, id, body, enqueued_at, traceparent, attempts, attributes, at)


def texts(value: object) -> dict[str, str] | None:
    """A mapping of text to text, or None."""
    if not isinstance(value, dict):
        return None
    pairs = list(cast("dict[object, object]", value).items())
    found = {key: text for key, text in pairs if isinstance(key, str) and isinstance(text, str)}
    return found if len(found) == len(pairs) else None


def number(value: object) -> float | None:
    """A finite number of seconds since the epoch, before the year 10000."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 253_402_300_800:
        return None
    return float(value)


def moment(value: object) -> float | None:
    """A time as we write it (seconds) or as schedulers of providers do (ISO 8601 with a zone)."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return None
        return at.timestamp() if at.utcoffset() is not None else None
    return number(value)
