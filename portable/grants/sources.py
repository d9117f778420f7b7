"""Where code comes from: which files are the app's, and the syntax tree of a live function.

Only files that are neither portable's own, nor the standard library's, nor an installed package's are read.
"""

import ast
import functools
import inspect
import os
import site
import sys
import sysconfig
import tokenize
import weakref
from collections.abc import Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple, cast

from .trees import children, walk

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def installed_folders() -> tuple[str, ...]:
    """Folders whose files are not the app's."""
    paths = sysconfig.get_paths()
    found = [paths.get(name, "") for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    found += [*site.getsitepackages(), site.getusersitepackages()]
    found.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return tuple({os.path.realpath(folder) + os.sep for folder in found if folder})


INSTALLED = installed_folders()
SUITE = "portable.testing.conformance"
"""Its tests declare apps: what is in it counts as theirs, wherever it is installed."""
SUITE_FOLDER = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "testing", "conformance")) + os.sep
COMPUTED = (property, functools.cached_property, classmethod, staticmethod)
_known_files: dict[str, bool] = {}


def is_app_file(file: str | None) -> bool:
    """Whether a source file belongs to the app."""
    if not file or file.startswith("<"):
        return False
    known = _known_files.get(file)
    if known is None:
        real = os.path.realpath(file)
        known = _known_files[file] = real.startswith(SUITE_FOLDER) or not real.startswith(INSTALLED)
    return known


def is_ours(module: object) -> bool:
    """Whether a module's name is portable's or an adapter's."""
    name = str(module)
    package = name.partition(".")[0]
    return (package == "portable" and not name.startswith(SUITE)) or package.startswith("portable_")


def is_app_module(module: Any) -> bool:
    """Whether a loaded module is one of the app's."""
    name = getattr(module, "__name__", "")
    return not is_ours(name) and is_app_file(getattr(module, "__file__", None))


def is_app_function(function: object) -> bool:
    """Whether a function's code is the app's (generated code of an app's module counts)."""
    if not isinstance(function, FunctionType):
        return False
    names = function.__globals__
    if is_ours(names.get("__name__", "")):
        return False
    file = function.__code__.co_filename
    if is_app_file(file):
        return True
    return file.startswith("<") and is_app_file(names.get("__file__"))


_known_classes: "weakref.WeakKeyDictionary[type, bool]" = weakref.WeakKeyDictionary()


def is_app_class(cls: type) -> bool:
    """Whether a class is defined by the app."""
    known = _known_classes.get(cls)
    if known is None:
        known = _known_classes[cls] = _is_app_class(cls)
    return known


def _is_app_class(cls: type) -> bool:
    name = cls.__module__
    if name == "builtins" or is_ours(name):
        return False
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if file is not None and not file.startswith("<"):
        return is_app_file(file)
    if module is not None and name != "__main__" and getattr(module, "__spec__", None) is not None:
        return False
    # Defined by code that is no module any more: its functions tell.
    return any(is_app_function(plain(value)) for value in members(cls).values())


def plain(value: Any) -> Any:
    """The function inside a staticmethod, classmethod or property."""
    if isinstance(value, staticmethod | classmethod):
        return getattr(value, "__func__", None)  # pyright: ignore[reportUnknownArgumentType]
    return value.fget if isinstance(value, property) else value


def members(thing: Any) -> Mapping[str, Any]:
    """What an object, a class or a module holds by name; nothing of one without a `__dict__`."""
    try:
        return cast("Mapping[str, Any]", vars(thing))  # pyright: ignore[reportUnknownArgumentType]
    except TypeError:
        return {}


def own_attribute(thing: Any, name: str, default: Any = None) -> Any:
    """An attribute that an object has, as `getattr` gives it, but without running code of the app's."""
    kind = class_of(thing)
    if kind is FunctionType or kind is ModuleType:
        return members(thing).get(name, default) if kind is ModuleType else getattr(thing, name, default)
    if not is_app_class(kind):
        try:
            return getattr(thing, name, default)
        except Exception:  # a library's proxy of something that is not there outside a request
            return default
    found: Any = inspect.getattr_static(thing, name, default)
    return found if class_of(found) not in COMPUTED else default


def class_of(thing: object) -> type[Any]:
    """`type(thing)`, of any type."""
    return type(thing)


class Scope(NamedTuple):
    """The names of one function: which are its own, which of those inner functions use, which are declared global."""

    own: frozenset[str]
    shared: frozenset[str]
    global_names: frozenset[str]
    outer_names: frozenset[str]
    is_generator: bool


