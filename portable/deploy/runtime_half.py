"""The half of portable that runs in a deployed function, by files: an explicit list, and what an adapter adds.

A test imports a deployed entry and looks that what it loaded, and what that could still load, is here, and that what is
here can be loaded by it.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from .archive import Entry, entry, sha256
from .bytecode import COMPILER, SLIMMER, Interpreter, Source, compile_frozen, compile_sources
from .cache import Kept, key_of
from .comments import without_comments

PORTABLE = (
    "__init__", "answers", "app", "attempts", "binding", "bucket_keys", "bucket_records", "buckets", "capabilities",
    "changes", "codec", "config", "context", "conventions", "dead_letters", "deduplication", "direct", "dispatch",
    "documents", "drivers", "envelopes", "errors", "extractors", "failures", "forms", "handler_limits", "http",
    "idempotency", "idempotency_keys", "identifiers", "invocation", "invoking", "leases", "letters", "line_recorder",
    "listeners", "log_lines", "loop", "messages", "middleware", "mounting", "moved_letters", "otlp", "parameters",
    "patterns", "recorded_calls", "recording", "retries", "routing", "run_records", "scalars", "schedules", "shapes",
    "signatures", "specs", "state_items", "static", "table_items", "table_keys", "table_models", "table_records",
    "tables", "tasks", "telemetry", "topics",
)  # fmt: skip
"""Modules of `portable`. Not here: command line, tests, checks, grants, manifest, OpenAPI, deploys, adapters."""
OPTIONAL = frozenset({"conventions", "forms", "idempotency", "idempotency_keys", "mounting", "otlp", "static"})
"""Of these, what nothing can reach in an app without forms, mounts, files or buckets, the word `idempotent`, or
OpenTelemetry's exporter."""
PLUGINS = "pydantic.plugin._loader"
FROZEN = "portable_frozen.py"
FILE = "portable.frozen"
PART = "portable"
HOME = Path(__file__).parents[1]


class RuntimePackage(NamedTuple):
    """Modules of one package that belong, by name; all in one folder."""

    name: str
    folder: Path
    modules: tuple[str, ...]


class RuntimeHalf(NamedTuple):
    """What an adapter puts beside the app: packages, and files of its own, the entry among them.

    `provided` are top-level modules that the provider's runtime has; `requirements` are what it takes beside the app's.
    """

    packages: tuple[RuntimePackage, ...]
    files: dict[str, bytes]
    provided: frozenset[str]
    requirements: tuple[str, ...] = ()


def runtime_entries(
    half: RuntimeHalf,
    folder: str,
    interpreter: Interpreter | None,
    cache: Path,
    *,
    left_out: Collection[str] = (),
    has_plugins: bool = True,
) -> dict[str, Entry]:
    """The files of the runtime half as they lie in a bundle that is unpacked in `folder`.

    With an interpreter all modules are one file of byte code; without, they are sources. `left_out` are OPTIONAL
    modules that this app cannot reach; without `has_plugins` pydantic does not look for any.
    """
    modules = tuple(name for name in PORTABLE if name not in left_out)
    packages = (RuntimePackage("portable", HOME, modules), *half.packages)
    sources = [
        Source(
            f"{folder}/{package.name}/{module}.py",
            (package.folder / f"{module}.py").read_bytes(),
            package.name if module == "__init__" else f"{package.name}.{module}",
            module == "__init__",
        )
        for package in packages
        for module in package.modules
    ]
    if not has_plugins and interpreter is not None:
        stand_in = Path(__file__).with_name("no_plugins.py").read_bytes()
        sources.append(Source(f"{folder}/{PLUGINS.replace('.', '/')}.py", stand_in, PLUGINS))
    data = {**half.files, FROZEN: without_comments(Path(__file__).with_name(FROZEN).read_bytes())}
    read = profiles()
    version = interpreter.version if interpreter is not None else None
    key = key_of(
        [
            version,
            folder,
            [sha256(one.read_bytes()) for one in (COMPILER, SLIMMER)],
            [[one.name, one.module, sha256(one.data)] for one in sources],
            [[name, sha256(content)] for name, content in sorted({**data, **read}.items())],
        ]
    )
    return Kept(cache, "portable").of(key, lambda: (_made(sources, data, read, folder, interpreter), None))[0]


def _made(
    sources: Sequence[Source],
    data: dict[str, bytes],
    read: dict[str, bytes],
    folder: str,
    interpreter: Interpreter | None,
) -> dict[str, Entry]:
    """`read` are files that modules read, which lie where the modules lie."""
    files = dict(data)
    if interpreter is None:
        files |= read
        files |= {one.name.removeprefix(f"{folder}/"): one.data for one in sources}
    else:
        import zlib

        files[FILE] = zlib.compress(compile_frozen(interpreter, sources, read), 9)
        loose = [Source(f"{folder}/{name}", content) for name, content in data.items() if name.endswith(".py")]
        compiled = compile_sources(interpreter, loose, slim=True)
        if compiled.faults:
            raise ValueError(f"portable's own files do not compile: {compiled.faults}")
        for one, code in zip(loose, compiled.codes, strict=True):
            stem = one.name.removeprefix(f"{folder}/").removesuffix(".py")
            files[f"__pycache__/{stem}.{interpreter.tag}.pyc"] = code or b""
        # Of what no user wrote, byte code is enough.
        del files[FROZEN]
        files[f"{FROZEN}c"] = files.pop(f"__pycache__/{FROZEN.removesuffix('.py')}.{interpreter.tag}.pyc")
    return {name: entry(name, content, PART) for name, content in sorted(files.items())}


def profiles() -> dict[str, bytes]:
    """The limits: of all providers, since a service does not know its app's targets when it is declared."""
    return {
        f"portable/profiles/{file.name}": short_profile(file.read_bytes())
        for file in sorted((HOME / "profiles").glob("*.json"))
    }


def short_profile(text: bytes) -> bytes:
    """A profile without what only people read: where a number is from."""
    return json.dumps(_shortened(json.loads(text)), separators=(",", ":")).encode()


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "" if key in ("source", "as_of") else _shortened(one)
            for key, one in cast("dict[str, Any]", value).items()
            if key != "confidence"
        }
    return [_shortened(one) for one in cast("Iterable[Any]", value)] if isinstance(value, list) else value
