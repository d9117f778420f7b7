"""Spans that others made (a browser, another process), as they come in OTLP's JSON, and what is kept of them.

OTLP/HTTP with JSON (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hexadecimal, 64-bit
numbers as numbers or as texts, enumerations as numbers, unknown members ignored. Whoever sends is believed nothing: all
of it is cut to size, and a span that is none is refused without the others. Pure; used by the local runtime alone.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from portable.codec import parse_json
from portable.errors import InvalidArgument
from portable.records import SpanRecord, cut_message
from portable.telemetry import ERROR_CHARACTERS, KEY_CHARACTERS, TRACEBACK_CHARACTERS, LogRecord, Scalar

from .plain import is_list, is_object

MOST_ATTRIBUTES = 64
MOST_EVENTS = 32
VALUE_CHARACTERS = 1000
"""What is kept of a text among the attributes."""
BILLION = 10**9
LATEST = 4_102_444_800
"""2100-01-01: a later time is a mistake of units."""
LONGEST_SECONDS = 30 * 86400
TRACE = re.compile(r"[0-9a-f]{32}")
SPAN = re.compile(r"[0-9a-f]{16}")
KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
FAILED = 2
"""The code of a status that is an error."""
LEVELS = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})


class Received(NamedTuple):
    """What one request had: spans, their events as lines of logs, how many spans were none, and why the first was."""

    spans: list[SpanRecord]
    logs: list[LogRecord]
    refused: int
    reason: str


class NoSpan(ValueError):
    """A span that cannot be one."""


def received(body: bytes) -> Received:
    """Reads an ExportTraceServiceRequest. Raises InvalidArgument for what is no such thing."""
    document = parse_json(body)
    if not is_object(document):
        raise InvalidArgument("it is no JSON object", hint='{"resourceSpans": [...]}')
    found = Received([], [], 0, "")
    for service, scope, entry in entries(document):
        try:
            span, logs = span_of(service, scope, entry)
        except NoSpan as fault:
            found = found._replace(refused=found.refused + 1, reason=found.reason or str(fault))
            continue
        found.spans.append(span)
        found.logs.extend(logs)
    return found


def entries(document: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(service, scope, span) of each span. Raises InvalidArgument."""
    for of_resource in objects(document, "resourceSpans"):
        resource = of_resource.get("resource")
        named = attributes_of(resource if is_object(resource) else {}).get("service.name")
        service = named if isinstance(named, str) and named else "unknown_service"
        for of_scope in objects(of_resource, "scopeSpans"):
            scope = of_scope.get("scope")
            name = scope.get("name") if is_object(scope) else None
            spans: Any = of_scope.get("spans") or []
            if not is_list(spans):
                raise InvalidArgument("`spans` is no list")
            for span in spans:
                yield text_of(service, KEY_CHARACTERS), text_of(name or "", KEY_CHARACTERS), span


