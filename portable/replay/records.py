"""From what was recorded to a ReplayFile: the JSON of an invocation as the console's API gives it."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from portable.telemetry import CallRecord, InvocationRecord, Payload

from .files import Answer, Call, Delivery, HttpRequest, Invoked, Observed, ReplayFile
from .state import state_of

CONNECTION = frozenset(
    ("connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
)
"""Headers of a connection, not of what was asked; the length is told by the body."""
TRACING = frozenset(("traceparent", "tracestate"))
"""A replay is a transaction of its own."""


def replay_file(
    invocation: Mapping[str, Any], *, app: str, portable: str, calls: Sequence[Mapping[str, Any]] | None = None
) -> ReplayFile:
    """The file of an invocation, given as the API's Invocation (`calls` in it, unless given apart).

    What was redacted stays so. An invocation of which no request was recorded has a body that is cut.
    """
    made: Any = calls if calls is not None else invocation.get("calls") or []
    listed = cast("Sequence[Mapping[str, Any]]", made)
    return ReplayFile(app, portable, invoked_of(invocation), observed_of(invocation, listed), state_of(listed))


def invoked_of(invocation: Mapping[str, Any]) -> Invoked:
    payload = cast("Mapping[str, Any] | None", invocation.get("request"))
    kind, started = str(invocation["kind"]), float(invocation["started_at"])
    body = "" if payload is None else str(payload["body"])
    headers = () if payload is None else pairs_of(payload.get("headers"))
    request = delivery = None
    if kind == "http":
        target = "" if payload is None else str(payload.get("target") or "")
        method, _, path = target.partition(" ")
        request = HttpRequest(
            method or "GET",
            path or "/",
            tuple((name, text) for name, text in headers if name.lower() not in CONNECTION | TRACING),
            body,
            "base64" if payload is not None and payload.get("encoding") == "base64" else "text",
        )
    else:
        waited = float(invocation.get("waited") or 0.0)
        delivery = Delivery(body or "null", dict(headers), started - waited, scheduled_at(kind, body))
    return Invoked(
        kind,
        str(invocation.get("handler") or ""),
        str(invocation.get("name") or ""),
        str(invocation.get("request_id") or invocation.get("id") or ""),
        int(invocation.get("attempt") or 1),
        started,
        request,
        delivery,
        payload is None or answer_of(payload).is_cut,
    )


def observed_of(invocation: Mapping[str, Any], calls: Sequence[Mapping[str, Any]] = ()) -> Observed:
    """What was seen of an invocation."""
    payload = cast("Mapping[str, Any] | None", invocation.get("response"))
    return Observed(
        str(invocation["outcome"]),
        int(invocation.get("status") or 0),
        cast("str | None", invocation.get("error")),
        cast("str | None", invocation.get("traceback")),
        None if payload is None else answer_of(payload),
        float(invocation.get("seconds") or 0.0),
        tuple(
            Call(
                str(call["resource"]),
                str(call["verb"]),
                cast("str | None", call.get("key")),
                cast("str | None", call.get("error")),
            )
            for call in calls
        ),
    )


def answer_of(payload: Mapping[str, Any]) -> Answer:
    return Answer(
        str(payload["body"]),
        int(payload["size"]),
        str(payload.get("content_type") or ""),
        "base64" if payload.get("encoding") == "base64" else "text",
        pairs_of(payload.get("headers")),
    )


def pairs_of(value: Any) -> tuple[tuple[str, str], ...]:
    found: Any = cast("Mapping[str, Any]", value).items() if isinstance(value, Mapping) else value or ()
    return tuple((str(name), str(text)) for name, text in cast("Sequence[tuple[Any, Any]]", found))


def scheduled_at(kind: str, body: str) -> float | None:
    """The fire time that a schedule's body names."""
    if kind != "schedule":
        return None
    try:
        return datetime.fromisoformat(json.loads(body)["scheduled_at"]).timestamp()
    except (ValueError, KeyError, TypeError):
        return None


def invocation_json(record: InvocationRecord, calls: Sequence[CallRecord]) -> dict[str, Any]:
    """Records as the API's Invocation, as far as replays go by it."""
    return {
        "id": record.span_id,
        "trace_id": record.trace_id,
        "request_id": record.id,
        "kind": record.kind,
        "handler": record.handler,
        "name": record.name,
        "attempt": record.attempt,
        "started_at": record.started_at,
        "seconds": record.seconds,
        "waited": record.waited,
        "outcome": record.outcome,
        "status": record.status,
        "error": record.error,
        "traceback": record.traceback,
        "request": payload_json(record.request),
        "response": payload_json(record.response),
        "calls": [call_json(call) for call in calls],
    }


def call_json(call: CallRecord) -> dict[str, Any]:
    result: Any = None if call.result is None else json.loads(call.result)
    return {**call._asdict(), "result": result}


def payload_json(payload: Payload | None) -> dict[str, Any] | None:
    return None if payload is None else {**payload._asdict(), "headers": [list(pair) for pair in payload.headers]}
