"""Params and secrets: one JSON file each, for this user only, replaced whole."""

import fcntl
import json
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

from portable.errors import ConfigurationError, InvalidArgument, Unavailable, Unknown

from .store import crash_points
from .store.owner import make_folder, sync_folder
from .tables import classify_store

Kind = Literal["param", "secret"]

FILES = {"param": "params.json", "secret": "secrets.json"}

_writing = threading.Lock()


def value_file(folder: Path, kind: Kind) -> Path:
    return folder / FILES[kind]


def read_values(folder: Path, kind: Kind) -> dict[str, str]:
    """All values by qualified name. Raises ConfigurationError for a file that is damaged; it never shows a value."""
    path = value_file(folder, kind)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}", hint="repair or remove it") from None
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    values = cast("dict[str, Any]", found) if isinstance(found, dict) else None
    if values is None or any(not isinstance(value, str) for value in values.values()):
        raise ConfigurationError(f"{path} is no JSON object of texts", hint="repair or remove it")
    return values


def write_value(folder: Path, kind: Kind, name: str, value: str | None) -> None:
    """Sets a value, or with None removes it. A crash leaves the file as it was or as it is to be."""
    path = value_file(folder, kind)
    if value is not None:
        check_text(kind, name, value)
    try:
        make_folder(folder)
        with _writing, folder_lock(folder):
            values = read_values(folder, kind)
            if value is None:
                values.pop(name, None)
            else:
                values[name] = value
            replace(path, values)
    except OSError as error:
        raise Unavailable(
            f"{path} is as it was, it cannot be written: {error.strerror or error}",
            hint="free some space on the disk, or see who may write there",
        ) from error
    try:
        sync_folder(folder)
    except OSError as error:
        raise Unknown(f"the disk did not confirm that {path} is written: {error.strerror or error}") from error


def check_text(kind: Kind, name: str, value: str) -> None:
    """Raises InvalidArgument, which does not show the value, for what UTF-8 has no bytes for."""
    try:
        value.encode()
    except UnicodeEncodeError:
        # Not `from` it, as it has the value.
        fault = InvalidArgument(f"{kind} {name!r}: the value is no text of UTF-8", hint="give it as UTF-8")
    else:
        return
    raise fault


def replace(path: Path, values: dict[str, str]) -> None:
    """Writes the file anew beside itself, and puts it in its place when it is on the disk."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(values, file, indent=1, sort_keys=True, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        crash_points.reach("values-written")
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    crash_points.reach("values-replaced")


@contextmanager
def folder_lock(folder: Path) -> Generator[None]:
    """Keeps two commands that write values from losing one another's."""
    descriptor = os.open(folder / "values.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class LocalValue:
    """Reads one param or secret; `name` is its qualified name. The SDK keeps what it read for five minutes."""

    def __init__(self, folder: Path, kind: Kind, name: str) -> None:
        self._folder = folder
        self._kind: Kind = kind
        self._name = name

    classify = staticmethod(classify_store)

    def read(self) -> str | None:
        return read_values(self._folder, self._kind).get(self._name)
