"""`portable package --target gcp`: what is in the zip, that it is what Google's builder takes, and that it runs."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import portable_gcp
import pytest
from portable_gcp.bundle import MODULES

from portable.deploy.runtime_half import HOME, PORTABLE
from tests.deploy.making import NOTES, THIS, portable, zip_of

FOLDERS = {"portable": HOME, "portable_gcp": Path(portable_gcp.__file__).parent}
LISTED = {f"portable_gcp.{module}" for module in MODULES if module != "__init__"} | {"portable_gcp"}
FACE = "portable_gcp.adapter"
"""The adapter as the command line and tests see it: imported with its package, and none of its methods is called."""
FUNCTION = {
    "PORTABLE_STAGE": "dev",
    "PORTABLE_PROJECT": "portable-test",
    "PORTABLE_PROJECT_NUMBER": "123456789012",
    "PORTABLE_LOCATION": "europe-west1",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Path:
    """The package of examples/notes for this machine's Python."""
    assert pytestconfig.cache is not None
    folder = tmp_path_factory.mktemp("package") / "out"
    options = ("--target", "gcp", "--stage", "dev", "--out", folder, "--python", THIS, "--json")
    done = portable("package", NOTES, *options, PORTABLE_CACHE=str(pytestconfig.cache.mkdir("portable-bundles")))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def unpacked(out: Path) -> Path:
    zip_of(out).extractall(out.parent / "workspace")
    return out.parent / "workspace"


def test_a_package_has_zips_by_function_resources_indexes_grants_sizes_and_components(out: Path) -> None:
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    zips = [name for name in names if name.startswith("functions/")]
    assert "functions/notes-dev--http.zip" in zips
    assert len({(out / name).stat().st_ino for name in zips}) == 1, "one zip, by many names"
    assert {"resources.json", "firestore.indexes.json", "grants.json", "sizes.json", "sbom.json"} <= set(names)
    sizes = json.loads((out / "sizes.json").read_text())
    [size] = sizes["zips"].values()
    assert size["parts"]["dependencies"] > size["parts"]["portable"] > 100_000
    assert size["zipped"] < 400_000
    components = {one["name"].lower() for one in json.loads((out / "sbom.json").read_text())["components"]}
    assert {"pydantic", "functions-framework", "flask"} <= components
    resources = json.loads((out / "resources.json").read_text())
    assert any("${PROJECT}" in one["name"] for one in resources["resources"])


def test_a_zip_has_what_the_builder_looks_for_and_no_library(out: Path) -> None:
    names = set(zip_of(out).namelist())
    assert {"portable_entry.py", "app.py", "requirements.txt", "portable.frozen"} <= names
    assert not any(name.endswith(".dist-info/METADATA") for name in names)
    # It would be compiled anew, and what lay there thrown away.
    assert not any("__pycache__" in name for name in names)


def test_requirements_are_exact_have_hashes_and_name_the_host(out: Path) -> None:
    lines = zip_of(out).read("requirements.txt").decode().splitlines()
    pattern = re.compile(r"[A-Za-z0-9._-]+==[^ ;]+( ; [^#]+?)?( --hash=sha256:[0-9a-f]{64})+")
    assert all(pattern.fullmatch(line) for line in lines), lines
    named = {line.partition("==")[0].lower() for line in lines}
    assert {"functions-framework", "flask", "gunicorn", "pydantic", "pydantic-core"} <= named
    assert not named & {"portable-serverless", "boto3", "google-cloud-firestore", "grpcio", "protobuf"}


def test_a_package_is_the_same_each_time(out: Path, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    again = tmp_path / "again"
    options = ("--target", "gcp", "--stage", "dev", "--out", again, "--python", THIS)
    done = portable("package", NOTES, *options, PORTABLE_CACHE=str(pytestconfig.cache.mkdir("portable-bundles")))
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (again / "zips").iterdir()} == {path.name for path in (out / "zips").iterdir()}
    assert (again / "resources.json").read_bytes() == (out / "resources.json").read_bytes()


