"""Every page, light and dark, at three widths: nothing cut or sideways, no error, nobody else asked, and for all."""

import pytest

from .console_page import ConsolePage

PAGES = {
    "overview": "overview",
    "invocations": "invocations",
    "a failed invocation": "invocations?filter=outcome:failed",
    "traces": "traces",
    "logs": "logs",
    "issues": "issues",
    "map": "map",
    "cost": "cost",
    "functions": "functions",
    "a function with a form": "functions/exchange.refresh",
    "api": "api",
    "schedules": "schedules",
    "queues": "queues",
    "dead letters": "queues/exchange.refresh",
    "tables": "tables",
    "buckets": "buckets",
    "values": "values",
}
LOOKS = [(theme, width) for theme in ("light", "dark") for width in (1440, 1180, 1920)]
# By default each page once, and each look often enough; all of them in the slow run.
ONCE = {(name, LOOKS[number % len(LOOKS)]) for number, name in enumerate(PAGES)}


@pytest.mark.parametrize(
    ("name", "theme", "width"),
    [
        pytest.param(
            name, *look, id=f"{name}, {look[0]} {look[1]}", marks=() if (name, look) in ONCE else pytest.mark.slow
        )
        for name in PAGES
        for look in LOOKS
    ],
)
def test_a_page_is_whole(page: ConsolePage, name: str, theme: str, width: int) -> None:
    page.looks(theme, width)
    page.opens(PAGES[name])
    if PAGES[name].startswith("invocations"):
        page.waits("document.querySelector('.title-line') !== null && document.querySelector('.span-axis') !== null")
    page.waits(f"document.documentElement.dataset.theme === {theme!r}")
    page.fits()
    page.is_accessible()


def test_every_page_of_the_navigation_is_looked_at(page: ConsolePage) -> None:
    page.opens("overview")
    linked = page.run("[...document.querySelectorAll('nav a')].map((one) => one.getAttribute('href').slice(2))")
    assert len(linked) >= 13
    assert set(linked) <= set(PAGES.values())
