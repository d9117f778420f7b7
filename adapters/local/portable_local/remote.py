"""The store as a child sees it: reads on connections of its own, writes through the owner of the data folder."""

import threading
from pathlib import Path
from typing import Any

from portable.binding import Clock, SystemClock
from portable.errors import Unavailable

from .store.access import Reader
from .store.results import Result
from .transport import Channel


class RemoteStore:
    """Implements `store.access.Store`. Made after the fork, never before. Thread-safe: one channel per
    thread, as many read-only connections as threads read at once.
    """

    durable = True

    def __init__(self, folder: Path, socket_path: str, base_url: str, clock: Clock | None = None) -> None:
        self.folder = folder
        self.base_url = base_url
        self.clock: Clock = clock or SystemClock()
        self._socket_path = socket_path
        self._local = threading.local()
        self.read = Reader(folder).read
        """All rows of a SELECT. Sees every write that was acknowledged before it began, to anybody."""

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        """One operation, durable when it returns. Raises what the Engine says, Unavailable, or Unknown."""
        channel: Channel | None = getattr(self._local, "channel", None)
        if channel is None:
            channel = self._local.channel = self._connect()
        try:
            answer = channel.call(["do", operation, arguments])
        except BaseException:
            # Also for an interrupt between question and answer: the next answer would be to the wrong question.
            del self._local.channel
            channel.close()
            raise
        return Result.from_json(answer).unwrap()

    def _connect(self) -> Channel:
        try:
            return Channel.connect(self._socket_path)
        except OSError as error:
            raise Unavailable(f"the local runtime is gone: {error}", hint="start `portable dev` again") from error
