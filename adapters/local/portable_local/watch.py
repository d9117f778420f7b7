"""What changes below the project's folder, as descriptors that a selector can wait for: inotify(7) through ctypes.

Elsewhere than on Linux watchfiles does it, in a process of its own that writes a byte when something changed.
"""

import ctypes
import errno
import os
import struct
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x1000000
IN_DONT_FOLLOW = 0x2000000
IN_ISDIR = 0x40000000
IN_NONBLOCK = os.O_NONBLOCK
IN_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
CHANGES = IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
EVENT = struct.Struct("iIII")
GONE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES)
"""A folder that was taken away before it was looked at, or that is nobody's business."""

IGNORED_FOLDERS = frozenset(
    (
        "__pycache__",
        "build",
        "dist",
        "htmlcov",
        "node_modules",
        "site-packages",
        "venv",
    )
)
PYTEST_CACHE = "pytest-cache-files-"
"""How pytest calls its cache until it is whole."""
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("py", "pyi", "so", "html", "htm", "jinja", "jinja2", "j2", "tmpl", "mako", "txt", "md", "xml", "sql"),
        *("css", "js", "mjs", "ts", "map", "wasm", "json", "toml", "yaml", "yml", "ini", "cfg", "env", "pem"),
        *("csv", "tsv", "svg", "png", "jpg", "jpeg", "gif", "ico", "webp", "avif", "woff", "woff2"),
    )
)
"""What an app reads at import, or lists: sources, templates, static files. Databases and logs are what it writes."""


def matters(name: str) -> bool:
    """Whether a change of a file of this name may change the app. Editors' own files do not."""
    if name.startswith((".#", "#")) or name.endswith(("~", ".swp", ".swx", ".tmp")) or name == "4913":
        return False
    return os.path.splitext(name)[1].lower() in SUFFIXES or name in (".env", "py.typed")


def enters(name: str) -> bool:
    """Whether a folder of this name belongs to the sources."""
    if name.startswith((".", PYTEST_CACHE)) or name.endswith(".egg-info"):
        return False
    return name not in IGNORED_FOLDERS


def contents_of(folder: str) -> tuple[list[str], list[str]]:
    """The names of folders and of everything else in a folder; none in one that is gone or closed to us."""
    folders: list[str] = []
    names: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for one in entries:
                (folders if one.is_dir(follow_symlinks=False) else names).append(one.name)
    except OSError as error:
        if error.errno not in GONE:
            raise
    return folders, names


class InotifyWatch:
    """Every folder below `root`, and the given others without theirs."""

    def __init__(self, root: str, data: str) -> None:
        self.root = root
        self.data = os.path.realpath(data)
        libc: Any = ctypes.CDLL(None, use_errno=True)
        self._add_watch = libc.inotify_add_watch
        self._descriptor: int = libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._folders: dict[int, str] = {}
        self._deep: set[str] = set()
        self.full = False
        """The system's limit of watched folders is reached (fs.inotify.max_user_watches)."""
        self._enter(root)

    def fileno(self) -> int:
        return self._descriptor

    def also(self, folders: Iterable[str]) -> None:
        """Watches these folders too, their own files only."""
        for folder in folders:
            self._watch(folder)

    def changed(self) -> list[str]:
        """The files that changed since the last call; a folder's name where it is not known which."""
        found: dict[str, None] = {}
        while True:
            try:
                data = os.read(self._descriptor, 65536)
            except BlockingIOError:
                return list(found)
            at = 0
            while at < len(data):
                watch, mask, _, length = EVENT.unpack_from(data, at)
                name = os.fsdecode(data[at + EVENT.size : at + EVENT.size + length].rstrip(b"\0"))
                at += EVENT.size + length
                self._event(watch, mask, name, found)

    def close(self) -> None:
        os.close(self._descriptor)

    def _event(self, watch: int, mask: int, name: str, found: dict[str, None]) -> None:
        if mask & IN_Q_OVERFLOW:
            found[self.root] = None
            return
        folder = self._folders.get(watch)
        if folder is None:
            return
        if mask & IN_IGNORED:
            del self._folders[watch]
            self._deep.discard(folder)
            return
        path = os.path.join(folder, name)
        if mask & IN_ISDIR:
            if not enters(name) or folder not in self._deep:
                return
            if mask & (IN_CREATE | IN_MOVED_TO):
                # Files may have come into it before it was watched.
                if self._enter(path):
                    found[path] = None
            elif mask & (IN_MOVED_FROM | IN_DELETE):
                found[path] = None
            return
        is_link = bool(mask & IN_CREATE) and os.path.islink(path)
        if matters(name) and (is_link or mask & (IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE)):
            found[path] = None

    def _enter(self, folder: str) -> bool:
        """Watches a folder and those below it; whether there are files that matter."""
        holds = False
        waiting = [folder]
        while waiting:
            path = waiting.pop()
            if os.path.realpath(path) == self.data:
                continue
            # First watched, then looked into: what comes into it in between is seen twice, and not never.
            if self._watch(path):
                self._deep.add(path)
            folders, names = contents_of(path)
            holds = holds or any(matters(name) for name in names)
            waiting += [
                os.path.join(path, name)
                for name in folders
                if enters(name) and not os.path.exists(os.path.join(path, name, "pyvenv.cfg"))
            ]
        return holds

    def _watch(self, folder: str) -> bool:
        watch = self._add_watch(self._descriptor, os.fsencode(folder), CHANGES | IN_ONLYDIR | IN_DONT_FOLLOW)
        if watch < 0:
            number = ctypes.get_errno()
            if number == errno.ENOSPC:
                self.full = True
            elif number not in GONE:
                raise OSError(number, os.strerror(number), folder)
            return False
        self._folders[watch] = folder
        return True


class WatchfilesWatch:
    """The same through watchfiles, which has threads and therefore a process of its own."""

    full = False

    def __init__(self, root: str, data: str) -> None:
        self.root = root
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "portable_local.watch", root, data],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdout is not None
        self._descriptor = self._process.stdout.fileno()
        os.set_blocking(self._descriptor, False)

    def fileno(self) -> int:
        return self._descriptor

    def also(self, folders: Iterable[str]) -> None:
        """Not here: a restart takes in what was edited outside the project."""

    def changed(self) -> list[str]:
        try:
            data = os.read(self._descriptor, 65536)
        except BlockingIOError:
            return []
        return [os.fsdecode(line) for line in data.splitlines() if line]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


Watch = InotifyWatch | WatchfilesWatch


def watch(root: str, data: str) -> Watch:
    """Whatever this system has."""
    return InotifyWatch(root, data) if sys.platform == "linux" else WatchfilesWatch(root, data)


def main() -> None:
    """The process of WatchfilesWatch: one changed path a line, until nobody reads."""
    from watchfiles import watch as watch_files

    root, data = sys.argv[1], os.path.realpath(sys.argv[2])
    for changes in watch_files(root, debounce=40, step=10, rust_timeout=1000, yield_on_timeout=True):
        lines = [
            path
            for _, path in changes
            if matters(os.path.basename(path))
            and not path.startswith(data)
            and all(enters(part) for part in os.path.relpath(os.path.dirname(path), root).split(os.sep) if part != ".")
        ]
        if lines:
            sys.stdout.write("\n".join(lines) + "\n")
            sys.stdout.flush()
        if os.getppid() == 1:
            return


if __name__ == "__main__":
    main()
