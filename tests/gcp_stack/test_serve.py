"""`make gcp-stack` leaves nothing behind that leads to it, however it is ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda one: one.name)
def test_a_stack_that_ends_takes_its_environment_with_it(tmp_path: Path, ending: signal.Signals) -> None:
    said = tmp_path / "said.txt"
    with (
        said.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "tests.gcp_stack.serve"],
            cwd=ROOT,
            env={**os.environ, "PORTABLE_GCP_STACK": str(tmp_path / "home")},
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as stack,
    ):
        give_up = time.monotonic() + PATIENCE
        while "Interrupt this one" not in (text := said.read_text()):
            assert stack.poll() is None, text
            assert time.monotonic() < give_up, text
            time.sleep(0.05)
        file = tmp_path / "home" / "environment"
        assert "CLOUDSDK_CORE_PROJECT" in file.read_text()
        stack.send_signal(ending)
        assert stack.wait(PATIENCE) == 0, said.read_text()
    assert not file.exists()
