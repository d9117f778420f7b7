"""Requests as exporters of OTLP's JSON write them, made up."""

import json
from typing import Any

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
START = 1_800_000_000_123_456_789


def span(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "traceId": TRACE,
        "spanId": "a" * 16,
        "parentSpanId": "",
        "name": "click",
        "kind": 3,
        "startTimeUnixNano": str(START),
        "endTimeUnixNano": str(START + 250_000_000),
        **changes,
    }
    return {name: value for name, value in found.items() if value is not ...}


def request(*spans: Any, service: str | None = "web", scope: str = "") -> bytes:
    resource: dict[str, Any] = {"attributes": []}
    if service is not None:
        resource["attributes"].append({"key": "service.name", "value": {"stringValue": service}})
    scoped = {"scope": {"name": scope}, "spans": list(spans)}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scoped]}]}).encode()
