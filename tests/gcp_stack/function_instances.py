"""One instance of a function: a process of Google's own functions-framework, in the environment that its build made."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

from .function_builds import Built
from .server import Reply, Request

KEPT = Path(__file__).with_name("kept.py")
START_SECONDS = 120
END_SECONDS = 20
SLOWER = 10
"""Times that this machine is granted to be slower than Google's, or busy with other things."""
HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
"""What a process cannot do without; nothing else of this machine's environment is given to a function."""


class NotReady(Exception):
    """The process does not listen."""


class Revision(NamedTuple):
    """What a deploy made of a function. `name` tells it from those before; `seconds` is how long a request may take."""

    service: str
    name: str
    account: str
    built: Built
    entry: str
    source: str
    environment: Mapping[str, str]
    seconds: float


class Instance:
    """A running revision. `say` is given each line that it prints."""

    def __init__(self, revision: Revision, more: Mapping[str, str], say: Callable[[str], None]) -> None:
        self._revision = revision
        self._say = say
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        place = ("--host", "127.0.0.1", "--port", str(self._port))
        target = ("--target", revision.entry, "--source", revision.source)
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-S", "-E", str(KEPT), str(revision.built.python)),
                *("-m", "functions_framework", *target, *place),
            ],
            cwd=revision.built.folder,
            env={
                **{name: os.environ[name] for name in INHERITED if name in os.environ},
                **revision.environment,
                **more,
                # https://cloud.google.com/run/docs/container-contract#env-vars
                "K_SERVICE": revision.service,
                "K_CONFIGURATION": revision.service,
                "K_REVISION": revision.name,
                "PORT": str(self._port),
                "PYTHONUNBUFFERED": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # An interruption from the keyboard is for the stack, which ends its instances.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"logs-{revision.name}", daemon=True)
        self._reader.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.decode("utf-8", errors="replace").rstrip("\n")
            if text:
                self._say(text)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        """Until it listens. Raises NotReady, and it is ended then."""
        until = time.monotonic() + START_SECONDS
        while self.is_alive() and time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.close()
        raise NotReady(
            f"Container Healthcheck failed. Revision '{self._revision.name}' is not ready and cannot serve traffic. "
            "The user-provided container failed to start and listen on the port defined provided by the PORT=8080 "
            "environment variable within the allocated timeout."
        )

    def ask(self, request: Request) -> Reply:
        """The answer to a request; 504 after the revision's time, as much longer as this machine may be slower."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=SLOWER * self._revision.seconds)
        target = request.path + (f"?{request.raw_query}" if request.raw_query else "")
        try:
            connection.putrequest(request.verb, target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                if name not in HOP_BY_HOP:
                    connection.putheader(name, value)
            if request.body or "content-length" in request.headers:
                connection.putheader("content-length", str(len(request.body)))
            connection.endheaders(request.body or None)
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError:
            return Reply(504, b"upstream request timeout")
        except (OSError, HTTPException) as error:
            return Reply(503, f"The request failed: {error}".encode())
        finally:
            connection.close()
        headers = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
        length = answer.getheader("content-length")
        if request.verb == "HEAD" and length is not None:
            headers.append(("Content-Length", length))
        return Reply(answer.status, body, tuple(headers))

    def close(self) -> None:
        """It ends with its input; what it said is told to the end."""
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(END_SECONDS)
            self._reader.join(END_SECONDS)
