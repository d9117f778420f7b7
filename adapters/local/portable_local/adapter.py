"""The local Adapter object: what `portable`'s command line and tests ask of it. All is imported when first used."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from portable.errors import ConfigurationError, ProjectConflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portable.adapter import Console, Project, ReplayOptions, Running, ServeOptions, Support
    from portable.app import App
    from portable.capabilities import Profile
    from portable.invocation import Outcome
    from portable.telemetry import Recorder

Kind = Literal["param", "secret"]


class LocalAdapter:
    """Implements portable.adapter.Adapter, LocalServer, Observes and Supports."""

    name = "local"
    lacks: frozenset[str] = frozenset()

    def running(
        self, app: "App", *, profile: "Profile | None" = None, recorder: "Recorder | None" = None
    ) -> "AbstractContextManager[Running]":
        """Runs `app` in this process, in an empty temporary folder, on a clock that stands until it is advanced."""
        from .running import running

        return running(app, profile=profile, recorder=recorder)

    def support(self) -> "Mapping[str, Support]":
        """What is native here and what is emulated, for the portability matrix."""
        from .support import SUPPORT

        return SUPPORT

    def serve(self, options: "ServeOptions") -> int:
        """Runs until interrupted; returns the exit code."""
        from .supervisor import serve

        return serve(options)

    def invoke(self, project: "Project", data: Path, handler: str, payload: str) -> "Outcome":
        """Runs one handler now: in a `portable dev` that has no console, else in a process of its own.

        Where there is a console, its API runs handlers, and their invocations are recorded: see `serving`.

        Raises LoadError or DeclarationError for an app that does not load.
        """
        from .store.owner import hold_folder

        try:
            lock = hold_folder(data, "portable invoke")
        except ProjectConflict:
            from .supervisor import invoke

            return invoke(project, data, handler, payload)
        with lock:
            from .invoking import invoke_alone

            return invoke_alone(project, data, handler, payload)

    def replay(self, project: "Project", data: Path, options: "ReplayOptions") -> "dict[str, Any]":
        """Runs a recorded invocation again in a process of its own, on the project's data or on what it had read."""
        from .replaying import replay

        return replay(project, data, options)

    def write_value(self, data: Path, kind: Kind, name: str, value: str | None) -> None:
        """Sets (or with None removes) a param or secret in the data folder, readable by this user only."""
        from portable.capabilities import load_profile
        from portable.config import check_value

        from .values import write_value

        if value is not None:
            check_value(kind, name, value, load_profile())
        write_value(data, kind, name, value)

    def value_names(self, data: Path, kind: Kind) -> list[str]:
        from .values import read_values

        return sorted(read_values(data, kind))

    def read_param(self, data: Path, name: str) -> str | None:
        """The value of a param in the data folder, or None; there is no such verb for secrets."""
        from .values import read_values

        return read_values(data, "param").get(name)

    def reset_table(self, data: Path, table: str) -> int:
        """Erases a local table's items; how many. Raises ProjectConflict while `portable dev` runs, NotFound."""
        if not data.is_dir():
            raise ConfigurationError(f"there is no data folder {data}", hint="nothing was stored yet, or see --data")
        from .store.engine import Engine
        from .store.owner import hold_folder

        with hold_folder(data, "portable reset"):
            engine = Engine(data)
            try:
                count: int = engine.execute([("table.reset", {"table": table})])[0].unwrap()
            finally:
                engine.close()
        return count

    def console(self, data: Path) -> "Console":
        """What was recorded in a data folder: from the running `portable dev`, or from what is left of it."""
        from .console_client import console_of

        return console_of(data)

    def serving(self, data: Path) -> "Console | None":
        """That of the `portable dev` that holds the data folder, once it serves; None if none does, or it has none."""
        from .console_client import serving_console

        return serving_console(data)

    def doctor(self, data: Path) -> list[tuple[str, bool, str]]:
        """Checks of this machine: (what, whether it is fine, detail)."""
        from .diagnosis import diagnose

        return diagnose(data)
