"""The three standard streams as a command must find them, whoever started it."""

import os
import sys
from typing import Any


def prepare_streams() -> None:
    """Opens what is closed on the null device, and has stdout escape what its encoding lacks instead of failing.

    Else the next file that is opened, a database perhaps, would get the number of a closed stream, and be printed into.
    """
    for number, name, mode in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, so it is this one.
            os.open(os.devnull, mode)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    stdout: Any = sys.stdout
    stdout.reconfigure(errors="backslashreplace")


def silence_stdout() -> None:
    """Sends what is left to be written nowhere, so that Python does not fail once more on its way out."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)
