"""The console in a browser, as a test speaks of it: open a page, press keys, look whether all is well."""

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from portable.console.access import Access
from tests.e2e.browser import Browser
from tests.e2e.dev import until

KEY = "a-key-for-the-tests-of-the-pages"
HEIGHT = 900
AXE = Path(__file__).with_name("axe") / "axe.min.js"
CONTROL = 2
CODES = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38, "ArrowRight": 39, "Tab": 9, "End": 35}
TEXTS = {"Enter": "\r"}
# Cut without an ellipsis, or out of its place: what nobody can read.
CLIPPED = """[...document.querySelectorAll('#root *')].filter((one) => {
    if (!(one instanceof HTMLElement) || !one.clientWidth || one.closest('.unseen')) return false;
    if (one.matches('select, input, textarea')) return false;
    const style = getComputedStyle(one);
    if (!['hidden', 'clip'].includes(style.overflowX) || style.textOverflow === 'ellipsis') return false;
    return one.scrollWidth > one.clientWidth + 1 && one.textContent.trim() !== '';
}).map((one) => one.className + ': ' + one.textContent.slice(0, 60))"""
# Regions that scroll sideways on purpose: source code, curl lines, the map.
SIDEWAYS = """[...document.querySelectorAll(
    '.scrolls:not(.map), .windowed, main, .detail-pane, .navigation, .choices'
)].filter((one) => one.scrollWidth > one.clientWidth + 1)
    .map((one) => one.className + ' ' + one.scrollWidth + ' > ' + one.clientWidth)"""
OVERLAPPED = """[...document.querySelectorAll('.figure, .page-head, .title-line, .top')].filter((one) => {
    const outer = one.getBoundingClientRect();
    return [...one.querySelectorAll('*')].some((inner) => {
        const box = inner.getBoundingClientRect();
        return box.width > 0 && !inner.closest('.unseen') && (box.right > outer.right + 1 || box.left < outer.left - 1);
    });
}).map((one) => one.className)"""
SMALL = """[...document.querySelectorAll('#root button, #root a, #root select, #root input')].filter((one) => {
    const box = (one.type === 'checkbox' ? one.closest('label') : one).getBoundingClientRect();
    if (!box.width || one.closest('.unseen, svg') || getComputedStyle(one).display === 'inline') return false;
    return box.height < 23.5 || box.width < 23.5;
}).map((one) => one.outerHTML.slice(0, 120))"""


def new_code(url: str) -> str:
    """What is in the fragment of a new link."""
    return Access(KEY, urlsplit(url).port or 0).new_code()


@cache
def axe() -> str:
    return AXE.read_text()


