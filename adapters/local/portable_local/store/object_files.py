"""Files of objects: one for each version, below objects/, written whole before the database knows of it.

A name is made of a hash and of escaped characters of the key, so that no key can leave the folder, and no two keys
meet, on file systems that fold case too. Every path is opened below the folder's own descriptor, without following
links.
"""

import errno
import os
import shutil
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NoReturn

from portable.errors import ConfigurationError

from . import crash_points

FOLDER = "objects"
CHUNK = 256 * 1024
SHOWN = 60
PARTIAL = ".part"
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class ObjectFiles:
    """The files of one data folder. `durable`: written files are synced, with the folders that name them."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.root = folder / FOLDER
        self.durable = durable
        self._synced: set[str] = set()
        """Folders below the root whose own names this process has synced, whoever made them."""

    def write(self, bucket: str, key: str, chunks: Iterable[bytes]) -> tuple[str, int]:
        """Writes a new file; its name below objects/, and its size. Leaves nothing if the chunks raise."""
        name = file_name(bucket, key)
        with self._opened(name, create=True) as (folder, base):
            partial = base + PARTIAL
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(partial, flags, 0o600, dir_fd=folder)
            try:
                with os.fdopen(descriptor, "wb", buffering=0) as file:
                    size = 0
                    for chunk in chunks:
                        size += len(chunk)
                        _write_all(file.fileno(), chunk)
                    if self.durable:
                        os.fsync(file.fileno())
                crash_points.reach("object-written")
                os.rename(partial, base, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                _unlink(partial, folder)
                raise
            self._settle(base, folder)
        crash_points.reach("object-named")
        return name, size

    def _settle(self, base: str, folder: int) -> None:
        """Makes the file's name last; a name that may not is taken back."""
        if self.durable:
            try:
                os.fsync(folder)
            except BaseException:
                _unlink(base, folder)
                raise

    def copy(self, source: str, bucket: str, key: str) -> str:
        """Another name for a file's bytes, which never change. Raises FileNotFoundError."""
        name = file_name(bucket, key)
        with self._opened(source) as (old_folder, old), self._opened(name, create=True) as (folder, base):
            # Another name for a link would lead where it leads.
            os.close(os.open(old, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=old_folder))
            try:
                os.link(old, base, src_dir_fd=old_folder, dst_dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                raise
            except OSError:
                # A file system without hard links, or too many of them.
                return self.write(bucket, key, self.read(source, 0, None))[0]
            self._settle(base, folder)
        crash_points.reach("object-copied")
        return name

    def open(self, name: str) -> int:
        """A descriptor to read from, which stays good when the file is removed. Raises FileNotFoundError."""
        with self._opened(name) as (folder, base):
            return os.open(base, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)

    def read(self, name: str, start: int, end: int | None) -> Iterator[bytes]:
        """Bytes `start` to `end`; the file is opened at once, so that FileNotFoundError is raised here."""
        return _chunks(self.open(name), start, end)

    def remove(self, names: Iterable[str]) -> None:
        """Removes files; one that cannot be is left for the next sweep."""
        for name in names:
            try:
                with self._opened(name) as (folder, base):
                    _unlink(base, folder)
            except OSError:
                continue

    def sweep(self, kept: Iterable[str]) -> int:
        """Removes every file that is not `kept`: left by a process that ended between file and database. How many."""
        wanted = set(kept)
        count = 0
        try:
            root = os.open(self.root, DIRECTORY)
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise ConfigurationError(
                f"{self.root} cannot be opened as a folder: {error.strerror}", hint="move away what is there instead"
            ) from error
        try:
            for sub in os.listdir(root):
                try:
                    folder = os.open(sub, DIRECTORY, dir_fd=root)
                except OSError as error:
                    if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                        raise
                    # Not ours: a file or a link that somebody put there, and what a link leads to is not ours either.
                    continue
                try:
                    for file in os.scandir(folder):
                        if f"{sub}/{file.name}" not in wanted and not file.is_dir(follow_symlinks=False):
                            _unlink(file.name, folder)
                            count += 1
                finally:
                    os.close(folder)
        finally:
            os.close(root)
        crash_points.reach("objects-swept")
        return count

    def clear(self) -> None:
        """Removes everything."""
        shutil.rmtree(self.root, ignore_errors=True)

    @contextmanager
    def _opened(self, name: str, *, create: bool = False) -> Generator[tuple[int, str]]:
        """(descriptor of the folder that a file is in, the file's own name)."""
        sub, _, base = name.partition("/")
        if not sub.isalnum() or "/" in base or base.startswith("."):
            _refuse(name)
        if create and not self.root.is_dir():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = os.open(self.root, DIRECTORY)
        try:
            try:
                folder = os.open(sub, DIRECTORY, dir_fd=root)
            except FileNotFoundError:
                if not create:
                    raise
                _make(sub, root)
                folder = os.open(sub, DIRECTORY, dir_fd=root)
            if create and self.durable and sub not in self._synced:
                # Also when it was there: who made it may not have come to this.
                try:
                    os.fsync(root)
                    self._sync(self.root.parent)
                except BaseException:
                    os.close(folder)
                    raise
                self._synced.add(sub)
        finally:
            os.close(root)
        try:
            yield folder, base
        finally:
            os.close(folder)

    def _sync(self, folder: Path) -> None:
        if self.durable:
            descriptor = os.open(folder, DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def file_name(bucket: str, key: str) -> str:
    """A new name: `ab/<hash of bucket and key>-<readable part of the key>-<random>`."""
    digest = sha256(f"{bucket}\0{key}".encode()).hexdigest()
    shown = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in key[:SHOWN])
    return f"{digest[:2]}/{digest[:40]}-{shown}-{os.urandom(8).hex()}"


def _chunks(descriptor: int, start: int, end: int | None) -> Iterator[bytes]:
    reader = _read(descriptor, start, end)
    # Started, so that closing it closes the descriptor even when nothing was read.
    next(reader)
    return reader


def _read(descriptor: int, start: int, end: int | None) -> Iterator[bytes]:
    try:
        yield b""
        position = start
        while end is None or position < end:
            most = CHUNK if end is None else min(CHUNK, end - position)
            chunk = os.pread(descriptor, most, position)
            if not chunk:
                return
            position += len(chunk)
            yield chunk
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _make(name: str, folder: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        # Somebody else was faster.
        return


def _unlink(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        # It is gone, which is what was wanted.
        return


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name!r} is no name of an object's file")
