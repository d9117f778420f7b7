"""What `value.name` gives: on live objects, on what the analysis made, on UNKNOWN.

Live objects are looked at without running anything of theirs: a property of the app is followed like a call.
"""

import enum
import functools
import sys
import types
from types import FunctionType, MethodType, ModuleType
from typing import Any, cast

from portable.binding import Resource
from portable.dead_letters import DeadLetters
from portable.tasks import TaskRun

from .atoms import (
    ALL,
    EMPTY,
    UNKNOWN,
    Atom,
    Bound,
    Box,
    Guess,
    Instance,
    Live,
    Method,
    Parent,
    Part,
    Run,
    Value,
    Verb,
    Written,
    WrittenClass,
    join,
)
from .contents import Contents
from .kinds import DESCRIPTORS, is_container, is_module, is_registry, is_resource, is_task, is_type
from .sources import class_of, is_app_class, is_app_function, is_app_module, is_ours, members, own_attribute, plain
from .state import CONSTANTS, module_resources

HARMLESS = frozenset(
    (
        *("can", "id", "kind", "location", "model", "name", "rebound", "spec", "verbs"),
        *("on_change", "on_created", "on_deleted", "subscribe", "putting", "deleting", "checking"),
    )
)
"""What a resource has besides verbs that does no I/O of its own."""
METHODS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)
UNBOUND = (FunctionType, property, *METHODS)
LETTERS = {"list": "dead_letters", "redrive": "redrive", "discard": "discard"}
RUN_READS = ("record", "status", "progress", "result")
REVEALING = ("all_handlers", "binding", "parts", "_binding")
OF_FUNCTIONS = ("__call__", "__get__")
"""Attributes of functions that Python makes anew each time."""
OF_CLASSES = ("__mro__", "__bases__", "__base__")
OF_FRAMES = ("f_globals", "f_locals", "f_back", "__globals__", "tb_frame", "gi_frame", "cr_frame")
"""Attributes of a value of unknown type through which the names of a module can be had."""
ABSENT = object()


