"""The Engine: the only one that writes. A batch of operations is one transaction with one sync."""

import logging
import random as random_module
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from portable.binding import Clock, SystemClock
from portable.errors import ConfigurationError

from . import crash_points
from .object_files import ObjectFiles
from .operations import OPERATIONS
from .queue_ops import next_due
from .results import Refusal, Result
from .schema import open_writer
from .session import Session
from .sweep_ops import start

Operation = tuple[str, dict[str, Any]]

LOG = logging.getLogger("portable.store")

BEFORE_THE_END = frozenset(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_BUSY"))
"""Errors of a COMMIT after which its last frame, without which the others count for nothing, is not in the log."""


class BrokenOperation(Exception):
    """An operation raised what it must not: it may have written a part, so its transaction is given up."""

    def __init__(self, position: int, result: Result) -> None:
        super().__init__(result.message)
        self.position = position
        self.result = result


class Engine:
    """Owns the database and the objects of a data folder; used by one thread at a time (see access.LocalStore).

    `path` is the folder (made if need be; hold it first, see owner.py). None makes a temporary one that is removed by
    `close` and never synced. `random` gives ids, index lag and jitter.
    """

    def __init__(
        self, path: Path | None, clock: Clock | None = None, random: random_module.Random | None = None
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.durable = path is not None
        self._temporary: str | None = None
        if path is None:
            self._temporary = tempfile.mkdtemp(prefix="portable-")
            path = Path(self._temporary)
        else:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = path
        self._random = random or random_module.Random()  # noqa: S311 - ids, lag and jitter are no secrets
        self.objects = ObjectFiles(self.folder, durable=self.durable)
        self._is_committing = False
        self._session = self._open()
        crash_points.reach("engine-opened")
        self._run_alone(start)
        self._sweep_objects()

    def _open(self) -> Session:
        return Session(open_writer(self.folder, durable=self.durable), self.clock, self._random, self.folder)

    def close(self) -> None:
        """Closes the database, after which the temporary folder is gone. May be called twice."""
        self._session.connection.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)

    @property
    def arrivals(self) -> int:
        """Grows whenever deliveries came up for claiming, so that whoever claims can be woken."""
        return self._session.arrivals

    def next_due(self) -> float | None:
        """When there is something to claim next, as an epoch time; None: nothing waits."""
        try:
            return next_due(self._session, {})
        except sqlite3.Error:
            # As an operation, which knows what to do about a connection that fails.
            found: float | None = self.execute([("queue.next_due", {})])[0].unwrap()
            return found

    def execute(self, operations: Sequence[Operation]) -> list[Result]:
        """Runs the operations in order, each wholly or not at all, and syncs once; their results in the same order.

        When SQLite or the disk fails, nothing of the batch has happened and every result says so.
        """
        broken: dict[int, Result] = {}
        while True:
            try:
                return self._attempt(operations, broken)
            except BrokenOperation as error:
                self._roll_back()
                broken[error.position] = error.result
            except (sqlite3.Error, OSError) as error:
                self._roll_back()
                LOG.error("nothing of %d operations was written: %s", len(operations), error)
                return [failure(error, is_committing=self._is_committing)] * len(operations)
            except BaseException:
                self._roll_back()
                raise

    def _attempt(self, operations: Sequence[Operation], broken: dict[int, Result]) -> list[Result]:
        session = self._session
        self._is_committing = False
        results: list[Result] = []
        arrivals = session.arrivals
        session.execute("BEGIN IMMEDIATE")
        for position, (name, arguments) in enumerate(operations):
            if position in broken:
                results.append(broken[position])
                continue
            try:
                results.append(Result(OPERATIONS[name](session, arguments)))
            except Refusal as refusal:
                results.append(Result(None, refusal.code, refusal.message, refusal.hint, refusal.detail))
            except sqlite3.OperationalError:
                raise
            except OSError:
                raise
            except Exception as error:
                if type(error) is sqlite3.DatabaseError:
                    raise
                LOG.exception("operation %s failed", name)
                message = f"operation {name}: {type(error).__name__}: {error}"
                raise BrokenOperation(position, Result(None, "bug", message)) from error
        session.save()
        crash_points.reach("before-commit")
        self._is_committing = True
        session.execute("COMMIT")
        self._is_committing = False
        crash_points.reach("after-commit")
        session.saved()
        if session.garbage:
            self.objects.remove(session.garbage)
            session.garbage.clear()
            crash_points.reach("garbage-removed")
        if session.arrivals != arrivals:
            crash_points.reach("after-arrival")
        return results

    def _run_alone(self, function: Any) -> None:
        """Runs one function of the session in a transaction of its own; for the start."""
        self._session.execute("BEGIN IMMEDIATE")
        try:
            function(self._session)
            self._session.execute("COMMIT")
        except BaseException:
            self._roll_back()
            self._session.connection.close()
            raise

    def _sweep_objects(self) -> None:
        """Removes the files that a process left that ended between file and database. Raises ConfigurationError."""
        try:
            self.objects.sweep(row[0] for row in self._session.execute("SELECT file FROM objects"))
        except BaseException:
            self._session.connection.close()
            raise

    def _roll_back(self) -> None:
        """Back to the last commit; a connection that cannot even do that is replaced."""
        session = self._session
        try:
            if session.connection.in_transaction:
                session.execute("ROLLBACK")
            session.forget()
        except sqlite3.Error as error:
            LOG.error("the connection is given up: %s", error)
            session.connection.close()
            arrivals = session.arrivals
            try:
                self._session = self._open()
            except (sqlite3.Error, OSError, ConfigurationError) as worse:
                # The closed one fails whatever is asked of it, and the next time this is tried again.
                LOG.error("the database cannot be opened: %s", worse)
            self._session.arrivals = arrivals


def failure(error: Exception, *, is_committing: bool = False) -> Result:
    """What a failing disk or database means for an operation."""
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    if "FSYNC" in name or (is_committing and name not in BEFORE_THE_END):
        # The log may hold it all, and a restart would then find it.
        return Result(None, "unknown", f"the disk did not confirm the write: {error} ({name})", "portable doctor")
    hint = "free some space on the disk" if name == "SQLITE_FULL" else "portable doctor"
    return Result(None, "unavailable", f"nothing was written: {error} ({name})", hint)
