"""Static folders by values: which paths a folder holds, and If-None-Match."""

import os
from pathlib import Path

import pytest

from portable.errors import DeclarationError, Location, NotFound
from portable.http import Request
from portable.specs import StaticSpec
from portable.static import StaticFolder, matches

PLACE = Location("app.py", 1)


def folder_of(root: Path, limit: int = 1000) -> StaticFolder:
    return StaticFolder(StaticSpec("/", "shop", str(root), PLACE), limit)


def test_a_folder_holds_what_was_there_when_it_was_made_and_nothing_hidden(tmp_path: Path) -> None:
    root = tmp_path / "site"
    for name in ("a.txt", "index.html", "sub/index.html", ".hidden", ".git/x", "sub/.env"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (tmp_path / "outside").write_text("outside")
    (root / "out").symlink_to("../outside")
    (root / "in").symlink_to("a.txt")
    os.mkfifo(root / "pipe")
    folder = folder_of(root)
    held = [["a.txt"], ["in"], [], ["index.html"], ["sub"], ["sub", "index.html"]]
    refused = [
        [".hidden"],
        [".git", "x"],
        ["sub", ".env"],
        ["out"],
        ["pipe"],
        ["..", "outside"],
        ["A.TXT"],
        ["sub", ""],
    ]
    assert [path for path in held if not folder.holds(path)] == []
    assert [path for path in refused if folder.holds(path)] == []
    (root / "later.txt").write_text("later")
    assert not folder.holds(["later.txt"])


def test_a_file_over_the_limit_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(b"x" * 1000)
    assert folder_of(tmp_path).holds(["large.bin"])
    with pytest.raises(DeclarationError, match=r"large\.bin.*1,000.*999") as caught:
        folder_of(tmp_path, 999)
    assert caught.value.location == PLACE
    assert caught.value.hint


def test_a_file_that_is_gone_or_leads_out_is_not_found(tmp_path: Path) -> None:
    root = tmp_path / "site"
    root.mkdir()
    (root / "a.txt").write_text("a")
    (tmp_path / "secret").write_text("secret")
    folder = folder_of(root)
    assert folder.respond(Request("GET", "/a.txt"), ["a.txt"]).body == b"a"
    (root / "a.txt").unlink()
    with pytest.raises(NotFound):
        folder.respond(Request("GET", "/a.txt"), ["a.txt"])
    (root / "a.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(NotFound):
        folder.respond(Request("GET", "/a.txt"), ["a.txt"])


@pytest.mark.parametrize(
    ("condition", "matched"),
    [
        (None, False),
        ("", False),
        ("*", True),
        ('"a"', True),
        ('W/"a"', True),
        ('"b", "a"', True),
        ('"b",W/"a"', True),
        ('"b"', False),
        ("a", False),
        ('w/"a"', False),
        ('"ab"', False),
    ],
)
def test_if_none_match_is_a_weak_comparison_of_a_list(condition: str | None, matched: bool) -> None:
    assert matches(condition, '"a"') is matched
