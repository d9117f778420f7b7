"""What the functions of an app are deployed as: which files, in which zips. Files of its own make each part:

files.py (the app's), imports.py, requirements.py and dependencies.py (what it needs), runtime_half.py (of portable),
bytecode.py (compiled for the target's Python), archive.py (the zip), sbom.py and sizes.py (what is in it). Here they
are put together. Nothing of a provider is in here, and nothing that is put into a bundle is run.

All functions of an app are deployed from one zip: each imports the whole app, and what would differ is the environment,
which is not in it. docs/design/0011 has the reasons.
"""

import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from portable.adapter import Project
from portable.errors import ConfigurationError, Location

from .archive import Contents, Entry, entry, merged, sha256, zip_bytes
from .bytecode import Interpreter, Source, compile_sources, find_interpreter
from .cache import Kept, key_of
from .comments import without_comments
from .dependencies import Installed, cached_name, digest_of, install
from .files import ProjectFiles, project_files
from .functions import group
from .imports import Imports, imports_of, parsed
from .requirements import read_requirements
from .runtime_half import OPTIONAL, RuntimeHalf, runtime_entries
from .sbom import sbom
from .sizes import Size, size_of

NEEDED = {"pydantic": "pydantic>=2.11", "python_multipart": "python-multipart>=0.0.20", "a2wsgi": "a2wsgi>=1.10.7"}
"""Requirements of portable's that a deployed app may use without naming them, by module; as in portable's own."""
WRITTEN_BY_PYDANTIC = frozenset({"dataclasses", "datetime", "decimal", "enum", "ipaddress", "pathlib", "uuid"})
"""Modules whose objects an app may return, where nothing but pydantic writes them as JSON."""
NAMES_OF_ALL = re.compile(
    rb"idempoten|import\s*\(?\s*\*|__dict__|getattr|import_module|__import__|vars\(|exec\(|eval\("
)
"""What code has in it that asks portable for `idempotent`, or may ask for names that are not written out."""
OURS = b"portable-serverless"
EXPORTER = "opentelemetry/exporter/otlp/proto/http/"
ZONES = "tzdata"
REQUIREMENTS = "requirements.txt"
ZONE_MODULES = frozenset({"zoneinfo", "dateutil", "pytz", "tzdata"})


class Target(NamedTuple):
    """Where a bundle is to run: the minor version of Python (`3.13`), `arm64` or `x86_64`, the folder it lies in.

    `is_built_there`: the provider makes an image of the zip, compiles what is in it and installs what its
    requirements.txt names; so dependencies are named there, and are not in the zip.
    """

    python: str
    architecture: str
    folder: str
    is_built_there: bool = False


class Loaded(NamedTuple):
    """What importing the app loaded, as the process that did it says.

    `files` are files of the project by path, `modules` top-level names of what is neither the project's nor Python's,
    `imports` those of the files, None if nobody has looked yet.
    """

    files: tuple[str, ...]
    modules: frozenset[str]
    imports: Imports | None = None


