"""`portable package`: what it writes, what it says, when it refuses."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portable.adapter import Packager, find_adapter
from portable.deploy import output
from portable.deploy.files import MARKER

Command = Callable[..., Any]
Write = Callable[..., Path]
APP = """
    from portable import App

    app = App("small")
    rows = app.table("rows")

    @app.get("/")
    def home() -> dict[str, str]:
        rows.put({"id": "1"})
        return {"hello": "world"}

    @app.task
    def work(n: dict) -> None: ...

    @app.every(hours=1)
    def sweep() -> None: ...
"""
BASE = ("--target", "aws", "--stage", "dev", "--arch", "x86_64")


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> None:
    assert pytestconfig.cache is not None
    monkeypatch.setenv("PORTABLE_CACHE", str(pytestconfig.cache.mkdir("portable-bundles")))
    monkeypatch.setenv("UV_OFFLINE", "1")


@pytest.fixture
def python(monkeypatch: pytest.MonkeyPatch) -> str:
    import sys

    return f"{sys.version_info.major}.{sys.version_info.minor}"


def test_it_writes_template_zips_sbom_grants_and_sizes(
    command: Command, write: Write, tmp_path: Path, python: str
) -> None:
    done = command("package", write({"app.py": APP}), *BASE, "--python", python, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.err
    out = tmp_path / "out"
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    (bundle,) = {name for name in files if name.startswith("zips/")}
    zips = {f"functions/{name}.zip" for name in ("small-dev--http", "small-dev-sweep", "small-dev-work")}
    assert files - {bundle} == {"template.json", "sbom.json", "grants.json", "sizes.json", MARKER, *zips}
    assert sorted(done.json["files"]) == sorted(files - {MARKER})
    template = json.loads((out / "template.json").read_text())
    functions = [one for one in template["Resources"].values() if one["Type"] == "AWS::Lambda::Function"]
    assert len(functions) == len(done.json["functions"]) == 3
    for one in functions:
        assert one["Properties"]["Code"]["S3Key"] == bundle
        assert one["Properties"]["Handler"] == "portable_entry.handler"
        assert one["Properties"]["Runtime"] == f"python{python}"
    assert {one["Properties"]["FunctionName"] for one in functions} == {
        one["name"] for one in done.json["functions"].values()
    }
    with zipfile.ZipFile(out / bundle) as archive:
        assert archive.testzip() is None
        assert {"portable_entry.py", "app.py", "portable.frozen"} <= set(archive.namelist())
    grants = json.loads((out / "grants.json").read_text())["functions"]
    assert [(one["resource"], one["verb"]) for one in grants["http:small"]] == [("table:rows", "put")]
    assert grants["handler:sweep"] == []
    assert json.loads((out / "sbom.json").read_text())["specVersion"] == "1.6"
    assert json.loads((out / "sizes.json").read_text())["functions"]["http:small"] == bundle


def test_each_function_has_a_zip_of_its_name_and_equal_ones_are_one_file(
    command: Command, write: Write, tmp_path: Path, python: str
) -> None:
    out = tmp_path / "out"
    done = command("package", write({"app.py": APP}), *BASE, "--python", python, "--out", out, "--json")
    assert done.code == 0, done.err
    assert len(done.json["functions"]) == 3
    for one in done.json["functions"].values():
        named, kept = out / f"functions/{one['name']}.zip", out / one["zip"]
        assert named.read_bytes() == kept.read_bytes()
        assert named.samefile(kept)
    assert {file.stem for file in (out / "functions").iterdir()} == {
        one["name"] for one in done.json["functions"].values()
    }


def test_without_hard_links_the_zips_of_functions_are_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise PermissionError(1, "this disk has no hard links", source)

    monkeypatch.setattr(os, "link", refuse)
    out = tmp_path / "out"
    output.write_output(out, {"zips/d.zip": b"zip"}, {}, same={"functions/a.zip": "zips/d.zip"})
    assert (out / "functions/a.zip").read_bytes() == b"zip"
    assert not (out / "functions/a.zip").samefile(out / "zips/d.zip")


def test_people_read_the_size_of_each_function_and_of_what_it_is(
    command: Command, write: Write, tmp_path: Path, python: str
) -> None:
    done = command("package", write({"app.py": APP}), *BASE, "--python", python, "--out", tmp_path / "out")
    lines = done.out.splitlines()
    assert lines[0] == f"small, stage dev, for aws (x86_64, Python {python})"
    assert lines[2].split() == ["FUNCTION", "ZIPPED", "UNPACKED", "APP", "DEPENDENCIES", "PORTABLE"]
    assert {line.split()[0] for line in lines[3:6]} == {"small-dev--http", "small-dev-work", "small-dev-sweep"}
    assert any(line.strip().endswith("kB  portable.frozen") for line in lines)
    assert lines[-1] == f"written to {tmp_path / 'out'}"


def test_the_default_is_arm64_and_without_its_python_there_are_sources_and_a_note(
    command: Command, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portable.deploy.bundle.find_interpreter", lambda python: None)
    done = command(
        "package", write({"app.py": APP}), "--target", "aws", "--stage", "dev", "--out", tmp_path / "out", "--json"
    )
    assert done.code == 0, done.err
    assert done.json["architecture"] == "arm64"
    assert f"there is no Python {done.json['python']} on this machine" in done.err
    (bundle,) = (tmp_path / "out/zips").iterdir()
    with zipfile.ZipFile(bundle) as archive:
        names = archive.namelist()
    assert {"portable/app.py", "portable_aws/runtime.py", "app.py", "portable_entry.py"} <= set(names)
    assert not [name for name in names if name.endswith((".pyc", ".frozen"))]


def test_errors_of_check_stop_it_with_1_and_nothing_is_written(command: Command, write: Write, tmp_path: Path) -> None:
    app = """
        from portable import App, Service

        app = App("small")
        core = Service("core")
        mine = app.table("core-users")
        theirs = core.table("users")
        app.include(core)
    """
    project = write({"app.py": app})
    checked = command("check", project, "--targets", "aws", "--json")
    assert checked.code == 1, checked.out
    done = command("package", project, *BASE, "--out", tmp_path / "out", "--json")
    assert done.code == 1
    assert done.json["diagnostics"] == checked.json["diagnostics"]
    assert not (tmp_path / "out").exists()
    (project / "app.py").write_text("def broken(")
    assert command("package", project, *BASE, "--out", tmp_path / "out").code == 3


def test_a_warning_that_only_the_template_shows_stops_production(
    command: Command, write: Write, tmp_path: Path, python: str
) -> None:
    handlers = "".join(f"\n@rows.on_change\ndef heard_{n}(change) -> None: ...\n" for n in range(3))
    app = f'from portable import App\napp = App("small")\nrows = app.table("rows")\n{handlers}'
    project = write({"app.py": app})
    options = ("--target", "aws", "--python", python, "--out", tmp_path / "out", "--json")
    done = command("package", project, *options, "--stage", "prod")
    assert (done.code, done.json["strict"]) == (1, True)
    assert any("hear of changes" in one["cause"] for one in done.json["diagnostics"])
    assert not (tmp_path / "out").exists()
    for lenient in (("--stage", "dev"), ("--stage", "prod", "--no-prod")):
        assert command("package", project, *options, *lenient, "--arch", "x86_64").code == 0
    assert command("package", project, *options, "--stage", "dev", "--prod").code == 1


def test_a_folder_that_is_not_ours_is_refused_and_stays(command: Command, write: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    project = write({"app.py": APP})
    done = command("package", project, *BASE, "--out", out)
    assert done.code == 6
    assert (out / "thesis.txt").read_text() == "years of work"
    file = tmp_path / "file"
    file.write_text("x")
    assert command("package", project, *BASE, "--out", file).code == 6
    for around in (project, tmp_path):
        assert command("package", project, *BASE, "--out", around).code in (2, 6)
    assert (project / "app.py").is_file()


def test_an_earlier_package_is_replaced_whole(command: Command, write: Write, tmp_path: Path, python: str) -> None:
    out = tmp_path / "out"
    project = write({"app.py": APP})
    assert command("package", project, *BASE, "--python", python, "--out", out).code == 0
    (first,) = (out / "zips").iterdir()
    (project / "more.py").write_text("A = 1\n")
    assert command("package", project, *BASE, "--python", python, "--out", out).code == 0
    (second,) = (out / "zips").iterdir()
    assert first.name != second.name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "project"]


def test_an_interrupted_one_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    output.write_output(out, {"a/b.txt": b"first"}, {})
    real = Path.write_bytes
    written: list[str] = []

    def fail(path: Path, data: bytes) -> int:
        written.append(path.name)
        if path.name == "z.txt":
            raise KeyboardInterrupt
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(KeyboardInterrupt):
        output.write_output(out, {"a/b.txt": b"second", "z.txt": b""}, {})
    assert written == ["b.txt", "z.txt"]
    assert (out / "a/b.txt").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--stage", "Dev!"), 2, "stage 'Dev!'"),
        (("--python", "2.7"), 2, "no Python '2.7'"),
        (("--python", "newest"), 2, "no Python 'newest'"),
        (("--arch", "mips"), 2, "mips"),
        (("--target", "azure"), 3, "azure"),
        (("--target", "moon"), 2, "moon"),
    ],
    ids=["stage", "python", "no version", "arch", "no adapter", "no provider"],
)
def test_what_the_provider_does_not_have_is_said(
    command: Command, write: Write, tmp_path: Path, options: tuple[str, str], code: int, said: str
) -> None:
    done = command("package", write({"app.py": APP}), *BASE, "--out", tmp_path / "out", *options)
    assert (done.code, said in done.err) == (code, True), done.err
    assert not (tmp_path / "out").exists()


def test_the_aws_adapter_is_a_packager_and_the_local_one_is_none() -> None:
    aws: object = find_adapter("aws")
    local: object = find_adapter("local")
    assert isinstance(aws, Packager)
    assert not isinstance(local, Packager)


def test_include_and_exclude_of_the_project_count(command: Command, write: Write, tmp_path: Path, python: str) -> None:
    settings = '[tool.portable]\ninclude = ["tests/data.json"]\nexclude = ["drafts"]\n'
    project = write({"app.py": APP, "pyproject.toml": settings, "tests/data.json": "{}", "drafts/a.txt": ""})
    assert command("package", project, *BASE, "--python", python, "--out", tmp_path / "out").code == 0
    (bundle,) = (tmp_path / "out/zips").iterdir()
    names = set(zipfile.ZipFile(bundle).namelist())
    assert "tests/data.json" in names
    assert "drafts/a.txt" not in names
    (project / "pyproject.toml").write_text("[tool.portable]\ninclude = 3\n")
    assert command("package", project, *BASE, "--out", tmp_path / "out").code == 3
