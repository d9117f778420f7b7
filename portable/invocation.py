"""Neutral records of "something happened": what gateways make of native events and the Dispatcher calls.

HTTP travels as `http.Request` and `http.Response`; everything else as an `Invocation` and an `Outcome`.
Bodies are JSON text, also locally, so that nothing works on a laptop that would not survive the wire.
"""

from typing import Literal, NamedTuple

InvocationKind = Literal["task", "topic", "schedule", "bucket", "table"]


class Invocation(NamedTuple):
    """One delivery to one background handler.

    `body` by kind: task: the payload (`null` without one); topic: the data; schedule: `{"scheduled_at": iso}`;
    bucket: `{"bucket", "key", "size", "version", "event", "time"}`; table: `{"table", "pk", "sk", "op", "new",
    "version", "time"}` with `new` in the tagged JSON of documents.py or null. `attempt` counts from 1 and may restart.
    `attributes` are the topic's. Times are epoch seconds; `deadline` is when the platform will end the attempt.
    """

    id: str
    kind: InvocationKind
    handler: str
    body: str
    attempt: int
    enqueued_at: float
    deadline: float
    traceparent: str
    attributes: dict[str, str]
    scheduled_at: float | None = None


class Outcome(NamedTuple):
    """What became of an Invocation.

    `succeeded`: acknowledge. `failed`: try again after `retry_after` seconds. `dead`: no attempt is left, or the
    delivery can never succeed (its payload does not decode): keep it with the dead letters.
    `result` is JSON text; `error` is one line for people, `traceback` the user's frames.
    """

    status: Literal["succeeded", "failed", "dead"]
    result: str | None = None
    error: str | None = None
    traceback: str | None = None
    retry_after: float = 0.0
