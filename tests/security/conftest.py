"""A server of the probing app for a whole module, with bounds that let nobody wait long."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from .apps import Probe
from .serving import Place, Served, place
from .wire import BrokenAnswer, ask, get, soon


class Site(NamedTuple):
    """What a test asks, and what it may look at."""

    port: int
    probe: Probe
    place: Place
    served: Served

    def must_be_well(self) -> None:
        """It lives, answers, and has nothing to complain about."""
        assert self.served.lives
        soon("an answer to a sound request", self._answers)
        assert self.place.log.faults == []

    def _answers(self) -> bool:
        try:
            return ask(self.port, get("/")).body == b"here"
        except (BrokenAnswer, ConnectionError):
            # A hasty server may close before a busy machine has sent the request.
            return False


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Waits long for requests, and not long for a second one."""
    probe = Probe()
    with place(probe.app) as here:
        yield Site(here.port, probe, here, here.serve(idle_time=0.2))


@pytest.fixture(scope="module")
def hasty() -> Iterator[Site]:
    """Drops whoever does not get on at once."""
    probe = Probe()
    with place(probe.app) as here:
        yield Site(here.port, probe, here, here.serve(header_time=0.3, body_time=0.3, idle_time=0.2))
