"""The supervisor's one loop: descriptors, timers, signals. No threads, so that what it starts may fork."""

import heapq
import itertools
import selectors
import signal
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from .transport import Peer

Callback = Callable[[], None]

TIMERS = 256
"""From so many on, those that were cancelled are looked for."""


class Timer:
    """A callback at a time of the monotonic clock, until it is cancelled."""

    __slots__ = ("at", "callback")

    def __init__(self, at: float, callback: Callback) -> None:
        self.at = at
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        self.callback = None


class Loop:
    """Calls back what is ready; after each round `settle`.

    Some sources can wait: while `patience()` is not 0 they wake nobody, and are looked at when something else does, or
    after so many seconds.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._unhurried = selectors.DefaultSelector()
        self._is_patient = False
        self._selector.register(self._unhurried, selectors.EVENT_READ, self._call_unhurried)
        self.patience: Callable[[], float] = no_patience
        self._timers: list[tuple[float, int, Timer]] = []
        self._most_timers = TIMERS
        self._numbers = itertools.count()
        self.done = False

    def add(self, source: Any, callback: Callback) -> None:
        self._selector.register(source, selectors.EVENT_READ, callback)

    def remove(self, source: Any) -> None:
        self._selector_of(source).unregister(source)

    def let_wait(self, source: Any) -> None:
        """From now on this source can wait."""
        key = self._selector.unregister(source)
        self._unhurried.register(source, key.events, key.data)

    def _selector_of(self, source: Any) -> selectors.BaseSelector:
        return self._unhurried if source in self._unhurried.get_map() else self._selector

    def after(self, seconds: float, callback: Callback) -> Timer:
        timer = Timer(time.monotonic() + max(0.0, seconds), callback)
        if len(self._timers) >= self._most_timers:
            # Nearly all are cancelled long before their time: they would pile up for minutes.
            self._timers = [entry for entry in self._timers if entry[2].callback is not None]
            heapq.heapify(self._timers)
            self._most_timers = max(TIMERS, 2 * len(self._timers))
        heapq.heappush(self._timers, (timer.at, next(self._numbers), timer))
        return timer

    def send(self, peer: Peer, message: Any) -> None:
        """Sends without waiting; what the socket does not take goes when it does."""
        if not peer.closed and not peer.send(message):
            self._watch(peer, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def _watch(self, peer: Peer, events: int) -> None:
        selector = self._selector_of(peer)
        selector.modify(peer, events, selector.get_key(peer).data)

    def run(self, settle: Callback) -> None:
        """Until `done`."""
        while not self.done:
            self._call_ready(self._selector, self._wait())
            if self._is_patient:
                self._call_unhurried()
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                timer = heapq.heappop(self._timers)[2]
                if timer.callback is not None:
                    timer.callback()
            settle()

    def _call_unhurried(self) -> None:
        self._call_ready(self._unhurried, 0)

    def _call_ready(self, selector: selectors.BaseSelector, wait: float | None) -> None:
        for key, events in selector.select(wait):
            if events & selectors.EVENT_WRITE and isinstance(key.fileobj, Peer):
                peer = key.fileobj
                if not peer.closed and peer.flush():
                    self._watch(peer, selectors.EVENT_READ)
            if events & selectors.EVENT_READ and self._is_registered(selector, key):
                key.data()

    def _is_registered(self, selector: selectors.BaseSelector, key: selectors.SelectorKey) -> bool:
        """An earlier callback of the same round may have closed it."""
        current = selector.get_map().get(key.fd)
        return current is not None and current.fileobj is key.fileobj

    def _wait(self) -> float | None:
        """Until when there is nothing to do; also sees to it that what can wait wakes the loop, or does not."""
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        wait = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
        patience = self.patience()
        if self._is_patient != (patience > 0):
            self._is_patient = patience > 0
            if self._is_patient:
                self._selector.unregister(self._unhurried)
            else:
                self._selector.register(self._unhurried, selectors.EVENT_READ, self._call_unhurried)
        return wait if patience <= 0 else patience if wait is None else min(wait, patience)

    @contextmanager
    def signals(self, handle: Callable[[int], None], numbers: tuple[int, ...]) -> Generator[None]:
        """Calls `handle` from the loop, never in between; the handlers of before come back afterwards."""
        woken, waker = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)

        def awake() -> None:
            for number in woken.recv(4096):
                handle(number)

        def nothing(_: int, __: FrameType | None) -> None:
            """The descriptor tells."""

        before = {number: signal.signal(number, nothing) for number in numbers}
        descriptor = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        self.add(woken, awake)
        try:
            yield
        finally:
            signal.set_wakeup_fd(descriptor)
            for number, handler in before.items():
                signal.signal(number, handler)
            woken.close()
            waker.close()

    def close(self) -> None:
        self._selector.close()
        self._unhurried.close()


def no_patience() -> float:
    """Nothing can wait."""
    return 0.0
