"""One background handler, run once because somebody said so: `portable invoke --stage`. What it returns is the answer.

The event is no provider's. An adapter lets it reach a function only from callers who have the provider's own right to
invoke it.
"""

import os
from typing import TYPE_CHECKING, Any, Literal

from .envelopes import KINDS
from .invocation import Invocation
from .shapes import MalformedEvent

if TYPE_CHECKING:
    from .attempts import Dispatches

KEY = "portable-invoke"
VERSION: Literal[1] = 1


def event_of(kind: str, handler: str, payload: str, now: float) -> dict[str, Any]:
    """What is sent to the function. A schedule is run as if now were its time."""
    return {KEY: VERSION, "kind": kind, "handler": handler, "body": payload, "at": now}


def answer(event: dict[str, Any], dispatcher: "Dispatches", seconds: float, now: float) -> dict[str, Any]:
    """Runs what the event says; the Outcome. `seconds` are left to it. Raises MalformedEvent.

    `now` is the function's own time: the clock of whoever sent the event may be wrong.
    """
    kind, handler, body, at = (event.get(name) for name in ("kind", "handler", "body", "at"))
    if event[KEY] != VERSION or kind not in KINDS or not isinstance(handler, str) or not isinstance(body, str):
        raise MalformedEvent("this is no invocation that this version of portable knows")
    if not isinstance(at, int | float) or isinstance(at, bool):
        raise MalformedEvent(f"an invocation at {at!r}")
    invocation = Invocation(
        id=os.urandom(16).hex(),
        kind=kind,
        handler=handler,
        body=body,
        attempt=1,
        enqueued_at=float(at),
        deadline=now + seconds,
        traceparent="",
        attributes={},
        scheduled_at=float(at) if kind == "schedule" else None,
    )
    return dispatcher.invoke(invocation)._asdict()
