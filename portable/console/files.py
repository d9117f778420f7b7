"""The packaged files of the pages: read once at start, found by their exact path, never by a path on the disk."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import NamedTuple

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
INDEX = "index.html"
FOLDER = "static"


class File(NamedTuple):
    content: bytes
    content_type: str
    etag: str


def packaged_files() -> dict[str, File]:
    """By the path of their URL; `/` is the page."""
    found: dict[str, File] = {}
    folder = files("portable.console").joinpath(FOLDER)
    if folder.is_dir():
        gather(folder, "/", found)
    if f"/{INDEX}" in found:
        found["/"] = found[f"/{INDEX}"]
    return found


def gather(folder: Traversable, path: str, found: dict[str, File]) -> None:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.name.startswith((".", "_")):
            continue
        if entry.is_dir():
            gather(entry, f"{path}{entry.name}/", found)
            continue
        content_type = TYPES.get("." + entry.name.rpartition(".")[2].lower())
        if content_type is not None:
            content = entry.read_bytes()
            etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
            found[f"{path}{entry.name}"] = File(content, content_type, etag)
