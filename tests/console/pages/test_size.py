"""What a person's machine gets: all of it small, all of it ours or with its licence, none of it a build's output."""

import gzip
import re
from pathlib import Path

import portable.console

STATIC = Path(portable.console.__file__).parent / "static"
MOST = 150 * 1024


def files() -> dict[str, bytes]:
    found = {str(path.relative_to(STATIC)): path.read_bytes() for path in sorted(STATIC.rglob("*")) if path.is_file()}
    assert len(found) > 40
    return found


def test_all_of_it_is_within_150_kilobytes_each_file_gzipped() -> None:
    sizes = {name: len(gzip.compress(content, 9)) for name, content in files().items()}
    assert sum(sizes.values()) <= MOST, sorted(sizes.items(), key=lambda one: -one[1])[:10]


def test_every_vendored_file_is_named_with_its_origin_and_has_a_licence() -> None:
    readme = (STATIC / "vendor" / "README.md").read_text()
    names = [path.name for path in (STATIC / "vendor").iterdir() if path.suffix in (".js", ".woff2")]
    assert len(names) == 5
    assert [name for name in names if f"`{name}`" not in readme] == []
    for whose in ("preact", "htm", "inter", "jetbrains-mono"):
        assert "icense" in (STATIC / "vendor" / f"LICENSE.{whose}").read_text()


def test_nothing_names_another_server_or_makes_markup_or_code_of_text() -> None:
    for name, content in files().items():
        if not name.endswith((".js", ".css", ".html")):
            continue
        text = content.decode()
        without_names = text.replace("http://www.w3.org/", "")
        assert not re.search(r"https?://", without_names), name
        if not name.startswith("vendor/"):
            assert not re.search(
                r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text
            ), name
        if name.endswith(".html"):
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text), name


def test_every_import_is_a_file_that_is_there() -> None:
    checked = 0
    for path in STATIC.rglob("*.js"):
        for target in re.findall(r"(?:from|import\()\s*\"(\.[^\"]+)\"", path.read_text()):
            assert (path.parent / target).resolve().is_file(), f"{path.name} imports {target}"
            checked += 1
    assert checked > 100
