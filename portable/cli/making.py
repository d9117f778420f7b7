"""What goes into a package, and whether the checks let it be made: for all verbs that make one."""

import gc
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from portable.adapter import PackageOptions, Packager, Project, find_adapter
from portable.errors import ConfigurationError
from portable.project_file import PROJECT_FILE

from .check import report
from .importing import Importing
from .project import project_settings

if TYPE_CHECKING:
    from portable.deploy.diagnostics import Diagnostic

PROD = ("prod", "production")
"""Stages that are production by their name."""


def find_packager(target: str) -> Packager:
    """The adapter of a provider as one that makes packages. Raises ConfigurationError."""
    adapter: object = find_adapter(target)
    if not isinstance(adapter, Packager):
        raise ConfigurationError(
            f"the adapter for {target} makes no packages yet", hint="there are packages for: aws, gcp"
        )
    return adapter


def found(answer: dict[str, Any], packager: Packager, target: str, stage: str, *, is_prod: bool) -> dict[str, Any]:
    """What `check` has to say for this target, with what only its template can show. Production is checked strictly."""
    return told(answer["check"], packager.findings(answer["manifest"], stage), target, is_prod=is_prod)


def told(check: dict[str, Any], findings: "Sequence[Diagnostic]", target: str, *, is_prod: bool) -> dict[str, Any]:
    """What the code's checks and a template's findings say together."""
    root = check["root"]
    if not findings:
        return report(check, [target], strict=is_prod)
    # Only now: it brings all of the checks along.
    from portable.check import whole

    from .checking import diagnostic_value

    more = [diagnostic_value(one._replace(location=whole(one.location, root)), root) for one in findings]
    return report({**check, "diagnostics": [*check["diagnostics"], *more]}, [target], strict=is_prod)


def chosen(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """`include` and `exclude` of [tool.portable]. Raises ConfigurationError."""
    if not (root / PROJECT_FILE).is_file():
        return (), ()
    settings = project_settings(root / PROJECT_FILE)
    lists: list[tuple[str, ...]] = []
    for name in ("include", "exclude"):
        value: object = settings.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) for one in cast("list[object]", value)):
            raise ConfigurationError(f"{PROJECT_FILE}: [tool.portable] {name} is no list of texts")
        lists.append(tuple(cast("list[str]", value)))
    return lists[0], lists[1]


def settings_for(root: Path, target: str) -> dict[str, Any]:
    """The table [tool.portable.TARGET], which the adapter understands. Raises ConfigurationError."""
    file = root / PROJECT_FILE
    found: object = project_settings(file).get(target, {}) if file.is_file() else {}
    if not isinstance(found, dict):
        raise ConfigurationError(
            f"{PROJECT_FILE}: tool.portable.{target} is not a table", hint=f"[tool.portable.{target}]"
        )
    return cast("dict[str, Any]", found)


@contextmanager
def uncollected() -> Generator[None, None, None]:
    """Without a search for garbage: all that a large app's package is made of is kept until the end."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class Recipe(NamedTuple):
    """How a package is made, as the command line and the project's file say it."""

    architecture: str | None
    python: str | None
    refresh: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    settings: dict[str, Any]

    def options(
        self,
        project: Project,
        answer: dict[str, Any],
        stage: str,
        is_prod: bool,
        sure: Callable[[], None] = lambda: None,
    ) -> PackageOptions:
        """`answer` is what the process that imported the app said."""
        from portable.deploy.imports import Imports

        loaded = answer["loaded"]
        return PackageOptions(
            project, answer["manifest"], tuple(loaded["files"]), tuple(loaded["modules"]), stage, is_prod,
            self.architecture, self.python, self.include, self.exclude, self.refresh, self.settings,
            Imports.of(answer["imports"]), sure,
        )  # fmt: skip


class Unsound(Exception):
    """The checks have found errors, and so what takes long is not begun."""


class Described:
    """What the app's process says for a package, read as it is needed: it goes on with the next part meanwhile."""

    def __init__(self, process: Importing, packager: Packager, target: str, stage: str, *, is_prod: bool) -> None:
        self.answer: dict[str, Any] = process.answer()["package"]
        """What was loaded, and the manifest without grants."""
        self.root: str = ""
        self._process = process
        self._asked = (packager, target, stage)
        self._is_prod = is_prod
        self._manifest: dict[str, Any] | None = None
        self._checked: dict[str, Any] | None = None

    def manifest(self) -> dict[str, Any]:
        """The whole of it."""
        if self._manifest is None:
            self._manifest = {**self.answer["manifest"], **self._process.answer()["package"]["granted"]}
        return self._manifest

    def checked(self) -> dict[str, Any]:
        """What `check` has to say for the target."""
        if self._checked is None:
            packager, target, stage = self._asked
            # While the app's process still looks at its code.
            findings = packager.findings(self.manifest(), stage)
            check = self._process.answer()["package"]["check"]
            self.root = check["root"]
            self._checked = told(check, findings, target, is_prod=self._is_prod)
        return self._checked

    def sure(self) -> None:
        """Raises Unsound if the checks have found errors."""
        if not self.checked()["ok"]:
            raise Unsound
