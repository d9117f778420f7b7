"""Wheels, source distributions and packages that tests make."""

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
NOTES = REPOSITORY / "examples/notes"
THIS = f"{sys.version_info.major}.{sys.version_info.minor}"
APP = """
    from portable import App

    app = App("small")

    @app.get("/")
    def home() -> dict[str, str]:
        return {"hello": "world"}
"""


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    files: Mapping[str, str | bytes] | None = None,
    *,
    tag: str = "py3-none-any",
    metadata: str = "",
) -> Path:
    """A wheel (binary distribution format 1.0) with `files`, by default one module of the same name."""
    module = name.replace("-", "_")
    content: dict[str, bytes] = {
        path: text if isinstance(text, bytes) else text.encode()
        for path, text in (files or {f"{module}.py": f"NAME = {name!r}\n"}).items()
    }
    information = f"{module}-{version}.dist-info"
    content[f"{information}/METADATA"] = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n{metadata}".encode()
    tags = "".join(f"Tag: {one}\n" for one in expanded(tag))
    content[f"{information}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n{tags}".encode()
    record = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for path, data in content.items()
    ]
    content[f"{information}/RECORD"] = "\n".join([*record, f"{information}/RECORD,,", ""]).encode()
    file = folder / f"{module}-{version}-{tag}.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, data in content.items():
            archive.writestr(path, data)
    return file


def expanded(tag: str) -> list[str]:
    python, abi, platforms = tag.split("-")
    return [f"{python}-{abi}-{platform}" for platform in platforms.split(".")]


def make_sdist(folder: Path, name: str, version: str, witness: Path) -> Path:
    """A source distribution whose build would write `witness`."""
    files = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "setup.py": f"open({str(witness)!r}, 'w').close()\nfrom setuptools import setup\nsetup()\n",
    }
    target = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(target, "w:gz") as archive:
        for path, text in files.items():
            information = tarfile.TarInfo(f"{name}-{version}/{path}")
            information.size = len(text)
            archive.addfile(information, io.BytesIO(text.encode()))
    return target


def portable(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The command `portable` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "portable", *(str(argument) for argument in arguments)],
        env={**os.environ, "NO_COLOR": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def package(project: Path, out: Path, *arguments: object, **environment: str) -> dict[str, Any]:
    """Packages a project for this machine's Python; what the command answers with --json."""
    options = ("--target", "aws", "--stage", "dev", "--out", out, "--arch", "x86_64", "--python", THIS, "--json")
    done = portable("package", project, *options, *arguments, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def zip_of(out: Path) -> zipfile.ZipFile:
    """The one zip of a package."""
    (file,) = (out / "zips").glob("*.zip")
    return zipfile.ZipFile(file)
