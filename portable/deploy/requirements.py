"""What an app says that it needs: which file of its project counts, and what of that goes into a bundle.

A lock counts first (uv.lock, then pylock.toml), then requirements.txt, then `dependencies` of pyproject.toml. portable
itself is left out everywhere: a bundle has its runtime half already, and never what its command line needs.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from portable.errors import ConfigurationError, Location

OURS = "portable-serverless"
NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
Kind = Literal["uv.lock", "pylock.toml", "requirements.txt", "pyproject.toml", "none"]


class Requirements(NamedTuple):
    """What is to be resolved or installed. `lines` are requirements (PEP 508); a lock is the file's content.

    `settings` is what else resolving depends on: the project's configuration of uv.
    """

    kind: Kind
    lines: tuple[str, ...]
    lock: str
    settings: str

    @property
    def is_locked(self) -> bool:
        return self.kind in ("uv.lock", "pylock.toml")

    @property
    def is_empty(self) -> bool:
        return not self.lines and not self.lock


def normalised(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """The distribution that a requirement is about; empty for an option or a URL."""
    found = NAME.match(requirement)
    return normalised(found[1]) if found is not None else ""


def read_requirements(root: Path, extra: Iterable[str] = ()) -> Requirements:
    """The requirements of the project in `root`; `extra` are those that portable adds. Raises ConfigurationError."""
    settings = _settings(root)
    added = tuple(sorted(extra))
    for kind in ("uv.lock", "pylock.toml"):
        if (root / kind).is_file():
            return Requirements(kind, added, _text(root / kind), settings)
    if (root / "requirements.txt").is_file():
        return Requirements("requirements.txt", (*_lines(root / "requirements.txt"), *added), "", settings)
    if (root / "pyproject.toml").is_file():
        return Requirements("pyproject.toml", (*_declared(root / "pyproject.toml"), *added), "", settings)
    return Requirements("none", added, "", settings)


def _settings(root: Path) -> str:
    parts = [_text(root / "uv.toml")] if (root / "uv.toml").is_file() else []
    if (root / "pyproject.toml").is_file():
        parts.append(repr(_project(root / "pyproject.toml").get("tool", {}).get("uv", {})))
    return "\n".join(parts)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{file.name} is not UTF-8 text: {error}", hint="write it anew as UTF-8", location=Location(str(file), 1)
        ) from error


def _project(file: Path) -> dict[str, Any]:
    return toml_of(_text(file), str(file))


def toml_of(text: str, file: str) -> dict[str, Any]:
    """What is in a file. Raises ConfigurationError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}", location=Location(file, 1)) from error


def _declared(file: Path) -> tuple[str, ...]:
    project: Any = _project(file).get("project", {})
    if "dependencies" in project.get("dynamic", []):
        raise ConfigurationError(
            f"{file.name} has dynamic dependencies, which only running its build would show",
            hint="write them down under [project] dependencies, or lock them: uv lock",
            location=Location(str(file), 1),
        )
    found: object = project.get("dependencies", [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in cast("list[object]", found)):
        raise ConfigurationError(
            f"{file.name}: [project] dependencies is no list of texts", location=Location(str(file), 1)
        )
    return wanted(cast("list[str]", found))


def _lines(file: Path, within: tuple[Path, ...] = ()) -> tuple[str, ...]:
    """The requirements of a file of pip's, with its continued lines joined. Options but `-r` are kept as they are.

    `within` are the files that have led here.
    """
    text = re.sub(r"\\\r?\n", " ", _text(file))
    found: list[str] = []
    for line in text.splitlines():
        stripped = re.sub(r"(^|\s)#.*$", "", line).strip()
        if re.match(r"(-r|--requirement)[ =]", stripped):
            other = (file.parent / re.split(r"[ =]", stripped, maxsplit=1)[1].strip()).resolve()
            here = (*within, file.resolve())
            if other in here or not other.is_file():
                what = "leads back to itself" if other in here else "is not there"
                raise ConfigurationError(
                    f"{file.name} names {other.name}, which {what}",
                    hint=f"the line is: {stripped}",
                    location=Location(str(file), 1),
                )
            found += _lines(other, here)
        elif stripped:
            found.append(stripped)
    return wanted(found)


def wanted(lines: Sequence[str]) -> tuple[str, ...]:
    """Without portable itself."""
    return tuple(line for line in lines if name_of(line) != OURS)
