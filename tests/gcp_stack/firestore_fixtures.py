"""Firestore as fixtures: our stand-in always, Google's own emulator where the machine has it.

from tests.gcp_stack.firestore_fixtures import firestore_fake

A fixture that several modules import is as many fixtures; the servers behind it are started once in a process, and end
with it.
"""

import atexit
import functools
import json
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore import Client

from .firestore import Firestore
from .official import ABSENT, OfficialFirestore, firestore_jar


@functools.cache
def shared_fake() -> Firestore:
    fake = Firestore()
    atexit.register(fake.close)
    return fake


@functools.cache
def shared_official(jar: Path) -> OfficialFirestore:
    folder = tempfile.TemporaryDirectory(prefix="portable-firestore-")
    atexit.register(folder.cleanup)
    official = OfficialFirestore(jar, Path(folder.name) / "emulator.log")
    atexit.register(official.close)
    return official


@pytest.fixture(scope="session")
def firestore_fake() -> Firestore:
    return shared_fake()


@pytest.fixture(scope="session")
def firestore_official() -> OfficialFirestore:
    """Skips only where it is not installed."""
    jar = firestore_jar()
    if jar is None:
        pytest.skip(ABSENT)
    return shared_official(jar)


def google_client(place: str, project: str, database: str) -> Client:
    """Google's own client, of a Firestore at host:port for gRPC."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", place)
        return Client(project=project, database=database)


def control(fake: Firestore, action: str, **body: Any) -> dict[str, Any]:
    """An action of the stand-in's control protocol; see README.md."""
    request = urllib.request.Request(f"{fake.control}/{action}", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    if "error" in found:
        raise AssertionError(found["error"])
    return found
