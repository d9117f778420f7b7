"""The portability matrix by values: what a report says, where it contradicts itself, and the page that it becomes."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from portable.adapter import CAPABILITIES, Support
from portable.capabilities import PROVIDERS, load_profile
from portable.cli.explain import pages
from portable.errors import ConfigurationError
from portable.testing.conformance.features import FEATURES, REFUSAL, feature_of, grouped, promises, sentence
from portable.testing.conformance.harness import VERIFICATIONS, Stand
from portable.testing.portability.__main__ import columns, main
from portable.testing.portability.page import DIFFERENCES, WORDS, cell, page
from portable.testing.portability.report import (
    Report,
    Result,
    faults,
    from_text,
    joined,
    resolved,
    stand_of,
    to_text,
    unrun,
    verified_by,
)

SUITE = promises()
GROUPS = grouped(SUITE)
URLS = next(feature for feature in FEATURES if feature.id == "buckets.signed_urls")
DELAYS = next(feature for feature in FEATURES if feature.id == "tasks.delays")
DAY = "2026-11-26"
STANDS = {"queue": Stand("an emulator of queues", "emulator"), "clock": Stand("our clock", "fake")}
SAID = Support("native", "By a service.", ("queue",), "https://provider.example/queue")
LATE = Support("emulated", "By a clock, a minute late.", ("queue", "clock.alarm"), "https://p.example/c", ("P3203",))
NO_URLS = Support("refused", "There is nothing to sign with.")


@dataclass
class Told:
    """A report in which all is well, to be changed in one place."""

    adapter: str = "cloud"
    stands: dict[str, Stand] = field(default_factory=lambda: dict(STANDS))
    support: dict[str, Support] = field(
        default_factory=lambda: {feature.id: SAID for feature in FEATURES} | {DELAYS.id: LATE, URLS.id: NO_URLS}
    )
    results: dict[str, Result] = field(
        default_factory=lambda: {
            promise: Result(refused=2, on=DAY) if promise in GROUPS[URLS.id] else Result(3, on=DAY) for promise in SUITE
        }
    )

    @property
    def report(self) -> Report:
        return Report(self.adapter, self.stands, self.support, self.results)


def shown(**reports: Report) -> str:
    return page(reports, SUITE, {name: load_profile(name) for name in PROVIDERS})


# Features


def test_every_promise_belongs_to_one_feature_and_every_pattern_has_promises() -> None:
    assert len(SUITE) > 400
    assert sum(len(group) for group in GROUPS.values()) == len(SUITE)
    assert [id for id, group in GROUPS.items() if not group] == []
    unused = [
        pattern
        for feature in FEATURES
        for pattern in feature.patterns
        if not any(feature_of(promise) == feature and fnmatchcase(promise, pattern) for promise in SUITE)
    ]
    assert unused == []


def test_a_promise_of_a_new_class_belongs_to_none_and_the_error_says_so() -> None:
    with pytest.raises(LookupError, match=r"SocketConformance\.test_x belongs to none of the features"):
        feature_of("SocketConformance.test_x")


def test_a_new_promise_of_a_class_falls_to_the_feature_of_the_class() -> None:
    assert feature_of("TableConformance.test_something_new").id == "tables.items"
    assert feature_of("TableConformance.test_increment_something_new").id == "tables.increments"


def test_ids_are_different_and_what_may_be_refused_is_a_capability() -> None:
    assert len({feature.id for feature in FEATURES}) == len(FEATURES)
    assert len({(feature.section, feature.title) for feature in FEATURES}) == len(FEATURES)
    assert {feature.capability for feature in FEATURES if feature.capability} == set(CAPABILITIES)


def test_a_promise_reads_as_a_sentence() -> None:
    assert (
        sentence("TableConformance.test_a_put_is_read_back_at_once_and_whole") == "a put is read back at once and whole"
    )


# Reports


def test_a_report_comes_back_from_its_text_and_one_report_has_one_text() -> None:
    report = Told().report
    text = to_text(report)
    assert from_text(text) == report
    turned = report._replace(
        results=dict(reversed(report.results.items())),
        support=dict(reversed(report.support.items())),
        stands=dict(reversed(report.stands.items())),
    )
    assert to_text(turned) == text


def test_a_promise_is_one_line_of_the_text() -> None:
    one = Told()
    before = to_text(one.report).splitlines()
    one.results[SUITE[7]] = Result(4, on=DAY)
    after = to_text(one.report).splitlines()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "adapter": "x"}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="portability report"):
        from_text(text)


def test_what_an_adapter_says_of_a_group_holds_for_all_of_it_unless_it_says_more() -> None:
    said = resolved({"tasks": SAID, "tasks.delays": LATE})
    assert said["tasks.sends"] == SAID
    assert said["tasks.delays"] == LATE
    assert "tables.items" not in said


def test_a_part_of_a_service_is_what_the_service_was() -> None:
    assert stand_of(STANDS, "clock.alarm") == STANDS["clock"]
    assert stand_of({**STANDS, "clock.alarm": STANDS["queue"]}, "clock.alarm") == STANDS["queue"]
    assert stand_of(STANDS, "other.part") is None


def test_a_feature_is_verified_by_the_weakest_of_those_who_took_part() -> None:
    one = Told()
    assert verified_by(one.report, DELAYS) == "fake"
    one.stands["clock"] = Stand("a real clock", "account")
    assert verified_by(one.report, DELAYS) == "emulator"
    one.stands["queue"] = Stand("the vendor's queue", "vendor")
    assert verified_by(one.report, DELAYS) == "vendor"
    one.support[DELAYS.id] = LATE._replace(services=())
    assert verified_by(one.report, DELAYS) == "itself"


def test_a_report_in_which_all_is_well_has_no_faults() -> None:
    report = Told().report
    assert faults(report, SUITE) == []
    assert unrun(report, SUITE) == []


def test_what_is_said_to_be_native_or_emulated_and_was_refused_is_a_fault() -> None:
    for said in (SAID, LATE):
        one = Told()
        one.support[URLS.id] = said
        (fault,) = faults(one.report, SUITE)
        assert fault.startswith(f"cloud, buckets.signed_urls: said to be {said.kind}, and the run shows it refused: ")
        assert "BucketUrlConformance.test_" in fault


def test_what_is_said_to_be_refused_and_works_is_a_fault() -> None:
    one = Told()
    one.results[GROUPS[URLS.id][0]] = Result(1, on=DAY)
    (fault,) = faults(one.report, SUITE)
    assert "said to be refused, and the run shows it working" in fault


def test_a_refusal_that_was_not_tested_is_a_fault() -> None:
    one = Told()
    del one.results[REFUSAL]
    (fault,) = faults(one.report, SUITE)
    assert REFUSAL in fault


def test_what_no_adapter_may_refuse_cannot_be_said_to_be_refused() -> None:
    one = Told()
    one.support[DELAYS.id] = Support("refused", "It is too hard.")
    found = faults(one.report, SUITE)
    assert "cloud, tasks.delays: this may not be refused: every adapter has it" in found


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (SAID._replace(how="magic"), "`how` is no sentence"),
        (SAID._replace(services=("abacus",)), "does not say what 'abacus' was"),
        (SAID._replace(kind="partly"), "'partly' is none of native, emulated, refused"),  # type: ignore[arg-type]
    ],
)
def test_what_is_said_badly_is_a_fault(said: Support, fault: str) -> None:
    one = Told()
    one.support[DELAYS.id] = said
    (found,) = faults(one.report, SUITE)
    assert found.startswith("cloud, tasks.delays: ")
    assert fault in found


def test_a_verification_that_there_is_not_is_a_fault() -> None:
    one = Told()
    one.stands["clock"] = Stand("a clock", "hearsay")  # type: ignore[arg-type]
    (fault,) = faults(one.report, SUITE)
    assert "'hearsay'" in fault


def test_a_feature_of_which_nothing_is_said_and_things_that_the_suite_does_not_have_are_faults() -> None:
    one = Told()
    del one.support[DELAYS.id]
    one.support["tasks.magic"] = SAID
    one.results["TaskConformance.test_gone"] = Result(1, on=DAY)
    assert faults(one.report, SUITE) == [
        "cloud: there is no feature tasks.magic",
        "cloud: the suite has no TaskConformance.test_gone",
        "cloud says nothing about the feature tasks.delays",
    ]


def test_a_promise_that_was_added_since_is_told() -> None:
    report = Told().report
    assert unrun(report, [*SUITE, "TaskConformance.test_new"]) == ["TaskConformance.test_new"]


def test_an_earlier_result_stays_until_the_promise_is_run_again_or_is_gone() -> None:
    first, second = GROUPS[DELAYS.id][:2]
    old = Told(
        results={first: Result(3, on="2026-01-01"), second: Result(3, on="2026-01-01"), "A.test_gone": Result(1)}
    )
    new = Told(results={first: Result(4, on=DAY)})
    assert joined(old.report, new.report, SUITE).results == {
        first: Result(4, on=DAY),
        second: Result(3, on="2026-01-01"),
    }
    assert joined(None, new.report, SUITE) == new.report
    assert Result(1, missing=2).is_whole is False
    part = Told(results={first: Result(1, missing=2, on=DAY)})
    assert joined(old.report, part.report, SUITE).results[first] == Result(3, on="2026-01-01")


def test_a_failure_counts_until_the_promise_is_run_again_and_lets_nothing_be_shown() -> None:
    first = GROUPS[DELAYS.id][0]
    old, failing = Told(), Told(results={first: Result(2, failed=1, on=DAY)})
    report = joined(old.report, failing.report, SUITE)
    assert faults(report, SUITE) == [f"cloud, failed: {first}"]
    left_out = Told(results={first: Result(1, missing=2, on=DAY)})
    assert joined(report, left_out.report, SUITE).results[first].failed == 1
    assert faults(joined(report, old.report, SUITE), SUITE) == []


def test_results_of_other_services_or_another_adapter_are_no_results() -> None:
    old, new = Told(), Told(results={SUITE[0]: Result(1, on=DAY)})
    new.stands["queue"] = Stand("an emulator of queues, version 2", "emulator")
    assert joined(old.report, new.report, SUITE) == new.report
    other = Told(adapter="fog", results={SUITE[0]: Result(1, on=DAY)})
    assert joined(old.report, other.report, SUITE) == other.report


# The page


def test_a_cell_says_support_verification_and_what_was_not_run() -> None:
    one = Told()
    assert cell(one.report, DELAYS, GROUPS[DELAYS.id]) == "emulated; our fake"
    first = GROUPS[DELAYS.id][0]
    one.results[first] = Result(2, missing=1, on=DAY)
    assert cell(one.report, DELAYS, GROUPS[DELAYS.id]) == f"emulated; our fake; 1 of {len(GROUPS[DELAYS.id])} not run"
    one.results.clear()
    assert cell(one.report, DELAYS, GROUPS[DELAYS.id]) == "emulated; not run"


def test_a_page_has_a_column_for_each_report_whoever_it_is_of() -> None:
    local = Told("local", {"queue": Stand("the runtime", "itself"), "clock": Stand("the runtime", "itself")})
    one, two = Told("gcp").report, Told("fog").report
    text = shown(local=local.report, gcp=one, fog=two)
    assert "| feature | promises | local | gcp | fog |" in text
    row = next(line for line in text.splitlines() if line.startswith("| [delays of up to 7 days"))
    assert row.endswith("| emulated; the thing itself | emulated; our fake | emulated; our fake |")
    assert "- There is no report of an adapter for: aws, azure.\n" in text


def test_a_page_says_how_where_that_is_written_what_differs_and_what_ran() -> None:
    text = shown(cloud=Told().report)
    assert (
        "- cloud, *emulated*: By a clock, a minute late. ([source](https://p.example/c)) `portable check` tells: "
        "[P3203](../portable/cli/errors/P3203.md). Ran: an emulator of queues (third-party emulator), our clock "
        "(our fake).\n"
    ) in text
    assert '<a id="tasks.delays"></a>' in text
    assert "(#tasks.delays)" in text
    assert "- a delay past a week is over the limit\n" in text
    assert "- a url is for its key alone (refused: cloud)\n" in text


def test_a_page_says_that_there_was_no_real_account_until_there_was_one() -> None:
    one = Told()
    assert "- Real account: none yet." in shown(cloud=one.report)
    one.stands["queue"] = Stand("the queue in account 1", "account")
    text = shown(local=Told("local").report, real=one.report)
    assert "- Real account: real; the others: none yet.\n" in text
    assert "| real | queue | the queue in account 1 | real account |" in text


def test_a_page_counts() -> None:
    one = Told()
    for promise in GROUPS["http.cors"]:
        del one.results[promise]
    text = shown(cloud=one.report)
    refused, missing = len(GROUPS[URLS.id]), len(GROUPS["http.cors"])
    assert f"| promises kept | {len(SUITE) - refused - missing} of {len(SUITE)} |" in text
    assert f"| promises refused as declared | {refused} |" in text
    assert f"| promises not run | {missing} |" in text
    assert f"| features native | {len(FEATURES) - 2} |" in text
    assert "| features emulated | 1 |" in text
    # All but delays, URLs, and CORS, which was not run.
    assert f"| features verified by: third-party emulator | {len(FEATURES) - 3} |" in text
    assert f"| runs of | {DAY} |" in text
    one.results[SUITE[0]] = Result(1, on="2026-11-01")
    assert f"| runs of | 2026-11-01 to {DAY} |" in shown(cloud=one.report)


def test_every_word_of_a_cell_is_explained_on_the_page() -> None:
    text = shown(cloud=Told().report)
    assert set(WORDS) == set(VERIFICATIONS)
    assert [word for word in (*WORDS.values(), "native", "emulated", "refused") if f"- **{word}**" not in text] == []


def test_what_differs_between_providers_is_in_the_page_whether_there_is_an_adapter_or_not() -> None:
    profiles = {name: load_profile(name) for name in PROVIDERS}
    assert all(set(DIFFERENCES) == set(profile.capabilities) for profile in profiles.values())
    assert set(DIFFERENCES.values()) <= set(pages())
    text = shown(cloud=Told().report)
    assert "|  | aws | gcp | azure | told as |" in text
    for name in DIFFERENCES:
        what = profiles["aws"].capabilities[name].what
        assert f"| {what[0].upper()}{what[1:]} | [" in text


def test_local_is_the_first_column() -> None:

    found = {Path("aws.json"): Told("aws").report, Path("here.json"): Told("local").report}
    assert list(columns(found)) == ["here", "aws"]


def test_the_command_writes_nothing_when_something_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:

    folder = tmp_path
    target = folder / "page.md"
    assert main([str(folder), "--write", str(target)]) == 1
    assert "there is no report" in capsys.readouterr().err
    one = Told()
    one.support[URLS.id] = SAID
    kept = to_text(one.report)
    (folder / "cloud.json").write_text(kept)
    assert main([str(folder), "--write", str(target)]) == 1
    assert "the run shows it refused" in capsys.readouterr().err
    assert (folder / "cloud.json").read_text() == kept
    (folder / "cloud.json").write_text("{}")
    assert main([str(folder), "--write", str(target)]) == 3
    assert "no portability report" in capsys.readouterr().err
    assert not target.exists()
    gone = {"TaskConformance.test_gone": Result(1, on=DAY)}
    (folder / "cloud.json").write_text(to_text(Told(results={**Told().results, **gone}).report))
    assert main([str(folder), "--write", str(target), "--errors", "https://e.example/"]) == 0
    assert "[P3203](https://e.example/P3203.md)" in target.read_text()
    assert (folder / "cloud.json").read_text() == to_text(Told().report)
