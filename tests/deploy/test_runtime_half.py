"""The runtime half by files: the explicit lists against what is really imported, now or later."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import portable_aws
import pytest
from portable_aws.bundle import MODULES

import portable
from portable.capabilities import PROVIDERS, load_profile
from portable.deploy.archive import entry
from portable.deploy.bundle import Loaded, used_of
from portable.deploy.runtime_half import HOME, OPTIONAL, PORTABLE, short_profile

from .making import NOTES, make_wheel, package, zip_of

FOLDERS = {"portable": HOME, "portable_aws": Path(portable_aws.__file__).parent}
LISTED = {
    package if module == "__init__" else f"{package}.{module}"
    for package, modules in (("portable", PORTABLE), ("portable_aws", MODULES))
    for module in modules
}
NOT_DEPLOYED = {
    ("portable.app", "portable.manifest"): "app.manifest() is for tools",
    ("portable.app", "portable.openapi"): "app.openapi() is for tools",
    ("portable.recording", "portable.recording_locally"): "payloads, and servers with a loop, are a developer's",
    ("portable.recorded_calls", "portable.telemetry_reads"): "and so is what reads gave",
}
"""Imports inside functions that nothing in a deployed function calls."""
FACE = "portable_aws.adapter"
"""The adapter as the command line and tests see it: imported with its package, and none of its methods is called."""


def file_of(module: str) -> Path:
    package, *names = module.split(".")
    base = FOLDERS[package].joinpath(*names)
    return base / "__init__.py" if base.is_dir() else base.with_name(f"{base.name}.py")


def imports(module: str) -> Iterator[str]:
    """Modules of ours that a module names in an import, wherever it stands, but for type checkers."""
    tree = ast.parse(file_of(module).read_bytes())
    package = module if file_of(module).name == "__init__.py" else module.rpartition(".")[0]
    queue: list[ast.AST] = [tree]
    for node in queue:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            queue.extend(node.orelse)
            continue
        queue.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = f"{package}.{node.module}" if node.level and node.module else node.module or package
            named = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in named:
            if name.partition(".")[0] in FOLDERS and file_of(name).is_file():
                yield name


def graph() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for module in sorted(LISTED):
        named = set(imports(module)) if module != FACE else set[str]()
        found[module] = {name for name in named if (module, name) not in NOT_DEPLOYED}
        if "." in module:
            found[module].add(module.partition(".")[0])
    # What portable/__init__.py imports when it is asked for a name.
    homes = portable.__dict__["_HOMES"]
    found["portable"] |= {f"portable.{home}" for home in homes.values()}
    return found


def test_whatever_the_listed_modules_may_import_is_listed() -> None:
    missing = {f"{module} -> {name}" for module, names in graph().items() for name in names - LISTED}
    assert missing == set()


def test_every_listed_module_can_be_reached_from_the_entry_and_the_app() -> None:
    edges = graph()
    reached = {"portable", "portable_aws.runtime"}
    queue = list(reached)
    for module in queue:
        for name in edges[module] - reached:
            reached.add(name)
            queue.append(name)
    assert LISTED - reached == set()


def test_each_exception_is_still_one() -> None:
    for module, name in NOT_DEPLOYED:
        assert name in set(imports(module)), (module, name)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    assert pytestconfig.cache is not None
    folder = tmp_path_factory.mktemp("runtime")
    package(NOTES, folder / "out", PORTABLE_CACHE=str(pytestconfig.cache.mkdir("portable-bundles")))
    zip_of(folder / "out").extractall(folder / "task")
    return folder / "task"


def run(folder: Path, code: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Code in a process that sees the unpacked bundle and nothing else of this environment."""
    environment = {"PORTABLE_STAGE": "dev", "PORTABLE_ACCOUNT": "123456789012", "AWS_REGION": "eu-central-1"}
    start = f"import sys; sys.path.insert(0, {str(folder)!r})\n"
    command = [sys.executable, "-I", "-S", "-B", *options, "-c", start + code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)


def test_what_the_deployed_entry_imports_is_listed_and_is_the_frozen_code(unpacked: Path) -> None:
    code = """
import portable_entry, json
ours = {name: type(module.__spec__.loader).__name__ for name, module in sys.modules.items()
        if name.partition('.')[0] in ('portable', 'portable_aws')}
print(json.dumps([ours, sorted(sys.modules)]))
"""
    done = run(unpacked, code, "-X", "importtime")
    ours, everything = json.loads(done.stdout)
    assert set(ours) <= LISTED
    assert len(ours) > 30
    assert set(ours.values()) == {"Frozen"}
    timed = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert {name for name in timed if name.partition(".")[0] in FOLDERS} - {
        "portable_entry",
        "portable_frozen",
    } <= LISTED
    heavy = {"asyncio", "boto3", "botocore", "click", "logging", "pytest", "uvicorn", "ssl"}
    assert heavy & set(everything) == set()


