"""Dead letters: deliveries that failed for good, by handler, those that died first in front, for 14 days.

Two records each, written together: one in the order of time, and one under its id that leads there.
"""

import json
from collections.abc import Iterable, Mapping
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
MOST_TOGETHER = 50
"""Letters in one transaction, which has at most 100 items."""
MOST_CHARACTERS = 500_000
"""Of what one transaction writes, if it is more than one letter: at most 1 MiB."""


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
            place = known or place_of(letter)
            try:
                self._state.transact([*self._writes(kept, place, ALWAYS if known else ABSENT)], token())
            except Exception as error:
                if not is_conflict(self._state, error):
                    raise
                pause(attempt)
            else:
                return
        raise Conflict(f"the dead letter {letter.id!r} of {self.handler!r} lost {TRIES} races")

    def keep_all(self, letters: Iterable[KeptLetter]) -> None:
        """As `keep` of each, in few calls; of those with one id, the last. Where it raises, some may be kept."""
        by_id = {kept.letter.id: kept for kept in letters}
        known = self._places(list(by_id))
        writes = {
            id: self._writes(
                kept,
                known.get(id) or place_of(kept.letter),
                ALWAYS if id in known else ABSENT,
            )
            for id, kept in by_id.items()
        }
        for ids in together(writes):
            try:
                self._state.transact([action for id in ids for action in writes[id]], token())
            except Exception as error:
                if not is_conflict(self._state, error):
                    raise
                # Somebody else keeps one of them too.
                for id in ids:
                    self.keep(by_id[id])

    def _writes(self, kept: KeptLetter, place: str, condition: Condition) -> list[PutAction]:
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
        return [
            PutAction(state_item(self._pk, place, fields, ends), ALWAYS),
            PutAction(state_item(self._pk, BY_ID + letter.id, {"place": place}, ends), condition),
        ]

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

    def _places(self, ids: list[str]) -> dict[str, str]:
        """Where those lie that are kept already."""
        found = self._state.batch_get([(self._pk, BY_ID + id) for id in ids])
        places = {stored.sk.removeprefix(BY_ID): text(fields_of(stored).get("place")) for stored in found}
        return {id: place for id, place in places.items() if place}


def place_of(letter: DeadLetter) -> str:
    return f"{BY_TIME}{milliseconds(letter.died_at)}#{letter.id}"


def together(writes: Mapping[str, list[PutAction]]) -> list[list[str]]:
    """The ids whose writes go into one transaction each."""
    found: list[list[str]] = [[]]
    size = 0
    for id, actions in writes.items():
        own = sum(len(action.item.encoded) for action in actions)
        if len(found[-1]) == MOST_TOGETHER or (found[-1] and size + own > MOST_CHARACTERS):
            found.append([])
            size = 0
        found[-1].append(id)
        size += own
    return [ids for ids in found if ids]


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
