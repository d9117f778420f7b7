"""Who works on what: deliveries are claimed for workers that wait, and ended by what became of them.

A delivery is claimed for a worker that is free. While runs are short, some more are claimed with it and put into a pool
from which workers help themselves: what is not started within a moment is put back, its attempt not counted, and none
is held there whose attempt would be its last one, since a crash of this process would make it one that never ran. A
lease never runs out while this supervisor lives: it knows when a worker ends, and kills one whose time is over; what a
dead supervisor left is released when the next one starts.
"""

import json
import math
import os
import random
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from portable.retries import backoff
from portable.specs import RetryPolicy

from .fleet import Child, Fleet
from .loop import Loop, Timer
from .pool import Delivery, Key, Pool, key_of
from .processes import describe_exit
from .store import crash_points
from .store.results import Result
from .transport import Peer

LEASE = 10 * 365 * 86400.0
"""Longer than any jump of the clock that is not a fault."""
GRACE = 0.25
RESTART_WAITS = (0.0, 0.2, 1.0, 5.0)
FINISH_WAITS = (0.1, 0.5, 1.0, 2.0)
HELD = 64
"""Claimed beyond what starts at once, at most."""
HOLD_SECONDS = 0.25
"""For so long at most."""
TELL_SECONDS = 5.0
"""A worker that has taken a delivery says so at once: what nobody has spoken of for so long, a dead one took."""
OUTCOME_SECONDS = 0.003
"""For so long outcomes may wait to share a sync with others, while the workers have enough to do."""
ARRIVING = frozenset(("queue.send", "queue.redrive", "topic.publish"))
"""Operations after which there is often something to claim, so that one sync does for both."""


class Submit(Protocol):
    """Puts an operation into the next batch; `done` gets its result when it is durable."""

    def __call__(
        self, operation: str, arguments: dict[str, Any], done: Callable[[Result], None] | None = None
    ) -> None: ...


class BrokeOff(Protocol):
    """An attempt, what ended it, how long it took, and whether there is no other."""

    def __call__(self, delivery: Delivery, error: str, seconds: float, *, is_last: bool) -> None: ...


class Run(NamedTuple):
    """What a worker is busy with, and until when it may be.

    `asker`: who invoked it by hand, and is told; None: it came from the queue. `left`: while its clock stands still.
    """

    delivery: Delivery
    ends: float
    asker: Peer | None
    seconds: float
    began: float
    left: float = 0.0


class Told(NamedTuple):
    """What a delivery that is run by hand has beside its payload: a first one's, or that of one that is repeated."""

    attempt: int = 1
    attributes: Mapping[str, str] = MappingProxyType({})
    scheduled_at: float | None = None


class Held(NamedTuple):
    """A delivery in the pool, and how long it may take once it begins."""

    delivery: Delivery
    seconds: float
    since: float


