"""What operations work on: the writing connection, the clock, and what is remembered of the database between them."""

import json
import random
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from portable.binding import Clock

from .results import Refusal

if TYPE_CHECKING:
    from portable.console.redaction import Redaction
    from portable_local.secret_values import Secrets


class HandlerEntry(NamedTuple):
    """What the queue must know of a background handler. Times are seconds."""

    kind: str
    max_attempts: int
    timeout: int
    min_backoff: float
    max_backoff: float


class TableEntry(NamedTuple):
    """A table as bound: its number, the numbers of its indexes, and the handlers of its changes."""

    id: int
    name: str
    indexes: dict[str, int]
    on_change: tuple[str, ...]


class Session:
    """Used by one thread at a time, inside a transaction of the Engine.

    The version counter and what is cached are thrown away when a transaction fails (`forget`).
    """

    def __init__(self, connection: sqlite3.Connection, clock: Clock, source: random.Random, folder: Path) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.clock = clock
        self.random = source
        self.folder = folder
        self.arrivals = 0
        self.garbage: list[str] = []
        """Object files that nothing refers to once the transaction is committed."""
        self._version = 0
        self._saved_version = 0
        self._tables: dict[str, TableEntry] = {}
        self._wiring: dict[str, Any] | None = None
        self._handlers: dict[str, HandlerEntry] | None = None
        self._secrets: Secrets | None = None
        self.forget()

    def redaction(self) -> "Redaction":
        """What takes the app's secrets out of a failure, before it is written."""
        if self._secrets is None:
            # Most stores see no failure for long, and values.py needs this package.
            from portable_local.secret_values import Secrets

            self._secrets = Secrets(self.folder)
        return self._secrets.current()

    def forget(self) -> None:
        """Drops what was remembered: the database holds something else."""
        row = self.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
        self._version = self._saved_version = 0 if row is None else row[0]
        self.garbage.clear()
        self.forget_wiring()

    def forget_wiring(self) -> None:
        self._tables = {}
        self._wiring = None
        self._handlers = None

    def next_version(self) -> int:
        """Greater than every version given out before, in any run."""
        self._version += 1
        return self._version

    def save(self) -> None:
        """Writes what must last; the last thing before a commit."""
        if self._version != self._saved_version:
            self.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('version', ?)", (self._version,))

    def saved(self) -> None:
        """The transaction is committed."""
        self._saved_version = self._version

    def new_id(self) -> str:
        return f"{self.random.getrandbits(128):032x}"

    @property
    def wiring(self) -> dict[str, Any]:
        """What `bind` was given last; the empty wiring before."""
        if self._wiring is None:
            row = self.execute("SELECT value FROM meta WHERE name = 'wiring'").fetchone()
            self._wiring = json.loads(row[0]) if row is not None else {}
        assert self._wiring is not None
        return self._wiring

    @property
    def handlers(self) -> dict[str, HandlerEntry]:
        """The background handlers of the app as bound."""
        if self._handlers is None:
            self._handlers = {
                name: HandlerEntry(*rest)
                for name, *rest in self.execute(
                    "SELECT name, kind, max_attempts, timeout, min_backoff, max_backoff FROM handlers"
                )
            }
        return self._handlers

    def table(self, name: str) -> TableEntry:
        """A declared table. Refuses one that is not."""
        found = self._tables.get(name)
        if found is None:
            row = self.execute("SELECT id FROM tables WHERE name = ?", (name,)).fetchone()
            if row is None:
                raise Refusal("not_found", f"there is no table {name!r}", hint="bind the app that declares it")
            indexes = dict(self.execute("SELECT name, id FROM indexes WHERE tbl = ?", row).fetchall())
            handlers = self.wiring.get("changes", {}).get(name, ())
            found = self._tables[name] = TableEntry(row[0], name, indexes, tuple(handlers))
        return found


def version_text(number: int) -> str:
    """A version as users see it: of fixed width, so that the order of texts is that of the writes."""
    return f"{number:016x}"


def version_number(text: object) -> int:
    """The number of a version; -1, which no item has, for anything else."""
    if not isinstance(text, str) or len(text) != 16 or not text.isascii() or not text.isalnum():
        return -1
    try:
        number = int(text, 16)
    except ValueError:
        return -1
    return number if version_text(number) == text else -1
