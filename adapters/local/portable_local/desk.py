"""Who works on what: deliveries are claimed for workers that wait, and ended by what became of them.

A delivery is claimed for a worker that is free. While runs are short, some more are claimed with it and held for those
that will be free at once: what is not started within a moment is put back, its attempt not counted, and none is held
whose attempt would be its last one, since a crash of this process would make it one that never ran. A lease never runs
out while this supervisor lives: it knows when a worker ends, and kills one whose time is over; what a dead supervisor
left is released when the next one starts.
"""

import os
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from portable.retries import backoff
from portable.specs import RetryPolicy

from .fleet import Child, Fleet
from .loop import Loop, Timer
from .processes import describe_exit
from .store import crash_points
from .store.results import Result
from .transport import Peer

LEASE = 10 * 365 * 86400.0
"""Longer than any jump of the clock that is not a fault."""
GRACE = 0.25
RESTART_WAITS = (0.0, 0.2, 1.0, 5.0)
FINISH_WAITS = (0.1, 0.5, 1.0, 2.0)
HELD = 28
"""Claimed beyond what starts at once, at most."""
HOLD_SECONDS = 0.25
"""For so long at most."""
ARRIVING = frozenset(("queue.send", "queue.finish", "queue.redrive", "topic.publish"))
"""Operations after which there is often something to claim, so that one sync does for both."""

Delivery = dict[str, Any]


class Submit(Protocol):
    """Puts an operation into the next batch; `done` gets its result when it is durable."""

    def __call__(
        self, operation: str, arguments: dict[str, Any], done: Callable[[Result], None] | None = None
    ) -> None: ...