class Source:
    """One parsed file."""

    def __init__(self, file: str) -> None:
        self.file = file
        with tokenize.open(file) as opened:
            self.tree: ast.Module = ast.parse(opened.read(), file)
        self.by_line: dict[int, list[Definition]] = {}
        for node in walk(self.tree):
            if isinstance(node, ast.ClassDef):
                # Outer classes come first, and a name that was marked is not marked again.
                mark_private(node, node.name)
            elif isinstance(node, DEFINITIONS):
                decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
                line = decorators[0].lineno if decorators else node.lineno
                self.by_line.setdefault(line, []).append(node)

    def find(self, code: CodeType) -> list[Definition]:
        """The definitions that a code object may have been compiled from; several lambdas can share a line."""
        wanted = [node for node in self.by_line.get(code.co_firstlineno, ()) if name_of(node) == code.co_name]
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        return [node for node in wanted if argument_names(node) == names]


def mark_private(node: ast.AST, cls: str) -> None:
    """Gives private names (`self.__table`) in a class the form that they have at run time, with the class in front."""
    for part in children(node):
        if isinstance(part, ast.Attribute):
            part.attr = mangled(part.attr, cls)
        elif isinstance(part, ast.Name):
            part.id = mangled(part.id, cls)
        elif isinstance(part, ast.arg):
            part.arg = mangled(part.arg, cls)
        mark_private(part, part.name if isinstance(part, ast.ClassDef) else cls)


def mangled(name: str, cls: str) -> str:
    if not name.startswith("__") or name.endswith("__") or "." in name or not cls.strip("_"):
        return name
    return f"_{cls.lstrip('_')}{name}"


def name_of(node: Definition) -> str:
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def argument_names(node: Definition) -> tuple[str, ...]:
    """As code objects have them: positional ones, then those by keyword only."""
    spec = node.args
    return tuple(mangled.arg for mangled in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs))


class Library:
    """The parsed files of one analysis; a file that changed since it was parsed is parsed again."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[tuple[int, int], Source | None]] = {}
        self._scopes: dict[int, tuple[Definition, Scope]] = {}

    def source(self, file: str) -> Source | None:
        """None for a file that cannot be read or is not Python."""
        try:
            status = os.stat(file)
        except OSError:
            return None
        stamp = (status.st_mtime_ns, status.st_size)
        kept = self._sources.get(file)
        if kept is None or kept[0] != stamp:
            try:
                source: Source | None = Source(file)
            except (OSError, SyntaxError, ValueError, RecursionError):
                source = None
            kept = self._sources[file] = (stamp, source)
        return kept[1]

    def definitions(self, function: FunctionType) -> list[Definition]:
        """What a live function was written as; empty when its source cannot be had."""
        source = self.source(function.__code__.co_filename)
        return source.find(function.__code__) if source is not None else []

    def scope(self, node: Definition) -> Scope:
        kept = self._scopes.get(id(node))
        if kept is None:
            kept = self._scopes[id(node)] = (node, scope_of(node))
        return kept[1]


LIBRARY = Library()
"""Kept between analyses, so that a test suite parses each file once."""


def scope_of(node: Definition) -> Scope:
    """Which names of a function are its own. Names of comprehensions count as the function's."""
    spec = node.args
    own = set(argument_names(node))
    own.update(extra.arg for extra in (spec.vararg, spec.kwarg) if extra is not None)
    global_names: set[str] = set()
    outer_names: set[str] = set()
    inner: set[str] = set()
    generator = False
    body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
    while body:
        part = body.pop()
        if type(part) is ast.Name:
            # Most of a function are names, and so each is asked the least.
            if type(part.ctx) is ast.Store:
                own.add(part.id)
            continue
        if isinstance(part, DEFINITIONS):
            if not isinstance(part, ast.Lambda):
                own.add(part.name)
                body.extend(part.decorator_list)
            body.extend([*part.args.defaults, *(value for value in part.args.kw_defaults if value is not None)])
            inner |= used_names(part)
            continue
        if isinstance(part, ast.ClassDef):
            own.add(part.name)
            inner |= used_names(part)
            body.extend([*part.bases, *part.decorator_list, *(keyword.value for keyword in part.keywords)])
            continue
        if isinstance(part, ast.Global):
            global_names.update(part.names)
        elif isinstance(part, ast.Nonlocal):
            outer_names.update(part.names)
        elif isinstance(part, ast.Yield | ast.YieldFrom):
            generator = True
        elif isinstance(part, BINDING):
            own.update(bound_names(part))
        body += children(part)
    own -= global_names | outer_names
    return Scope(frozenset(own), frozenset(own & inner), frozenset(global_names), frozenset(outer_names), generator)


BINDING = (ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping)


def bound_names(node: ast.AST) -> list[str]:
    """The names that one node binds by itself."""
    if type(node) is ast.Name:
        return [node.id] if type(node.ctx) is ast.Store else []
    if isinstance(node, ast.Import):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        return [node.name] if node.name else []
    if isinstance(node, ast.MatchMapping):
        return [node.rest] if node.rest else []
    return []


def used_names(node: ast.AST) -> set[str]:
    """Every name in a definition, and those that it takes from outside by name."""
    found: set[str] = set()
    for part in walk(node):
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Nonlocal):
            found.update(part.names)
    return found
