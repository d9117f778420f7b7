"""What an adapter is to the rest of portable, and how one is found.

An adapter is an object under the entry-point group `portable.adapters`. Looking it up is for the command line, tests
and deploys; a deployed function names its adapter in generated code and never comes here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, cast, runtime_checkable

from .drivers import DeadLetter
from .errors import ConfigurationError
from .invocation import Outcome

if TYPE_CHECKING:
    from .app import App
    from .capabilities import Profile
    from .deploy.diagnostics import Diagnostic
    from .deploy.imports import Imports
    from .deploy.plan import Plan
    from .http import Response
    from .telemetry import Recorder


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
    console_exposed: bool = False
    """The console is there also where `host` lets other machines in; itself at 127.0.0.1 and ::1 alone."""
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


class ReplayOptions(NamedTuple):
    """What `portable replay` asks of a LocalServer.

    `invocation` and `state` are of a replay file (docs/replay.schema.json); with a state it runs on empty data into
    which that is put, without one (None) on the project's own.
    """

    invocation: dict[str, Any]
    state: dict[str, Any] | None = None
    debug: bool = False
    """It waits for an editor, and stops at the handler's first line."""
    debug_port: int | None = None
    say: Callable[[str], None] = print
    """Tells people something meanwhile."""


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

    def running(
        self, app: "App", *, profile: "Profile | None" = None, recorder: "Recorder | None" = None
    ) -> AbstractContextManager[Running]:
        """Runs `app` in this process against this adapter's drivers, emptied before.

        `profile` has the limits in force, by default those of the app's targets; `recorder` takes what is recorded.
        """
        ...


class Support(NamedTuple):
    """How an adapter does one feature of the suite (portable.testing.conformance.features).

    `native`: by what the provider's services do, or without any provider. `emulated`: the provider lacks it, and the
    adapter makes it out of what there is. `refused`: what asks for it raises Unsupported.
    """

    kind: Literal["native", "emulated", "refused"]
    how: str
    """One sentence; of what is emulated also what differs."""
    services: tuple[str, ...] = ()
    """Those of the provider that take part, by the adapter's own short names; `a.b` is a part of `a`."""
    source: str = ""
    """A page of the provider's that says so."""
    codes: tuple[str, ...] = ()
    """What `portable check` tells where the difference matters."""


@runtime_checkable
class Supports(Protocol):
    """What an adapter has that wants a column in a portability matrix."""

    def support(self) -> Mapping[str, Support]:
        """For each feature by its id, or for all of them by what stands before the dot."""
        ...


@runtime_checkable
class LocalServer(Protocol):
    """What only the local adapter has: serving on this machine, and its data folder."""

    def serve(self, options: ServeOptions) -> int:
        """Runs until interrupted; returns the exit code."""
        ...

    def invoke(self, project: Project, data: Path, handler: str, payload: str) -> Outcome:
        """Runs one handler now where no console serves: see `Observes.serving`."""
        ...

    def replay(self, project: Project, data: Path, options: ReplayOptions) -> dict[str, Any]:
        """Runs a recorded invocation again in a process of its own, and gives what is recorded of that."""
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


