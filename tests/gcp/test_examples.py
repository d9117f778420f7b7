"""The examples pass their own tests on Google Cloud's stand-ins, not a line of them changed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gcp_stack.session import GcpStack, gcp_stack

__all__ = ["gcp_stack"]

EXAMPLES = Path(__file__).parents[2] / "examples"
LONGEST = 7200
"""Seconds after which it hangs. All of fatfire's tests load rates, on a busy machine for minutes each."""
ELSEWHERE = '''"""The app runs on another adapter than the local one."""

import pytest

from portable.testing import running


@pytest.fixture
def running_app(portable_app):
    with running(portable_app, adapter="gcp") as started:
        yield started
'''


SOME_OF_FATFIRE = (
    "tests/test_exchange.py::test_the_schedule_loads_the_rates",
    "tests/test_fatfire.py::test_importing_a_file_twice_changes_nothing",
    "tests/test_fatfire.py::test_net_worth_is_what_an_independent_computation_gives[2026-10-31-AUD]",
    "tests/test_handlers.py::test_a_statement_alone_makes_a_history",
)
"""Each of its tests loads thousands of rates, which takes our Firestore seconds; all of them are for the slow test."""


@pytest.mark.parametrize(
    ("example", "chosen"),
    [("notes", (".",)), ("fatfire", SOME_OF_FATFIRE), pytest.param("fatfire", (".",), marks=pytest.mark.slow)],
    ids=["notes", "fatfire, in part", "fatfire"],
)
def test_an_example_passes_its_own_tests_on_google_cloud(
    gcp_stack: GcpStack, tmp_path: Path, example: str, chosen: tuple[str, ...]
) -> None:
    folder = tmp_path / example
    shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns("__pycache__", ".portable"))
    (folder / "conftest.py").write_text(ELSEWHERE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen],
        cwd=folder,
        env={**os.environ, **gcp_stack.environment()},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
