"""A clock that stands still until a test moves it."""

import threading
import time


class ManualClock:
    """Wall time as an epoch in seconds; at first the machine's, or `start`. Any number of threads may use it."""

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else float(start)
        self._lock = threading.Lock()

    def now(self) -> float:
        """The time, as it was set last."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves on by `seconds`. Raises ValueError for a step back: see `set` for clocks that jump."""
        if not seconds >= 0:
            raise ValueError(f"a clock is not advanced by {seconds} seconds")
        with self._lock:
            self._now += seconds

    def set(self, now: float) -> None:
        """Jumps to an epoch time, forward or back, as a machine's clock may."""
        with self._lock:
            self._now = float(now)
