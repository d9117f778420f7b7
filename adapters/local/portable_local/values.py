"""Params and secrets: one JSON file each, for this user only, replaced whole."""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

from portable.errors import ConfigurationError

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
    except ValueError:
        found = None
    values = cast("dict[str, Any]", found) if isinstance(found, dict) else None
    if values is None or any(not isinstance(value, str) for value in values.values()):
        raise ConfigurationError(f"{path} is no JSON object of texts", hint="repair or remove it")
    return values


def write_value(folder: Path, kind: Kind, name: str, value: str | None) -> None:
    """Sets a value, or with None removes it. A crash leaves the file as it was or as it is to be."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _writing, folder_lock(folder):
        values = read_values(folder, kind)
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value
        path = value_file(folder, kind)
        partial = path.with_name(f"{path.name}.{os.getpid()}.part")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(values, file, indent=1, sort_keys=True, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        folder_descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder_descriptor)
        finally:
            os.close(folder_descriptor)


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
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