class Console(Protocol):
    """What was recorded of an app on this machine, by the console's API: see docs/observe.md."""

    link: str | None
    """Where a person opens it, once; None while `portable dev` does not run: then there is only what was recorded."""

    def get(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """The answer of `GET /api/v1/{path}`; raises the PortableError that its problem stands for."""
        ...

    def send(self, method: str, path: str, body: Mapping[str, Any], query: Mapping[str, object] | None = None) -> Any:
        """The same of a change. Raises Unavailable while `portable dev` does not run."""
        ...

    def events(self, kinds: Sequence[str], after: int | None = None) -> Iterator[tuple[int, str, Any]]:
        """What happens from now on, or after an event: number, kind, data. Ends when `portable dev` does."""
        ...


@runtime_checkable
class Observes(Protocol):
    """What the local adapter has: a record of what ran."""

    def console(self, data: Path) -> Console:
        """Raises NotFound if nothing was ever recorded in this data folder."""
        ...

    def serving(self, data: Path) -> Console | None:
        """That of the `portable dev` which holds the folder, once it serves; None if none does, or it has none.

        Raises ProjectConflict if something else holds the folder, Unavailable if it ends meanwhile.
        """
        ...


class PackageOptions(NamedTuple):
    """What `portable package` asks of a Packager.

    `manifest` is `Manifest.to_dict()`; `loaded_files` and `loaded_modules` are what importing the app loaded of the
    project and of libraries. `architecture` and `python` None: the provider's usual ones.
    """

    project: Project
    manifest: dict[str, Any]
    loaded_files: tuple[str, ...]
    loaded_modules: tuple[str, ...]
    stage: str
    is_prod: bool
    architecture: str | None = None
    python: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    refresh: bool = False
    """Resolve dependencies anew, whatever was kept."""
    settings: Mapping[str, Any] = {}
    """The provider's own table of the project's file, `[tool.portable.aws]`; the adapter checks it."""
    imports: "Imports | None" = None
    """What the project's files import; None if nobody has looked yet."""
    sure: Callable[[], None] = lambda: None
    """Called before what takes long, or needs the network: it raises if that would be in vain."""


class Package(NamedTuple):
    """What is deployed of an app in one stage.

    `files` are by path; what a template names lies under the path that it names. `functions` has for each function by
    its id: `name`, `handler`, `zip` (a path in `files`). `sizes` are those of each zip, by path.
    """

    architecture: str
    python: str
    files: dict[str, bytes]
    functions: dict[str, dict[str, str]]
    sizes: dict[str, dict[str, Any]]
    notes: tuple[str, ...]


@runtime_checkable
class Packager(Protocol):
    """What an adapter has whose provider takes packages: all but the local one."""

    def findings(self, manifest: dict[str, Any], stage: str) -> "Sequence[Diagnostic]":
        """What is wrong with the app in this stage that only its template can show."""
        ...

    def package(self, options: PackageOptions) -> Package:
        """Makes the package: no account and no network needed but for dependencies that are not kept yet.

        Raises InvalidArgument for a stage, processor or Python that the provider does not have, ConfigurationError for
        what cannot be packed, LimitExceeded for what is too large.
        """
        ...


@runtime_checkable
class Prepares(Protocol):
    """What a Packager may have that makes a package beside the process that imports the app and looks at its code."""

    def prepare(self) -> None:
        """Imports what a package is made with."""
        ...

    def begin(self, options: PackageOptions) -> Callable[[dict[str, Any]], Package]:
        """Makes what needs no grants, of which the manifest of `options` has none yet.

        Answers what makes the rest, and is given the whole manifest. Both raise what `package` raises.
        """
        ...


class Choices(NamedTuple):
    """What a user has decided before a deploy or rollback."""

    lose: tuple[str, ...] = ()
    """Data stores that may be replaced or deleted, by name."""
    skip: tuple[str, ...] = ()
    """Resources to give up, by the provider's id, where undoing an earlier change has failed."""
    wait: bool = True
    """For a change that the provider is making already."""


class Step(NamedTuple):
    """What happened to one resource. `status` is the provider's word, `state` what it means."""

    at: float
    kind: str
    name: str
    id: str
    status: str
    state: Literal["started", "done", "failed"]
    reason: str | None = None


class Watcher(Protocol):
    """Who is told what a deploy does, and asked whether to go on."""

    def say(self, text: str) -> None: ...

    def step(self, step: Step) -> None: ...

    def agree(self, plan: "Plan") -> bool:
        """Whether to apply this; False ends the deploy without a change."""
        ...


class Release(NamedTuple):
    """What was deployed once, and can be again. `of` is the release that a rollback went back to."""

    number: int
    at: str
    by: str
    python: str
    architecture: str
    functions: dict[str, str]
    """The zip of each function, by its id."""
    of: int | None = None


class Deployed(NamedTuple):
    """`release` None: it was not agreed to."""

    is_changed: bool
    release: Release | None
    outputs: dict[str, str]


class Destroyed(NamedTuple):
    """Data stores that are still there, and those that were deleted, by physical name."""

    kept: tuple[str, ...]
    deleted: tuple[str, ...]


class Holder(NamedTuple):
    """Who changes a stage now. Times are epoch seconds."""

    owner: str
    purpose: str
    since: float
    until: float


class LogLine(NamedTuple):
    """A line of a log; `function` is the one that wrote it, as the provider calls it."""

    at: float
    text: str
    id: str
    function: str


@runtime_checkable
class Deployer(Protocol):
    """One app in one stage on one provider. Interrupted anywhere, the same call again leads to the same end."""

    def plan(self, options: PackageOptions, *, drift: bool = False) -> "Plan":
        """What a deploy would change. Changes nothing.

        With `drift` its steps also say what was changed past the deploys.
        """
        ...

    def deploy(self, options: PackageOptions, choices: Choices, watcher: Watcher) -> Deployed:
        """Makes the stage what the app declares.

        Raises DataAtRisk before anything is changed, DeployFailed, ProjectConflict if someone else is at it.
        """
        ...

    def destroy(
        self, manifest: dict[str, Any] | None, delete_data: Sequence[str], keep: Sequence[str], watcher: Watcher
    ) -> Destroyed:
        """Deletes all but data stores, and those of them that are named in `delete_data`.

        `manifest` None: the app does not import, and what is or was deployed says what it has.
        `keep` are resources to leave behind, by id, where deleting them has failed.
        """
        ...

    def rollback(self, release: int | None, choices: Choices, watcher: Watcher) -> Deployed:
        """Goes back to the code and configuration of a release (None: the one before). Data stores stay."""
        ...

    def releases(self) -> list[Release]:
        """The newest last."""
        ...

    def outputs(self) -> dict[str, str]:
        """Raises NotFound if nothing is deployed."""
        ...

    def is_prod(self) -> bool | None:
        """Whether what is deployed is production; None if nothing is."""
        ...

    def logs(
        self, manifest: dict[str, Any] | None, handler: str | None, since: float, follow: "Callable[[], bool] | None"
    ) -> Iterator[LogLine]:
        """Lines of the function that runs `handler`, or of all; with `follow`, goes on for as long as that says so.

        `manifest` None: the app does not import, and what is deployed says which functions there are.
        """
        ...

    def invoke(self, manifest: dict[str, Any], handler: str, payload: str) -> Outcome:
        """Runs a background handler once, now."""
        ...

    def holder(self) -> Holder | None: ...


class Values(Protocol):
    """The params and secrets of one app in one place."""

    def names(self, kind: Literal["param", "secret"]) -> list[str]:
        """Of the values that are set."""
        ...

    def read_param(self, name: str) -> str | None:
        """None if it is not set; there is no such verb for secrets."""
        ...

    def write(self, kind: Literal["param", "secret"], name: str, value: str | None) -> None:
        """Sets, or with None removes."""
        ...


@runtime_checkable
class Deploys(Protocol):
    """What an adapter has to whose provider one deploys."""

    def deployer(self, app: str, stage: str) -> Deployer: ...

    def values(self, app: str, stage: str) -> Values: ...

    def deploy_policy(self) -> dict[str, Any]:
        """What whoever deploys must be allowed to, in the provider's own form."""
        ...


ADAPTERS = "portable.adapters"
"""The group of entry points."""
OURS = ("aws", "gcp", "local")
"""Adapters that come with portable: to find them among all that is installed takes as long as to import them."""


def find_adapter(name: str) -> Adapter:
    """The installed adapter called `name`. Raises ConfigurationError, naming those that are installed."""
    if name in OURS:
        try:
            return cast("Adapter", import_module(f"portable_{name}").adapter)
        except ModuleNotFoundError as error:
            # Installed without it, perhaps; what it imports is another matter.
            if error.name != f"portable_{name}":
                raise
    from importlib.metadata import entry_points

    found = entry_points(group=ADAPTERS)
    for entry in found:
        if entry.name == name:
            return cast("Adapter", entry.load())
    names = ", ".join(sorted(entry.name for entry in found)) or "none"
    raise ConfigurationError(f"there is no adapter {name!r}", hint=f"installed: {names}")
