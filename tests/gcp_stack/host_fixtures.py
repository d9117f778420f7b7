"""Google Cloud on this machine as a fixture: started by the first test that asks for it, ended with the process.

from tests.gcp_stack.host_fixtures import gcp_host
"""

import atexit
import functools

import pytest

from .host import Host


@functools.cache
def shared_host() -> Host:
    """The one of this process, for all tests in it."""
    found = Host()
    atexit.register(found.close)
    return found


@pytest.fixture
def gcp_host() -> Host:
    """Running; the environment of this process leads to it where a test says so."""
    return shared_host()


__all__ = ["Host", "gcp_host"]
