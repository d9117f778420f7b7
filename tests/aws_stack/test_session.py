"""A component lives as long as the session that started it, however that ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.aws_stack import session
from tests.aws_stack.components import answers
from tests.aws_stack.ownership import OWNER, READY, born, lives, shared_folder

DEADLINE = 60.0
needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no signal for a parent's death")


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that owns a session of its own."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    monkeypatch.setenv(OWNER, str(process.pid))
    yield process
    process.kill()
    process.communicate()


def eventually(holds: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + DEADLINE
    while not holds():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


def of(folder: Path, name: str) -> int:
    import json

    found: int = json.loads((folder / READY).read_text())[name]
    return found


def test_a_component_is_shared_and_ends_when_its_session_is_killed(owner: "subprocess.Popen[bytes]") -> None:
    url = session.endpoint_of("dynamodb")
    assert session.endpoint_of("dynamodb") == url
    assert url.startswith("http://127.0.0.1:")
    assert answers(url)
    folder = shared_folder()
    assert folder.stat().st_mode & 0o077 == 0
    pid = of(folder / "dynamodb", "pid")
    since = born(pid)
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    assert eventually(lambda: not lives(pid, since))
    assert eventually(lambda: not folder.exists())
    assert not answers(url)


@needs_linux
def test_a_component_ends_when_its_keeper_is_killed(owner: "subprocess.Popen[bytes]") -> None:
    url = session.endpoint_of("dynamodb")
    folder = shared_folder()
    os.kill(of(folder / "dynamodb", "keeper"), signal.SIGKILL)
    assert eventually(lambda: not answers(url))
    (folder / "dynamodb" / READY).unlink()
    with pytest.raises(session.StackFailed, match="keeper of dynamodb has ended"):
        session.endpoint_of("dynamodb")
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def test_a_component_that_does_not_start_says_why(
    owner: "subprocess.Popen[bytes]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\ntest $1 = --list-modules && echo jdk.compiler@17 || { echo no memory; exit 7; }\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(session.StackFailed, match=r"(?s)it ended with 7.*no memory"):
        session.endpoint_of("dynamodb")
    folder = shared_folder()
    owner.kill()
    owner.wait()
    assert eventually(lambda: not folder.exists())
