"""The parent of all processes that run user code: it has the libraries imported, and nothing else.

`python -P -m portable_local.zygote SETTINGS`, started by the supervisor. It never has a thread or a SQLite handle, so
that forking it is safe; it imports no code of the user, so that an edit never meets an old module. Where fork is not
safe for what the system's libraries do (macOS), and for a debugger, it starts fresh processes instead.

Commands (frames on the control socket):   {"do": "start", "child": n, "settings": {...}}
    {"do": "signal", "child": n, "signal": s}   {"do": "preload", "modules": [...]}
Reports: {"event": "started", "child": n, "pid": p}   {"event": "ended", "child": n, "pid": p, "status": wait status}
"""

import gc
import importlib
import json
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
from types import FrameType
from typing import Any

from .processes import LINUX, die_with_parent, kill_group, thread_count
from .transport import FrameReader, frame

PRELOADED = (
    "asyncio",
    "concurrent.futures.thread",
    "encodings.idna",
    "logging.handlers",
    "pydantic",
    "sqlite3",
    "uvicorn.config",
    "uvicorn.lifespan.off",
    "uvicorn.logging",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.httptools_impl",
    "portable",
    "portable.cli.loading",
    "portable.dispatch",
    "portable.failures",
    "portable.grants",
    "portable.log_records",
    "portable.manifest",
    "portable.recorded_calls",
    "portable.recording",
    "portable_local.child",
    "portable_local.http_child",
    "portable_local.recording",
    "portable_local.remote",
    "portable_local.runtime",
    "portable_local.server",
    "portable_local.worker",
)


def heed(_: int, __: FrameType | None) -> None:
    """A signal that wakes the selector, and does nothing else."""


class Zygote:
    """Forks, reaps, reports."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.control = socket.socket(fileno=settings["control"])
        self.children: dict[int, int] = {child: pid for pid, child in settings.get("children", [])}
        self.excluded: list[str] = settings.get("excluded", [])
        self._reader = FrameReader()
        self._reader.feed(bytes.fromhex(settings.get("unread", "")))
        self._wanted: list[str] = []
        self._born: dict[str, Any] | None = None

    def report(self, message: dict[str, Any]) -> None:
        try:
            self.control.sendall(frame(message))
        except OSError:
            # Nobody is left to be told.
            self._end()

    def run(self) -> dict[str, Any]:
        """Serves until the supervisor is gone. Returns only in a forked child, with its settings."""
        woken, waker = socket.socketpair()
        woken.setblocking(False)
        waker.setblocking(False)
        signal.signal(signal.SIGCHLD, heed)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        selector = selectors.DefaultSelector()
        selector.register(self.control, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        self._reap()
        while True:
            for key, _ in selector.select():
                if key.fileobj is woken:
                    while True:
                        try:
                            if not woken.recv(4096):
                                break
                        except BlockingIOError:
                            break
                    self._reap()
                    continue
                try:
                    data = self.control.recv(65536)
                except OSError:
                    data = b""  # reset: the supervisor was killed before it had read all reports
                if not data:
                    self._end()
                for message in self._reader.feed(data):
                    self._obey(message)
                    if self._born is not None:
                        selector.close()
                        signal.set_wakeup_fd(-1)
                        woken.close()
                        waker.close()
                        return self._born
                if self._wanted and not self.settings["spawns"]:
                    # After all commands that came with it: it may end in a fresh process that has not heard them.
                    self._preload()

    def _end(self) -> None:
        for pid in self.children.values():
            kill_group(pid, signal.SIGKILL)
        os._exit(0)

    def _obey(self, message: dict[str, Any]) -> None:
        match message["do"]:
            case "start":
                self._start(message["child"], message["settings"])
            case "signal":
                pid = self.children.get(message["child"])
                if pid is not None:
                    kill_group(pid, message["signal"])
            case "preload":
                self._wanted = message["modules"]
            case unknown:
                raise ValueError(f"the supervisor said {unknown!r}")

    def _start(self, child: int, settings: dict[str, Any]) -> None:
        if self.settings["spawns"]:
            # Frozen modules have no lines for a debugger to stop at.
            options = ("-X", "frozen_modules=off") if settings["debug"] else ()
            pid = subprocess.Popen(
                [sys.executable, "-P", *options, "-m", "portable_local.child", json.dumps(settings)],
                pass_fds=[settings["listener"], *settings["handover"]],
                process_group=0,
                stdin=subprocess.DEVNULL,
            ).pid
        else:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                os.setpgid(0, 0)
                die_with_parent(parent)
                self.control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                self._born = settings
                return
            try:
                os.setpgid(pid, pid)
            except (PermissionError, ProcessLookupError):
                pass  # the child was quicker
        self.children[child] = pid
        self.report({"event": "started", "child": child, "pid": pid})

    def _reap(self) -> None:
        for child, pid in list(self.children.items()):
            try:
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    continue
                # What the user's code started ends with the process that started it, while its id is still taken.
                kill_group(pid, signal.SIGKILL)
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                found, status = pid, 0
            if found:
                del self.children[child]
                self.report({"event": "ended", "child": child, "pid": pid, "status": status})

    def _preload(self) -> None:
        """Imports what children had to import from installed packages; what starts a thread, never again."""
        modules, self._wanted = self._wanted, []
        for name in modules:
            if name in sys.modules or name.partition(".")[0] in self.excluded:
                continue
            try:
                importlib.import_module(name)
            except Exception as error:
                # It worked in the app, after other imports of the app; the children go on importing it themselves.
                self.excluded.append(name.partition(".")[0])
                logging.getLogger("portable.local").warning("%s is not preloaded: %s", name, error)
            if thread_count() > 1:
                self._start_again(name.partition(".")[0])
        gc.collect()
        gc.freeze()

    def _start_again(self, package: str) -> None:
        """Becomes a fresh zygote, with the same children, that never imports `package`."""
        settings = {
            **self.settings,
            "children": [[pid, child] for child, pid in self.children.items()],
            "excluded": [*self.excluded, package],
            "unread": self._reader.rest.hex(),
        }
        os.set_inheritable(self.control.fileno(), True)
        arguments = [sys.executable, "-P", "-m", "portable_local.zygote", json.dumps(settings)]
        os.execv(sys.executable, arguments)  # noqa: S606 - this program again


def preload() -> None:
    """Imports what every child needs, and builds one model: the first one pays for pydantic's schema builder."""
    for name in PRELOADED:
        importlib.import_module(name)
    from pydantic import BaseModel, TypeAdapter

    TypeAdapter(type("Warm", (BaseModel,), {"__annotations__": {"x": int, "y": list[str] | None}})).validate_json(
        b'{"x": 1, "y": null}'
    )


def main() -> None:
    settings = json.loads(sys.argv[1])
    sys.dont_write_bytecode = True
    # Ctrl-C reaches the supervisor, which knows the order in which things end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The end of the supervisor is seen on the control socket, never by a signal: what children started is ended first.
    settings["spawns"] = not LINUX or settings["debug"]
    if not settings["spawns"]:
        preload()
    if thread_count() > 1:
        raise RuntimeError("a library started a thread while it was imported, so children cannot be forked")
    gc.collect()
    gc.freeze()
    born = Zygote(settings).run()
    from .child import live

    live(born)


if __name__ == "__main__":
    main()
