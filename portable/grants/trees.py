"""Walks over syntax trees: lists, not generators, without what holds nothing: most of what a look at code takes.

`ast.walk` asks every node for all of its fields. Here names and constants are not asked at all, and fields that can
only be texts or operators are not looked at: contexts (`ast.Load`) and operators are not among the nodes.
"""

import ast
from typing import Any

NO_NODES = frozenset(("arg", "asname", "attr", "ctx", "id", "level", "lineno", "module", "op", "ops", "type_comment"))
"""Fields that hold no node, or an operator, in whatever kind of node they are."""
LEAVES = (ast.Name, ast.Constant, ast.alias, ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal)
_fields: dict[type[Any], tuple[str, ...]] = dict.fromkeys(LEAVES, ())


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below one, as `ast.iter_child_nodes` has them, but for contexts and operators."""
    kind = type(node)
    fields = _fields.get(kind)
    if fields is None:
        fields = _fields[kind] = tuple(name for name in kind._fields if name not in NO_NODES)
    found: list[ast.AST] = []
    for name in fields:
        value: Any = getattr(node, name, None)
        if type(value) is list:
            entries: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
            # An entry may be None: a key of `{**more}`.
            found += [one for one in entries if isinstance(one, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def walk(root: ast.AST) -> list[ast.AST]:
    """A node and all below it, as `ast.walk` has them, but for contexts and operators."""
    found = [root]
    # It grows while it is gone through.
    for node in found:
        if type(node) not in LEAF_KINDS:
            found += children(node)
    return found


LEAF_KINDS = frozenset(LEAVES)
