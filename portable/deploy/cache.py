"""What was made before and would be made again the same: byte code, and dependencies as they lie in a zip.

Kept in the user's cache folder by the digest of all that it was made from; without the folder all takes longer.
"""

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .archive import Entry, read_zip, sha256, zip_bytes

FORMAT = 2
"""Goes into every key: what an older portable kept is not read."""
VARIABLE = "PORTABLE_CACHE"


def cache_folder() -> Path:
    """PORTABLE_CACHE, or `portable` in the user's cache folder.

    https://specifications.freedesktop.org/basedir-spec/latest/
    """
    chosen = os.environ.get(VARIABLE)
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base and os.path.isabs(base) else Path.home() / ".cache") / "portable"


def key_of(value: Any) -> str:
    """A key from JSON-able values."""
    return sha256(json.dumps([FORMAT, value], sort_keys=True).encode())


class Kept:
    """Entries of zips, and what is to be known of them, by key."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder: Path = folder / kind

    def find(self, key: str) -> tuple[dict[str, Entry], Any] | None:
        """What is kept under `key`: its entries, and what was noted. None for nothing, or for what is damaged."""
        place = self.folder / key
        try:
            noted = json.loads((place / "noted.json").read_text(encoding="utf-8"))
            return read_zip(place / "entries.zip", noted["files"]), noted["value"]
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return None

    def keep(self, key: str, entries: Mapping[str, Entry], value: Any) -> None:
        """Keeps it, whole or not at all; somebody else may do the same at the same time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".", dir=self.folder))
        try:
            noted = {"files": {name: one[:2] for name, one in sorted(entries.items())}, "value": value}
            (made / "noted.json").write_text(json.dumps(noted), encoding="utf-8")
            (made / "entries.zip").write_bytes(zip_bytes(entries))
            place = self.folder / key
            if place.exists() and self.find(key) is None:
                shutil.rmtree(place, ignore_errors=True)
            try:
                made.rename(place)
            except OSError:
                if self.find(key) is None:
                    raise
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def replace(self, key: str, entries: Mapping[str, Entry], value: Any) -> None:
        """Keeps it in the place of what was kept before."""
        shutil.rmtree(self.folder / key, ignore_errors=True)
        self.keep(key, entries, value)

    def of(self, key: str, make: Callable[[], tuple[dict[str, Entry], Any]]) -> tuple[dict[str, Entry], Any]:
        """What is kept under `key`, made if it is not."""
        found = self.find(key)
        if found is None:
            found = make()
            self.keep(key, *found)
        return found
