"""Variables of the functions that are followed, and what assigning to a target does.

Variables are followed in order. Those that an inner function sees are kept on the heap, since it may run at any time.
"""

import ast
import builtins
from types import ModuleType
from typing import Any

from .atoms import (
    ALL,
    EMPTY,
    Atom,
    Bound,
    Box,
    Instance,
    Live,
    Value,
    WrittenClass,
    join,
)
from .calls import Calls
from .kinds import is_type
from .sources import class_of, is_app_class, is_app_function, members
from .state import Code, constant


class Frame:
    """The variables of one run of a body."""

    __slots__ = ("cls", "code", "env", "names", "returned", "weak", "yielded")

    def __init__(self, code: Code, names: dict[str, Any]) -> None:
        self.code: Code = code
        self.names: dict[str, Any] = names
        self.env: dict[str, Value] = {}
        self.weak: int = 0
        self.returned: Value = EMPTY
        self.yielded: Value = EMPTY
        self.cls: WrittenClass | None = None


class Variables(Calls):
    """Names and targets."""

    frame: Frame

    def expression(self, node: ast.expr | None) -> Value:
        raise NotImplementedError

    def set_name(self, name: str, value: Value) -> None:
        frame = self.frame
        scope = frame.code.scope
        if frame.cls is not None:
            self.write(frame.cls, name, value)
            return
        if name in scope.global_names:
            self.write(self.atom(frame.names), name, value)
        elif name in scope.outer_names:
            self._set_outer(name, value)
        elif name in scope.shared:
            self.write(self.call.scope, ("name", name), value)
        elif frame.weak:
            frame.env[name] = frame.env.get(name, EMPTY) | value
        else:
            frame.env[name] = value

    def _set_outer(self, name: str, value: Value) -> None:
        code = self.frame.code
        while True:
            if name in code.closure:
                self.write(self.atom(code.closure[name]), ALL, value)
                return
            outer = code.outer
            if outer is None or outer.code is None:
                return
            if name in outer.code.scope.own:
                self.write(outer.scope, ("name", name), value)
                return
            code = outer.code

    def get_name(self, name: str) -> Value:
        frame = self.frame
        if frame.cls is not None:
            own = self.read(frame.cls, name)
            if own:
                return own
        scope = frame.code.scope
        if name in scope.shared:
            return self.read(self.call.scope, ("name", name))
        if name in scope.own:
            return frame.env.get(name, EMPTY)
        if name not in scope.global_names:
            found = self._outer_name(name)
            if found is not None:
                return found
        return self._global_name(name)

    def _outer_name(self, name: str) -> Value | None:
        """A variable of a function around this one; None if there is no such."""
        code = self.frame.code
        while True:
            if name in code.closure:
                cell = code.closure[name]
                return self.live(cell.cell_contents) | self.read(self.atom(cell), ALL)
            outer = code.outer
            if outer is None or outer.code is None:
                return None
            if name in outer.code.scope.shared:
                return self.read(outer.scope, ("name", name))
            code = outer.code

    def _global_name(self, name: str) -> Value:
        names = self.frame.names
        written = self.read(self.atom(names), name)
        if name in names:
            return written | self.live(names[name])
        return written | self.live(getattr(builtins, name)) if hasattr(builtins, name) else written

    def assign(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.set_name(target.id, value)
        elif isinstance(target, ast.Attribute):
            for atom in self.expression(target.value):
                self._set_attribute(atom, target.attr, value)
        elif isinstance(target, ast.Subscript):
            self._set_item(self.expression(target.value), self.expression(target.slice), value)
        elif isinstance(target, ast.Starred):
            box = Box((self.file, target.lineno, target.col_offset, self.call.place), "plain")
            self.write(box, ALL, self.contents(value))
            self.assign(target.value, frozenset((box,)))
        elif isinstance(target, ast.Tuple | ast.List):
            starred = any(isinstance(part, ast.Starred) for part in target.elts)
            for position, part in enumerate(target.elts):
                if isinstance(part, ast.Starred):
                    self.assign(part, value)
                elif starred:
                    self.assign(part, self.contents(value))
                else:
                    self.assign(part, join(self._element(atom, position) for atom in value))

    def _element(self, atom: Atom, position: int) -> Value:
        if isinstance(atom, Box) or (isinstance(atom, Live) and isinstance(atom.held, tuple | list)):
            return self.item_of(atom, self.live(position))
        name = self.field_name(atom, position)
        if name != position:
            return self.read(atom, name) | self.read(atom, ALL)
        return self.contents_of(atom)

    def _set_attribute(self, atom: Atom, name: str, value: Value) -> None:
        is_module = isinstance(atom, Live) and isinstance(atom.held, ModuleType)
        self.write(self.atom(members(atom.held)) if is_module else atom, name, value)
        cls: Atom | None = None
        if isinstance(atom, Instance):
            cls = atom.cls
        elif isinstance(atom, Live) and is_app_class(class_of(atom.held)):
            cls = self.atom(class_of(atom.held))
        if cls is None:
            return
        for found in self.lookup(cls, name):
            setter: Any = None
            if isinstance(found, Live) and isinstance(found.held, property):
                setter = found.held.fset
                arguments = [frozenset((atom,)), value]
            elif isinstance(found, Live):
                setter = members(class_of(found.held)).get("__set__")
                arguments = [frozenset((found,)), frozenset((atom,)), value]
            else:
                continue
            if setter is not None:
                self.call_value(self.live(setter), arguments, {})
        self._special(frozenset((atom,)), ("__setattr__",), [self.live(name), value])

    def _set_item(self, owners: Value, keys: Value, value: Value) -> None:
        known = [constant(key) for key in keys]
        names = known if known and None not in known else [ALL]
        if not owners:
            self.escape(value, "a container that is not known")
        for owner in owners:
            for name in names:
                self.write(owner, name, value)
        self._special(owners, ("__setitem__",), [keys, value])

    def _special(self, value: Value, names: tuple[str, ...], arguments: list[Value]) -> Value:
        """Special methods that classes of the app define."""
        found: list[Value] = []
        for atom in value:
            if isinstance(atom, Instance) or (
                isinstance(atom, Live)
                and not isinstance(atom.held, type | ModuleType)
                and is_app_class(class_of(atom.held))
            ):
                for name in names:
                    bound = frozenset(part for part in self.attribute_of(atom, name) if isinstance(part, Bound))
                    found.append(self.call_value(bound, arguments, {}))
            elif isinstance(atom, Live) and is_type(atom.held) and is_app_class(class_of(atom.held)):
                methods = join(self.lookup(self.atom(class_of(atom.held)), name) for name in names)
                written = frozenset(part for part in methods if isinstance(part, Live) and is_app_function(part.held))
                found.append(self.call_value(written, [frozenset((atom,)), *arguments], {}))
        return join(found)

    def read_name(self, name: str) -> Value:
        return self.frame.env.get(name, EMPTY)
