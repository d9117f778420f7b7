"""What `import portable` costs, and what nothing of ours may contain."""

import ast
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = (
    "asyncio",
    "pydantic",
    "click",
    "rich",
    "starlette",
    "uvicorn",
    "boto3",
    "ssl",
    "importlib.metadata",
    "http.client",
)
ALSO_HEAVY = (
    "concurrent.futures",
    "cronsim",
    "dataclasses",
    "email",
    "inspect",
    "logging",
    "multiprocessing",
    "sqlite3",
    "tempfile",
    "unittest",
    "uuid",
    "watchfiles",
)
# `loop` is what async handlers load, with asyncio, when the first of them is called; `otlp`, with OpenTelemetry's
# exporter, what a function loads that is told where to export to.
RUNTIME = sorted(
    file.stem
    for file in (ROOT / "portable").glob("*.py")
    if file.stem not in ("__init__", "__main__", "adapter", "manifest", "manifest_json", "loop", "otlp")
)
OURS = [*ROOT.glob("portable/**/*.py"), *ROOT.glob("adapters/**/*.py")]


def loaded_by(statement: str) -> set[str]:
    """The modules that a statement loads beyond those of a bare interpreter."""
    script = (
        f"import sys, json; bare = set(sys.modules); {statement}; print(json.dumps(sorted(set(sys.modules) - bare)))"
    )
    # -P, and not -I: the current folder is no part of it, PYTHONPATH may be.
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("heavy", [*HEAVY, *ALSO_HEAVY])
def test_importing_portable_loads_nothing_heavy(heavy: str) -> None:
    if "loaded" not in CACHE:
        CACHE["loaded"] = loaded_by("import portable")
    assert heavy not in CACHE["loaded"]


CACHE: dict[str, set[str]] = {}


def test_no_module_that_a_deployed_function_imports_loads_anything_heavy() -> None:
    found = loaded_by("; ".join(f"import portable.{name}" for name in RUNTIME))
    assert found & set(HEAVY) == set()
    assert not {name for name in found if name.startswith(("portable.cli", "portable.testing"))}


def test_declaring_an_app_loads_nothing_heavy() -> None:
    script = "from portable import App; app = App('one'); app.table('items'); app.bucket('files'); app.topic('news')"
    assert loaded_by(script) & set(HEAVY) == set()


def test_importing_portable_costs_no_more_than_importing_click(tmp_path: Path) -> None:
    """CPU over a bare interpreter, with byte code, the least of several interleaved runs."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment = {**kept, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    costs: dict[str, list[float]] = {"pass": [], "import click": [], "import portable": []}
    for turn in range(8):
        for statement, found in costs.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-P", "-c", statement], env=environment, check=True, timeout=60)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            if turn:
                found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    bare, click, ours = (min(found) for found in costs.values())
    assert ours - bare <= click - bare, costs


def test_a_kind_of_resource_is_loaded_when_the_first_of_it_is_declared() -> None:
    found = loaded_by("from portable import App; app = App('one'); app.get('/')(lambda: None)")
    assert {name for name in found if name.startswith(("portable.table", "portable.bucket", "portable.topic"))} == set()
    assert "portable.tables" in loaded_by("from portable import App; App('one').table('items')")


def imports(file: Path) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.extend((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
            found.append((node.lineno, node.module))
    return found


def test_portable_names_no_adapter_and_no_providers_sdk() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line} {name}"
        for file in ROOT.glob("portable/**/*.py")
        for line, name in imports(file)
        if name.partition(".")[0] in ("boto3", "botocore", "google", "azure") or name.startswith("portable_")
    ]
    assert wrong == []


def test_examples_import_only_portable_of_our_packages() -> None:
    """Tests of examples may also use what is there for tests of apps."""
    wrong: list[str] = []
    for file in ROOT.glob("examples/**/*.py"):
        allowed = ["portable"]
        if "tests" in file.parts:
            allowed += ["portable.testing", "portable.adapter"]
        wrong.extend(
            f"{file.relative_to(ROOT)}:{line} {name}"
            for line, name in imports(file)
            if name.partition(".")[0].startswith("portable") and name not in allowed
        )
    assert wrong == []


FORBIDDEN_CALLS = ("eval", "exec", "compile", "__import__")
COMPILES = {
    # The app's own modules become byte code for the target, in a process of its own; nothing of it is run there.
    "portable/deploy/compiling.py": {"compile"},
    # What an import is: the modules of a bundle, as `portable package` compiled them, from the bundle's own folder.
    "portable/deploy/portable_frozen.py": {"exec"},
}
FORBIDDEN_MODULES = ("pickle", "cPickle", "shelve", "dill", "telnetlib", "xmlrpc")
FORBIDDEN_TEXT = {
    "extraction of whole archives": re.compile(r"\.extractall\("),
    "a shell": re.compile(r"shell\s*=\s*True|os\.system\(|os\.popen\("),
    "a listener for the whole network": re.compile(r"0\.0\.0\.0"),
    "yaml that runs code": re.compile(r"yaml\.(unsafe_)?load\("),
    "an unchecked certificate": re.compile(r"verify\s*=\s*False|_create_unverified_context"),
    "an unsafe temporary name": re.compile(r"\bmktemp\("),
    "a name of this machine": re.compile(r"/work/|/home/|/root/"),
}


def test_no_module_of_ours_runs_text_or_reads_objects_of_others() -> None:
    wrong: list[str] = []
    for file in OURS:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        wrong.extend(
            f"{file.relative_to(ROOT)}:{node.lineno} {node.func.id}()"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in FORBIDDEN_CALLS
            and node.func.id not in COMPILES.get(str(file.relative_to(ROOT)), ())
        )
        wrong.extend(
            f"{file.relative_to(ROOT)}:{line} {name}"
            for line, name in imports(file)
            if name.partition(".")[0] in FORBIDDEN_MODULES
        )
    assert wrong == []


@pytest.mark.parametrize("what", list(FORBIDDEN_TEXT))
def test_no_source_of_ours_has(what: str) -> None:
    pattern = FORBIDDEN_TEXT[what]
    wrong = [
        f"{file.relative_to(ROOT)}:{number}"
        for file in OURS
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert wrong == []


def test_no_except_swallows_what_it_catches() -> None:
    wrong: list[str] = []
    for file in OURS:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ExceptHandler):
                continue
            broad = node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "BaseException")
            silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
            if (broad and silent) or (node.type is None and not any(isinstance(n, ast.Raise) for n in ast.walk(node))):
                wrong.append(f"{file.relative_to(ROOT)}:{node.lineno}")
    assert wrong == []
