"""Named places in which a test may end the process: PORTABLE_CRASH_AT=name:n kills it at the n-th time of `name`.

Nothing happens, and nothing is counted, while the variable is unset. The name goes to stderr before the process ends,
so that a test knows which end it saw.
"""

import os
import signal

_name, _, _count = os.environ.get("PORTABLE_CRASH_AT", "").partition(":")
_left = int(_count or 1)


def reach(name: str) -> None:
    """Ends the process by SIGKILL if this is the place that was asked for."""
    global _left
    if name == _name:
        _left -= 1
        if _left == 0:
            os.write(2, f"crash point {name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
