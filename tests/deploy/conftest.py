"""Projects and wheels for tests of packages; none of them needs a network but for the examples."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes files, `{path: text or bytes}`, into a new project and returns its folder."""

    def make(files: dict[str, str | bytes], name: str = "project") -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else textwrap.dedent(content).encode())
        return folder

    return make


@pytest.fixture
def kept(pytestconfig: pytest.Config) -> Path:
    """A cache that lasts: what the examples need comes from the network once."""
    assert pytestconfig.cache is not None
    return pytestconfig.cache.mkdir("portable-bundles")


@pytest.fixture
def cache(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, but for portable's own byte code, which is the same for all of them."""
    folder = tmp_path / "cache"
    folder.mkdir()
    (kept / "portable").mkdir(exist_ok=True)
    (folder / "portable").symlink_to(kept / "portable")
    monkeypatch.setenv("PORTABLE_CACHE", str(folder))
    return folder


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all that uv knows of; nothing else is asked."""
    folder = tmp_path / "index"
    folder.mkdir()
    (tmp_path / "empty-index").mkdir()
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "empty-index").as_uri())
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return folder
