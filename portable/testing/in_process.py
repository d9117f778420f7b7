"""What apps have in common that run in a test's process on a provider's stand-ins: for adapters' `running`."""

import json
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from portable.dispatch import Dispatcher
from portable.envelopes import Envelope
from portable.errors import InvalidArgument
from portable.identifiers import new_ids
from portable.invocation import Invocation, Outcome
from portable.permissions import authorizer, permissions

if TYPE_CHECKING:
    from collections.abc import Callable

    from portable.app import App
    from portable.binding import Binding
    from portable.drivers import DeadLetter
    from portable.permissions import Table

LETTERS = 100


class NotingDispatcher(Dispatcher):
    """A Dispatcher that remembers what became of the last delivery."""

    last: tuple[Invocation, Outcome] | None = None

    def invoke(self, invocation: Invocation) -> Outcome:
        outcome = super().invoke(invocation)
        self.last = invocation, outcome
        return outcome


def check_handler(app: "App", name: str) -> None:
    """Raises InvalidArgument for a handler that there is not."""
    if name not in app.all_handlers():
        raise InvalidArgument(
            f"there is no handler {name!r}", hint=f"there are: {', '.join(app.all_handlers()) or 'none'}"
        )


def dead_letters(binding: "Binding", handler: str) -> "list[DeadLetter]":
    """All that a handler has."""
    driver = binding.drivers.dead_letters(handler)
    letters: list[DeadLetter] = []
    cursor: str | None = None
    while True:
        page = driver.list(limit=LETTERS, cursor=cursor)
        letters.extend(page.letters)
        cursor = page.cursor
        if cursor is None:
            return letters


def manual_run(at: datetime | None, now: float) -> Envelope:
    """A run of a schedule that no schedule has made. Raises InvalidArgument for a time without a zone."""
    if at is not None and at.utcoffset() is None:
        raise InvalidArgument(f"at={at!r} is naive", hint="give it a time zone: datetime(..., tzinfo=UTC)")
    moment = now if at is None else at.timestamp()
    id, traceparent = new_ids()
    text = datetime.fromtimestamp(moment, UTC).isoformat()
    return Envelope("schedule", id, json.dumps({"scheduled_at": text}), now, traceparent, scheduled_at=moment)


def grants_enforced(app: "App") -> "Callable[[str, str], None]":
    """Refuses what a handler has no grant for: no stand-in judges roles."""
    return authorizer(app, partial(table_of, app))


def table_of(app: "App") -> "Table":
    """The grants of an app, derived from its code when a handler first uses something."""
    from portable.grants import derive

    return permissions(derive(app).grants)
