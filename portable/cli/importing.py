"""The process that imports an app for a command, and what it answers: lines of JSON, told one by one.

A command that has its process to itself forks: what it has imported of portable need not be imported again, which is
a tenth of `portable package`. Anything else that calls this has code, threads and modules of its own, which an app must
not find: there a new Python is started. To the app both are alike: a process of its own, without input, whose output is
the command's stderr.
"""

import fcntl
import json
import os
import select
import signal
import sys
import threading
import time
from types import TracebackType
from typing import Any, NoReturn, Self

from portable.adapter import Project
from portable.errors import LoadError

from .project import LOADING_SECONDS, AppFailure, Fault, place_of

PIPE_BYTES = 1 << 20
"""Room for what the app's process says before it is asked: nearly all manifests."""
BUG = 70
_modules: frozenset[str] | None = None
"""The modules that the command's process began with; None: it is somebody else's."""


def own_process(modules: frozenset[str]) -> None:
    """This process is that of one command, which began with `modules`."""
    global _modules
    _modules = modules


class Importing:
    """The import of an app, which goes on meanwhile. Whoever has made it closes it."""

    def __init__(self, project: Project, wanted: str) -> None:
        self._project = project
        self._ends = time.monotonic() + LOADING_SECONDS
        self._said = b""
        self._code: int | None = None
        request = {
            "root": str(project.root), "module": project.module, "attribute": project.attribute, "wanted": wanted
        }  # fmt: skip
        self._source, target = os.pipe()
        self._ready = select.poll()
        self._ready.register(self._source, select.POLLIN)
        try:
            fcntl.fcntl(target, getattr(fcntl, "F_SETPIPE_SZ", fcntl.F_GETFD), PIPE_BYTES)
        except OSError:
            # A user may have so much of pipes and no more: then the app's process waits until it is asked.
            pass
        # An interrupt that came while this process is copied would be lost: what is raised in the functions that
        # modules have registered for a fork is told of, and dropped. One before the process is known would leave it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            if may_fork():
                self._process = forked(request, self._source, target, mask)
            else:
                self._process = started(request, target, mask)
        except BaseException:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            raise
        finally:
            os.close(target)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        except KeyboardInterrupt:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends what still goes on."""
        os.close(self._source)
        if self._code is None:
            os.kill(self._process, signal.SIGKILL)
            self._wait()

    def answer(self) -> dict[str, Any]:
        """What it says next. Raises AppFailure with all that is wrong, or LoadError if it says nothing."""
        found: dict[str, Any] = json.loads(self._line())
        if "faults" in found:
            raise AppFailure([Fault.of(fault) for fault in found["faults"]], found["trace"])
        return found

    def _line(self) -> bytes:
        pieces = [self._said]
        while b"\n" not in pieces[-1]:
            left = self._ends - time.monotonic()
            if left <= 0 or not self._ready.poll(left * 1000):
                raise LoadError(
                    f"importing {self._project.module} took more than {LOADING_SECONDS} seconds",
                    hint="do no work and open no connections at import; do it inside handlers",
                    location=place_of(self._project),
                )
            pieces.append(os.read(self._source, PIPE_BYTES))
            if not pieces[-1]:
                self._ended()
        line, _, self._said = b"".join(pieces).partition(b"\n")
        return line

    def _ended(self) -> NoReturn:
        code = self._wait()
        how = f"exit code {code}" if code >= 0 else f"signal {-code}"
        raise LoadError(
            f"importing {self._project.module} ended the process with {how}",
            hint="the module, or one that it imports, calls sys.exit(), os._exit() or crashes",
            location=place_of(self._project),
        )

    def _wait(self) -> int:
        self._code = os.waitstatus_to_exitcode(os.waitpid(self._process, 0)[1])
        return self._code


def may_fork() -> bool:
    """Whether this process is the command's alone: no thread could hold a lock that its copy would wait for."""
    return _modules is not None and threading.active_count() == 1


def started(request: dict[str, Any], target: int, mask: set[signal.Signals | int]) -> int:
    """A Python of its own with this signal mask, which writes to `target`. Answers its process."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, target, 1),
    ]
    command = [sys.executable, "-P", "-m", "portable.cli.loading", json.dumps(request)]
    return os.posix_spawn(sys.executable, command, os.environ, file_actions=actions, setsigmask=mask)


def forked(request: dict[str, Any], source: int, target: int, mask: set[signal.Signals | int]) -> int:
    """A copy of this process with this signal mask, which writes to `target`. Answers its process."""
    # Nothing is to be written twice.
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(source)
        as_if_started(request["module"])
        from .loading import answer

        answer(request, target)
    finally:
        # Whatever happens: the command goes on in the other process alone.
        os._exit(BUG)


def as_if_started(module: str) -> None:
    """Makes of a copy of the command's process what a new Python would be to the app."""
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    if not sys.flags.safe_path:
        # Where the command lies, or the current folder.
        sys.path.pop(0)
    sys.argv = [module]
    for name in set(sys.modules) - (_modules or frozenset()):
        top = name.partition(".")[0]
        if top != "portable" and not top.startswith("portable_") and top not in sys.stdlib_module_names:
            # The app's own import of it is how it is known that the app needs it.
            del sys.modules[name]
