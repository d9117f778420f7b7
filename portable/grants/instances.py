"""Classes of the app: making instances, and the methods that may be called by whoever gets one."""

import enum
import functools
import sys
from types import FunctionType
from typing import Any, get_args, get_origin

from .atoms import (
    ALL,
    ANNOTATIONS,
    EMPTY,
    METACLASS,
    UNKNOWN,
    UNKNOWNS,
    Atom,
    Bound,
    Box,
    Instance,
    Live,
    Method,
    Part,
    Value,
    Written,
    WrittenClass,
    join,
)
from .kinds import (
    is_filled,
    is_type,
)
from .objects import Objects
from .relevance import Relevance, inner_functions
from .schemas import Hook, Unreadable, annotations_of, has_schema, is_method, is_type_expression, missing_of
from .sources import LIBRARY, class_of, is_app_class, is_app_function, is_app_module, members, own_attribute, plain
from .state import Code, module_resources

HANDED_ON = frozenset(("__eq__", "__ne__", "__hash__", "__repr__", "__lt__", "__le__", "__gt__", "__ge__"))
"""Special methods that dataclasses and models have, which call those of what their fields hold."""


class Instances(Objects):
    """Instances of classes of the app."""

    def __init__(self, classes: list[type], relevance: Relevance) -> None:
        super().__init__(classes)
        self.relevance = relevance
        self._codes: dict[int, tuple[Any, list[Code]]] = {}
        self._dull: dict[Atom, bool] = {}
        self._carrying: dict[Atom, bool] = {}
        self._looked_at: set[Atom] = set()
        """Classes inside functions whose annotations are gone through now: one may name itself."""
        self._kept_types: list[Any] = []
        """Kept alive, since calls have their ids as keys."""

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
            if any(is_of_collections(found) for found in self.lookup(cls, "__init__")):
                # Written in Python: it fills itself by its own methods.
                self.escaped_by_known(instance)
            self._fill(instance, cls, positional, named)
            self._fill_defaults(instance, cls)
        for name in ("__post_init__", "__del__"):
            self.call_value(self.lookup(cls, name), [first], {}, doubt)
        for kind in self.metaclasses(cls):
            made_by = self.lookup(kind, "__call__")
            if self._is_followed(made_by):
                self.call_value(made_by, [frozenset((cls,)), *positional], named, doubt)
        if isinstance(cls, Live) and issubclass(cls.held, enum.Enum):
            missing = missing_of(cls.held)
            if missing is not None:
                self.call_value(self.live(missing), positional or [UNKNOWNS], {}, doubt)
        if self._has_library_base(cls):
            self._library_made(instance, cls)
        elif isinstance(cls, Live) and has_schema(cls.held):
            self.validated(cls.held)
        return first

    def validated(self, annotation: Any, doubt: str | None = None) -> None:
        """Pydantic makes values of a type, and may write them out: it calls what is in the schema."""
        try:
            found = self.relevance.hooks(annotation)
        except Unreadable as error:
            self._unreadable_type(annotation, str(error))
            return
        hooks = [hook for hook in found if hook.function is None or self.relevance.thing(hook.function)]
        if hooks:
            self._kept_types.append(annotation)
            self.hub(("validated", id(annotation)), doubt, lambda: self._call_hooks(hooks))

    def annotated(self, function: Any, doubt: str | None = None) -> None:
        """A library may look at a function's annotations, and make its arguments by them."""
        for annotation in annotations_of(function):
            self.validated(annotation, doubt)

    def validated_by(self, annotations: Value, doubt: str | None = None) -> None:
        """A library may make values by what annotations of a function or class inside a function name."""
        for atom in annotations:
            if isinstance(atom, Live):
                if is_type(atom.held) or is_type_expression(atom.held):
                    self.validated(atom.held, doubt)
            elif isinstance(atom, WrittenClass) and atom not in self._looked_at:
                self._looked_at.add(atom)
                self._library_made(Instance(atom, "typed"), atom)
                self._looked_at.discard(atom)

    def _unreadable_type(self, annotation: Any, why: str) -> None:
        """What pydantic would call cannot be told: whatever the modules of the type reach is counted."""
        what = f"the type {getattr(annotation, '__qualname__', annotation)!s}, whose schema cannot be had ({why})"
        parts: list[Any] = [annotation, get_origin(annotation), *get_args(annotation)]
        modules = [sys.modules.get(part.__module__) for part in parts if is_type(part) and is_app_class(part)]
        for module in modules:
            if module is not None:
                self.widen_all(module_resources(members(module), is_app_module), what)
        if not modules:
            self.unclear(what)

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

    def class_made(self, cls: WrittenClass, named: dict[str, Value]) -> None:
        """What Python calls when it makes a class: the metaclass, descriptors that want their names, base classes."""
        first: Value = frozenset((cls,))
        kinds: set[Atom] = {atom for atom in named.get("metaclass", EMPTY) if isinstance(atom, Live | WrittenClass)}
        for base in cls.held[1]:
            kinds |= {atom for atom in self.metaclasses(base) if isinstance(atom, Live | WrittenClass)}
        self.write(cls, METACLASS, frozenset(kinds))
        rest = {name: value for name, value in named.items() if name != "metaclass"}
        for kind in kinds:
            for name in ("__prepare__", "__new__", "__init__"):
                methods = frozenset(
                    self.atom(plain(atom.held)) if isinstance(atom, Live) else atom for atom in self.lookup(kind, name)
                )
                if self._is_followed(methods):
                    owner: list[Value] = [first] if name == "__init__" else [frozenset((kind,))]
                    given: list[Value] = [*owner, UNKNOWNS, UNKNOWNS, self.class_names(cls)]
                    self.call_value(methods, given[:3] if name == "__prepare__" else given, rest)
        for value in list(self.fields(cls).values()):
            self.special(value, ("__set_name__",), [first, UNKNOWNS])
        for base in cls.held[1]:
            for name in ("__init_subclass__", "__pydantic_init_subclass__"):
                hooks = frozenset(
                    self.atom(plain(atom.held)) if isinstance(atom, Live) else atom for atom in self.lookup(base, name)
                )
                if self._is_followed(hooks):
                    self.call_value(hooks, [first], rest)
        if self._has_library_base(cls):
            for value in list(self.fields(cls).values()):
                # A model_config, a Field(...): what they hold may be called.
                kept = frozenset(atom for atom in value if isinstance(atom, Box))
                inner = frozenset(atom for atom in self.deep(kept) if isinstance(atom, Written | Bound | Part))
                self.call_value(inner, [UNKNOWNS] * 3, {})

    def class_names(self, cls: Atom) -> Value:
        """The names of a class as its metaclass gets them."""
        box = Box((cls.key, "names"), "plain")
        for name, value in list(self.fields(cls).items()):
            if isinstance(name, str):
                self.write(box, name, value)
        return frozenset((box,))

    def metaclasses(self, cls: Atom) -> Value:
        """The app's metaclasses of a class."""
        if isinstance(cls, WrittenClass):
            return self.read(cls, METACLASS)
        kind = class_of(cls.held) if is_type(cls.held) else None
        return self.live(kind) if kind is not None and is_app_class(kind) else EMPTY

    def writes_itself(self, atom: Atom, name: str) -> bool:
        """Whether the class of an instance has a method in the app's code, and not one that is made for its fields."""
        cls = atom.cls if isinstance(atom, Instance) else self.atom(class_of(atom.held))
        plain_one = getattr(object, name, None)
        return any(isinstance(found, Live) and found.held is plain_one for found in self.lookup(cls, name)) or any(
            self._is_readable(self.atom(plain(found.held)) if isinstance(found, Live) else found)
            for found in self.lookup(cls, name)
        )

    def special_of_fields(self, atom: Atom, name: str, arguments: list[Value]) -> Value:
        """What a generated `__eq__`, `__hash__` or `__repr__` calls: those of what the fields hold."""
        if atom in self._looked_at or not self.carries([frozenset((atom,))]):
            return EMPTY
        held = self.read_all(atom)
        if isinstance(atom, Live):
            held |= join(self.live(value) for value in members(atom.held).values())
        self._looked_at.add(atom)
        try:
            return self.special(self.deep(held), (name,), arguments)
        finally:
            self._looked_at.discard(atom)

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
            fields: dict[str, Any] = own_attribute(cls.held, kept) or {}
            for name, field in fields.items():
                self.write(instance, name, self.live(own_attribute(field, "default")))
                factory = own_attribute(field, "default_factory")
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
        for base in self.mro(cls):
            if isinstance(base, WrittenClass):
                self.validated_by(self.read(base, ANNOTATIONS))
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
        if names or self.carries([frozenset((atom,))]):
            names += [name for name in HANDED_ON if name not in names]
            self.hub(("special", atom), None, lambda: self._call_special(atom, names))

    def _call_special(self, atom: Atom, names: list[str]) -> Value:
        return self.special(frozenset((atom,)), tuple(names), [UNKNOWNS] * 3)

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


def is_of_collections(found: Atom) -> bool:
    """Whether a method is one of UserDict, UserList and the like."""
    return isinstance(found, Live) and isinstance(found.held, FunctionType) and found.held.__module__ == "collections"


def is_hook(name: str, value: Any, known: set[str]) -> bool:
    """Whether a model's library calls a method by itself: one that it has too, a special one, one that it wrapped."""
    marked = not isinstance(value, FunctionType | staticmethod | classmethod | property | functools.cached_property)
    return name in known or name.startswith("__") or marked
