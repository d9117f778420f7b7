"""The shapes of what the API gives and takes, and the document that publishes them: docs/console-api.schema.json.

Every object is closed and all of its members are there, so that a test which compares answers with this finds what was
added, dropped or misspelt.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .routes import Route

Shape = dict[str, Any]

TEXT: Shape = {"type": "string"}
NUMBER: Shape = {"type": "number"}
COUNT: Shape = {"type": "integer", "minimum": 0}
TRUTH: Shape = {"type": "boolean"}
ANY: Shape = {}
TIME: Shape = {"type": "number", "description": "epoch seconds"}
SPAN: Shape = {"type": "string", "pattern": "^[0-9a-f]{16}$"}
OUTCOME: Shape = {"enum": ["succeeded", "failed", "dead"]}
KIND: Shape = {"enum": ["http", "task", "topic", "schedule", "bucket", "table"]}


def ref(name: str) -> Shape:
    return {"$ref": f"#/$defs/{name}"}


def array(of: Shape) -> Shape:
    return {"type": "array", "items": of}


def maybe(shape: Shape) -> Shape:
    return {"anyOf": [shape, {"type": "null"}]}


def record(**members: Shape) -> Shape:
    properties = {name.rstrip("_"): shape for name, shape in members.items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def open_record(required: Sequence[str], **members: Shape) -> Shape:
    """What a body may have; what it must have is `required`."""
    return {**record(**members), "required": list(required)}


FILLED: Shape = {
    "type": "object",
    "additionalProperties": {"type": ["string", "null"]},
    "description": "values for what was redacted, by the paths in `needed`; null leaves a header out",
}


def listed(name: str) -> Shape:
    return record(items=array(ref(name)), next=maybe(TEXT))


def merged(base: Shape, **members: Shape) -> Shape:
    more = record(**members)
    return {
        **base,
        "properties": base["properties"] | more["properties"],
        "required": base["required"] + more["required"],
    }


SUMMARY = record(
    id=SPAN,
    trace_id=TEXT,
    request_id=TEXT,
    handler=TEXT,
    service=TEXT,
    kind=KIND,
    name=TEXT,
    started_at=TIME,
    seconds=NUMBER,
    outcome=OUTCOME,
    status=COUNT,
    attempt=COUNT,
    max_attempts=COUNT,
    error=maybe(TEXT),
    cold=TRUTH,
    issues=array(ref("Remark")),
    cost_per_million=NUMBER,
)
TOTALS = record(
    invocations=COUNT,
    unkept=COUNT,
    failed=COUNT,
    p50=maybe(NUMBER),
    p95=maybe(NUMBER),
    cold=COUNT,
    cold_median=maybe(NUMBER),
    cost=maybe(NUMBER),
)
ISSUE = record(
    id=TEXT,
    title=TEXT,
    handler=TEXT,
    service=TEXT,
    kind=TEXT,
    count=COUNT,
    first_at=TIME,
    last_at=TIME,
    last_invocation=TEXT,
    sparkline=array(COUNT),
    is_muted=TRUTH,
)
OBJECT_HEAD = record(
    key=TEXT, size=COUNT, version=TEXT, content_type=TEXT, metadata={"type": "object"}, modified_at=TIME
)

SHAPES: dict[str, Shape] = {
    "Key": open_record(["key"], key=TEXT),
    "Nothing": open_record([]),
    "Session": record(accepted=TRUTH),
    "Done": record(done=TRUTH),
    "Counted": record(count=COUNT),
    "Document": {"type": "object"},
    "Remark": record(kind=TEXT, text=TEXT),
    "Status": record(
        app=TEXT,
        stage=TEXT,
        services=array(record(name=TEXT, color_index=COUNT)),
        pid=maybe(COUNT),
        started_at=maybe(TIME),
        api_url=maybe(TEXT),
        console_version=TEXT,
        python=TEXT,
        watched_files=COUNT,
        last_reload=maybe(record(at=TIME, seconds=maybe(NUMBER), text=TEXT)),
        import_error=maybe(
            record(at=TIME, message=TEXT, hint=maybe(TEXT), file=maybe(TEXT), line=maybe(COUNT), traceback=maybe(TEXT))
        ),
        dropped=record(invocation=COUNT, call=COUNT, log=COUNT, span=COUNT),
        counts=record(
            functions=COUNT, routes=COUNT, schedules=COUNT, queues=COUNT, tables=COUNT, buckets=COUNT, values=COUNT
        ),
        issues=COUNT,
        providers=array(TEXT),
        is_running=TRUTH,
        is_recorded=TRUTH,
    ),
    "Totals": TOTALS,
    "Mark": record(id=COUNT, kind=TEXT, at=TIME, text=TEXT, seconds=maybe(NUMBER)),
    "Overview": record(
        from_=TIME,
        to=TIME,
        step=NUMBER,
        provider=TEXT,
        totals=ref("Totals"),
        before=ref("Totals"),
        series=array(record(at=TIME, all=COUNT, failed=COUNT)),
        sparks=record(
            invocations=array(NUMBER), failed=array(NUMBER), p95=array(NUMBER), cold=array(NUMBER), cost=array(NUMBER)
        ),
        month=maybe(record(provider=TEXT, usd=NUMBER, hours=NUMBER)),
        marks=array(ref("Mark")),
        most_failed=array(record(handler=TEXT, service=TEXT, failed=COUNT, all=COUNT)),
        most_invoked=array(record(handler=TEXT, service=TEXT, all=COUNT, p95=maybe(NUMBER))),
        transactions=array(ref("Transaction")),
        schedules=array(record(handler=TEXT, service=TEXT, text=TEXT, next=TIME)),
    ),
    "InvocationSummary": SUMMARY,
    # `total` is of all pages, and told with the first.
    "Invocations": merged(listed("InvocationSummary"), total=maybe(COUNT)),
    "Payload": record(
        body=TEXT,
        size=COUNT,
        content_type=TEXT,
        encoding={"enum": ["text", "base64"]},
        headers=array({"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}),
        target=TEXT,
        is_cut=TRUTH,
    ),
    "Call": record(
        id=TEXT,
        parent_id=TEXT,
        resource=TEXT,
        verb=TEXT,
        key=maybe(TEXT),
        started_at=TIME,
        seconds=NUMBER,
        error=maybe(TEXT),
        result=ANY,
    ),
    "Log": record(
        id=COUNT,
        at=TIME,
        level={"enum": ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]},
        logger=TEXT,
        message=TEXT,
        handler=TEXT,
        trace_id=TEXT,
        span_id=TEXT,
        invocation_id=TEXT,
        fields={"type": "object"},
        source={"enum": ["logging", "stdout", "stderr"]},
        traceback=maybe(TEXT),
    ),
    "Logs": listed("Log"),
    "Invocation": merged(
        SUMMARY,
        parent_id=maybe(TEXT),
        waited=NUMBER,
        issue=maybe(TEXT),
        request=maybe(ref("Payload")),
        response=maybe(ref("Payload")),
        traceback=maybe(TEXT),
        frame=maybe(record(file=TEXT, path=TEXT, line=COUNT, function=TEXT, lines=array(record(n=COUNT, text=TEXT)))),
        calls=array(ref("Call")),
        calls_total=COUNT,
        logs=array(ref("Log")),
        replays=array(record(id=TEXT, started_at=TIME, outcome=OUTCOME)),
        replay_of=maybe(TEXT),
        needed=array(TEXT),
        needed_by_test=array(TEXT),
    ),
    "Transaction": record(
        trace_id=TEXT,
        entry=ref("InvocationSummary"),
        started_at=TIME,
        seconds=NUMBER,
        outcome=OUTCOME,
        segments=array(record(service=TEXT, handler=TEXT, from_=NUMBER, to=NUMBER, outcome=OUTCOME)),
        cost_per_million=NUMBER,
        issues=array(ref("Remark")),
        spans=COUNT,
    ),
    "Transactions": listed("Transaction"),
    "Span": record(
        id=TEXT,
        parent=maybe(TEXT),
        kind=TEXT,
        name=TEXT,
        service=TEXT,
        handler=TEXT,
        started_at=TIME,
        seconds=NUMBER,
        outcome=OUTCOME,
        error=maybe(TEXT),
        attributes={"type": "object"},
    ),
    "Joined": record(trace_id=TEXT),
    "Trace": record(trace_id=TEXT, spans=array(ref("Span")), logs=array(ref("Log"))),
    "Issue": ISSUE,
    "Issues": listed("Issue"),
    "IssueDetail": merged(ISSUE, invocations=array(ref("InvocationSummary"))),
    "Mute": open_record(["is_muted"], is_muted=TRUTH),
    "Map": record(
        from_=TIME,
        to=TIME,
        nodes=array(record(id=TEXT, kind=TEXT, name=TEXT, service=TEXT)),
        edges=array(record(from_=TEXT, to=TEXT, verbs=array(TEXT), calls=COUNT, failed=COUNT)),
    ),
    "Function": record(
        handler=TEXT,
        service=TEXT,
        kind=KIND,
        trigger=TEXT,
        timeout=NUMBER,
        memory=COUNT,
        max_attempts=COUNT,
        grants=array(record(resource=TEXT, verb=TEXT, how=TEXT, locations=array(record(file=TEXT, line=COUNT)))),
        schema=maybe({"type": "object"}),
        example=ANY,
        last_at=maybe(TIME),
        all=COUNT,
        failed=COUNT,
        p95=maybe(NUMBER),
        request_bytes=maybe(COUNT),
        response_bytes=maybe(COUNT),
        file=TEXT,
        line=COUNT,
    ),
    "Functions": listed("Function"),
    "Invoke": open_record([], payload=ANY),
    "Replay": open_record([], request={"type": "object", "description": "a Payload, edited"}, set=FILLED),
    "ReplayFile": open_record(
        ["file"], file={"type": "object", "description": "a replay file: see docs/replay.schema.json"}, set=FILLED
    ),
    "Fill": open_record(["set"], set=FILLED),
    "Request": open_record(
        ["target"],
        target=TEXT,
        headers=array({"type": "array", "items": TEXT, "minItems": 2, "maxItems": 2}),
        body=TEXT,
        encoding={"enum": ["text", "base64"]},
    ),
    "Comparison": record(first=SPAN, items=array(record(where=TEXT, recorded=ANY, now=ANY, is_volatile=TRUTH))),
    "Test": record(name=TEXT, text=TEXT),
    # `invocation` is null for what is not recorded; `status` is HTTP's, else 0.
    "Started": record(
        invocation=maybe(SPAN), outcome=OUTCOME, status=COUNT, error=maybe(TEXT), traceback=maybe(TEXT), result=ANY
    ),
    "Schedule": record(
        handler=TEXT,
        service=TEXT,
        cron=TEXT,
        zone=TEXT,
        text=TEXT,
        next=array(TIME),
        last=maybe(TIME),
        is_paused=TRUTH,
    ),
    "Schedules": listed("Schedule"),
    "Queue": record(
        handler=TEXT,
        service=TEXT,
        kind=KIND,
        source=TEXT,
        depth=COUNT,
        in_flight=COUNT,
        retrying=COUNT,
        dead=COUNT,
        oldest_at=maybe(TIME),
    ),
    "Queues": listed("Queue"),
    "DeadLetter": record(
        id=TEXT, handler=TEXT, body=TEXT, attempts=COUNT, error=TEXT, enqueued_at=TIME, died_at=TIME, trace_id=TEXT
    ),
    "DeadLetters": listed("DeadLetter"),
    "Redrive": open_record([], ids=array(TEXT), all=TRUTH),
    "Ids": open_record(["ids"], ids=array(TEXT)),
    "Table": record(
        name=TEXT,
        service=TEXT,
        key=array(TEXT),
        indexes=array(record(name=TEXT, fields=array(TEXT))),
        ttl=maybe(TEXT),
        model=maybe(TEXT),
        schema=maybe({"type": "object"}),
        count=COUNT,
    ),
    "Tables": listed("Table"),
    "Item": record(pk=TEXT, sk=TEXT, version=TEXT, item={"type": "object"}),
    "Items": listed("Item"),
    "ItemBody": open_record(["item"], item={"type": "object"}, version=TEXT),
    "ItemKey": open_record(["pk"], pk=TEXT, sk=TEXT, version=TEXT),
    "Bucket": record(name=TEXT, service=TEXT, count=COUNT, bytes=COUNT),
    "Buckets": listed("Bucket"),
    "Objects": record(
        items=array(record(key=TEXT, size=COUNT, etag=TEXT, modified_at=TIME)), prefixes=array(TEXT), next=maybe(TEXT)
    ),
    "ObjectHead": OBJECT_HEAD,
    "Object": merged(OBJECT_HEAD, encoding={"enum": ["text", "base64"]}, body=TEXT, is_cut=TRUTH),
    "ObjectBody": open_record(["body"], body=TEXT, encoding={"enum": ["text", "base64"]}, content_type=TEXT),
    "ValueItem": record(name=TEXT, kind={"enum": ["secret", "param"]}, service=TEXT, is_set=TRUTH, masked=maybe(TEXT)),
    "Values": listed("ValueItem"),
    "Value": open_record(["value"], value=maybe(TEXT)),
    "CostLine": record(
        service=TEXT,
        what=TEXT,
        amount=NUMBER,
        counted=TEXT,
        how=TEXT,
        free=NUMBER,
        usd=maybe(NUMBER),
        usd_without_free_tier=maybe(NUMBER),
        arithmetic=TEXT,
        price=maybe(
            record(value=NUMBER, unit=TEXT, region=TEXT, source=TEXT, as_of=TEXT, confidence=TEXT, note=TEXT),
        ),
    ),
    "Cost": record(
        is_estimate={"const": True},
        month_hours=NUMBER,
        observed=record(hours=NUMBER, invocations=COUNT, unkept=COUNT, factor=NUMBER),
        targets=array(
            record(
                provider=TEXT,
                usd=NUMBER,
                usd_without_free_tiers=NUMBER,
                regions=array(TEXT),
                as_of=array(TEXT),
                unknown=array(TEXT),
                lines=array(ref("CostLine")),
            )
        ),
    ),
    "Problem": record(type=TEXT, title=TEXT, status=COUNT, detail=TEXT, code=TEXT, hint=maybe(TEXT)),
}

EVENTS = {
    "invocation": "InvocationSummary",
    "log": "Log",
    "status": "Status",
    "issue": "Issue",
    "mark": "Mark",
    "span": "Joined",
}


def document(routes: "Sequence[Route]") -> Shape:
    """JSON Schema of all shapes, with the routes that give and take them."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The console's API",
        "description": "All paths are below /api/v1. Errors are Problems. See docs/observe.md.",
        "routes": [
            {
                "method": route.method,
                "path": f"/api/v1/{route.path}",
                "summary": route.summary,
                "query": list(route.query),
                "body": None if route.body is None else ref(route.body),
                "answer": ref(route.answer),
            }
            for route in routes
        ],
        "events": {
            "path": "/api/v1/events",
            "query": ["kinds", "after"],
            "data": {kind: ref(shape) for kind, shape in EVENTS.items()},
        },
        "$defs": SHAPES,
    }
