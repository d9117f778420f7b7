"""The Google Cloud test stack as a fixture: started by the first test that asks for it, ended with the process.

from tests.gcp_stack.fixtures import gcp_services

All of it runs in threads of the test's process, so each worker of a session has one of its own.
"""

import atexit
import functools
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from .services import ACCOUNT, PROJECT, Services
from .storage import StorageServer

FAMILIES = ("CLOUDSDK_", "GOOGLE_", "GCE_METADATA_", "PORTABLE_GCP_CONTROL")
"""Variables that lead Google's clients and ours somewhere."""
OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
SERVICES = ("cloudtasks", "pubsub", "cloudscheduler", "secretmanager", "iamcredentials")


class GcpServices(NamedTuple):
    """The stand-ins that share their time: `services` of messages and values, and `storage`."""

    services: Services
    storage: StorageServer

    def environment(self) -> dict[str, str]:
        """What a process needs to use them, and to find nothing of the user's own."""
        place = urlsplit(self.services.endpoint).netloc
        return {
            **{OVERRIDE + name.upper(): self.services.endpoint for name in SERVICES},
            OVERRIDE + "STORAGE": self.storage.endpoint,
            "PORTABLE_GCP_CONTROL": self.services.control,
            "GCE_METADATA_HOST": place,
            "GCE_METADATA_ROOT": place,
            "GCE_METADATA_IP": place,
            "GOOGLE_CLOUD_PROJECT": PROJECT,
            "CLOUDSDK_CONFIG": "/dev/null",
        }


def start_services() -> GcpServices:
    services = Services()
    return GcpServices(services, StorageServer(services))


def stop_services(found: GcpServices) -> None:
    found.storage.close()
    found.services.close()


@functools.cache
def shared_services() -> GcpServices:
    """The ones of this process, for all tests in it; they end with it."""
    found = start_services()
    atexit.register(stop_services, found)
    return found


@contextmanager
def leading_to(environment: Mapping[str, str]) -> Generator[None]:
    """The environment of this process is that of a stack meanwhile, and has nothing of another one or of the user's.

    It is each test's: modules with different stacks take turns in one process.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(FAMILIES) or name.endswith("_EMULATOR_HOST"):
                patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def gcp_services() -> Generator[GcpServices]:
    """Running, with the environment of this process leading to them."""
    found = shared_services()
    with leading_to(found.environment()):
        yield found


__all__ = [
    "ACCOUNT",
    "PROJECT",
    "GcpServices",
    "gcp_services",
    "leading_to",
    "shared_services",
    "start_services",
    "stop_services",
]
