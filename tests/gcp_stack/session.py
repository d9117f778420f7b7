"""All of the Google Cloud test stack as one fixture: what an app needs that runs in the test's process.

from tests.gcp_stack.session import gcp_stack
"""

import atexit
import functools
from collections.abc import Generator

import pytest

from .firestore import Firestore
from .fixtures import GcpServices, leading_to, shared_services


class GcpStack:
    """`services` share their time; `firestore` knows none."""

    def __init__(self) -> None:
        self.firestore = Firestore()
        self.services: GcpServices = shared_services()

    def environment(self) -> dict[str, str]:
        """What a process needs to use it, and to find nothing of the user's own."""
        return {**self.services.environment(), **self.firestore.environment()}

    def close(self) -> None:
        self.firestore.close()


@functools.cache
def shared_stack() -> GcpStack:
    """The one of this process, for all tests in it; it ends with it."""
    found = GcpStack()
    atexit.register(found.close)
    return found


@pytest.fixture
def gcp_stack() -> Generator[GcpStack]:
    """Running, with the environment of this process leading to it."""
    found = shared_stack()
    with leading_to(found.environment()):
        yield found
