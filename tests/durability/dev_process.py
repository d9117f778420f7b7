"""A `portable dev` for tests that kill it: in a session of its own, so that what it started is found, and no more."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

ROOT = Path(__file__).parents[2]
APP = Path(__file__).parent / "served"
PYTHON_PATH = os.pathsep.join(path for path in (os.environ.get("PYTHONPATH"), str(ROOT)) if path)
DEADLINE = 60.0
POLL = 0.02
TIMEOUT = 20.0
TRIES = 6
"""Starts after which one that does not serve is broken, not killed."""


class Reply(NamedTuple):
    status: int
    body: Any


class Broken(Exception):
    """There was no answer, or no whole one: what was asked may have happened."""


def until(is_so: Callable[[], bool], what: str) -> None:
    """Waits for something that must come; looks again and again."""
    deadline = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not come within {DEADLINE:.0f} seconds"
        time.sleep(POLL)


class Dev:
    """Starts, asks, kills and stops one data folder's `portable dev`, as often as it is told to."""

    def __init__(self, folder: Path, *, before: list[str] | None = None, workers: int = 2) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.witness = folder / "witness"
        self.log = folder / "log"
        self._ready = folder / "ready.json"
        self._before = before or []
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ("", 0)
        self.starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill_all()

    # Starting

    def launch(self, crash_at: str = "") -> None:
        """Starts the process, and does not wait for it."""
        assert self._process is None
        self._ready.unlink(missing_ok=True)
        self.starts += 1
        environment = {**os.environ, "PYTHONPATH": PYTHON_PATH, "WITNESS": str(self.witness)}
        if crash_at:
            environment["PORTABLE_CRASH_AT"] = crash_at
        options = ["--data", str(self.data), "--port", "0", "--no-reload", "--ready-file", str(self._ready)]
        command = [sys.executable, "-P", "-m", "portable", "dev", str(APP), *options, "--workers", str(self._workers)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._before, *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        """Whether it says that it serves."""
        try:
            address = json.loads(self._ready.read_text())["api"]
        except (FileNotFoundError, ValueError):
            return False
        host, _, port = address.removeprefix("http://").rpartition(":")
        self._address = (host, int(port))
        return True

    def start(self) -> None:
        """Starts it, again if it ends before it serves, and waits until it answers."""
        if self._process is None:
            self.launch()
        most = self.starts + TRIES
        try:
            until(lambda: self._serves(most), "an answer")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log.read_text()[-3000:]}") from None

    def _serves(self, most: int) -> bool:
        if self.has_ended():
            assert self.starts < most, f"it ended {TRIES} times before it served"
            self.launch()
        if not self.is_ready():
            return False
        try:
            return self.request("GET", "/health").status == 200
        except Broken:
            return False

    # Asking

    def request(self, method: str, target: str, body: object = None) -> Reply:
        """One request on a connection of its own. Raises Broken when there is no whole answer."""
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT)
        try:
            headers = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            data = response.read()
            return Reply(response.status, json.loads(data) if "json" in response.headers["Content-Type"] else data)
        except (OSError, http.client.HTTPException) as error:
            raise Broken(f"{method} {target}: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    # Ending

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def has_ended(self) -> bool:
        """Whether the supervisor is gone; then all that it started goes too."""
        if self._process is None:
            return True
        if self._process.poll() is None:
            return False
        self.kill_all()
        return True

    @property
    def exit_code(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def members(self) -> list[int]:
        """All living processes of the session, the supervisor first."""
        if self._process is None:
            return []
        session = self._process.pid
        found = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        return sorted((pid for pid in found if session_of(pid) == session), key=lambda pid: (pid != session, pid))

    def kill(self, pids: list[int]) -> None:
        for pid in pids:
            if session_of(pid) == self.pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def kill_all(self) -> None:
        """SIGKILL for every process, until none is left."""
        process = self._process
        if process is None:
            return

        def is_gone() -> bool:
            self.kill(self.members())
            process.poll()
            return not self.members()

        until(is_gone, "the end of every process")
        process.wait(DEADLINE)
        self._process = None

    def stop(self, number: signal.Signals) -> int:
        """Ends it in order; its exit code."""
        assert self._process is not None
        # Under strace it is a child of that.
        target = self.pid if not self._before else self.members()[1]
        os.kill(target, number)
        code = self._process.wait(DEADLINE)
        self.kill_all()
        return code


def session_of(pid: int) -> int | None:
    """The session of a living process; None for one that is gone, or only waits to be reaped."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in brackets may hold anything.
    state, _, _, session = text.rpartition(")")[2].split()[:4]
    return None if state in "ZX" else int(session)
