"""Schedules: each fire time is run by one delivery, and with `overlap="skip"` not while an earlier one is under way.

A platform may tell of one fire time twice, in two messages, and may deliver each of them more than once. So a fire time
belongs to the message (`owner`) that claimed it first; repetitions of that one run again, as at-least-once allows. The
lease lasts over all attempts of a fire time: each start and each failed end says until when at the latest. A fire time
that came while another was under way is skipped however late its message is delivered, so an end is remembered.
"""

from typing import TYPE_CHECKING, Literal

from .drivers import ALWAYS, Condition, Document, NewItem, TableDriver
from .state_items import ABSENT, DAY, fields_of, pause, put_unless, state_item

if TYPE_CHECKING:
    from .binding import Clock

PARTITION = "lease"
LEASE = "lease"
FIRE = "fire#"
FIRES_KEPT = 8 * DAY
TRIES = 20

Decision = Literal["run", "skipped", "known"]


class Leases:
    """The fire times of one schedule (by its handler's qualified name); `state` is the framework's table."""

    def __init__(self, state: TableDriver, clock: "Clock", handler: str) -> None:
        self._state = state
        self._now = clock.now
        self._pk = f"{PARTITION}#{handler}"

    def begin(self, at: float, owner: str, *, exclusive: bool, until: float) -> Decision:
        """Before an attempt: `run` it, or drop the message, as the time was `skipped` or is `known` to another one.

        `exclusive`: as `overlap="skip"` has it. `until`: when the attempt is over at the latest.
        """
        fire = self._claim(at, owner)
        if fire != "run" or not exclusive:
            return fire
        if self._take(at, owner, until):
            return "run"
        self._state.put(self._fire(at, owner, "skipped"), ALWAYS)
        return "skipped"

    def _claim(self, at: float, owner: str) -> Decision:
        for attempt in range(TRIES):
            if put_unless(self._state, self._fire(at, owner, "run"), ABSENT) is not None:
                return "run"
            stored = self._state.get(self._pk, fire_key(at))
            if stored is not None:
                fields = fields_of(stored)
                if fields["outcome"] == "skipped":
                    return "skipped"
                return "run" if fields["owner"] == owner else "known"
            pause(attempt)
        return "run"

    def _take(self, at: float, owner: str, until: float) -> bool:
        """Whether the lease is ours now. One that has lapsed counts as none."""
        item = self._lease(at, owner, until)
        for attempt in range(TRIES):
            if put_unless(self._state, item, ABSENT) is not None:
                return True
            stored = self._state.get(self._pk, LEASE)
            if stored is None:
                pause(attempt)
                continue
            fields = fields_of(stored)
            ended = fields.get("ended")
            if (fields["at"], fields["owner"]) != (at, owner) and (ended is None or fields["at"] < at <= ended):
                return False
            if put_unless(self._state, item, Condition(version=stored.version)) is not None:
                return True
        return False

    def extend(self, at: float, owner: str, until: float) -> None:
        """After an attempt that failed: the next one is over at `until` at the latest."""
        self._take(at, owner, until)

    def end(self, at: float, owner: str) -> None:
        """After the last attempt: other fire times may run."""
        stored = self._state.get(self._pk, LEASE)
        now = self._now()
        over = state_item(self._pk, LEASE, {"at": at, "owner": owner, "ended": now}, now + FIRES_KEPT)
        if stored is None:
            # It lapsed meanwhile; when the run ended counts all the same.
            put_unless(self._state, over, ABSENT)
            return
        fields = fields_of(stored)
        if (fields["at"], fields["owner"]) == (at, owner) and fields.get("ended") is None:
            put_unless(self._state, over, Condition(version=stored.version))

    def _fire(self, at: float, owner: str, outcome: str) -> NewItem:
        fields: Document = {"owner": owner, "outcome": outcome}
        return state_item(self._pk, fire_key(at), fields, max(at, self._now()) + FIRES_KEPT)

    def _lease(self, at: float, owner: str, until: float) -> NewItem:
        fields: Document = {"at": at, "owner": owner}
        return state_item(self._pk, LEASE, fields, until)


def fire_key(at: float) -> str:
    return f"{FIRE}{at:017.3f}"
