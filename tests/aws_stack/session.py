"""One of each component for a whole test session: the worker that needs it first starts it, all others use it.

What they share is a folder that is named after the process that owns the session: pytest, or xdist's controller.
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from .installation import locked
from .ownership import ALIVE, FAILED, KEEPER_LOG, LOG, OWNER, READY, born, owner, shared_folder

ROOT = Path(__file__).parents[2]
LONGEST = 900.0
"""Seconds to wait for a component: its installation may be part of it."""
POLL = 0.05
TAIL = 40


class StackFailed(Exception):
    """A component did not start; has the end of its log."""


def endpoint_of(name: str) -> str:
    """The URL of a component, which is installed and started if it is not there. Raises StackFailed."""
    folder = shared_folder() / name
    ready, failed = folder / READY, folder / FAILED
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            folder.mkdir()
            start_keeper(name, folder)
    give_up = time.monotonic() + LONGEST
    while not ready.exists():
        if failed.exists():
            raise StackFailed(f"{name} did not start: {failed.read_text()}\n{tail(name)}")
        if not is_kept(folder):
            raise StackFailed(f"the keeper of {name} has ended\n{tail(name)}")
        if time.monotonic() > give_up:
            raise StackFailed(f"{name} was not there after {LONGEST:.0f} seconds\n{tail(name)}")
        time.sleep(POLL)
    url: str = json.loads(ready.read_text())["url"]
    return url


def start_keeper(name: str, folder: Path) -> None:
    """Starts what lives as long as the session: it detaches itself, so that nobody has to wait for it."""
    command = [sys.executable, "-m", "tests.aws_stack.keeper", name, str(folder), str(owner()), born(owner())]
    with (folder / KEEPER_LOG).open("wb") as log, (folder / ALIVE).open("wb") as alive:
        # The lock is the open file's, and the keeper inherits that: it is held until the keeper has ended.
        fcntl.flock(alive, fcntl.LOCK_EX)
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, OWNER: str(owner())},
            pass_fds=[alive.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=LONGEST,
        )


def is_kept(folder: Path) -> bool:
    """Whether the keeper of a component lives."""
    try:
        with (folder / ALIVE).open("rb") as alive:
            fcntl.flock(alive, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def tail(name: str) -> str:
    """The end of what a component has said, for messages about failures."""
    lines: list[str] = []
    for file in (LOG, KEEPER_LOG):
        path = shared_folder() / name / file
        if path.exists():
            lines.extend(path.read_text(errors="replace").splitlines()[-TAIL:])
    return "\n".join(lines)
