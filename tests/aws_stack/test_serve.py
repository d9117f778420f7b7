"""`make aws-stack`: what it leaves behind when it ends, which is nothing, however it is ended."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

SERVE = """
import signal, sys
from pathlib import Path
from tests.aws_stack import installation, serve, session

signal.signal(signal.SIGINT, signal.SIG_IGN)
installation.HOME = Path(sys.argv[1])
session.endpoint_of = lambda name: f"http://127.0.0.1:1/{name}"
serve.main()
"""


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_variables_of_a_stack_that_has_ended_are_gone(tmp_path: Path, ending: signal.Signals) -> None:
    """Also where it was started in the background, by a shell that has SIGINT ignored there."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as stack:
        assert stack.stdout is not None
        for line in stack.stdout:
            if line.startswith("Interrupt this one"):
                break
        assert "AWS_ENDPOINT_URL=http://127.0.0.1:1/localstack" in (tmp_path / "environment").read_text()
        stack.send_signal(ending)
        assert stack.wait(60) == 0
    assert list(tmp_path.iterdir()) == []
