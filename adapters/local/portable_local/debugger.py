"""The supervisor's view of the debugger: started before the app, asked by each process of user code, ended last."""

import importlib.util
import json
import secrets
import select
import signal
import subprocess
from typing import Any

from portable.errors import ConfigurationError, Unavailable

from .debug_adapter import DEBUGPY
from .listening import PortTaken
from .processes import describe_exit, kill_group

DEFAULT_PORT = 5678
DEFAULT_TRIES = 20
START_SECONDS = 90.0


class Debugger:
    """debugpy's adapter, which editors attach to on `port`. Raises ConfigurationError without debugpy, PortTaken."""

    def __init__(self, port: int | None) -> None:
        if importlib.util.find_spec("debugpy") is None:
            raise ConfigurationError(
                "--debug needs debugpy, which is not installed", hint="pip install 'portable-serverless[debug]'"
            )
        self._token = secrets.token_hex(32)
        # Ctrl-C is the supervisor's, as for the other processes.
        self._process = subprocess.Popen(
            [*DEBUGPY, "portable_local.debug_adapter"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        try:
            found = self._start(port)
        except BaseException:
            self.close()
            raise
        self.port: int = found["port"]
        self.has_moved = port is None and self.port != DEFAULT_PORT
        self._server: int = found["server"]
        self._root: int = found["root"]
        self.has_ended = False

    def _start(self, port: int | None) -> dict[str, Any]:
        ports = [port] if port is not None else [*range(DEFAULT_PORT, DEFAULT_PORT + DEFAULT_TRIES), 0]
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps({"ports": ports, "token": self._token}).encode() + b"\n")
        stdin.flush()
        ready, _, _ = select.select([stdout], [], [], START_SECONDS)
        line = stdout.readline() if ready else b""
        if not line:
            raise Unavailable("the debugger does not start", hint="what debugpy says stands above, if it says anything")
        answer: dict[str, Any] = json.loads(line)
        if answer.get("busy"):
            raise PortTaken(
                f"port {port} is in use by another program",
                hint="choose another with --debug PORT, or leave the port out to get the next free one",
            )
        if "error" in answer:
            raise Unavailable(f"the debugger does not start: {answer['error']}")
        return answer

    def fileno(self) -> int:
        """Readable when the adapter has ended."""
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
        return describe_exit(-code if code < 0 else code << 8)

    def close(self) -> None:
        """Ends it, its root session, and with them what an editor had stopped."""
        kill_group(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