PROBE = """
import json, sys
sys.path[:] = [path for path in sys.path if path not in {hidden!r}]
import functions_framework
# Where Google's clients are installed, its host finds them; in an image made of our requirements there are none.
before = set(sys.modules)
app = functions_framework.create_app("handler", {entry!r}, "http")
answer = app.test_client().get("/nothing-is-here")
ours = {{name: type(module.__spec__.loader).__name__ for name, module in sys.modules.items()
        if name.partition(".")[0] in ("portable", "portable_gcp")}}
print(json.dumps([answer.status_code, answer.get_json(silent=True), ours, sorted(set(sys.modules) - before)]))
"""


def run(unpacked: Path, serves: str) -> list[Any]:
    """The entry under Google's own host, in a process that finds portable in the package alone."""
    root = HOME.parent
    hidden = [str(root), *(str(root / "adapters" / name) for name in ("local", "aws", "gcp")), ""]
    code = PROBE.format(hidden=hidden, entry=str(unpacked / "portable_entry.py"))
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        env={**FUNCTION, "PORTABLE_SERVES": serves, "PATH": os.environ["PATH"]},
        cwd=unpacked, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_packaged_function_answers_under_googles_own_host(unpacked: Path) -> None:
    status, answer, ours, everything = run(unpacked, "http")
    assert (status, answer["code"]) == (404, "P1002")
    assert set(ours.values()) == {"Frozen"}
    heavy = {"google.cloud", "google.auth", "grpc", "boto3", "botocore", "pytest", "google.protobuf"}
    assert heavy & set(everything) == set()


def test_what_is_for_googles_services_alone_answers_no_page(unpacked: Path) -> None:
    status, _, _, _ = run(unpacked, "background")
    assert status == 400


def test_a_file_that_is_no_python_of_the_target_is_refused_since_the_builder_would(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("from portable import App\n\napp = App('small', targets=('gcp',))\n")
    (tmp_path / "old.py").write_text("print 'two'\n")
    out = tmp_path.parent / f"{tmp_path.name}-out"
    done = portable("package", tmp_path, "--target", "gcp", "--stage", "dev", "--out", out, "--python", THIS)
    assert done.returncode != 0
    assert "old.py is no Python" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--arch", "arm64"), "Cloud Run functions have no architecture 'arm64'"),
        (("--python", "3.9"), "portable runs on no Python '3.9'"),
    ],
)
def test_what_google_does_not_have_is_refused(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    done = portable("package", NOTES, "--target", "gcp", "--stage", "dev", "--out", tmp_path / "out", *options)
    assert done.returncode != 0
    assert said in done.stderr


# Which files of the adapter


def imports(module: str) -> Iterator[str]:
    """Modules of the adapter that a module names in an import, wherever it stands, but for type checkers."""
    file = file_of(module)
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    queue: list[ast.AST] = [ast.parse(file.read_bytes())]
    for node in queue:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        queue.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.ImportFrom):
            base = f"{package}.{node.module}" if node.level and node.module else node.module or package
            for name in (base, *(f"{base}.{alias.name}" for alias in node.names)):
                if name.partition(".")[0] in FOLDERS and file_of(name).is_file():
                    yield name


def file_of(module: str) -> Path:
    package, *names = module.split(".")
    base = FOLDERS[package].joinpath(*names)
    return base / "__init__.py" if base.is_dir() else base.with_name(f"{base.name}.py")


def test_whatever_the_listed_modules_may_import_is_listed_and_nothing_else() -> None:
    ours = {"portable" if name == "__init__" else f"portable.{name}" for name in PORTABLE}
    reached = {"portable_gcp", "portable_gcp.runtime"}
    queue = sorted(reached)
    for module in queue:
        named = set(imports(module)) if module != FACE else set[str]()
        assert {name for name in named if name.startswith("portable.") or name == "portable"} <= ours, module
        for name in sorted(name for name in named if name.startswith("portable_gcp")):
            if name not in reached:
                reached.add(name)
                queue.append(name)
    assert reached == LISTED


def test_the_zip_is_one_that_python_unpacks(out: Path) -> None:
    assert zipfile.ZipFile(next((out / "zips").iterdir())).testzip() is None