class Run(NamedTuple):
    """What a worker is busy with. `asker`: who invoked it by hand, and is told; None: it came from the queue."""

    delivery: Delivery
    timer: Timer
    asker: Peer | None
    seconds: float
    began: float


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
        self._late: set[int] = set()
        self._asked: deque[tuple[Peer, Delivery, float]] = deque()
        self._held: deque[tuple[Delivery, float]] = deque()
        self._held_since = 0.0
        self._hold_timer: Timer | None = None
        self._pace = 1.0
        """Seconds that a run took of late."""
        self._crashes = 0
        self._is_open = False
        self.is_due = False
        """There may be something to claim."""
        self.started = 0
        """Deliveries that workers were given."""
        self.on_failure: Callable[[Delivery, dict[str, Any], bool], None] = ignore_failure
        """Told of each failed attempt; True: there is no other."""

    # Generations

    def open(self, generation: int, handlers: dict[str, Any]) -> None:
        """From now on workers of this generation work; idle ones of others go, busy ones go when they are through."""
        self._put_back()
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

    def free(self, child: Child, outcome: dict[str, Any] | None) -> None:
        """A worker brings an outcome (if it had a delivery) and asks for the next."""
        child.is_ready = True
        run = self._running.pop(child.number, None)
        if run is not None:
            self._crashes = 0
            run.timer.cancel()
            self._pace += 0.2 * (time.monotonic() - run.began - self._pace)
            self._finish(run, outcome or {"status": "failed", "error": "the worker has lost the outcome"})
        if not self._is_open or child.generation != self._generation:
            self._dismiss(child)
            return
        self._waiting[child.number] = child
        if self._asked:
            asker, delivery, seconds = self._asked.popleft()
            self._give(child, delivery, asker, seconds)
        elif self._held and len(self._running) < self._most:
            delivery, seconds = self._held.popleft()
            # Its time begins now.
            delivery["deadline"] += time.monotonic() - self._held_since
            self._hand_out(child, delivery, seconds)

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

    def claim(self) -> tuple[str, dict[str, Any]]:
        """The operation that fills the free slots, and takes along what can start within a moment."""
        worker = f"process {os.getpid()}"
        ahead = 0
        if self._has_limits and not self._held:
            ahead = min(HELD, int(HOLD_SECONDS / 2 * self._most / max(self._pace, 1e-4)))
        return "queue.claim", {"worker": worker, "slots": self.slots, "ahead": ahead, "lease": LEASE}

    def claimed(self, result: Result, slots: int, now: float) -> None:
        """Hands out what a claim brought; `now` is the store's clock, when it was made."""
        if result.code is not None:
            # The disk failed. It is tried again with the next write, or soon.
            self._loop.after(1.0, self.look)
            self.is_due = False
            return
        deliveries: list[Delivery] = result.value
        self.is_due = len(deliveries) >= slots
        for delivery in deliveries[:slots]:
            self._hand_out(next(iter(self._waiting.values())), delivery, delivery["deadline"] - now)
        if len(deliveries) > slots:
            self._held.extend((delivery, delivery["deadline"] - now) for delivery in deliveries[slots:])
            self._held_since = time.monotonic()
            if self._hold_timer is not None:
                self._hold_timer.cancel()
            self._hold_timer = self._loop.after(HOLD_SECONDS, self._put_back)
        if deliveries:
            self.staff()

    def _hand_out(self, child: Child, delivery: Delivery, seconds: float) -> None:
        crash_points.reach("before-hand-out")
        self._give(child, delivery, None, seconds)
        crash_points.reach("after-hand-out")

    def _put_back(self) -> None:
        """What is held and did not start is for whoever is free first; its attempt was none."""
        if not self._held:
            return
        leases = [[delivery["id"], delivery["fence"]] for delivery, _ in self._held]
        self._held.clear()
        self._return(leases)

    def _return(self, leases: list[list[Any]]) -> None:
        """Writes that, however long the disk takes."""

        def written(result: Result) -> None:
            if result.code is not None and result.code != "bug":
                self._loop.after(1.0, lambda: self._return(leases))

        self._submit("queue.put_back", {"leases": leases}, written)

    def look(self) -> None:
        """Something may have become due."""
        self.is_due = True

    def _give(self, child: Child, delivery: Delivery, asker: Peer | None, seconds: float) -> None:
        assert child.peer is not None
        del self._waiting[child.number]
        timer = self._limit(child, seconds + GRACE)
        self._running[child.number] = Run(delivery, timer, asker, seconds, time.monotonic())
        self.started += 1
        self._loop.send(child.peer, delivery)

    def _limit(self, child: Child, seconds: float) -> Timer:
        if not self._has_limits:
            return Timer(0.0, nothing)
        return self._loop.after(seconds, lambda: self._too_long(child))

    def hold_up(self, child: Child, is_held_up: bool) -> None:
        """Stops the clock of what a worker is at, or lets it run on: the user looks at a breakpoint."""
        run = self._running.get(child.number)
        if run is None or not self._has_limits:
            return
        run.timer.cancel()
        if is_held_up:
            left = max(GRACE, run.timer.at - time.monotonic())
            self._running[child.number] = run._replace(timer=Timer(left, nothing))
        else:
            self._running[child.number] = run._replace(timer=self._limit(child, run.timer.at))

    def _too_long(self, child: Child) -> None:
        self._late.add(child.number)
        self._fleet.kill(child)

    def ended(self, child: Child, status: int) -> None:
        """A worker is gone, and with it the attempt that it was at."""
        self._waiting.pop(child.number, None)
        run = self._running.pop(child.number, None)
        was_late = child.number in self._late
        self._late.discard(child.number)
        if run is not None:
            run.timer.cancel()
            entry = self._handlers.get(run.delivery["handler"])
            retry = RetryPolicy() if entry is None else RetryPolicy(5, entry["min_backoff"], entry["max_backoff"])
            error = (
                f"it took longer than its timeout of {run.seconds:.0f} seconds, and was ended"
                if was_late
                else f"its process ended during the attempt ({describe_exit(status)})"
            )
            wait = backoff(retry, run.delivery["attempt"], random.random)
            self._finish(run, {"status": "failed", "error": error, "retry_after": wait})
        if not child.is_leaving and child.generation == self._generation:
            wait = 0.0 if run is not None else RESTART_WAITS[min(self._crashes, len(RESTART_WAITS) - 1)]
            self._crashes += run is None
            self._loop.after(wait, self.staff)

    # By hand

    def invoke(self, asker: Peer, handler: str, body: str, now: float) -> None:
        """Runs a handler once, now, beside the queue; `asker` is told the outcome."""
        entry = self._handlers.get(handler)
        if entry is None or not self._is_open:
            self._loop.send(asker, {"status": "dead", "error": f"there is no background handler {handler!r}"})
            return
        kind = entry["kind"]
        delivery: Delivery = {
            "id": f"invoke-{os.urandom(8).hex()}",
            "kind": kind,
            "handler": handler,
            "body": body,
            "attempt": 1,
            "enqueued_at": now,
            "deadline": now + entry["timeout"],
            "traceparent": "",
            "attributes": {},
            "scheduled_at": now if kind == "schedule" else None,
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


def nothing() -> None:
    """The time limit of what has none."""
