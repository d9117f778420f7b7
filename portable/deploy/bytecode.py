"""Byte code for the Python of a target, whatever Python portable itself runs on.

Byte code in a bundle is of the unchecked kind (PEP 552): a zip that is the same every time has made-up times, by which
the usual kind would be thrown away. How it is made is in compiling.py, which runs under the target's Python.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from portable.errors import ConfigurationError

COMPILER, SLIMMER = (Path(__file__).with_name(name) for name in ("compiling.py", "slimming.py"))
SECONDS = 600
ASKED = "import json, platform, sys; print(json.dumps([platform.python_implementation(), sys.version]))"


class Interpreter(NamedTuple):
    """A Python that can compile for a target. `version` is all that it says of itself, and goes into keys."""

    path: str
    version: str

    @property
    def tag(self) -> str:
        """What byte code is called by: `cpython-313`."""
        major, minor = self.version.split(".")[:2]
        return f"cpython-{major}{minor}"


def find_interpreter(python: str) -> Interpreter | None:
    """A CPython of the minor version `python` on this machine: the running one, pyenv's, one on PATH, uv's, or None.

    Nothing is downloaded.
    """
    if f"{sys.version_info.major}.{sys.version_info.minor}" == python and sys.implementation.name == "cpython":
        return Interpreter(sys.executable, sys.version)
    for path in _candidates(python):
        found = _ask(path)
        if found is not None and found.version.startswith(f"{python}."):
            return found
    return None


def _candidates(python: str) -> Iterator[str]:
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    versions = sorted(root.glob(f"versions/{python}.*/bin/python"), key=lambda path: _patch(path.parts[-3]))
    yield from (str(path) for path in reversed(versions))
    on_path = shutil.which(f"python{python}")
    # A shim of pyenv takes a second to say that none of its versions is wanted here.
    if on_path is not None and not Path(on_path).is_relative_to(root / "shims"):
        yield on_path
    uv = find_uv()
    if uv is not None:
        command = [uv, "python", "find", python, "--no-python-downloads", "--no-project", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
        if done.returncode == 0 and done.stdout.strip():
            yield done.stdout.strip()


def _patch(version: str) -> int:
    last = version.rpartition(".")[2]
    return int(last) if last.isdigit() else -1


def _ask(path: str) -> Interpreter | None:
    """What a program that is called python says of itself; None if it is not one that runs."""
    try:
        done = subprocess.run([path, "-I", "-S", "-c", ASKED], capture_output=True, text=True, check=False, timeout=30)
        implementation, version = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return Interpreter(path, version) if implementation == "CPython" else None


def find_uv() -> str | None:
    """The uv that was installed with portable, or the one on PATH."""
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.is_file() else shutil.which("uv")


class Source(NamedTuple):
    """A file to be compiled; `name` is the path that tracebacks show."""

    name: str
    data: bytes
    module: str = ""
    is_package: bool = False


class Compiled(NamedTuple):
    """Byte code of each source in order, None where there is a fault; faults by the source's name."""

    codes: tuple[bytes | None, ...]
    faults: dict[str, str]


def compile_sources(interpreter: Interpreter, sources: Sequence[Source], *, slim: bool = False) -> Compiled:
    """Files of byte code (`.pyc`) that do not look at their sources. What is no Python of that version has a fault.

    With `slim` they are without docstrings, annotations and the columns of lines: for what is portable's own.
    """
    answer, data = _compiled(interpreter, sources, None, slim=slim)
    codes: list[bytes | None] = []
    faults: dict[str, str] = {}
    position = 0
    for source, one in zip(sources, answer["files"], strict=True):
        if "fault" in one:
            faults[source.name] = one["fault"]
            codes.append(None)
        else:
            codes.append(data[position : position + one["size"]])
            position += one["size"]
    return Compiled(tuple(codes), faults)


def compile_frozen(interpreter: Interpreter, sources: Sequence[Source], beside: Mapping[str, bytes]) -> bytes:
    """All modules in one piece, as portable_frozen.py reads it, not yet compressed; `beside` are files they read."""
    answer, data = _compiled(interpreter, sources, beside, slim=True)
    for source, one in zip(sources, answer["files"], strict=True):
        if "fault" in one:
            raise ConfigurationError(f"{interpreter.path} cannot compile {source.name}: {one['fault']}")
    return data


def _compiled(
    interpreter: Interpreter, sources: Sequence[Source], beside: Mapping[str, bytes] | None, *, slim: bool
) -> tuple[dict[str, Any], bytes]:
    """What compiling.py answers. With `beside` it makes one frozen piece, else a file for each source."""
    frozen = beside is not None
    files = [
        {"name": one.name, "size": len(one.data), "module": one.module, "is_package": one.is_package} for one in sources
    ]
    others = sorted((beside or {}).items())
    listed = [{"name": name, "size": len(data)} for name, data in others]
    request = json.dumps({"frozen": frozen, "slim": slim, "files": files, "beside": listed}).encode() + b"\n"
    # Where in a line something happened is of use where the line can be shown.
    ranges = ["-X", "no_debug_ranges"] if slim else []
    done = subprocess.run(
        [interpreter.path, "-I", "-S", "-B", *ranges, str(COMPILER)],
        input=b"".join([request, *(one.data for one in sources), *(data for _, data in others)]),
        capture_output=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise ConfigurationError(
            f"{interpreter.path} did not compile for the bundle (exit code {done.returncode}): {said}",
            hint="see whether this Python works: run it with -c 'print(1)'",
        )
    line, _, data = done.stdout.partition(b"\n")
    answer: dict[str, Any] = json.loads(line)
    if len(data) != answer["size"]:
        raise ConfigurationError(
            f"{interpreter.path} answered {len(data)} of {answer['size']} bytes", hint="run it again"
        )
    return answer, data
