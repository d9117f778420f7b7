"""What an adapter is to the rest of portable, and how one is found.

An adapter is an object under the entry-point group `portable.adapters`. Looking it up is for the command line, tests
and deploys; a deployed function names its adapter in generated code and never comes here.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast, runtime_checkable

from .drivers import DeadLetter
from .errors import ConfigurationError
from .invocation import Outcome

if TYPE_CHECKING:
    from .app import App
    from .capabilities import Profile
    from .http import Response


class Project(NamedTuple):
    """Where an app lives: `module:attribute`, importable with `root` on the path."""

    root: Path
    module: str
    attribute: str


class ServeOptions(NamedTuple):
    """What `portable dev` asks of a Server. Ports: None means the default one, and moving on when that is busy."""

    project: Project
    data: Path
    port: int | None = None
    console_port: int | None = None
    host: str = "127.0.0.1"
    ready_file: Path | None = None
    reload: bool = True
    profile: str | None = None
    """Whose limits are in force; None: those of the app's targets."""
    limits: Literal["refuse", "warn"] = "refuse"
    workers: int = 4
    debug: bool = False
    """An editor may attach; no time limits."""
    debug_port: int | None = None
    as_json: bool = False


class Running(Protocol):
    """An app that runs in this process for a test: its resources are bound, its triggers fire when told to."""

    app: "App"

    def request(
        self, method: str, target: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> "Response":
        """Sends one HTTP request; `target` is the raw path and query."""
        ...

    def drain(self) -> None:
        """Delivers all that is due, and all that follows from it, and settles index lag."""
        ...

    def advance(self, seconds: float) -> None:
        """Moves the clock on and fires the schedules on the way; does not deliver."""
        ...

    def now(self) -> float: ...

    def fire(self, schedule: str, at: datetime | None = None) -> None:
        """Queues a run of a schedule as if `at` (default: now) were a fire time."""
        ...

    def dead_letters(self, handler: str) -> list[DeadLetter]: ...

    def set_value(self, kind: Literal["param", "secret"], name: str, value: str) -> None: ...

    def redeliver(self, handler: str) -> int:
        """Delivers again the newest acknowledged delivery of `handler`, as at-least-once allows; how many."""
        ...


CAPABILITIES = {"signed_urls": "bucket.signed_url gives a URL under which others reach an object"}
"""What a provider may lack; everything else has to be there. The suite has a test of each, capabilities.py."""


class Adapter(Protocol):
    """One provider's implementation."""

    name: str
    lacks: frozenset[str]
    """Those of CAPABILITIES that it does not have: what needs one raises Unsupported."""

    def running(self, app: "App", *, profile: "Profile | None" = None) -> AbstractContextManager[Running]:
        """Runs `app` in this process against this adapter's drivers, emptied before.

        `profile` has the limits in force, by default those of the app's targets.
        """
        ...


@runtime_checkable
class LocalServer(Protocol):
    """What only the local adapter has: serving on this machine, and its data folder."""

    def serve(self, options: ServeOptions) -> int:
        """Runs until interrupted; returns the exit code."""
        ...

    def invoke(self, project: Project, data: Path, handler: str, payload: str) -> Outcome:
        """Runs one handler now, through the running `portable dev` if there is one."""
        ...

    def write_value(self, data: Path, kind: Literal["param", "secret"], name: str, value: str | None) -> None:
        """Sets (or with None removes) a param or secret in the data folder, readable by this user only."""
        ...

    def value_names(self, data: Path, kind: Literal["param", "secret"]) -> list[str]: ...

    def read_param(self, data: Path, name: str) -> str | None:
        """The value of a param in the data folder, or None; there is no such verb for secrets."""
        ...

    def reset_table(self, data: Path, table: str) -> int:
        """Erases a local table's items; returns how many."""
        ...

    def doctor(self, data: Path) -> list[tuple[str, bool, str]]:
        """Checks of this machine: (what, whether it is fine, detail)."""
        ...


def find_adapter(name: str) -> Adapter:
    """The installed adapter called `name`. Raises ConfigurationError, naming those that are installed."""
    from importlib.metadata import entry_points

    found = entry_points(group="portable.adapters")
    for entry in found:
        if entry.name == name:
            return cast("Adapter", entry.load())
    names = ", ".join(sorted(entry.name for entry in found)) or "none"
    raise ConfigurationError(f"there is no adapter {name!r}", hint=f"installed: {names}")
