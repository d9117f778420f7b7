"""Which files of a project belong to what is deployed: what the app is made of, and nothing that is for its makers.

Left out are hidden files and folders (.git, .venv, .env, .portable), caches, tests, what git ignores, what holds keys
and passwords by its name or by a private key in it, and packages made earlier. What the app imported when it was
loaded always belongs. `[tool.portable] include` and `exclude` in pyproject.toml have the last word.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from portable.errors import ConfigurationError

MARKER = "portable-package.json"
"""In a folder that `portable package` wrote."""
FOLDERS = frozenset(
    {"__pycache__", "__pypackages__", "build", "dist", "env", "htmlcov", "node_modules", "test", "tests", "venv"}
)
"""Names of folders that are for work on a project, not for what it does."""
SHOWN = frozenset({".well-known"})
"""Hidden by name, but served to clients (RFC 8615)."""
UNUSED = ("*.egg-info/*", "*.pyc", "*.pyo", "conftest.py", "test_*.py", "*_test.py", "*.swp", "*~")
AT_THE_TOP = (
    "AUTHORS*", "CHANGELOG*", "CODE_OF_CONDUCT*", "CONTRIBUTING*", "Dockerfile*", "Makefile", "README*", "SECURITY*",
    "docker-compose*", "justfile", "mypy.ini", "noxfile.py", "package-lock.json", "package.json", "poetry.lock",
    "pylock*.toml", "pyproject.toml", "pyrightconfig.json", "pytest.ini", "requirements*.in", "requirements*.txt",
    "ruff.toml", "setup.cfg", "setup.py", "tox.ini", "uv.lock", "uv.toml",
)  # fmt: skip
"""Files in the project's own folder that are about the project."""
SECRETS = (
    ".env", ".env.*", "*.env", ".netrc", ".pypirc", ".npmrc", ".pgpass", ".git-credentials", ".htpasswd",
    "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
    "credentials", "credentials.*", "client_secret*.json", "service-account*.json", "service_account*.json",
    "secrets.json", "secrets.toml", "secrets.yaml", "secrets.yml", "*.tfstate", "*.tfstate.*", "*.tfvars",
)  # fmt: skip
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
LOOKED_AT = 64 * 1024
MOST_FILES = 20_000
GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false")


class ProjectFile(NamedTuple):
    """A file of the project: where it will lie, where it lies, whether it may be run."""

    path: str
    source: Path
    is_executable: bool


class ProjectFiles(NamedTuple):
    """`secret` are paths that were left out because they look like secrets; others are left out silently."""

    files: tuple[ProjectFile, ...]
    secret: tuple[str, ...]


def project_files(
    root: Path, *, needed: Collection[str] = (), include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> ProjectFiles:
    """The files of the project in `root`, sorted. `needed` are paths that belong in any case: what the app imports.

    Patterns are as of fnmatch, over the whole path or any folder it is in. Raises ConfigurationError for links that
    lead out of the project, and where a .gitignore cannot be read for want of git.
    """
    root = root.resolve()
    names = {name for name in listed(root) if not is_left_out(name, root)}
    secret: set[str] = set()
    for name in sorted(names):
        if is_secret(name, root):
            names.discard(name)
            secret.add(name)
    chosen = {name for name in walked(root, lambda _: True) if matches(name, include)} if include else set[str]()
    names = {name for name in names if not matches(name, exclude)} | chosen
    names |= {name for name in needed if not is_secret(name, root)}
    if len(names) > MOST_FILES:
        raise ConfigurationError(
            f"{root} has {len(names):,} files that would be packed",
            hint='leave out what is not needed to run: [tool.portable] exclude = ["data"]',
        )
    secret |= {name for name in hidden_secrets(root) if name not in names}
    return ProjectFiles(tuple(_file(root, name) for name in sorted(names)), tuple(sorted(secret - chosen)))


def matches(path: str, patterns: Sequence[str]) -> bool:
    folders = path.split("/")
    whole = ["/".join(folders[:count]) for count in range(1, len(folders) + 1)]
    return any(fnmatchcase(part, pattern.rstrip("/")) for pattern in patterns for part in whole)


def is_left_out(path: str, root: Path) -> bool:
    """Whether a path is of a kind that nothing deployed needs."""
    *folders, name = path.split("/")
    if any(_is_tool(folder) for folder in folders) or name.startswith("."):
        return True
    if not folders and any(fnmatchcase(name, pattern) for pattern in AT_THE_TOP):
        return True
    if any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in UNUSED):
        return True
    return any((root.joinpath(*folders[: count + 1]) / MARKER).exists() for count in range(len(folders)))


