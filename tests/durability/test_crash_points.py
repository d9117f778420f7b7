"""K2: whichever step of a write a process ends in, what was acknowledged is there, and the rest is whole or absent."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .crash_names import store_names
from .ledger import Ledger, ledger_of
from .stored import found_in
from .writer import FOLDERS

ROOT = Path(__file__).parents[2]
DEADLINE = 120.0


def write(folder: Path, first: int, *more: str, crash_at: str = "") -> tuple[int, list[str], str]:
    """Runs the writer: its exit code, what it said, what it said on stderr."""
    environment = {**os.environ, "PORTABLE_CRASH_AT": crash_at, "PYTHONPATH": python_path()}
    done = subprocess.run(
        [sys.executable, "-m", "tests.durability.writer", str(folder), str(first), *more],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    whole = done.stdout.rpartition("\n")[0]
    return done.returncode, whole.split("\n") if whole else [], done.stderr


def python_path() -> str:
    return os.pathsep.join(path for path in (os.environ.get("PYTHONPATH"), str(ROOT)) if path)


def faults_in(root: Path, ledger: Ledger) -> list[str]:
    """What is wrong in the folders that the writer came to."""
    found: dict[str, int] = {}
    faults: list[str] = []
    for name in FOLDERS:
        if (root / name).is_dir():
            states, damage = found_in(root / name)
            found |= {f"{name}/{key}": state for key, state in states.items()}
            faults += [f"{name}: {what}" for what in damage]
    return faults + ledger.settle(found | {"done": 1} if "done" in ledger.names() else found)


def test_there_are_places_to_end_in_at_every_step_of_a_write() -> None:
    names = store_names()
    assert len(names) >= 15
    for step in ("before-commit", "after-commit", "object-written", "claim-in-transaction", "values-replaced"):
        assert step in names


@pytest.fixture(scope="module")
def passes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """How often a writer that is left alone passes each place."""
    code, _, errors = write(tmp_path_factory.mktemp("count"), 1, "count")
    assert code == 0, errors
    found: dict[str, int] = json.loads(errors)
    return found


@pytest.mark.parametrize("name", store_names())
def test_a_process_killed_in_any_step_of_a_write_loses_nothing_acknowledged(
    tmp_path: Path, passes: dict[str, int], name: str
) -> None:
    crash(tmp_path, passes, name, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", store_names())
def test_a_process_killed_at_twenty_times_of_every_step_loses_nothing(
    tmp_path: Path, passes: dict[str, int], name: str
) -> None:
    crash(tmp_path, passes, name, 20)


def crash(tmp_path: Path, passes: dict[str, int], name: str, times: int) -> None:
    seed = random.randrange(2**32)
    most = passes.get(name, 0)
    assert most >= 3, f"{name} is passed {most} times"
    for count in (1, *random.Random(seed).sample(range(2, most + 1), min(times, most) - 1)):
        folder = tmp_path / str(count)
        code, said, errors = write(folder, 1, crash_at=f"{name}:{count}")
        assert code == -signal.SIGKILL, f"seed {seed}: {name} was not reached {count} times: {code}\n{errors}"
        assert f"crash point {name}" in errors
        ledger = ledger_of(said)
        assert faults_in(folder, ledger) == [], f"seed {seed}: {name}:{count}"
    # The next process needs no repair, and loses nothing that was read.
    code, said, errors = write(folder, 1000)
    assert code == 0, errors
    before = ledger.acknowledged
    ledger_of(said, ledger)
    assert ledger.acknowledged > before + 100
    assert faults_in(folder, ledger) == [], f"seed {seed}: {name}:{count}, then a second run"
