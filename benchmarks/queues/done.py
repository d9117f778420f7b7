"""What every task of bench_tasks does: one byte into the pipe that the benchmark reads."""

import os

_pipe = -1


def done() -> None:
    global _pipe
    if _pipe < 0:
        _pipe = os.open(os.environ["BENCH_DONE"], os.O_WRONLY)
    os.write(_pipe, b".")
