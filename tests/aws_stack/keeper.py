"""Keeps one component of the AWS test stack running for as long as a test session lives, and not longer.

A process of its own, since no pytest worker outlives all the others: it watches the process that owns the session, and
ends the component's process group when that is gone, however it went. Should the keeper be killed, the system ends the
component.

    python -m tests.aws_stack.keeper NAME FOLDER OWNER BORN
"""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from .components import COMPONENTS, Component, answers
from .ownership import FAILED, LOG, READY, lives

POLL = 0.25
LONGEST_START = 180.0
"""Seconds; LocalStack compiles its modules when it runs for the first time."""
DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux: the child gets a signal when its parent ends."""


def end_with_parent() -> None:
    """Run in the child: when the keeper is killed, so is the component. Other systems than Linux have no such thing."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)


def start(component: Component, folder: Path) -> "subprocess.Popen[bytes]":
    log: IO[bytes]
    with (folder / LOG).open("wb") as log:
        return subprocess.Popen(
            component.command,
            env=component.environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )


def endpoint(component: Component, folder: Path) -> str | None:
    """Where the component listens, once it answers there."""
    found = re.search(component.listening, (folder / LOG).read_text(errors="replace"))
    if found is None:
        return None
    url = f"http://127.0.0.1:{found[1]}"
    return url if answers(url + component.health) else None


def keep(component: Component, folder: Path, owner: int, since: str) -> None:
    """Runs the component until the owner is gone."""
    process = start(component, folder)
    try:
        ready = False
        give_up = time.monotonic() + LONGEST_START
        while lives(owner, since):
            if process.poll() is not None:
                (folder / FAILED).write_text(f"it ended with {process.returncode}")
                wait_for_end(owner, since)
                return
            if not ready:
                url = endpoint(component, folder)
                if url is not None:
                    publish(folder, url, process.pid)
                    ready = True
                elif time.monotonic() > give_up:
                    (folder / FAILED).write_text(f"it did not answer within {LONGEST_START:.0f} seconds")
                    return
            time.sleep(POLL)
    finally:
        # The group is the component's own, so that what it started ends too.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def publish(folder: Path, url: str, pid: int) -> None:
    """Whole or not at all: workers look for this file."""
    draft = folder / f"{READY}.new"
    draft.write_text(json.dumps({"url": url, "pid": pid, "keeper": os.getpid()}))
    draft.rename(folder / READY)


def wait_for_end(owner: int, since: str) -> None:
    """The log is kept for the tests that fail now."""
    while lives(owner, since):
        time.sleep(POLL)


def main(name: str, folder: Path, owner: int, since: str) -> None:
    try:
        keep(COMPONENTS[name](folder), folder, owner, since)
    except Exception as error:
        (folder / FAILED).write_text(f"{type(error).__name__}: {error}")
        wait_for_end(owner, since)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".lock").unlink(missing_ok=True)
        with suppress(OSError):
            # The last one does it: until then there is something in it.
            folder.parent.rmdir()


if __name__ == "__main__":
    if os.fork():
        # Whoever started this waits for it, and not for the keeper.
        os._exit(0)
    os.setsid()
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
