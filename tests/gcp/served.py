"""A function under Google's own functions-framework, in a process of its own."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

from portable_gcp.names import Names

START_SECONDS = 60
ENTRY = """from portable_gcp.runtime import handler as handler_of
from app import app
handler = handler_of(app)
"""


class Served:
    """`functions-framework` serving an app on a free port until it is closed; its log is a file."""

    def __init__(self, folder: Path, names: Names, serves: str, environment: Mapping[str, str], *options: str) -> None:
        (folder / "portable_entry.py").write_text(ENTRY, encoding="utf-8")
        self.log = folder / f"{serves}.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "functions_framework", "--target", "handler"),
                    *("--source", "portable_entry.py", "--host", "127.0.0.1", "--port", str(self.port), *options),
                ],
                cwd=folder,
                env={
                    **os.environ,
                    **environment,
                    "PORTABLE_STAGE": names.stage,
                    "PORTABLE_PROJECT": names.project,
                    "PORTABLE_PROJECT_NUMBER": names.number,
                    "PORTABLE_LOCATION": names.location,
                    "PORTABLE_SERVES": serves,
                    # What Cloud Run functions say.
                    "K_SERVICE": "shop",
                    "LOG_EXECUTION_ID": "true",
                    "PYTHONPATH": str(folder),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise AssertionError(self.log.read_text(encoding="utf-8"))
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.close()
        raise AssertionError(f"it does not listen: {self.log.read_text(encoding='utf-8')}")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[HTTPResponse, bytes]:
        """The answer to one request, with its body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, target, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def lines(self) -> list[dict[str, Any]]:
        """The lines of its log that are JSON objects."""
        text = self.log.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(30)