class Chosen(NamedTuple):
    """What the project says about its package: `[tool.portable] include` and `exclude`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Bundle(NamedTuple):
    """The zips of an app by their names (digests of their contents), and which function has which, by the group's id.

    `notes` are for people: what was left out, what there is no byte code of.
    """

    zips: dict[str, bytes]
    functions: dict[str, str]
    sizes: dict[str, Size]
    sbom: dict[str, Any]
    notes: tuple[str, ...]


def make_bundle(
    project: Project,
    manifest: Mapping[str, Any],
    loaded: Loaded,
    target: Target,
    half: RuntimeHalf,
    *,
    cache: Path,
    chosen: Chosen = Chosen(),
    refresh: bool = False,
    sure: Callable[[], None] = lambda: None,
) -> Bundle:
    """The bundle of an app. `refresh` resolves its dependencies anew; `sure` is called before that, and may raise.

    Raises ConfigurationError for what cannot be packed.
    """
    interpreter = find_interpreter(target.python)
    notes = [] if interpreter is not None else [no_interpreter(target.python)]
    statics = static_files(project.root, manifest)
    found = project_files(
        project.root, needed=(*loaded.files, *statics), include=chosen.include, exclude=chosen.exclude
    )
    app, faults = app_entries(project.root, found, target, interpreter, cache)
    if faults and target.is_built_there:
        name, said = next(iter(faults.items()))
        raise ConfigurationError(
            f"{name} is no Python {target.python}, and the provider builds nothing with such a file: {said}",
            hint="another --python, or leave the file out: [tool.portable] exclude",
        )
    notes += [f"{name} is no Python {target.python}, and is packed as it is: {said}" for name, said in faults.items()]
    if found.secret:
        notes.append(f"left out, as they hold secrets: {', '.join(found.secret)}")
    imports = loaded.imports or imports_of(parsed(project.root, loaded.files))
    asks_for_zones = bool(imports.anywhere & ZONE_MODULES)
    more = needed_by(loaded, imports.anywhere, has_zones=asks_for_zones or bool(zones_of(manifest)))
    requirements = read_requirements(project.root, [*more, *half.requirements])
    installed = install(
        project.root, requirements,
        python=target.python, architecture=target.architecture, folder=target.folder,
        interpreter=interpreter, cache=cache, refresh=refresh, sure=sure,
    )  # fmt: skip
    check_imports(imports.direct, loaded, installed, half)
    notes += unbrought(project.root, imports.later, found, installed, half)
    libraries = installed.contents
    if not asks_for_zones and not target.is_built_there:
        libraries = thinned(libraries, zones_of(manifest))
    if requirements.lines and not requirements.is_locked and libraries:
        notes.append(f"versions are those of {requirements.kind}, not of a lock: `uv lock` fixes them")
    runtime = runtime_entries(
        half, target.folder, interpreter, cache,
        left_out=OPTIONAL - used_of(manifest, loaded, app, libraries), has_plugins=has_plugins(libraries),
    )  # fmt: skip
    contents = measured = merged([runtime, app, libraries])
    if target.is_built_there:
        contents = merged([*map(without_byte_code, (runtime, app)), listed(installed.lines)])
        measured = merged([contents, libraries])
    digest = digest_of(contents)
    data = zip_bytes(contents)
    groups = group(manifest)
    document = sbom(
        manifest["app"]["name"],
        digest[:12],
        installed.components,
        digest,
        {"architecture": target.architecture, "python": target.python, "bundle": f"sha256:{digest}"},
    )
    return Bundle(
        {digest: data},
        {one.id: digest for one in groups},
        {digest: size_of(measured, len(data))},
        document,
        tuple(notes),
    )


def no_interpreter(python: str) -> str:
    return (
        f"there is no Python {python} on this machine, so the bundle has sources and no byte code: a cold start takes "
        f"about twice as long. Install one: uv python install {python}"
    )


def listed(lines: Iterable[str]) -> dict[str, Entry]:
    """The dependencies as requirements, each in one version with the hashes of its wheels."""
    return {REQUIREMENTS: entry(REQUIREMENTS, "".join(f"{line}\n" for line in lines).encode(), "portable")}


def without_byte_code(contents: Contents) -> Contents:
    """What is compiled anew anyway; byte code that has no source beside it stays."""
    return {name: one for name, one in contents.items() if "__pycache__" not in name.split("/")}


# The app


def app_entries(
    root: Path, found: ProjectFiles, target: Target, interpreter: Interpreter | None, cache: Path
) -> tuple[dict[str, Entry], dict[str, str]]:
    """The app's own files: sources without comments, and byte code beside them. With faults of what is no Python.

    What is made of a file is kept until it changes: an edit of one is not a reason to compile all.
    """
    version = interpreter.version if interpreter is not None else None
    kept, key = Kept(cache, "apps"), key_of([version, target.folder, str(root)])
    before, noted = kept.find(key) or ({}, {})
    data = {one.path: one.source.read_bytes() for one in found.files}
    marks = {one.path: [sha256(data[one.path]), one.is_executable] for one in found.files}
    entries: dict[str, Entry] = {}
    faults: dict[str, str] = {}
    sources: list[Source] = []
    for name, mark in marks.items():
        known = noted.get(name)
        byte_code = cached_name(name, interpreter) if interpreter is not None and name.endswith(".py") else None
        if known is not None and known["mark"] == mark:
            entries |= {one: before[one] for one in (name, byte_code) if one in before}
            if known["fault"] is not None:
                faults[name] = known["fault"]
            continue
        content = without_comments(data[name]) if name.endswith(".py") else data[name]
        entries[name] = entry(name, content, "app", is_executable=bool(mark[1]))
        if byte_code is not None:
            sources.append(Source(f"{target.folder}/{name}", content))
    if interpreter is not None and sources:
        compiled = compile_sources(interpreter, sources)
        for one, code in zip(sources, compiled.codes, strict=True):
            if code is not None:
                cached = cached_name(one.name.removeprefix(f"{target.folder}/"), interpreter)
                entries[cached] = entry(cached, code, "app")
        faults |= {name.removeprefix(f"{target.folder}/"): said for name, said in compiled.faults.items()}
    now = {name: {"mark": mark, "fault": faults.get(name)} for name, mark in marks.items()}
    if now != noted:
        kept.replace(key, entries, now)
    return entries, faults


def static_files(root: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Files of the folders that the app serves: they belong, whatever their folder is called."""
    found: list[str] = []
    for spec in manifest["statics"]:
        folder = root / spec["directory"]
        found += [
            path.relative_to(root).as_posix()
            for path in sorted(folder.rglob("*"))
            if path.is_file() and folder.resolve().is_relative_to(root.resolve())
        ]
    return found


