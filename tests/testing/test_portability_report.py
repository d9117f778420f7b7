"""`--portability-report`: what a run of the suite writes down, and what it refuses to write down."""

import os
import sys
from pathlib import Path

import pytest

from portable.testing.conformance.features import REFUSAL, promises
from portable.testing.portability.__main__ import main
from portable.testing.portability.report import Report, faults, from_text

pytest_plugins = ["pytester"]

MEMORY = Path(__file__).parents[1] / "third_party_adapter"
URLS = "BucketUrlConformance.test_a_url_of_an_absent_object_answers_404"
EVERY_URL = "BucketUrlConformance.test_an_upload_and_a_download_by_url"
COMPARED = "TableConformance.test_conditions_that_exclude_one_another_are_refused"
SUITE = """
import pytest
from portable_memory import MemoryAdapter

from portable.adapter import Support, find_adapter
from portable.testing import conformance
from portable.testing.conformance.bucket_urls import BucketUrlConformance
from portable.testing.conformance.harness import Harness, Stand

STANDS = {"memory": Stand("dicts", "fake"), "runtime": Stand("the runtime", "itself")}


class Memory(MemoryAdapter):
    SAID


@pytest.fixture
def harness():
    return Harness(Memory(), STANDS)


class TestCapabilities(conformance.CapabilityConformance): ...


class TestUrls(BucketUrlConformance): ...


class TestTables(conformance.TableConformance): ...
"""
PART = "capability or lacked_is_501 or absent_object or upload_and_a_download or exclude_one_another"
NATIVE_URLS = """
    def support(self):
        return {**super().support(), "buckets.signed_urls": Support("native", "By URLs.", ("memory",))}
"""
UNREFUSED_URLS = "lacks = frozenset()\n" + NATIVE_URLS


def suite(pytester: pytest.Pytester, said: str = "pass", *more: str) -> Path:
    """The module of an adapter that adds to the memory adapter what is `said`; where its report will be."""
    pytester.syspathinsert(MEMORY)
    pytester.makepyfile(test_suite=SUITE.replace("SAID", said) + "".join(more))
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider -p no:randomly -p no:hypothesispytest -p no:anyio\n")
    return pytester.path / "memory.json"


