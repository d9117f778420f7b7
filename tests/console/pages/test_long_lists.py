"""Thousands of invocations: only those in sight are in the document, all of them are reached, none comes twice."""

import pytest

from tests.console.sample_process import Sample
from tests.e2e.browser import browser
from tests.e2e.dev import until

from .console_page import KEY, ConsolePage

PATIENCE = 400.0
ALL = """(async () => {
    const ids = [];
    let cursor = null;
    do {
        const at = '/api/v1/invocations?limit=500' + (cursor ? '&cursor=' + encodeURIComponent(cursor) : '');
        const page = await fetch(at).then((answer) => answer.json());
        ids.push(...page.items.map((one) => one.id));
        cursor = page.next;
    } while (cursor);
    return ids;
})()"""
# Scrolls to the end, again and again, as fast as there are frames; what was seen, and the longest wait for a frame.
SCROLLED = """window.walked = null; (async () => {
    const list = document.querySelector('.windowed');
    const seen = new Set();
    let most = 0, longest = 0, last = performance.now(), still = 0;
    while (still < 40) {
        const edge = list.getBoundingClientRect();
        const isCovered = (y) => [...list.querySelectorAll('.invocation-row')].some((row) => {
            const box = row.getBoundingClientRect();
            return box.top <= y && box.bottom >= y;
        });
        for (let frames = 0; frames < 600 && !(isCovered(edge.top + 2) && isCovered(edge.bottom - 2)); frames += 1) {
            await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        }
        const now = performance.now();
        longest = Math.max(longest, now - last);
        last = now;
        const rows = [...list.querySelectorAll('.invocation-row')];
        most = Math.max(most, rows.length);
        for (const row of rows) seen.add(row.getAttribute('href').split('/').pop().split('?')[0]);
        const before = list.scrollTop;
        list.scrollTop += list.clientHeight * 0.8;
        still = list.scrollTop === before ? still + 1 : 0;
        if (still) await new Promise((resolve) => setTimeout(resolve, 50));
    }
    window.walked = {seen: [...seen], most, longest, height: list.scrollHeight};
})(); 0"""


def walks_through(page: ConsolePage, least: int) -> None:
    page.run("import('/library/session.js').then((module) => module.setRange('7d'))")
    page.opens("invocations")
    page.waits("document.querySelectorAll('.invocation-row').length > 5")
    expected = page.run(ALL)
    assert len(expected) >= least
    page.run(SCROLLED)
    until("all of it is scrolled through", lambda: bool(page.run("window.walked !== null")), PATIENCE)
    found = page.run("window.walked")
    assert found["most"] < 60, "the document holds more rows than are in sight"
    assert set(found["seen"]) == set(expected)
    assert found["height"] == 54 * len(expected)
    print(f"the longest wait for rows was {found['longest']:.0f} ms with {len(expected)} rows")


def test_the_whole_list_is_reached_by_scrolling(page: ConsolePage) -> None:
    walks_through(page, 1500)
    page.run("import('/library/session.js').then((module) => module.setRange('1h'))")


SHOWN_ALL = """window.all = null; (async () => {
    const wanted = 620;
    while (Number(document.querySelector('table.rows').getAttribute('aria-rowcount')) < wanted) {
        const more = [...document.querySelectorAll('.more-line button')].find((one) => !one.disabled);
        if (!more) break;
        more.click();
        await new Promise((resolve) => setTimeout(resolve, 30));
    }
    const main = document.querySelector('main');
    const seen = new Set();
    let most = 0;
    for (let at = 0; at < main.scrollHeight; at += main.clientHeight * 0.8) {
        main.scrollTop = at;
        const edge = main.getBoundingClientRect();
        const isRoom = () => [...document.querySelectorAll('tr.room')].some((one) => {
            const box = one.getBoundingClientRect();
            return box.bottom > edge.top && box.top < edge.bottom;
        });
        do await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))); while (isRoom());
        const links = [...document.querySelectorAll('table.rows .entry-link')];
        most = Math.max(most, links.length);
        for (const one of links) seen.add(one.getAttribute('href'));
    }
    const rows = Number(document.querySelector('table.rows').getAttribute('aria-rowcount')) - 1;
    window.all = {seen: seen.size, most, rows};
})(); 0"""


def test_of_hundreds_of_traces_only_those_near_what_is_in_sight_are_in_the_document(page: ConsolePage) -> None:
    page.run("import('/library/session.js').then((module) => module.setRange('7d'))")
    page.opens("traces")
    page.waits("document.querySelectorAll('table.rows .entry-link').length > 5")
    page.run(SHOWN_ALL)
    until("all of it is scrolled through", lambda: bool(page.run("window.all !== null")), PATIENCE)
    found = page.run("window.all")
    assert found["rows"] >= 619
    assert found["seen"] == found["rows"]
    assert found["most"] <= 200, "the document holds more rows than are near what is in sight"
    page.run("document.querySelector('main').scrollTop = 0")
    page.waits("document.querySelector('tr.room') !== null")
    # By keys one gets to a row that was not in the document, and sees it.
    for _ in range(130):
        page.presses("j")
    page.waits(
        "(() => { const row = document.querySelector('tr.current')?.getBoundingClientRect(); "
        "const main = document.querySelector('main').getBoundingClientRect(); "
        "return row !== undefined && row.top >= main.top - 1 && row.bottom <= main.bottom + 1; })()"
    )
    assert page.run("document.querySelector('tr.current').getAttribute('aria-rowindex')") == "131"
    page.is_accessible()
    page.run("import('/library/session.js').then((module) => module.setRange('1h'))")


@pytest.mark.slow
def test_ten_thousand_invocations_are_scrolled_through(request: pytest.FixtureRequest) -> None:
    sample = Sample(KEY, "--count", "6000")
    request.addfinalizer(sample.end)
    with browser() as tab:
        page = ConsolePage(tab, sample.url)
        page.looks("light", 1440)
        page.enters()
        walks_through(page, 10_000)
        page.is_well()
