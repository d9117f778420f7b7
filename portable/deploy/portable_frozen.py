"""Imports portable's runtime half in a deployed function: from one file of byte code, `portable.frozen`.

It is copied into bundles as it is. One file instead of eighty is read quicker, and is a quarter of the size; what is in
it was made by compiling.py. A module that is not in it is looked for as any other.
"""

import sys
from typing import Any

FILE = "portable.frozen"


def slow_field(index: int, doc: str) -> Any:
    """A property of an element of a tuple."""
    from operator import itemgetter

    return property(itemgetter(index), doc=doc)


field: Any = getattr(sys.modules.get("_collections"), "_tuplegetter", slow_field)
"""The same, as namedtuple has it; typing has loaded that."""
new_tuple: Any = getattr(tuple, "__new__")  # noqa: B009 - its type says less than Any


class Record(tuple[Any, ...]):
    """What a NamedTuple of portable's is in a bundle: the same as typing makes, but made when it was compiled."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    @classmethod
    def _make(cls, values: Any) -> Any:
        made = new_tuple(cls, values)
        if len(made) != len(cls._fields):
            raise TypeError(f"Expected {len(cls._fields)} arguments, got {len(made)}")
        return made

    def _replace(self, /, **changed: Any) -> Any:
        made = self._make(map(changed.pop, self._fields, self))
        if changed:
            raise (TypeError if sys.version_info >= (3, 13) else ValueError)(
                f"Got unexpected field names: {list(changed)!r}"
            )
        return made

    __replace__ = _replace

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self))  # noqa: B905 - as long as one another

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self))  # noqa: B905
        return f"{type(self).__name__}({shown})"

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)


class Frozen:
    """Finder and loader (importlib.abc.MetaPathFinder, Loader) of what is in one file: modules, and files they read."""

    def __init__(self, folder: str) -> None:
        import marshal
        import zlib

        with open(f"{folder}/{FILE}", "rb") as file:
            found: Any = marshal.loads(zlib.decompress(file.read()))  # noqa: S302
        self.modules: dict[str, tuple[bool, bytes]] = found[0]
        self.files: dict[str, bytes] = found[1]
        self.load: Any = marshal.loads
        self.folder: str = folder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002
        found = self.modules.get(name)
        if found is None:
            return None
        is_package = found[0]
        loader: Any = self
        spec: Any = type(__spec__)(name, loader, origin=self.file(name, is_package=is_package), is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations.append(f"{self.folder}/{name.replace('.', '/')}")
        return spec

    def create_module(self, spec: Any) -> None:
        """The usual kind of module."""

    def get_code(self, name: str) -> Any:
        from _imp import _fix_co_filename  # type: ignore[attr-defined]  # as importlib does

        is_package, code = self.modules[name]
        found = self.load(code)
        # Where the bundle lies elsewhere than it was made for, as in a test.
        _fix_co_filename(found, self.file(name, is_package=is_package))
        return found

    def get_data(self, path: str) -> bytes:
        """A file that lies beside the modules (importlib.abc.ResourceLoader)."""
        found = self.files.get(path[len(self.folder) + 1 :])
        if found is None:
            raise FileNotFoundError(2, "no file of portable's", path)
        return found

    def file(self, name: str, *, is_package: bool) -> str:
        """Where the source would be."""
        base = f"{self.folder}/{name.replace('.', '/')}"
        return f"{base}/__init__.py" if is_package else f"{base}.py"

    def exec_module(self, module: Any) -> None:
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - what an import is


def install(folder: str) -> None:
    """Has portable imported from the file in `folder`, if it is there; a bundle without byte code has sources."""
    try:
        sys.meta_path.insert(0, Frozen(folder))
    except FileNotFoundError:
        return
