"""What a change gives back: what was done at once, or an operation that is asked about until it is over."""

import time
from collections.abc import Callable
from typing import Any, Protocol

from .google_errors import exceptions

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.5, 8.0, 1.5


class Pace:
    """How long is waited between two looks at what Google is doing: longer and longer, from the start after news."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._pause = FIRST_PAUSE

    def wait(self, *, news: bool = False) -> None:
        if news:
            self._pause = FIRST_PAUSE
        self._sleep(self._pause)
        self._pause = min(self._pause * GROWTH, LONGEST_PAUSE)


class Operation(Protocol):
    """A change under way."""

    def is_done(self) -> bool:
        """Asks Google. Raises what the change failed with."""
        ...


class Done:
    """A change that was made when the call came back."""

    def is_done(self) -> bool:
        return True


DONE = Done()


class Running:
    """A long-running operation, as Google's libraries have it."""

    def __init__(self, future: Any) -> None:
        self._future = future

    def is_done(self) -> bool:
        if not self._future.done():
            return False
        # Its response may be empty, which the library takes for a mistake; only the error matters here.
        operation = self._future.operation
        if operation.HasField("error"):
            raise exceptions().from_grpc_status(operation.error.code, operation.error.message)
        return True


def operation_of(answer: Any) -> Operation:
    """Of what a method of a library gave back."""
    return Running(answer) if callable(getattr(answer, "done", None)) else DONE
