"""K6: of all who want one data folder one gets it, the others are told who has it; what is in it is its user's."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from portable_local.store.owner import LOCK, folder_owner, hold_folder

from portable.errors import ProjectConflict

from .dev_process import APP, PYTHON_PATH, ROOT, Dev
from .stored import files, items, opened

RACERS = 50


def test_of_fifty_racing_starts_one_wins_and_the_others_name_it(tmp_path: Path) -> None:
    for attempt in range(3):
        done = subprocess.run(
            [sys.executable, "-m", "tests.durability.racers", str(tmp_path / "data"), str(RACERS)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": PYTHON_PATH},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        winners = [answer["pid"] for answer in answers if answer["conflict"] is None]
        assert len(answers) == RACERS
        assert len(winners) == 1, f"attempt {attempt}"
        for answer in answers:
            if answer["conflict"] is not None:
                assert f"in use by portable race, process {winners[0]}, since 2" in answer["conflict"]
        assert folder_owner(tmp_path / "data") is None


def test_a_second_portable_dev_and_a_reset_are_told_who_holds_the_folder(tmp_path: Path) -> None:
    with Dev(tmp_path) as dev:
        dev.start()
        for arguments in (["dev", str(APP), "--port", "0"], ["dev", str(APP), "--port", "0", "--reset", "items"]):
            done = subprocess.run(
                [sys.executable, "-P", "-m", "portable", *arguments, "--data", str(dev.data)],
                env={**os.environ, "PYTHONPATH": PYTHON_PATH},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == ProjectConflict.exit_code, done.stderr
            assert f"process {dev.pid}" in " ".join(done.stderr.split())
        assert dev.request("GET", "/health").status == 200
        assert dev.stop(signal.SIGTERM) == 0


def test_the_folder_of_an_owner_that_was_killed_is_free(tmp_path: Path) -> None:
    program = "import sys, os, signal; from pathlib import Path; from portable_local.store.owner import hold_folder; "
    program += "lock = hold_folder(Path(sys.argv[1]), 'killed'); os.kill(os.getpid(), signal.SIGKILL)"
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60)
    assert done.returncode == -signal.SIGKILL
    assert b"killed" in (tmp_path / LOCK).read_bytes()
    assert folder_owner(tmp_path) is None
    with hold_folder(tmp_path, "next"):
        owner = folder_owner(tmp_path)
        assert owner is not None
        assert (owner["what"], owner["pid"]) == ("next", os.getpid())


def test_who_only_asks_for_the_owner_never_keeps_anybody_from_the_folder(tmp_path: Path) -> None:
    hold_folder(tmp_path).release()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            folder_owner(tmp_path)

    askers = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    for asker in askers:
        asker.start()
    try:
        for _ in range(200):
            hold_folder(tmp_path).release()
    finally:
        stop.set()
        for asker in askers:
            asker.join(30)


@pytest.mark.parametrize("umask", [0o022, 0o000], ids=["usual", "none"])
def test_everything_in_the_data_folder_is_for_its_user_alone(tmp_path: Path, umask: int) -> None:
    data = tmp_path / "project" / ".portable"
    before = os.umask(umask)
    try:
        with opened(data) as (store, _):
            items.put({"pk": "p", "sk": "s"})
            files.put("a/b", b"x")
            assert store.read("SELECT 1") == [(1,)]
            found = {str(path.relative_to(data)): path.stat().st_mode & 0o777 for path in data.rglob("*")}
            found["."] = data.stat().st_mode & 0o777
            folders = {name for name in found if (data / name).is_dir()}
    finally:
        os.umask(before)
    assert {"store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "owner.lock"} <= set(found)
    assert {name: oct(mode) for name, mode in found.items()} == {
        name: oct(0o700 if name in folders else 0o600) for name in found
    }


def test_everything_that_portable_dev_makes_is_for_its_user_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with Dev(tmp_path) as dev:
            dev.start()
            assert dev.request("PUT", "/files/f", {"n": 1}).status == 200
            found = [dev.data, *dev.data.iterdir(), *(dev.data / "objects").rglob("*")]
            open_to_others = [str(path) for path in found if path.lstat().st_mode & 0o077]
    finally:
        os.umask(before)
    assert len(found) > 5
    assert open_to_others == []
