"""Walks over syntax trees: lists, not generators, without what holds nothing: most of what a look at code takes.

`ast.walk` asks every node for all of its fields. Here names and constants are not asked at all, and fields that can
only be texts or operators are not looked at: contexts (`ast.Load`) and operators are not among the nodes.
"""

import ast
from typing import Any

NO_NODES = frozenset(
    (
        *("arg", "asname", "attr", "conversion", "ctx", "id", "is_async", "kwd_attrs", "level", "lineno", "module"),
        *("name", "op", "ops", "rest", "simple", "type_comment"),
    )
)
"""Fields that hold no node, or an operator, in whatever kind of node they are; but for TypeAlias, whose name is one."""
GAPS = ("keys", "kw_defaults")
"""Fields in whose lists an entry may be missing: a key of `{**more}`."""
LEAVES = (ast.Name, ast.Constant, ast.alias, ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal)
_fields: dict[type[Any], tuple[str, ...]] = dict.fromkeys(LEAVES, ())


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below one, as `ast.iter_child_nodes` has them, but for contexts and operators."""
    kind = type(node)
    fields = _fields.get(kind)
    if fields is None:
        fields = _fields[kind] = fields_of(kind)
    found: list[ast.AST] = []
    values: dict[str, Any] = node.__dict__
    for name in fields:
        value = values.get(name)
        # None, and lists of nothing, are most of all.
        if not value:
            continue
        if type(value) is list:
            entries: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
            found += entries if name not in GAPS else [one for one in entries if one is not None]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    """The fields of a kind of node in which there are nodes."""
    return tuple(
        name for name in kind._fields if name not in NO_NODES or (name, kind.__name__) == ("name", "TypeAlias")
    )


def walk(root: ast.AST) -> list[ast.AST]:
    """A node and all below it, as `ast.walk` has them, but for contexts and operators."""
    found = [root]
    # It grows while it is gone through.
    for node in found:
        if type(node) not in LEAF_KINDS:
            found += children(node)
    return found


LEAF_KINDS = frozenset(LEAVES)