def _is_tool(folder: str) -> bool:
    return folder in FOLDERS or (folder.startswith(".") and folder not in SHOWN) or folder.endswith(".egg-info")


def is_secret(path: str, root: Path) -> bool:
    """Whether a file holds a secret by its name, or has a private key in it. Python files are judged by name alone."""
    name = path.rpartition("/")[2].lower()
    if any(fnmatchcase(name, pattern) for pattern in SECRETS) and not name.endswith(".py"):
        return True
    if name.endswith(".py"):
        return False
    try:
        with open(root / path, "rb") as file:
            return PRIVATE_KEY.search(file.read(LOOKED_AT)) is not None
    except OSError:
        # Told by name when it is read to be packed.
        return False


def hidden_secrets(root: Path) -> list[str]:
    """Files at the project's top that hold secrets: people should see that they were thought of."""
    return [
        entry.name
        for entry in os.scandir(root)
        if entry.is_file() and any(fnmatchcase(entry.name, pattern) for pattern in SECRETS)
    ]


def _file(root: Path, name: str) -> ProjectFile:
    source = root / name
    real = source.resolve()
    if not real.is_relative_to(root):
        raise ConfigurationError(
            f"{name} is a link to {real}, which is not in the project",
            hint=f'put a copy in its place, or leave it out: [tool.portable] exclude = ["{name}"]',
        )
    if not real.is_file():
        raise ConfigurationError(f"{name} is no file that can be packed", hint="remove it, or leave it out")
    return ProjectFile(name, source, bool(source.stat().st_mode & 0o100))


# Listing


def listed(root: Path) -> list[str]:
    """All files but what git ignores, where it has anything to say."""
    if any((folder / ".git").exists() for folder in (root, *root.parents)):
        found = _git(root, "--cached", "--others", "--exclude-standard", "--deduplicate")
        if found:
            return found
    if (root / ".gitignore").is_file():
        with tempfile.TemporaryDirectory(prefix="portable-git-") as folder:
            made = _run(root, ["git", "init", "--quiet", "--bare", folder])
            found = _git(root, "--others", "--exclude-standard", before=(f"--git-dir={folder}", f"--work-tree={root}"))
        if made is None or found is None:
            raise ConfigurationError(
                f"{root / '.gitignore'} says what not to pack, and there is no git to read it", hint="install git"
            )
        return found
    return walked(root, lambda folder: not _is_tool(folder))


def _git(root: Path, *options: str, before: tuple[str, ...] = ()) -> list[str] | None:
    """Paths that git lists, without those that are gone and without folders (submodules). None if it cannot."""
    said = _run(root, [*GIT, *before, "ls-files", "-z", *options])
    if said is None:
        return None
    found: list[str] = []
    for name in os.fsdecode(said).split("\0"):
        if name and (root / name).is_dir() and not (root / name).is_symlink():
            inner = root / name.rstrip("/")
            found += [f"{name.rstrip('/')}/{path}" for path in walked(inner, lambda folder: not _is_tool(folder))]
        elif name and os.path.lexists(root / name):
            found.append(name)
    return found


def _run(root: Path, command: list[str]) -> bytes | None:
    """Git's answer, of this folder and not of one that the environment names. None if it fails or is not there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False, timeout=120)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None


def walked(root: Path, enters: Callable[[str], bool]) -> list[str]:
    """Files below a folder, without those of folders that are not entered; folders that are links are not."""
    found: list[str] = []
    for place, folders, files in os.walk(root):
        folders[:] = sorted(folder for folder in folders if enters(folder))
        prefix = os.path.relpath(place, root).replace(os.sep, "/")
        found += [name if prefix == "." else f"{prefix}/{name}" for name in sorted(files)]
    return found