LEFT_OUT_OF_NOTES = {f"portable.{name}" for name in OPTIONAL - {"static"}}
"""It has no forms and no mounts, and does not say `idempotent`; with its bucket come the types of content."""


def test_every_listed_module_is_in_the_frozen_code_and_can_be_imported(unpacked: Path) -> None:
    chosen = sorted(LISTED - LEFT_OUT_OF_NOTES)
    code = f"""
import portable_frozen, importlib.util
portable_frozen.install({str(unpacked)!r})
for name in {sorted(LEFT_OUT_OF_NOTES)!r}:
    assert importlib.util.find_spec(name) is None, name
for name in {chosen!r}:
    module = importlib.import_module(name)
    assert type(module.__spec__.loader).__name__ == "Frozen", name
    assert module.__file__.startswith({str(unpacked)!r}), module.__file__
print(len(sys.modules))
"""
    assert int(run(unpacked, code).stdout) > len(chosen)
    assert not (unpacked / "portable/app.py").exists()


def test_a_traceback_through_portable_names_files_and_lines(unpacked: Path) -> None:
    code = f"""
import portable_frozen, traceback
portable_frozen.install({str(unpacked)!r})
from portable import App
try:
    App("Not A Name")
except Exception as error:
    for frame in traceback.extract_tb(error.__traceback__):
        print(frame.filename, frame.lineno, frame.name)
"""
    lines = run(unpacked, code).stdout.splitlines()
    source = (HOME / "app.py").read_text().splitlines()
    shown = [line.split() for line in lines if line.startswith(f"{unpacked}/portable/app.py")]
    assert shown
    assert any("raise DeclarationError(" in source[int(number) - 1] for _, number, _ in shown)


def test_the_profiles_say_the_same_without_their_sources() -> None:
    for name in ("portable", *PROVIDERS):
        whole = json.loads((HOME / "profiles" / f"{name}.json").read_bytes())
        short = json.loads(short_profile((HOME / "profiles" / f"{name}.json").read_bytes()))
        for key, limit in whole["limits"].items():
            same = ("value", "unit", "provider", "note")
            assert [limit.get(one) for one in same] == [short["limits"][key].get(one) for one in same]
        assert {key: one["supported"] for key, one in whole["capabilities"].items()} == {
            key: one["supported"] for key, one in short["capabilities"].items()
        }
        assert len(load_profile(name).limits) == len(short["limits"])


FACTS = """
import copy, importlib, inspect, json, sys
facts = {}
for name in NAMES:
    module = importlib.import_module(name)
    for found, kind in sorted(vars(module).items()):
        if not (isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")):
            continue
        if kind.__module__ != name:
            continue
        count = len(kind._fields)
        one = kind(*range(count))
        least = kind(*range(count - len(kind._field_defaults)))
        changed = one._replace(**{kind._fields[-1]: "other"})
        try:
            one._replace(nothing=1)
            raised = None
        except (TypeError, ValueError) as error:
            raised = [type(error).__name__, str(error)]
        parts = [f"{p.name} {p.kind.name} {p.default!r}" for p in inspect.signature(kind.__new__).parameters.values()]
        facts[f"{name}.{found}"] = [
            kind._fields, kind.__match_args__, repr(kind._field_defaults), parts, repr(one), repr(least),
            one == tuple(one), hash(one) == hash(tuple(one)), [getattr(one, field) for field in kind._fields],
            one._asdict(), repr(changed), type(changed) is kind, raised, type(copy.copy(one)) is kind,
            copy.deepcopy(one) == one, sorted(getattr(kind, "__annotations__", ())), list(kind.__slots__),
            kind._make(range(count)) == one, hasattr(one, "__dict__"),
            type(vars(kind).get(kind._fields[0])).__name__,
        ]
print(json.dumps(facts))
"""


def test_named_tuples_in_frozen_code_are_what_typing_would_have_made(unpacked: Path) -> None:
    names = f"NAMES = {sorted(LISTED - LEFT_OUT_OF_NOTES)!r}\n"
    start = f"import portable_frozen; portable_frozen.install({str(unpacked)!r})\n"
    frozen = json.loads(run(unpacked, f"{start}{names}{FACTS}").stdout)
    done = subprocess.run(
        [sys.executable, "-c", names + FACTS], capture_output=True, text=True, check=True, timeout=120
    )
    plain = json.loads(done.stdout)
    assert len(plain) > 50
    assert {name for name in plain if plain[name] != frozen.get(name)} == set()
    made = run(unpacked, f"{start}from portable.specs import Route; print(Route.__mro__[1].__name__)")
    assert made.stdout.split() == ["Record"]


