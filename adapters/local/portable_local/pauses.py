"""When the clock of time limits stands still in a process: somebody looks at a breakpoint."""

import time
from collections.abc import Callable
from threading import Lock


class Pauses:
    """How long this process has been paused. Thread-safe. `forever`: no limit counts at all (under --debug)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.forever = False
        self._clock = clock
        self._lock = Lock()
        self._active = 0
        self._since = 0.0
        self._total = 0.0

    @property
    def is_active(self) -> bool:
        return self._active > 0 or self.forever

    def begin(self) -> None:
        with self._lock:
            if not self._active:
                self._since = self._clock()
            self._active += 1

    def end(self) -> None:
        with self._lock:
            self._active -= 1
            if not self._active:
                self._total += self._clock() - self._since

    def seconds(self) -> float:
        """So long in all, the pause that lasts included."""
        if not self._active:
            return self._total
        with self._lock:
            return self._total + (self._clock() - self._since if self._active else 0.0)

    def limit(self, seconds: float) -> float | None:
        """What is left of a limit, for a wait: None if it does not count."""
        return None if self.forever else max(0.0, seconds)


PAUSES = Pauses()
"""This process's."""
