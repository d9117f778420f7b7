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
    """Calls back what is ready; after each round `settle`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._most_timers = TIMERS
        self._numbers = itertools.count()
        self.done = False

    def add(self, source: Any, callback: Callback) -> None:
        self._selector.register(source, selectors.EVENT_READ, callback)

    def remove(self, source: Any) -> None:
        self._selector.unregister(source)

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
        callback = self._selector.get_key(peer).data
        self._selector.modify(peer, events, callback)

    def run(self, settle: Callback) -> None:
        """Until `done`."""
        while not self.done:
            for key, events in self._selector.select(self._wait()):
                if events & selectors.EVENT_WRITE and isinstance(key.fileobj, Peer):
                    peer = key.fileobj
                    if not peer.closed and peer.flush():
                        self._watch(peer, selectors.EVENT_READ)
                if events & selectors.EVENT_READ and self._is_registered(key):
                    key.data()
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                timer = heapq.heappop(self._timers)[2]
                if timer.callback is not None:
                    timer.callback()
            settle()

    def _is_registered(self, key: selectors.SelectorKey) -> bool:
        """An earlier callback of the same round may have closed it."""
        current = self._selector.get_map().get(key.fd)
        return current is not None and current.fileobj is key.fileobj

    def _wait(self) -> float | None:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None

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
