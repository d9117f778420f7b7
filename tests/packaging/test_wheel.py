"""The wheel: what is in it, and that it works where nothing else of ours is."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE = 60.0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
        timeout=120,
    )
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def tracked(folder: str) -> list[str]:
    done = subprocess.run(["git", "ls-files", folder], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.splitlines()


def test_every_source_file_of_both_packages_is_in_it(names: set[str]) -> None:
    wanted = {name for name in tracked("portable") if (ROOT / name).is_file()}
    wanted |= {
        name.removeprefix("adapters/local/")
        for name in tracked("adapters/local/portable_local")
        if (ROOT / name).is_file()
    }
    assert wanted - names == set()


@pytest.mark.parametrize(
    "name",
    [
        "portable/py.typed",
        "portable/profiles/portable.json",
        "portable/profiles/aws.json",
        "portable/profiles/gcp.json",
        "portable/profiles/azure.json",
        "portable/cost/prices.json",
        "portable/testing/conformance/tables.py",
        "portable/testing/conformance/harness.py",
        "portable/cli/template/app.py.txt",
        "portable_local/py.typed",
        "portable_local/__init__.py",
    ],
)
def test_what_apps_and_adapters_need_is_in_it(names: set[str], name: str) -> None:
    assert name in names


def test_every_page_of_errors_is_in_it(names: set[str]) -> None:
    pages = {f"portable/cli/errors/{page.name}" for page in (ROOT / "portable/cli/errors").glob("P*.md")}
    assert len(pages) >= 16
    assert pages - names == set()


def test_nothing_else_is_in_it(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    ours = {"portable", "portable_aws", "portable_gcp", "portable_local"}
    assert {top for top in tops if not top.endswith(".dist-info")} == ours
    wrong = [
        name
        for name in names
        if name.endswith((".pyc", ".db", ".log", ".orig"))
        or any(
            part in ("tests", "examples", "benchmarks", "__pycache__", ".portable", ".env") for part in name.split("/")
        )
    ]
    assert wrong == []


def test_it_has_the_licence_the_command_and_the_adapter(wheel: Path, names: set[str]) -> None:
    (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    folder = metadata.removesuffix("METADATA")
    assert f"{folder}licenses/LICENSE" in names
    with zipfile.ZipFile(wheel) as archive:
        entries = archive.read(f"{folder}entry_points.txt").decode()
        text = archive.read(metadata).decode()
    assert "portable = portable.cli:main" in entries
    assert "local = portable_local:adapter" in entries
    assert "portable = portable.testing.plugin" in entries.partition("[pytest11]")[2]
    assert "Name: portable-serverless" in text
    assert "License-Expression: Apache-2.0" in text
    assert "Requires-Python: <3.15,>=3.11" in text
    for extra in ("aws", "azure", "debug", "dev", "gcp", "otel"):
        assert f"Provides-Extra: {extra}" in text


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has the wheel and what it requires, and nothing else; its bin folder."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True, timeout=120)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", folder / "bin/python", wheel], check=True, timeout=300)
    return folder / "bin"


def clean(environment: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return {**kept, "PATH": f"{environment}{os.pathsep}{kept.get('PATH', '')}", "NO_COLOR": "1"}


def run(environment: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [environment / "portable", *arguments],
        cwd=folder,
        env=clean(environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def served(environment: Path, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`portable new hello && cd hello && portable dev`, once it serves."""
    made = run(environment, tmp_path, "new", "hello")
    assert made.returncode == 0, made.stderr
    ready, log = tmp_path / "ready.json", tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [environment / "portable", "dev", "--port", "0", "--ready-file", ready],
            cwd=tmp_path / "hello",
            env=clean(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        end = time.monotonic() + DEADLINE
        while not ready.exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield json.loads(ready.read_text())["api"], process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def test_a_new_app_is_served_in_a_clean_environment(served: tuple[str, subprocess.Popen[bytes]]) -> None:
    api, process = served
    base = api.rstrip("/")
    with urllib.request.urlopen(f"{base}/", timeout=10) as answer:
        assert answer.read() == b"hello from hello\n"
    note = json.dumps({"owner": "ada", "id": "1", "text": "compilers are patient"}).encode()
    request = urllib.request.Request(f"{base}/notes", note, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201
    end = time.monotonic() + DEADLINE
    words = None
    while words is None:
        assert time.monotonic() < end, "the task has not run"
        with urllib.request.urlopen(f"{base}/notes/ada/1", timeout=10) as answer:
            words = json.load(answer)["words"]
        time.sleep(0.05)
    assert words == 3
    process.send_signal(signal.SIGINT)
    assert process.wait(20) in (0, 130)


def test_the_verbs_work_in_a_clean_environment(environment: Path, tmp_path: Path) -> None:
    run(environment, tmp_path, "new", "hello")
    folder = tmp_path / "hello"
    assert json.loads(run(environment, folder, "routes", "--json").stdout)["routes"][0]["path"] == "/"
    assert "What to do" in run(environment, folder, "explain", "P1005").stdout
    doctor = run(environment, folder, "doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
