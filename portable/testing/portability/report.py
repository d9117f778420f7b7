"""What one adapter has shown in runs of the conformance suite, as data: kept as JSON, and judged without running.

A report has three parts from three places: results from the runs, each with its day; what the adapter says of itself
(portable.adapter.Support); and what its services were while the suite ran (Stand), from whoever wrote the test module.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, cast

from portable.adapter import Support
from portable.errors import ConfigurationError
from portable.testing.conformance.features import BY_ID, FEATURES, REFUSAL, Feature, grouped
from portable.testing.conformance.harness import VERIFICATIONS, Stand

FORMAT = 1
KINDS = ("native", "emulated", "refused")
ITSELF = "itself"
SHOWN = 8


class Result(NamedTuple):
    """Of one promise, how many of its cases passed, were refused as declared, were not run, failed; `on` which day."""

    passed: int = 0
    refused: int = 0
    missing: int = 0
    failed: int = 0
    on: str = ""

    @property
    def is_whole(self) -> bool:
        return self.missing + self.failed == 0 and self.passed + self.refused > 0


class Report(NamedTuple):
    """One adapter in one environment. `support` is by feature, `results` by promise."""

    adapter: str
    stands: dict[str, Stand]
    support: dict[str, Support]
    results: dict[str, Result]


def resolved(said: Mapping[str, Support]) -> dict[str, Support]:
    """What an adapter says, for each feature: under its id, else under what stands before the dot in it."""
    found = {feature.id: said.get(feature.id) or said.get(feature.id.partition(".")[0]) for feature in FEATURES}
    return {id: support for id, support in found.items() if support is not None}


def stand_of(stands: Mapping[str, Stand], service: str) -> Stand | None:
    """What a service was: `a.b` is what `a` was, unless there is more to say."""
    while service not in stands and "." in service:
        service = service.rpartition(".")[0]
    return stands.get(service)


def verified_by(report: Report, feature: Feature) -> str:
    """The weakest of those who took part. Where no service did, portable's own code has run, and that is the thing."""
    stands = (stand_of(report.stands, service) for service in report.support[feature.id].services)
    words = [stand.by for stand in stands if stand is not None]
    return min(words, key=VERIFICATIONS.index, default=ITSELF)


# Judged


def faults(report: Report, promises: Iterable[str]) -> list[str]:
    """In what a report contradicts itself or the suite, in sentences; none: it may be shown."""
    groups = grouped(promises)
    found = strangers(report, groups)
    for feature in FEATURES:
        support = report.support.get(feature.id)
        if support is None:
            found.append(f"{report.adapter} says nothing about the feature {feature.id}")
            continue
        found += [f"{report.adapter}, {feature.id}: {fault}" for fault in _unfounded(report, feature, support)]
        results = {one: report.results[one] for one in groups[feature.id] if one in report.results}
        refusal = report.results.get(REFUSAL, Result())
        found += [f"{report.adapter}, {feature.id}: {fault}" for fault in _untrue(support, results, refusal)]
    return found + [f"{report.adapter}, failed: {one}" for one in failures(report)]


def failures(report: Report) -> list[str]:
    """Promises that have failed when they were run last: nothing can be shown until they are run again."""
    return [promise for promise, result in sorted(report.results.items()) if result.failed]


def strangers(report: Report, groups: Mapping[str, list[str]]) -> list[str]:
    """Features and promises that the suite does not have."""
    known = {promise for group in groups.values() for promise in group}
    found = [f"{report.adapter}: there is no feature {id}" for id in report.support if id not in BY_ID]
    return found + [f"{report.adapter}: the suite has no {one}" for one in report.results if one not in known]


