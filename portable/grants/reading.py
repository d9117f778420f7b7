"""Going through the body of a function of the app, its statements in order.

Where ways part (if, loops, try) what variables may be is joined.
"""

import ast
import sys
from types import ModuleType
from typing import Any

from .atoms import (
    ALL,
    ANNOTATIONS,
    EMPTY,
    UNKNOWN,
    UNKNOWNS,
    Atom,
    Box,
    Instance,
    Live,
    Value,
    Written,
    WrittenClass,
    join,
)
from .expressions import COMPARED, SPECIAL, Expressions
from .kinds import is_container, is_type
from .relevance import Filled, Relevance
from .sources import class_of, is_app_class, is_app_module, members
from .state import Call, Code
from .trees import children, walk
from .variables import Frame

MOST_LOOPS = 4


class Analysis(Expressions):
    """The whole analysis."""

    line: int
    column: int

    def __init__(self, classes: list[type], relevance: Relevance, modules: set[str]) -> None:
        super().__init__(classes, relevance)
        self.modules = modules
        self.late: set[str] = set()
        self.frame: Frame

    def seen_module(self, module: ModuleType) -> None:
        if module.__name__ not in self.modules and is_app_module(module):
            self.late.add(module.__name__)

    def filled(self) -> Filled:
        """Where the code that was followed puts resources, or what leads to them."""
        objects: set[int] = set()
        names: set[tuple[int, str]] = set()
        attributes: set[str] = set()
        anywhere = False
        shared = self.read(UNKNOWN, "escaped") | self.read(UNKNOWN, "raised") | UNKNOWNS
        for owner, fields in self.heap.items():
            for key, value in fields.items():
                if key in ("escaped", "raised") or not self.carries([value]):
                    continue
                if isinstance(owner, Live):
                    objects.add(id(owner.held))
                    if isinstance(key, str):
                        names.add((id(owner.held), key))
                if owner in shared:
                    anywhere = anywhere or key == ALL
                    if isinstance(key, str):
                        attributes.add(key)
        return Filled(frozenset(objects), frozenset(names), frozenset(attributes), anywhere)

    def body(self, call: Call, code: Code) -> Value:
        kept = getattr(self, "frame", None)
        self.frame = frame = Frame(code, code.names)
        try:
            for name, value in call.parameters.items():
                self.set_name(name, value)
            if isinstance(code.node, ast.Lambda):
                frame.returned = self.expression(code.node.body)
            else:
                self.block(code.node.body)
        finally:
            if kept is not None:
                self.frame = kept
        if not code.scope.is_generator:
            return frame.returned
        box = Box((call.place, "generator"), "plain")
        self.write(box, ALL, frame.yielded | frame.returned)
        if frame.returned - UNKNOWNS and self.carries([frame.returned]):
            # StopIteration has it as `value`.
            self.write(UNKNOWN, "value", frame.returned)
        return frozenset((box,))

    def block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        self.line, self.column = node.lineno, node.col_offset
        method = getattr(self, f"_do_{type(node).__name__}", None)
        if method is not None:
            method(node)
            return
        for part in children(node):
            if isinstance(part, ast.expr):
                self.expression(part)

    def _do_Return(self, node: ast.Return) -> None:  # noqa: N802
        self.frame.returned |= self.expression(node.value)

    def _do_Assign(self, node: ast.Assign) -> None:  # noqa: N802
        value = self.expression(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _do_AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        if self.frame.cls is not None:
            self.write(self.frame.cls, ANNOTATIONS, self.annotation(node.annotation))
        if node.value is not None:
            self.assign(node.target, self.expression(node.value))

    def _do_AugAssign(self, node: ast.AugAssign) -> None:  # noqa: N802
        before, added = self.expression(self._as_load(node.target)), self.expression(node.value)
        made = self.special(before | added, SPECIAL[type(node.op)], [before | added])
        for atom in before:
            if isinstance(atom, Box) or (isinstance(atom, Live) and isinstance(atom.held, list | dict | set)):
                self.write(atom, ALL, self.contents(added))
        self.assign(node.target, before | added | made)

    @staticmethod
    def _as_load(target: ast.expr) -> ast.expr:
        return target

    def _do_Delete(self, node: ast.Delete) -> None:  # noqa: N802
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                for atom in self.expression(target.value):
                    if isinstance(atom, Box) or (isinstance(atom, Live) and is_container(atom.held)):
                        self.shuffle(atom)
                self.special(self.expression(target.value), ("__delitem__",), [self.expression(target.slice)])
            elif isinstance(target, ast.Attribute):
                for atom in self.expression(target.value):
                    self.delete_attribute(atom, target.attr)

    def _do_If(self, node: ast.If) -> None:  # noqa: N802
        self._truth(self.expression(node.test))
        self._ways([node.body, node.orelse])

    def _ways(self, blocks: list[list[ast.stmt]]) -> None:
        """Blocks of which one runs."""
        frame = self.frame
        before = frame.env
        after: list[dict[str, Value]] = []
        for statements in blocks:
            frame.env = dict(before)
            self.block(statements)
            after.append(frame.env)
        frame.env = merged(after)

    def _loop(self, body: list[ast.stmt], orelse: list[ast.stmt], start: Any) -> None:
        frame = self.frame
        for _ in range(MOST_LOOPS):
            before = dict(frame.env)
            start()
            self.block(body)
            frame.env = merged([before, frame.env])
            if frame.env == before:
                break
        else:
            # From here on variables only gain, so this comes to an end.
            frame.weak += 1
            before = {}
            while frame.env != before:
                before = dict(frame.env)
                start()
                self.block(body)
            frame.weak -= 1
        self.block(orelse)

    def _do_For(self, node: ast.For | ast.AsyncFor) -> None:  # noqa: N802
        iterated = self.expression(node.iter)
        self._loop(node.body, node.orelse, lambda: self.assign(node.target, self.contents(iterated)))

    _do_AsyncFor = _do_For  # noqa: N815

    def _do_While(self, node: ast.While) -> None:  # noqa: N802
        self._loop(node.body, node.orelse, lambda: self._truth(self.expression(node.test)))

    def _do_With(self, node: ast.With | ast.AsyncWith) -> None:  # noqa: N802
        for item in node.items:
            manager = self.expression(item.context_expr)
            entered = self.special(manager, ("__enter__", "__aenter__"), [])
            self.special(manager, ("__exit__", "__aexit__"), [EMPTY, EMPTY, EMPTY])
            if item.optional_vars is not None:
                others = frozenset(
                    atom
                    for atom in manager
                    if not isinstance(atom, Instance)
                    and not (isinstance(atom, Live) and is_app_class(class_of(atom.held)))
                )
                given = join(
                    self.contents_of(atom) for atom in others if isinstance(atom, Box) and gives_contents(atom)
                )
                self.assign(item.optional_vars, entered | others | given)
        self.block(node.body)

    _do_AsyncWith = _do_With  # noqa: N815

    def _do_Try(self, node: Any) -> None:  # noqa: N802
        frame = self.frame
        frame.weak += 1
        self.block(node.body)
        frame.weak -= 1
        blocks: list[list[ast.stmt]] = [node.orelse]
        before = frame.env
        after: list[dict[str, Value]] = []
        for handler in node.handlers:
            frame.env = dict(before)
            kinds = self.expression(handler.type)
            if handler.name:
                self.set_name(handler.name, self._caught(kinds))
            self.block(handler.body)
            after.append(frame.env)
        frame.env = dict(before)
        self.block(blocks[0])
        frame.env = merged([*after, frame.env])
        self.block(node.finalbody)

    _do_TryStar = _do_Try  # noqa: N815

    def _caught(self, kinds: Value) -> Value:
        """What an except clause may catch: what the app raises, and for a library's classes what libraries raise."""
        found: set[Any] = set()
        raised = self.read(UNKNOWN, "raised")
        classes = [kind for kind in self.deep(kinds) if isinstance(kind, WrittenClass) or is_live_type(kind)]
        for kind in classes:
            found |= {atom for atom in raised if isinstance(atom, Instance) and kind in self.mro(atom.cls)}
            if isinstance(kind, Live) and is_app_class(kind.held):
                found.add(Instance(kind, "typed"))
            else:
                found.add(UNKNOWN)
        return frozenset(found) if classes else raised | UNKNOWNS

    def _do_Raise(self, node: ast.Raise) -> None:  # noqa: N802
        raised = self.expression(node.exc)
        made: set[Any] = set()
        for atom in raised:
            if isinstance(atom, Live) and is_type(atom.held):
                made |= self.call_value(frozenset((atom,)), [], {})
            else:
                made.add(atom)
        self.write(UNKNOWN, "raised", frozenset(atom for atom in made if isinstance(atom, Instance)))
        self.expression(node.cause)

    def _do_Match(self, node: ast.Match) -> None:  # noqa: N802
        subject = self.expression(node.subject)
        everything = self.deep(subject) | self.contents(subject)
        frame = self.frame
        before = frame.env
        after = [dict(before)]
        for case in node.cases:
            frame.env = dict(before)
            for part in walk(case.pattern):
                self._match(part, subject, everything)
            self.expression(case.guard)
            self.block(case.body)
            after.append(frame.env)
        frame.env = merged(after)

    def _match(self, part: ast.AST, subject: Value, everything: Value) -> None:
        if isinstance(part, ast.MatchClass):
            self.special(self.expression(part.cls), ("__instancecheck__",), [subject])
            for name in part.kwd_attrs:
                found = self.attribute(everything, name)
                for pattern in part.kwd_patterns:
                    self._match(pattern, subject, found)
            fields = join(self.read_all(atom) for atom in everything)
            for atom in everything:
                if isinstance(atom, Live) and is_app_class(class_of(atom.held)):
                    fields |= join(self.live(value) for value in members(atom.held).values())
            for atom in everything:
                for name in self._match_names(atom):
                    fields |= self.attribute_of(atom, name)
            for pattern in part.patterns:
                self._match(pattern, subject, fields | everything)
        if isinstance(part, ast.MatchAs | ast.MatchStar) and part.name:
            self.set_name(part.name, self.read_name(part.name) | everything)
        elif isinstance(part, ast.MatchMapping) and part.rest:
            self.set_name(part.rest, everything)
        elif isinstance(part, ast.MatchValue):
            compared = subject | everything | self.expression(part.value)
            self.special(compared, COMPARED, [compared])
        if isinstance(part, ast.MatchSequence):
            self.special(subject | everything, ("__len__", "__getitem__", "__iter__"), [UNKNOWNS])
        elif isinstance(part, ast.MatchMapping):
            self.special(subject | everything, ("get", "keys", "__len__", "__getitem__", "__iter__"), [UNKNOWNS])

    def _match_names(self, atom: Atom) -> set[str]:
        """The attributes of an instance that patterns without names stand for."""
        cls = atom.cls if isinstance(atom, Instance) else None
        if isinstance(atom, Live) and is_app_class(class_of(atom.held)):
            cls = self.atom(class_of(atom.held))
        if cls is None:
            return set()
        listed = self.contents(self.lookup(cls, "__match_args__"))
        return {part.held for part in listed if isinstance(part, Live) and class_of(part.held) is str}

    def _do_Assert(self, node: ast.Assert) -> None:  # noqa: N802
        self._truth(self.expression(node.test))
        self.expression(node.msg)

    def _do_Import(self, node: ast.Import) -> None:  # noqa: N802
        for alias in node.names:
            whole = self.module(alias.name)
            if alias.asname:
                self.set_name(alias.asname, whole)
            else:
                top = alias.name.partition(".")[0]
                self.set_name(top, self.module(top))

    def _do_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802
        base = node.module or ""
        if node.level:
            package = str(self.frame.names.get("__package__") or self.frame.names.get("__name__", ""))
            if not package:
                self.unclear("a relative import outside a package")
                return
            parts = package.split(".")
            kept = parts[: len(parts) - node.level + 1]
            base = ".".join([*kept, base] if base else kept)
        found = self.module(base)
        for alias in node.names:
            if alias.name == "*":
                self.unclear(f"`from {base} import *` inside a function")
                continue
            value = self._imported(base, found, alias.name)
            self.set_name(alias.asname or alias.name, value)

    def _imported(self, base: str, module: Value, name: str) -> Value:
        for atom in module:
            if isinstance(atom, Live) and isinstance(atom.held, ModuleType) and not hasattr(atom.held, "__path__"):
                return self.attribute(module, name)
            if isinstance(atom, Live) and name in members(atom.held):
                return self.attribute(module, name)
        below = f"{base}.{name}"
        if below in sys.modules or (base in sys.modules and is_app_module(sys.modules[base])):
            found = self.module(below) if self._exists(below) else EMPTY
            if found:
                return found
        return self.attribute(module, name)

    def _exists(self, name: str) -> bool:
        return name in sys.modules or self.is_apps(name)

    def local_names(self, given: list[Value], named: dict[str, Value]) -> Value:  # noqa: ARG002
        """What `locals()` gives."""
        box = Box((self.file, "locals", self.call.place), "plain")
        for name in self.frame.code.scope.own:
            self.write(box, name, self.get_name(name))
        return frozenset((box,))

    def _do_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:  # noqa: N802
        made = self._written(node)
        for decorator in reversed(node.decorator_list):
            made = self._decorated(self.expression(decorator), made)
        self.set_name(node.name, made)

    _do_AsyncFunctionDef = _do_FunctionDef  # noqa: N815

    def _decorated(self, decorator: Value, made: Value) -> Value:
        found: list[Value] = []
        for atom in decorator:
            if (
                self.frame.cls is not None
                and isinstance(atom, Live)
                and atom.held in (staticmethod, classmethod, property)
            ):
                found.append(made)
                continue
            found.append(self.call_atom(atom, [made], {}))
        return join(found)

    def call_atom(
        self, atom: Atom, positional: list[Value], named: dict[str, Value], doubt: str | None = None
    ) -> Value:
        if isinstance(atom, Written):
            count = len(atom.held.node.args.defaults)
            defaults = [self.read(atom, ("default", position)) for position in range(count)]
            keywords = {
                argument.arg: self.read(atom, ("keyword", argument.arg)) for argument in atom.held.node.args.kwonlyargs
            }
            return self.run(atom.held, positional, named, doubt, (defaults, keywords))
        return super().call_atom(atom, positional, named, doubt)

    def _do_ClassDef(self, node: ast.ClassDef) -> None:  # noqa: N802
        bases = join(self.expression(base) for base in node.bases)
        kinds = tuple(
            atom for atom in bases if isinstance(atom, WrittenClass) or (isinstance(atom, Live) and is_type(atom.held))
        )
        cls = WrittenClass((self.file, node.lineno, self.call.place), (node, kinds))
        frame = self.frame
        kept, frame.cls = frame.cls, cls
        try:
            self.block(node.body)
        finally:
            frame.cls = kept
        self.class_made(cls, {keyword.arg: self.expression(keyword.value) for keyword in node.keywords if keyword.arg})
        made: Value = frozenset((cls,))
        for decorator in reversed(node.decorator_list):
            given = self.expression(decorator)
            made |= join(self.call_atom(atom, [made], {}) for atom in given if not self._only_marks(atom))
        self.set_name(node.name, made)

    @staticmethod
    def _only_marks(atom: Atom) -> bool:
        return isinstance(atom, Live) and getattr(atom.held, "__module__", "") in ("dataclasses", "typing", "functools")


def is_live_type(atom: Atom) -> bool:
    return isinstance(atom, Live) and is_type(atom.held)


def gives_contents(box: Box) -> bool:
    """Whether `with box as x` gives what the box holds: what a generator yields, or what nullcontext was given."""
    site = box.key[0]
    return isinstance(site, tuple) and site[-1] in ("generator", "around", "nullcontext", "closing", "aclosing")


def merged(ways: list[dict[str, Value]]) -> dict[str, Value]:
    """What each variable may be after any of several ways."""
    found: dict[str, Value] = {}
    for way in ways:
        for name, value in way.items():
            found[name] = found[name] | value if name in found else value
    return found
