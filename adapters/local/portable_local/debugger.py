"""The supervisor's view of the debugger: started before the app, asked by each process of user code, ended last.

If it ends by itself it is started again, and the app is restarted, whose processes connect to it. Where editors connect
is opened once, here: nobody else gets the port meanwhile, and who connects meanwhile waits.
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
from .listening import listen_for_editors
from .processes import describe_exit, kill_group

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
        self.has_ended = True
        self._ends: deque[float] = deque(maxlen=ENDS)
        self._listener, self.has_moved = listen_for_editors(port)
        self.port: int = self._listener.getsockname()[1]
        try:
            self._process = self._spawn()
        except BaseException:
            self._listener.close()
            raise
        try:
            ready, _, _ = select.select([self], [], [], START_SECONDS)
            if not ready:
                raise Unavailable(f"the debugger does not start within {START_SECONDS:.0f} seconds")
            self._listens()
        except BaseException:
            self.close()
            raise

    def _spawn(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [*DEBUGPY, "portable_local.debug_adapter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=(self._listener.fileno(),),
            # Ctrl-C is the supervisor's, as for the other processes.
            process_group=0,
        )
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already, which is seen when it is listened to
            process.stdin.write(
                json.dumps({"listener": self._listener.fileno(), "token": self._token}).encode() + b"\n"
            )
            process.stdin.flush()
        return process

    def _listens(self) -> None:
        """It has said something since it was spawned, or ended. Raises Unavailable."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Unavailable("the debugger does not start", hint="what debugpy says stands above, if it says anything")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Unavailable(f"the debugger does not start: {answer['error']}")
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
        """After `ended`. False if it ended too often lately; else wait until it is readable."""
        if len(self._ends) == ENDS and self._ends[-1] - self._ends[0] < ENDS_SECONDS:
            # An editor that connects hears at once that nobody is there.
            self._listener.close()
            return False
        self._process = self._spawn()
        return True

    def started_again(self) -> bool:
        """Readable after `start_again`: whether it listens; otherwise it has ended."""
        try:
            self._listens()
        except Unavailable:
            kill_group(self._process.pid, signal.SIGKILL)
            self._listener.close()
            return False
        return True

    def close(self) -> None:
        """Ends it, its root session, and with them what an editor had stopped."""
        self._listener.close()
        if self._process.returncode is None:  # after `ended` its id may be another's
            kill_group(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._close_streams()

    def _close_streams(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):  # what it did not read
                    stream.close()
