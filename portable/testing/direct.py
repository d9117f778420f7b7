"""One invocation, now, as the Dispatcher makes it, and with what the handler raised coming out of it.

Around the adapter's queue and its HTTP side, so that it is the same for every adapter.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, NoReturn, cast

from portable.app import App
from portable.dispatch import Dispatcher
from portable.errors import HTTPError
from portable.http import Request, Response
from portable.invocation import Invocation, InvocationKind, Outcome
from portable.specs import BucketEvent, Delivery, Schedule, TableChange


class OpenDispatcher(Dispatcher):
    """Keeps what a handler raised; with `raises` a request's fault is raised instead of being answered."""

    def __init__(self, app: App, *, raises: bool) -> None:
        super().__init__(app, app.binding)
        self.raises = raises
        self.raised: BaseException | None = None
        for name, planned in self._background.items():
            function = self._keeping(planned.handler.function)
            self._background[name] = planned._replace(handler=planned.handler._replace(function=function))

    def _keeping(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def kept(*arguments: Any, **named: Any) -> Any:
            try:
                return function(*arguments, **named)
            except BaseException as error:
                self.raised = error
                raise

        return kept

    def drive(self, coroutine: Any) -> Any:
        try:
            return super().drive(coroutine)
        except BaseException as error:
            self.raised = error
            raise

    def _failed(self, request: Request, error: Exception) -> Response:
        if self.raises and not isinstance(error, HTTPError) and getattr(error, "status", 500) >= 500:
            raise error
        return super()._failed(request, error)


def send(app: App, request: Request, *, raises: bool) -> Response:
    """Answers one request in this thread."""
    dispatcher = OpenDispatcher(app, raises=raises)
    try:
        return dispatcher.http(request)
    finally:
        dispatcher.close()


def deliver(app: App, invocation: Invocation, *, raises: bool) -> Outcome:
    """Delivers once. With `raises` a failure is raised: what the handler raised, else an AssertionError."""
    dispatcher = OpenDispatcher(app, raises=raises)
    try:
        outcome = dispatcher.invoke(invocation)
    finally:
        dispatcher.close()
    if raises and outcome.status != "succeeded":
        fail(dispatcher.raised, outcome)
    return outcome


def fail(raised: BaseException | None, outcome: Outcome) -> NoReturn:
    if raised is not None:
        raise raised
    raise AssertionError(outcome.traceback or outcome.error)


def kind_of(app: App, handler: str) -> InvocationKind:
    """What a background handler is delivered."""
    trigger = app.all_handlers()[handler].spec.trigger
    match trigger:
        case Schedule():
            return "schedule"
        case BucketEvent():
            return "bucket"
        case TableChange():
            return "table"
        case _:
            return cast("Delivery", trigger).kind


def invocation(
    app: App,
    handler: str,
    body: str,
    now: float,
    *,
    id: str | None,
    attempt: int,
    attributes: dict[str, str],
    scheduled_at: datetime | None,
) -> Invocation:
    """The Invocation of a delivery at `now`."""
    kind = kind_of(app, handler)
    at = now if kind == "schedule" and scheduled_at is None else None
    if scheduled_at is not None:
        at = scheduled_at.timestamp()
    if kind == "schedule" and body == "null":
        import json

        body = json.dumps({"scheduled_at": datetime.fromtimestamp(at or now, UTC).isoformat()})
    timeout = app.all_handlers()[handler].spec.timeout
    return Invocation(
        id=id or os.urandom(16).hex(),
        kind=kind,
        handler=handler,
        body=body,
        attempt=attempt,
        enqueued_at=now,
        deadline=now + timeout,
        traceparent="",
        attributes=attributes,
        scheduled_at=at,
    )
