"""The grants of the examples: exact, and each of them needed, as their own tests show."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = {"notes": "app:app", "fatfire": "fatfire.app:app"}


@pytest.mark.parametrize("example", ["notes", pytest.param("fatfire", marks=pytest.mark.slow)])
def test_each_exact_grant_of_an_example_removed_makes_one_of_its_tests_fail(example: str, tmp_path: Path) -> None:
    folder = ROOT / "examples" / example
    report = tmp_path / "report.json"
    environment = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{folder}"}
    environment.pop("PYTEST_XDIST_WORKER", None)
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "pytest", "-q", "-p", "removing", "-p", "no:cacheprovider", "-p", "no:xdist"),
            *("--rootdir", str(ROOT), "--removing-app", EXAMPLES[example], "--removing-report", str(report)),
            str(folder / "tests"),
        ],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert report.is_file(), done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert found["broken"] == []
    assert found["tests"] >= 8
    assert len(found["exact"]) >= 10
    assert [grant for grant, test in found["noticed"].items() if test is None] == []
    assert len(found["noticed"]) == len(found["exact"])


@pytest.mark.parametrize("example", list(EXAMPLES))
def test_nothing_of_an_example_is_widened(example: str) -> None:
    from portable.cli.project import find_project, load_manifest

    manifest = load_manifest(find_project(str(ROOT / "examples" / example)))
    assert manifest["widenings"] == []
    assert {grant["how"] for grant in manifest["grants"]} <= {"exact", "implied"}
