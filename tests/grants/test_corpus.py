"""The corpus of awkward code: what is followed, what is reported, and that nothing that is used was missed."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest

from portable.grants import Derived, derive
from portable.specs import GrantSpec
from portable.testing import running
from portable.testing.grants import Used, observed

HERE = Path(__file__).parent
MODULES = ("simple", "classes", "hidden", "reported")


def load() -> Any:
    sys.path.insert(0, str(HERE))
    try:
        for name in MODULES:
            importlib.import_module(f"corpus.{name}")
        return importlib.import_module("corpus.store").app, importlib.import_module("corpus.expected").EXPECTED
    finally:
        sys.path.remove(str(HERE))


APP, EXPECTED = load()
NAMES = sorted(EXPECTED)


@pytest.fixture(scope="module")
def derived() -> Derived:
    return derive(APP)


@pytest.fixture(scope="module")
def used() -> dict[str, set[Used]]:
    """What every handler used when it ran, and whether it failed."""
    found: dict[str, set[Used]] = {}
    failed: dict[str, bool] = {}
    with observed() as seen, running(APP) as app:
        uses = seen.uses
        for name in NAMES:
            before = set(uses)
            answer = app.request("POST", f"/{name}")
            failed[name] = answer.status >= 400
            assert answer.status != 403, answer.body
            found[name] = {use for use in uses - before if use[0] == name}
        app.drain()
        found["everything else"] = {use for use in uses if use[0] not in EXPECTED}
    assert {name for name, bad in failed.items() if bad} == {name for name in NAMES if EXPECTED[name].fails}
    return found


def short(resource: str) -> str:
    kind, _, name = resource.partition(":")
    return resource if kind == "dead-letters" else (name.rpartition(".")[2] or kind)


def grants_of(derived: Derived, handler: str, how: str) -> set[str]:
    return {f"{short(g.resource)}.{g.verb}" for g in derived.grants if g.handler == handler and g.how == how}


def verbs_of(resource: str) -> set[str]:
    if "." in resource:
        return {resource}
    found = [r for part in APP.parts() for r in part.resources.values() if r.name == resource]
    assert len(found) == 1, resource
    return {f"{resource}.{verb}" for verb in found[0].verbs}


def test_the_corpus_is_a_corpus() -> None:
    assert len(NAMES) >= 60


@pytest.mark.parametrize("name", NAMES)
def test_exactly_what_a_handler_needs_is_derived(derived: Derived, name: str) -> None:
    expected = EXPECTED[name]
    assert grants_of(derived, name, "exact") == expected.exact
    widened = {verb for resource in expected.widened for verb in verbs_of(resource)} - expected.exact
    assert grants_of(derived, name, "widened") == widened


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_followed_is_reported_with_its_line_and_nothing_else_is(derived: Derived, name: str) -> None:
    expected = EXPECTED[name]
    reports = [widening for widening in derived.widenings if widening.handler == name]
    assert bool(reports) == bool(expected.widened), reports
    for text in expected.reports:
        assert any(text in widening.what for widening in reports), [widening.what for widening in reports]
    for widening in reports:
        lines = Path(widening.location.file).read_text(encoding="utf-8").splitlines()
        assert 1 <= widening.location.line <= len(lines)
        assert widening.instead.startswith("uses=[")


@pytest.mark.parametrize("name", NAMES)
def test_what_a_handler_uses_was_derived(derived: Derived, used: dict[str, set[Used]], name: str) -> None:
    granted = {(g.handler, g.resource, g.verb) for g in derived.grants}
    assert used[name] <= granted
    if not EXPECTED[name].widened:
        assert used[name], "the handler used nothing, so that this test proves nothing"


def test_background_handlers_were_derived_too(derived: Derived, used: dict[str, set[Used]]) -> None:
    granted = {(g.handler, g.resource, g.verb) for g in derived.grants}
    assert {use[0] for use in used["everything else"]} == {"work", "seen", "with_event"}
    assert used["everything else"] <= granted


@pytest.mark.parametrize("name", NAMES)
def test_every_exact_grant_names_a_line_that_says_so(derived: Derived, name: str) -> None:
    """The line has the verb, or a name under which the app keeps it."""
    for grant in derived.grants:
        if grant.handler == name and grant.how == "exact":
            assert grant.locations
            for location in grant.locations:
                assert "/corpus/" in location.file


def test_lines_are_those_of_the_attribute(derived: Derived) -> None:
    def lines(handler: str, verb: str) -> list[str]:
        found: list[GrantSpec] = [g for g in derived.grants if (g.handler, g.verb) == (handler, verb)]
        return [
            Path(place.file).read_text(encoding="utf-8").splitlines()[place.line - 1].strip()
            for grant in found
            for place in grant.locations
        ]

    assert lines("plain_call", "put") == ['notes.put(Note(id="1"))']
    assert lines("verb_alias_of_another_module", "put") == ['save(Note(id="1"))']
    assert lines("through_a_function", "put") == ['words.put({"id": "h"})']
    assert lines("verb_given_to_a_library", "get") == [
        """json.loads('{"a": 1}', object_hook=lambda found: words.get("1"))"""
    ]


def test_uses_replaces_what_is_derived(derived: Derived) -> None:
    assert grants_of(derived, "declared", "declared") == {"notes.get"}
    assert grants_of(derived, "declared", "exact") == set()
    assert [w for w in derived.widenings if w.handler == "declared"] == []


def test_two_derivations_are_equal() -> None:
    from portable.grants.roots import analyse

    assert analyse(APP) == analyse(APP)
