"""Where a package is written: a folder that is there whole, or is as it was before."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from portable import __version__
from portable.errors import Conflict

from .files import MARKER

FORMAT = 1


class NotOurs(Conflict):
    """The folder holds what no package left there: exit code 6."""

    exit_code = 6


def check_output(folder: Path) -> None:
    """Raises NotOurs unless the folder is not there, is empty, or was written by an earlier package."""
    if folder.is_dir() and not folder.is_symlink():
        if (folder / MARKER).is_file() or not any(folder.iterdir()):
            return
        raise NotOurs(f"{folder} has files that no package left there", hint="name a folder that is not there yet")
    if os.path.lexists(folder):
        raise NotOurs(f"{folder} is there and no folder", hint="name a folder that is not there yet")


def write_output(
    folder: Path, files: Mapping[str, bytes], about: Mapping[str, Any], *, same: Mapping[str, str] | None = None
) -> None:
    """Puts the files of a package into `folder`, in the place of an earlier one. `about` goes into the marker.

    `same` names files that have the contents of one of `files`: they take no space of their own where that can be.
    """
    check_output(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    before = made.with_name(f"{made.name}-before")
    try:
        made.chmod(0o755)
        # As texts: there is one for each function, and a Path takes longer than to write most of them.
        for inside in {os.path.dirname(name) for name in (*files, *(same or {}))}:
            os.makedirs(os.path.join(made, inside), exist_ok=True)
        for name, data in sorted(files.items()):
            (made / name).write_bytes(data)
        for name, other in sorted((same or {}).items()):
            link(os.path.join(made, other), os.path.join(made, name))
        marker = {"format": FORMAT, "portable": __version__, **about}
        (made / MARKER).write_text(json.dumps(marker, indent=1) + "\n", encoding="utf-8")
        check_output(folder)
        if folder.exists():
            folder.rename(before)
        try:
            made.rename(folder)
        except OSError:
            if before.exists():
                before.rename(folder)
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)


def link(source: str, target: str) -> None:
    """Makes `target` the same file as `source`, or a copy of it where a disk has no hard links, or no more of them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
