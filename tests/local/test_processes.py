"""What processes of the runtime do to one another, with real ones that are started here."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from portable_local.processes import describe_exit, kill_group, thread_count

WAIT_SECONDS = 60


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0 << 8, "exit code 0"),
        (3 << 8, "exit code 3"),
        (255 << 8, "exit code 255"),
        (int(signal.SIGKILL), "killed by SIGKILL"),
        (int(signal.SIGSEGV), "killed by SIGSEGV"),
        # With a core dump.
        (int(signal.SIGABRT) | 0x80, "killed by SIGABRT"),
    ],
)
def test_a_wait_status_is_told_in_words(status: int, words: str) -> None:
    assert describe_exit(status) == words


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    unnamed = next(number for number in range(1, 64) if number not in set(signal.Signals))
    assert describe_exit(unnamed) == f"killed by signal {unnamed}"


@pytest.mark.parametrize(
    ("program", "words"),
    [("import os; os._exit(7)", "exit code 7"), ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL")],
    ids=["exit", "kill"],
)
def test_the_end_of_a_real_process_is_told_in_words(program: str, words: str) -> None:
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", program], os.environ)
    _, status = os.waitpid(pid, 0)
    assert describe_exit(status) == words


FAMILY = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""


def test_a_group_is_killed_with_all_that_it_started_and_is_gone_then() -> None:
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE, process_group=0) as parent:
        assert parent.stdout is not None
        first, second = parent.stdout.readline(), parent.stdout.readline()
        assert b"up\n" in (first, second)
        assert kill_group(parent.pid, signal.SIGKILL)
        # The pipe ends when the last of them has ended.
        assert parent.stdout.read() == b""
        assert parent.wait(WAIT_SECONDS) == -signal.SIGKILL


def test_a_group_that_has_ended_takes_no_signal() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], process_group=0) as process:
        process.wait(WAIT_SECONDS)
    assert not kill_group(process.pid, signal.SIGKILL)


ORPHAN = """
import os, sys
from portable_local.processes import die_with_parent
child = os.fork()
if child == 0:
    die_with_parent(os.getppid())
    os.write(1, b"up")
    while True:
        pass
os.read(0, 1)
os._exit(0)
"""


def test_a_child_ends_with_its_parent_also_when_it_is_busy() -> None:
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdin is not None
    assert parent.stdout is not None
    with parent:
        assert parent.stdout.read(2) == b"up"
        parent.stdin.write(b"x")
        parent.stdin.close()
        assert parent.wait(WAIT_SECONDS) == 0
        # Its end of the pipe is closed by its death and by nothing else.
        assert parent.stdout.read() == b""


def test_a_child_whose_parent_is_gone_already_ends_at_once() -> None:
    program = "import os; from portable_local.processes import die_with_parent; die_with_parent(os.getppid() + 1)"
    assert subprocess.run([sys.executable, "-c", program], timeout=WAIT_SECONDS, check=False).returncode == 1


def test_threads_are_counted() -> None:
    before = thread_count()
    end = threading.Event()
    threads = [threading.Thread(target=end.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        assert thread_count() == before + 3
    finally:
        end.set()
        for thread in threads:
            thread.join(WAIT_SECONDS)
