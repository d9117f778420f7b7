"""Dead letters: deliveries that failed for good, by handler, those that died first in front, for 14 days.

Two records each, written together: one in the order of time, and one under its id that leads there.
"""

import json
from typing import TYPE_CHECKING, NamedTuple, cast

from .drivers import (
    ALWAYS,
    Condition,
    DeadLetter,
    DeadLetterPage,
    DeleteAction,
    Document,
    PutAction,
    SortCondition,
    TableDriver,
)
from .errors import Conflict
from .invocation import InvocationKind
from .state_items import ABSENT, DAY, PRESENT, fields_of, is_conflict, pause, state_item, text

if TYPE_CHECKING:
    from .binding import Clock

PARTITION = "letters"
KEPT = 14 * DAY
BY_TIME = "at#"
BY_ID = "id#"
MOST_ERROR = 4000
ORIGINAL_CHARACTERS = 250_000
"""Of what is kept of an event that cannot be understood, so that it fits into an item."""
TRIES = 5


class KeptLetter(NamedTuple):
    """A dead letter with what a delivery needs besides to be run anew.

    `message` is the whole message of one that nobody understood, and is sent again as it is.
    """

    letter: DeadLetter
    kind: InvocationKind
    attributes: dict[str, str]
    scheduled_at: float | None
    message: str = ""


class Letters:
    """The dead letters of one handler (by its qualified name); `state` is the framework's table."""

    def __init__(self, state: TableDriver, clock: "Clock", handler: str) -> None:
        self._state = state
        self._now = clock.now
        self.handler = handler
        self._pk = f"{PARTITION}#{handler}"

    def keep(self, kept: KeptLetter) -> None:
        """Keeps a letter. Doing so twice makes no difference, so a delivery is acknowledged afterwards."""
        letter = kept.letter
        for attempt in range(TRIES):
            # What is kept again stays where it is, also when it died anew.
            known = self._place(letter.id)
            place = known or f"{BY_TIME}{milliseconds(letter.died_at)}#{letter.id}"
            try:
                self._put(kept, place, ALWAYS if known else ABSENT)
            except Exception as error:
                if not is_conflict(self._state, error):
                    raise
                pause(attempt)
            else:
                return
        raise Conflict(f"the dead letter {letter.id!r} of {self.handler!r} lost {TRIES} races")

    def _put(self, kept: KeptLetter, place: str, condition: Condition) -> None:
        letter = kept.letter
        fields: Document = {
            "id": letter.id,
            "body": letter.body,
            "attempts": letter.attempts,
            "error": letter.error[:MOST_ERROR],
            "enqueued_at": letter.enqueued_at,
            "died_at": letter.died_at,
            "traceparent": letter.traceparent,
            "kind": kept.kind,
        }
        if kept.attributes:
            # As a text: names of attributes may be ones that a document cannot have.
            fields["attributes"] = json.dumps(kept.attributes)
        if kept.scheduled_at is not None:
            fields["scheduled_at"] = kept.scheduled_at
        if kept.message:
            fields["message"] = kept.message
        ends = letter.died_at + KEPT
        self._state.transact(
            [
                PutAction(state_item(self._pk, place, fields, ends), ALWAYS),
                PutAction(state_item(self._pk, BY_ID + letter.id, {"place": place}, ends), condition),
            ],
            token(),
        )

    def page(self, *, limit: int, cursor: str | None) -> DeadLetterPage:
        found = self._state.query(self._pk, SortCondition("prefix", BY_TIME), reverse=False, limit=limit, cursor=cursor)
        letters = [kept_letter(self.handler, fields_of(stored)).letter for stored in found.items]
        return DeadLetterPage(letters, found.cursor)

    def find(self, id: str) -> KeptLetter | None:
        place = self._place(id)
        stored = None if place is None else self._state.get(self._pk, place)
        return None if stored is None else kept_letter(self.handler, fields_of(stored))

    def remove(self, id: str) -> bool:
        """Whether there was such a letter, which is gone now: of several who remove it, one is told so."""
        place = self._place(id)
        if place is None:
            return False
        try:
            self._state.transact(
                [DeleteAction(self._pk, BY_ID + id, PRESENT), DeleteAction(self._pk, place, ALWAYS)], token()
            )
        except Exception as error:
            if is_conflict(self._state, error):
                return False
            raise
        return True

    def _place(self, id: str) -> str | None:
        stored = self._state.get(self._pk, BY_ID + id)
        return None if stored is None else text(fields_of(stored).get("place")) or None


def kept_letter(handler: str, fields: Document) -> KeptLetter:
    attributes = json.loads(fields.get("attributes") or "{}")
    at = fields.get("scheduled_at")
    letter = DeadLetter(
        text(fields.get("id")),
        handler,
        text(fields.get("body")),
        int(fields.get("attempts") or 0),
        text(fields.get("error")),
        float(fields.get("enqueued_at") or 0),
        float(fields.get("died_at") or 0),
        text(fields.get("traceparent")),
    )
    kind = cast("InvocationKind", text(fields.get("kind")))
    return KeptLetter(letter, kind, attributes, None if at is None else float(at), text(fields.get("message")))


def kept_original(handler: str, text: str) -> str:
    """What is kept of a message that is not understood; of one that is cut, all goes to the log."""
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= ORIGINAL_CHARACTERS:
        return text
    import logging

    logging.getLogger("portable.background").error(
        "of a message for %s that is not understood, all of it: %s", handler, text
    )
    return text[:ORIGINAL_CHARACTERS]


def milliseconds(epoch: float) -> str:
    """A time as a text that sorts as times do."""
    return f"{int(epoch * 1000):015d}"


def token() -> str:
    import os

    return os.urandom(16).hex()
