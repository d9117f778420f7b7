"""Invocations that really happened: an app that runs in this process with a Recorder, and what that was told."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from portable import App
from portable.replay import ReplayFile, invocation_json, replay_file
from portable.telemetry import CallRecord, InvocationRecord, LogRecord
from portable.testing import RunningApp, running


class Collecting:
    """A Recorder that keeps everything."""

    payloads = True
    spans = True

    def __init__(self) -> None:
        self.invocations: list[InvocationRecord] = []
        self.calls: list[CallRecord] = []

    def skips(self, *_: object) -> bool:
        return False

    def invocation(self, record: InvocationRecord, /) -> None:
        self.invocations.append(record)

    def call(self, record: CallRecord, /) -> None:
        self.calls.append(record)

    def log(self, record: LogRecord, /) -> None:
        pass

    def json(self, position: int = -1) -> dict[str, Any]:
        """An invocation, by default the newest, as the API has it; by way of JSON text."""
        record = self.invocations[position]
        calls = [call for call in self.calls if call.parent_id == record.span_id]
        found: dict[str, Any] = json.loads(json.dumps(invocation_json(record, calls)))
        return found


class Recorded(NamedTuple):
    """An app that runs, and what is recorded of it."""

    started: RunningApp
    recorder: Collecting

    def file(self, position: int = -1) -> ReplayFile:
        return replay_file(self.recorder.json(position), app=self.started.app.name, portable="0.0.test")


@contextmanager
def recorded(app: App) -> Generator[Recorded, None, None]:
    """Runs the app with a recorder from its first invocation on."""
    from portable.dispatch import Dispatcher

    with running(app) as started:
        recorder = Collecting()
        app.binding.recorder = recorder
        app.rebound()
        # The Dispatcher has looked for a recorder already.
        started.running.dispatcher = Dispatcher(app, app.binding)  # type: ignore[attr-defined]
        yield Recorded(started, recorder)


class Project(NamedTuple):
    """An app in a folder of its own."""

    folder: Path
    app: App

    def run(self, text: str) -> None:
        """Runs a saved test here, which is quicker by far."""
        namespace: dict[str, Any] = {"__name__": "saved"}
        exec(compile(text, str(self.folder / "test_saved.py"), "exec"), namespace)
        (test,) = (value for name, value in namespace.items() if name.startswith("test_"))
        test()

    def pytest(self, text: str) -> "subprocess.CompletedProcess[str]":
        """Runs a saved test in a process of its own, as its user does."""
        file = self.folder / "tests" / "test_saved.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Generator[Callable[[str], Project], None, None]:
    """Writes and imports an app; its module has a name of its own, as tests share a process."""
    made: list[str] = []

    def make(source: str) -> Project:
        name = f"replayed_{abs(hash(request.node.nodeid)) % 10**9}_{len(made)}"
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n', encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        made.append(name)
        module = import_module(name)
        return Project(tmp_path, module.app)

    yield make
    for name in made:
        sys.modules.pop(name, None)
