"""`portable doctor`: whether a data folder can be what it must be on this machine. Changes nothing that is there."""

import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

from portable.errors import PortableError

from .store.engine import Engine
from .store.owner import folder_owner
from .store.schema import DATABASE, open_reader
from .values import FILES

Check = tuple[str, bool, str]

LEAST_SQLITE = (3, 37, 0)


def diagnose(data: Path) -> list[Check]:
    """(what, whether it is fine, detail) for each check."""
    checks = [sqlite_version(), tried("sqlite in WAL mode, synced", lambda: probe(data))]
    owner = folder_owner(data) if data.is_dir() else None
    if owner is None:
        checks.append(("owner of the data folder", True, "nobody: no `portable dev` runs on it"))
    else:
        checks.append(("owner of the data folder", True, f"process {owner.get('pid')}, since {owner.get('since')}"))
    if (data / DATABASE).exists():
        checks.append(tried("integrity of the database", lambda: integrity(data)))
    checks.extend(value_files(data))
    return checks


def sqlite_version() -> Check:
    return ("sqlite", sqlite3.sqlite_version_info >= LEAST_SQLITE, sqlite3.sqlite_version)


def probe(data: Path) -> str:
    """Writes to a store of its own beside the data, on the same file system."""
    nearest = next(folder for folder in (data, *data.absolute().parents) if folder.is_dir())
    with tempfile.TemporaryDirectory(prefix=".portable-doctor-", dir=nearest) as folder:
        engine = Engine(Path(folder) / "data")
        try:
            engine.execute([("probe", {})])[0].unwrap()
            reader = open_reader(engine.folder)
            try:
                mode = reader.execute("PRAGMA journal_mode").fetchone()[0]
            finally:
                reader.close()
        finally:
            engine.close()
    if mode != "wal":
        raise OSError(f"the file system of {nearest} does not carry WAL: mode is {mode}")
    return f"works in {nearest}"


def integrity(data: Path) -> str:
    connection = open_reader(data)
    try:
        found = [row[0] for row in connection.execute("PRAGMA quick_check(3)")]
        items = connection.execute("SELECT count(*) FROM items").fetchone()[0]
    finally:
        connection.close()
    if found != ["ok"]:
        raise OSError("; ".join(found))
    return f"ok, {items:,} items"


def value_files(data: Path) -> list[Check]:
    """Params and secrets must be for this user alone."""
    checks: list[Check] = []
    for kind, name in FILES.items():
        try:
            status = os.stat(data / name)
        except OSError:
            continue
        mode = status.st_mode & 0o777
        checks.append((f"{kind}s file", mode & 0o077 == 0 and status.st_uid == os.getuid(), f"{name}, mode {mode:o}"))
    return checks


def tried(what: str, look: Callable[[], str]) -> Check:
    try:
        return (what, True, look())
    except (OSError, sqlite3.Error, PortableError) as error:
        return (what, False, str(error))