def run(pytester: pytest.Pytester, file: Path, part: str = PART, *options: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-k", part, "--portability-report", str(file), *options)


def read(file: Path) -> Report:
    return from_text(file.read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The options of this run are not for the runs inside."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)


def test_a_run_writes_what_passed_and_what_was_refused_as_declared(pytester: pytest.Pytester) -> None:
    file = suite(pytester)
    assert run(pytester, file).ret == pytest.ExitCode.OK
    report = read(file)
    assert report.adapter == "memory"
    # What no feature uses is left out.
    assert set(report.stands) == {"memory"}
    assert report.support["buckets.signed_urls"].kind == "refused"
    assert report.results[REFUSAL][:3] == (1, 0, 0)
    assert report.results[URLS][:3] == (0, 1, 0)
    assert report.results[EVERY_URL].refused > 5
    assert report.results[COMPARED][:3] == (5, 0, 0)
    assert faults(report, promises()) == []


@pytest.mark.slow
def test_it_is_the_same_with_several_processes(pytester: pytest.Pytester) -> None:
    file, other = suite(pytester), pytester.path / "other.json"
    assert run(pytester, file).ret == pytest.ExitCode.OK
    # With the path on which modules are found here: the adapter of the other test is not installed.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        done = pytester.runpytest_subprocess("-k", PART, "--portability-report", "other.json", "-n", "2", timeout=600)
    assert done.ret == pytest.ExitCode.OK
    assert other.read_text() == file.read_text()


def test_what_is_said_to_be_native_and_is_refused_fails_the_run(pytester: pytest.Pytester) -> None:
    file = suite(pytester, NATIVE_URLS)
    done = run(pytester, file)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert done.parseoutcomes().get("failed", 0) == 0
    done.stdout.fnmatch_lines(
        [
            "*is not written:*",
            "*memory, buckets.signed_urls: said to be native, and signed_urls is in `lacks`*",
            "*memory, buckets.signed_urls: said to be native, and the run shows it refused: BucketUrl*",
        ]
    )
    assert not file.exists()


def test_what_is_said_to_be_native_and_raises_fails_and_nothing_can_be_shown_of_it(pytester: pytest.Pytester) -> None:
    file = suite(pytester, UNREFUSED_URLS)
    done = run(pytester, file)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert done.parseoutcomes()["failed"] > 2
    done.stdout.fnmatch_lines([f"*failed: {URLS}*"])
    report = read(file)
    assert f"memory, failed: {URLS}" in faults(report, promises())
    assert report.results[COMPARED].is_whole
    assert main([str(file.parent), "--write", str(file.parent / "page.md")]) == 1
    assert not (file.parent / "page.md").exists()


def test_what_is_said_to_be_refused_and_works_fails_the_run(pytester: pytest.Pytester) -> None:
    works = 'name = "works"\n    lacks = frozenset()\n    running = staticmethod(find_adapter("local").running)'
    file = suite(pytester, works)
    done = run(pytester, file)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    assert done.parseoutcomes().get("failed", 0) == 0
    done.stdout.fnmatch_lines(
        [
            "*works, buckets.signed_urls: said to be refused, and signed_urls is not in `lacks`*",
            "*works, buckets.signed_urls: said to be refused, and the run shows it working: BucketUrl*",
        ]
    )
    assert not file.exists()


def test_a_service_that_the_test_module_does_not_name_fails_the_run(pytester: pytest.Pytester) -> None:
    file = suite(pytester, "pass", "\nSTANDS.pop('memory')\n")
    done = run(pytester, file)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*memory, tables.items: *Harness does not say what 'memory' was*"])
    assert not file.exists()


def test_an_adapter_that_says_nothing_of_itself_has_no_report(pytester: pytest.Pytester) -> None:
    file = suite(pytester, "support = None")
    done = run(pytester, file)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*the adapter 'memory' has no `support()`*"])
    assert not file.exists()


def test_a_report_is_about_one_adapter(pytester: pytest.Pytester) -> None:
    other = """

class TestLocal(conformance.CapabilityConformance):
    @pytest.fixture
    def harness(self):
        return Harness(find_adapter("local"), STANDS)
"""
    file = suite(pytester, "pass", other)
    done = run(pytester, file)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*a report is about one adapter*local, memory*"])
    done = run(pytester, file, "nothing_at_all")
    done.stdout.fnmatch_lines(["*a report is about one adapter*none*"])
    assert not file.exists()


def test_cases_that_are_left_out_are_counted_and_a_later_run_adds_to_an_earlier_one(pytester: pytest.Pytester) -> None:
    file = suite(pytester)
    some = run(pytester, file, "exclude_one_another and not conditions0")
    assert some.ret == pytest.ExitCode.OK
    first = read(file).results
    assert set(first) == {COMPARED}
    assert first[COMPARED].passed > 0
    assert first[COMPARED].missing > 0
    assert run(pytester, file, "test_a_put_is_read_back").ret == pytest.ExitCode.OK
    added = read(file).results
    assert added[COMPARED] == first[COMPARED]
    assert added["TableConformance.test_a_put_is_read_back_at_once_and_whole"][:3] == (1, 0, 0)
    assert run(pytester, file, "exclude_one_another").ret == pytest.ExitCode.OK
    whole = read(file).results
    assert whole[COMPARED][:3] == (first[COMPARED].passed + first[COMPARED].missing, 0, 0)
    # A run of fewer cases takes nothing away.
    assert run(pytester, file, "exclude_one_another and not conditions0").ret == pytest.ExitCode.OK
    assert read(file).results[COMPARED][:3] == whole[COMPARED][:3]


def test_a_test_that_an_adapter_overrides_is_no_proof(pytester: pytest.Pytester) -> None:
    override = """

class TestMine(conformance.CapabilityConformance):
    def test_an_adapter_lacks_only_what_one_may_lack(self, harness): ...
"""
    file = suite(pytester, "pass", override)
    assert run(pytester, file, "TestMine").ret == pytest.ExitCode.OK
    results = read(file).results
    assert REFUSAL in results
    assert "CapabilityConformance.test_an_adapter_lacks_only_what_one_may_lack" not in results


def test_a_file_that_is_no_report_is_left_as_it_is(pytester: pytest.Pytester) -> None:
    file = suite(pytester)
    file.write_text("{}")
    done = run(pytester, file)
    assert done.ret == pytest.ExitCode.TESTS_FAILED
    done.stdout.fnmatch_lines(["*this is no portability report*"])
    assert file.read_text() == "{}"


def test_a_folder_that_there_is_not_is_told_before_anything_runs(pytester: pytest.Pytester) -> None:
    suite(pytester)
    done = run(pytester, pytester.path / "absent" / "memory.json")
    assert done.ret == pytest.ExitCode.USAGE_ERROR
    done.stderr.fnmatch_lines(["*--portability-report: there is no folder*absent*"])
