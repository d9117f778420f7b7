"""A console over made-up records, and a Chromium that is signed in to it."""

from collections.abc import Iterator

import pytest

from tests.console.sample_process import Sample
from tests.e2e.browser import browser

from .console_page import KEY, ConsolePage


@pytest.fixture(scope="session")
def sample() -> Iterator[Sample]:
    found = Sample(KEY)
    yield found
    found.end()


@pytest.fixture(scope="session")
def chromium(sample: Sample) -> Iterator[ConsolePage]:
    with browser() as found:
        page = ConsolePage(found, sample.url)
        page.enters()
        yield page


@pytest.fixture
def page(chromium: ConsolePage) -> Iterator[ConsolePage]:
    """At 1440 and light, live; whatever a test does in it, it leaves no fault and asks nobody else."""
    chromium.looks("light", 1440)
    chromium.settles_in()
    yield chromium
    chromium.is_well()
