"""One process owns a data folder: whoever holds the lock on owner.lock. The kernel frees it when the process ends."""

import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from portable.errors import ConfigurationError, ProjectConflict

LOCK = "owner.lock"
PATIENCE = 2.0
"""Seconds in which an owner that has just taken the lock has written who it is."""
PAUSE = 0.01


class FolderLock:
    """Ownership of a folder, until `release` or the end of the process. The file says who it is, for people."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            # The name of an owner that lives on, and is none any more, would mislead who comes next.
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold_folder(folder: Path, what: str = "portable") -> FolderLock:
    """Makes the folder if need be and takes its lock. Raises ProjectConflict, with who has it; ConfigurationError."""
    try:
        make_folder(folder)
        # Inherited by nobody, so that no child keeps the folder after its owner.
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the data folder {folder} cannot be written: {error.strerror or error}", hint="choose another with --data"
        ) from error
    try:
        owner = take_lock(descriptor)
    except OSError as error:
        os.close(descriptor)
        raise ConfigurationError(f"the data folder {folder} cannot be locked: {error.strerror}") from error
    if owner is not None:
        os.close(descriptor)
        raise ProjectConflict(
            f"the data folder {folder} is in use by {owner.get('what', 'portable')}, process {owner.get('pid', '?')}, "
            f"since {owner.get('since', '?')}",
            hint="stop that one, or choose another folder with --data",
        )
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    text = json.dumps({"pid": os.getpid(), "what": what, "since": since, "id": os.urandom(8).hex()})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
    return FolderLock(folder, descriptor)


def make_folder(folder: Path) -> None:
    """Makes the folder for this user alone if there is none, and syncs the folder that names it."""
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take_lock(descriptor: int) -> dict[str, object] | None:
    """Takes the lock: None; or what its owner says about itself. Raises OSError.

    Somebody who only asks who owns the folder holds the lock for a moment, and an owner writes its name after it has
    taken the lock, so the answer may take a while.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = written(descriptor)
            if owner.get("pid") is not None and is_alive(owner["pid"]):
                return owner
            if time.monotonic() > until:
                return owner
            time.sleep(PAUSE)
        else:
            return None


def written(descriptor: int) -> dict[str, object]:
    """What stands in the lock's file; nothing while its owner writes."""
    try:
        found: object = json.loads(os.pread(descriptor, 4096, 0))
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def is_alive(pid: object) -> bool:
    """Whether there is a process with this number: the name of an owner that was killed stays in the file."""
    if type(pid) is not int or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def folder_owner(folder: Path) -> dict[str, object] | None:
    """What the owner wrote about itself; None if nobody holds the folder."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return written(descriptor)
        return None
    finally:
        os.close(descriptor)
