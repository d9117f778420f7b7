"""A console over made-up records as a process of its own."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Sample:
    """`python -m tests.console.sample` as a process."""

    def __init__(self, key: str, *options: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.console.sample", "--port", "0", "--key", key, *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "default"},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.match(r"http://127\.0\.0\.1:\d+", line)
        if not found:
            self.end(signal.SIGKILL)
        assert found, f"the sample said {line!r}"
        self.url = found[0]

    def end(self, how: int = signal.SIGTERM) -> None:
        if self._process.poll() is None:
            self._process.send_signal(how)
        self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()
