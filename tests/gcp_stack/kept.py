"""Runs a command until it ends, or until this process's input does: a function outlives no stack, however that ends.

python kept.py COMMAND ARGUMENT...
"""

import os
import signal
import subprocess
import sys
import threading

PATIENCE = 5.0
"""Seconds that it has to end by itself."""


def end_with_input(child: "subprocess.Popen[bytes]") -> None:
    while os.read(0, 4096):
        pass
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, how)
            child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            # It had ended already.
            return


def main() -> int:
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True) as child:
        threading.Thread(target=end_with_input, args=(child,), daemon=True).start()
        return child.wait()


if __name__ == "__main__":
    sys.exit(main())