def _unfounded(report: Report, feature: Feature, support: Support) -> list[str]:
    """What is wrong with what an adapter says, whatever the run shows."""
    found: list[str] = []
    if support.kind not in KINDS:
        found.append(f"{support.kind!r} is none of {', '.join(KINDS)}")
    if not support.how.strip().endswith("."):
        found.append("`how` is no sentence")
    if support.kind == "refused" and feature.capability is None:
        found.append("this may not be refused: every adapter has it")
    for service in support.services:
        stand = stand_of(report.stands, service)
        if stand is None:
            found.append(f"the test module's Harness does not say what {service!r} was")
        elif stand.by not in VERIFICATIONS:
            found.append(f"{service!r} was {stand.by!r}, which is none of {', '.join(VERIFICATIONS)}")
    return found


def _untrue(support: Support, results: Mapping[str, Result], refusal: Result) -> list[str]:
    """Where the run shows something else than what is said."""
    refused = [promise for promise, result in results.items() if result.refused]
    passed = [promise for promise, result in results.items() if result.passed]
    if support.kind != "refused":
        return [f"said to be {support.kind}, and the run shows it refused: {_listed(refused)}"] if refused else []
    if passed:
        return [f"said to be refused, and the run shows it working: {_listed(passed)}"]
    if refused and not refusal.passed:
        return [f"said to be refused, which needs the proof of {REFUSAL}"]
    return []


def unrun(report: Report, promises: Iterable[str]) -> list[str]:
    """Promises that the report knows nothing of: the suite got them since, or no run had them."""
    return [promise for promise in promises if promise not in report.results]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


# Put together


def joined(old: Report | None, new: Report, promises: Iterable[str]) -> Report:
    """A new report, with the older results of what was not run now; unless the services were others then."""
    if old is None or old.adapter != new.adapter or old.stands != new.stands:
        return new
    known = set(promises)
    kept = {promise: result for promise, result in old.results.items() if promise in known}
    for promise, result in new.results.items():
        earlier = kept.get(promise)
        if earlier is None or result.is_whole or result.failed or not (earlier.is_whole or earlier.failed):
            kept[promise] = result
    return new._replace(results=kept)


# Kept


def to_text(report: Report) -> str:
    """As JSON: the same report is the same text, with one line for each thing that may change."""
    return _lines(
        {
            "format": FORMAT,
            "adapter": report.adapter,
            "services": {name: stand._asdict() for name, stand in sorted(report.stands.items())},
            "support": {id: _said(report.support[id]) for id in BY_ID if id in report.support},
            "results": {promise: _counted(result) for promise, result in sorted(report.results.items())},
        }
    )


def _said(support: Support) -> dict[str, Any]:
    lists = {"services": list(support.services), "codes": list(support.codes)}
    said: dict[str, Any] = {"kind": support.kind, "how": support.how, "source": support.source, **lists}
    return {key: value for key, value in said.items() if value}


def _counted(result: Result) -> dict[str, Any]:
    return {key: value for key, value in result._asdict().items() if value}


def _lines(parts: Mapping[str, Any]) -> str:
    texts = [f" {json.dumps(key)}: {_rows(part)}" for key, part in parts.items()]
    return "{\n" + ",\n".join(texts) + "\n}\n"


def _rows(part: Any) -> str:
    if not isinstance(part, dict):
        return json.dumps(part)
    rows = cast("dict[str, Any]", part)
    texts = [f"  {json.dumps(name)}: {json.dumps(row, ensure_ascii=False)}" for name, row in rows.items()]
    return "{\n" + ",\n".join(texts) + "\n }" if texts else "{}"


def from_text(text: str) -> Report:
    """The report that `to_text` wrote. Raises ConfigurationError for what is none."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ConfigurationError(f"a portability report of format {data['format']!r}: only {FORMAT} is known")
        return Report(
            data["adapter"],
            {name: Stand(**stand) for name, stand in data["services"].items()},
            {id: _support(said) for id, said in data["support"].items()},
            {promise: Result(**result) for promise, result in data["results"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConfigurationError(f"this is no portability report: {error!r}") from None


def _support(said: dict[str, Any]) -> Support:
    lists = {"services": tuple(said.get("services", ())), "codes": tuple(said.get("codes", ()))}
    return Support(said["kind"], said["how"], source=said.get("source", ""), **lists)
