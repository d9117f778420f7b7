"""What is shown when there is nothing, when something is refused, when the server has gone, and while more arrives."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.sample_process import Sample
from tests.console.serving import served
from tests.e2e.browser import browser
from tests.e2e.dev import until

from .console_page import KEY, ConsolePage, new_code

PATIENCE = 20.0
"""Less than the minute for which a browser keeps what was left."""


@pytest.fixture
def other() -> Iterator[tuple[Sample, ConsolePage]]:
    """A sample of its own, that a test may end."""
    sample = Sample(KEY, "--count", "40", "--live")
    try:
        with browser() as tab:
            page = ConsolePage(tab, sample.url)
            page.looks("light", 1440)
            page.enters()
            yield sample, page
    finally:
        sample.end(signal.SIGKILL)


def test_a_server_that_was_killed_is_told_and_its_data_stay(other: tuple[Sample, ConsolePage]) -> None:
    sample, page = other
    page.opens("invocations")
    page.waits("document.querySelectorAll('.invocation-row').length > 5")
    page.waits("document.querySelector('.title-line h2') !== null")
    before = page.run("document.querySelector('.invocation-row .at').innerText")
    page.waits(f"document.querySelector('.invocation-row .at').innerText !== {before!r}")
    sample.end(signal.SIGKILL)
    page.says("portable dev has stopped. Showing what was recorded until", ".stopped-bar")
    assert page.run("document.querySelectorAll('.invocation-row').length") > 5
    page.waits("document.querySelector('.button.primary').disabled")
    page.is_accessible()


def test_that_nothing_is_recorded_is_said(tmp_path: Path) -> None:
    with served(tmp_path, count=5) as console, browser() as tab:
        console.backend.is_recorded = False
        page = ConsolePage(tab, console.origin)
        page.looks("light", 1440)
        tab.go(f"{console.origin}/#key={console.console.access.new_code()}", "document.querySelector('nav b') !== null")
        page.says("Nothing is recorded: PORTABLE_TELEMETRY is off where portable dev was started.", ".stopped-bar")
        page.is_accessible()
        page.is_well()


def test_what_is_new_is_counted_while_one_reads(other: tuple[Sample, ConsolePage]) -> None:
    _, page = other
    page.opens("invocations")
    page.waits("document.querySelectorAll('.invocation-row').length > 5")
    page.presses("p")
    first = page.run("document.querySelector('.invocation-row').getAttribute('href')")
    page.waits("/^\\d+ new, go on$/.test(document.querySelector('.list-note .link').innerText)")
    assert page.run("document.querySelector('.invocation-row').getAttribute('href')") == first
    page.presses("p")
    page.waits(f"document.querySelector('.invocation-row').getAttribute('href') !== {first!r}")


def test_a_page_without_the_key_is_told_where_to_get_it(sample: Sample) -> None:
    with browser() as tab:
        page = ConsolePage(tab, sample.url)
        tab.go(f"{sample.url}/#/overview", "document.querySelector('.stopped-bar') !== null")
        page.says("Open the console by a new link", ".stopped-bar")
        tab.go(f"{sample.url}/#key={new_code(sample.url)}x", "document.querySelector('.stopped-bar') !== null")
        page.says("is too old: `portable status` prints a new one", ".stopped-bar")


def test_a_link_lets_one_browser_in_and_no_second_one(sample: Sample) -> None:
    code = new_code(sample.url)
    with browser() as first, browser() as second:
        first.go(f"{sample.url}/#key={code}", "document.querySelector('nav .app-name b') !== null")
        first.go(f"{sample.url}/#/logs", "document.querySelector('nav .app-name b') !== null")
        second.go(f"{sample.url}/#key={code}", "document.querySelector('.stopped-bar') !== null")
        page = ConsolePage(second, sample.url)
        page.says("That link was used already", ".stopped-bar")
        assert second.run("fetch('/api/v1/status').then((answer) => answer.status)") == 401
        page.enters()
        assert second.run("fetch('/api/v1/status').then((answer) => answer.status)") == 200


def test_a_page_that_was_left_holds_no_connection_and_listens_again_on_the_way_back(tmp_path: Path) -> None:
    """A browser has six connections for a host: pages that it keeps for the way back would have them all."""
    with served(tmp_path, count=20) as console, browser() as tab:
        hub = console.console.hub
        tab.go(
            f"{console.origin}/#key={console.console.access.new_code()}",
            "document.querySelector('nav .app-name b') !== null",
        )
        for _ in range(9):
            tab.go(f"{console.origin}/#/values", "document.querySelector('.live:not(.off)') !== null")
            until("only the page that is shown listens", lambda: hub.readers == 1, PATIENCE)
        tab.run("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
        until("nobody listens", lambda: hub.readers == 0, PATIENCE)
        tab.run("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
        until("it listens again", lambda: hub.readers == 1, PATIENCE)
        tab.waits("document.querySelector('.live:not(.off)') !== null")


def test_a_page_that_is_not_there_and_one_that_was_deleted_are_told(page: ConsolePage) -> None:
    page.tab.go(f"{page.url}/#/nowhere", "document.querySelector('main > *') !== null")
    page.says("There is no page called nowhere.", "main")
    page.opens("invocations/0123456789abcdef")
    page.says("there is no invocation 0123456789abcdef", "main")
    page.says("Try again", "main")


def test_an_address_leads_back_to_what_was_seen(page: ConsolePage) -> None:
    page.opens("invocations?filter=outcome:failed")
    page.waits("document.querySelectorAll('.invocation-row').length > 3")
    assert set(page.run("[...document.querySelectorAll('.invocation-row .unseen')].map((one) => one.innerText)")) <= {
        "Failed",
        "Dead letter",
    }
    page.presses("j")
    page.waits("/^#\\/invocations\\/[0-9a-f]{16}\\?filter=outcome/.test(location.hash)")
    address = str(page.run("location.hash")).removeprefix("#/")
    page.waits("document.querySelector('.title-line h2') !== null")
    title = page.text(".title-line h2")
    page.opens(address, afresh=True)
    page.waits("document.querySelector('.title-line h2') !== null")
    assert page.text(".title-line h2") == title
    page.run("document.querySelector('.filter .chip button').click()")
    page.waits("location.hash === '#/invocations'")
