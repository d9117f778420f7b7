"""Records by the names of OpenTelemetry's semantic conventions (1.30 and later): what leaves us is called so.

Pure functions, for the export of OTLP and for the console's API. What the conventions have no name for is called
`portable.*`. https://opentelemetry.io/docs/specs/semconv/
"""

from typing import Literal

from .telemetry import CallRecord, InvocationRecord, LogRecord, Scalar

Attributes = dict[str, Scalar]
SpanKind = Literal["server", "consumer", "internal", "client", "producer"]
TRIGGERS = {
    "http": "http",
    "task": "pubsub",
    "topic": "pubsub",
    "schedule": "timer",
    "bucket": "datasource",
    "table": "datasource",
}
"""`faas.trigger` by kind."""
PRODUCING = frozenset({"send", "publish", "publish_all"})
DATABASES = frozenset({"table"})
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""`http.request.method` has no others, so that it stays a name and not a text."""


def span_name(record: InvocationRecord | CallRecord) -> str:
    """What a span is called: few names, so that spans can be grouped by them."""
    if isinstance(record, CallRecord):
        return f"{record.verb} {record.resource.partition(':')[2]}"
    if record.kind == "http":
        return record.name
    verb = "process" if record.kind in ("task", "topic") else record.kind
    return f"{verb} {record.name.partition(':')[2]}"


def span_kind(record: InvocationRecord | CallRecord) -> SpanKind:
    """`server`, `consumer` or `internal` for invocations, `producer` or `client` for calls."""
    if isinstance(record, CallRecord):
        return "producer" if record.verb in PRODUCING else "client"
    if record.kind == "http":
        return "server"
    return "internal" if record.kind == "schedule" else "consumer"


def attributes_of(record: InvocationRecord | CallRecord | LogRecord) -> Attributes:
    """The attributes of a span or of a log record."""
    if isinstance(record, InvocationRecord):
        return invocation_attributes(record)
    return call_attributes(record) if isinstance(record, CallRecord) else log_attributes(record)


def invocation_attributes(record: InvocationRecord) -> Attributes:
    found: Attributes = {
        "faas.trigger": TRIGGERS[record.kind],
        "faas.invocation_id": record.id,
        "faas.coldstart": record.cold,
        "portable.kind": record.kind,
        "portable.handler": record.handler,
        "portable.outcome": record.outcome,
        "portable.calls": record.calls,
    }
    if record.handler:
        found["code.function.name"] = record.handler
    source = record.name.partition(":")[2]
    if record.kind == "http":
        method, _, route = record.name.partition(" ")
        found["http.request.method"] = method if method in METHODS else "_OTHER"
        if method not in METHODS:
            found["http.request.method_original"] = method
        if route:
            found["http.route"] = route
        found["http.response.status_code"] = record.status
        if record.request is not None:
            path, _, query = record.request.target.partition(" ")[2].partition("?")
            found["url.path"] = path
            if query:
                found["url.query"] = query
            found["http.request.body.size"] = record.request.size
        if record.response is not None:
            found["http.response.body.size"] = record.response.size
    else:
        found["portable.attempt"] = record.attempt
        found["portable.waited"] = record.waited
        if record.kind in ("task", "topic"):
            found |= {
                "messaging.system": "portable",
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.destination.name": source,
                "messaging.message.id": record.id,
            }
        elif record.kind in ("table", "bucket"):
            found["faas.document.collection"] = source
    if record.error is not None:
        found["error.type"] = error_type(record.error)
        found["portable.error"] = record.error
    if record.outcome != "succeeded" and record.traceback is not None:
        found["exception.stacktrace"] = record.traceback
    if record.frame is not None:
        found["code.file.path"], found["code.line.number"], _ = record.frame
    return found


def call_attributes(record: CallRecord) -> Attributes:
    kind, _, name = record.resource.partition(":")
    found: Attributes = {"portable.resource": record.resource, "portable.verb": record.verb}
    if record.key is not None:
        found["portable.key"] = record.key
    if kind in DATABASES:
        found |= {"db.system.name": "portable", "db.operation.name": record.verb, "db.collection.name": name}
    elif record.verb in PRODUCING:
        found |= {
            "messaging.system": "portable",
            "messaging.operation.type": "send",
            "messaging.operation.name": record.verb,
            "messaging.destination.name": name,
        }
    if record.error is not None:
        found["error.type"] = error_type(record.error)
        found["portable.error"] = record.error
    return found


def log_attributes(record: LogRecord) -> Attributes:
    found: Attributes = dict(record.fields)
    if record.source != "logging":
        found["log.iostream"] = record.source
    if record.logger:
        found["portable.logger"] = record.logger
    if record.handler:
        found["portable.handler"] = record.handler
        found["faas.invocation_id"] = record.invocation_id
    if record.traceback is not None:
        found["exception.stacktrace"] = record.traceback
    return found


def severity(level: str) -> int:
    """`SeverityNumber` of a level of ours."""
    return {"DEBUG": 5, "INFO": 9, "WARNING": 13, "ERROR": 17, "CRITICAL": 21}.get(level, 0)


def error_type(error: str) -> str:
    """The class of an error, from its one line: `KeyError: 'x'`."""
    name = error.partition(":")[0]
    return name if name.isidentifier() else "_OTHER"
