"""Sends with a `dedup` key: within 5 minutes a second one answers with the first one's run.

A claim is made before the message is sent and confirmed after it. Whoever finds one that was never confirmed (its
sender has died) sends the message again, under the same id: better twice than not at all.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from .drivers import Condition, Document, NewItem, TableDriver, TaskMessage
from .errors import PortableError, Unknown
from .state_items import ABSENT, delete_unless, digest, fields_of, pause, put_unless, state_item, text

if TYPE_CHECKING:
    from .binding import Clock

PARTITION = "dedup"
SORT_KEY = "dedup"
SECONDS = 300
PATIENCE = 12
"""Looks at another's claim before it is held for lost: about 4 seconds, in which a send is long done."""
TRIES = 5


Classify = Callable[[Exception], type[PortableError] | None]


class Claim(NamedTuple):
    """`id` is the run's. `is_ours`: the message is to be sent, then the claim confirmed (or given up)."""

    id: str
    is_ours: bool
    version: str = ""


class Deduplication:
    """The keys of one task; `state` is the framework's table."""

    def __init__(self, state: TableDriver, clock: "Clock", task: str) -> None:
        self._state = state
        self._now = clock.now
        self._task = task

    def send(self, message: TaskMessage, send: Callable[[TaskMessage], None], classify: Classify) -> str:
        """Sends a message unless one with its key was sent or is being sent; the id of the run.

        Raises what `send` raises. One that may be on its way for all that (`classify` says Unknown) keeps its claim:
        the next send with this key asks for it under the same id.
        """
        key = message.dedup
        if key is None:
            send(message)
            return message.id
        claim = self.claim(key, message.id)
        if not claim.is_ours:
            return claim.id
        try:
            send(message._replace(id=claim.id))
        except Exception as error:
            if classify(error) is not Unknown:
                self._give_up_after(error, key, claim)
            raise
        self.confirm(key, claim)
        return claim.id

    def _give_up_after(self, error: Exception, key: str, claim: Claim) -> None:
        try:
            self.give_up(key, claim)
        except Exception as failure:
            error.add_note(f"its dedup key stays taken for 5 minutes: {failure}")

    def claim(self, key: str, id: str) -> Claim:
        """Takes the key for the run `id`, or tells whose it is."""
        pk = self._pk(key)
        for _ in range(TRIES):
            version = put_unless(self._state, self._item(key, id, sent=False), ABSENT)
            if version is not None:
                return Claim(id, True, version)
            for attempt in range(PATIENCE):
                stored = self._state.get(pk, SORT_KEY)
                if stored is None:
                    break
                fields = fields_of(stored)
                earlier = text(fields.get("id"))
                if fields.get("sent"):
                    return Claim(earlier, False)
                if attempt + 1 == PATIENCE:
                    return Claim(earlier, True, stored.version)
                pause(attempt)
        return Claim(id, True)

    def confirm(self, key: str, claim: Claim) -> None:
        """The message is on its way."""
        if claim.version:
            put_unless(self._state, self._item(key, claim.id, sent=True), Condition(version=claim.version))

    def give_up(self, key: str, claim: Claim) -> None:
        """The message was not sent, for sure: the next send is the first one."""
        if claim.version:
            delete_unless(self._state, self._pk(key), SORT_KEY, Condition(version=claim.version))

    def _pk(self, key: str) -> str:
        return f"{PARTITION}#{self._task}#{digest(key)}"

    def _item(self, key: str, id: str, *, sent: bool) -> NewItem:
        fields: Document = {"id": id, "sent": sent}
        return state_item(self._pk(key), SORT_KEY, fields, self._now() + SECONDS)
