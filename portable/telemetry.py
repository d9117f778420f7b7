"""What is recorded of an invocation, of a call of a resource and of a line of a log, and who takes it.

Records are plain tuples, made where everything goes through (the Dispatcher, `Resource._call`, the root handler of
logging) and handed to the Recorder of the Binding. Everybody who reads them, in whatever process, has the types from
here; the names of OpenTelemetry's conventions for them are in conventions.py. Runtime half: nothing heavy is imported.
"""

from typing import Literal, NamedTuple, Protocol, TypeAlias

from .identifiers import NOBODY, is_traceparent, new_ids, new_span_id

PAYLOAD_BYTES = 65_536
"""What is kept of one body, in bytes of UTF-8 (or in characters of base64)."""
MESSAGE_BYTES = 32_768
"""What is kept of the message of a log line."""
FIELD_BYTES = 8 * 1024
"""What is kept of one field of a log line."""
KEY_CHARACTERS = 200
TRACEBACK_CHARACTERS = 20_000
ERROR_CHARACTERS = 1000

Kind: TypeAlias = Literal["http", "task", "topic", "schedule", "bucket", "table"]
OutcomeName: TypeAlias = Literal["succeeded", "failed", "dead"]
Scalar: TypeAlias = str | int | float | bool | None
Frame: TypeAlias = tuple[str, int, str]
"""File, line and function."""


class Payload(NamedTuple):
    """A request or an answer, of which at most PAYLOAD_BYTES are kept; `size` is that of the whole, in bytes."""

    body: str
    size: int
    content_type: str = ""
    encoding: Literal["text", "base64"] = "text"
    headers: tuple[tuple[str, str], ...] = ()
    """HTTP only."""
    target: str = ""
    """Of an HTTP request: `GET /notes/5?full=1`."""

    @property
    def is_cut(self) -> bool:
        """By the size, as redaction makes a body shorter or longer."""
        return self.size > (PAYLOAD_BYTES // 4 * 3 if self.encoding == "base64" else PAYLOAD_BYTES)


class InvocationRecord(NamedTuple):
    """One attempt of one handler, or a request that no handler answered (`handler` is "" then)."""

    trace_id: str
    span_id: str
    parent_id: str
    """The span that sent it; "" for the first of a trace."""
    kind: Kind
    handler: str
    id: str
    """The request's id, or the delivery's, which all attempts share."""
    attempt: int
    started_at: float
    seconds: float
    name: str
    """`GET /notes/{id}`, or where it came from: `task:work`, `topic:news`, `schedule:nightly`, `bucket:files`."""
    outcome: OutcomeName
    status: int
    """HTTP's; 0 for everything else."""
    error: str | None
    traceback: str | None
    frame: Frame | None
    """The line of the user's code that failed."""
    request: Payload | None
    response: Payload | None
    waited: float
    """Seconds from when it was enqueued to its start; 0 for HTTP."""
    cold: bool
    """The first invocation of its process."""
    calls: int
    """How many CallRecords it has."""


class CallRecord(NamedTuple):
    """One verb on one resource: a child of the invocation whose code called it."""

    trace_id: str
    span_id: str
    parent_id: str
    resource: str
    """`table:exchange.rates`."""
    verb: str
    key: str | None
    started_at: float
    seconds: float
    error: str | None
    result: str | None = None
    """JSON text of what a read gave, where payloads are wanted: see telemetry_reads.py."""


class LogRecord(NamedTuple):
    """A line of `logging`, or a printed one, with the ids of the span that it was written in ("" outside of all)."""

    trace_id: str
    span_id: str
    invocation_id: str
    handler: str
    at: float
    level: str
    """DEBUG, INFO, WARNING, ERROR or CRITICAL."""
    logger: str
    message: str
    fields: dict[str, Scalar]
    source: Literal["logging", "stdout", "stderr"]
    traceback: str | None


Record: TypeAlias = InvocationRecord | CallRecord | LogRecord


class Recorder(Protocol):
    """Takes finished records. Never blocks and never raises: a handler may wait for it."""

    @property
    def payloads(self) -> bool:
        """Whether requests and responses are wanted in InvocationRecords."""
        ...

    @property
    def spans(self) -> bool:
        """Whether CallRecords are wanted; they are counted in any case."""
        ...

    def skips(self, kind: Kind, handler: str, started_at: float, seconds: float, /) -> bool:
        """Asked once for each invocation that succeeded: whether nothing is wanted of it, its record included.

        What is told of it is for counting. `handler` is "" if none answered.
        """
        ...

    def invocation(self, record: InvocationRecord, /) -> None: ...

    def call(self, record: CallRecord, /) -> None: ...

    def log(self, record: LogRecord, /) -> None: ...


def begin_span(traceparent: str) -> tuple[str, str, str, str]:
    """(trace id, own span id, the parent's or "", own traceparent) of an attempt that `traceparent` reached."""
    if not is_traceparent(traceparent):
        traceparent = new_ids()[1]
    trace, parent, span = traceparent[3:35], traceparent[36:52], new_span_id()
    return trace, span, "" if parent == NOBODY else parent, f"00-{trace}-{span}-{traceparent[53:55]}"


def key_text(key: object) -> str | None:
    """A key as a CallRecord has it."""
    if key is None:
        return None
    text = key if isinstance(key, str) else repr(key)
    return (text[:KEY_CHARACTERS] if len(text) > KEY_CHARACTERS else text).encode("utf-8", "backslashreplace").decode()
