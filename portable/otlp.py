"""Export of traces over OTLP/HTTP, with the extra `otel`: what a function has run, at the end of each invocation.

OpenTelemetry's own exporter sends: it knows the environment's OTEL_EXPORTER_OTLP_* with their headers, compression,
certificates and timeouts, and when to try again. Spans are made here, of finished records; its API and its context
have no part in a handler's way. A line of a log is an event of its span. A function may be frozen when it has answered,
so that what it ran is sent before: that costs each invocation the time of a request, bounded by the exporter's timeout.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from .conventions import attributes_of, span_kind, span_name
from .telemetry import CallRecord, InvocationRecord, LogRecord, Recorder

KINDS: dict[str, Any] = {
    "server": SpanKind.SERVER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
}
MOST_OPEN = 200
"""Invocations whose calls wait for their end; of one that never ends, the oldest are let go."""
MOST_CALLS = 2000
MOST_EVENTS = 500


class Open:
    """What has happened in an invocation that has not ended."""

    def __init__(self) -> None:
        self.calls: list[CallRecord] = []
        self.logs: list[LogRecord] = []


class OtlpRecorder:
    """Implements portable.telemetry.Recorder. `exporter` is any span exporter of OpenTelemetry's SDK."""

    payloads = False
    spans = True

    def __init__(self, exporter: Any, resource: Any) -> None:
        self._exporter = exporter
        self._resource = resource
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Open] = OrderedDict()

    def _of(self, span_id: str) -> Open:
        found = self._open.get(span_id)
        if found is None:
            found = self._open[span_id] = Open()
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        return found

    def call(self, record: CallRecord, /) -> None:
        if record.parent_id:
            with self._lock:
                calls = self._of(record.parent_id).calls
                if len(calls) < MOST_CALLS:
                    calls.append(record)

    def log(self, record: LogRecord, /) -> None:
        if record.span_id:
            with self._lock:
                logs = self._of(record.span_id).logs
                if len(logs) < MOST_EVENTS:
                    logs.append(record)

    def skips(self, *_: object) -> bool:
        return False

    def invocation(self, record: InvocationRecord, /) -> None:
        with self._lock:
            opened = self._open.pop(record.span_id, None) or Open()
        events = [
            Event(
                "log", {**known(attributes_of(log)), "log.level": log.level, "log.message": log.message}, nanos(log.at)
            )
            for log in opened.logs
        ]
        spans = [self._span(record, events, record.outcome != "succeeded")]
        spans.extend(self._span(call, [], call.error is not None) for call in opened.calls)
        self._exporter.export(spans)

    def _span(self, record: InvocationRecord | CallRecord, events: list[Event], has_failed: bool) -> ReadableSpan:
        return ReadableSpan(
            name=span_name(record),
            context=context_of(record.trace_id, record.span_id),
            parent=context_of(record.trace_id, record.parent_id) if record.parent_id else None,
            resource=self._resource,
            attributes=known(attributes_of(record)),
            events=events,
            kind=KINDS[span_kind(record)],
            status=Status(StatusCode.ERROR, record.error) if has_failed else Status(StatusCode.UNSET),
            start_time=nanos(record.started_at),
            end_time=nanos(record.started_at + record.seconds),
        )

    def close(self) -> None:
        self._exporter.shutdown()


class Both:
    """An adapter's own recorder, and the export beside it, which wants calls."""

    def __init__(self, own: Recorder, exporter: OtlpRecorder) -> None:
        self._own = own
        self._exporter = exporter
        self.payloads: bool = False
        self.spans: bool = True

    def skips(self, *_: object) -> bool:
        return False

    def invocation(self, record: InvocationRecord, /) -> None:
        self._own.invocation(record)
        self._exporter.invocation(record)

    def call(self, record: CallRecord, /) -> None:
        if self._own.spans:
            self._own.call(record)
        self._exporter.call(record)

    def log(self, record: LogRecord, /) -> None:
        self._exporter.log(record)


def context_of(trace_id: str, span_id: str) -> Any:
    return SpanContext(int(trace_id, 16), int(span_id, 16), False, TraceFlags(TraceFlags.SAMPLED))


def nanos(at: float) -> int:
    return int(at * 1e9)


def known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that are None, of which there are none in OpenTelemetry."""
    return {name: value for name, value in attributes.items() if value is not None}


def exporter_of(environment: Mapping[str, str]) -> OtlpRecorder:
    """One that sends to where OTEL_EXPORTER_OTLP_ENDPOINT says, as a service named by OTEL_SERVICE_NAME."""
    name = environment.get("OTEL_SERVICE_NAME") or environment.get("AWS_LAMBDA_FUNCTION_NAME") or "portable"
    return OtlpRecorder(OTLPSpanExporter(), Resource.create({"service.name": name}))
