"""An adapter of somebody else: built from its own distribution, found by its entry point, proven by the suite."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from portable.testing import conformance

SOURCE = Path(__file__).parents[1] / "third_party_adapter"
ROOT = Path(__file__).parents[2]
PART = "TestCapabilities or TestTables or TestTopics"
"""What is run of the suite by default; all of it is in the slow tests."""
DECLARING = """
import pytest
from portable_memory import MemoryAdapter

from portable.testing import conformance
from portable.testing.conformance.harness import Harness


def adapter(*lacks):
    found = MemoryAdapter()
    found.lacks = frozenset(lacks)
    return found


class TestHonest(conformance.CapabilityConformance):
    @pytest.fixture
    def harness(self):
        return Harness(adapter("signed_urls"))


class TestBoasting(conformance.CapabilityConformance):
    @pytest.fixture
    def harness(self):
        return Harness(adapter())


class TestStrange(conformance.CapabilityConformance):
    @pytest.fixture
    def harness(self):
        return Harness(adapter("signed_urls", "gravity"))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the adapter as pip installs it; nothing is downloaded."""
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    offline = ("--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder))
    subprocess.run([*pip, *offline, str(SOURCE)], check=True, timeout=300)
    return folder


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        env={**kept, "PYTHONPATH": str(installed), "NO_COLOR": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1200,
    )


def pytest_run(installed: Path, *arguments: str) -> tuple[dict[str, int], str]:
    """How many passed, failed and so on, and what was printed."""
    options = ("-q", "-rs", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:randomly")
    done = run(installed, "-m", "pytest", *options, *arguments)
    last = done.stdout.rstrip().rpartition("\n")[2]
    return {what: int(count) for count, what in re.findall(r"(\d+) (\w+)", last)}, done.stdout + done.stderr


def assert_proven(counts: dict[str, int], printed: str, least: int) -> None:
    assert counts.get("passed", 0) >= least, printed
    assert not {"failed", "error", "errors", "xfailed"} & set(counts), printed
    reasons = [line for line in printed.splitlines() if line.startswith("SKIPPED")]
    assert [line for line in reasons if "memory declares that it lacks signed_urls" not in line] == []


def test_it_is_found_by_its_entry_point(installed: Path) -> None:
    assert (installed / "portable_memory").is_dir()
    script = "from portable.adapter import find_adapter as f; print(f('memory').name, f('local').name)"
    assert run(installed, "-c", script).stdout == "memory local\n"
    script = "from portable.adapter import find_adapter as f; f('clay')"
    assert "there is no adapter 'clay'" in run(installed, "-c", script).stderr


def test_an_app_is_tested_on_it_as_on_any_other(installed: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'examples/notes')!r})\n"
        "from app import app\n"
        "from portable.testing import running\n"
        "with running(app, adapter='memory') as started:\n"
        "    note = {'owner': 'ada', 'id': '1', 'text': 'one two'}\n"
        "    print(started.client.post('/notes', json=note).status)\n"
        "    started.drain()\n"
        "    print(started.client.get('/notes/ada/1/summary').json()['words'])\n"
    )
    done = run(installed, str(script))
    assert done.stdout == "200\n2\n", done.stderr


def test_it_runs_every_class_of_the_suite_and_changes_none() -> None:
    text = (SOURCE / "suite.py").read_text(encoding="utf-8")
    used = re.findall(r"^class Test\w+\(conformance\.(\w+)\): \.\.\.$", text, re.MULTILINE)
    assert sorted(used) == sorted(name for name in conformance.__all__ if name != "Harness")


def test_it_passes_a_part_of_the_suite_and_has_a_portability_matrix_of_its_own(installed: Path, tmp_path: Path) -> None:
    file, page = tmp_path / "memory.json", tmp_path / "portability.md"
    counts, printed = pytest_run(installed, str(SOURCE / "suite.py"), "-k", PART, "--portability-report", str(file))
    assert_proven(counts, printed, 130)
    done = run(installed, "-m", "portable.testing.portability", str(tmp_path), "--write", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text(encoding="utf-8")
    assert "| feature | promises | memory |" in text
    assert re.search(r"^\| \[every subscriber gets every event\].* \| native; the thing itself \|$", text, re.MULTILINE)
    assert "- memory, *refused*: There is no address at which" in text


@pytest.mark.slow
def test_it_passes_all_of_the_suite(installed: Path) -> None:
    counts, printed = pytest_run(installed, str(SOURCE / "suite.py"))
    assert_proven(counts, printed, 1400)
    assert counts["skipped"] >= 20


def test_a_capability_that_is_declared_wrongly_fails_the_suite(installed: Path, tmp_path: Path) -> None:
    file = tmp_path / "test_declaring.py"
    file.write_text(DECLARING)
    counts, printed = pytest_run(installed, str(file), "--rootdir", str(tmp_path), "-rf")
    failed = re.findall(r"^FAILED \S+::(\w+)::(\w+)", printed, re.MULTILINE)
    assert sorted(failed) == [
        ("TestBoasting", "test_a_capability_works_or_is_refused_as_it_is_declared"),
        ("TestBoasting", "test_over_http_what_is_lacked_is_501"),
        ("TestStrange", "test_an_adapter_lacks_only_what_one_may_lack"),
    ], printed
    assert counts == {"passed": 6, "failed": 3}
