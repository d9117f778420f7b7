"""Bundles as a whole: the same everywhere, small, without secrets, and refused when they cannot work."""

import hashlib
import json
import os
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from portable.deploy.archive import entry
from portable.deploy.bundle import thinned
from portable.deploy.imports import all_imports, direct_imports, parsed
from portable.deploy.sizes import check_size, size_of
from portable.errors import LimitExceeded, Location

from .making import APP, NOTES, THIS, make_wheel, package, portable, zip_of

Write = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("cache")
MOST_OF_NOTES = 270_000
APP_TEXT = textwrap.dedent(APP)
THING = {"thing/__init__.py": "WORDS = {'a', 'b', 'c'}\n", "thing/data.txt": "x"}
WITH_THING = {
    "app.py": "import thing\n" + APP_TEXT,
    "words.py": "WORDS = {'one', 'two', 'three'}\nprint(1 in {1, 2, 3})  # why\n",
    "pyproject.toml": '[project]\nname = "small"\nversion = "1"\ndependencies = ["thing"]\n',
    "bin/tool": "#!/bin/sh\n",
}


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of modules that are installed here, as far as Python can tell."""
    folder = tmp_path / "lib/site-packages"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_the_same_project_is_the_same_package_in_another_folder_at_another_time(
    write: Write, index: Path, importable: Path, tmp_path: Path
) -> None:
    """Other folder, umask, times, hash seed, time zone, home and cache: the same bytes."""
    make_wheel(index, "thing", files=THING)
    write(THING, "lib/site-packages")
    found: list[dict[str, str]] = []
    for place, umask, when, seed, zone in (
        ("here", 0o022, 0, "1", "UTC"),
        ("some/where/else", 0o077, 1_700_000_000, "2", "Asia/Tokyo"),
    ):
        before = os.umask(umask)
        try:
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            project = write(WITH_THING, place)
            (project / "bin/tool").chmod(0o700)
            for file in project.rglob("*.py"):
                os.utime(file, (when, when))
            home = {"HOME": str(tmp_path / f"home-{seed}"), "PORTABLE_CACHE": str(tmp_path / f"cache-{seed}")}
            out = tmp_path / f"out-{seed}"
            package(project, out, PYTHONHASHSEED=seed, TZ=zone, **home)
        finally:
            os.umask(before)
        made = [path for path in out.rglob("*") if path.is_file()]
        assert len(made) >= 5
        found.append({path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in made})
    assert found[0] == found[1]
    for name in zip_of(tmp_path / "out-1").namelist():
        assert str(tmp_path).encode() not in zip_of(tmp_path / "out-1").read(name), name


def test_notes_without_its_dependencies_is_no_more_than_270_kilobytes(kept: Path, tmp_path: Path) -> None:
    answer = package(NOTES, tmp_path / "out", PORTABLE_CACHE=str(kept))
    (size,) = answer["sizes"].values()
    assert size["parts"]["app"] + size["parts"]["portable"] <= MOST_OF_NOTES, size
    assert len(answer["functions"]) == 6
    assert {one["zip"] for one in answer["functions"].values()} == set(answer["sizes"])


BODIES = """
    from portable import App, idempotent

    app = App("small")
    rows = app.table("rows")

    @app.post("/rows")
    def create(row: dict, at: int = 0) -> dict:
        rows.put(row)
        work.send(row)
        return row

    @app.task
    @idempotent("{payload[id]}")
    def work(payload: dict) -> dict: ...

    @app.topic("placed").subscribe
    def heard(event: object) -> None: ...
