"""Google's own emulators, where the machine has them: as components of the gcloud CLI, whose packages no registry has.

`PORTABLE_GCP_EMULATORS` names the folder `platform` of another installation; "none" says that there is to be none.
"""

import functools
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

VARIABLE = "PORTABLE_GCP_EMULATORS"
START_SECONDS = 60
FIRESTORE_JAR = "cloud-firestore-emulator/cloud-firestore-emulator.jar"
FIRESTORE_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
DIES_WITH_US = '"$@" </dev/null & child=$!; trap "kill $child" EXIT; read _'
"""For sh: runs what follows until its input ends, also when whoever started it was killed."""
ABSENT = (
    "Google's own Firestore emulator is not on this machine: it comes with the gcloud CLI "
    "(gcloud components install cloud-firestore-emulator) and needs Java"
)


@functools.cache
def platform() -> Path | None:
    """Where the gcloud CLI keeps its components; None if there is no such CLI. One that fails is no reason to skip."""
    named = os.environ.get(VARIABLE)
    if named:
        return None if named == "none" else Path(named)
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        return None
    done = subprocess.run(
        [gcloud, "info", "--format=value(installation.sdk_root)"],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
        # Of a stack that runs in this process gcloud is to know nothing.
        env={name: value for name, value in os.environ.items() if not name.startswith("CLOUDSDK_")},
    )
    root = done.stdout.strip()
    if done.returncode or not root:
        raise RuntimeError(f"{gcloud} does not say where it is installed: {done.stderr[-2000:]}")
    return Path(root) / "platform"


def firestore_jar() -> Path | None:
    """The emulator of Firestore, if it is installed. Raises RuntimeError if it is and Java is not."""
    root = platform()
    if root is None or not (root / FIRESTORE_JAR).is_file():
        return None
    check_java(root / FIRESTORE_JAR)
    return root / FIRESTORE_JAR


def check_java(jar: Path) -> None:
    """Raises RuntimeError where there is an emulator and nothing to run it with."""
    if shutil.which("java") is None:
        raise RuntimeError(f"{jar} needs Java: install it, or set {VARIABLE}=none")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def start_java(arguments: list[str], log: Path) -> "subprocess.Popen[bytes]":
    """Java, until `end` or the end of this process, however that comes."""
    java = shutil.which("java")
    assert java is not None
    with log.open("wb") as output:
        return subprocess.Popen(
            ["sh", "-c", DIES_WITH_US, "sh", java, *arguments], stdin=subprocess.PIPE, stdout=output, stderr=output
        )


def wait_for(place: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until it answers at host:port. Raises RuntimeError with its log if it does not."""
    latest = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://{place}/", timeout=5):
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > latest:
                end(process)
                said = log.read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"Google's emulator did not start: {error}\n{said}") from error
        time.sleep(0.1)


def end(process: "subprocess.Popen[bytes]") -> None:
    with process:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(START_SECONDS)


class OfficialFirestore:
    """Google's emulator of Firestore in a process of its own. It demands no indexes and erases nothing by itself."""

    def __init__(self, jar: Path, log: Path) -> None:
        port = free_port()
        self.rest = self.grpc = f"127.0.0.1:{port}"
        options = ["-Xmx512m", "-Duser.language=en", "-cp", str(jar), FIRESTORE_CLASS]
        self._process = start_java([*options, "--host", "127.0.0.1", "--port", str(port)], log)
        wait_for(self.rest, self._process, log)

    def environment(self) -> dict[str, str]:
        return {"FIRESTORE_EMULATOR_HOST": self.rest}

    def close(self) -> None:
        end(self._process)
