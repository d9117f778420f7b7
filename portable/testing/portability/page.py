"""The portability page: Markdown out of reports, by a pure function. A column for each report, whoever's it is.

What differs between providers whether an adapter is there or not comes from their profiles, which `portable check`
reads too.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from portable.capabilities import PROVIDERS, Profile
from portable.testing.conformance.features import FEATURES, Feature, grouped, sentence

from .report import ITSELF, Report, Result, stand_of, verified_by

WORDS = {
    "itself": "the thing itself",
    "account": "real account",
    "vendor": "vendor's code",
    "emulator": "third-party emulator",
    "fake": "our fake",
}
DIFFERENCES = {
    "native_long_delay": "P3203",
    "grants_per_table": "P3204",
    "identity_per_function": "P3205",
    "schedule_zones": "P3206",
    "overlapping_schedules": "P3207",
    "expiry_events": "P3208",
    "hot_items": "P3209",
    "hot_objects": "P3210",
    "underscored_headers": "P3211",
    "writable_sources": "P3304",
}
"""Which finding of `portable check` tells of a capability that providers have or lack."""
HEAD = """# The portability matrix

What each adapter does, how, and who has seen it. This page is generated from results of the
[conformance suite](conformance.md); nobody writes it by hand. A test holds it against the kept results and the suite.

## How to read it

A row is a feature: a group of promises of the suite, each of which is a test. A cell has two words.

**Support** is what the adapter says of itself, with a reason and the provider's page:

- **native**: the provider's services do it, or it needs nothing of a provider.
- **emulated**: the provider lacks it, and the adapter makes it out of what the provider has. The details say how, and
  what differs.
- **refused**: what asks for it raises `Unsupported`, and nothing else happens.

A run shows whether a promise holds, and whether what is refused is refused. It cannot show the difference between
native and emulated: there the provider's page is the proof.

**Verification** is whose code was in the place of the provider's services while the suite ran. Where several took part,
it is the weakest of them, in this order:

- **our fake**: a stand-in of ours, made from the provider's documentation. It proves our code, not the provider.
- **third-party emulator**: somebody else's re-implementation of the service.
- **vendor's code**: the provider's own code, run on one machine without an account.
- **real account**: the service.
- **the thing itself**: no provider takes part, and what ran is what users run.

"Not run" counts promises that no kept run has had. They are in no other number.
"""
DIFFER = """## Where providers differ all the same

What an app can meet although every promise is kept. This is read in the providers' documentation, not run; it is known
for all providers, whether there is an adapter or not. [`portable check`](check.md) tells an app what concerns it.

"""
LIMITS = """## What this page does not show

- {accounts}
- No run says anything about quotas, throttling, rights as a provider enforces them, prices, regions, cold starts, or
  how long a provider takes. [Benchmarks](benchmarks.md) measure what can be measured here.
