"""What Cloud Build does with a function's zip: it is unpacked, and what its requirements.txt names is installed.

    builds = Builds()
    found = builds.built(data, "python311")     a folder, and a Python that has the zip's dependencies and nothing else
    builds.close()

Environments are kept in .venv-gcp by what was asked for, or in the folder that PORTABLE_GCP_STACK names: the next stack
has them at once. https://cloud.google.com/docs/buildpacks/python
"""

import fcntl
import hashlib
import io
import os
import re
import shutil
import stat
import subprocess
import tempfile
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from portable.deploy.bytecode import find_uv

HERE = Path(__file__).parent
HOME = Path(os.environ.get("PORTABLE_GCP_STACK") or HERE.parents[1] / ".venv-gcp")
MADE = ".made"
REQUIREMENTS = "requirements.txt"
MOST_BYTES = 1024 * 1024 * 1024
"""Of a zip, unpacked: https://cloud.google.com/functions/quotas"""
INSTALL_SECONDS = 600
RUNTIME = re.compile(r"python3(\d{1,2})", re.ASCII)


class BuildFailed(Exception):
    """There is no image, with what a person is told of it."""


class Built(NamedTuple):
    """`python` runs what is in `folder`; `digest` tells one zip from another."""

    folder: Path
    python: Path
    digest: str


class Builds:
    """Of one stack. Thread-safe, also beside those of other processes."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="portable-gcp-"))

    def close(self) -> None:
        shutil.rmtree(self._folder)

    def built(self, data: bytes, runtime: str) -> Built:
        """Raises BuildFailed."""
        match = RUNTIME.fullmatch(runtime)
        if match is None:
            raise BuildFailed(f"Build failed: there is no runtime {runtime!r}")
        digest = hashlib.sha256(data).hexdigest()
        with locked(self._folder / f"{digest[:16]}.lock"):
            folder = self._folder / digest[:16]
            if not folder.is_dir():
                unpack(data, folder)
        return Built(folder, environment(folder / REQUIREMENTS, f"3.{match[1]}"), digest)


def unpack(data: bytes, folder: Path) -> None:
    """All of it or nothing. Raises BuildFailed for a zip that is too large, or would lie elsewhere."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if sum(one.file_size for one in entries) > MOST_BYTES:
                raise BuildFailed("Build failed: the source is too large")
            part = folder.with_suffix(".part")
            for one in entries:
                path = PurePosixPath(one.filename)
                if path.is_absolute() or ".." in path.parts or "\\" in one.filename:
                    raise BuildFailed(f"Build failed: {one.filename!r} is no name in a source")
                if stat.S_ISLNK(one.external_attr >> 16):
                    raise BuildFailed(f"Build failed: {one.filename!r} is a link")
                if one.is_dir():
                    continue
                target = part.joinpath(*path.parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(one))
            part.rename(folder)
    except zipfile.BadZipFile as error:
        raise BuildFailed(f"Build failed: the source is no zip: {error}") from error


def environment(requirements: Path, version: str) -> Path:
    """The Python of a clean environment with exactly what is required: by hashes of wheels where those are named.

    Raises BuildFailed.
    """
    uv = find_uv()
    if uv is None:
        raise BuildFailed("Build failed: there is no uv, which installs requirements")
    wanted = requirements.read_bytes() if requirements.is_file() else b""
    key = hashlib.sha256(version.encode() + b"\0" + wanted).hexdigest()[:16]
    HOME.mkdir(exist_ok=True)
    folder = HOME / key
    with locked(HOME / f"{key}.lock"):
        python = folder / "bin" / "python"
        if not (folder / MADE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
            # No other Python than this machine has: builds must not take minutes.
            run([uv, "venv", "--quiet", "--no-project", "--no-python-downloads", "--python", version, str(folder)])
            if wanted:
                hashed = ["--require-hashes"] if b"--hash=" in wanted else []
                where = ["--python", str(python), "--requirement", str(requirements)]
                run([uv, "pip", "install", "--quiet", "--only-binary", ":all:", *hashed, *where])
            (folder / MADE).touch()
    return python


def run(command: list[str]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    if done.returncode:
        raise BuildFailed(f"Build failed: {done.stderr.strip() or done.stdout.strip()}")


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Between threads and processes."""
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
