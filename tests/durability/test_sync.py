"""K3: no acknowledgement leaves before the log that holds the write is on the disk, nor before an object's file is.

A kill cannot show that: what a process has written survives it. So the order of system calls is looked at, by strace.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .dev_process import PYTHON_PATH, ROOT, Dev
from .trace import CALLS, Verdict, judge

DEADLINE = 240.0
RECORDED = ("telemetry.sqlite3", "telemetry.sqlite3-wal", "telemetry.sqlite3-journal", "records.sock", "console.key")
LEFT_OUT = ("owner.lock", "values.lock", "-shm", "run.sock", ".pyc", *RECORDED)
"""What may be lost with the power: who owns the folder, what is made anew, and what the console has seen."""


def strace() -> str:
    """The program; installed where that can be done."""
    found = shutil.which("strace")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-q", "-y", "strace"]):
            subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE)
        found = shutil.which("strace")
    assert found is not None, "this test needs strace: apt-get install strace"
    return found


def traced(output: Path) -> list[str]:
    return [strace(), "-f", "-y", "-qq", "-s", "80", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(output)]


def is_in(folder: Path) -> Callable[[str], bool]:
    root = str(folder)

    def is_data(path: str) -> bool:
        inside = path == root or path.startswith(root + "/")
        return inside and not path.endswith(LEFT_OUT) and "/cache" not in path

    return is_data


def says_ack(name: str, arguments: str) -> bool:
    return name == "write" and arguments.startswith("1<") and '"ack ' in arguments


def run_traced(tmp_path: Path, program: list[str]) -> Verdict:
    output = tmp_path / "trace"
    done = subprocess.run(
        [*traced(output), *program],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": PYTHON_PATH},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    return judge(output.read_text(errors="replace").splitlines(), is_in(tmp_path / "data"), says_ack)


def test_the_store_acknowledges_nothing_that_is_not_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    program = [sys.executable, "-m", "tests.durability.writer", str(tmp_path / "data"), "1"]
    verdict = run_traced(tmp_path, program)
    assert verdict.faults == []
    assert verdict.acknowledgements > 100
    assert verdict.syncs > verdict.acknowledgements


UNSYNCED_LOG = """
open_writer = engine.open_writer
engine.open_writer = lambda folder, durable: open_writer(folder, durable=False)
"""
UNSYNCED_OBJECTS = "object_files.ObjectFiles._settle = lambda *_: None"
UNSYNCED_VALUES = "values.sync_folder = lambda _: None"


@pytest.mark.parametrize(
    ("broken", "suspect"),
    [(UNSYNCED_LOG, "store.sqlite-wal"), (UNSYNCED_OBJECTS, "data/0/objects/"), (UNSYNCED_VALUES, "data/0 ")],
    ids=["the log", "the folder of an object", "the folder of values"],
)
def test_a_store_that_does_not_wait_for_the_disk_is_found_out(tmp_path: Path, broken: str, suspect: str) -> None:
    (tmp_path / "data").mkdir()
    program = f"""
import sys
from portable_local import values
from portable_local.store import engine, object_files
{broken}
sys.argv = ["writer", {str(tmp_path / "data")!r}, "1"]
from tests.durability import writer
writer.FOLDERS = ("0",)
writer.main()
"""
    verdict = run_traced(tmp_path, [sys.executable, "-c", program])
    assert verdict.acknowledgements > 30
    assert any(suspect in fault for fault in verdict.faults), verdict.faults[:5]


def answers(name: str, arguments: str) -> bool:
    return name in ("sendto", "write", "writev", "sendmsg") and '"HTTP/1.1 2' in arguments


def test_no_answer_over_http_leaves_before_its_write_is_on_the_disk(tmp_path: Path) -> None:
    output = tmp_path / "trace"
    with Dev(tmp_path, before=traced(output)) as dev:
        # It need not last, so its name need not be on the disk.
        (dev.data / "cache").mkdir(parents=True, mode=0o700)
        dev.start()
        for number in range(1, 21):
            assert dev.request("PUT", f"/items/p/k{number % 3}", {"n": number}).status == 200
            assert dev.request("POST", f"/pairs/{number}", {"n": number}).status == 200
            assert dev.request("PUT", f"/files/o{number % 3}", {"n": number}).status == 200
            # Later: what a worker's end writes meanwhile would be on its way when another answer leaves.
            assert dev.request("POST", "/tasks", {"name": f"t{number}", "delay": 3600}).status == 200
        dev.stop(signal.SIGTERM)
    verdict = judge(output.read_text(errors="replace").splitlines(), is_in(dev.data), answers)
    assert verdict.faults == []
    assert verdict.acknowledgements >= 80
    assert verdict.syncs >= 80


DATA = "/d/store.sqlite-wal"


def told(*lines: str) -> list[str]:
    return judge(lines, lambda path: path.startswith("/d"), says_ack).faults


ACK = '7 write(1<pipe:[5]>, "ack k 1\\n", 8) = 8'


class TestTheJudge:
    def test_an_answer_after_the_sync_is_in_order(self) -> None:
        write = f'7 pwrite64(4<{DATA}>, "x"..., 4096, 0) = 4096'
        assert told(write, f"7 fdatasync(4<{DATA}>) = 0", ACK) == []
        assert len(told(write, ACK)) == 1
        assert len(told(write, "7 fdatasync(5</d/other>) = 0", ACK)) == 1
        assert len(told(write, f"7 fdatasync(4<{DATA}>) = -1 EIO (Input/output error)", ACK)) == 1

    def test_a_sync_counts_when_it_ends(self) -> None:
        write = f'7 pwrite64(4<{DATA}>, "x"..., 4096, 0) = 4096'
        begun = f"7 fdatasync(4<{DATA}> <unfinished ...>"
        ended = "7 <... fdatasync resumed>) = 0"
        other = ACK.replace("7 ", "8 ", 1)
        assert len(told(write, begun, other, ended)) == 1
        assert told(write, begun, ended, other) == []

    def test_a_new_name_needs_its_folder_to_be_synced(self) -> None:
        rename = '7 renameat(5</d/objects/ab>, "x.part", 5</d/objects/ab>, "x") = 0'
        assert len(told(rename, ACK)) == 1
        assert told(rename, "7 fsync(5</d/objects/ab>) = 0", ACK) == []
        assert len(told('7 mkdirat(5</d/objects>, "ab", 0700) = 0', ACK)) == 1
        assert len(told('7 linkat(4</d/objects/aa>, "y", 5</d/objects/ab>, "x", 0) = 0', ACK)) == 1
        assert len(told('7 rename("/d/params.part", "/d/params.json") = 0', ACK)) == 1

    def test_a_new_log_needs_its_folder_to_be_synced(self) -> None:
        opened = f'7 openat(AT_FDCWD</x>, "{DATA}", O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0600) = 4<{DATA}>'
        assert len(told(opened, ACK)) == 1
        assert told(opened, "7 fdatasync(5</d>) = 0", ACK) == []
