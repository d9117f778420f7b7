"""Classes of the app: making instances, and the methods that may be called by whoever gets one."""

import functools
from types import FunctionType
from typing import Any

from .atoms import (
    ALL,
    EMPTY,
    UNKNOWN,
    UNKNOWNS,
    Atom,
    Bound,
    Box,
    Instance,
    Live,
    Method,
    Value,
    Written,
    WrittenClass,
)
from .kinds import (
    is_filled,
    is_type,
)
from .objects import Objects
from .relevance import Relevance, inner_functions
from .schemas import Hook, has_schema, hooks_of, is_method
from .sources import LIBRARY, class_of, is_app_class, is_app_function, members, plain
from .state import Code


class Instances(Objects):
    """Instances of classes of the app."""

    def __init__(self, classes: list[type], relevance: Relevance) -> None:
        super().__init__(classes)
        self.relevance = relevance
        self._codes: dict[int, tuple[Any, list[Code]]] = {}
        self._dull: dict[Atom, bool] = {}
        self._carrying: dict[Atom, bool] = {}
        self._validated: dict[int, tuple[Any, list[Hook]]] = {}

    def codes(self, function: FunctionType) -> list[Code]:
        """A live function as it was written; empty when its source cannot be had."""
        kept = self._codes.get(id(function))
        if kept is not None and kept[0] is function:
            return kept[1]
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        closure = {name: cell for name, cell in cells if is_filled(cell)}
        owner = closure["__class__"].cell_contents if "__class__" in closure else None
        found = [
            Code(
                key=(id(function), node.lineno, node.col_offset),
                node=node,
                file=function.__code__.co_filename,
                names=function.__globals__,
                closure=closure,
                outer=None,
                scope=LIBRARY.scope(node),
                owner=self.atom(owner) if owner is not None else None,
            )
            for node in LIBRARY.definitions(function)
        ]
        self._codes[id(function)] = (function, found)
        return found

    def instantiate(
        self, cls: Atom, positional: list[Value], named: dict[str, Value], doubt: str | None = None
    ) -> Value:
        """A new instance of a class of the app, made here."""
        instance = Instance(cls, self.site)
        first = frozenset((instance,))
        if self.is_dull(cls) and not self.carries([*positional, *named.values()]):
            return first
        followed = False
        for name, owner in (("__new__", frozenset((cls,))), ("__init__", first)):
            found = self.lookup(cls, name)
            if isinstance(cls, WrittenClass) or any(is_app_function(plain(atom.held)) for atom in found):
                methods = frozenset(self.atom(plain(atom.held)) if isinstance(atom, Live) else atom for atom in found)
                written = frozenset(atom for atom in methods if self._is_readable(atom))
                if written:
                    self.call_value(written, [owner, *positional], named, doubt)
                    followed = followed or name == "__init__"
        if not followed:
            self._fill(instance, cls, positional, named)
            self._fill_defaults(instance, cls)
        for name in ("__post_init__", "__del__"):
            self.call_value(self.lookup(cls, name), [first], {}, doubt)
        if isinstance(cls, Live) and is_app_class(class_of(cls.held)):
            made_by = self.lookup(self.atom(class_of(cls.held)), "__call__")
            if self._is_followed(made_by):
                self.call_value(made_by, [frozenset((cls,)), *positional], named, doubt)
        if self._has_library_base(cls):
            self._library_made(instance, cls)
        elif isinstance(cls, Live) and has_schema(cls.held):
            self.validated(cls.held)
        return first

    def validated(self, annotation: Any) -> None:
        """Pydantic makes values of a type, and may write them out: it calls what is in the schema."""
        kept = self._validated.get(id(annotation))
        if kept is None:
            kept = self._validated[id(annotation)] = (annotation, hooks_of(annotation))
        hooks = [hook for hook in kept[1] if hook.function is None or self.relevance.thing(hook.function)]
        if hooks:
            self.hub(("validated", id(annotation)), None, lambda: self._call_hooks(hooks))

    def _call_hooks(self, hooks: list[Hook]) -> Value:
        for hook in hooks:
            made = frozenset((Instance(self.atom(hook.owner), "typed"),)) if hook.owner is not None else UNKNOWNS
            if hook.function is None:
                # A property is followed when it is read.
                called = frozenset(part for part in self.attribute(made, hook.name) if isinstance(part, Bound))
                self.call_value(called, [UNKNOWNS] * 2, {"**": UNKNOWNS})
                continue
            first = made if is_method(hook) else UNKNOWNS
            self.call_value(self.live(hook.function), [first, UNKNOWNS, UNKNOWNS], {"**": UNKNOWNS})
        return EMPTY

    def _is_readable(self, atom: Atom) -> bool:
        if isinstance(atom, Written):
            return True
        return isinstance(atom, Live) and is_app_function(atom.held) and bool(self.codes(atom.held))

    def _fill(self, instance: Instance, cls: Atom, positional: list[Value], named: dict[str, Value]) -> None:
        """What a generated `__init__` does: arguments become fields."""
        fields: list[str] = []
        for base in reversed(self.mro(cls)):
            if isinstance(base, Live):
                own: Any = members(base.held).get("__annotations__", {})
                fields.extend(name for name in own if name not in fields)
        for position, value in enumerate(positional):
            self.write(instance, fields[position] if position < len(fields) else ALL, value)
        for name, value in named.items():
            self.write(instance, ALL if name in ("*", "**") else name, value)

    def _fill_defaults(self, instance: Instance, cls: Atom) -> None:
        """Fields that dataclasses and models fill by themselves."""
        if not isinstance(cls, Live):
            self._fill_written_defaults(instance, cls)
            return
        for kept in ("__dataclass_fields__", "__pydantic_fields__", "__private_attributes__"):
            fields: dict[str, Any] = getattr(cls.held, kept, None) or {}
            for name, field in fields.items():
                self.write(instance, name, self.live(getattr(field, "default", None)))
                factory = getattr(field, "default_factory", None)
                if callable(factory):
                    self.write(instance, name, self.call_value(self.live(factory), [], {}))

    def _fill_written_defaults(self, instance: Instance, cls: Atom) -> None:
        """Of a class inside a function: what the calls in its body were given is called."""
        for value in list(self.fields(cls).values()):
            callables = frozenset(part for atom in value if isinstance(atom, Box) for part in self.read_all(atom))
            functions = frozenset(part for part in callables if isinstance(part, Written))
            self.write(instance, ALL, self.call_value(functions, [], {}))

    def _has_library_base(self, cls: Atom) -> bool:
        """Whether a base of the class is of a library that may call its methods."""
        for base in self.mro(cls):
            if isinstance(base, Live) and is_type(base.held) and not is_app_class(base.held):
                module = base.held.__module__.partition(".")[0]
                if module not in ("builtins", "typing", "abc", "enum", "collections", "contextlib"):
                    return True
        return False

    def _library_made(self, instance: Atom, cls: Atom) -> None:
        """A library's base class may call methods: pydantic those that it knows of, others any."""
        shown = cls.held.__qualname__ if isinstance(cls, Live) else cls.held[0].name
        doubt = f"a method of {shown} that the library it is built on may call"
        bases = [base.held for base in self.mro(cls) if isinstance(base, Live) and not is_app_class(base.held)]
        models = [base for base in bases if base.__module__.partition(".")[0] == "pydantic"]
        if isinstance(cls, Live) and has_schema(cls.held):
            self.validated(cls.held)
        if not models:
            self._every_method(instance, cls, doubt)
            return
        if not self.is_dull(cls) or self.carries([frozenset((instance,))]):
            known = {name for base in models for name in members(base)}
            self.hub(("made", instance), doubt, lambda: self._call_methods(instance, cls, known))

    def _every_method(self, owner: Atom, cls: Atom, doubt: str) -> None:
        if self.is_dull(cls) and not self.carries([frozenset((owner,))]):
            return
        self.hub(("methods", owner), doubt, lambda: self._call_methods(owner, cls))

    def _call_methods(self, owner: Atom, cls: Atom, known: set[str] | None = None) -> Value:
        """Every method, or with `known` those of these names, special ones, and those that a decorator has marked."""
        seen = {"__init__", "__new__", "__post_init__"}
        for base in self.mro(cls):
            names: list[str] = []
            if isinstance(base, Live):
                if not is_app_class(base.held):
                    continue
                names = [
                    name
                    for name, value in members(base.held).items()
                    if any(map(is_app_function, inner_functions(value)))
                    and (known is None or is_hook(name, value, known))
                ]
            names += [key for key in self.fields(base) if isinstance(key, str) and key != ALL]
            for name in names:
                if name not in seen:
                    seen.add(name)
                    self._call_any_method(owner, name)
        return EMPTY

    def _call_any_method(self, owner: Atom, name: str) -> None:
        cls = owner.cls if isinstance(owner, Instance) else self.atom(class_of(owner.held))
        for found in self.lookup(cls, name):
            kind = class_of(found.held) if isinstance(found, Live) else None
            first: list[Value] = [] if kind is staticmethod else [frozenset((cls if kind is classmethod else owner,))]
            functions: list[Atom] = [found]
            if isinstance(found, Live):
                # pydantic keeps its validators inside a proxy.
                functions = [self.atom(inner) for inner in inner_functions(found.held) if is_app_function(inner)]
            for function in functions:
                self.call_atom(function, [*first, *[UNKNOWNS] * 3], {"**": UNKNOWNS})

    def is_dull(self, cls: Atom) -> bool:
        """Whether no method of a class can reach a resource by itself."""
        if not isinstance(cls, Live):
            return False
        known = self._dull.get(cls)
        if known is None:
            known = self._dull[cls] = not self.relevance.cls(cls.held)
        return known

    def carries(self, values: list[Value]) -> bool:
        """Whether a resource, or a function that matters, can be had from values."""
        seen: set[Any] = set()
        stack: list[Any] = [atom for value in values for atom in value]
        while stack:
            atom = stack.pop()
            if atom in seen or atom is UNKNOWN:
                continue
            seen.add(atom)
            if isinstance(atom, Live):
                if self._live_carries(atom):
                    return True
            elif isinstance(atom, Instance):
                if not self.is_dull(atom.cls):
                    return True
            elif isinstance(atom, Bound):
                stack.extend((atom.function, atom.owner))
                continue
            elif isinstance(atom, Method):
                stack.append(atom.owner)
                continue
            elif not isinstance(atom, Box):
                return True
            for value in self.fields(atom).values():
                stack.extend(value)
        return False

    def _live_carries(self, atom: Live) -> bool:
        known = self._carrying.get(atom)
        if known is None:
            thing = atom.held
            known = self.relevance.function(thing) if is_app_function(thing) else self.relevance.thing(thing)
            self._carrying[atom] = known
        return known

    def _is_app_instance(self, thing: Any) -> bool:
        return not is_type(thing) and not isinstance(thing, FunctionType) and is_app_class(class_of(thing))

    def escaped_by_known(self, atom: Atom) -> None:
        """A builtin calls special methods only: len(x), str(x), next(x)."""
        cls = atom.cls if isinstance(atom, Instance) else self.atom(class_of(atom.held))
        names = self._special_methods(cls)
        if names:
            self.hub(("special", atom), None, lambda: self._call_special(atom, names))

    def _call_special(self, atom: Atom, names: list[str]) -> Value:
        for name in names:
            bound = frozenset(part for part in self.attribute_of(atom, name) if isinstance(part, Bound))
            self.call_value(bound, [UNKNOWNS] * 3, {})
        return EMPTY

    def _special_methods(self, cls: Atom) -> list[str]:
        found: dict[str, None] = {}
        for base in self.mro(cls):
            if isinstance(base, Live):
                own = [name for name, value in members(base.held).items() if is_app_function(value)]
            else:
                own = [key for key in self.fields(base) if isinstance(key, str)]
            found.update(dict.fromkeys(name for name in own if name.startswith("__") and name.endswith("__")))
        for name in ("__init__", "__new__", "__call__", "__post_init__", "__getattr__", "__getattribute__"):
            found.pop(name, None)
        return list(found)


def is_hook(name: str, value: Any, known: set[str]) -> bool:
    """Whether a model's library calls a method by itself: one that it has too, a special one, one that it wrapped."""
    marked = not isinstance(value, FunctionType | staticmethod | classmethod | property | functools.cached_property)
    return name in known or name.startswith("__") or marked
