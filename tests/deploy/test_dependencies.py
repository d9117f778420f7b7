"""An app's dependencies: which count, that they are unpacked and never run, and that they are found again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from portable.deploy.bytecode import find_interpreter
from portable.deploy.dependencies import Installed, failed, install
from portable.deploy.requirements import read_requirements
from portable.errors import ConfigurationError

from .making import THIS, make_sdist, make_wheel

Write = Callable[..., Path]
PROJECT = '[project]\nname = "small"\nversion = "1"\ndependencies = {}\n'


def declaring(*requirements: str) -> dict[str, str]:
    return {"pyproject.toml": PROJECT.format(json.dumps(requirements))}


def installed(
    project: Path, cache: Path, *, architecture: str = "x86_64", python: str = THIS, refresh: bool = False
) -> Installed:
    return install(
        project,
        read_requirements(project),
        python=python,
        architecture=architecture,
        folder="/var/task",
        interpreter=find_interpreter(python),
        cache=cache,
        refresh=refresh,
    )


def test_what_pyproject_declares_is_there_with_what_it_needs_and_with_byte_code(
    write: Write, index: Path, tmp_path: Path
) -> None:
    make_wheel(index, "outer", metadata="Requires-Dist: inner>=1\nRequires-Dist: portable-serverless\n")
    make_wheel(index, "inner", files={"inner/__init__.py": "A = 1\n", "inner/data.bin": bytes(range(256))})
    found = installed(write(declaring("portable-serverless[aws]", "outer>=1")), tmp_path / "cache")
    tag = find_interpreter(THIS)
    assert tag is not None
    assert {name for name in found.contents if "dist-info" not in name} == {
        "outer.py", f"__pycache__/outer.{tag.tag}.pyc", "inner/__init__.py",
        f"inner/__pycache__/__init__.{tag.tag}.pyc", "inner/data.bin",
    }  # fmt: skip
    assert found.contents["inner/data.bin"].data() == bytes(range(256))
    assert {name: one.part for name, one in found.contents.items()}["inner/data.bin"] == "inner"
    assert [one.name for one in found.components] == ["inner", "outer"]
    assert {"outer", "inner"} <= found.modules


def test_what_is_about_an_installation_stays_out(write: Write, index: Path, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "tool.py": "", "tool.pyi": "", "tool-1.0.data/scripts/tool": "#!python\n", "tool.pth": "import os\n",
        "tool-1.0.dist-info/licenses/LICENSE": "do as you like",
    }  # fmt: skip
    make_wheel(index, "tool", files=files)
    names = set(installed(write(declaring("tool")), tmp_path / "cache").contents)
    assert {"tool.py", "tool-1.0.dist-info/METADATA", "tool-1.0.dist-info/licenses/LICENSE"} <= names
    assert not {
        name for name in names if name.startswith("bin/") or name.endswith((".pyi", ".pth", "RECORD", "INSTALLER"))
    }


def test_the_wheel_of_the_target_is_taken(write: Write, index: Path, tmp_path: Path) -> None:
    for platform, text in (("manylinux2014_aarch64", "arm"), ("manylinux2014_x86_64", "x86"), ("win_amd64", "win")):
        make_wheel(index, "fast", files={"fast.py": f"A = {text!r}\n"}, tag=f"py3-none-{platform}")
    project = write(declaring("fast"))
    for architecture, word in (("arm64", b"arm"), ("x86_64", b"x86")):
        found = installed(project, tmp_path / "cache", architecture=architecture)
        assert word in found.contents["fast.py"].data()
        assert list(found.components[0].hashes) == ["SHA-256"]


def test_a_package_without_a_wheel_is_named_and_nothing_of_it_is_run(write: Write, index: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    make_sdist(index, "homemade", "1.0", witness)
    with pytest.raises(ConfigurationError, match="homemade has no wheel for the target") as caught:
        installed(write(declaring("homemade")), tmp_path / "cache")
    assert "UV_FIND_LINKS" in str(caught.value.hint)
    make_wheel(index, "outer", metadata="Requires-Dist: homemade\n")
    with pytest.raises(ConfigurationError, match="homemade has no wheel"):
        installed(write(declaring("outer")), tmp_path / "cache")
    assert not witness.exists()


def test_a_package_whose_only_wheel_is_for_another_processor_is_named(
    write: Write, index: Path, tmp_path: Path
) -> None:
    make_wheel(index, "fast", tag="py3-none-manylinux2014_x86_64")
    with pytest.raises(ConfigurationError, match="fast has no wheel for the target"):
        installed(write(declaring("fast")), tmp_path / "cache", architecture="arm64")


def test_a_package_that_does_not_exist_is_said_so(write: Write, index: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no-such-thing"):
        installed(write(declaring("no-such-thing")), tmp_path / "cache")


def test_the_second_time_nothing_is_asked_and_a_refresh_asks_again(write: Write, index: Path, tmp_path: Path) -> None:
    make_wheel(index, "thing", "1.0", {"thing.py": "A = 1\n"})
    project = write(declaring("thing"))
    first = installed(project, tmp_path / "cache")
    make_wheel(index, "thing", "2.0", {"thing.py": "A = 2\n"})
    assert installed(project, tmp_path / "cache") == first
    assert installed(project, tmp_path / "cache", refresh=True).components[0].version == "2.0"
    assert installed(project, tmp_path / "cache").components[0].version == "2.0"
    for file in index.iterdir():
        file.unlink()
    assert installed(project, tmp_path / "cache").components[0].version == "2.0"


def test_what_was_kept_and_is_damaged_is_made_again(write: Write, index: Path, tmp_path: Path) -> None:
    make_wheel(index, "thing")
    project = write(declaring("thing"))
    first = installed(project, tmp_path / "cache")
    (kept,) = (tmp_path / "cache/dependencies").iterdir()
    for file in list(kept.iterdir()):
        text = file.read_bytes()
        file.write_bytes(text[: len(text) // 2])
        assert installed(project, tmp_path / "cache") == first


def test_requirements_txt_counts_before_pyproject_and_its_options_are_understood(
    write: Write, index: Path, tmp_path: Path
) -> None:
    for version in ("1.0", "2.0"):
        make_wheel(index, "thing", version)
        make_wheel(index, "other", version)
    text = "# what we need\nportable-serverless>=0.1\nthing == 1.0 \\\n  ; python_version >= '3'\n-r more.txt\n"
    project = write({**declaring("absent"), "requirements.txt": text, "more.txt": "other<2  # for now\n"})
    found = installed(project, tmp_path / "cache")
    assert [(one.name, one.version) for one in found.components] == [("other", "1.0"), ("thing", "1.0")]


def test_a_lock_counts_first_and_its_hashes_are_checked(write: Write, index: Path, tmp_path: Path) -> None:
    import hashlib

    old = make_wheel(index, "thing", "1.0")
    make_wheel(index, "thing", "2.0")
    digest = hashlib.sha256(old.read_bytes()).hexdigest()
    lock = f"""
        lock-version = "1.0"
        created-by = "test"
        [[packages]]
        name = "thing"
        version = "1.0"
        wheels = [{{ path = "{old}", hashes = {{ sha256 = "{digest}" }} }}]
        [[packages]]
        name = "portable-serverless"
        version = "0.1.0"
    """
    project = write({**declaring("thing"), "pylock.toml": lock})
    found = installed(project, tmp_path / "cache")
    assert [(one.version, one.hashes) for one in found.components] == [("1.0", {"SHA-256": digest})]
    (project / "pylock.toml").write_text((project / "pylock.toml").read_text().replace(digest, "0" * 64))
    with pytest.raises(ConfigurationError, match=r"(?is)thing.*hash|hash.*thing"):
        installed(project, tmp_path / "cache")


def test_a_lock_of_uv_brings_what_portable_needs_of_it_and_nothing_else_of_portable(
    write: Write, index: Path, tmp_path: Path
) -> None:
    from portable.deploy import dependencies

    for version in ("1.0", "2.0"):
        make_wheel(index, "thing", version)
        make_wheel(index, "pydantic", version, metadata="Requires-Dist: deep\n")
        make_wheel(index, "deep", version)
    make_wheel(index, "click")
    make_wheel(index, "portable-serverless", metadata="Requires-Dist: click\nRequires-Dist: pydantic\n")
    bounds = "constraint-dependencies = ['thing<2', 'pydantic<2', 'deep<2']"
    project = write(
        {
            "pyproject.toml": PROJECT.format('["portable-serverless", "thing"]')
            + f'requires-python = ">=3.11"\n[tool.uv]\npackage = false\n{bounds}\n'
        }
    )
    dependencies._uv(project, "lock")
    text = (project / "pyproject.toml").read_text()
    (project / "pyproject.toml").write_text(text.replace(bounds, ""))
    found = installed(project, tmp_path / "cache")
    assert [(one.name, one.version) for one in found.components] == [("thing", "1.0")]
    more = install(
        project, read_requirements(project, ["pydantic>=1"]),
        python=THIS, architecture="x86_64", folder="/var/task", interpreter=None, cache=tmp_path / "cache",
    )  # fmt: skip
    locked = [("deep", "1.0"), ("pydantic", "1.0"), ("thing", "1.0")]
    assert [(one.name, one.version) for one in more.components] == locked


@pytest.mark.parametrize(
    "text",
    ['[project]\ndynamic = ["dependencies"]\n', "[project]\ndependencies = 3\n", "[project\n"],
    ids=["dynamic", "a number", "no TOML"],
)
def test_a_pyproject_that_does_not_say_is_an_error(write: Write, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml"):
        read_requirements(write({"pyproject.toml": text}))


def test_a_requirement_that_is_none_is_told_by_the_file_that_has_it(write: Write, index: Path, tmp_path: Path) -> None:
    project = write({"requirements.txt": "thing\nthis is not = a requirement\n"})
    with pytest.raises(ConfigurationError, match=r"(?s)`requirements\.txt`.*this is not = a requirement") as caught:
        installed(project, tmp_path / "cache")
    assert "wanted.in" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"requirements.txt": "-r requirements.txt\n"}, "names requirements.txt, which leads back to itself"),
        ({"requirements.txt": "-r a.txt", "a.txt": "-r b.txt", "b.txt": "-r a.txt"}, "b.txt names a.txt, which leads"),
        ({"requirements.txt": "-r absent.txt\n"}, "requirements.txt names absent.txt, which is not there"),
    ],
    ids=["itself", "in a circle", "absent"],
)
def test_requirements_that_name_one_another_in_a_circle_are_an_error(
    write: Write, files: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_requirements(write(files))


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml", "uv.lock", "pylock.toml", "uv.toml"])
def test_a_file_that_is_no_text_is_named(write: Write, name: str) -> None:
    project = write({"app.py": ""})
    (project / name).write_bytes(b"\xff\xfe thing")
    with pytest.raises(ConfigurationError, match=rf"{name} is not UTF-8 text"):
        read_requirements(project)


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml"])
def test_a_lock_that_is_no_toml_is_named(write: Write, index: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name}") as caught:
        installed(write({**declaring("thing"), name: "<<<<<<< HEAD\n"}), tmp_path / "cache")
    assert caught.value.exit_code == 3


def test_a_uv_that_never_ends_is_told(
    write: Write, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portable.deploy.dependencies.SECONDS", 0.01)
    with pytest.raises(ConfigurationError, match="uv has not found what the app needs"):
        installed(write(declaring("thing")), tmp_path / "cache")


def test_an_app_without_dependencies_asks_nobody(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert installed(write(declaring("portable-serverless")), tmp_path / "cache").contents == {}
    assert installed(write({"app.py": ""}, "bare"), tmp_path / "cache").components == ()


def test_passwords_of_indexes_are_not_repeated() -> None:
    error = failed("error: Failed to fetch: `https://joe:hunter2@pypi.example.com/simple/x/`: dns error")
    assert "hunter2" not in str(error)
    assert "needs a network" in str(error.hint)
