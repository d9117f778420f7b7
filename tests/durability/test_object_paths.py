"""S1, S2: no key leaves the folder, follows a link or meets another's object; what a crash leaves is swept, no more."""

import os
import random
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from portable_local.store.object_files import PARTIAL, ObjectFiles

from portable.errors import ConfigurationError, InvalidArgument, LimitExceeded, PortableError

from .stored import files, opened

ESCAPES = (
    "../x", "../../x", "/x", "/etc/passwd", "a/../../x", "a/./b", "..", ".", "./x", "a//b", "a/", "/", "//",
    "\\x", "a\\..\\x", "C:\\x", "~/x", "~root/x", "%2e%2e/x", "%2e%2e%2fx", "..%2fx", "a\0b", "a\nb", "a\rb",
    "\x7f", "\x1b[2J", "a b", " a", "a ", "-rf", "--help", "$HOME", "$(id)", "`id`", "a;b", "a|b", "a&b",
    "a'b", 'a"b', "a*b", "a?b", "[a]", "{a}", "con", "nul", "a.part", ".part", ".hidden", "a/.hidden", "..a",
    "a..", "a/..b", "store.sqlite", "../store.sqlite", "owner.lock", "objects/x", "\xe9", "e\u0301", "\ufb01",
    "\u202egpj", "\ufeffa", "\u65e5\u672c", "\U0001f642", "A", "a", "\xc4", "\xe4", "a/b", "a/b/c", "\ud800",
    "\U0010ffff", "",
    "x" * 255, "x" * 256, "x" * 900, "x/" * 200 + "x", "\u00e9" * 200,
)  # fmt: skip


