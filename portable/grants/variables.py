"""Variables of the functions that are followed, and what assigning to a target does.

Variables are followed in order. Those that an inner function sees are kept on the heap, since it may run at any time.
"""

import ast
import builtins
from types import FunctionType, ModuleType
from typing import Any

from .atoms import (
    ALL,
    EMPTY,
    UNKNOWN,
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
from .instances import HANDED_ON
from .kinds import is_container, is_registry, is_resource, is_type
from .libraries import KNOWN_MODULES
from .sources import class_of, is_app_class, is_app_function, is_app_module, members
from .state import CONSTANTS, Code, constant


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
                self.set_attribute(atom, target.attr, value)
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

    def set_attribute(self, atom: Atom, name: str, value: Value, *, plainly: bool = False) -> None:
        is_module = isinstance(atom, Live) and isinstance(atom.held, ModuleType)
        self.write(self.atom(members(atom.held)) if is_module else atom, name, value)
        cls: Atom | None = None
        if isinstance(atom, Instance):
            cls = atom.cls
        elif isinstance(atom, Live) and is_app_class(class_of(atom.held)):
            cls = self.atom(class_of(atom.held))
        if cls is None:
            self._kept_by_library(atom, name, value)
            return
        self._described(cls, atom, name, "fset", "__set__", [value])
        if not plainly:
            self.special(frozenset((atom,)), ("__setattr__",), [self.live(name), value])

    def _kept_by_library(self, atom: Atom, name: str, value: Value) -> None:
        """An attribute of a library's object or module: a function or an object in it may be used by the library."""
        if isinstance(atom, Live):
            thing: Any = atom.held
            if is_resource(thing) or is_registry(thing) or is_container(thing) or isinstance(thing, FunctionType):
                return
            if is_app_module(thing) if isinstance(thing, ModuleType) else self.is_apps_own(thing):
                return
        elif atom is not UNKNOWN:
            return
        self.escape(self.deep(value) - self.resources(self.deep(value)), f"a library, as `.{name}` of an object of it")

    @staticmethod
    def is_apps_own(thing: Any) -> bool:
        """Whether an object only keeps what it is given: of the app's class, or one of the known modules."""
        kind: Any = thing if is_type(thing) else class_of(thing)
        return is_app_class(kind) or kind.__module__.partition(".")[0] in KNOWN_MODULES

    def delete_attribute(self, atom: Atom, name: str) -> None:
        cls = atom.cls if isinstance(atom, Instance) else None
        if isinstance(atom, Live) and is_app_class(class_of(atom.held)):
            cls = self.atom(class_of(atom.held))
        if cls is not None:
            self._described(cls, atom, name, "fdel", "__delete__", [])
            self.special(frozenset((atom,)), ("__delattr__",), [self.live(name)])

    def _described(
        self, cls: Atom, owner: Atom, name: str, of_property: str, of_descriptor: str, arguments: list[Value]
    ) -> None:
        """What a property or a descriptor does when its attribute is set or deleted."""
        for found in self.lookup(cls, name):
            if isinstance(found, Live) and isinstance(found.held, property):
                method: Any = getattr(found.held, of_property)
                if method is not None:
                    self.call_value(self.live(method), [frozenset((owner,)), *arguments], {})
            else:
                self.special(frozenset((found,)), (of_descriptor,), [frozenset((owner,)), *arguments])

    def _set_item(self, owners: Value, keys: Value, value: Value) -> None:
        known = [constant(key) for key in keys]
        names = known if known and None not in known else [ALL]
        if not owners:
            self.escape(value, "a container that is not known")
        for owner in owners:
            for name in names:
                self.write(owner, name, value)
        self.special(owners, ("__setitem__",), [keys, value])

    def special(self, value: Value, names: tuple[str, ...], arguments: list[Value]) -> Value:
        found: list[Value] = []
        for atom in value:
            if isinstance(atom, Live) and class_of(atom.held) in CONSTANTS:
                # Texts and numbers are most of what there is.
                continue
            if isinstance(atom, Instance) or (
                isinstance(atom, Live)
                and not isinstance(atom.held, type | ModuleType)
                and is_app_class(class_of(atom.held))
            ):
                for name in names:
                    if name in HANDED_ON and not self.writes_itself(atom, name):
                        found.append(self.special_of_fields(atom, name, arguments))
                        continue
                    bound = frozenset(part for part in self.attribute_of(atom, name) if isinstance(part, Bound))
                    found.append(self.call_value(bound, arguments, {}))
            elif isinstance(atom, Live) and is_type(atom.held) and is_app_class(class_of(atom.held)):
                methods = join(self.lookup(self.atom(class_of(atom.held)), name) for name in names)
                written = frozenset(part for part in methods if isinstance(part, Live) and is_app_function(part.held))
                found.append(self.call_value(written, [frozenset((atom,)), *arguments], {}))
            elif isinstance(atom, WrittenClass):
                methods = join(self.lookup(kind, name) for kind in self.metaclasses(atom) for name in names)
                followed = frozenset(part for part in methods if self._is_followed(frozenset((part,))))
                found.append(self.call_value(followed, [frozenset((atom,)), *arguments], {}))
        return join(found)

    def read_name(self, name: str) -> Value:
        return self.frame.env.get(name, EMPTY)
