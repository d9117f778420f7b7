"""Google's own emulator of Pub/Sub, where the machine has it, as a fixture.

from tests.gcp_stack.official_pubsub import pubsub_official
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from .official import check_java, end, free_port, platform, start_java, wait_for

FOLDER = "pubsub-emulator/lib"
MAIN = "com.google.cloud.pubsub.testing.v1.Main"
ABSENT = (
    "Google's own Pub/Sub emulator is not on this machine: it comes with the gcloud CLI "
    "(gcloud components install pubsub-emulator) and needs Java"
)


def pubsub_jar() -> Path | None:
    """The emulator, if it is installed. Raises RuntimeError if it is and Java is not."""
    root = platform()
    found = [] if root is None else sorted((root / FOLDER).glob("cloud-pubsub-emulator-*-all.jar"))
    if not found:
        return None
    check_java(found[0])
    return found[0]


class OfficialPubSub:
    """The emulator in a process of its own: gRPC and REST on one port, no filters, the machine's time."""

    def __init__(self, jar: Path, log: Path) -> None:
        port = free_port()
        self.place = f"127.0.0.1:{port}"
        options = ["-Xmx256m", "-cp", str(jar), MAIN, "--host=127.0.0.1", f"--port={port}"]
        self._process = start_java(options, log)
        wait_for(self.place, self._process, log)

    def close(self) -> None:
        end(self._process)


@pytest.fixture(scope="session")
def pubsub_official(tmp_path_factory: pytest.TempPathFactory) -> Generator[OfficialPubSub]:
    """Skips only where it is not installed."""
    jar = pubsub_jar()
    if jar is None:
        pytest.skip(ABSENT)
    official = OfficialPubSub(jar, tmp_path_factory.mktemp("pubsub") / "emulator.log")
    yield official
    official.close()
