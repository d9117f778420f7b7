"""Background deliveries: an Invocation -> the handler with its payload and Context -> an Outcome."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple

from .binding import Handler, current_context
from .codec import kept_json
from .context import Context
from .errors import InvalidArgument, text_of
from .identifiers import is_traceparent, new_ids
from .invocation import Invocation, Outcome
from .retries import backoff
from .signatures import handler_parameters
from .specs import Delivery, RetryPolicy, Route, Schedule

if TYPE_CHECKING:
    from .app import App
    from .dispatch import Dispatcher

NOTE_CHARACTERS = 1000


class BackgroundHandler(NamedTuple):
    """A handler as planned: what each of its parameters is ("payload", "context", "moment"), and what reports."""

    name: str
    handler: Handler
    takes: tuple[tuple[str, str, bool], ...]
    retry: RetryPolicy
    service: Any
    source: str
    """What it hears of: the name of its task, topic, bucket or table; of a schedule its own."""


def plan_handlers(app: "App") -> dict[str, BackgroundHandler]:
    """Every background handler by its qualified name. Raises DeclarationError for parameters that nothing fills."""
    found: dict[str, BackgroundHandler] = {}
    for part in app.parts():
        for name, handler in part.handlers.items():
            trigger = handler.spec.trigger
            if not isinstance(trigger, Route):
                qualified = part.qualify(name)
                source = source_of(trigger, qualified)
                found[qualified] = BackgroundHandler(qualified, handler, plan(handler), trigger.retry, part, source)
    return found


def source_of(trigger: Any, handler: str) -> str:
    if isinstance(trigger, Delivery):
        return trigger.source
    found: str = getattr(trigger, "bucket", "") or getattr(trigger, "table", "") or handler
    return found


def plan(handler: Handler) -> tuple[tuple[str, str, bool], ...]:
    """(parameter, what it takes, keyword-only) for each parameter that is filled. Raises DeclarationError."""
    spec = handler.spec
    scheduled = isinstance(spec.trigger, Schedule)
    found = handler_parameters(handler.function, spec.location, name=spec.name, scheduled=scheduled)
    return tuple((declared.name, what, declared.keyword) for declared, what in found)


def invoke(dispatcher: "Dispatcher", handlers: dict[str, BackgroundHandler], invocation: Invocation) -> Outcome:
    """Delivers; whatever the handler raises becomes an Outcome, but for a KeyboardInterrupt."""
    recording = dispatcher.recording
    if recording is not None:
        return recording.invoke(handlers, invocation)
    planned = handlers.get(invocation.handler)
    if planned is None:
        return no_handler(dispatcher, invocation)
    traceparent = invocation.traceparent if is_traceparent(invocation.traceparent) else new_ids()[1]
    return run_in(dispatcher, planned, invocation, context_of(dispatcher, planned, invocation, traceparent))


def no_handler(dispatcher: "Dispatcher", invocation: Invocation) -> Outcome:
    return Outcome("dead", error=f"there is no handler {invocation.handler!r} in {dispatcher.app.name!r}")


def context_of(
    dispatcher: "Dispatcher", planned: BackgroundHandler, invocation: Invocation, traceparent: str
) -> Context:
    return Context(
        id=invocation.id,
        kind=invocation.kind,
        handler=planned.name,
        app=dispatcher.app.name,
        stage=dispatcher.stage,
        attempt=invocation.attempt,
        deadline=invocation.deadline,
        traceparent=traceparent,
        attributes=invocation.attributes,
        scheduled_at=invocation.scheduled_at,
        report=reporter(planned, invocation),
        binding=dispatcher.binding,
    )


def run_in(dispatcher: "Dispatcher", planned: BackgroundHandler, invocation: Invocation, context: Context) -> Outcome:
    """Runs the handler, which finds `context` as the one in force."""
    token = current_context.set(context)
    try:
        return run(dispatcher, planned, invocation, context)
    finally:
        current_context.reset(token)


def run(dispatcher: "Dispatcher", planned: BackgroundHandler, invocation: Invocation, context: Context) -> Outcome:
    handler = planned.handler
    try:
        payload = decoded(handler.decode, invocation)
        at = moment(invocation) if any(what == "moment" for _, what, _ in planned.takes) else None
    except Exception as error:
        # What does not decode now never will.
        from .failures import one_line

        return Outcome("dead", error=one_line(f"the payload does not decode: {text_of(error)}"))
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for name, what, keyword in planned.takes:
        value = context if what == "context" else at if what == "moment" else payload
        if keyword:
            named[name] = value
        else:
            positional.append(value)
    try:
        result = handler.function(*positional, **named)
        if type(result) is CoroutineType:
            result = dispatcher.drive(result)
        if hasattr(result, "send") and hasattr(result, "close"):
            result.close()
            raise TypeError("the handler returned a generator, which nothing runs")
        text = None if result is None else kept_json(result)
    except SystemExit as end:
        note_frame(dispatcher, context, end)
        return failure(planned, invocation, RuntimeError(f"the handler called sys.exit({end.code!r})"), end)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # Also a GeneratorExit or a CancelledError: the attempt has failed, and the worker takes the next delivery.
        note_frame(dispatcher, context, error)
        return failure(planned, invocation, error, error)
    return Outcome("succeeded", result=text)


def note_frame(dispatcher: "Dispatcher", context: Context, error: BaseException) -> None:
    """Keeps for the record where it failed: an Outcome travels, and has no place for it."""
    if dispatcher.recording is not None:
        from .failures import user_frame

        context._frame = user_frame(error)


def decoded(codec: Any, invocation: Invocation) -> Any:
    """The payload. A codec that needs more than the body (an Event's id and time) has `decode_invocation`."""
    if codec is None:
        return None
    whole = getattr(codec, "decode_invocation", None)
    return codec.decode_json(invocation.body) if whole is None else whole(invocation)


def moment(invocation: Invocation) -> datetime:
    """The fire time of a schedule, aware, in UTC."""
    at = invocation.scheduled_at if invocation.scheduled_at is not None else invocation.enqueued_at
    return datetime.fromtimestamp(at, UTC)


def failure(planned: BackgroundHandler, invocation: Invocation, error: BaseException, raised: BaseException) -> Outcome:
    """`failed` with the wait before the next attempt, `dead` when there is none."""
    from random import random

    from .failures import line_of, user_traceback

    line, trace = line_of(error), user_traceback(raised)
    if invocation.attempt >= planned.retry.max_attempts:
        return Outcome("dead", error=line, traceback=trace)
    wait = backoff(planned.retry, invocation.attempt, random)
    return Outcome("failed", error=line, traceback=trace, retry_after=wait)


def reporter(planned: BackgroundHandler, invocation: Invocation) -> Callable[[float, str | None], None] | None:
    """What Context.progress calls, for tasks only."""
    trigger = planned.handler.spec.trigger
    if not isinstance(trigger, Delivery) or trigger.kind != "task":
        return None
    resource: Any = planned.service.resources.get(("task", trigger.source.rpartition(".")[2]))
    if resource is None:
        return None

    def report(fraction: Any, note: Any) -> None:
        if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 <= fraction <= 1:
            raise InvalidArgument(f"progress {fraction!r} is not a number from 0 to 1", resource=resource.id)
        if note is not None and (not isinstance(note, str) or len(note) > NOTE_CHARACTERS):
            raise InvalidArgument(
                f"progress note {note!r:.100} is not a text of at most {NOTE_CHARACTERS} characters",
                hint="put what is longer into a table or a bucket",
                resource=resource.id,
            )
        resource._call("report", invocation.id, resource._driver.report, invocation.id, float(fraction), note)

    return report
