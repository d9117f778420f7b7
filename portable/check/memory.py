"""Module-level state that handlers change: other instances do not see it, and it is gone when an instance is.

A cache is fine. It is told by its function also looking into what it fills; a counter is never one.
"""

import ast
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator

from .scopes import UNRESOLVED, Piece

CONTAINERS = (dict, list, set, deque, defaultdict, Counter, OrderedDict)
ADDING = frozenset(("append", "appendleft", "extend", "extendleft", "insert", "add"))
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
                if name is not None and (_computes_on(name, node.value) or not _looks(piece, name, node)):
                    yield node, f"what {name!r} holds {LOST}"
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            function = node.value.func
            if isinstance(function, ast.Attribute) and function.attr in ADDING:
                name = _container(piece, function.value)
                if name is not None and not _looks(piece, name, node):
                    yield node, f"what {name!r} holds {LOST}"


def _changed(piece: Piece, target: ast.AST) -> str | None:
    """The module's variable that an assignment changes."""
    if isinstance(target, ast.Name):
        return target.id if target.id in piece.global_names and target.id in piece.names else None
    return _container(piece, target.value) if isinstance(target, ast.Subscript) else None


def _container(piece: Piece, node: ast.AST) -> str | None:
    if not isinstance(node, ast.Name) or node.id in piece.closure or node.id not in piece.names:
        return None
    value = piece.resolve(node)
    return node.id if value is not UNRESOLVED and type(value) in CONTAINERS else None


def _computes_on(name: str, value: ast.AST) -> bool:
    """`count = count + 1`, and not `client = client or connect()`."""
    return isinstance(value, ast.BinOp) and any(
        isinstance(part, ast.Name) and part.id == name for part in ast.walk(value)
    )


def _looks(piece: Piece, name: str, statement: ast.AST) -> bool:
    """Whether the function reads the variable anywhere but in this statement."""
    inside = {id(node) for node in ast.walk(statement)}
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load) and id(node) not in inside
        for node in ast.walk(piece.node)
    )
