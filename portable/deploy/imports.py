"""What the app's files import, as their syntax trees say it."""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from portable.errors import Location


class Imports(NamedTuple):
    """Top-level names of modules that the app's files import.

    `direct` are those that are imported whenever the file is, and where first: not in a function or a try. `later` are
    those that a function imports when it is called, and not in a try.
    """

    direct: dict[str, Location]
    anywhere: frozenset[str]
    later: dict[str, Location]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Imports":
        """As it was, from JSON."""
        direct, later = ({name: Location(*where) for name, where in value[key].items()} for key in ("direct", "later"))
        return cls(direct, frozenset(value["anywhere"]), later)


def imports_of(trees: Mapping[str, ast.Module]) -> Imports:
    """The imports of trees by the whole path of their file."""
    anywhere, later = all_imports(trees)
    return Imports(direct_imports(trees), frozenset(anywhere), later)


def parsed(root: Path, files: Iterable[str]) -> dict[str, ast.Module]:
    """The app's files as trees, by their whole path; what is no Python is not among them."""
    found: dict[str, ast.Module] = {}
    for name in files:
        if name.endswith(".py"):
            try:
                found[str(root / name)] = ast.parse((root / name).read_bytes())
            except (SyntaxError, ValueError):
                continue
    return found


def direct_imports(trees: Mapping[str, ast.Module]) -> dict[str, Location]:
    """Top-level names that the app's files import whenever they are imported, and where: not in a function or a try."""
    found: dict[str, Location] = {}
    for file, tree in trees.items():
        for node in tree.body:
            for module in _imported(node):
                found.setdefault(module, Location(file, node.lineno))
    return found


def all_imports(trees: Mapping[str, ast.Module]) -> tuple[set[str], dict[str, Location]]:
    """Top-level names that the app's files import anywhere; and those of functions that are not in a try, and where."""
    found: set[str] = set()
    later: dict[str, Location] = {}
    for file, tree in trees.items():
        stack: list[tuple[ast.AST, bool, bool]] = [(tree, False, False)]
        while stack:
            node, is_later, is_tried = stack.pop()
            for module in _imported(node):
                found.add(module)
                if is_later and not is_tried:
                    # The last one that is met is the first one of its file.
                    known = later.get(module)
                    if known is None or known.file == file:
                        later[module] = Location(file, cast("ast.stmt", node).lineno)
            is_later = is_later or isinstance(node, FUNCTIONS)
            is_tried = is_tried or isinstance(node, TRIES)
            # Nothing in an expression imports, and expressions are most of a file.
            for name in BLOCKS:
                stack += [(inner, is_later, is_tried) for inner in getattr(node, name, ())]
    return found, later


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
TRIES = (ast.Try, ast.TryStar)
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Fields of nodes that hold statements, or what holds them."""


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.partition(".")[0]]
    return []
