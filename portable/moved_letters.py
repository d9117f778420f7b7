"""The dead letters of a handler where a provider's service keeps some of them too: what never reached our code.

Whoever lists, redrives or discards moves what is there into the table first, so that it is all in one place.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from .drivers import DeadLetter, DeadLetterPage, TableDriver
from .envelopes import Envelope, encode
from .letters import KeptLetter, Letters
from .run_records import RunRecords

if TYPE_CHECKING:
    from .binding import Clock

NO_WORD = "the function ended, or could not be started, in each attempt and said nothing"


class MovedLetters(ABC):
    """Those of one handler, by its qualified name; a driver of dead letters but for its `classify`.

    `state` is the framework's table; `send` puts a message into the handler's queue.
    """

    def __init__(self, state: TableDriver, clock: "Clock", handler: str, send: Callable[[str], None]) -> None:
        self._letters = Letters(state, clock, handler)
        self._runs = RunRecords(state, clock)
        self._now = clock.now
        self._send = send
        self.handler = handler

    @abstractmethod
    def gather(self) -> int:
        """Moves what the provider's service holds into the table; how much that was."""

    def list(self, *, limit: int, cursor: str | None) -> DeadLetterPage:
        if cursor is None:
            self.gather()
        return self._letters.page(limit=limit, cursor=cursor)

    def redrive(self, id: str) -> bool:
        """Sends first, then removes: whoever is interrupted in between sends twice, and loses nothing."""
        kept = self._find(id)
        if kept is None:
            return False
        if kept.kind == "task":
            self._runs.requeued(self.handler, id)
        self._send(kept.message or encode(renewed(kept, self._now())))
        self._letters.remove(id)
        return True

    def discard(self, id: str) -> bool:
        kept = self._find(id)
        if kept is None or not self._letters.remove(id):
            return False
        if kept.kind == "task":
            self._runs.discarded(self.handler, id)
        return True

    def _find(self, id: str) -> KeptLetter | None:
        found = self._letters.find(id)
        if found is None and self.gather():
            found = self._letters.find(id)
        return found


def renewed(kept: KeptLetter, now: float) -> Envelope:
    """A letter as a message with a fresh count."""
    letter = kept.letter
    return Envelope(
        kept.kind,
        letter.id,
        letter.body,
        letter.enqueued_at or now,
        letter.traceparent,
        attributes=kept.attributes,
        scheduled_at=kept.scheduled_at,
    )


def unheard(handler: str, envelope: Envelope, attempts: int, now: float) -> KeptLetter:
    """The letter of a message of which our code never said a word; `attempts` are those that the service counted."""
    letter = DeadLetter(
        envelope.id,
        handler,
        envelope.body,
        envelope.attempts + attempts,
        NO_WORD,
        envelope.enqueued_at,
        now,
        envelope.traceparent,
    )
    return KeptLetter(letter, envelope.kind, envelope.attributes, envelope.scheduled_at)
