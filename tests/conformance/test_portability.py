"""The kept reports in docs/portability/ and the page that is made of them are those of today's suite and adapters.

A promise that was added, an adapter that says something else, or another version of an emulator make a test here fail,
with the command to run.
"""

import re
import shlex
from pathlib import Path

import pytest

from portable.adapter import Supports, find_adapter
from portable.capabilities import PROVIDERS, load_profile
from portable.cli.explain import pages
from portable.testing.conformance.features import BY_ID, promises
from portable.testing.conformance.harness import Stand
from portable.testing.portability.__main__ import columns, read, renewed
from portable.testing.portability.page import page
from portable.testing.portability.report import Report, faults, to_text, unrun
from tests.aws_stack.stands import STANDS
from tests.conformance.conftest import RUNTIME
from tests.gcp_stack.stands import STANDS as GCP_STANDS

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/portability"
PAGE = ROOT / "docs/portability.md"
REPORTS = columns(read(FOLDER))
SUITE = promises()
STANDS_OF: dict[str, dict[str, Stand]] = {"local": {"runtime": RUNTIME}, "aws": STANDS, "gcp": GCP_STANDS}
RENDER = "python -m portable.testing.portability docs/portability --write docs/portability.md"
NOT_IN_THE_SUITE = {
    "P3401": "names of resources of a deploy",
    "P3404": "rights of a deploy",
    "P3406": "rights of a deploy",
}
"""Findings about a deploy that no promise of the suite is about."""
each_report = pytest.mark.parametrize("column", list(REPORTS))


def again(report: Report, missing: list[str] | None = None) -> str:
    """How to run an adapter's suite for its report, the promises that are missing or all of it."""
    words = ["python", "-m", "pytest", "-n", "2", f"tests/conformance/test_{report.adapter}.py"]
    if missing:
        words += ["-k", " or ".join(dict.fromkeys(promise.partition(".")[2] for promise in missing))]
    words += ["--portability-report", f"docs/portability/{report.adapter}.json"]
    return f"run `{shlex.join(words)}`, then `{RENDER}`; or `make portability` for all"


def test_every_adapter_of_ours_has_a_report() -> None:
    modules = {file.stem.removeprefix("test_") for file in Path(__file__).parent.glob("test_*.py")}
    assert set(STANDS_OF) == modules - {"suite", "portability", "gcp_official"}
    assert set(STANDS_OF) <= {report.adapter for report in REPORTS.values()}


@each_report
def test_a_report_does_not_contradict_itself_or_the_suite(column: str) -> None:
    report = REPORTS[column]
    assert faults(report, SUITE) == [], again(report)


@each_report
def test_every_promise_of_the_suite_was_run_whole(column: str) -> None:
    report = REPORTS[column]
    missing = unrun(report, SUITE) + [promise for promise, result in report.results.items() if not result.is_whole]
    assert missing == [], again(report, missing)


@each_report
def test_every_promise_has_as_many_cases_everywhere(column: str) -> None:
    report, first = REPORTS[column], next(iter(REPORTS.values()))
    cases = {promise: result.passed + result.refused for promise, result in report.results.items()}
    expected = {promise: result.passed + result.refused for promise, result in first.results.items()}
    differing = [promise for promise in cases if cases[promise] != expected.get(promise)]
    assert differing == [], again(report, differing)


@each_report
def test_a_report_has_what_the_adapter_says_today(column: str) -> None:
    report = REPORTS[column]
    assert isinstance(find_adapter(report.adapter), Supports)
    assert to_text(report) == to_text(renewed(report)), f"run `{RENDER}`"


@pytest.mark.parametrize("adapter", list(STANDS_OF))
def test_a_report_is_of_the_services_that_the_suite_runs_on_today(adapter: str) -> None:
    report = REPORTS[adapter]
    assert report.stands
    assert report.stands == {name: STANDS_OF[adapter][name] for name in report.stands}, again(report)


def test_the_page_is_what_the_reports_become() -> None:
    expected = page(REPORTS, SUITE, {name: load_profile(name) for name in PROVIDERS})
    assert PAGE.read_text(encoding="utf-8") == expected, f"run `{RENDER}`"


@pytest.mark.parametrize(
    ("provider", "pages_of"), [("aws", "https://docs.aws.amazon.com/"), ("gcp", "https://cloud.google.com/")]
)
def test_what_a_provider_does_is_said_feature_by_feature_each_with_a_page_of_its_own(
    provider: str, pages_of: str
) -> None:
    adapter: object = find_adapter(provider)
    assert isinstance(adapter, Supports)
    said = adapter.support()
    assert set(said) == set(BY_ID)
    assert [id for id, one in said.items() if not one.source.startswith(pages_of)] == []
    used = {service for one in said.values() for service in one.services}
    assert set(STANDS_OF[provider]) <= used


def test_codes_have_pages_and_each_finding_about_a_provider_stands_beside_a_feature() -> None:
    known = pages()
    told = {code for report in REPORTS.values() for one in report.support.values() for code in one.codes}
    assert told
    assert told <= set(known)
    about_one = {
        code
        for code, file in known.items()
        if re.search(r"not an exception · \w+ · (aws|gcp|aws, gcp)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(about_one) >= 10
    assert about_one - told == set(NOT_IN_THE_SUITE)


def test_a_report_names_no_machine() -> None:
    for file in FOLDER.iterdir():
        assert file.suffix == ".json"
        assert not re.search(r"/(home|root|work|tmp|Users)/", file.read_text(encoding="utf-8"))
