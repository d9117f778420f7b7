"""Spans of others join the app's traces: OTLP/HTTP with JSON, taken at the app's own port under `portable dev`.

`OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:8000/_portable/otlp`: exporters add `/v1/traces` themselves. It is the
app's port, so that a page of the app can send there from its own origin, without any other page being let in (see
portable.console.access.Senders). What arrives can be written, never read here. Answers are as OTLP has them:
https://opentelemetry.io/docs/specs/otlp/#otlphttp-response.
"""

import json
import zlib

from portable.console.access import Refusal, Senders
from portable.console.received_spans import received
from portable.errors import InvalidArgument
from portable.http import Request, Response

from .recording import QueueRecorder

OTLP_PREFIX = "/_portable/otlp/"
TRACES = f"{OTLP_PREFIX}v1/traces"
MOST_BYTES = 4 * 1024 * 1024
"""Of one request, compressed or not; a batch of an exporter has some hundred spans."""
RETRY_SECONDS = 5
HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
# google.rpc.Code, by status: what a Status in JSON has.
CODES = {400: 3, 403: 7, 404: 5, 405: 12, 413: 3, 415: 3, 429: 8}


class OtlpInlet:
    """Takes spans for the app that listens at `port`; None as `recorder`: nothing is recorded."""

    def __init__(self, port: int, recorder: QueueRecorder | None) -> None:
        self._senders = Senders(port)
        self._recorder = recorder

    def respond(self, request: Request) -> Response:
        """Answers a request below OTLP_PREFIX. May take some time: not for an event loop."""
        refusal = self._senders.check(request)
        if refusal is not None:
            return refused(refusal)
        if request.path != TRACES:
            return refused(Refusal(404, f"Traces are taken, at {TRACES}; neither metrics nor logs are."))
        recorder = self._recorder
        if recorder is None:
            return refused(Refusal(404, "Nothing is recorded here: see PORTABLE_TELEMETRY."))
        if not recorder.takes_spans:
            # Before it is read: a flood costs no more than this.
            response = refused(Refusal(429, "More spans come than can be kept up with."))
            response.headers["retry-after"] = str(RETRY_SECONDS)
            return response
        recorder.spend()
        try:
            body = unpacked(request)
        except Refused as fault:
            return refused(fault.refusal)
        try:
            found = received(body)
        except InvalidArgument as error:
            return refused(Refusal(400, f"It is no ExportTraceServiceRequest: {error.message}"))
        dropped = sum(not recorder.span(span) for span in found.spans)
        for log in found.logs:
            recorder.log(log)
        reasons = [f"{found.refused} are no spans: {found.reason}"] if found.refused else []
        reasons += [f"{dropped} are more than can be kept up with"] if dropped else []
        answer = {"partialSuccess": {"rejectedSpans": str(found.refused + dropped), "errorMessage": "; ".join(reasons)}}
        return said(200, answer if reasons else {})


class Refused(Exception):
    """A body that is not taken."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


def unpacked(request: Request) -> bytes:
    """The body, inflated as far as is allowed. Raises Refused."""
    coding = (request.headers.get("content-encoding") or "identity").strip().lower()
    body = request.body
    if coding == "gzip":
        inflating = zlib.decompressobj(wbits=31)
        try:
            body = inflating.decompress(body, MOST_BYTES + 1)
        except zlib.error as error:
            raise Refused(Refusal(400, f"It is no gzip: {error}")) from error
        if len(body) <= MOST_BYTES and not inflating.eof:
            raise Refused(Refusal(400, "It is no gzip: it ends too soon."))
    elif coding != "identity":
        raise Refused(Refusal(415, "It may be compressed with gzip, or not at all."))
    if len(body) > MOST_BYTES:
        raise Refused(Refusal(413, f"It is larger than {MOST_BYTES} bytes: send fewer spans at a time."))
    return body


def refused(refusal: Refusal) -> Response:
    """A google.rpc.Status, as OTLP wants it."""
    response = said(refusal.status, {"code": CODES[refusal.status], "message": refusal.detail})
    if refusal.status == 405:
        response.headers["allow"] = "POST"
    return response


def said(status: int, document: object) -> Response:
    return Response(json.dumps(document).encode(), status, headers={**HEADERS, "content-type": "application/json"})