def tree(folder: Path) -> dict[str, bytes | str]:
    """Everything below a folder: files with their bytes, links with where they lead."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


@pytest.fixture
def outside(tmp_path: Path) -> Generator[Path]:
    """A folder beside the data, which nobody may touch."""
    sentinels = tmp_path / "outside" / "ab"
    sentinels.mkdir(parents=True)
    (sentinels / "sentinel").write_bytes(b"untouched")
    (tmp_path / "outside" / "other").write_bytes(b"untouched")
    before = tree(tmp_path / "outside")
    yield tmp_path / "outside"
    assert tree(tmp_path / "outside") == before, "something outside the data folder was changed"


def test_no_key_leaves_the_folder_or_meets_the_object_of_another(tmp_path: Path, outside: Path) -> None:
    data = tmp_path / "data"
    kept: dict[str, bytes] = {}
    refused = 0
    with opened(data):
        beside = {str(path) for path in tmp_path.rglob("*")}
        for number, key in enumerate(dict.fromkeys(ESCAPES)):
            body = f"{number}".encode()
            try:
                files.put(key, body)
            except (InvalidArgument, LimitExceeded):
                refused += 1
                for read in (files.get, files.head, files.delete):
                    with pytest.raises((InvalidArgument, LimitExceeded)):
                        read(key)
            else:
                kept[key] = body
        assert {key: files.require(key) for key in kept} == kept
        assert sorted(kept, key=str.encode) == [entry.key for entry in files.list().objects]
        made = {str(path) for path in tmp_path.rglob("*")} - beside
        assert made
        assert all(path.startswith(f"{data}/objects/") or path == f"{data}/objects" for path in made)
        for key in list(kept):
            files.delete(key)
            del kept[key]
            if len(kept) % 7 == 0:
                assert {other: files.require(other) for other in kept} == kept
    assert refused > 10


def test_the_store_keeps_to_its_folder_even_for_keys_that_the_sdk_refuses(tmp_path: Path, outside: Path) -> None:
    stored = ObjectFiles(tmp_path / "data", durable=False)
    (tmp_path / "data").mkdir()
    names: set[str] = set()
    for key in ESCAPES:
        if key == "\ud800":
            continue
        name, _ = stored.write("b", key, [key.encode()])
        assert b"".join(stored.read(name, 0, None)) == key.encode()
        assert (tmp_path / "data" / "objects" / name).is_file()
        names.add(name.casefold())
    assert len(names) == len(ESCAPES) - 1


@pytest.mark.parametrize(
    "name",
    [
        "../outside/other",
        "ab/../../../outside/other",
        "/etc/passwd",
        "ab/.hidden",
        "..",
        "",
        "ab",
        "ab/",
        "../x",
        "./x",
    ],
)
def test_a_name_that_is_not_one_of_ours_is_never_opened(tmp_path: Path, outside: Path, name: str) -> None:
    stored = ObjectFiles(tmp_path / "data", durable=False)
    (tmp_path / "data" / "objects" / "ab").mkdir(parents=True)
    verbs: list[Callable[[], object]] = [
        lambda: stored.open(name),
        lambda: stored.copy(name, "b", "k"),
    ]
    for verb in verbs:
        with pytest.raises((ValueError, OSError)):
            verb()


def test_links_planted_among_the_objects_are_not_followed(tmp_path: Path, outside: Path) -> None:
    data = tmp_path / "data"
    with opened(data):
        files.put("k", b"mine")
        [folder] = (data / "objects").iterdir()
        [file] = folder.iterdir()
        # The file of an object becomes a link.
        file.unlink()
        file.symlink_to(outside / "other")
        with pytest.raises(PortableError):
            files.require("k")
        with pytest.raises(PortableError):
            files.copy("k", "copied")
        files.delete("k")
        # The folder of a key becomes one.
        files.put("k", b"mine")
        [file] = folder.iterdir()
        file.unlink()
        folder.rmdir()
        folder.symlink_to(outside / "ab")
        with pytest.raises(PortableError):
            files.require("k")
        with pytest.raises(PortableError):
            files.put("k", b"again")
    # The sweep of the next start follows none.
    with opened(data):
        folder.unlink()
        files.put("k", b"well")
        assert files.require("k") == b"well"


def test_a_start_with_a_link_in_place_of_all_objects_touches_nothing_that_it_leads_to(
    tmp_path: Path, outside: Path
) -> None:
    data = tmp_path / "data"
    with opened(data):
        files.put("k", b"mine")
    for path in (data / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    for path in (data / "objects").iterdir():
        path.rmdir()
    (data / "objects").rmdir()
    (data / "objects").symlink_to(outside)
    with pytest.raises(ConfigurationError, match="objects"), opened(data):
        raise AssertionError("it was opened")


def test_what_a_crash_left_is_swept_at_the_next_start_and_nothing_else(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    source = random.Random(seed)
    data = tmp_path / "data"
    with opened(data) as (store, _):
        for number in range(30):
            files.put(f"k{number}", f"{number}".encode())
        named = {row[0] for row in store.read("SELECT file FROM objects")}
        stored = ObjectFiles(data, durable=False)
        left = [stored.write("files", f"k{source.randrange(40)}", [b"left"])[0] for _ in range(10)]
        for name in left[:5]:
            (data / "objects" / name).rename(data / "objects" / (name + PARTIAL))
        (data / "objects" / "not-a-folder").write_bytes(b"somebody's")
    with opened(data):
        found = {str(path.relative_to(data / "objects")) for path in (data / "objects").glob("*/*")}
        assert found == named, f"seed {seed}"
        assert [files.require(f"k{number}") for number in range(30)] == [f"{number}".encode() for number in range(30)]
        assert (data / "objects" / "not-a-folder").exists()


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def breaking() -> Generator[bytes]:
        yield b"x" * 100_000
        raise RuntimeError("the source broke off")

    with opened(tmp_path / "data"):
        files.put("k", b"before")
        for key in ("k", "new"):
            with pytest.raises(RuntimeError, match="broke off"):
                files.put(key, breaking())
        assert files.require("k") == b"before"
        assert files.get("new") is None
        assert len([path for path in (tmp_path / "data" / "objects").rglob("*") if path.is_file()]) == 1
