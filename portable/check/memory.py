"""Module-level state that handlers change: other instances do not see it, and it is gone when an instance is.

A cache is fine. It is told by its function also looking into what it fills; a counter is never one.
"""

import ast
import threading
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from portable.grants.sources import is_app_class
from portable.grants.trees import walk

from .scopes import UNRESOLVED, Piece

CONTAINERS = (dict, list, set, deque, defaultdict, Counter, OrderedDict)
ADDING = frozenset(("append", "appendleft", "extend", "extendleft", "insert", "add", "update"))
LOST = "is kept in this process only: other instances do not see it, and it goes with the instance"


def module_writes(piece: Piece) -> Iterator[tuple[ast.AST, str]]:
    """Statements that change a variable of the module, or a container that one holds."""
    for node in piece.own_nodes():
        if isinstance(node, ast.AugAssign):
            name = _changed(piece, node.target)
            if name is not None:
                yield node, f"what {name!r} counts {LOST}"
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                name = _changed(piece, target)
                if name is None:
                    continue
                if _computes_on(name, node.value) or not (_is_setting(piece, target) or _looks(piece, name, node)):
                    yield node, f"what {name!r} holds {LOST}"
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func
            if isinstance(function, ast.Attribute) and function.attr in ADDING:
                name = _container(piece, function.value)
                if name is not None and not _looks(piece, name, node):
                    yield node, f"what {name!r} holds {LOST}"


def _changed(piece: Piece, target: ast.AST) -> str | None:
    """The module's variable that an assignment changes, or the attribute of an object that one holds."""
    if isinstance(target, ast.Name):
        return target.id if target.id in piece.global_names and target.id in piece.names else None
    if isinstance(target, ast.Attribute):
        return _attribute(piece, target)
    return _container(piece, target.value) if isinstance(target, ast.Subscript) else None


def _attribute(piece: Piece, node: ast.Attribute) -> str | None:
    """`counter.visits`, where `counter` is of the app: an object that a module holds, a class, a module."""
    owner = piece.resolve(node.value)
    if owner is UNRESOLVED or not _is_held(piece, node.value):
        return None
    if isinstance(owner, threading.local) or not (isinstance(owner, ModuleType) or is_app_class(_class_of(owner))):
        return None
    return ast.unparse(node)


def _is_setting(piece: Piece, target: ast.AST) -> bool:
    """`locale.LANGUAGE = "de"`: a module's attribute that is set may be how a library is told something."""
    return isinstance(target, ast.Attribute) and isinstance(piece.resolve(target.value), ModuleType)


def _class_of(owner: Any) -> type[Any]:
    return owner if isinstance(owner, type) else type(owner)


def _is_held(piece: Piece, node: ast.AST) -> bool:
    """Whether an expression begins with a name of the module."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name) and node.id not in piece.closure and node.id in piece.names


def _container(piece: Piece, node: ast.AST) -> str | None:
    if not isinstance(node, ast.Name | ast.Attribute) or not _is_held(piece, node):
        return None
    value = piece.resolve(node)
    return ast.unparse(node) if value is not UNRESOLVED and type(value) in CONTAINERS else None


def _computes_on(name: str, value: ast.AST) -> bool:
    """`count = count + 1`, and not `client = client or connect()`."""
    return isinstance(value, ast.BinOp) and any(_is(part, name) for part in walk(value))


def _looks(piece: Piece, name: str, statement: ast.AST) -> bool:
    """Whether the function reads the variable anywhere but in this statement."""
    inside = {id(node) for node in walk(statement)}
    return any(_is(node, name) and id(node) not in inside for node in walk(piece.node))


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load) and ast.unparse(node) == name
