"""What changes below a folder, told by the kernel: files made, renamed, deleted, new folders, and what is no change."""

import os
import select
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from portable_local.watch import IGNORED_FOLDERS, InotifyWatch, enters, matters, watch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is of Linux; elsewhere watchfiles is asked")

DEADLINE_SECONDS = 30


@contextmanager
def watching(root: Path, data: Path | None = None) -> Iterator[InotifyWatch]:
    found = InotifyWatch(str(root), str(data or root / ".portable"))
    try:
        yield found
    finally:
        found.close()


def told(watched: InotifyWatch, root: Path) -> set[str]:
    """All that is told until a file made afterwards is: events come in order, so nothing is left out."""
    found: set[str] = set()
    end = root / "the-end.py"
    end.write_text("", encoding="utf-8")
    for _ in range(1000):
        ready, _, _ = select.select([watched], [], [], DEADLINE_SECONDS)
        assert ready, "nothing is told"
        found.update(watched.changed())
        if str(end) in found:
            end.unlink()
            while str(end) in watched.changed():
                continue
            return {os.path.relpath(path, root) for path in found - {str(end)}}
    raise AssertionError("events without end")


def write(path: Path, text: str = "x") -> Path:
    """Writes a file, and makes its folder if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_nothing_is_told_of_what_was_there(tmp_path: Path) -> None:
    write(tmp_path / "app.py")
    with watching(tmp_path) as watched:
        assert watched.changed() == []
        assert told(watched, tmp_path) == set()


CHANGES: dict[str, tuple[Callable[[Path], object], set[str]]] = {
    "a new file": (lambda root: write(root / "new.py"), {"new.py"}),
    "an edit": (lambda root: write(root / "app.py", "y"), {"app.py"}),
    "an edit below": (lambda root: write(root / "package/inner/deep.py", "y"), {"package/inner/deep.py"}),
    "a template": (lambda root: write(root / "page.HTML"), {"page.HTML"}),
    "a deletion": (lambda root: (root / "app.py").unlink(), {"app.py"}),
    "a rename": (lambda root: (root / "app.py").rename(root / "main.py"), {"app.py", "main.py"}),
    "a save by rename": (
        lambda root: write(root / "app.py.tmp").replace(root / "app.py"),
        {"app.py"},
    ),
    "a link": (lambda root: (root / "link.py").symlink_to(root / "app.py"), {"link.py"}),
    "a new folder with files": (
        lambda root: write(root / "fresh/below/a.py"),
        {"fresh/below/a.py"},
    ),
    "a folder that goes": (
        lambda root: shutil.rmtree(root / "package"),
        {"package", "package/inner", "package/inner/deep.py"},
    ),
    "a folder that is renamed": (lambda root: (root / "package").rename(root / "renamed"), {"package", "renamed"}),
    "a database": (lambda root: write(root / "data.sqlite"), set()),
    "a log": (lambda root: write(root / "app.log"), set()),
    "byte code": (lambda root: write(root / "__pycache__/app.py"), set()),
    "an editor's files": (
        lambda root: [
            write(root / name) for name in (".app.py.swp", ".#app.py", "#app.py#", "app.py~", "4913", "x.tmp")
        ],
        set(),
    ),
    "git": (lambda root: write(root / ".git/config.json"), set()),
    "node": (lambda root: write(root / "node_modules/a.js"), set()),
    "the data folder": (lambda root: write(root / ".portable/params.json"), set()),
    "a read": (lambda root: (root / "app.py").read_text(encoding="utf-8"), set()),
    "a change of mode": (lambda root: (root / "app.py").chmod(0o600), set()),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_matters_is_told_and_what_does_not_is_not(tmp_path: Path, what: str) -> None:
    (tmp_path / "package/inner").mkdir(parents=True)
    (tmp_path / ".portable").mkdir()
    write(tmp_path / "app.py")
    write(tmp_path / "package/inner/deep.py")
    change, expected = CHANGES[what]
    with watching(tmp_path) as watched:
        change(tmp_path)
        found = told(watched, tmp_path)
    if what == "a new folder with files":
        # The folder itself, where its files came before it was watched.
        assert found
        assert found <= {"fresh", "fresh/below", *expected}
    else:
        assert found == expected


def test_files_of_a_new_folder_are_told_from_then_on(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        (tmp_path / "fresh").mkdir()
        told(watched, tmp_path)
        write(tmp_path / "fresh/a.py")
        assert told(watched, tmp_path) == {"fresh/a.py"}
        shutil.rmtree(tmp_path / "fresh")
        assert "fresh" in told(watched, tmp_path)
        (tmp_path / "fresh").mkdir()
        told(watched, tmp_path)
        write(tmp_path / "fresh/a.py")
        assert told(watched, tmp_path) == {"fresh/a.py"}


def test_files_of_a_renamed_folder_are_told_under_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "old/below").mkdir(parents=True)
    with watching(tmp_path) as watched:
        (tmp_path / "old").rename(tmp_path / "new")
        told(watched, tmp_path)
        write(tmp_path / "new/below/a.py")
        write(tmp_path / "new/b.py")
        assert told(watched, tmp_path) == {"new/below/a.py", "new/b.py"}


def test_a_virtual_environment_under_any_name_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "my-env/lib").mkdir(parents=True)
    write(tmp_path / "my-env/pyvenv.cfg")
    with watching(tmp_path) as watched:
        write(tmp_path / "my-env/lib/a.py")
        assert told(watched, tmp_path) == set()


def test_a_data_folder_inside_the_sources_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "state/objects").mkdir(parents=True)
    with watching(tmp_path, tmp_path / "state") as watched:
        write(tmp_path / "state/objects/a.json")
        write(tmp_path / "state/b.json")
        assert told(watched, tmp_path) == set()


def test_folders_elsewhere_are_watched_without_those_below(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    (other / "below").mkdir(parents=True)
    root.mkdir()
    with watching(root) as watched:
        watched.also([str(other), str(tmp_path / "nowhere")])
        write(other / "below/deep.py")
        write(other / "near.py")
        (other / "fresh").mkdir()
        assert told(watched, root) == {"../other/near.py"}
        write(other / "fresh/a.py")
        assert told(watched, root) == set()


def test_what_is_outside_is_not_entered_through_a_link(tmp_path: Path) -> None:
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (root / "link").symlink_to(other)
    with watching(root) as watched:
        write(other / "a.py")
        assert told(watched, root) == set()


def test_many_edits_tell_each_file_once_a_look(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        for number in range(200):
            write(tmp_path / f"f{number % 10}.py", str(number))
        found = watched.changed()
        assert sorted(found) == [str(tmp_path / f"f{number}.py") for number in range(10)]


def test_bytes_that_are_no_utf_8_in_a_name_do_no_harm(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        path = os.fsencode(tmp_path) + b"/caf\xe9.py"
        with open(path, "wb"):
            pass
        assert told(watched, tmp_path) == {os.fsdecode(b"caf\xe9.py")}


def test_a_watch_of_this_system_is_made(tmp_path: Path) -> None:
    found = watch(str(tmp_path), str(tmp_path / ".portable"))
    try:
        assert isinstance(found, InotifyWatch)
    finally:
        found.close()


@pytest.mark.parametrize(
    "name", ["app.py", "A.PY", "page.html", ".env", "py.typed", "style.css", "data.json", "a.b.toml"]
)
def test_sources_templates_and_static_files_matter(name: str) -> None:
    assert matters(name)


@pytest.mark.parametrize(
    "name", ["", "py", ".py~", "app.pyc", "app.py~", ".#app.py", "app.py.swp", "db.sqlite-wal", "x.log"]
)
def test_other_files_do_not_matter(name: str) -> None:
    assert not matters(name)


def test_folders_that_are_no_sources_are_not_entered() -> None:
    for name in (*IGNORED_FOLDERS, ".git", ".venv", ".portable", "hello.egg-info", "pytest-cache-files-1fh_d800"):
        assert not enters(name)
    for name in ("services", "static", "environment", "builds"):
        assert enters(name)


def test_a_folder_that_comes_while_its_parent_is_entered_is_watched_too(tmp_path: Path) -> None:
    with watching(tmp_path) as watched:
        add = watched._add_watch

        def late(descriptor: int, folder: bytes, mask: int) -> int:
            # At the last moment before the kernel would tell of it.
            if folder == os.fsencode(tmp_path / "more"):
                (tmp_path / "more/deep").mkdir(exist_ok=True)
            found: int = add(descriptor, folder, mask)
            return found

        watched._add_watch = late
        (tmp_path / "more").mkdir()
        told(watched, tmp_path)
        (tmp_path / "more/deep/news.py").write_text("", encoding="utf-8")
        assert "more/deep/news.py" in told(watched, tmp_path)
