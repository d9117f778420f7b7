"""Rows of the database as spans of a trace, described by OpenTelemetry's conventions (portable.conventions)."""

import json
from typing import Any, cast

from portable.conventions import attributes_of, span_kind
from portable.telemetry import CallRecord, InvocationRecord, Payload

Row = tuple[Any, ...]
Item = dict[str, Any]

INVOCATIONS = (
    "SELECT i.trace, i.span, i.parent, i.kind, i.handler, i.request_id, i.attempt, i.started, i.seconds, i.name, "
    "i.outcome, i.status, i.error, d.traceback, i.file, i.line, i.function, i.waited, i.cold, i.calls, i.target, "
    "i.service, json_extract(d.request, '$.size'), json_extract(d.response, '$.size') "
    "FROM invocations i LEFT JOIN details d ON d.n = i.n WHERE i.trace = ? ORDER BY i.started, i.n LIMIT ?"
)
CALLS = (
    "SELECT trace, span, parent, resource, verb, key, started, seconds, error FROM calls WHERE trace = ? "
    "ORDER BY started, n LIMIT ?"
)
FOREIGN = (
    "SELECT span, parent, service, name, kind, started, seconds, error, attributes FROM spans WHERE trace = ? "
    "ORDER BY started, n LIMIT ?"
)


def invocation_span(row: Row) -> Item:
    """Of a row of INVOCATIONS."""
    trace, span, parent, kind, handler, id, attempt, started, seconds, name, outcome, status, error, text = row[:14]
    file, line, function, waited, cold, calls, target, service, asked, said = row[14:]
    record = InvocationRecord(
        trace,
        span,
        parent,
        kind,
        handler,
        id,
        attempt,
        started,
        seconds,
        name,
        outcome,
        status,
        error,
        text,
        None if file is None else (file, line or 0, function or ""),
        None if asked is None else Payload("", asked, target=target),
        None if said is None else Payload("", said),
        waited,
        bool(cold),
        calls,
    )
    return {
        "id": span,
        "parent": parent or None,
        "kind": kind,
        "name": shown_name(kind, name, target),
        "service": service,
        "handler": handler,
        "started_at": started,
        "seconds": seconds,
        "outcome": outcome,
        "error": error,
        "attributes": {**attributes_of(record), "span.kind": span_kind(record)},
    }


def call_span(row: Row, service: str, handler: str) -> Item:
    """Of a row of CALLS; `service` and `handler` are of the invocation that called."""
    record = CallRecord(*row)
    return {
        "id": record.span_id,
        "parent": record.parent_id or None,
        "kind": "call",
        "name": f"{record.resource} {record.verb}",
        "service": service,
        "handler": handler,
        "started_at": record.started_at,
        "seconds": record.seconds,
        "outcome": "failed" if record.error else "succeeded",
        "error": record.error,
        "attributes": {**attributes_of(record), "span.kind": span_kind(record)},
    }


def foreign_span(row: Row) -> Item:
    """Of a row of FOREIGN: somebody else's."""
    span, parent, service, name, kind, started, seconds, error, attributes = row
    found = cast("Item", json.loads(attributes))
    return {
        "id": span,
        "parent": parent or None,
        "kind": "external",
        "name": name,
        "service": service,
        "handler": "",
        "started_at": started,
        "seconds": seconds,
        "outcome": "succeeded" if error is None else "failed",
        "error": error,
        "attributes": {**found, "service.name": service, "span.kind": kind},
    }


def shown_name(kind: str, name: str, target: str) -> str:
    """What an invocation is called: a request that no route took by its path, as it has no other name."""
    if kind == "http" and " " not in name and target:
        return target.partition("?")[0]
    return str(name)
