"""One process owns a data folder: whoever holds the lock on owner.lock. The kernel lets go of it when the process ends."""

import fcntl
import json
import os
import time
from pathlib import Path
from types import TracebackType

from portable.errors import ConfigurationError, ProjectConflict

LOCK = "owner.lock"


class FolderLock:
    """Ownership of a folder, until `release` or the end of the process. The file says who it is, for people."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "FolderLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def hold_folder(folder: Path, what: str = "portable") -> FolderLock:
    """Makes the folder if need be and takes its lock. Raises ProjectConflict, with who has it; ConfigurationError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Inherited by nobody, so that no child keeps the folder after its owner.
        descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"the data folder {folder} cannot be written: {error.strerror or error}", hint="choose another with --data"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        owner = folder_owner(folder) or {}
        raise ProjectConflict(
            f"the data folder {folder} is in use by {owner.get('what', 'portable')}, process {owner.get('pid', '?')}, "
            f"since {owner.get('since', '?')}",
            hint="stop that one, or choose another folder with --data",
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise ConfigurationError(f"the data folder {folder} cannot be locked: {error.strerror}") from error
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    text = json.dumps({"pid": os.getpid(), "what": what, "since": since, "id": os.urandom(8).hex()})
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
    return FolderLock(folder, descriptor)


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
            try:
                found: dict[str, object] = json.loads(os.pread(descriptor, 4096, 0))
            except ValueError:
                # It has just taken the lock, and writes.
                return {}
            return found
        return None
    finally:
        os.close(descriptor)
