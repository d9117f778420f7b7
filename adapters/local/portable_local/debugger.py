"""The supervisor's view of the debugger: started before the app, asked by each process of user code, ended last.

If it ends by itself it is started again on the same port, and the app is restarted, whose processes connect to it.
"""

import importlib.util
import json
import secrets
import select
import signal
import subprocess
import time
from collections import deque
from contextlib import suppress
from typing import Any

from portable.errors import ConfigurationError, Unavailable

from .debug_adapter import DEBUGPY
from .listening import PortTaken
from .processes import describe_exit, kill_group

DEFAULT_PORT = 5678
DEFAULT_TRIES = 20
START_SECONDS = 90.0
ENDS = 4
ENDS_SECONDS = 60.0
"""debugpy's adapter ends itself at what it does not expect; so often in so many seconds, and it is left ended."""


class Debugger:
    """debugpy's adapter, which editors attach to on `port`. Raises ConfigurationError without debugpy, PortTaken."""

    def __init__(self, port: int | None) -> None:
        if importlib.util.find_spec("debugpy") is None:
            raise ConfigurationError(
                "--debug needs debugpy, which is not installed", hint="pip install 'portable-serverless[debug]'"
            )
        self._token = secrets.token_hex(32)
        self.port = port or 0
        self.has_ended = True
        self._ends: deque[float] = deque(maxlen=ENDS)
        ports = [port] if port is not None else [*range(DEFAULT_PORT, DEFAULT_PORT + DEFAULT_TRIES), 0]
        self._process = self._spawn(ports)
        try:
            ready, _, _ = select.select([self], [], [], START_SECONDS)
            if not ready:
                raise Unavailable(f"the debugger does not start within {START_SECONDS:.0f} seconds")
            self._listens()
        except BaseException:
            self.close()
            raise
        self.has_moved = port is None and self.port != DEFAULT_PORT

    def _spawn(self, ports: list[int]) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [*DEBUGPY, "portable_local.debug_adapter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is the supervisor's, as for the other processes.
            process_group=0,
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already, which is seen when it is listened to
            process.stdin.write(json.dumps({"ports": ports, "token": self._token}).encode() + b"\n")
            process.stdin.flush()
        return process

    def _listens(self) -> None:
        """It has said something since it was spawned, or ended. Raises PortTaken, Unavailable."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable("the debugger does not start", hint="what debugpy says stands above, if it says anything")
        answer: dict[str, Any] = json.loads(line)
        if answer.get("busy"):
            raise PortTaken(
                f"port {self.port} is in use by another program",
                hint="choose another with --debug PORT, or leave the port out to get the next free one",
            )
        if "error" in answer:
            raise Unavailable(f"the debugger does not start: {answer['error']}")
        self.port = answer["port"]
        self._server: int = answer["server"]
        self._root: int = answer["root"]
        self.has_ended = False

    def fileno(self) -> int:
        """Readable when the adapter has ended, or after `start_again` when it listens."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    @property
    def place(self) -> dict[str, Any] | None:
        """Where a process connects to be debugged; None when there is nobody any more."""
        if self.has_ended:
            return None
        return {"server": self._server, "token": self._token, "root": self._root, "port": self.port}

    def ended(self) -> str:
        """It has ended by itself; how."""
        self.has_ended = True
        code = self._process.wait()
        self._close_streams()
        self._ends.append(time.monotonic())
        return describe_exit(-code if code < 0 else code << 8)

    def start_again(self) -> bool:
        """After `ended`: on the same port. False if it ended too often lately; else wait until it is readable."""
        if len(self._ends) == ENDS and self._ends[-1] - self._ends[0] < ENDS_SECONDS:
            return False
        self._process = self._spawn([self.port])
        return True

    def started_again(self) -> bool:
        """Readable after `start_again`: whether it listens; otherwise it has ended."""
        try:
            self._listens()
        except (PortTaken, Unavailable):
            kill_group(self._process.pid, signal.SIGKILL)
            return False
        return True

    def close(self) -> None:
        """Ends it, its root session, and with them what an editor had stopped."""
        kill_group(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._close_streams()

    def _close_streams(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # what it did not read
                    stream.close()
