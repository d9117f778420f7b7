"""One owner of a data folder, as the kernel has it and not as a file says."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from portable_local.store import owner
from portable_local.store.owner import LOCK, folder_owner, hold_folder, is_alive, make_folder

from portable.errors import ConfigurationError, ProjectConflict

HOLDER = """
import sys
from pathlib import Path
from portable_local.store.owner import hold_folder
with hold_folder(Path(sys.argv[1]), "a test"):
    print("held", flush=True)
    sys.stdin.read(1)
"""


@contextmanager
def held(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that owns the folder until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_a_folder_that_is_held_says_by_whom_and_is_held_once(tmp_path: Path) -> None:
    with held(tmp_path) as holder:
        found = folder_owner(tmp_path)
        assert found is not None
        assert (found["pid"], found["what"]) == (holder.pid, "a test")
        with pytest.raises(ProjectConflict, match=f"in use by a test, process {holder.pid}, since 20") as caught:
            hold_folder(tmp_path)
        assert caught.value.exit_code == 6
    assert folder_owner(tmp_path) is None


def test_an_owner_that_was_killed_owns_nothing(tmp_path: Path) -> None:
    with held(tmp_path) as holder:
        holder.kill()
        holder.wait(60)
        # What it wrote about itself still stands there.
        assert json.loads((tmp_path / LOCK).read_text(encoding="utf-8"))["pid"] == holder.pid
        assert folder_owner(tmp_path) is None
        with hold_folder(tmp_path):
            found = folder_owner(tmp_path)
            assert found is not None
            assert found["pid"] == os.getpid()


def test_a_folder_is_free_again_after_its_release_and_a_second_release_is_none(tmp_path: Path) -> None:
    for _ in range(3):
        lock = hold_folder(tmp_path)
        lock.release()
        lock.release()
    assert (tmp_path / LOCK).read_bytes() == b""
    assert folder_owner(tmp_path) is None


def test_a_folder_that_nobody_made_has_no_owner(tmp_path: Path) -> None:
    assert folder_owner(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "text", [b"", b"nonsense", b"[]", b"\xff\xfe", b'{"pid": ', b"[" * 4096, b'{"pid": 1' + b"0" * 400 + b"}"],
    ids=["empty", "text", "a list", "bytes", "cut", "deep", "huge"],
)  # fmt: skip
def test_whatever_stands_in_the_file_only_the_lock_counts(
    tmp_path: Path, text: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "PATIENCE", 0.05)
    (tmp_path / LOCK).write_bytes(text)
    assert folder_owner(tmp_path) is None
    with held(tmp_path):
        (tmp_path / LOCK).write_bytes(text)
        assert isinstance(folder_owner(tmp_path), dict)
        with pytest.raises(ProjectConflict):
            hold_folder(tmp_path)


def test_a_new_folder_and_its_lock_are_for_this_user_only(tmp_path: Path) -> None:
    folder = tmp_path / "a/b/data"
    with hold_folder(folder):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / LOCK).stat().st_mode & 0o777 == 0o600
    make_folder(folder)


def test_a_file_in_place_of_the_folder_and_a_link_in_place_of_the_lock_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="cannot be written"):
        hold_folder(tmp_path / "file")
    target = tmp_path / "target"
    target.write_text("precious", encoding="utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / LOCK).symlink_to(target)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        hold_folder(tmp_path / "data")
    assert target.read_text(encoding="utf-8") == "precious"
    assert folder_owner(tmp_path / "data") is None


def test_no_child_keeps_the_folder_after_its_owner(tmp_path: Path) -> None:
    lock = hold_folder(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print('up', flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=False,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        lock.release()
        assert folder_owner(tmp_path) is None
        hold_folder(tmp_path).release()
        assert child.poll() is None
        child.kill()


@pytest.mark.parametrize("pid", [None, "1", 1.5, True, 0, -1, 10**400], ids=lambda pid: f"{pid!r:.9}")
def test_what_is_no_number_of_a_process_is_not_alive(pid: object) -> None:
    assert not is_alive(pid)


def test_processes_are_alive_until_they_have_ended() -> None:
    assert is_alive(os.getpid())
    assert is_alive(1)
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait(60)
    assert not is_alive(child.pid)
