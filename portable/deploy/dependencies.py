"""An app's dependencies for the target's platform: resolved and unpacked by uv, from wheels only, once.

Wheels are unpacked, never run: no build, no hook, no script. What is resolved is kept by what was asked for, the
platform and the Python, so that the next package of the same needs no network and is the same.
"""

import os
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from portable.errors import ConfigurationError

from .archive import Entry, entry, sha256
from .bytecode import Interpreter, Source, compile_sources, find_uv
from .cache import Kept, key_of
from .requirements import OURS, Requirements, name_of, normalised, toml_of
from .sbom import Component, component_of

PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}
SECONDS = 900
KEPT_FORMAT = 2
"""Of what is kept of an installation; another number is another key."""
BOOKKEEPING = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json"})
"""Of a dist-info: what is about an installation, not about the package. Licences and metadata stay."""
UNUSED_FOLDERS = ("bin", "include", "share/man", "share/doc")
"""Of an installation: scripts have this machine's Python in their first line."""
NO_WHEEL = re.compile(
    r"(?:all versions of )?`?([A-Za-z0-9][A-Za-z0-9._-]*?)(?:[=<>!~@]\S*?)?`? (?:has|have) no (?:usable )?wheels"
)


class Installed(NamedTuple):
    """Files of the dependencies as they will lie in a bundle, and what they are."""

    contents: dict[str, Entry]
    components: tuple[Component, ...]
    modules: frozenset[str]
    """Top-level names that can be imported."""
    faults: dict[str, str]
    """Files that are no Python of the target's version, which only matters when they are imported."""
    lines: tuple[str, ...] = ()
    """All of it as requirements, each in one version with the hashes of its wheels, sorted."""


NOTHING = Installed({}, (), frozenset(), {})


def install(
    root: Path,
    requirements: Requirements,
    *,
    python: str,
    architecture: str,
    folder: str,
    interpreter: Interpreter | None,
    cache: Path,
    refresh: bool = False,
    sure: Callable[[], None] = lambda: None,
) -> Installed:
    """The dependencies of the project in `root` for a target; `folder` is where they will lie there.

    `sure` is called before they are resolved, which takes long: what it raises ends it.
    Raises ConfigurationError: naming the package that has no wheel, or with what uv said.
    """
    if requirements.is_empty:
        return NOTHING
    kept = Kept(cache, "dependencies")
    version = interpreter.version if interpreter is not None else None
    key = key_of([KEPT_FORMAT, requirements, python, architecture, folder, version])

    def make() -> tuple[dict[str, Entry], Any]:
        sure()
        with tempfile.TemporaryDirectory(prefix="portable-") as place:
            return _made(root, requirements, Path(place), python, architecture, folder, interpreter)

    contents, noted = make() if refresh else kept.of(key, make)
    if refresh:
        kept.replace(key, contents, noted)
    components = tuple(Component(**one) for one in noted["components"])
    return Installed(contents, components, frozenset(noted["modules"]), noted["faults"], tuple(noted["lines"]))


def _made(
    root: Path,
    requirements: Requirements,
    place: Path,
    python: str,
    architecture: str,
    folder: str,
    interpreter: Interpreter | None,
) -> tuple[dict[str, Entry], Any]:
    lock = resolve(root, requirements, place, python, architecture)
    packages = [one for one in lock.get("packages", []) if normalised(one["name"]) != OURS]
    site = place / "site"
    if packages:
        (place / "requirements.txt").write_text("\n".join(pinned(one) for one in packages) + "\n", encoding="utf-8")
        _uv(
            root,
            "pip", "install", "--target", str(site), "--no-deps", "--verify-hashes", "--no-compile-bytecode",
            "--link-mode", "copy", "--requirements", str(place / "requirements.txt"),
            *_platform(python, architecture),
        )  # fmt: skip
    components, contents, modules, faults = unpacked(site, packages, folder, interpreter)
    noted = {
        "components": [one._asdict() for one in components],
        "modules": sorted(modules),
        "faults": faults,
        "lines": sorted(map(pinned, packages)),
    }
    return contents, noted