"""


@pytest.mark.parametrize("app", [APP, BODIES], ids=["no body", "bodies that are dicts"])
def test_an_app_that_uses_no_pydantic_brings_none(write: Write, tmp_path: Path, app: str) -> None:
    answer = package(write({"app.py": app}), tmp_path / "out")
    (size,) = answer["sizes"].values()
    assert size["parts"]["dependencies"] == 0
    names = zip_of(tmp_path / "out").namelist()
    assert "app.py" in names
    assert not [name for name in names if name.startswith("pydantic")]


@pytest.mark.parametrize(
    "app",
    [
        """
        from pydantic import BaseModel
        from portable import App
        class Note(BaseModel):
            text: str
        app = App("small")
        @app.post("/")
        def add(note: Note) -> None: ...
        """,
        """
        from dataclasses import dataclass
        from portable import App
        @dataclass
        class Note:
            text: str
        app = App("small")
        @app.task
        def add(note: Note) -> None: ...
        """,
        """
        from portable import App
        app = App("small")
        @app.post("/")
        def add(names: list[dict[str, int]]) -> None: ...
        """,
        """
        from portable import App
        app = App("small")
        @app.task
        def add(names: dict[str, object]) -> None: ...
        """,
        """
        from portable import App
        app = App("small")
        placed = app.topic("placed")
        @placed.subscribe
        def add(names: list[str]) -> None: ...
        """,
        """
        from portable import App
        app = App("small")
        @app.task
        def add(names: dict) -> list[int]: ...
        @app.get("/{id}")
        def read(id: str) -> dict:
            return {"sum": sum(add.run(id).result())}
        """,
        """
        from portable import App, idempotent
        app = App("small")
        @app.task
        def add(names: dict) -> None:
            once(names)
        @idempotent("{names[id]}")
        def once(names: dict) -> list[int]: ...
        """,
    ],
    ids=["a model", "a dataclass", "typed containers", "a payload", "an event", "a result", "a kept result"],
)
def test_an_app_that_needs_pydantic_brings_it_without_naming_it(
    write: Write, index: Path, tmp_path: Path, app: str
) -> None:
    make_wheel(index, "pydantic", "2.99")
    package(write({"app.py": app}), tmp_path / "out")
    assert "pydantic.py" in zip_of(tmp_path / "out").namelist()


def test_forms_bring_their_parser_and_time_zones_of_schedules_their_data(
    write: Write, index: Path, tmp_path: Path
) -> None:
    make_wheel(index, "python-multipart", "0.0.20", files={"python_multipart/__init__.py": ""})
    zones = dict.fromkeys(("__init__.py", "Europe/__init__.py", "Europe/Berlin", "Europe/Paris", "Asia/Tokyo"), "")
    files = {"tzdata/__init__.py": "", **{f"tzdata/zoneinfo/{name}": text for name, text in zones.items()}}
    make_wheel(index, "tzdata", "2026.1", files=files)
    app = """
        from portable import App, Form
        app = App("small")
        @app.post("/")
        def add(name: str = Form()) -> None: ...
        @app.cron("0 3 * * *", zone="Europe/Berlin")
        def nightly() -> None: ...
    """
    package(write({"app.py": app}), tmp_path / "out")
    names = {name for name in zip_of(tmp_path / "out").namelist() if "__pycache__" not in name}
    assert "python_multipart/__init__.py" in names
    assert {name.removeprefix("tzdata/zoneinfo/") for name in names if name.startswith("tzdata/zoneinfo/")} == {
        "__init__.py",
        "Europe/__init__.py",
        "Europe/Berlin",
    }


def test_what_the_app_imports_and_nothing_brings_is_told_with_its_line(
    write: Write, importable: Path, tmp_path: Path
) -> None:
    write({"stray.py": "", "boto3.py": "", "optional.py": ""}, "lib/site-packages")
    head = "import boto3\nimport json\nimport stray\ntry:\n    import optional\nexcept ImportError:\n    pass\n"
    project = write({"app.py": head + APP_TEXT})
    options = ("--target", "aws", "--stage", "dev", "--out", tmp_path / "out", "--arch", "x86_64", "--python", THIS)
    done = portable("package", project, *options)
    assert done.returncode == 3, done.stdout
    assert "the app imports 'stray'" in done.stderr
    assert "app.py:3" in done.stderr
    assert not (tmp_path / "out").exists()
    (project / "app.py").write_text(head.replace("import stray\n", "") + APP_TEXT)
    assert portable("package", project, *options).returncode == 0


def test_what_a_function_imports_and_nothing_brings_is_a_note_with_its_line(write: Write, tmp_path: Path) -> None:
    """No error: nobody may call it. An import in a try has its own answer to what is not there."""
    more = """
def report():
    if True:
        import stray.inner
    import boto3, json, own, portable
    import stray

class Other:
    async def later(self):
        try:
            import optional
        except ImportError:
            import fallback