@pytest.mark.parametrize(
    ("has", "code", "reached"),
    [
        ("", "from portable import App", set()),
        ("mounts", "", {"mounting"}),
        ("statics", "", {"static"}),
        ("buckets", "", {"static"}),
        ("", "from portable import idempotent", {"idempotency", "idempotency_keys"}),
        ("", "import portable; found = getattr(portable, 'idem' + 'potent')", {"idempotency", "idempotency_keys"}),
        ("", "from portable import *", {"idempotency", "idempotency_keys"}),
    ],
    ids=["nothing", "a mount", "a folder", "a bucket", "by its name", "by getattr", "by all names"],
)
def test_what_an_app_can_reach_is_told_by_what_it_declares_and_says(has: str, code: str, reached: set[str]) -> None:
    manifest = {kind: ["one"] if kind == has else [] for kind in ("mounts", "statics", "buckets")}
    app = {"app.py": entry("app.py", code.encode(), "app"), "words.txt": entry("words.txt", b"idempotent", "app")}
    assert used_of(manifest, Loaded((), frozenset()), app, {}) == reached
    assert used_of(manifest, Loaded((), frozenset({"python_multipart"})), app, {}) == reached | {"forms"}
    metadata = {"x-1.dist-info/METADATA": entry("METADATA", b"Requires-Dist: portable-serverless>=0.1\n", "x")}
    assert {"idempotency", "idempotency_keys"} <= used_of(manifest, Loaded((), frozenset()), app, metadata)
    exporter = "opentelemetry/exporter/otlp/proto/http/__init__.py"
    libraries = {exporter: entry(exporter, b"", "opentelemetry-exporter-otlp-proto-http")}
    assert used_of(manifest, Loaded((), frozenset()), app, libraries) == reached | {"conventions", "otlp"}


def test_an_app_that_reaches_all_of_it_has_all_of_it_in_its_bundle(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    project = tmp_path / "project"
    (project / "files").mkdir(parents=True)
    (project / "files/a.txt").write_text("a")
    (project / "app.py").write_text("""
from typing import Annotated
from portable import App, Form, idempotent
app = App("small")
app.mount("/old", lambda environ, start_response: [], interface="wsgi")
app.static("/files", "files")
@app.post("/f")
def f(a: Annotated[str, Form()]) -> str: return a
""")
    assert pytestconfig.cache is not None
    package(project, tmp_path / "out", PORTABLE_CACHE=str(pytestconfig.cache.mkdir("portable-bundles")))
    zip_of(tmp_path / "out").extractall(tmp_path / "task")
    found = run(
        tmp_path / "task",
        f"import portable_frozen, importlib.util; portable_frozen.install({str(tmp_path / 'task')!r})\n"
        f"print(*(name for name in {sorted(OPTIONAL)!r} if importlib.util.find_spec('portable.' + name)))",
    )
    # OpenTelemetry's exporter would have to be resolved and downloaded: what it is told by is a test above.
    assert set(found.stdout.split()) == OPTIONAL - {"conventions", "otlp"}


PLUGIN = """
NAMES = []
class Plugin:
    def new_schema_validator(self, schema, schema_type, schema_type_path, schema_kind, config, plugin_settings):
        NAMES.append(schema_type_path.name)
        return None, None, None
plugin = Plugin()
"""
LOADED = """
import portable_entry, sys
from importlib import import_module
loader = import_module("pydantic.plugin._loader")
print(type(loader.__spec__.loader).__name__, "importlib.metadata" in sys.modules)
"""


def test_pydantic_looks_for_plugins_only_where_the_bundle_has_one(
    tmp_path: Path, unpacked: Path, pytestconfig: pytest.Config
) -> None:
    code = LOADED + "print(loader.get_plugins(), loader.PYDANTIC_ENTRY_POINT_GROUP)"
    assert run(unpacked, code).stdout.split("\n")[:2] == ["Frozen False", "() pydantic"]
    points = {"watcher-1.0.dist-info/entry_points.txt": "[pydantic]\nwatcher = watcher:plugin\n"}
    wheel = make_wheel(tmp_path, "watcher", files={"watcher.py": PLUGIN, **points})
    project = tmp_path / "project"
    project.mkdir()
    (project / "app.py").write_text((NOTES / "app.py").read_text())
    (project / "requirements.txt").write_text("watcher\npydantic\n")
    assert pytestconfig.cache is not None
    kept = str(pytestconfig.cache.mkdir("portable-bundles"))
    package(project, tmp_path / "out", PORTABLE_CACHE=kept, UV_FIND_LINKS=str(wheel.parent))
    zip_of(tmp_path / "out").extractall(tmp_path / "task")
    code = LOADED + "import watcher; print(*watcher.NAMES[:1])"
    assert run(tmp_path / "task", code).stdout.split("\n")[:2] == ["SourceFileLoader True", "Note"]
