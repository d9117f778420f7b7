"""Makes records of what resources are called for; imported only where a Recorder is.

As recording.py does for what the Dispatcher runs: what is recorded never changes what happens. A Recorder that raises,
and a fault in here, cost the record and one line of the log, and no answer.
"""

from time import perf_counter
from typing import TYPE_CHECKING, Any

from .binding import current_context
from .context import Context
from .errors import text_of
from .failures import line_of
from .identifiers import new_ids, new_span_id
from .telemetry import CallRecord, Recorder, key_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from .binding import Resource

_told: set[str] = set()


def not_recorded(error: Exception) -> None:
    """Says once for each kind of fault that records are lost."""
    kind = f"{type(error).__name__}: {text_of(error)}"[:200]
    if kind not in _told and len(_told) < 100:
        _told.add(kind)
        import logging

        logging.getLogger("portable.telemetry").warning("what happens is not recorded", exc_info=error)


def recorded_call(
    resource: "Resource[Any]",
    recorder: Recorder,
    verb: str,
    key: object,
    method: "Callable[..., Any]",
    args: "tuple[Any, ...]",
    kwargs: "dict[str, Any]",
) -> Any:
    """As Resource._call, which counts it, and makes a CallRecord where one is wanted."""
    context = current_context.get()
    if context is not None:
        try:
            context._calls += 1
        except AttributeError:
            # A Dispatcher without a Recorder, whose app was bound with one.
            context._calls = 1
    started_at, begun = resource._now(), perf_counter()
    failure: BaseException | None = None
    value: Any = None
    try:
        if resource._authorize is not None:
            resource._authorize(resource._bound_id, verb)
        try:
            value = method(*args, **kwargs)
        except Exception as error:
            failure = resource._explained(error, verb, key)
            if failure is error:
                raise
            raise failure from error
    except BaseException as error:
        failure = error
        raise
    else:
        return value
    finally:
        seconds = perf_counter() - begun
        try:
            if recorder.spans:
                result = None
                if recorder.payloads and failure is None:
                    from .telemetry_reads import read_result

                    result = read_result(resource.kind, verb, value)
                recorder.call(call_record(resource, verb, key, context, started_at, seconds, failure, result))
        except Exception as fault:
            not_recorded(fault)


def call_record(
    resource: "Resource[Any]",
    verb: str,
    key: object,
    context: Context | None,
    started_at: float,
    seconds: float,
    failure: BaseException | None,
    result: str | None,
) -> CallRecord:
    if context is None:
        trace, parent = new_ids()[0], ""
    else:
        traceparent = context.traceparent
        trace, parent = traceparent[3:35], traceparent[36:52]
    return CallRecord(
        trace,
        new_span_id(),
        parent,
        resource._bound_id,
        verb,
        key_text(key),
        started_at,
        seconds,
        None if failure is None else line_of(failure),
        result,
    )
