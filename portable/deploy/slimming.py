"""Takes out of a module of portable's what nobody needs to run it: for the runtime half of a bundle.

A part of compiling.py, under the target's Python, and like it without anything of portable or of others.
"""

import ast
from types import CodeType
from typing import Any

RECORD, FIELD = "portable_frozen_Record", "portable_frozen_field"
"""Under which names a module has what its named tuples are made of."""


class Slim(ast.NodeTransformer):
    """Takes out what runs for nobody: docstrings, annotations of functions and variables, overloads, what is only for
    type checkers, and the methods of protocols. Annotations in classes stay: dataclasses and pydantic read them.

    A NamedTuple becomes the class that typing would make of it on every start, by compiling text: a third of all that
    an import of portable takes.
    """

    def __init__(self) -> None:
        self.in_class: bool = False
        self.has_records: bool = False

    def visit_Module(self, node: ast.Module) -> Any:
        node.body = self.body(node.body)
        used = used_names(node)
        node.body = [one for one in node.body if not is_import_of_nothing(one, used)]
        if self.has_records:
            names = [ast.alias("Record", RECORD), ast.alias("field", FIELD)]
            # Behind `from __future__ import`, which has to be first.
            at = sum(isinstance(one, ast.ImportFrom) and one.module == "__future__" for one in node.body)
            node.body.insert(at, ast.ImportFrom("portable_frozen", names, 0))
        return node

    def visit_If(self, node: ast.If) -> Any:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return [found for one in node.orelse for found in self.each(one)] or ast.copy_location(ast.Pass(), node)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        before, self.in_class = self.in_class, True
        bases = [base.id if isinstance(base, ast.Name) else "" for base in node.bases]
        is_plain = not node.decorator_list and not node.keywords
        if is_plain and "Protocol" in bases:
            # It is for type checkers: what implements it seldom says so, and nothing asks.
            node.bases = [base for base, name in zip(node.bases, bases, strict=True) if name != "Protocol"]
            node.body = [one for one in node.body if not is_declaration(one)]
        node.body = self.body(node.body)
        if is_plain and bases == ["NamedTuple"]:
            self.has_records = True
            node.bases = [ast.copy_location(ast.Name(RECORD, ast.Load()), node)]
            node.body = [*(ast.copy_location(one, node) for one in made_record(node.body)), *node.body]
        node.body = node.body or [ast.copy_location(ast.Pass(), node)]
        self.in_class = before
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return self.function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        return self.function(node)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Any:
        before, self.in_class = self.in_class, False
        node.returns = None
        given = node.args
        for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
            if argument is not None:
                argument.annotation = None
        self.visit(given)
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        node.body = self.body(node.body) or [ast.copy_location(ast.Pass(), node)]
        self.in_class = before
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        if self.in_class:
            return node
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "cast" and len(node.args) == 2 and not node.keywords:
            return node.args[1]
        return node

    def body(self, statements: list[ast.stmt]) -> list[Any]:
        return [found for one in statements if not is_nothing(one) for found in self.each(one)]

    def each(self, statement: ast.stmt) -> list[Any]:
        found: Any = self.visit(statement)
        if found is None:
            return []
        return [*found] if isinstance(found, list) else [found]


def is_nothing(node: ast.stmt) -> bool:
    """A docstring, another constant that stands alone, or one of the signatures of an overload."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return any(isinstance(one, ast.Name) and one.id == "overload" for one in node.decorator_list)
    return False


TYPING = ("collections.abc", "typing")
"""Modules whose names are for annotations, mostly. Nobody imports them from a module of portable's."""


def used_names(tree: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(tree) if isinstance(one, ast.Name)}


def is_import_of_nothing(node: ast.stmt, used: set[str]) -> bool:
    """Takes the names that nothing uses out of an import of typing's; whether none is left."""
    if not isinstance(node, ast.ImportFrom) or node.module not in TYPING:
        return False
    node.names = [name for name in node.names if (name.asname or name.name) in used]
    return not node.names


def is_declaration(node: ast.stmt) -> bool:
    """A method that does nothing: `...`, with or without a docstring."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    return all(isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant) for one in node.body)


def made_record(body: list[Any]) -> list[ast.stmt]:
    """What `typing.NamedTuple` adds to a class with this body. Defaults are moved out of `body`; annotations stay."""
    names: list[str] = []
    defaults: dict[str, ast.expr] = {}
    for one in body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            names.append(one.target.id)
            if one.value is not None:
                defaults[one.target.id] = one.value
                one.value = None
    # Of `f(a, b=d)` the parameter b has d; so has a class its own names while it is made.
    parameters = ", ".join(f"{name}=_field_defaults[{name!r}]" if name in defaults else name for name in names)
    values = "".join(f"{name}, " for name in names)
    text = [
        "__slots__ = ()",
        f"_fields = __match_args__ = {tuple(names)!r}",
        "_field_defaults = {}",
        f"def __new__(_cls, {parameters}): return tuple.__new__(_cls, ({values}))",
        *(f"{name} = {FIELD}({index}, 'Alias for field number {index}')" for index, name in enumerate(names)),
    ]
    found = ast.parse("\n".join(text)).body
    assigned: Any = found[2]
    assigned.value = ast.Dict([ast.Constant(name) for name in defaults], list(defaults.values()))
    return found


def slim(source: bytes, name: str) -> Any:
    """A module's tree without what is not needed to run it; lines are as they were."""
    return ast.fix_missing_locations(Slim().visit(ast.parse(source, name)))


LINE_ONLY = 13
"""An entry of a line table that has a line and no columns, in the four bits above its length and below its highest."""
SAME_LINE = 0
MOST_UNITS = 8


def with_short_lines(code: CodeType) -> CodeType:
    """The code with a shorter table of lines: the compiler makes an entry for each instruction, also of one line.

    https://github.com/python/cpython/blob/3.11/Objects/locations.md. Where the table says anything else afterwards, as
    it may in a Python that is not known here, it stays as it is.
    """
    inner = tuple(with_short_lines(one) if isinstance(one, CodeType) else one for one in code.co_consts)
    code = code.replace(co_consts=inner)
    shorter = code.replace(co_linetable=joined(code.co_linetable))
    return shorter if list(shorter.co_positions()) == list(code.co_positions()) else code


def joined(table: bytes) -> bytes:
    """A table of lines in which neighbours of one line are one entry, of at most eight units of code."""
    found = bytearray()
    last, position = -1, 0
    while position < len(table):
        first = table[position]
        end = position + 1
        while end < len(table) and not table[end] & 0x80:
            end += 1
        units = (first & 7) + 1
        if first >> 3 & 15 == LINE_ONLY and last >= 0 and table[position + 1 : end] == bytes([SAME_LINE]):
            before = (found[last] & 7) + 1
            if before + units <= MOST_UNITS:
                found[last] = found[last] & ~7 | before + units - 1
                position = end
                continue
        last = len(found) if first >> 3 & 15 == LINE_ONLY else -1
        found += table[position:end]
        position = end
    return bytes(found)
