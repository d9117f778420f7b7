"""Servers and workers that a benchmark starts: in sessions of their own, on ports of their own, ended with the block.

And the CPU time of such a process with all that it has started, which is what a server costs.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60.0
HERE = Path(__file__).parent


class NotStarted(Exception):
    """A program did not come up, or does not work; the message ends with what it said."""

    @property
    def reason(self) -> str:
        """In one line."""
        lines = [line.strip() for line in str(self).splitlines() if line.strip()]
        return lines[0] if len(lines) < 2 else f"{lines[0].rpartition('/')[2]} {lines[-1]}"


def free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def environment(**changes: str) -> dict[str, str]:
    """This process's, with the benchmarks importable and no other's colours."""
    path = os.pathsep.join(part for part in (str(HERE), os.environ.get("PYTHONPATH")) if part)
    return {**os.environ, "PYTHONPATH": path, "NO_COLOR": "1", **changes}


@contextmanager
def started(
    command: list[str], folder: Path, is_up: Callable[[], bool], **variables: str
) -> Generator[subprocess.Popen[bytes]]:
    """Runs a program in `folder` until the block ends; it has begun when `is_up`. Raises NotStarted with its output."""
    log = folder / f"{Path(command[0]).name}-{free_port()}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            ends = time.monotonic() + START_SECONDS
            while not is_up():
                if process.poll() is not None or time.monotonic() > ends:
                    said = log.read_text(errors="replace")[-3000:]
                    raise NotStarted(f"{' '.join(command)} (exit code {process.poll()}):\n{said}")
                time.sleep(0.05)
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Asks a session to end, then makes it."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(5)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def accepts(port: int) -> Callable[[], bool]:
    """Whether somebody accepts connections there."""

    def look() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            return False
        return True

    return look


def tree(root: int) -> list[int]:
    """A process and its descendants."""
    parents: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = stat(int(name))
            if fields is not None:
                parents.setdefault(int(fields[1]), []).append(int(name))
    found = [root]
    for pid in found:
        found.extend(parents.get(pid, ()))
    return found


def stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the name; None if it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def cpu_of(root: int) -> float:
    """CPU seconds of a process tree: of those that live, and of those that were waited for by one that lives."""
    ticks = 0
    for pid in tree(root):
        fields = stat(pid)
        if fields is not None:
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS


def cpu_clock(*roots: int) -> Callable[[], float]:
    """CPU seconds of this process and of these trees. A tree is counted in ticks of 1/100 s: measure long enough."""
    return lambda: time.process_time() + sum(cpu_of(root) for root in roots)
