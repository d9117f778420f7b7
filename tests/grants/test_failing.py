"""What the analysis itself fails at is reported and widened, once; and grants that are derived ahead of time."""

from types import SimpleNamespace
from typing import Any

import pytest

import portable.grants
from portable import App
from portable.dead_letters import dead_letters
from portable.deploy.grant_diagnostics import diagnose_grants
from portable.grants import derive, roots
from portable.grants.ahead import derive_ahead
from portable.grants.reading import Analysis
from portable.tables import Table
from portable.testing import running


def small() -> App:
    app = App("small")
    items, others = app.table("items"), app.table("others")

    @app.get("/one")
    def one() -> Any:
        return helper(items)

    @app.get("/two")
    def two() -> Any:
        return others.get("1")

    @app.get("/three", uses=[items.can("get")])
    def three() -> Any:
        return helper(items)

    def helper(table: Table[Any]) -> Any:
        return table.get("1") or {"id": "1"}

    return app


def granted(app: App, handler: str) -> set[tuple[str, str, str]]:
    return {(g.resource, g.verb, g.how) for g in derive(app).grants if g.handler == handler}


def everything(how: str) -> set[tuple[str, str, str]]:
    tables = {(f"table:{name}", verb, how) for name in ("items", "others") for verb in Table.verbs}
    return tables | {("state", "idempotent", how)}


def test_a_function_at_which_the_analysis_fails_widens_the_handlers_that_reach_it_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = small()
    body = Analysis.body

    def failing(self: Analysis, call: Any, code: Any) -> Any:
        if code.node.name == "helper":
            raise AttributeError("no such thing")
        return body(self, call, code)

    monkeypatch.setattr(Analysis, "body", failing)
    assert granted(app, "one") == everything("widened")
    assert granted(app, "two") == {("table:others", "get", "exact")}
    assert granted(app, "three") == {("table:items", "get", "declared")}
    whats = {widening.what for widening in derive(app).widenings}
    assert whats == {"this code, at which the analysis fails (AttributeError: no such thing)"}
    with running(app) as started:
        assert [started.request("GET", path).status for path in ("/one", "/two", "/three")] == [200, 204, 200]


def test_an_analysis_that_fails_altogether_widens_all_handlers_and_is_not_done_anew_at_each_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = small()
    times: list[int] = []

    def failing(*_: Any) -> None:
        times.append(1)
        raise RuntimeError("were not settled")

    monkeypatch.setattr(roots, "settle", failing)
    with running(app) as started:
        assert [started.request("GET", path).status for path in ("/one", "/two", "/one", "/three")] == [
            200,
            204,
            200,
            200,
        ]
    assert times == [1]
    assert granted(app, "one") == granted(app, "two") == everything("widened")
    assert granted(app, "three") == {("table:items", "get", "declared")}
    found = diagnose_grants(app.manifest())
    assert {finding.location is not None and finding.code for finding in found} == {"P3001"}
    assert all("RuntimeError: were not settled" in finding.cause for finding in found)
    assert times == [1]


def test_dead_letters_of_a_handler_that_is_only_known_when_it_runs_are_granted() -> None:
    app = App("letters")

    @app.every(hours=1)
    def hourly() -> None: ...

    @app.get("/letters/{name}")
    def letters(name: str) -> int:
        return len(dead_letters(app, name).list().letters)

    assert {use[:2] for use in granted(app, "letters")} == {
        ("dead-letters:hourly", verb) for verb in ("dead_letters", "redrive", "discard")
    }
    with running(app) as started:
        assert started.request("GET", "/letters/hourly").status == 200


def test_code_of_the_app_is_not_run_by_looking_at_it() -> None:
    ran: list[str] = []

    class Meta(type):
        def __getattr__(cls, name: str) -> Any:
            ran.append(name)
            return 1

    class Strange(metaclass=Meta):
        def __getattr__(self, name: str) -> Any:
            ran.append(name)
            return 1

        @property
        def value(self) -> Any:
            ran.append("value")
            return items.get("1")

    app = App("strange")
    items = app.table("items")
    strange = Strange()

    @app.get("/a")
    def a() -> Any:
        return strange.value, strange.other, Strange.more, Strange()

    derive(app)
    assert ("table:items", "get", "exact") in granted(app, "a")
    assert ran == []


def test_grants_that_were_derived_ahead_are_there_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    app = small()
    yielded: list[int] = []
    monkeypatch.setattr("portable.grants.ahead.yield_to_others", lambda: yielded.append(1))
    thread = derive_ahead(app)
    thread.join(60)
    assert not thread.is_alive()
    assert len(yielded) > 3

    def no_more(*_: Any) -> Any:
        raise AssertionError("derived once more")

    monkeypatch.setattr(portable.grants, "analyse", no_more)
    assert granted(app, "two") == {("table:others", "get", "exact")}


@pytest.mark.parametrize("busy", [True, False])
def test_a_process_that_serves_derives_when_nothing_is_asked_of_it(busy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    from portable_local.http_child import QUIET_SECONDS, HttpChild

    app = small()
    derived: list[App] = []
    later: list[tuple[float, Any]] = []
    monkeypatch.setattr("portable.grants.ahead.derive_ahead", derived.append)
    child: Any = SimpleNamespace(
        stopped=asyncio.Event(),
        site=SimpleNamespace(state=SimpleNamespace(tasks={1} if busy else set())),
        loop=SimpleNamespace(call_later=lambda seconds, function: later.append((seconds, function))),
        dispatcher=SimpleNamespace(app=app),
        derive_grants=None,
    )
    HttpChild.derive_grants(child)
    assert derived == ([] if busy else [app])
    assert later == ([(QUIET_SECONDS, None)] if busy else [])