class Desk:
    """The workers of the current generation, and those of earlier ones until they are through."""

    def __init__(self, loop: Loop, fleet: Fleet, submit: Submit, most: int, *, has_limits: bool = True) -> None:
        self._loop = loop
        self._has_limits = has_limits
        self._fleet = fleet
        self._submit = submit
        self._most = most
        self._handlers: dict[str, Any] = {}
        self._generation = 0
        self._waiting: dict[int, Child] = {}
        self._running: dict[int, Run] = {}
        self._late: dict[int, Run] = {}
        self._limit_timer: Timer | None = None
        self._asked: deque[tuple[Peer, Delivery, float]] = deque()
        self._pool = Pool()
        self._spill: deque[Delivery] = deque()
        """What is held beside the pool, because it does not fit in."""
        self._held: dict[Key, Held] = {}
        """What is in the pool, in the spill, or was taken by a worker of whom nothing was heard since; oldest first."""
        self._hold_timer: Timer | None = None
        self._pace = 1.0
        """Seconds that a run took of late."""
        self._outcome_at = 0.0
        """When a worker was heard of last."""
        self._may_have_more = True
        """There may be something to claim ahead."""
        self._wanted = 0, 0
        """What was claimed: for those that wait, and ahead."""
        loop.add(self._pool, self._hungry)
        self._crashes = 0
        self._is_open = False
        self.is_due = False
        """There may be something to claim."""
        self.started = 0
        """Deliveries that workers were given."""
        self.on_failure: Callable[[Delivery, dict[str, Any], bool], None] = ignore_failure
        """Told of each failed attempt; True: there is no other."""
        self.on_broken_off: BrokeOff = ignore_end
        """Told of each attempt whose process ended before it could say so."""

    # Generations

    def open(self, generation: int, handlers: dict[str, Any]) -> None:
        """From now on workers of this generation work; idle ones of others go, busy ones go when they are through."""
        self._put_back()
        if generation != self._generation:
            # Workers of before, which are at something still, are not to find what is for those to come.
            self._loop.remove(self._pool)
            self._pool.close()
            self._pool = Pool()
            self._loop.add(self._pool, self._hungry)
        self._generation, self._handlers, self._is_open = generation, handlers, True
        self._crashes = 0
        for child in list(self._waiting.values()):
            if child.generation != generation:
                self._dismiss(child)
        for child in self._fleet.children.values():
            if child.role == "worker" and child.generation != generation and not child.is_ready:
                child.is_leaving = True
                self._fleet.kill(child)
        self.is_due = True
        self.staff()

    def close(self) -> None:
        """Claims nothing more; idle workers go."""
        self._is_open = False
        self._put_back()
        for child in list(self._waiting.values()):
            self._dismiss(child)

    @property
    def busy(self) -> int:
        return len(self._running)

    @property
    def holds(self) -> bool:
        """Whether there is something at hand for the worker that is free next."""
        return bool(self._held)

    def patience(self) -> float:
        """How long workers need not be listened to: they help themselves, and their outcomes may wait."""
        return OUTCOME_SECONDS if self._held else 0.0

    def _hungry(self) -> None:
        """A worker has found nothing in the pool; what it has to say is heard in this same round."""
        self._pool.heard()

    def _dismiss(self, child: Child) -> None:
        self._waiting.pop(child.number, None)
        self._fleet.dismiss(child, "stop")

    # Workers

    def staff(self) -> None:
        """Keeps one worker to spare, up to the most there may be."""
        if not self._is_open or not self._handlers:
            return
        mine = [
            child
            for child in self._fleet.children.values()
            if child.role == "worker" and child.generation == self._generation and not child.is_leaving
        ]
        spare = sum(child.number not in self._running for child in mine)
        if len(mine) < self._most and (spare == 0 or (spare < len(self._asked))):
            self._fleet.start("worker", self._generation, as_served=True)

    def welcome(self, child: Child) -> bool:
        """Lets a worker begin that has loaded the app; False if it cannot be told."""
        assert child.peer is not None
        return child.peer.send_handing("go", self._pool.workers)

    def free(
        self, child: Child, outcome: dict[str, Any] | None, seconds: float | None = None, taken: Key | None = None
    ) -> None:
        """A worker brings an outcome (if it had a delivery), which took so many seconds.

        It goes on with what it has taken from the pool, or else asks for the next.
        """
        child.is_ready = True
        run = self._running.pop(child.number, None)
        now = time.monotonic()
        if run is not None:
            self._crashes = 0
            self._outcome_at = now
            self._pace += 0.2 * ((now - run.began if seconds is None else seconds) - self._pace)
            self._finish(run, outcome or {"status": "failed", "error": "the worker has lost the outcome"})
        if taken is not None:
            self._has_taken(child, taken)
            return
        if child.has_ended:
            return
        if not self._is_open or child.generation != self._generation:
            self._dismiss(child)
            return
        self._waiting[child.number] = child
        if self._asked:
            asker, delivery, limit = self._asked.popleft()
            self._give(child, delivery, asker, limit)
        elif self._held and self.slots:
            # It looked before this was put in; or it is too large for the pool.
            found = self._next_held()
            if found is not None:
                self._hand_out(child, found.delivery, found.seconds)

    def _next_held(self) -> Held | None:
        """The delivery that is held for longest, out of the pool; its time begins now."""
        delivery = self._pool.take_one()
        if delivery is None:
            if not self._spill:
                return None
            delivery = self._spill.popleft()
            delivery["deadline"] += time.monotonic() - self._held[key_of(delivery)].since
        return self._held.pop(key_of(delivery))._replace(delivery=delivery)

    def _has_taken(self, child: Child, key: Key) -> None:
        """A worker has begun what it found in the pool."""
        held = self._held.pop(key, None)
        if held is None:
            # It was silent for so long that this was given up as lost with another one, and its attempt has failed.
            self._fleet.kill(child)
            return
        self._begin(child, held.delivery, None, held.seconds)
        while self._spill and self._pool.offer(self._spill[0], self._held[key_of(self._spill[0])].since):
            self._spill.popleft()

    def _finish(self, run: Run, outcome: dict[str, Any]) -> None:
        if run.asker is not None:
            self._loop.send(run.asker, outcome)
            return
        if outcome["status"] != "succeeded":
            entry = self._handlers.get(run.delivery["handler"])
            is_last = entry is not None and run.delivery["attempt"] >= entry["max_attempts"]
            self.on_failure(run.delivery, outcome, is_last or outcome["status"] == "dead")
        self._conclude({"id": run.delivery["id"], "fence": run.delivery["fence"], **outcome})

    def _conclude(self, arguments: dict[str, Any], tries: int = 0) -> None:
        """Writes an outcome, however long the disk takes: without it the delivery would be at work for ever."""

        def written(result: Result) -> None:
            if result.code == "bug" and arguments["status"] != "failed":
                # It cannot be written as it is, and never will be.
                error = f"its outcome cannot be kept: {result.message}"
                self._conclude({"id": arguments["id"], "fence": arguments["fence"], "status": "failed", "error": error})
            elif result.code is not None and result.code != "bug":
                wait = FINISH_WAITS[min(tries, len(FINISH_WAITS) - 1)]
                self._loop.after(wait, lambda: self._conclude(arguments, tries + 1))

        self._submit("queue.finish", arguments, written)

    # Claims

    @property
    def slots(self) -> int:
        """How many deliveries could start now; runs of earlier generations count."""
        return max(0, min(len(self._waiting), self._most - len(self._running))) if self._is_open else 0

    @property
    def asks(self) -> bool:
        """Whether there is something to claim, and somebody for it."""
        return (self.is_due and self.slots > 0) or (self._may_have_more and self._ahead > 0)

    @property
    def _ahead(self) -> int:
        """How many deliveries can start within a moment, beyond those for which somebody waits."""
        if not self._has_limits or not self._is_open or self._asked or len(self._held) > HELD // 2:
            return 0
        if not self.slots and (self._waiting or time.monotonic() - self._outcome_at > HOLD_SECONDS / 2):
            return 0  # they are all at something that takes longer
        return min(HELD, int(HOLD_SECONDS / 2 * self._most / max(self._pace, 1e-4))) - len(self._held)

    def claim(self) -> tuple[str, dict[str, Any]]:
        """The operation that fills the free slots, and takes along what can start within a moment."""
        worker = f"process {os.getpid()}"
        slots, ahead = self.slots, max(0, self._ahead)
        self._wanted = slots, ahead
        return "queue.claim", {"worker": worker, "slots": slots, "ahead": ahead, "lease": LEASE}

    def claimed(self, result: Result, now: float) -> None:
        """Hands out what a claim brought; `now` is the store's clock, when it was made."""
        slots, ahead = self._wanted
        if result.code is not None:
            # The disk failed. It is tried again with the next write, or soon.
            self._loop.after(1.0, self.look)
            self.is_due = self._may_have_more = False
            return
        deliveries: list[Delivery] = result.value
        self.is_due = len(deliveries) >= slots
        self._may_have_more = len(deliveries) >= slots + ahead
        for delivery in deliveries[:slots]:
            self._hand_out(next(iter(self._waiting.values())), delivery, delivery["deadline"] - now)
        if len(deliveries) > slots:
            self._hold(deliveries[slots:], now)
        if deliveries:
            self.staff()

    def _hold(self, deliveries: list[Delivery], now: float) -> None:
        """Puts deliveries where workers find them."""
        since = time.monotonic()
        for delivery in deliveries:
            self._held[key_of(delivery)] = Held(delivery, delivery["deadline"] - now, since)
            if self._spill or not self._pool.offer(delivery, since):
                self._spill.append(delivery)
        self._watch_held()

    def _watch_held(self) -> None:
        if self._held and (self._hold_timer is None or self._hold_timer.callback is None):
            since = next(iter(self._held.values())).since
            self._hold_timer = self._loop.after(since + HOLD_SECONDS - time.monotonic(), self._look_at_held)

    def _look_at_held(self) -> None:
        """What has not started within a moment is put back, and what came later with it."""
        self._hold_timer = None
        if self._held and time.monotonic() - next(iter(self._held.values())).since >= HOLD_SECONDS:
            self._put_back()
        else:
            self._watch_held()

    def _hand_out(self, child: Child, delivery: Delivery, seconds: float) -> None:
        crash_points.reach("before-hand-out")
        self._give(child, delivery, None, seconds)
        crash_points.reach("after-hand-out")

    def _put_back(self) -> None:
        """What is held and did not start is for whoever is free first; its attempt was none."""
        left = self._take_back()
        for key in left:
            del self._held[key]
        if left:
            self._may_have_more = False
            self._return([[*key] for key in left])

    def _take_back(self) -> list[Key]:
        """All that has not begun and now never will, unless it is put into the pool again."""
        left = [key_of(delivery) for delivery in (*self._pool.take_back(), *self._spill)]
        self._spill.clear()
        return left

    def _return(self, leases: list[list[Any]]) -> None:
        """Writes that, however long the disk takes."""

        def written(result: Result) -> None:
            if result.code is not None and result.code != "bug":
                self._loop.after(1.0, lambda: self._return(leases))

        self._submit("queue.put_back", {"leases": leases}, written)

    def look(self) -> None:
        """Something may have become due."""
        self.is_due = self._may_have_more = True

    def _give(self, child: Child, delivery: Delivery, asker: Peer | None, seconds: float) -> None:
        assert child.peer is not None
        del self._waiting[child.number]
        self._begin(child, delivery, asker, seconds)
        self._loop.send(child.peer, delivery)

    def _begin(self, child: Child, delivery: Delivery, asker: Peer | None, seconds: float) -> None:
        began = time.monotonic()
        ends = began + seconds + GRACE if self._has_limits else math.inf
        self._running[child.number] = Run(delivery, ends, asker, seconds, began)
        self._watch_limits(ends)
        self.started += 1

    def _watch_limits(self, ends: float) -> None:
        """One timer for all runs, which nearly always end before it: nobody moves it when they do."""
        timer = self._limit_timer
        if ends < math.inf and (timer is None or timer.callback is None or timer.at > ends):
            if timer is not None:
                timer.cancel()
            self._limit_timer = self._loop.after(ends - time.monotonic(), self._look_at_limits)

    def _look_at_limits(self) -> None:
        self._limit_timer = None
        now = time.monotonic()
        for number, run in list(self._running.items()):
            child = self._fleet.children.get(number)
            if run.ends <= now and child is not None and number not in self._late:
                self._late[number] = run
                self._fleet.kill(child)
        later = [run.ends for number, run in self._running.items() if number not in self._late]
        if later:
            self._watch_limits(min(later))

    def hold_up(self, child: Child, is_held_up: bool) -> None:
        """Stops the clock of what a worker is at, or lets it run on: the user looks at a breakpoint."""
        run = self._running.get(child.number)
        if run is None or not self._has_limits or is_held_up == (run.ends == math.inf):
            return
        now = time.monotonic()
        if is_held_up:
            self._running[child.number] = run._replace(ends=math.inf, left=max(GRACE, run.ends - now))
        else:
            self._running[child.number] = run._replace(ends=now + run.left, left=0.0)
            self._watch_limits(now + run.left)

    def ended(self, child: Child, status: int) -> None:
        """A worker is gone, and with it the attempt that it was at."""
        self._waiting.pop(child.number, None)
        run = self._running.pop(child.number, None)
        late = self._late.pop(child.number, None)
        if run is not None:
            # One that had gone on to the next by the time it was killed was not late with that.
            self._break_off(
                run,
                f"it took longer than its timeout of {run.seconds:.0f} seconds, and was ended"
                if late is not None and late.delivery is run.delivery
                else f"its process ended during the attempt ({describe_exit(status)})",
            )
        self._look_for_taken(describe_exit(status))
        if not child.is_leaving and child.generation == self._generation:
            wait = 0.0 if run is not None else RESTART_WAITS[min(self._crashes, len(RESTART_WAITS) - 1)]
            self._crashes += run is None
            self._loop.after(wait, self.staff)

    def _break_off(self, run: Run, error: str) -> None:
        """An attempt has ended with its process."""
        entry = self._handlers.get(run.delivery["handler"])
        retry = RetryPolicy() if entry is None else RetryPolicy(5, entry["min_backoff"], entry["max_backoff"])
        wait = backoff(retry, run.delivery["attempt"], random.random)
        is_last = entry is not None and run.delivery["attempt"] >= entry["max_attempts"]
        self.on_broken_off(run.delivery, error, time.monotonic() - run.began, is_last=is_last)
        self._finish(run, {"status": "failed", "error": error, "retry_after": wait})

    def _look_for_taken(self, ended: str) -> None:
        """A worker has ended, perhaps after it had taken something and before it could say so."""
        if not self._held:
            return
        left = self._take_back()
        missing = [key for key in self._held if key not in set(left)]
        for key in left:
            held = self._held[key]
            if self._spill or not self._pool.offer(held.delivery, held.since):
                self._spill.append(held.delivery)
        if missing:
            self._loop.after(TELL_SECONDS, lambda: self._give_up(missing, ended))

    def _give_up(self, missing: list[Key], ended: str) -> None:
        """Of what others have taken they have told by now; the rest was begun by the one that ended."""
        for key in missing:
            held = self._held.pop(key, None)
            if held is not None:
                run = Run(held.delivery, 0.0, None, held.seconds, held.since)
                self._break_off(run, f"its process ended during the attempt ({ended})")

    def shut(self) -> None:
        """At the very end."""
        self._pool.close()

    # By hand

    def invoke(
        self, asker: Peer, handler: str, body: str, now: float, traceparent: str = "", told: "Told | None" = None
    ) -> None:
        """Runs a handler once, now, beside the queue; `asker` is told the outcome."""
        entry = self._handlers.get(handler)
        if entry is None or not self._is_open:
            self._loop.send(asker, {"status": "dead", "error": f"there is no background handler {handler!r}"})
            return
        kind = entry["kind"]
        told = told or Told()
        if kind == "schedule" and told.scheduled_at is None:
            told = told._replace(scheduled_at=now)
            body = json.dumps({"scheduled_at": datetime.fromtimestamp(now, UTC).isoformat()})
        delivery: Delivery = {
            "id": f"invoke-{os.urandom(8).hex()}",
            "kind": kind,
            "handler": handler,
            "body": body,
            "attempt": told.attempt,
            "enqueued_at": now,
            "deadline": now + entry["timeout"],
            "traceparent": traceparent,
            "attributes": dict(told.attributes),
            "scheduled_at": told.scheduled_at if kind == "schedule" else None,
        }
        if self._waiting:
            self._give(next(iter(self._waiting.values())), delivery, asker, entry["timeout"])
        else:
            self._asked.append((asker, delivery, entry["timeout"]))
        self.staff()

    def forget(self, asker: Peer) -> None:
        """Whoever invoked by hand has gone; what has not started does not."""
        self._asked = deque(entry for entry in self._asked if entry[0] is not asker)


def ignore_failure(delivery: Delivery, outcome: dict[str, Any], is_last: bool) -> None:
    """Until somebody wants to know."""


def ignore_end(delivery: Delivery, error: str, seconds: float, *, is_last: bool) -> None:
    """Until somebody wants to know."""
