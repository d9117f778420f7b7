"""The simulator of IAM's rules, a process of its own."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.aws_stack.installation import Missing, Part, installed, run

SIMULATOR = "@cloud-copilot/iam-simulate@0.1.173"


def make_simulator(folder: Path) -> None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise Missing("the simulator of IAM needs node and npm; on Debian and Ubuntu: apt-get install nodejs npm")
    (folder / "package.json").write_text('{"private": true}')
    run("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", SIMULATOR, cwd=folder)


@pytest.fixture(scope="session")
def judge() -> Callable[[list[dict[str, Any]]], list[str]]:
    """Judges requests by IAM's rules: what the simulator says of each."""
    folder = installed(Part("iam-simulate", SIMULATOR.encode(), make_simulator))

    def run_all(probes: list[dict[str, Any]]) -> list[str]:
        done = subprocess.run(
            ["node", str(Path(__file__).with_name("simulate.mjs")), str(folder)],
            input="".join(json.dumps(probe) + "\n" for probe in probes),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(answers) == len(probes)
        for probe, answer in zip(probes, answers, strict=True):
            assert answer["error"] is None, (probe["action"], probe["resource"], answer)
        return [answer["result"] for answer in answers]

    return run_all
