"""What drivers hold of the store: operations go to its owner, reads go to connections of their own."""

import sqlite3
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from portable.binding import Clock

from .engine import Engine
from .results import Result
from .schema import open_reader

Row = tuple[Any, ...]


class Store(Protocol):
    """A data folder as one process sees it. A read sees every write that was acknowledged before, to anybody.

    `folder` is the data folder; `base_url` is where signed URLs lead; `durable` whether files are to be synced.
    """

    clock: Clock
    folder: Path
    base_url: str
    durable: bool

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Runs one operation; its value. Raises the portable error that it failed with."""
        ...

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a SELECT, of one moment. Raises sqlite3.Error."""
        ...


class Reader:
    """Connections that only read, as many as threads read at once. Make it after any fork."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free: list[sqlite3.Connection] = []

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a SELECT, of one moment. Raises sqlite3.Error."""
        free = self._free
        try:
            connection = free.pop()
        except IndexError:
            connection = open_reader(self._folder)
        try:
            return connection.execute(sql, parameters).fetchall()
        finally:
            free.append(connection)

    def close(self) -> None:
        """Closes the connections that are not in use."""
        while self._free:
            self._free.pop().close()


INTERRUPTED = Result(None, "unknown", "the write was interrupted")


class Call:
    """One operation that waits for its turn."""

    __slots__ = ("arguments", "operation", "result")

    def __init__(self, operation: str, arguments: dict[str, Any]) -> None:
        self.operation = operation
        self.arguments = arguments
        self.result: Result | None = None


class LocalStore:
    """The store in the process that has the Engine, for any number of threads.

    Whoever gets the engine takes along what others have handed in meanwhile: one transaction, one sync for all of them.
    """

    def __init__(self, engine: Engine, base_url: str = "http://localhost") -> None:
        self.engine = engine
        self.clock = engine.clock
        self.folder = engine.folder
        self.durable = engine.durable
        self.base_url = base_url
        self._waiting: deque[Call] = deque()
        self._turn = threading.Lock()
        self._reader = Reader(engine.folder)
        self.read = self._reader.read

    def call(self, operation: str, arguments: dict[str, Any]) -> Any:
        """Runs one operation; its value. Raises the portable error that it failed with."""
        mine = Call(operation, arguments)
        self._waiting.append(mine)
        with self._turn:
            if mine.result is None:
                self._run()
        assert mine.result is not None
        return mine.result.unwrap()

    def _run(self) -> None:
        batch: list[Call] = []
        while self._waiting:
            batch.append(self._waiting.popleft())
        results = [INTERRUPTED] * len(batch)
        try:
            results = self.engine.execute([(call.operation, call.arguments) for call in batch])
        finally:
            for call, result in zip(batch, results, strict=True):
                call.result = result

    def close(self) -> None:
        """Closes the connections; the engine stays open."""
        self._reader.close()
