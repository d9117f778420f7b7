"""Apps are imported from their sources as they are now, whatever time and size of a file say."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from portable_local.modules import FreshLoader, installed_modules, is_installed, keep, sources_first


def load(loader: type[FreshLoader], path: Path) -> dict[str, Any]:
    """What the module at `path` defines now."""
    code = loader("edited", str(path)).get_code("edited")
    assert code is not None
    found: dict[str, Any] = {}
    exec(code, found)
    return found


def a_loader(cache: str, served: dict[str, str] | None = None) -> type[FreshLoader]:
    return type("Loader", (FreshLoader,), {"cache": cache, "served": served or {}, "found": {}})


@pytest.mark.parametrize("cached", [False, True], ids=["no cache", "a cache"])
def test_two_edits_of_equal_time_and_size_are_both_seen(tmp_path: Path, cached: bool) -> None:
    path, cache = tmp_path / "edited.py", tmp_path / "cache"
    cache.mkdir()
    loader = a_loader(str(cache) if cached else "")
    for number in (1, 2, 3, 1):
        path.write_text(f"number = {number}\n", encoding="utf-8")
        os.utime(path, ns=(10**18, 10**18))
        assert load(loader, path)["number"] == number
    assert len(list(cache.iterdir())) == (3 if cached else 0)
    assert list(tmp_path.rglob("*.pyc")) == []


def test_unchanged_sources_come_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "edited.py"
    path.write_text("number = 1\n", encoding="utf-8")
    loader = a_loader(str(tmp_path))
    load(loader, path)

    def refuse(*_: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(loader, "source_to_code", refuse)
    assert load(loader, path)["number"] == 1
    path.write_text("number = 2\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="compiled again"):
        load(loader, path)


@pytest.mark.parametrize(
    "damage", [b"", b"nonsense", b"\xe3", b"i\x01\x00\x00\x00"], ids=["empty", "text", "cut", "an int"]
)
def test_a_damaged_cache_costs_a_compilation_and_nothing_else(tmp_path: Path, damage: bytes) -> None:
    path, cache = tmp_path / "edited.py", tmp_path / "cache"
    cache.mkdir()
    path.write_text("number = 1\n", encoding="utf-8")
    loader = a_loader(str(cache))
    load(loader, path)
    [kept] = cache.iterdir()
    kept.write_bytes(damage)
    assert load(loader, path)["number"] == 1
    assert kept.stat().st_size > len(damage)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text("number = 1\n", encoding="utf-8")
    assert load(a_loader(str(tmp_path / "nowhere")), path)["number"] == 1
    keep(str(tmp_path / "nowhere/else"), b"x")


def test_the_same_text_elsewhere_is_another_module_with_its_own_file_in_traces(tmp_path: Path) -> None:
    loader = a_loader(str(tmp_path))
    for name in ("one.py", "two.py"):
        path = tmp_path / name
        path.write_text("def where():\n    return 1\n", encoding="utf-8")
        assert load(loader, path)["where"].__code__.co_filename == str(path)


def test_what_is_to_be_served_as_it_was_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text("number = 1\n", encoding="utf-8")
    first: Any = a_loader(str(tmp_path))
    load(first, path)
    path.write_text("number = 2\n", encoding="utf-8")
    assert load(a_loader(str(tmp_path), dict(first.found)), path)["number"] == 1
    assert load(a_loader(str(tmp_path)), path)["number"] == 2
    assert load(a_loader(str(tmp_path), {str(path): "gone"}), path)["number"] == 2


def test_a_file_that_does_not_compile_says_where(tmp_path: Path) -> None:
    path = tmp_path / "edited.py"
    path.write_text("ok = 1\nif:\n", encoding="utf-8")
    with pytest.raises(SyntaxError) as caught:
        load(a_loader(str(tmp_path)), path)
    assert (caught.value.filename, caught.value.lineno) == (str(path), 2)


IMPORTING = """
import sys
from portable_local.modules import installed_modules, sources_first
root, outside = sys.argv[1:]
sys.path.insert(0, outside)
known = set(sys.modules)
found = sources_first(root, "", {})
import package.inner, lonely, colorsys
print(package.inner.VALUE, lonely.VALUE)
print(sys.path[0] == root, sys.dont_write_bytecode)
print(type(sys.modules["package.inner"].__loader__).__name__, type(lonely.__loader__).__name__)
print(sorted(name for name in installed_modules(known) if name in ("package", "package.inner", "lonely", "colorsys")))
"""


def test_only_modules_of_the_project_are_loaded_fresh_and_they_come_first(tmp_path: Path) -> None:
    root, outside = tmp_path / "project", tmp_path / "outside"
    for folder in (root / "package", outside / "package"):
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("", encoding="utf-8")
        (folder / "inner.py").write_text(f"VALUE = {folder.parent.name!r}\n", encoding="utf-8")
    (outside / "lonely.py").write_text("VALUE = 'lonely'\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, str(root), str(outside)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == [
        "project lonely",
        "True True",
        "ProjectLoader SourceFileLoader",
        "['colorsys']",
    ]
    assert list(root.rglob("*.pyc")) == []


def test_what_is_installed_is_the_standard_library_and_site_packages() -> None:
    assert is_installed(os.path.realpath(os.__file__))
    assert is_installed(os.path.realpath(pytest.__file__))
    assert not is_installed(os.path.realpath(__file__))
    assert not is_installed("/")
    assert "json" in installed_modules(set()) or "json" not in sys.modules
    assert not any(name.partition(".")[0] in ("portable", "portable_local") for name in installed_modules(set()))
    assert sources_first.__module__ == "portable_local.modules"
