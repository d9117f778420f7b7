"""The part of the pytest plugin that writes a report: loaded only where `--portability-report` is given.

With xdist each process counts the cases it has collected and says of each test what became of it, beside the test's own
outcome (`user_properties`); the process that all others report to puts it together.
"""

import json
from collections import Counter
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from portable.adapter import Support, Supports
from portable.errors import ConfigurationError
from portable.testing.conformance import Harness
from portable.testing.conformance.features import BY_ID, promises
from portable.testing.conformance.harness import LACKED

from .report import Report, Result, failures, faults, from_text, joined, resolved, to_text

PROPERTY = "portable_portability"
SUITE = "portable.testing.conformance."
MOST_SHOWN = 20


class Seen(NamedTuple):
    """Of one case: its promise, how many cases that has, the adapter (empty: no fixture was made), and the outcome."""

    promise: str
    cases: int
    adapter: str
    outcome: str


def promise_of(item: pytest.Item) -> str | None:
    """The promise that a test is about, by the class of the suite that defines it; None for any other test."""
    function = getattr(item, "function", None)
    if function is None or not function.__module__.startswith(SUITE):
        return None
    return str(function.__qualname__)


class Recorder:
    """What a run has shown so far."""

    def __init__(self, file: Path, *, is_worker: bool) -> None:
        self._file = file
        self._is_worker = is_worker
        self._cases: Counter[tuple[Path, str]] = Counter()
        self._has_said = False
        self._said: dict[str, Any] | None = None
        self._outcomes: dict[str, Counter[str]] = {}
        self._whole: dict[str, int] = {}
        self._adapters: set[str] = set()
        self._lines: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Counts before -k and -m leave anything out."""
        for item in items:
            if (promise := promise_of(item)) is not None:
                self._cases[item.path, promise] += 1

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        made = yield
        promise = promise_of(item)
        if promise is None or (made.when != "call" and made.outcome == "passed"):
            return made
        outcome: str = made.outcome
        if made.outcome == "skipped":
            lacked = call.excinfo is not None and hasattr(call.excinfo.value, LACKED)
            outcome = "refused" if lacked else "missing"
        harness = cast("dict[str, object]", getattr(item, "funcargs", {})).get("harness")
        known = harness if isinstance(harness, Harness) else None
        seen = Seen(promise, self._cases[item.path, promise], known.adapter.name if known is not None else "", outcome)
        said: dict[str, Any] | None = None
        if known is not None and not self._has_said:
            self._has_said = True
            said = said_by(known)
        # As text, since what workers send is of the simplest types only.
        made.user_properties.append((PROPERTY, json.dumps([seen, said])))
        return made

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and (report.when == "call" or report.outcome != "passed"):
                seen, said = json.loads(str(value))
                self._note(Seen(*seen), said)

    def _note(self, seen: Seen, said: dict[str, Any] | None) -> None:
        self._said = self._said or said
        self._whole[seen.promise] = seen.cases
        self._outcomes.setdefault(seen.promise, Counter())[seen.outcome] += 1
        if seen.adapter:
            self._adapters.add(seen.adapter)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._is_worker or session.config.option.collectonly:
            return
        wrong = self._write()
        if wrong:
            shown = [f"  {line}" for line in wrong[:MOST_SHOWN]]
            more = [f"  and {len(wrong) - MOST_SHOWN} more"] if len(wrong) > MOST_SHOWN else []
            self._lines = [f"{self._file} is not written:", *shown, *more]
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self._is_worker and self._lines:
            terminalreporter.section("portability report")
            for line in self._lines:
                terminalreporter.write_line(line)

    def _write(self) -> list[str]:
        """Writes the report; what hinders that."""
        if len(self._adapters) != 1 or self._said is None:
            names = ", ".join(sorted(self._adapters)) or "none"
            return [f"a report is about one adapter, and the conformance tests that ran have: {names}"]
        suite = promises()
        new = from_text(self._said["report"])._replace(results=self._results())
        try:
            old = from_text(self._file.read_text(encoding="utf-8")) if self._file.exists() else None
        except ConfigurationError as error:
            return [error.message]
        report = joined(old, new, suite)
        failed = failures(report)
        whole = {promise: result for promise, result in report.results.items() if promise not in failed}
        wrong = [*self._said["faults"], *faults(report._replace(results=whole), suite)]
        if not wrong:
            # What failed is kept too: no page is made of it, and the rest need not be run again.
            self._file.write_text(to_text(report), encoding="utf-8")
            held = sum(promise in report.results and report.results[promise].is_whole for promise in suite)
            self._lines = [f"{self._file}: {report.adapter}, {held} of {len(suite)} promises were seen to hold"]
            self._lines += [f"  failed: {promise}" for promise in failed]
        return wrong

    def _results(self) -> dict[str, Result]:
        today = datetime.now(UTC).date().isoformat()
        return {
            promise: Result(
                counts["passed"],
                counts["refused"],
                max(0, self._whole[promise] - counts["passed"] - counts["refused"] - counts["failed"]),
                counts["failed"],
                today,
            )
            for promise, counts in self._outcomes.items()
        }


def said_by(harness: Harness) -> dict[str, Any]:
    """What an adapter says of itself, and the test module of the services, as JSON carries it."""
    adapter = harness.adapter
    if not isinstance(adapter, Supports):
        fault = f"the adapter {adapter.name!r} has no `support()`: see portable.adapter.Supports"
        return {"report": to_text(Report(adapter.name, {}, {}, {})), "faults": [fault]}
    support = resolved(adapter.support())
    used = {service for one in support.values() for service in one.services}
    stands = {name: stand for name, stand in harness.stands.items() if any(_is_of(service, name) for service in used)}
    report = Report(adapter.name, stands, support, {})
    return {"report": to_text(report), "faults": _disagreeing(harness, support)}


def _is_of(service: str, name: str) -> bool:
    return service == name or service.startswith(f"{name}.")


def _disagreeing(harness: Harness, support: dict[str, Support]) -> list[str]:
    """Features of which `support()` and `lacks` do not say the same."""
    adapter = harness.adapter
    found: list[str] = []
    for id, said in support.items():
        is_lacked = BY_ID[id].capability in adapter.lacks
        if is_lacked != (said.kind == "refused"):
            other = "in `lacks`" if is_lacked else "not in `lacks`"
            found.append(f"{adapter.name}, {id}: said to be {said.kind}, and {BY_ID[id].capability} is {other}")
    return found
