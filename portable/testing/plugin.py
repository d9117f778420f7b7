"""The pytest plugin: `running_app` and what belongs to it as fixtures, in every project that has portable installed.

It is loaded also where nobody uses it, so that nothing is imported until a fixture is asked for. The names of the
fixtures are long for that reason too: `client` is what pytest-django and pytest-flask call theirs.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from portable.adapter import Project
    from portable.app import App

    from .client import Client
    from .running_app import AppClock, RunningApp

INI = "portable_app"
REPORT = "--portability-report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The setting of pytest.ini and its like, and the option of adapters' authors."""
    parser.getgroup("portable").addoption(
        REPORT,
        metavar="FILE.json",
        help="of a run of the conformance suite: writes down what the adapter does, for a portability matrix",
    )
    parser.addini(
        INI,
        "the app that the fixture portable_app gives: a folder or Python file, relative to this file, or module:name",
        default="",
    )


def pytest_configure(config: pytest.Config) -> None:
    file: str | None = config.getoption(REPORT)
    if file is None:
        return
    from pathlib import Path

    from .portability.recorder import Recorder

    path = Path(config.invocation_params.dir, file)
    if not path.parent.is_dir():
        raise pytest.UsageError(f"{REPORT}: there is no folder {path.parent}")
    config.pluginmanager.register(Recorder(path, is_worker=hasattr(config, "workerinput")), "portable-portability")


@pytest.fixture
def portable_app(request: pytest.FixtureRequest) -> App:
    """The project's app, found as the command line finds it; redefine the fixture to name another one."""
    __tracebackhide__ = True
    from portable.errors import PortableError

    try:
        return find_app(request)
    except PortableError as error:
        hint = f"\n  {error.hint}" if error.hint else ""
        pytest.fail(f"portable_app: {error.message}{hint}", pytrace=False)


@pytest.fixture
def running_app(portable_app: App) -> Generator[RunningApp]:
    """The app running in this process with empty data, as `portable.testing.running(app)` gives it."""
    from portable.testing import running

    with running(portable_app) as started:
        yield started


@pytest.fixture
def portable_client(running_app: RunningApp) -> Client:
    """The HTTP client of the running app."""
    return running_app.client


@pytest.fixture
def portable_clock(running_app: RunningApp) -> AppClock:
    """The clock of the running app, which stands still until it is advanced."""
    return running_app.clock


def find_app(request: pytest.FixtureRequest) -> App:
    """The app that the setting names, else that of the nearest folder above the test. Raises LoadError and the like."""
    from portable.adapter import Project
    from portable.cli.project import find_project

    setting = str(request.config.getini(INI))
    root = request.config.rootpath
    base = root if request.config.inipath is None else request.config.inipath.parent
    if setting:
        module, colon, attribute = setting.partition(":")
        if colon and all(name.isidentifier() for name in (*module.split("."), attribute)):
            return load_app(Project(base, module, attribute))
        return load_app(find_project(str(base / setting)))
    return load_app(nearest_project(request.path.parent, root))


def nearest_project(folder: Path, root: Path) -> Project:
    """The first folder from `folder` up to the root of the tests that has an app. Raises LoadError if none has."""
    from portable.cli.project import FILES, find_project, project_settings
    from portable.errors import LoadError
    from portable.project_file import PROJECT_FILE

    for place in (folder, *folder.parents):
        settings = place / PROJECT_FILE
        if (settings.is_file() and "app" in project_settings(settings)) or any(
            (place / name).is_file() for name in FILES
        ):
            return find_project(str(place))
        if place == root:
            break
    raise LoadError(
        f"no app in {folder} or in a folder above it, up to {root}",
        hint=f'name it in {PROJECT_FILE}: [tool.portable] app = "module:app"\n'
        f'  or in the settings of pytest: {INI} = "folder"\n'
        "  or give it yourself, in conftest.py:\n"
        "      @pytest.fixture\n"
        "      def portable_app():\n"
        "          from shop import app\n"
        "          return app",
    )


def load_app(project: Project) -> App:
    """Imports an app into this process. Raises LoadError; what the import itself raises is the test's error."""
    from importlib import import_module
    from pathlib import Path

    from portable.app import App
    from portable.cli.project import project_file
    from portable.errors import LoadError

    folder = str(project.root)
    if folder not in sys.path:
        # For good, as pytest's own `pythonpath` does: handlers may import when they run.
        sys.path.insert(0, folder)
    expected = project_file(project)
    if not expected.is_file():
        raise LoadError(f"there is no module {project.module!r} in {folder}")
    module = import_module(project.module)
    file = Path(module.__file__ or "")
    if file.resolve() != expected.resolve():
        raise LoadError(
            f"{project.module!r} is imported from {file} already, so that {expected} cannot be",
            hint="give the modules of the apps different names, or run their tests one after the other",
        )
    found: object = getattr(module, project.attribute, None)
    if not isinstance(found, App):
        what = "has no such name" if found is None else f"has a {type(found).__name__} there"
        raise LoadError(
            f"{project.module}:{project.attribute} is no App: {file} {what}",
            hint=f'{project.attribute} = App("name")',
        )
    return found
