"""A headless Chromium for a test, spoken to over the DevTools protocol on a pair of pipes.

https://chromedevtools.github.io/devtools-protocol/: JSON messages that end with a NUL, no port and no other library.
"""

import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .dev import DEADLINE, until

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--remote-debugging-pipe",
)


def chromium() -> str:
    """Where Chromium is; installed if it is not there and this user may."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None and shutil.which("apt-get") and os.geteuid() == 0:
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", "chromium"]):
            subprocess.run(command, check=False, capture_output=True, timeout=600)
        found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found is not None, "this test needs Chromium: apt-get install chromium"
    return found


class Browser:
    """One page. What went wrong in it, also a refused script or request, is in `faults`."""

    def __init__(self, to: int, answers: int) -> None:
        self._to = to
        self._from = answers
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.faults: list[str] = []
        self.requested: list[str] = []

    def begin(self) -> None:
        """In a tab of its own, before the one where it was: that stays open, and nobody looks at it."""
        self._session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        ends = time.monotonic() + DEADLINE
        while True:
            answer = self._read(ends)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _read(self, ends: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0.0, ends - time.monotonic()))
            assert ready, "Chromium does not answer"
            data = os.read(self._from, 65536)
            assert data, "Chromium has ended"
            self._buffer += data
        whole, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(whole)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.faults.append(str(parameters["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["source"] in ("security", "violation"):
            self.faults.append(parameters["entry"]["text"])
        elif event.get("method") == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert"):
            self.faults.append(str(parameters["args"]))
        elif event.get("method") == "Network.requestWillBeSent":
            self.requested.append(parameters["request"]["url"])

    def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def go(self, url: str, ready: str) -> None:
        """Opens a page afresh and waits until an expression is true in it."""
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        self.waits(ready)

    def waits(self, script: str) -> None:
        until(f"in the page: {script}", lambda: bool(self.run(script)))

    def types(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def presses(self, key: str) -> None:
        code = {"Enter": 13, "Escape": 27}.get(key, ord(key[0].upper()))
        text = {"Enter": "\r", "Escape": ""}.get(key, key)
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                **({"text": text} if kind == "keyDown" and text else {}),
            )


@contextmanager
def browser() -> Iterator[Browser]:
    """A new Chromium with a profile of its own, ended with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        commands, to = os.pipe()
        answers, out = os.pipe()
        # The protocol's pipes are descriptors 3 and 4.
        line = f'exec "$@" 3<&{commands} 4>&{out}'
        process = subprocess.Popen(
            ["bash", "-c", line, "bash", chromium(), *OPTIONS, f"--user-data-dir={Path(profile)}"],
            pass_fds=(commands, out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(out)
        try:
            found = Browser(to, answers)
            found.begin()
            yield found
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(DEADLINE)
            os.close(to)
            os.close(answers)
