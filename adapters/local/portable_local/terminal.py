"""Who may use the terminal of `portable dev`: one process at a time, in the order in which they ask."""

import os
import sys
import termios
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from .transport import Peer


class Asker(NamedTuple):
    """A connection of the process `number` that stays open while it wants or has the terminal."""

    peer: Peer
    number: int


class TerminalDesk:
    """Gives the terminal away. `send(peer, message)` answers; `on_pause(number, is_paused)` is told who is held up."""

    def __init__(self, send: Callable[[Peer, Any], None], on_pause: Callable[[int, bool], None]) -> None:
        self._send = send
        self._on_pause = on_pause
        self._asking: deque[Asker] = deque()
        self._holder: Asker | None = None
        self._mode: list[Any] | None = None

    @property
    def held_up(self) -> set[int]:
        """The processes that wait for the user."""
        holder = [self._holder] if self._holder is not None else []
        return {asker.number for asker in (*holder, *self._asking)}

    def ask(self, peer: Peer, number: int) -> None:
        if not is_ours():
            self._send(peer, {"group": None})
            return
        if number not in self.held_up:
            self._on_pause(number, True)
        self._asking.append(Asker(peer, number))
        self._grant()

    def forget(self, peer: Peer) -> None:
        """A connection has ended; if it was an asker's, it has gone on, or died."""
        gone = next((asker for asker in (self._holder, *self._asking) if asker and asker.peer is peer), None)
        if gone is None:
            return
        if gone is self._holder:
            self._holder = None
            self.restore()
        else:
            self._asking.remove(gone)
        if gone.number not in self.held_up:
            self._on_pause(gone.number, False)
        self._grant()

    def _grant(self) -> None:
        if self._holder is None and self._asking:
            self._holder = self._asking.popleft()
            self._mode = termios.tcgetattr(sys.__stdin__.fileno()) if sys.__stdin__ is not None else None
            self._send(self._holder.peer, {"group": os.getpgrp()})

    def restore(self) -> None:
        """Undoes what the one that had the terminal did to it: it may have been killed while it edited a line."""
        mode, self._mode = self._mode, None
        if mode is not None and is_ours():
            assert sys.__stdin__ is not None
            termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, mode)


def is_ours() -> bool:
    """Whether stdin is a terminal, and this process group the one that may read from it."""
    stdin = sys.__stdin__
    try:
        return stdin is not None and stdin.isatty() and os.tcgetpgrp(stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        # Closed, or a terminal that is not this session's.
        return False
