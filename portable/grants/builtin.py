"""Builtins that see names: getattr, globals, imports, eval, partial, and portable's own dead_letters."""

import dataclasses
import functools
import importlib
import importlib.util
import inspect
import operator
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from portable.dead_letters import DeadLetters, dead_letters
from portable.errors import InvalidArgument

from .atoms import (
    ALL,
    EMPTY,
    SAME,
    UNKNOWN,
    UNKNOWNS,
    Atom,
    Instance,
    Live,
    Part,
    Value,
    join,
)
from .kinds import (
    is_registry,
    is_resource,
    is_type,
)
from .libraries import Libraries
from .relevance import Relevance
from .sources import class_of, is_app_class, is_app_file, is_app_module, members
from .state import module_resources, texts

FINDERS = (
    *(("pydoc", "locate"), ("pkgutil", "resolve_name"), ("runpy", "run_module"), ("runpy", "run_path")),
    *(("gc", "get_objects"), ("gc", "get_referrers")),
)


def finders() -> list[Any]:
    """Functions that find anything of the app's by its name or otherwise, of modules that are loaded."""
    return [getattr(sys.modules[module], name) for module, name in FINDERS if module in sys.modules]


class Builtins(Libraries):
    """Functions that are known by what they are."""

    def __init__(self, classes: list[type], relevance: Relevance) -> None:
        super().__init__(classes, relevance)
        self._kept_letters: dict[str, Any] = {}
        self._builtins: dict[int, Callable[[list[Value], dict[str, Value]], Value]] = {
            id(function): answer
            for function, answer in (
                (getattr, self._getattr),
                (object.__getattribute__, self._getattr),
                (hasattr, self._hasattr),
                (inspect.getattr_static, self._getattr),
                (isinstance, self._checked),
                (issubclass, self._checked),
                (object.__setattr__, self._object_setattr),
                (setattr, self._setattr),
                (object.__delattr__, self._delattr),
                (delattr, self._delattr),
                (dataclasses.replace, self._replaced),
                (vars, self._vars),
                (globals, self._globals),
                (locals, self.local_names),
                (type, self._type),
                (__import__, self._import_module),
                (importlib.import_module, self._import_module),
                (functools.partial, self._partial),
                (functools.wraps, self._wraps),
                (functools.update_wrapper, self._update_wrapper),
                (dead_letters, self._dead_letters),
                (operator.attrgetter, self._attrgetter),
                (operator.itemgetter, self._itemgetter),
                (operator.methodcaller, self._methodcaller),
                (eval, self._evaluated),
                (exec, self._evaluated),
                *((function, self._found_by_name) for function in finders()),
            )
        }

    def _getattr(self, given: list[Value], _: dict[str, Value]) -> Value:
        if len(given) < 2:
            return EMPTY
        names = texts(given[1])
        default = given[2] if len(given) > 2 else EMPTY
        if names is not None:
            return join(self.attribute(given[0], name) for name in names) | default
        return default | self.any_attribute(given[0])

    def _hasattr(self, given: list[Value], _: dict[str, Value]) -> Value:
        """It reads the attribute, of whatever makes it when it is asked; a resource only has it."""
        if len(given) == 2:
            made = frozenset(
                atom
                for atom in given[0]
                if isinstance(atom, Instance) or (isinstance(atom, Live) and is_app_class(class_of(atom.held)))
            )
            for name in texts(given[1]) or ():
                self.attribute(made, name)
        return EMPTY

    def any_attribute(self, value: Value) -> Value:
        """An attribute whose name is only known when it runs."""
        for atom in value:
            self._any_attribute(atom)
        return UNKNOWNS | self._any_value(value)

    def _wraps(self, _: list[Value], __: dict[str, Value]) -> Value:
        return frozenset((SAME,))

    def _update_wrapper(self, given: list[Value], _: dict[str, Value]) -> Value:
        return given[0] if given else EMPTY

    def _any_value(self, value: Value) -> Value:
        """What a field of unknown name can hold."""
        return join(self.read_all(atom) for atom in value)

    def _any_attribute(self, atom: Atom) -> None:
        """getattr with a name that is only known when it runs."""
        what = "`getattr` with a name that is only known when it runs"
        if isinstance(atom, Live) and is_resource(atom.held):
            self.widen((atom.held), what)
        elif isinstance(atom, Live) and isinstance(atom.held, ModuleType):
            if is_app_module(atom.held):
                self.widen_all(module_resources(members(atom.held), is_app_module), what)
        elif isinstance(atom, Live) and is_registry(atom.held):
            self.widen_all(module_resources({"": atom.held}, is_app_module), what)
        elif atom is UNKNOWN:
            self.guess_all(what)
        elif isinstance(atom, Instance | Live):
            self._any_member(atom, what)

    def _any_member(self, atom: Atom, what: str) -> None:
        if isinstance(atom, Live) and is_type(atom.held):
            self._every_method(Instance(atom, "typed"), atom, f"{what}, which may be a method")
            return
        if isinstance(atom, Live) and not is_app_class(class_of(atom.held)):
            return
        cls = atom.cls if isinstance(atom, Instance) else self.atom(class_of(atom.held))
        self._every_method(atom, cls, f"{what}, which may be a method")
        held = self.read_all(atom)
        if isinstance(atom, Live):
            held |= (
                join(self.live(part) for part in members(atom.held).values())
                if hasattr(atom.held, "__dict__")
                else held
            )
        self.escape(frozenset(part for part in held if not self.is_callable(part)), what)

    def _setattr(self, given: list[Value], _: dict[str, Value]) -> Value:
        if len(given) < 3:
            return EMPTY
        for atom in given[0]:
            for name in texts(given[1]) or {ALL, *self._described_names(atom)}:
                self.set_attribute(atom, name, given[2])
        return EMPTY

    def _object_setattr(self, given: list[Value], _: dict[str, Value]) -> Value:
        for atom in given[0] if len(given) > 2 else EMPTY:
            for name in texts(given[1]) or {ALL, *self._described_names(atom)}:
                self.set_attribute(atom, name, given[2], plainly=True)
        return EMPTY

    def _described_names(self, atom: Atom) -> list[str]:
        """The attributes of an instance that a property or a descriptor of the app's stands behind."""
        cls = atom.cls if isinstance(atom, Instance) else self.atom(class_of(atom.held))
        return [
            name
            for base in self.mro(cls)
            if isinstance(base, Live) and is_app_class(base.held)
            for name, value in members(base.held).items()
            if isinstance(value, property) or is_app_class(class_of(value))
        ]

    def _delattr(self, given: list[Value], _: dict[str, Value]) -> Value:
        if len(given) == 2:
            for atom in given[0]:
                for name in texts(given[1]) or self._described_names(atom) or (ALL,):
                    self.delete_attribute(atom, name)
        return EMPTY

    def _replaced(self, given: list[Value], named: dict[str, Value]) -> Value:
        """dataclasses.replace makes an instance anew, with the fields of another one."""
        found: list[Value] = []
        for atom in given[0] if given else EMPTY:
            cls = atom.cls if isinstance(atom, Instance) else self.atom(class_of(atom.held))
            if not isinstance(atom, Instance) and not is_app_class(class_of(atom.held)):
                found.append(UNKNOWNS)
                continue
            fields = {name: value for name, value in self.fields(atom).items() if isinstance(name, str)}
            kept: dict[str, Value] = {"**" if name == ALL else name: value for name, value in fields.items()}
            if isinstance(atom, Live):
                kept |= {name: self.live(value) for name, value in members(atom.held).items()}
            found.append(self.instantiate(cls, [], {**kept, **named}))
        return join(found)

    def local_names(self, given: list[Value], named: dict[str, Value]) -> Value:
        raise NotImplementedError

    def _getter(self, kind: str, given: list[Value], named: dict[str, Value]) -> Value:
        """operator.attrgetter and the like: what they do is kept, and done when they are called."""
        part = Part((self.site, kind))
        self.write(part, "getter", self.live(kind))
        for position, value in enumerate(given):
            self.write(part, position, value or UNKNOWNS)
        for name, value in named.items():
            self.write(part, ("named", name), value)
        return frozenset((part,))

    def _attrgetter(self, given: list[Value], named: dict[str, Value]) -> Value:
        return self._getter("attrgetter", given, named)

    def _itemgetter(self, given: list[Value], named: dict[str, Value]) -> Value:
        return self._getter("itemgetter", given, named)

    def _methodcaller(self, given: list[Value], named: dict[str, Value]) -> Value:
        return self._getter("methodcaller", given, named)

    def _vars(self, given: list[Value], _: dict[str, Value]) -> Value:
        return self.attribute(given[0], "__dict__") if given else self._globals([], {})

    def _globals(self, _: list[Value], __: dict[str, Value]) -> Value:
        return self.live(self.module_names())

    def _type(self, given: list[Value], _: dict[str, Value]) -> Value:
        if len(given) != 1:
            self.escape(join(given), "type(), which makes a class")
            return UNKNOWNS
        found: list[Value] = []
        for atom in given[0]:
            if isinstance(atom, Instance):
                found.append(frozenset((atom.cls,)))
            elif isinstance(atom, Live):
                found.append(self.live(class_of(atom.held)))
            else:
                found.append(UNKNOWNS)
        return join(found)

    def _evaluated(self, given: list[Value], _: dict[str, Value]) -> Value:
        self.unclear("code that is made from text when it runs")
        self.escape(join(given[1:]), "code that is made from text")
        return UNKNOWNS

    def _found_by_name(self, given: list[Value], _: dict[str, Value]) -> Value:
        self.unclear(f"`{self.called}`, which can find anything of the app's")
        self.escape(join(given), f"`{self.called}`")
        return UNKNOWNS

    def _checked(self, given: list[Value], _: dict[str, Value]) -> Value:
        """A metaclass may decide what is an instance."""
        for atom in self.deep(join(given[1:])):
            if isinstance(atom, Instance) or (isinstance(atom, Live) and self._is_app_instance(atom.held)):
                self.special(frozenset((atom,)), ("__instancecheck__", "__subclasscheck__"), [given[0]])
            if isinstance(atom, Live) and is_type(atom.held) and is_app_class(class_of(atom.held)):
                for name in ("__instancecheck__", "__subclasscheck__"):
                    method = self.lookup(self.atom(class_of(atom.held)), name)
                    self.call_value(method, [frozenset((atom,)), given[0]], {})
        return EMPTY

    def _partial(self, given: list[Value], named: dict[str, Value]) -> Value:
        if not given:
            return EMPTY
        part = Part(self.site)
        self.write(part, "func", given[0])
        for position, value in enumerate(given[1:]):
            self.write(part, position, value)
            fields = self.heap.setdefault(part, {})
            fields.setdefault(position, EMPTY)
        for name, value in named.items():
            self.write(part, ("named", name), value)
        return frozenset((part,))

    def _dead_letters(self, given: list[Value], named: dict[str, Value]) -> Value:
        """Which letters are meant is told by portable's own function; it does no I/O."""
        found: list[Value] = []
        registries = given[0] if given else named.get("registry", EMPTY)
        handlers = given[1] if len(given) > 1 else named.get("handler", EMPTY)
        for registry in registries:
            for handler in handlers:
                if not isinstance(registry, Live) or not isinstance(handler, Live):
                    return self._any_letters("dead letters of a handler that is only known when it runs")
                try:
                    letters = dead_letters(registry.held, handler.held)
                except InvalidArgument:
                    # There is no such handler, which is what it raises at run time too.
                    continue
                self._kept_letters.setdefault(letters.id, letters)
                found.append(self.live(self._kept_letters[letters.id]))
        return join(found) if registries and handlers else self._any_letters("dead letters of what is not known")

    def _any_letters(self, what: str) -> Value:
        for resource in self.everything:
            if resource.startswith(f"{DeadLetters.kind}:"):
                self.widen_id(resource, what)
        return UNKNOWNS

    def _import_module(self, given: list[Value], named: dict[str, Value]) -> Value:
        names = texts(given[0]) if given else None
        if names is None:
            self.unclear("a module whose name is only known when it runs")
            return UNKNOWNS
        package = texts(given[1]) if len(given) > 1 else texts(named.get("package", EMPTY))
        found: list[Value] = []
        for name in names:
            base = next(iter(package)) if package else str(self.module_names().get("__package__") or "")
            full = importlib.util.resolve_name(name, base) if name.startswith(".") and base else name
            found.append(self.module(full))
        return join(found)

    def module(self, name: str) -> Value:
        """A module by its full name. One of the app's that is not loaded yet is imported; a library's is not."""
        known = sys.modules.get(name)
        if known is None and self.is_apps(name):
            try:
                known = importlib.import_module(name)
            except Exception as error:
                self.unclear(f"module {name!r}, which cannot be imported ({type(error).__name__}: {error})")
        if known is None:
            return UNKNOWNS
        self.seen_module(known)
        return self.live(known)

    def is_apps(self, name: str) -> bool:
        """Whether a module that is not loaded is one of the app's."""
        parent, _, last = name.rpartition(".")
        if parent:
            package = sys.modules.get(parent)
            if package is None and not self.is_apps(parent):
                return False
            if package is None:
                try:
                    package = importlib.import_module(parent)
                except Exception:  # whatever it raises, the module below it cannot be imported either
                    return False
            paths: Any = getattr(package, "__path__", None)
        else:
            paths = None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            specification = find(name if parent else last, paths) if find is not None else None
            if specification is not None:
                return is_app_file(specification.origin) or specification.origin is None
        return False

    def seen_module(self, module: ModuleType) -> None:
        """A module that code imports while it runs: its classes count from now on."""
        raise NotImplementedError
