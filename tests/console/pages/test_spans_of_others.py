"""What others sent is in a trace's waterfall, told apart from what the app did, and comes in while one looks."""

from pathlib import Path

from tests.console.sample import batch
from tests.console.serving import served
from tests.console.test_traces import CALL, CLICK, GET, TRACE
from tests.e2e.browser import browser

from .console_page import ConsolePage


def test_a_trace_shows_what_others_sent_above_what_it_led_to(tmp_path: Path) -> None:
    with served(tmp_path) as console, browser() as tab:
        console.write(batch([GET, CALL, CLICK]))
        page = ConsolePage(tab, console.origin)
        page.looks("light", 1180)
        tab.go(
            f"{console.origin}/#key={console.console.access.new_code()}",
            "document.querySelector('nav .app-name b') !== null",
        )
        page.opens(f"traces/{TRACE}")
        names = "[...document.querySelectorAll('button.span-line .span-name .mono')].map((one) => one.innerText)"
        page.waits(f"{names}.length === 3")
        shown = [name.removesuffix(", failed").strip() for name in page.run(names)]
        assert shown == ["page: click", "shop.read", "table get shop.notes"]
        page.run("document.querySelector('button.span-line').focus()")
        page.presses("Enter")
        page.says("sent by page", "main")
        page.says("span.kind", "main")
        assert "Open the invocation" not in page.text()
        page.fits()
        page.is_accessible()
        console.write(batch([CLICK._replace(span_id="f" * 16, parent_id="a" * 16, name="paint")]))
        page.waits(f"{names}.includes('page: paint')")
        # Beside the invocation that it led to, as well.
        page.opens(f"invocations/{GET.span_id}")
        page.says("page: click", "main")
        page.is_well()