"""
    project = write({"app.py": APP_TEXT + more, "own.py": ""})
    options = ("--target", "aws", "--stage", "dev", "--out", tmp_path / "out", "--arch", "x86_64", "--python", THIS)
    done = portable("package", project, *options, "--json")
    assert done.returncode == 0, done.stderr
    line = (APP_TEXT + more).splitlines().index("        import stray.inner") + 1
    assert json.loads(done.stdout)["notes"] == [
        f"app.py:{line} imports 'stray' in a function, and no dependency brings it"
    ]
    assert f"note: app.py:{line} imports 'stray'" in done.stderr


def test_secrets_get_neither_into_zips_nor_into_the_template_nor_into_what_is_said(
    write: Write, tmp_path: Path
) -> None:
    secret = "sk-live-51J-planted"
    app = f"""
        from portable import App  # {secret}

        # the key is {secret}
        app = App("small")
        key = app.secret("key")
        limit = app.param("limit", default="10")

        @app.get("/")
        def home() -> dict[str, str]:
            return {{"limit": limit.value}}  # not {secret}
    """
    project = write(
        {
            "app.py": app, ".env": f"KEY={secret}", ".env.local": secret, "prod.env": secret,
            ".portable/values.json": json.dumps({"limit": secret}), "id_rsa": secret, ".aws/credentials": secret,
            "tests/test_app.py": f"KEY = '{secret}'", ".gitignore": "local.txt", "local.txt": secret,
            "README.md": secret, "pyproject.toml": f'[project]\nname = "a"\nversion = "1"\n# {secret}\n',
        }
    )  # fmt: skip
    done = portable("config", "set", "limit", secret, "--app", project)
    assert done.returncode == 0, done.stderr
    options = ("--target", "aws", "--stage", "dev", "--out", tmp_path / "out", "--arch", "x86_64", "--python", THIS)
    done = portable("package", project, *options, "--verbose", SOME_API_KEY=secret)
    assert done.returncode == 0, done.stderr
    assert secret not in done.stdout + done.stderr
    looked_at = 0
    for file in (path for path in (tmp_path / "out").rglob("*") if path.is_file()):
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                for name in archive.namelist():
                    assert secret.encode() not in archive.read(name), name
                    looked_at += 1
        else:
            assert secret.encode() not in file.read_bytes(), file
            looked_at += 1
    assert looked_at > 10
    assert "left out, as they hold secrets: .env, .env.local, id_rsa, prod.env" in done.stderr


def test_too_large_a_bundle_is_refused_with_what_is_biggest_of_it() -> None:
    contents = {
        "app.py": entry("app.py", b"1", "app"),
        "movie.mp4": entry("movie.mp4", bytes(3000), "app"),
        "torch/lib.so": entry("torch/lib.so", bytes(5000), "torch"),
        "torch/more.so": entry("torch/more.so", bytes(2000), "torch"),
    }
    size = size_of(contents, 100)
    assert size.parts == {"app": 3001, "dependencies": 7000, "portable": 0}
    check_size(size, 10_001, "aws", "the bundle")
    with pytest.raises(LimitExceeded) as caught:
        check_size(size, 10_000, "aws", "the bundle")
    said = str(caught.value)
    assert said.index("7.0 kB  torch") < said.index("3.0 kB  movie.mp4") < said.index("1 B  app.py")


def test_only_zones_that_are_named_stay() -> None:
    names = ["tzdata/__init__.py", "tzdata/zoneinfo/__init__.py", "tzdata/zoneinfo/Europe/__init__.py",
             "tzdata/zoneinfo/Europe/Berlin", "tzdata/zoneinfo/Asia/__init__.py", "tzdata/zoneinfo/UTC",
             "tzdata-1.dist-info/METADATA", "thing.py"]  # fmt: skip
    contents = {name: entry(name, b"", "x") for name in names}
    assert list(thinned(contents, ["Europe/Berlin"])) == [*names[:4], *names[6:]]


def test_imports_in_functions_and_in_a_try_are_no_direct_ones(write: Write) -> None:
    project = write(
        {
            "app.py": "import one.two, three\nfrom four.five import six\nfrom . import seven\nfrom .eight import x\n"
            "try:\n    import nine\nexcept ImportError: ...\ndef f():\n    import ten\n",
            "broken.py": "def (",
        }
    )
    assert list(direct_imports(parsed(project, ["app.py", "broken.py"]))) == ["one", "three", "four"]
    anywhere, later = all_imports(parsed(project, ["app.py", "broken.py"]))
    assert anywhere == {"one", "three", "four", "nine", "ten"}
    assert later == {"ten": Location(str(project / "app.py"), 9)}


def test_a_bundle_after_edits_is_what_would_be_made_anew(
    write: Write, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept of files that stay, and of none that went, changed or got another mode."""
    first = {
        "app.py": "import words\n" + APP_TEXT,
        "words.py": "ONE = 1  # why\n",
        "gone.py": "GONE = 1\n",
        "broken.py": "def broken(:\n",
        "mended.py": "def mended(:\n",
        "bin/tool": "#!/bin/sh\n",
    }
    folder = write(first)
    before = package(folder, tmp_path / "before")
    assert len([note for note in before["notes"] if "is no Python" in note]) == 2
    (folder / "gone.py").unlink()
    (folder / "bin/tool").chmod(0o755)
    write({"words.py": "TWO = 2  # why not\n", "mended.py": "MENDED = 1\n", "new.py": "NEW = 1\n"})
    again = package(folder, tmp_path / "again")
    monkeypatch.setenv("PORTABLE_CACHE", str(tmp_path / "clean"))
    anew = package(folder, tmp_path / "anew")
    assert again["sizes"] == anew["sizes"] != before["sizes"]
    assert again["notes"] == anew["notes"]
    names = zip_of(tmp_path / "again").namelist()
    assert names == zip_of(tmp_path / "anew").namelist()
    assert "gone.py" not in names
    assert b"why" not in zip_of(tmp_path / "again").read("words.py")
    stored = [path for path in (cache / "apps").iterdir() if path.is_dir()]
    assert len(stored) == 1, "an edit leaves nothing behind"
