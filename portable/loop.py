"""The one event loop of a process that is otherwise synchronous: imported only when a coroutine needs asyncio."""

import asyncio
import contextvars
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class KeptLoop:
    """An asyncio.Runner that is kept from call to call; callers on several threads take turns."""

    def __init__(self) -> None:
        self._made: asyncio.AbstractEventLoop | None = None
        self._runner = asyncio.Runner()
        self._turn = threading.Lock()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs `coroutine` in the caller's context. On a thread that runs a loop already, a helper thread runs it."""
        if asyncio._get_running_loop() is None:
            return self._run(coroutine, contextvars.copy_context())
        context = contextvars.copy_context()
        found: list[T] = []
        raised: list[BaseException] = []

        def run() -> None:
            try:
                found.append(self._run(coroutine, context))
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=run, name="portable-loop")
        thread.start()
        thread.join()
        if raised:
            raise raised[0]
        return found[0]

    def _run(self, coroutine: Coroutine[Any, Any, T], context: contextvars.Context) -> T:
        with self._turn:
            self._made = self._runner.get_loop()
            try:
                return self._runner.run(coroutine, context=context)
            except asyncio.CancelledError as error:
                raise RuntimeError("the handler was cancelled by itself") from error

    def close(self) -> None:
        """Cancels what is left on the loop and closes it."""
        with self._turn:
            self._runner.close()

    def __del__(self) -> None:
        # Whoever drops a Dispatcher without closing it never saw this loop, and must not be warned of it.
        made = self._made
        if made is not None and not made.is_running() and not made.is_closed():
            made.close()
