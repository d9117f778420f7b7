"""The command line as a test calls it: in this process, with what it printed and its exit code."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from portable.cli.commands import run


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Runs `portable ARGUMENTS`. Descriptors are captured, so that a child's output is seen too."""
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: object) -> Done:
        capfd.readouterr()
        code = run([str(argument) for argument in arguments])
        return Done(code, *capfd.readouterr())

    return call


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes files, `{path: text}`, into a new project and returns its folder."""

    def make(files: dict[str, str], name: str = "project") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), encoding="utf-8")
        return folder

    return make
