"""`value[key]`, `for x in value`, and values by their annotations."""

import sys
import types
from collections.abc import Mapping
from types import ModuleType
from typing import Any, cast, get_args, get_origin

from portable.tables import Table

from .atoms import ALL, EMPTY, UNKNOWN, Atom, Bound, Box, Instance, Live, Method, Run, Value, Verb, join
from .following import Following
from .kinds import CONTAINERS, is_container, is_function, is_resource, is_task, is_type, reached_from
from .sources import class_of, is_app_class, is_app_module, members, own_attribute
from .state import MOST_CONSTANTS, constant, module_resources


class Contents(Following):
    """What containers hold, live ones and those that the analysis made."""

    def __init__(self) -> None:
        super().__init__()
        self._reached: dict[int, tuple[Any, list[Any]]] = {}
        self._element_values: dict[int, tuple[Any, Value]] = {}

    def reach(self, thing: Any) -> list[Any]:
        """Resources, functions, instances and modules of the app that a library's object holds, not far below it."""
        kept = self._reached.get(id(thing))
        if kept is not None and kept[0] is thing:
            return kept[1]
        found = reached_from(thing)
        self._reached[id(thing)] = (thing, found)
        return found

    def item(self, value: Value, keys: Value) -> Value:
        """`value[key]`."""
        return join(self.item_of(atom, keys) for atom in value)

    def item_of(self, atom: Atom, keys: Value) -> Value:
        known = {constant(key) for key in keys}
        exact = bool(known) and None not in known and len(known) == len(keys)
        if isinstance(atom, Box):
            if exact and atom.trust == "plain":
                return join(self.read(atom, key) for key in known) | self.read(atom, ALL)
            return self.read_all(atom)
        if atom is UNKNOWN:
            self.escape(keys, "the subscript of a value of unknown type")
            return frozenset((UNKNOWN,)) | self.read(UNKNOWN, ALL)
        if isinstance(atom, Instance) or (isinstance(atom, Live) and is_app_class(class_of(atom.held))):
            names = [self.field_name(atom, key) for key in known]
            own = join(self.read(atom, key) for key in (*names, ALL)) if exact else self.read_all(atom)
            if isinstance(atom, Live):
                # `vars(x)["name"]`
                fields = members(atom.held)
                own |= join(self.live(fields[key]) for key in (known if exact else fields) if key in fields)
            for name in ("__getitem__", "__missing__", "__class_getitem__"):
                method = frozenset(part for part in self.attribute_of(atom, name) if isinstance(part, Bound))
                own |= self.call_value(method, [keys], {})
            if isinstance(atom, Live) and is_container(atom.held):
                return own | self._live_item(atom, known if exact else None)
            return own | frozenset((atom,))
        if not isinstance(atom, Live):
            return self.contents_of(atom)
        if is_type(atom.held) and not is_app_class(atom.held):
            # `list[Note]`: what is given it may make notes.
            return frozenset((atom,)) | frozenset(
                key for key in self.deep(keys) if isinstance(key, Live) and is_type(key.held) and is_app_class(key.held)
            )
        if is_type(atom.held) and is_app_class(atom.held):
            return frozenset((atom,)) | self._class_item(atom, keys)
        return self._live_item(atom, known if exact else None)

    def _class_item(self, atom: Live, keys: Value) -> Value:
        """`cls[key]`."""
        kind = self.atom(class_of(atom.held))
        own = frozenset(part for part in self.attribute_of(atom, "__class_getitem__") if isinstance(part, Bound))
        made = self.call_value(own, [keys], {})
        if is_app_class(class_of(atom.held)):
            made |= self.call_value(self.lookup(kind, "__getitem__"), [frozenset((atom,)), keys], {})
        return made

    def _live_item(self, atom: Live, known: "set[Any] | None") -> Value:
        thing: Any = atom.held
        if is_type(thing) or get_origin(thing) is not None:
            return frozenset((atom,))
        written = join(self.read(atom, key) for key in known) | self.read(atom, ALL) if known else self.read_all(atom)
        if is_container(thing) and known:
            found = [written]
            for key in known:
                try:
                    found.append(self.live(thing[key]))
                except (LookupError, TypeError):
                    found.append(EMPTY)
            return join(found)
        is_module = is_container(thing) and "__builtins__" in thing
        if is_module or thing is sys.modules:
            names: dict[str, Any] = thing if is_module else self.module_names()
            what = "a module's names by one that is only known when it runs"
            self.widen_all(module_resources(names, is_app_module), what)
            return frozenset((UNKNOWN,)) | written
        return written | self.contents_of(atom)

    def deep(self, value: Value) -> Value:
        """A value with everything that its containers hold."""
        found: set[Any] = set()
        stack = list(value)
        while stack:
            atom = stack.pop()
            if atom in found:
                continue
            found.add(atom)
            if isinstance(atom, Box):
                stack.extend(self.read_all(atom))
            elif isinstance(atom, Live) and is_container(atom.held):
                stack.extend(self.contents_of(atom))
        return frozenset(found)

    def contents(self, value: Value) -> Value:
        """What iterating gives, and whatever else a container holds."""
        return join(self.contents_of(atom) for atom in value)

    def contents_of(self, atom: Atom) -> Value:
        if isinstance(atom, Box):
            return self.read_all(atom)
        if atom is UNKNOWN:
            return frozenset((UNKNOWN,)) | self.read(UNKNOWN, ALL)
        if isinstance(atom, Method):
            return self.contents_of(atom.owner)
        if isinstance(atom, Instance):
            return self._iterated(atom) | frozenset((atom,))
        if not isinstance(atom, Live):
            # What a library took out of a container may be asked for its contents once more: it is them.
            return frozenset((atom,))
        thing: Any = atom.held
        if is_container(thing):
            own = self._iterated(atom) if is_app_class(class_of(thing)) else EMPTY
            return own | self.read_all(atom) | self._elements(thing)
        if is_type(thing):
            if is_app_class(class_of(thing)):
                self.special(frozenset((atom,)), ("__iter__",), [])
            # An Enum, for instance.
            members: Any = own_attribute(thing, "_member_map_")
            return self._elements(members) if isinstance(members, Mapping) else EMPTY
        if isinstance(thing, str | bytes | int | ModuleType):
            return EMPTY
        if is_resource(thing) or is_function(thing):
            return frozenset((atom,))
        if is_app_class(class_of(thing)):
            return self._iterated(atom) | frozenset((atom,))
        return self.read_all(atom) | join(self.live(part) for part in self.reach(thing))

    def _iterated(self, atom: Atom) -> Value:
        """What iterating an instance gives."""
        return self.hub(("iterated", atom), None, lambda: self._iterated_now(atom))

    def _iterated_now(self, atom: Atom) -> Value:
        found = self.read_all(atom) if self.holds_elements(atom) else self.read(atom, ALL)
        for name in ("__iter__", "__aiter__", "__getitem__"):
            method = frozenset(part for part in self.attribute_of(atom, name) if isinstance(part, Bound))
            iterators = self.call_value(method, [frozenset((UNKNOWN,))] if name == "__getitem__" else [], {})
            if name == "__getitem__":
                found |= iterators
                continue
            found |= self.contents(frozenset(part for part in iterators if part != atom))
            for step in ("__next__", "__anext__"):
                found |= self.call_value(
                    frozenset(p for p in self.attribute(iterators, step) if isinstance(p, Bound)), [], {}
                )
        return found

    @staticmethod
    def field_name(atom: Atom, key: Any) -> Any:
        """The field of a NamedTuple that stands at a position."""
        cls = atom.cls.held if isinstance(atom, Instance) else None
        fields: Any = own_attribute(cls, "_fields", ()) if is_type(cls) else ()
        return fields[key] if type(key) is int and 0 <= key < len(fields) else key

    def holds_elements(self, atom: Atom) -> bool:
        """Whether an instance is of a class that is built on a container: a NamedTuple, a dict with methods."""
        cls = atom.cls if isinstance(atom, Instance) else self.atom(class_of(atom.held))
        return any(isinstance(base, Live) and base.held in CONTAINERS for base in self.mro(cls))

    def lookup(self, cls: Atom, name: str) -> Value:
        """What the class has under a name, unbound; EMPTY when it has nothing."""
        raise NotImplementedError

    def mro(self, cls: Atom) -> list[Atom]:
        """The class and its bases, as atoms."""
        raise NotImplementedError

    def _elements(self, thing: Any) -> Value:
        kept = self._element_values.get(id(thing))
        if kept is None or kept[0] is not thing:
            kept = self._element_values[id(thing)] = (thing, self._elements_now(thing))
        return kept[1]

    def _elements_now(self, thing: Any) -> Value:
        values: list[Any] = [*thing.values(), *thing.keys()] if isinstance(thing, Mapping) else list(thing)
        found: set[Any] = set()
        constants = 0
        for value in values:
            if class_of(value) in (str, int, bytes, bool):
                constants += 1
                if constants > MOST_CONSTANTS:
                    found.add(UNKNOWN)
                    continue
            found |= self.live(value)
        return frozenset(found)

    def typed(self, annotation: Any, site: Any) -> Value:
        """A value of an annotation as a library would make it: instances of the app's classes, else UNKNOWN."""
        origin, arguments = get_origin(annotation), get_args(annotation)
        if is_type(annotation) and is_app_class(annotation):
            below = [cls for cls in annotation.__subclasses__() if cls.__module__ in self.modules]
            return frozenset((Instance(self.atom(annotation), "typed"),)) | join(self.typed(cls, site) for cls in below)
        if origin is None or not arguments:
            return EMPTY if annotation in (str, int, float, bool, bytes, type(None)) else frozenset((UNKNOWN,))
        if is_type(origin) and is_app_class(origin):
            return self.typed(origin, site)
        inner = join(self.typed(argument, site) for argument in arguments)
        if is_type(origin) and origin is not types.UnionType:
            # A container, or one of portable's that carries a model: Event[Note].
            box = Box((site, "typed", str(annotation)), "plain")
            self.write(box, ALL, inner)
            return frozenset((box,))
        return inner

    def verb_result(self, verb: Verb, site: Any) -> Value:
        """What a verb of a resource gives: runs of a task, items of a table's model."""
        resource = verb.held
        if is_task(resource) and verb.name in ("send", "run"):
            return frozenset((Run(resource),))
        if isinstance(resource, Table):
            model: Any = cast("Any", resource)._items.model.model
            item = self.typed(model, site) if is_type(model) else frozenset((UNKNOWN,))
            box = Box((resource.id, "items"), "plain")
            self.write(box, ALL, item)
            return item | frozenset((box,))
        return frozenset((UNKNOWN,))