# Resolving


def resolve(root: Path, requirements: Requirements, place: Path, python: str, architecture: str) -> dict[str, Any]:
    """A lock (PEP 751) of what the project needs. Raises ConfigurationError."""
    file = place / "pylock.toml"
    lock: dict[str, Any] = {}
    if requirements.kind == "uv.lock":
        _uv(
            root,
            "export", "--frozen", "--no-dev", "--no-emit-project", "--prune", OURS, "--format", "pylock.toml",
            "--output-file", str(file),
        )  # fmt: skip
        lock = tomllib.loads(file.read_text(encoding="utf-8"))
    elif requirements.kind == "pylock.toml":
        lock = toml_of(requirements.lock, requirements.kind)
    have = {normalised(one["name"]) for one in lock.get("packages", [])}
    missing = [line for line in requirements.lines if name_of(line) not in have] if lock else requirements.lines
    if not missing:
        return lock
    (place / "locked.txt").write_text("\n".join(locked_versions(requirements)) + "\n", encoding="utf-8")
    (place / "wanted.in").write_text("\n".join(missing) + "\n", encoding="utf-8")
    # Whatever needs portable finds it in the bundle.
    (place / "never.txt").write_text(f"{OURS} ; python_version < '0'\n", encoding="utf-8")
    file.unlink(missing_ok=True)
    _uv(
        root,
        "pip", "compile", str(place / "wanted.in"), "--overrides", str(place / "never.txt"),
        "--constraints", str(place / "locked.txt"), "--format", "pylock.toml",
        "--output-file", str(file), "--no-header", *_platform(python, architecture),
        wanted=place / "wanted.in", shown=requirements.kind if requirements.kind != "none" else "what portable adds",
    )  # fmt: skip
    found = tomllib.loads(file.read_text(encoding="utf-8"))
    others = [one for one in found.get("packages", []) if normalised(one["name"]) not in have]
    return {**found, "packages": [*lock.get("packages", []), *others]}


def locked_versions(requirements: Requirements) -> list[str]:
    """What uv.lock has, as constraints: what portable adds comes in the version that the project has tried."""
    if requirements.kind != "uv.lock":
        return []
    versions: dict[str, set[str]] = {}
    for one in toml_of(requirements.lock, requirements.kind).get("package", []):
        if "version" in one and "registry" in one.get("source", {}):
            versions.setdefault(one["name"], set()).add(one["version"])
    return [f"{name}=={found.pop()}" for name, found in sorted(versions.items()) if len(found) == 1 and name != OURS]


def pinned(package: Mapping[str, Any]) -> str:
    """A package of a lock as a requirement with the hashes of its wheels. Raises ConfigurationError if it has none."""
    name = package["name"]
    wheels = package.get("wheels", ())
    hashes = sorted({f"--hash={kind}:{value}" for wheel in wheels for kind, value in wheel["hashes"].items()})
    if not hashes:
        raise no_wheel(f"{name} {package.get('version', '')}".strip())
    marker = f" ; {package['marker']}" if package.get("marker") else ""
    return f"{name}=={package['version']}{marker} {' '.join(hashes)}"


def no_wheel(package: str) -> ConfigurationError:
    return ConfigurationError(
        f"{package} has no wheel for the target, and building it would run its code on this machine",
        hint="take another version or package, or another --arch or --python; or build a wheel of it where you trust "
        "it, and name the folder in UV_FIND_LINKS",
    )


def _platform(python: str, architecture: str) -> list[str]:
    return ["--only-binary", ":all:", "--python-version", python, "--python-platform", PLATFORMS[architecture]]


