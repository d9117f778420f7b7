"""The console of a real `portable dev` in a real browser: an app without anything, one that breaks, one that ends."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.pages.console_page import ConsolePage

from .browser import browser
from .dev import Dev, started, write

EMPTY = 'from portable import App\n\napp = App("empty")\n'
BROKEN = EMPTY + '\nraise OSError("not today")\n'
HELLO = EMPTY + '\n\n@app.get("/")\ndef hello() -> str:\n    return "hello"\n'
# What is said where the app has no such thing, and the code that would make one.
WITHOUT = {
    "map": ("The app declares nothing yet.", '@app.get("/")'),
    "functions": ("No functions yet.", '@app.get("/")'),
    "api": ("No routes yet.", "@app.get("),
    "schedules": ("No schedules yet.", "@app.every(minutes=15)"),
    "queues": ("No task, topic or change is handled yet.", "@app.task("),
    "tables": ("No tables yet.", "app.table("),
    "buckets": ("No buckets yet.", "app.bucket("),
    "values": ("No secrets or parameters yet.", "app.secret("),
}
# What is said where nothing has happened, and what to do.
NOT_YET = {
    "overview": "Nothing has run in this span of time. Send a request, or run a schedule now.",
    "invocations": "Nothing has run in the last hour. Send a request, or run a schedule now.",
    "traces": "Nothing has run in the last hour. Send a request, or run a schedule now.",
    "logs": "Whatever a handler logs or prints comes here.",
    "issues": "Nothing has failed.",
    "cost": "Nothing has run yet, so there is nothing to estimate from.",
}


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[tuple[Dev, ConsolePage]]:
    """A new `portable dev` of an app without anything, and its console, opened by the link that it printed."""
    with started(write(tmp_path / "empty", {"app.py": EMPTY})) as dev, browser() as tab:
        dev.serves()
        page = ConsolePage(tab, dev.console.partition("/#")[0])
        page.looks("light", 1440)
        tab.go(dev.console, "document.querySelector('nav .app-name b') !== null")
        yield dev, page
        page.is_well()


def test_an_app_without_anything_is_told_how_to_begin(opened: tuple[Dev, ConsolePage]) -> None:
    _, page = opened
    linked = page.run("[...document.querySelectorAll('nav a')].map((one) => one.getAttribute('href').slice(2))")
    assert set(linked) == {*WITHOUT, *NOT_YET}
    looks = [("light", 1440), ("dark", 1180), ("light", 1920)]
    for number, name in enumerate(linked):
        page.looks(*looks[number % len(looks)])
        page.opens(name)
        if name in WITHOUT:
            sentence, code = WITHOUT[name]
            page.says(sentence, "main")
            assert code in page.run("document.querySelector('.snippet code').innerText")
            assert page.run("document.querySelector('.snippet button').getAttribute('aria-label')") == "Copy the code"
        else:
            page.says(NOT_YET[name], "main")
        page.fits()
        page.is_accessible()


def test_what_does_not_import_is_told_until_it_does(opened: tuple[Dev, ConsolePage]) -> None:
    dev, page = opened
    page.opens("overview")
    said = dev.save("app.py", BROKEN)
    dev.says("the last good version goes on serving", said)
    page.says("What was saved does not import: importing app fails: OSError: not today", ".import-error")
    text = page.text(".import-error")
    assert "The last version that did goes on serving." in text
    assert "app.py:5" in text
    assert 'raise OSError("not today")' in text
    for theme, width in (("light", 1440), ("dark", 1180), ("dark", 1920)):
        page.looks(theme, width)
        page.fits()
        page.is_accessible()
    dev.save("app.py", HELLO)
    page.waits("document.querySelector('.import-error') === null")
    page.opens("functions")
    page.says("hello", "main")


def test_one_that_has_ended_is_told_and_what_was_seen_stays(opened: tuple[Dev, ConsolePage]) -> None:
    dev, page = opened
    dev.save("app.py", HELLO)
    dev.answers("/", "hello")
    page.opens("invocations")
    page.says("GET /", ".invocation-row")
    dev.process.send_signal(signal.SIGKILL)
    page.says("portable dev has stopped. Showing what was recorded until", ".stopped-bar")
    assert "GET /" in page.text(".invocation-row")
    page.waits("document.querySelector('.button.primary').disabled")
    for theme, width in (("light", 1440), ("dark", 1180), ("dark", 1920)):
        page.looks(theme, width)
        page.fits()
        page.is_accessible()
    # A request that nobody took is what the browser says of it, and no fault of the page.
    page.tab.faults.clear()
