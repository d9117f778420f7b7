"""`portable new`: what it writes, and what it will not write over."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_app_has_its_files_and_its_name(command: Command) -> None:
    done = command("new", "hello", "--json")
    assert done.code == 0
    assert done.json["name"] == "hello"
    assert done.json["files"] == [
        *("app.py", "pyproject.toml", "tests/test_app.py", "README.md", ".gitignore"),
        *(".vscode/launch.json", ".vscode/tasks.json"),
    ]
    for file in done.json["files"]:
        text = (Path("hello") / file).read_text()
        assert "{{" not in text.replace("{{owner}}", "")
    assert 'App("hello")' in Path("hello/app.py").read_text()
    assert "cd hello && portable dev" in done.err


def test_a_new_app_loads_and_its_own_tests_pass(command: Command) -> None:
    command("new", "hello")
    assert [route["path"] for route in command("routes", "hello", "--json").json["routes"]] == [
        "/",
        "/notes",
        "/notes/{owner}/{id}",
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd="hello",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout


def test_a_path_may_lead_to_the_new_folder(command: Command) -> None:
    assert command("new", "deep/er/shop").code == 0
    assert 'App("shop")' in Path("deep/er/shop/app.py").read_text()


def test_an_empty_folder_is_filled(command: Command) -> None:
    Path("hello").mkdir()
    assert command("new", "hello").code == 0


def test_a_folder_with_anything_in_it_is_left_alone(command: Command) -> None:
    Path("hello").mkdir()
    Path("hello/precious").write_text("x")
    done = command("new", "hello", "--json")
    assert done.code == 6
    assert "not empty" in done.json["error"]["message"]
    assert [file.name for file in Path("hello").iterdir()] == ["precious"]


def test_a_file_or_link_in_its_place_is_left_alone(command: Command) -> None:
    Path("hello").write_text("x")
    Path("other").symlink_to("nowhere")
    assert command("new", "hello").code == 6
    assert command("new", "other").code == 6


@pytest.mark.parametrize("name", ["Hello", "9lives", "a_b", "ä", "a b", "a" * 64])
def test_a_name_that_no_provider_takes_is_refused_with_a_better_one(command: Command, name: str) -> None:
    done = command("new", name, "--json")
    assert done.code == 2
    suggestion = done.json["error"]["hint"].rpartition(" ")[2]
    assert not Path(name).exists()
    assert command("new", suggestion).code == 0