def _uv(root: Path, *arguments: str, wanted: Path | None = None, shown: str = "") -> None:
    """Runs uv in the project's folder, whose configuration of indexes counts. Raises ConfigurationError.

    `wanted` is a file of ours, which messages call `shown`: nobody finds it any more when it is told of.
    """
    uv = find_uv()
    if uv is None:
        raise ConfigurationError("there is no uv, which resolves dependencies", hint="pip install uv")
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "UV_PYTHON")}
    try:
        done = subprocess.run(
            [uv, *arguments, "--quiet", "--color", "never"],
            cwd=root, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ConfigurationError(
            f"uv has not found what the app needs within {SECONDS // 60} minutes",
            hint="see whether the package index answers: UV_INDEX_URL, or [tool.uv] of pyproject.toml",
        ) from error
    if done.returncode != 0:
        raise failed(done.stderr.replace(str(wanted), shown) if wanted is not None else done.stderr)


def failed(said: str) -> ConfigurationError:
    """What uv said, as an error of ours; passwords in addresses of indexes are not repeated."""
    text = re.sub(r"(https?://)[^/@\s]+@", r"\1...@", said.strip())
    flat = re.sub(r"\s+", " ", text)
    offline = (
        re.search(r"network was disabled|dns error|connect error|error sending request|timed out", flat, re.IGNORECASE)
        is not None
    )
    found = NO_WHEEL.search(flat)
    if found is not None and not offline:
        error = no_wheel(found[1])
        return ConfigurationError(f"{error.message}\n{text}", hint=error.hint)
    return ConfigurationError(
        f"uv cannot find what the app needs:\n{text}",
        hint="the first package of a set of dependencies needs a network, later ones do not"
        if offline
        else "see what pyproject.toml or the lock asks for; it has to exist as wheels for the target",
    )


# What was installed


def unpacked(
    site: Path, packages: Sequence[Mapping[str, Any]], folder: str, interpreter: Interpreter | None
) -> tuple[list[Component], dict[str, Entry], set[str], dict[str, str]]:
    """Reads an installation: its files with byte code, and what each distribution is."""
    owners: dict[str, str] = {}
    components: list[Component] = []
    wheels = {normalised(one["name"]): one.get("wheels", ()) for one in packages}
    for information in sorted(site.glob("*.dist-info")):
        component = component_of(information, wheels)
        components.append(component)
        for line in (information / "RECORD").read_text(encoding="utf-8").splitlines():
            owners[line.rpartition(",")[0].rpartition(",")[0].strip('"')] = component.name
    contents: dict[str, Entry] = {}
    sources: list[tuple[str, Source]] = []
    modules: set[str] = set()
    files = sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
    for name in files:
        if not belongs(name):
            continue
        data = (site / name).read_bytes()
        owner = owners.get(name, "dependencies")
        contents[name] = entry(name, data, owner, is_executable=bool((site / name).stat().st_mode & 0o100))
        modules.add(name.partition("/")[0].partition(".")[0])
        if name.endswith(".py"):
            sources.append((name, Source(f"{folder}/{name}", data)))
    faults: dict[str, str] = {}
    if interpreter is not None:
        compiled = compile_sources(interpreter, [source for _, source in sources])
        faults = compiled.faults
        for (name, _), code in zip(sources, compiled.codes, strict=True):
            if code is not None:
                cached = cached_name(name, interpreter)
                contents[cached] = entry(cached, code, contents[name].part)
    return components, contents, modules, faults


def belongs(name: str) -> bool:
    """Whether a file of an installation is needed to run."""
    path = name.split("/")
    if any(name.startswith(f"{folder}/") for folder in UNUSED_FOLDERS) or path[-1] == ".lock":
        return False
    if name.endswith((".pyi", ".pyc", ".pyx", ".pxd", ".c", ".h", ".pth")) or "__pycache__" in path:
        return False
    return not (len(path) == 2 and path[0].endswith(".dist-info") and path[1] in BOOKKEEPING)


def cached_name(name: str, interpreter: Interpreter) -> str:
    """Where Python looks for the byte code of a source: https://peps.python.org/pep-3147/."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}__pycache__/{file.removesuffix('.py')}.{interpreter.tag}.pyc"


def digest_of(contents: Mapping[str, Entry]) -> str:
    """SHA-256 of names, modes and data."""
    lines = [f"{name}\0{int(one.is_executable)}\0{one.digest}" for name, one in sorted(contents.items())]
    return sha256("\n".join(lines).encode())