def objects(of: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """Raises InvalidArgument."""
    found: Any = of.get(name) or []
    if not is_list(found) or not all(map(is_object, found)):
        raise InvalidArgument(f"`{name}` is no list of objects")
    yield from found


def span_of(service: str, scope: str, entry: Any) -> tuple[SpanRecord, list[LogRecord]]:
    """Raises NoSpan."""
    if not is_object(entry):
        raise NoSpan("a span is an object")
    trace, span = id_of(entry, "traceId", TRACE), id_of(entry, "spanId", SPAN)
    parent = id_of(entry, "parentSpanId", SPAN) if entry.get("parentSpanId") else ""
    started, ended = nanoseconds(entry, "startTimeUnixNano"), nanoseconds(entry, "endTimeUnixNano")
    if not 0 <= ended - started <= LONGEST_SECONDS * BILLION:
        raise NoSpan("endTimeUnixNano is before startTimeUnixNano, or a month after it")
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise NoSpan("a span has a name")
    kind: object = entry.get("kind")
    status: Any = entry.get("status")
    error: str | None = None
    if is_object(status) and status.get("code") == FAILED:
        error = text_of(status.get("message") or "its status is ERROR, without a message", ERROR_CHARACTERS)
    record = SpanRecord(
        trace,
        span,
        parent,
        service,
        text_of(name, KEY_CHARACTERS),
        KINDS.get(kind, "internal") if type(kind) is int else "internal",
        started / BILLION,
        (ended - started) / BILLION,
        error,
        attributes_of(entry),
    )
    events = entry.get("events")
    found = events[:MOST_EVENTS] if is_list(events) else []
    return record, [log_of(record, scope, event) for event in found if is_object(event)]


def log_of(span: SpanRecord, scope: str, event: dict[str, Any]) -> LogRecord:
    """An event of a span: a line of a log, as OpenTelemetry's own logs are told to others (portable/otlp.py)."""
    fields = attributes_of(event)
    name = text_of(event.get("name") or "event", KEY_CHARACTERS)
    level, message = fields.pop("log.level", None), fields.pop("log.message", None)
    trace = fields.pop("exception.stacktrace", None)
    is_exception = name == "exception"
    if is_exception and message is None:
        message = f"{fields.get('exception.type', 'exception')}: {fields.get('exception.message', '')}"
    try:
        at = nanoseconds(event, "timeUnixNano") / BILLION
    except NoSpan:
        at = span.started_at
    return LogRecord(
        span.trace_id,
        span.span_id,
        "",
        "",
        at,
        level if isinstance(level, str) and level in LEVELS else "ERROR" if is_exception else "INFO",
        f"{span.service}.{scope}" if scope else span.service,
        cut_message(message if isinstance(message, str) else name),
        fields,
        "logging",
        text_of(trace, TRACEBACK_CHARACTERS) if isinstance(trace, str) else None,
    )


def id_of(entry: dict[str, Any], name: str, pattern: "re.Pattern[str]") -> str:
    """In lower case, and not all zeros. Raises NoSpan."""
    found = entry.get(name)
    text = found.lower() if isinstance(found, str) else ""
    if pattern.fullmatch(text) is None or not text.strip("0"):
        raise NoSpan(f"{name} is no id in hexadecimal")
    return text


def nanoseconds(entry: dict[str, Any], name: str) -> int:
    """Since 1970. Raises NoSpan."""
    found = entry.get(name)
    if isinstance(found, str) and found.isascii() and found.isdecimal() and len(found) <= 20:
        found = int(found)
    if type(found) is not int or not 0 < found < LATEST * BILLION:
        raise NoSpan(f"{name} is no time in nanoseconds since 1970")
    return found


def attributes_of(entry: dict[str, Any]) -> dict[str, Scalar]:
    """`[{"key", "value": {"stringValue": ...}}]` as names and values; what has no name or no value is left out."""
    listed = entry.get("attributes")
    found: dict[str, Scalar] = {}
    for pair in listed if is_list(listed) else ():
        if len(found) >= MOST_ATTRIBUTES:
            break
        if is_object(pair) and isinstance(pair.get("key"), str) and pair["key"] and is_object(pair.get("value")):
            found[text_of(pair["key"], KEY_CHARACTERS)] = scalar_of(pair["value"])
    return found


def scalar_of(value: dict[str, Any]) -> Scalar:
    """An AnyValue; a list or a map as JSON."""
    plain = plain_of(value)
    if plain is None or isinstance(plain, bool | int | float):
        return plain
    if isinstance(plain, str):
        most = TRACEBACK_CHARACTERS if "\n" in plain else VALUE_CHARACTERS
        return text_of(plain, most)
    return text_of(json.dumps(plain, ensure_ascii=False), VALUE_CHARACTERS)


def plain_of(value: dict[str, Any]) -> Any:
    for kind, given in value.items():
        match kind:
            case "stringValue" | "bytesValue" if isinstance(given, str):
                return given
            case "boolValue" if isinstance(given, bool):
                return given
            case "intValue" if type(given) is int:
                return given if -(2**63) <= given < 2**63 else str(given)[:20]
            case "intValue" if isinstance(given, str) and re.fullmatch(r"-?[0-9]{1,19}", given, re.ASCII):
                return int(given)
            case "doubleValue" if isinstance(given, int | float) and not isinstance(given, bool):
                return float(given)
            case "arrayValue" if is_object(given):
                values = given.get("values")
                return [plain_of(one) for one in values if is_object(one)] if is_list(values) else []
            case "kvlistValue" if is_object(given):
                pairs = given.get("values")
                return {
                    str(pair.get("key")): plain_of(pair["value"])
                    for pair in (pairs if is_list(pairs) else ())
                    if is_object(pair) and is_object(pair.get("value"))
                }
            case _:
                continue
    return None


def text_of(text: Any, most: int) -> str:
    """As much of a text as is kept."""
    return str(text)[:most]