# What it needs


def needed_by(loaded: Loaded, imports: Collection[str], *, has_zones: bool) -> list[str]:
    """What portable adds to an app's requirements, as the app makes it import it."""
    modules = set(loaded.modules)
    if WRITTEN_BY_PYDANTIC & set(imports):
        modules.add("pydantic")
    found = [requirement for module, requirement in NEEDED.items() if module in modules]
    # Not every machine of a provider has time zones.
    return [*found, ZONES] if has_zones else found


def used_of(manifest: Mapping[str, Any], loaded: Loaded, app: Contents, libraries: Contents) -> set[str]:
    """Modules of portable's that only some apps can reach, and this one may."""
    found: set[str] = set()
    if manifest["mounts"]:
        found.add("mounting")
    # A bucket guesses types of content by the same list.
    if manifest["statics"] or manifest["buckets"]:
        found.add("static")
    if "python_multipart" in loaded.modules:
        found.add("forms")
    # Nobody gets at it but by its name: of the app's own code, or of a dependency that is made for portable.
    named = any(name.endswith(".py") and NAMES_OF_ALL.search(one.data()) for name, one in app.items())
    if named or any(name.endswith(".dist-info/METADATA") and OURS in one.data() for name, one in libraries.items()):
        found |= {"idempotency", "idempotency_keys"}
    if any(name.startswith(EXPORTER) for name in libraries):
        found |= {"conventions", "otlp"}
    return found


def has_plugins(contents: Contents) -> bool:
    """Whether anything among the dependencies says that it is a plugin of pydantic's, or that cannot be told."""
    loader = contents.get("pydantic/plugin/_loader.py")
    if loader is None or b"\ndef get_plugins() -> Iterable[" not in loader.data():
        return True
    return any(
        name.endswith(".dist-info/entry_points.txt") and b"[pydantic]" in one.data() for name, one in contents.items()
    )


def zones_of(manifest: Mapping[str, Any]) -> set[str]:
    """Time zones of schedules, but UTC, which needs no data."""
    triggers = [handler["trigger"] for handler in manifest["handlers"]]
    return {one["zone"] for one in triggers if one["type"] == "schedule" and one["zone"] != "UTC"}


def thinned(contents: Contents, zones: Iterable[str]) -> dict[str, Entry]:
    """The dependencies with no more time zones than the app's schedules name, where nothing else may ask for one."""
    kept = {f"{ZONES}/__init__.py", f"{ZONES}/zoneinfo/__init__.py"}
    for zone in zones:
        folders = zone.split("/")
        kept.add(f"{ZONES}/zoneinfo/{zone}")
        kept |= {f"{ZONES}/zoneinfo/{'/'.join(folders[:count])}/__init__.py" for count in range(1, len(folders))}
    inside = f"{ZONES}/"
    return {name: one for name, one in contents.items() if not name.startswith(inside) or name in kept}


def unbrought(
    root: Path, later: Mapping[str, Location], found: ProjectFiles, installed: Installed, half: RuntimeHalf
) -> list[str]:
    """Notes on what functions of the app import and nothing brings. No errors: a layer may, or nobody calls them."""
    own = {one.path.partition("/")[0].removesuffix(".py") for one in found.files}
    there = own | installed.modules | half.provided | sys.stdlib_module_names
    return [
        f"{os.path.relpath(where.file, root)}:{where.line} imports {module!r} in a function, "
        "and no dependency brings it"
        for module, where in sorted(later.items())
        if module not in there and module != "portable" and not module.startswith("portable_")
    ]


def check_imports(imports: Mapping[str, Location], loaded: Loaded, installed: Installed, half: RuntimeHalf) -> None:
    """Raises ConfigurationError for what the app imports and nothing brings: no function of it could be imported."""
    for module, location in sorted(imports.items()):
        ours = module == "portable" or module.startswith("portable_")
        if module in loaded.modules and not ours and module not in installed.modules | half.provided:
            raise ConfigurationError(
                f"the app imports {module!r}, which is here but not among its dependencies",
                hint="add what brings it to [project] dependencies in pyproject.toml; if there is a lock, lock again",
                location=location,
            )