class Objects(Contents):
    """Attributes of values."""

    def __init__(self, classes: list[type]) -> None:
        super().__init__()
        self._mros: dict[Atom, list[Atom]] = {}
        self._guesses: dict[str, list[tuple[Atom, Any]]] = {}
        for cls in classes:
            for name, value in members(cls).items():
                if is_app_function(plain(value)) and not name.startswith("__"):
                    self._guesses.setdefault(name, []).append((self.atom(cls), value))

    def attribute_of(self, atom: Atom, name: str) -> Value:
        if isinstance(atom, Live):
            return self._live_attribute(atom, name)
        if isinstance(atom, Instance):
            return self._instance_attribute(atom, atom.cls, name)
        if atom is UNKNOWN:
            return self._unknown_attribute(name)
        if isinstance(atom, Box):
            return self.read(atom, name) | self.read(atom, ALL) | frozenset((Method(atom, name),))
        if isinstance(atom, WrittenClass):
            return self._class_attribute(atom, name, atom)
        if isinstance(atom, Run):
            if name in RUN_READS:
                self.use(atom.held, "run")
            return frozenset((UNKNOWN,)) if name in ("result", "record") else EMPTY
        if isinstance(atom, Parent):
            owner, after = atom.key
            return join(self._bind(found, owner) for found in self._lookup_after(owner, after, name))
        return self._function_attribute(atom, name)

    def _function_attribute(self, atom: Atom, name: str) -> Value:
        """An attribute of something that can be called."""
        if isinstance(atom, Written | Bound | Part | Method) and name in OF_FUNCTIONS:
            return frozenset((atom,)) if name == "__call__" else frozenset((Method(atom, name),))
        if isinstance(atom, Bound):
            if name == "__self__":
                return frozenset((atom.owner,))
            return frozenset((atom.function,)) if name in ("__func__", "__wrapped__") else EMPTY
        if isinstance(atom, Part):
            return self.read(atom, name) if name == "func" else self.read_all(atom)
        if isinstance(atom, Method):
            return self.attribute_of(atom.owner, name) if name == "__self__" else frozenset((UNKNOWN,))
        if isinstance(atom, Verb):
            return self.live(atom.held) if name == "__self__" else EMPTY
        return self.read(atom, name)

    def _unknown_attribute(self, name: str) -> Value:
        """UNKNOWN may be any instance that was handed to a library, or one of any class that a library made."""
        if name in OF_FRAMES:
            self.unclear(f"`{name}`, through which every name of a module can be had")
        found: set[Any] = {UNKNOWN} | self.read(UNKNOWN, name)
        if self.read(UNKNOWN, "escaped"):
            for atom in self.hub(("unknown", name), None, lambda: self._escaped_attribute(name)):
                if isinstance(atom, Live) and is_resource(atom.held):
                    self.widen((atom.held), f"`.{name}` of a value of unknown type may be it")
                else:
                    found.add(atom)
        if name in self._guesses:
            found.add(Guess(name))
            self._guess(name)
        return frozenset(found)

    def _escaped_attribute(self, name: str) -> Value:
        found: set[Any] = set()
        for instance in self.read(UNKNOWN, "escaped"):
            if self.carries([frozenset((instance,))]):
                found |= self.attribute_of(instance, name)
        found.discard(UNKNOWN)
        if name in self._guesses:
            # A Guess stands for its methods.
            found = {atom for atom in found if not isinstance(atom, Bound)}
        return frozenset(found)

    def _guess(self, name: str) -> Value:
        classes = sorted({cls.held.__qualname__ for cls, _ in self._guesses[name]})
        doubt = f"`.{name}` of a value of unknown type, which may be that of {' or '.join(classes)}"
        return self.hub(("guess", name), doubt, lambda: join([self._guessed(*found) for found in self._guesses[name]]))

    def _guessed(self, cls: Atom, method: Any) -> Value:
        """A method of some instance of a class, with unknown arguments."""
        owner: Atom = cls if isinstance(method, classmethod) else Instance(cls, "guessed")
        first = [] if isinstance(method, staticmethod) else [frozenset((owner,))]
        function: FunctionType = plain(method)
        unknowns = [frozenset((UNKNOWN,))] * (function.__code__.co_argcount - len(first))
        return self.call_value(self.live(function), [*first, *unknowns], {})

    def guess_all(self, doubt: str) -> None:
        """Any method of any class may be meant."""

        def work() -> Value:
            return join([self._guessed(*found) for name in self._guesses for found in self._guesses[name]])

        self.hub(("guess",), doubt, work)

    def _live_attribute(self, atom: Live, name: str) -> Value:
        thing: Any = atom.held
        if class_of(thing) in CONSTANTS:
            return self.stable(class_of(thing), name)
        kept = self.atom(members(thing)) if is_module(thing) else atom
        written = self.read(kept, name) | self.read(kept, ALL)
        if is_resource(thing):
            return written | self._resource_attribute(thing, name)
        if isinstance(thing, ModuleType):
            return written | self._module_attribute(thing, name)
        if class_of(thing) is TaskRun:
            return self.attribute_of(Run(thing._task), name)
        if is_registry(thing) and name in REVEALING:
            what = f"`{name}` of {thing.name!r}, through which every resource of it can be had"
            self.widen_all(module_resources({"": thing}, is_app_module), what)
            return frozenset((UNKNOWN,))
        if isinstance(thing, MethodType):
            if name == "__self__":
                return self.live(thing.__self__)
            return self.stable(thing.__func__, name)
        if is_type(thing):
            return written | self._class_attribute(atom, name, atom)
        if is_app_class(class_of(thing)):
            return written | self._instance_attribute(atom, self.atom(class_of(thing)), name)
        return written | self._library_attribute(atom, name)

    def _resource_attribute(self, resource: Resource[Any], name: str) -> Value:
        verb = LETTERS.get(name) if isinstance(resource, DeadLetters) else name if name in resource.verbs else None
        if verb is not None:
            self.use(resource, verb)
            return frozenset((Verb(resource, name),))
        if name in members(resource) and not name.startswith("_"):
            return self.live(members(resource)[name])
        if name == "__wrapped__" and is_task(resource):
            return self.live(cast("Any", resource)._function)
        if not hasattr(type(resource), name):
            # No method of its kind: something else is meant here.
            return EMPTY
        if name == "native":
            self.widen(resource, "`native`, whose client may do anything")
        elif name not in HARMLESS and not (name.startswith("__") and name.endswith("__")):
            self.widen(resource, f"`{name}`, which is none of its verbs")
        return frozenset((Method(self.atom(resource), name),))

    def _module_attribute(self, module: ModuleType, name: str) -> Value:
        if name == "__dict__":
            return self.live(members(module))
        names = members(module)
        if name in names:
            return self.live(names[name])
        below = sys.modules.get(f"{module.__name__}.{name}")
        if below is not None:
            return self.live(below)
        lazy = names.get("__getattr__")
        if is_app_function(lazy):
            return self.call_value(self.live(lazy), [self.live(name)], {})
        if is_ours(module.__name__) or module.__name__ == "pydantic":
            # They load their parts when they are asked for.
            return self.stable(module, name)
        return frozenset((UNKNOWN,))

    def mro(self, cls: Atom) -> list[Atom]:
        """The class and its bases, as atoms."""
        if isinstance(cls, WrittenClass):
            found: list[Atom] = [cls]
            for base in cls.held[1]:
                found.extend(self.mro(base))
            return found
        known = self._mros.get(cls)
        if known is None:
            known = list[Atom]([self.atom(base) for base in cls.held.__mro__] if is_type(cls.held) else [])
            self._mros[cls] = known
        return known

    def lookup(self, cls: Atom, name: str) -> Value:
        """What the class has under a name, unbound; EMPTY when it has nothing."""
        for base in self.mro(cls):
            found = self.read(base, name)
            if isinstance(base, Live) and name in base.held.__dict__:
                return found | self.live(base.held.__dict__[name]) or frozenset((UNKNOWN,))
            if found:
                return found
        return EMPTY

    def _lookup_after(self, owner: Atom, after: Atom, name: str) -> Value:
        cls = owner.cls if isinstance(owner, Instance) else owner
        if isinstance(cls, Live) and not is_type(cls.held):
            cls = self.atom(class_of(cls.held))
        bases = self.mro(cls)
        rest = bases[bases.index(after) + 1 :] if after in bases else bases[1:]
        for base in rest:
            found = self.read(base, name)
            if isinstance(base, Live) and name in members(base.held):
                found |= self.live(members(base.held)[name])
            if found:
                return found
        return EMPTY

    def _instance_attribute(self, owner: Atom, cls: Atom, name: str) -> Value:
        own = self.read(owner, name)
        if isinstance(owner, Live):
            try:
                fields = object.__getattribute__(owner.held, "__dict__")
            except AttributeError:
                fields = {}
            own |= self.live(fields[name]) if name in fields else EMPTY
        if isinstance(owner, Instance) and owner.key[1] == "guessed":
            own |= frozenset((UNKNOWN,))
        if name == "__class__":
            return frozenset((cls,))
        if name == "__dict__":
            # Its items are the attributes.
            return frozenset((owner,))
        if name == "value" and isinstance(owner, Live) and isinstance(owner.held, enum.Enum):
            return own | self.live(owner.held._value_)
        own |= self.read(owner, ALL)
        found = self.lookup(cls, name)
        bound = join(self._bind_safely(atom, owner) for atom in found)
        if own or bound:
            return own | bound | self._intercepted(owner, cls, name)
        fallback = self.lookup(cls, "__getattr__")
        if self._is_followed(fallback):
            return self.call_value(fallback, [frozenset((owner,)), self.live(name)], {})
        return self._intercepted(owner, cls, name) | frozenset((UNKNOWN,))

    def _intercepted(self, owner: Atom, cls: Atom, name: str) -> Value:
        method = self.lookup(cls, "__getattribute__")
        if not self._is_followed(method):
            return EMPTY
        return self.call_value(method, [frozenset((owner,)), self.live(name)], {})

    @staticmethod
    def _is_followed(value: Value) -> bool:
        return any(
            isinstance(atom, Written) or (isinstance(atom, Live) and is_app_function(atom.held)) for atom in value
        )

    def _bind_safely(self, found: Atom, owner: Atom) -> Value:
        if isinstance(found, Live) and isinstance(owner, Live) and isinstance(found.held, DESCRIPTORS):
            return self.stable(owner.held, found.held.__name__)
        if isinstance(found, Live) and class_of(found.held).__name__ == "_tuplegetter":
            return self.live(found.held.__get__(owner.held)) if isinstance(owner, Live) else EMPTY
        return self._bind(found, owner)

    def _bind(self, found: Atom, owner: Atom) -> Value:
        """What an attribute of a class gives on an instance."""
        if isinstance(found, Written):
            return frozenset((Bound(found, owner),))
        if not isinstance(found, Live):
            return frozenset((found,))
        thing = found.held
        if isinstance(thing, property):
            return self.call_value(self.live(thing.fget), [frozenset((owner,))], {}) if thing.fget else EMPTY
        if isinstance(thing, staticmethod):
            return self.live(thing.__func__)  # pyright: ignore[reportUnknownMemberType]
        if isinstance(thing, classmethod):
            cls = owner.cls if isinstance(owner, Instance) else owner
            if isinstance(cls, Live) and not is_type(cls.held):
                cls = self.atom(class_of(cls.held))
            return self._bound_to(self.live(thing.__func__), cls)  # pyright: ignore[reportUnknownMemberType]
        if isinstance(thing, functools.cached_property):
            function: Any = getattr(found.held, "func", None)
            return self.call_value(self.live(function), [frozenset((owner,))], {})
        if isinstance(thing, functools.partialmethod):
            return self._partial_method(thing, owner)
        if isinstance(thing, FunctionType) or own_attribute(thing, "__wrapped__") is not None:
            return self._bound_to(frozenset((found,)), owner)
        if isinstance(thing, METHODS):
            return frozenset((Method(owner, thing.__name__),))
        getter = members(class_of(thing)).get("__get__")
        if is_app_function(getter):
            cls = owner.cls if isinstance(owner, Instance) else owner
            return self.call_value(self.live(getter), [frozenset((found,)), frozenset((owner,)), frozenset((cls,))], {})
        if hasattr(class_of(thing), "__get__") and not is_container(thing) and not is_resource(thing):
            return self._library_descriptor(found, owner)
        return frozenset((found,))

    def _partial_method(self, thing: Any, owner: Atom) -> Value:
        part = Part(("partialmethod", id(thing), owner), thing)
        self.write(part, "func", self._bound_to(self.live(thing.func), owner))
        for position, argument in enumerate(thing.args):
            self.write(part, position, self.live(argument))
        for name, argument in thing.keywords.items():
            self.write(part, ("named", name), self.live(argument))
        return frozenset((part,))

    def _library_descriptor(self, found: Live, owner: Atom) -> Value:
        """A library's descriptor: the functions that it holds are methods, or computed like a property."""
        functions = [inner for inner in self.reach(found.held) if is_app_function(inner)]
        bound = join(self._bound_to(self.live(inner), owner) for inner in functions)
        computed = self.call_value(bound, [], {})
        return bound | computed | frozenset((found, UNKNOWN))

    @staticmethod
    def _bound_to(functions: Value, owner: Atom) -> Value:
        return frozenset(Bound(function, owner) for function in functions)

    def _class_attribute(self, cls: Atom, name: str, owner: Atom) -> Value:
        """`Class.name`: functions stay unbound, classmethods are bound to the class."""
        found = self.lookup(cls, name)
        if not found and name == "__call__":
            return frozenset((cls,))
        if name == "__subclasses__":
            return frozenset((Method(cls, name),))
        if not found and name in OF_CLASSES and isinstance(cls, Live):
            return self.live(getattr(cls.held, name))
        if not found and isinstance(cls, Live):
            meta = self.lookup(self.atom(class_of(cls.held)), name) if is_app_class(class_of(cls.held)) else EMPTY
            return join(self._bind(atom, owner) for atom in meta) or self._fallback_of(cls, name) | frozenset(
                (UNKNOWN,)
            )
        return join(
            frozenset((atom,))
            if isinstance(atom, Written) or (isinstance(atom, Live) and isinstance(atom.held, UNBOUND))
            else self._bind_safely(atom, owner)
            for atom in found
        )

    def _fallback_of(self, cls: Live, name: str) -> Value:
        """`Class.name` where only the `__getattr__` of its metaclass knows."""
        return self.special(frozenset((cls,)), ("__getattr__",), [self.live(name)])

    def _library_attribute(self, atom: Live, name: str) -> Value:
        thing: Any = atom.held
        if isinstance(thing, FunctionType | types.BuiltinFunctionType | functools.partial):
            if name in OF_FUNCTIONS:
                return frozenset((atom,)) if name == "__call__" else frozenset((Method(atom, name),))
            return self.stable(thing, name)
        if is_container(thing):
            found: Any = class_of(thing).__dict__.get(name)
            if isinstance(thing, tuple) and found is not None and not callable(found):
                return self.live(found.__get__(thing))
            return frozenset((Method(atom, name),))
        try:
            fields = object.__getattribute__(thing, "__dict__")
        except AttributeError:
            fields = {}
        if name in fields:
            return self.live(fields[name])
        found = next((members(base)[name] for base in class_of(thing).__mro__ if name in members(base)), ABSENT)
        if isinstance(found, DESCRIPTORS):
            return self.stable(thing, name)
        if is_ours(class_of(thing).__module__) and found is ABSENT:
            return EMPTY
        return frozenset((Method(atom, name),))

    def stable(self, thing: Any, name: str) -> Value:
        """An attribute that Python keeps; what it makes anew each time cannot be told apart and is UNKNOWN."""
        try:
            found = getattr(thing, name, None)
            is_kept = found is getattr(thing, name, None)
        except Exception:  # a library's proxy of something that is not there outside a request
            return frozenset((UNKNOWN,))
        if not is_kept:
            return frozenset((UNKNOWN,))
        return self.live(found)
