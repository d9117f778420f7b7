"""Importing the user's app in a child: always from its sources as they are now, and what it dragged in."""

import hashlib
import importlib.util
import marshal
import os
import site
import sys
import sysconfig
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from types import CodeType
from typing import Any, ClassVar

OURS = ("portable", "portable_local")
INSTALLED = tuple(
    {
        os.path.realpath(folder) + os.sep
        for folder in (
            *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
            *site.getsitepackages(),
            site.getusersitepackages(),
        )
    }
)


class FreshLoader(SourceFileLoader):
    """Loads a module from its source, never from a .pyc: two edits within a second can share time and size.

    Byte code is kept by the hash of the source, so that an unchanged file is not compiled again.
    """

    cache = ""
    served: ClassVar[dict[str, str]] = {}
    """The files that are to be what they were, with the names of their byte code in the cache."""
    found: ClassVar[dict[str, str]] = {}
    """The same for what this process has imported."""

    def get_code(self, fullname: str) -> CodeType | None:
        path = self.get_filename(fullname)
        name = self.served.get(path)
        code = self._kept(name) if name is not None else None
        if name is not None and code is not None:
            self.found[path] = name
            return code
        source = self.get_data(path)
        if not self.cache:
            return self.source_to_code(source, path)
        digest = hashlib.blake2b(source, digest_size=20, key=importlib.util.MAGIC_NUMBER)
        digest.update(os.fsencode(path))
        name = self.found[path] = digest.hexdigest()
        code = self._kept(name)
        if code is None:
            code = self.source_to_code(source, path)
            keep(os.path.join(self.cache, name), marshal.dumps(code))
        return code

    def _kept(self, name: str) -> CodeType | None:
        """Byte code from the cache; None if it is not there yet, or cut off."""
        try:
            with open(os.path.join(self.cache, name), "rb") as file:
                code = marshal.load(file)  # noqa: S302 - written by this loader into a folder of the same user, like a .pyc
        except (OSError, EOFError, ValueError, TypeError):
            return None
        return code if isinstance(code, CodeType) else None


def keep(path: str, data: bytes) -> None:
    """Writes a cache file whole or not at all; a full or read-only disk only costs the time to compile again."""
    temporary = f"{path}.{os.getpid()}"
    try:
        # What is found here is run: it is this user's alone, wherever the folder is.
        with open(temporary, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        return


def sources_first(root: str, cache: str, served: dict[str, str]) -> dict[str, str]:
    """Puts `root` first on the path and has its modules loaded by FreshLoader; what it will have loaded."""
    found: dict[str, str] = {}
    loader = type("ProjectLoader", (FreshLoader,), {"cache": cache, "served": served, "found": found})
    finder = FileFinder.path_hook((ExtensionFileLoader, EXTENSION_SUFFIXES), (loader, [".py"]))
    home = os.path.realpath(root)

    def hook(path: str) -> Any:
        real = os.path.realpath(path)
        if (real != home and not real.startswith(home + os.sep)) or is_installed(real + os.sep):
            raise ImportError(f"{path} is outside the project")
        return finder(path)

    added: Callable[[str], Any] = hook
    sys.path_hooks.insert(0, added)
    # By their text, because asking the disk about each of some hundred paths takes longer than the import.
    inside = (home, root, *(path for path in sys.path if path and os.path.realpath(path).startswith(home)))
    for path in list(sys.path_importer_cache):
        if path.startswith(inside):
            del sys.path_importer_cache[path]
    # Where it stands already (the current folder, PYTHONPATH) it would come later.
    sys.path[:] = [root, *(path for path in sys.path if path != root)]
    sys.dont_write_bytecode = True
    return found


def is_installed(path: str) -> bool:
    """Whether a file belongs to the standard library or to an installed package."""
    return path.startswith(INSTALLED)


def installed_modules(known: set[str]) -> list[str]:
    """The loaded modules of installed packages that are not in `known`, in the order of their import."""
    found: list[str] = []
    for name, module in list(sys.modules.items()):
        if name in known or name.startswith("_") or name.partition(".")[0] in OURS:
            continue
        specification = getattr(module, "__spec__", None)
        origin = getattr(specification, "origin", None)
        if specification is None or specification.name != name or not isinstance(origin, str):
            continue
        if origin in ("built-in", "frozen") or is_installed(os.path.realpath(origin)):
            found.append(name)
    return found
