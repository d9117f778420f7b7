"""What the app's files import, as their syntax trees say it."""

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from portable.errors import Location


class Imports(NamedTuple):
    """Top-level names of modules that the app's files import.

    `direct` are those that are imported whenever the file is, and where first: not in a function or a try.
    """

    direct: dict[str, Location]
    anywhere: frozenset[str]

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Imports":
        """As it was, from JSON."""
        direct = {name: Location(*where) for name, where in value["direct"].items()}
        return cls(direct, frozenset(value["anywhere"]))


def imports_of(trees: Mapping[str, ast.Module]) -> Imports:
    """The imports of trees by the whole path of their file."""
    return Imports(direct_imports(trees), frozenset(all_imports(trees)))


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


def all_imports(trees: Mapping[str, ast.Module]) -> set[str]:
    """Top-level names that the app's files import anywhere."""
    found: set[str] = set()
    stack: list[ast.AST] = list(trees.values())
    while stack:
        node = stack.pop()
        found.update(_imported(node))
        # Nothing in an expression imports, and expressions are most of a file.
        for name in BLOCKS:
            stack += getattr(node, name, ())
    return found


BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""Fields of nodes that hold statements, or what holds them."""


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.partition(".")[0]]
    return []