class ConsolePage:
    """One tab of it."""

    def __init__(self, tab: Browser, url: str) -> None:
        self.tab = tab
        self.url = url

    # Where one is

    def enters(self) -> None:
        """By the link that `portable dev` prints."""
        code = new_code(self.url)
        self.tab.go(f"{self.url}/#key={code}", "document.querySelector('nav .app-name b') !== null")
        assert code not in str(self.run("location.href"))

    def opens(self, path: str, *, afresh: bool = False) -> None:
        """By its address: `afresh` as one who comes by a link, else as one who is there already."""
        if afresh:
            self.tab.go(f"{self.url}/#/{path}", "document.querySelector('main > *') !== null")
        else:
            self.run("location.hash = '#/nowhere'")
            self.says("There is no page called nowhere.", "main")
            self.run(f"location.hash = {json.dumps('#/' + path)}")
            self.waits("!document.querySelector('main').innerText.includes('There is no page called nowhere.')")
        self.settles()

    def settles(self) -> None:
        """Until it is connected, its data are there and its typefaces too."""
        self.tab.waits("document.querySelector('nav .app-name b') !== null")
        self.tab.waits("document.querySelector('.live:not(.off)') !== null")
        self.tab.waits(
            "document.querySelector('.blocks') === null && document.querySelector('main').innerText.length > 40"
        )
        # Neither the place that is kept for what comes, nor a head alone.
        self.tab.waits(
            "document.querySelector('main :is(.card, .windowed, .nothing, .banner)') !== null"
            " && document.querySelector('main [style*=\"min-height: 80px\"]') === null"
        )
        self.tab.waits("document.fonts.ready.then(() => document.fonts.status === 'loaded')")

    def settles_in(self) -> None:
        """Nothing is left of the test before."""
        self.run("document.querySelector('dialog[open]')?.close(); sessionStorage.clear(); localStorage.clear()")
        self.run("import('/library/theme.js').then((module) => module.applyTheme())")

    def looks(self, theme: str, width: int, height: int = HEIGHT) -> None:
        """Light or dark as the system says, and so wide."""
        self.tab.call(
            "Emulation.setEmulatedMedia",
            features=[
                {"name": "prefers-color-scheme", "value": theme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ],
        )
        self.tab.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    # What is there

    def run(self, script: str) -> Any:
        return self.tab.run(script)

    def waits(self, script: str) -> None:
        self.tab.waits(script)

    def text(self, selector: str = "main") -> str:
        return str(self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def says(self, text: str, selector: str = "body") -> None:
        until(f"the page says {text!r}: {self.text(selector)[:2000]}", lambda: text in self.text(selector))

    def path(self) -> str:
        return str(self.run("location.hash")).removeprefix("#/").partition("?")[0]

    def goes_to(self, path: str) -> None:
        until(f"the page goes to {path}, it is at {self.path()}", lambda: self.path() == path)

    # What a person does

    def presses(self, *keys: str, modifiers: int = 0) -> None:
        for key in keys:
            text = "" if modifiers else TEXTS.get(key, key if len(key) == 1 else "")
            for kind in ("keyDown", "keyUp"):
                self.tab.call(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=key,
                    code=f"Key{key.upper()}" if len(key) == 1 and key.isalpha() else key,
                    modifiers=modifiers,
                    windowsVirtualKeyCode=CODES.get(key, ord(key[0].upper())),
                    **({"text": text} if kind == "keyDown" and text else {}),
                )

    def types(self, text: str) -> None:
        self.tab.types(text)

    def clicks(self, text: str, within: str = "body") -> None:
        """The button or link that says it."""
        script = f"""(() => {{
            const all = [...document.querySelectorAll({json.dumps(within)} + ' :is(button, a, summary)')];
            const one = all.find((each) => each.innerText.trim() === {json.dumps(text)} && !each.disabled);
            one?.click();
            return one !== undefined;
        }})()"""
        until(f"there is something to click that says {text!r}", lambda: bool(self.run(script)))

    # Whether all is well

    def is_well(self) -> None:
        """No script failed, nothing was refused by the policy, and nobody else was asked for anything."""
        self.run("new Promise((resolve) => requestAnimationFrame(() => resolve()))")
        faults, self.tab.faults = self.tab.faults, []
        requested, self.tab.requested = self.tab.requested, []
        elsewhere = [url for url in requested if not url.startswith((self.url, "about:", "blob:", "data:"))]
        assert not faults, faults
        assert not elsewhere, elsewhere

    def fits(self) -> None:
        """Nothing is cut, nothing scrolls sideways, nothing is too small to hit."""
        problems = {
            "wider than the window": self.run("Math.max(0, document.documentElement.scrollWidth - innerWidth)"),
            "cut": self.run(CLIPPED),
            "scrolls sideways": self.run(SIDEWAYS),
            "out of its place": self.run(OVERLAPPED),
            "too small": self.run(SMALL),
        }
        assert not any(problems.values()), problems

    def is_accessible(self) -> None:
        """axe-core finds nothing against WCAG 2.2 AA, nor against its own best practices."""
        if not self.run("typeof axe === 'object'"):
            self.tab.run(axe() + "; 0")
        found = self.run(
            "axe.run(document, {resultTypes: ['violations']}).then((result) => ({"
            "passed: result.passes.length, violations: result.violations.map((one) => ({id: one.id, "
            "nodes: one.nodes.slice(0, 3).map((node) => "
            "node.html.slice(0, 160) + ' ' + (node.any[0]?.message ?? ''))}))}))"
        )
        assert not found["violations"], found["violations"]
        assert found["passed"] > 10, found