- Deploys, and functions in the form in which they are deployed, are not in the suite.
  [Deploying](deploy.md#what-is-proven-and-what-is-not) says what of them is proven, and against what.
- The suite asks for what an app can see. Names, tags, alarms and the like have tests of their own.
{absent}"""


class Place(NamedTuple):
    """Where a page's links to error codes lead."""

    errors: str = "../portable/cli/errors/"
    extension: str = ".md"


def page(
    reports: Mapping[str, Report],
    promises: Sequence[str],
    profiles: Mapping[str, Profile],
    place: Place = Place(),
) -> str:
    """The page of `reports`, by the name of their column."""
    groups = grouped(promises)
    parts = [HEAD, summary(reports, promises), matrix(reports, groups), services(reports)]
    parts += [details(reports, groups, place), differences(profiles, place), limits(reports)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


# Summary


def summary(reports: Mapping[str, Report], promises: Sequence[str]) -> str:
    groups = grouped(promises)

    def counted(report: Report, kind: str) -> str:
        return str(sum(report.support[feature.id].kind == kind for feature in FEATURES))

    def verified(report: Report, by: str) -> str:
        ran = [feature for feature in FEATURES if any(one in report.results for one in groups[feature.id])]
        return str(sum(verified_by(report, feature) == by for feature in ran))

    def seen(report: Report, what: str) -> str:
        results = [report.results[promise] for promise in promises if promise in report.results]
        whole = [result for result in results if result.is_whole]
        if what == "kept":
            return f"{sum(not result.refused for result in whole)} of {len(promises)}"
        if what == "refused":
            return str(sum(result.refused > 0 for result in whole))
        return str(len(promises) - len(whole))

    rows = [
        ["runs of", *(days(report) for report in reports.values())],
        *(
            [f"promises {title}", *(seen(report, what) for report in reports.values())]
            for title, what in (("kept", "kept"), ("refused as declared", "refused"), ("not run", "missing"))
        ),
        *(
            [f"features {kind}", *(counted(report, kind) for report in reports.values())]
            for kind in ("native", "emulated", "refused")
        ),
        *(
            [f"features verified by: {word}", *(verified(report, by) for report in reports.values())]
            for by, word in WORDS.items()
        ),
    ]
    return f"## Summary\n\n{table(['', *reports], rows)}"


def days(report: Report) -> str:
    """When the results are from."""
    found = sorted({result.on for result in report.results.values()})
    return " to ".join(dict.fromkeys((found[0], found[-1]))) if found else "never"


# Matrix


def matrix(reports: Mapping[str, Report], groups: Mapping[str, list[str]]) -> str:
    parts = ["## The matrix\n"]
    for section in dict.fromkeys(feature.section for feature in FEATURES):
        rows = [
            [
                f"[{feature.title}](#{feature.id})",
                str(len(groups[feature.id])),
                *(cell(report, feature, groups[feature.id]) for report in reports.values()),
            ]
            for feature in FEATURES
            if feature.section == section
        ]
        parts.append(f"### {section}\n\n{table(['feature', 'promises', *reports], rows)}")
    return "\n".join(parts)


def cell(report: Report, feature: Feature, promises: Sequence[str]) -> str:
    """Support and verification in a few words."""
    kind = report.support[feature.id].kind
    missing = sum(not report.results.get(promise, Result()).is_whole for promise in promises)
    if missing == len(promises):
        return f"{kind}; not run"
    left = f"; {missing} of {len(promises)} not run" if missing else ""
    return f"{kind}; {WORDS[verified_by(report, feature)]}{left}"


# Services


def services(reports: Mapping[str, Report]) -> str:
    """What stood in the place of what."""
    rows = [
        [column, service, stand.what, WORDS[stand.by]]
        for column, report in reports.items()
        for service, stand in report.stands.items()
    ]
    return (
        "## Whose code ran\n\nWhat was in the place of each service while the suite ran.\n\n"
        f"{table(['adapter', 'service', 'what ran', 'verification'], rows)}"
    )


# Details


def details(reports: Mapping[str, Report], groups: Mapping[str, list[str]], place: Place) -> str:
    parts = ["## Details\n"]
    section = ""
    for feature in FEATURES:
        if feature.section != section:
            section = feature.section
            parts.append(f"### {section} in detail\n")
        parts.append(f'<a id="{feature.id}"></a>\n\n**{capitalised(feature.title)}**\n')
        parts.append("".join(said(column, report, feature, place) for column, report in reports.items()))
        promises = groups[feature.id]
        listed = "".join(f"- {sentence(promise)}{unrun(promise, reports)}\n" for promise in promises)
        count = f"{len(promises)} promise{'s' if len(promises) != 1 else ''}"
        parts.append(f"<details><summary>{count}</summary>\n\n{listed}\n</details>\n")
    return "\n".join(parts)


def said(column: str, report: Report, feature: Feature, place: Place) -> str:
    support = report.support[feature.id]
    source = f" ([source]({support.source}))" if support.source else ""
    codes = ", ".join(f"[{code}]({place.errors}{code}{place.extension})" for code in support.codes)
    told = f" `portable check` tells: {codes}." if codes else ""
    return f"- {column}, *{support.kind}*: {support.how}{source}{told}{ran_on(report, feature)}\n"


def ran_on(report: Report, feature: Feature) -> str:
    """What was in the place of the services; nothing where that is what users run."""
    stands = [stand_of(report.stands, service) for service in report.support[feature.id].services]
    named = dict.fromkeys(f"{one.what} ({WORDS[one.by]})" for one in stands if one is not None and one.by != ITSELF)
    return f" Ran: {', '.join(named)}." if named else ""


def unrun(promise: str, reports: Mapping[str, Report]) -> str:
    missing = [column for column, report in reports.items() if not report.results.get(promise, Result()).is_whole]
    refused = [column for column, report in reports.items() if report.results.get(promise, Result()).refused]
    notes = [
        f"{what}: {', '.join(columns)}" for what, columns in (("not run", missing), ("refused", refused)) if columns
    ]
    return f" ({'; '.join(notes)})" if notes else ""


def capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


# Differences


def differences(profiles: Mapping[str, Profile], place: Place) -> str:
    rows: list[list[str]] = []
    for name, code in DIFFERENCES.items():
        link = f"[{code}]({place.errors}{code}{place.extension})"
        answers = [difference(profile, name) for profile in profiles.values()]
        rows.append([capitalised(next(iter(profiles.values())).capabilities[name].what), *answers, link])
    return DIFFER + table(["", *profiles, "told as"], rows)


def difference(profile: Profile, name: str) -> str:
    capability = profile.capabilities[name]
    url = capability.source.rpartition(": ")[2]
    answer = "yes" if capability.supported else "no"
    linked = f"[{answer}]({url})" if url.startswith("https://") else answer
    return f"{linked}: {capability.note}" if capability.note else linked


def limits(reports: Mapping[str, Report]) -> str:
    on_accounts = [
        column for column, report in reports.items() if any(s.by == "account" for s in report.stands.values())
    ]
    accounts = (
        f"Real account: {', '.join(on_accounts)}; the others: none yet."
        if on_accounts
        else "Real account: none yet. No cell of this page was seen on a provider's own service."
    )
    adapters = {report.adapter for report in reports.values()}
    absent = [provider for provider in PROVIDERS if provider not in adapters]
    line = f"- There is no report of an adapter for: {', '.join(absent)}.\n" if absent else ""
    return LIMITS.format(accounts=accounts, absent=line)
