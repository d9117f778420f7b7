"""Whose a test session is, and where its components lie: what workers and keepers both know."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

OWNER = "PORTABLE_AWS_OWNER"
READY = "ready.json"
FAILED = "failed"
LOG = "log"
KEEPER_LOG = "keeper.log"
ALIVE = "alive"
"""A file that the keeper holds the lock of for as long as it lives."""


def born(pid: int) -> str:
    """When a process was started, as far as the system tells: numbers of processes are used again."""
    with suppress(OSError):
        # The name of the program may have spaces and brackets: fields are counted after the last one.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    return "0"


def lives(pid: int, since: str) -> bool:
    """Whether the process that was started then is still there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return born(pid) == since


def owner() -> int:
    """The process whose end is the session's. A worker of xdist is a child of it; a keeper is told."""
    told = os.environ.get(OWNER)
    if told is not None:
        return int(told)
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def shared_folder() -> Path:
    """What the processes of a session share; nobody else may look into it."""
    folder = Path(tempfile.gettempdir()) / f"portable-aws-{os.getuid()}-{owner()}-{born(owner())}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
