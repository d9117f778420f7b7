"""Makes records of what the Dispatcher runs; imported only where a Recorder is.

What is recorded never changes what happens: a Recorder that raises, and a fault in here, cost the record and one line
of the log, and no answer.
"""

from time import perf_counter, time
from typing import TYPE_CHECKING, Any, cast

from .binding import Binding, SystemClock, current_context
from .context import Context
from .dispatch import Endpoint
from .failures import line_of, user_frame, user_traceback
from .identifiers import NOBODY, TOP, getrandbits, new_ids
from .invocation import Invocation, Outcome
from .recorded_calls import not_recorded
from .telemetry import Frame, InvocationRecord, Payload, Recorder, begin_span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .dispatch import Dispatcher, Run
    from .http import Request, Response
    from .invoking import BackgroundHandler

TRACEPARENT = 55
"""Characters of one."""
new: Any = getattr(tuple, "__new__")  # noqa: B009 - its type says less than Any


def join(request: "Request") -> str:
    """Takes its place in the trace that a request came with, which has our own span from here on; what it came with."""
    given = request.traceparent
    if given[:3] != "00-" or len(given) != TRACEPARENT:
        # A version to come, whose first four parts are the same; or none.
        given = f"00{given[2:]}" if len(given) == TRACEPARENT else new_ids()[1]
    # As new_span_id() has it.
    request.traceparent = f"{given[:36]}{getrandbits(64) | TOP:x}{given[52:]}"
    return given


class Recording:
    """The recording side of one Dispatcher; thread-safe as far as its Recorder is."""

    __slots__ = ("_answered", "_is_cold", "dispatcher", "now", "recorder")

    def __init__(self, dispatcher: "Dispatcher", binding: Binding, recorder: Recorder) -> None:
        self.recorder: Recorder = recorder
        self.dispatcher: Dispatcher = dispatcher
        # The machine's clock without the method around it.
        self.now: Callable[[], float] = time if type(binding.clock) is SystemClock else binding.clock.now
        self._is_cold = True
        self._answered: Callable[[Recording, Request, Run, int], Awaitable[Response | None]] | None = None

    # HTTP

    def http(self, request: "Request", header_bytes: int) -> "Response":
        """As Dispatcher.http."""
        dispatcher = self.dispatcher
        begun, started_at = perf_counter(), self.now()
        given, failure, found, context = "", None, None, None
        try:
            found = dispatcher._admit(request, header_bytes)
            given = join(request)
            if type(found) is Endpoint:
                context = found.context(request.id, time() + found.timeout, request.traceparent)
                context._calls = 0
                response = dispatcher._run(found, request, context)
            else:
                response = cast("Response", found)
            response = dispatcher._finished(request, response)
        except Exception as error:
            failure, given = error, given or join(request)
            response = self.failed(context, request, error)
        seconds = perf_counter() - begun
        if not self.skips(response, context, started_at, seconds):
            self.keep(request, response, found, context, given, started_at, seconds, failure)
        return response

    def answered(self, request: "Request", run: "Run", header_bytes: int) -> "Awaitable[Response | None]":
        """As Dispatcher.answered."""
        if self._answered is None:
            # Servers with a loop are a developer's.
            from .recording_locally import answered

            self._answered = answered
        return self._answered(self, request, run, header_bytes)

    def failed(self, context: Context | None, request: "Request", error: Exception) -> "Response":
        if context is None:
            return self.dispatcher._failed(request, error)
        # What is logged about it belongs to it.
        token = current_context.set(context)
        try:
            return self.dispatcher._failed(request, error)
        finally:
            current_context.reset(token)

    def skips(self, response: "Response", context: Context | None, started_at: float, seconds: float) -> bool:
        """Whether nothing is wanted of a request that is answered."""
        try:
            handler = "" if context is None else context.handler
            return response.status < 500 and self.recorder.skips("http", handler, started_at, seconds)
        except Exception as fault:
            not_recorded(fault)
            return True

    def keep(
        self,
        request: "Request",
        response: "Response",
        found: "Endpoint | Response | None",
        context: Context | None,
        given: str,
        started_at: float,
        seconds: float,
        failure: Exception | None,
    ) -> None:
        """Records a request; `given` is the traceparent that it came with, `found` what answered it."""
        try:
            status, own, parent = response.status, request.traceparent, given[36:52]
            recorder = self.recorder
            error = trace = frame = None
            if failure is not None:
                error, trace, frame = told(failure) if status >= 500 else (line_of(failure), None, None)
            elif status >= 500:
                error = f"the handler answered with status {status}"
            asked: Payload | None = None
            said: Payload | None = None
            if recorder.payloads:
                from .recording_locally import request_payload, response_payload

                asked, said = request_payload(request), response_payload(response)
            is_cold, self._is_cold = self._is_cold, False
            # Without a name for each field, and without the function that a named tuple checks its arguments by.
            recorder.invocation(
                new(
                    InvocationRecord,
                    (
                        own[3:35],
                        own[36:52],
                        "" if parent == NOBODY else parent,
                        "http",
                        "" if context is None else context.handler,
                        request.id,
                        1,
                        started_at,
                        seconds,
                        f"{request.method} {found.route}" if type(found) is Endpoint else request.method,
                        "succeeded" if status < 500 else "failed",
                        status,
                        error,
                        trace,
                        frame,
                        asked,
                        said,
                        0.0,
                        is_cold,
                        0 if context is None else context._calls,
                    ),
                )
            )
        except Exception as fault:
            not_recorded(fault)

    # Everything else

    def invoke(self, handlers: "dict[str, BackgroundHandler]", invocation: Invocation) -> Outcome:
        """As invoking.invoke."""
        from .invoking import context_of, no_handler, run_in

        begun, started_at = perf_counter(), self.now()
        trace_id, span_id, parent_id, traceparent = begin_span(invocation.traceparent)
        planned = handlers.get(invocation.handler)
        context: Context | None = None
        if planned is None:
            outcome = no_handler(self.dispatcher, invocation)
        else:
            context = context_of(self.dispatcher, planned, invocation, traceparent)
            outcome = run_in(self.dispatcher, planned, invocation, context)
        seconds = perf_counter() - begun
        try:
            name = "" if planned is None else planned.name
            if outcome.status == "succeeded" and self.recorder.skips(invocation.kind, name, started_at, seconds):
                return outcome
            asked: Payload | None = None
            said: Payload | None = None
            if self.recorder.payloads:
                from .recording_locally import delivery_payload, result_payload

                asked, said = delivery_payload(invocation), result_payload(outcome)
            is_cold, self._is_cold = self._is_cold, False
            self.recorder.invocation(
                InvocationRecord(
                    trace_id,
                    span_id,
                    parent_id,
                    invocation.kind,
                    name,
                    invocation.id,
                    invocation.attempt,
                    started_at,
                    seconds,
                    f"{invocation.kind}:{invocation.handler if planned is None else planned.source}",
                    outcome.status,
                    0,
                    outcome.error,
                    outcome.traceback,
                    None if context is None else context._frame,
                    asked,
                    said,
                    max(0.0, started_at - invocation.enqueued_at),
                    is_cold,
                    0 if context is None else context._calls,
                )
            )
        except Exception as fault:
            not_recorded(fault)
        return outcome


def told(error: BaseException) -> tuple[str, str, Frame | None]:
    """The line, the trace and the place of a failure."""
    return line_of(error), user_traceback(error), user_frame(error)
