"""Pages over data as apps have it: long errors, wide items, refused requests, headers, addresses of nothing."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from portable.console.store import Batch, Unkept
from portable.cost import estimate
from portable.cost.reading import read_traffic
from tests.console.sample import ERROR, manifest
from tests.console.sample_process import Sample
from tests.console.serving import Served, served
from tests.e2e.browser import browser
from tests.e2e.dev import until

from .console_page import KEY, ConsolePage
from .test_changing import fills

LOOKS = (("light", 1440), ("dark", 1180))
AN_HTTP = """fetch('/api/v1/invocations?handler=core.net_worth&limit=1')
    .then((answer) => answer.json()).then((page) => page.items[0].id)"""


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("real"), count=60) as running:
        yield running


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_long_errors_end_in_an_ellipsis_within_their_row(page: ConsolePage, theme: str, width: int) -> None:
    page.looks(theme, width)
    page.opens("traces?filter=outcome:failed")
    page.waits("document.querySelector('td.issues .chip.failed') !== null")
    assert page.run("document.querySelector('td.issues .chip.failed').title") == ERROR
    assert page.run("getComputedStyle(document.querySelector('td.issues .chip.failed')).textOverflow") == "ellipsis"
    page.fits()


@pytest.mark.parametrize(("theme", "width"), LOOKS)
def test_items_with_many_fields_have_as_many_columns_as_there_is_room_for(
    page: ConsolePage, theme: str, width: int
) -> None:
    page.looks(theme, width)
    page.opens("tables/core.transactions")
    page.says("for which there is no room here", "main")
    page.fits()
    shown = page.run("[...document.querySelectorAll('main th:not(.actions)')].map((one) => one.innerText)")
    kept = page.run("document.querySelector('main .quiet .mono').innerText").split(", ")
    assert not set(shown) & set(kept)
    assert {"amount", "description", "counterparty", "booked_at", "statement"} <= {*shown, *kept}
    assert page.run("document.querySelector('main').innerText.includes('__decimal__')") is False


def test_a_decimal_is_edited_as_a_number_is_read_and_stored_as_one(page: ConsolePage) -> None:
    before = {"a": {"__decimal__": "-3.50"}, "b": [{"__bytes__": "AA=="}], "c": {"x": "1"}, "d": {"__other__": "1"}}
    module = "import('/library/tagged.js').then((module) => "
    plain = page.run(f"{module}module.plain({json.dumps(before)}))")
    assert plain == {"a": "-3.50", "b": ["AA=="], "c": {"x": "1"}, "d": {"__other__": "1"}}
    edited = {**plain, "a": "-4", "b": ["AA==", "AQ=="], "e": "new"}
    assert page.run(f"{module}module.tagged({json.dumps(edited)}, {json.dumps(before)}))") == {
        **before,
        "a": {"__decimal__": "-4"},
        "b": [{"__bytes__": "AA=="}, {"__bytes__": "AQ=="}],
        "e": "new",
    }
    page.opens("tables/core.accounts")
    page.waits("document.querySelector('main tbody tr') !== null")
    page.clicks("Edit", "main tbody")
    assert '"amount": "-' in page.run("document.querySelector('dialog textarea').value")


def test_a_refused_request_is_no_success_and_its_status_is_told(page: ConsolePage) -> None:
    page.opens("traces?filter=status:404")
    page.waits("document.querySelector('main tbody .result') !== null")
    assert page.run("document.querySelector('main tbody .result').innerText.split(/\\s+/)") == ["Refused", "404"]
    page.opens("invocations?filter=status:404")
    page.waits("document.querySelector('.title-line .chip.care') !== null")
    assert page.text(".title-line .chip.care") == "Refused"


def test_the_list_says_how_many_there_are_and_not_how_many_were_loaded(page: ConsolePage) -> None:
    page.run("import('/library/session.js').then((module) => { module.setRange('24h'); })")
    try:
        page.opens("invocations")
        number = page.run("fetch('/api/v1/invocations?limit=1').then((answer) => answer.json())")["total"]
        assert number > 200
        page.says(f"{number:,} in the last 24 hours", ".list-note")
    finally:
        page.run("import('/library/session.js').then((module) => { module.setRange('1h'); })")


def test_what_is_not_there_says_why(page: ConsolePage) -> None:
    page.opens("invocations?filter=outcome:succeeded%20kind:task")
    page.says("A task handler answers nobody: it has no response.", "main")


def test_an_overview_says_how_many_were_only_counted(tmp_path: Path) -> None:
    with served(tmp_path, count=20) as running, browser() as tab:
        unkept = Unkept("http", "core.net_worth", int(time.time() // 60), 5000, 700, 1250.0)
        running.write(Batch(1, "http", {"invocation": 5000}, [], (unkept,)))
        page = ConsolePage(tab, running.origin)
        page.looks("dark", 1180)
        tab.go(
            f"{running.origin}/#key={running.console.access.new_code()}",
            "document.querySelector('nav .app-name b') !== null",
        )
        page.says("5,000 came too fast to be recorded: they are counted, and in no duration", ".page-head")
        page.settles()
        page.fits()
        page.is_well()


def test_grants_tell_the_line_that_needs_them(page: ConsolePage) -> None:
    grant = next(one for one in manifest()["grants"] if one["handler"] == "core.net_worth")
    place = f"{grant['locations'][0]['file']}:{grant['locations'][0]['line']}"
    page.opens("functions/core.net_worth")
    page.waits(f"document.querySelector('main td button[title={json.dumps(place)}]') !== null")
    page.looks("light", 1180)
    page.fits()


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("functions/nope", "There is no function nope."),
        ("queues/nope", "There is no queue nope."),
        ("tables/nope", "There is no table nope."),
        ("buckets/nope", "There is no bucket nope."),
        ("api/GET%20%2Fnope", "There is no operation GET /nope."),
    ],
)
def test_a_name_that_the_app_has_not_is_told(page: ConsolePage, address: str, text: str) -> None:
    page.opens(address)
    page.says(text, "main")


def test_lines_of_the_map_carry_their_numbers(page: ConsolePage) -> None:
    page.opens("map")
    page.waits("document.querySelector('.map .edge-text:not(.failing)') !== null")
    edges = page.run("fetch('/api/v1/map').then((answer) => answer.json())")["edges"]
    busy = [edge for edge in edges if edge["calls"]]
    assert page.run("document.querySelectorAll('.map .edge-text').length") == len(busy)
    assert page.run("document.querySelectorAll('.map .edge-text.failing').length") == len(
        [edge for edge in busy if edge["failed"]]
    )


def test_a_header_is_added_to_a_request_of_the_explorer(page: ConsolePage) -> None:
    page.opens("api/GET%20%2Fapi%2Fexchange%2Frates")
    page.clicks("Add a header", "main")
    fills(page, "main [aria-label='Name of header 1']", "authorization")
    fills(page, "main [aria-label='Value of authorization']", "Bearer made-up")
    page.says("-H 'authorization: Bearer made-up'", "main .snippet")
    page.fits()
    page.is_accessible()
    page.run("document.querySelector('main [aria-label=\"Take away authorization\"]').click()")
    page.waits("!document.querySelector('main .snippet').innerText.includes('authorization')")


def test_headers_are_edited_before_a_replay_and_those_redacted_asked_for(page: ConsolePage) -> None:
    page.opens(f"invocations/{page.run(AN_HTTP)}")
    page.clicks("Edit and replay")
    page.waits("document.querySelector('dialog .header-fields') !== null")
    names = page.run(
        "[...document.querySelectorAll('dialog .header-fields .row > :first-child')].map((one) => one.value)"
    )
    assert "accept" in names
    assert "authorization" not in names
    page.says("request.headers.authorization", "dialog")
    page.clicks("Add a header", "dialog")
    page.fits()
    page.is_accessible()


def test_the_estimate_of_the_overview_is_that_of_the_command(console: Served) -> None:
    month = console.get("overview").json["month"]
    traffic = read_traffic(console.folder, manifest())
    assert month["usd"] == pytest.approx(estimate(traffic, month["provider"]).usd)
    assert month["hours"] == pytest.approx(traffic.seconds / 3600)
    of_page = {one["provider"]: one["usd"] for one in console.get("cost").json["targets"]}
    assert month["usd"] == pytest.approx(of_page[month["provider"]])


def test_an_overview_over_nothing_has_no_estimate(tmp_path_factory: pytest.TempPathFactory) -> None:
    with served(tmp_path_factory.mktemp("nothing")) as running:
        assert running.get("overview").json["month"] is None


def test_a_tab_that_nobody_looks_at_holds_no_connection_and_is_told_what_it_missed(console: Served) -> None:
    """A browser has six connections for a host: the seventh tab would wait for good."""
    look = "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}})"
    turned = look + ".dispatchEvent(new Event('visibilitychange'))"
    hub = console.console.hub
    with browser() as tab:
        tab.go(
            f"{console.origin}/#key={console.console.access.new_code()}",
            "document.querySelector('nav .app-name b') !== null",
        )
        until("it listens", lambda: hub.readers == 1)
        tab.run(
            "import('/library/events.js').then((module) => { window.told = 0;"
            " module.onEvent('mark', () => (window.told += 1)); })"
        )
        tab.run(turned.format("true"))
        until("nobody listens", lambda: hub.readers == 0)
        assert tab.run("document.querySelector('.stopped-bar')") is None
        mark = {"kind": "reload", "at": time.time(), "text": "a.py", "seconds": 0.1}
        console.write(Batch(0, "supervisor", {}, [["m", mark]]))
        tab.run(turned.format("false"))
        until("it listens again", lambda: hub.readers == 1)
        tab.waits("window.told > 0")


def test_the_ninth_tab_works_as_the_first_did(console: Served) -> None:
    with browser() as tab:
        tab.go(
            f"{console.origin}/#key={console.console.access.new_code()}",
            "document.querySelector('nav .app-name b') !== null",
        )
        for _ in range(8):
            tab.begin()
            tab.go(f"{console.origin}/#/values", "document.querySelector('.live:not(.off)') !== null")
        tab.waits("document.querySelector('main tbody') !== null")
        until("only the tab in front listens", lambda: console.console.hub.readers == 1)


def test_pages_that_were_seen_stay_readable_when_the_server_has_gone() -> None:
    sample = Sample(KEY, "--count", "40")
    try:
        with browser() as tab:
            page = ConsolePage(tab, sample.url)
            page.looks("light", 1440)
            page.enters()
            page.opens("functions/core.net_worth")
            page.waits("document.querySelectorAll('.choice').length > 10")
            page.opens("invocations")
            page.waits("document.querySelector('.title-line h2') !== null")
            sample.end(signal.SIGKILL)
            page.says("portable dev has stopped", ".stopped-bar")
            page.waits(
                "[...document.querySelectorAll('.title-line .button')].filter((one) => one.disabled).length === 3"
            )
            page.run("location.hash = '#/functions/core.net_worth'")
            page.waits("document.querySelectorAll('.choice').length > 10")
            page.says("Because of", "main")
            page.run("location.hash = '#/cost'")
            page.says("Pages that were looked at before stay readable.", "main")
    finally:
        sample.end(signal.SIGKILL)
