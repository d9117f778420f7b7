"""What processes of the local runtime do to themselves and to each other, beyond what the standard library offers."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
LINUX = sys.platform == "linux"


def die_with_parent(parent: int) -> None:
    """Asks the kernel for SIGKILL when `parent` ends (prctl(2), PR_SET_PDEATHSIG); ends now if it has ended already.

    Only Linux has it; elsewhere the end of a connection tells, and that cannot wake a busy handler.
    """
    if LINUX:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)


def thread_count() -> int:
    """Threads of this process, those that Python does not know included."""
    if LINUX:
        return len(os.listdir("/proc/self/task"))
    import threading

    return threading.active_count()


def kill_group(pid: int, number: int) -> bool:
    """Sends a signal to a child and its whole process group; False if there is nobody left."""
    try:
        # By itself too: while it has the terminal it is in the supervisor's group.
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # it has ended; what it started may be left
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS: the group's only member is a zombie.
        return False
    return True


def describe_exit(status: int) -> str:
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"killed by {signal.Signals(number).name}"
        except ValueError:
            return f"killed by signal {number}"
    return f"exit code {os.WEXITSTATUS(status)}"
