"""What libraries do with what they are given: some hand it on or keep it, some call it, of most nothing is known.

A library's function may call what it is given. A resource itself given to one that is not known to hand things on only
is counted with every verb, and reported.
"""

import types
from collections import deque
from types import FunctionType, MethodType, ModuleType
from typing import Any, get_args, get_origin

from .atoms import (
    ALL,
    ANNOTATIONS,
    EMPTY,
    SENT,
    UNKNOWN,
    UNKNOWNS,
    Atom,
    Bound,
    Box,
    Guess,
    Instance,
    Live,
    Method,
    Part,
    Run,
    Value,
    Verb,
    Written,
    WrittenClass,
    join,
)
from .instances import Instances
from .kinds import (
    is_container,
    is_function,
    is_registry,
    is_resource,
    is_task,
    is_type,
)
from .schemas import has_schema, is_type_expression
from .sources import class_of, is_app_class, is_app_function, is_app_module, is_ours, members, own_attribute
from .state import CONSTANTS, constant, module_resources, texts

KNOWN_MODULES = frozenset(
    (
        *(
            "_asyncio",
            "_collections",
            "_contextvars",
            "_functools",
            "_heapq",
            "_operator",
            "_queue",
            "_thread",
            "_weakref",
            "abc",
            "asyncio",
            "builtins",
        ),
        *(
            "collections",
            "concurrent",
            "contextlib",
            "contextvars",
            "copy",
            "dataclasses",
            "datetime",
            "enum",
            "functools",
            "heapq",
            "itertools",
            "logging",
        ),
        *(
            "operator",
            "pprint",
            "queue",
            "random",
            "reprlib",
            "statistics",
            "threading",
            "time",
            "traceback",
            "types",
            "typing",
            "warnings",
            "weakref",
        ),
    )
)
"""Modules that hand things on, keep them, print them and call what they are given, and use no method `get` or `put`."""
DATA_MODULES = frozenset(
    ("builtins", "logging", "time", "datetime", "random", "warnings", "traceback", "pprint", "statistics")
)
"""Of these, functions give back plain data, but for those of GIVING."""
GIVING = frozenset(
    ("next", "aiter", "anext", "iter", "sorted", "reversed", "min", "max", "sum", "choice", "choices", "sample")
)
WRITING = ("write", "flush")
BY_METHOD: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("closing", "aclosing"), ("close", "aclose")),
    **dict.fromkeys(("print", "redirect_stdout", "redirect_stderr", "StreamHandler", "pprint", "pp"), WRITING),
    **dict.fromkeys(("print_exc", "print_exception", "print_stack", "print_tb", "print_last"), WRITING),
}
"""Of the known modules, what calls methods by their names on an object that it is given."""
PASSING = frozenset(
    ("submit", "to_thread", "run_in_executor", "call_soon", "call_soon_threadsafe", "call_later", "run")
)
SHUFFLING = frozenset(
    ("insert", "pop", "remove", "reverse", "sort", "appendleft", "popleft", "extendleft", "rotate", "__delitem__")
)
"""After these, elements are no longer where they were put."""
COMPARING = frozenset(
    ("sort", "get", "pop", "remove", "index", "count", "setdefault", "discard", "add", "__contains__")
)
"""These hash or compare what they are given."""
STORING = frozenset(
    ("append", "appendleft", "add", "insert", "extend", "extendleft", "update", "setdefault", "put", "put_nowait")
)
ITERATING: tuple[Any, ...] = (enumerate, zip, reversed, map, filter, memoryview)
OF_METACLASSES = ("__iter__", "__len__", "__contains__", "__str__", "__repr__", "__bool__", "__hash__", "__dir__")
PLAIN_TYPES = (list, dict, set, tuple, frozenset, deque)


class Libraries(Instances):
    """Calls of what is not the app's, and what leaves the code that is followed."""

    def is_callable(self, atom: Atom) -> bool:
        if isinstance(atom, Live):
            thing = atom.held
            if class_of(thing) in CONSTANTS:
                return False
            if is_resource(thing) and not is_task(thing):
                return False
            if is_task(thing) or is_function(thing):
                return True
            kind: Any = thing if is_type(thing) else class_of(thing)
            return callable(thing) and is_app_class(kind)
        if isinstance(atom, Instance):
            return self._is_followed(self.lookup(atom.cls, "__call__"))
        return isinstance(atom, Written | Bound | Verb | Part | WrittenClass | Guess)

    def escape(self, value: Value, what: str) -> None:
        """`value` is handed to code that is not followed; `what` says to which."""
        everything = self.deep(value)
        flows = frozenset(
            atom
            for atom in everything
            if isinstance(atom, Instance) or not (isinstance(atom, Box) or self.is_callable(atom))
        )
        for atom in everything:
            if not isinstance(atom, Live) or class_of(atom.held) not in CONSTANTS:
                self._escape_one(atom, what, flows)

    def _escape_one(self, atom: Atom, what: str, flows: Value) -> None:
        if isinstance(atom, Live) and is_resource(atom.held):
            resource = atom.held
            self.widen(resource, f"{resource.kind} {resource.name!r} is handed to {what}")
        if isinstance(atom, Run):
            self.use(atom.held, "run")
        elif isinstance(atom, Verb):
            self.use(atom.held, atom.name if atom.name in atom.held.verbs else "dead_letters")
        elif self.is_callable(atom) and not isinstance(atom, Guess | Instance):
            if isinstance(atom, Live) and is_type(atom.held):
                self._library_made(Instance(atom, "typed"), atom)
                self.validated(atom.held)
                return
            if isinstance(atom, Live) and is_app_function(atom.held):
                self.annotated(atom.held, f"an annotation of {atom.held.__qualname__}, which is handed to {what}")
            elif isinstance(atom, Written):
                self.validated_by(self.read(atom, ANNOTATIONS), f"an annotation of a function that is handed to {what}")
            elif isinstance(atom, WrittenClass):
                self._library_made(Instance(atom, "typed"), atom)
            self._called_back(frozenset((atom,)), flows)
        elif isinstance(atom, Live) and isinstance(atom.held, ModuleType):
            if is_app_module(atom.held):
                reached = module_resources(members(atom.held), is_app_module)
                self.widen_all(reached, f"module {atom.held.__name__} is handed to {what}")
        elif isinstance(atom, Live) and is_registry(atom.held):
            reached = module_resources({"": atom.held}, is_app_module)
            self.widen_all(reached, f"{atom.held.name!r} is handed to {what}")
        elif isinstance(atom, Live) and is_type_expression(atom.held):
            self._validated_expression(atom.held)
        if isinstance(atom, Instance) or (isinstance(atom, Live) and self._is_app_instance(atom.held)):
            self._escape_instance(atom, what)

    def _validated_expression(self, annotation: Any) -> None:
        """`list[Note]`, or a TypeAdapter of it: whoever has it may make notes."""
        self.validated(annotation)
        for cls in (get_origin(annotation), *get_args(annotation)):
            if is_type(cls) and is_app_class(cls):
                self._library_made(Instance(self.atom(cls), "typed"), self.atom(cls))

    def _escape_instance(self, atom: Atom, what: str) -> None:
        if isinstance(atom, Instance) and atom.key[1] == "guessed":
            return
        if atom not in self.escaped:
            self.escaped.add(atom)
            self.write(UNKNOWN, "escaped", frozenset((atom,)))
        cls = atom.cls if isinstance(atom, Instance) else self.atom(class_of(atom.held))
        shown = cls.held.__qualname__ if isinstance(cls, Live) else cls.held[0].name
        self._every_method(atom, cls, f"a method of {shown}, of which an object is handed to {what}")

    def given_to_portable(self, value: Value, what: str, *, calls: bool = False) -> None:
        """What portable does with what it is given: it lets pydantic look at models, reads files and iterables, and
        with `calls` calls functions; no other method."""
        for atom in self.deep(value):
            if isinstance(atom, Instance) or (isinstance(atom, Live) and self._is_app_instance(atom.held)):
                cls = atom.cls if isinstance(atom, Instance) else self.atom(class_of(atom.held))
                if self._has_library_base(cls):
                    self._library_made(atom, cls)
                elif isinstance(cls, Live) and has_schema(cls.held):
                    self.validated(cls.held)
                self.escaped_by_known(atom)
                readers = frozenset(part for part in self.attribute_of(atom, "read") if isinstance(part, Bound))
                self.call_value(readers, [UNKNOWNS], {})
            elif not self.is_callable(atom):
                self._escape_one(atom, what, EMPTY)
            elif calls:
                self.call_value(frozenset((atom,)), [UNKNOWNS], {})
            elif isinstance(atom, Live) and is_task(atom.held):
                self.widen(atom.held, f"task {atom.held.name!r} is handed to {what}")

    @staticmethod
    def resources(value: Value) -> Value:
        """The resources in a value, with the tasks, registries and modules: what cannot be written out."""
        return frozenset(
            atom
            for atom in value
            if isinstance(atom, Live)
            and (is_resource(atom.held) or is_registry(atom.held) or isinstance(atom.held, ModuleType))
        )

    def _library_call(
        self, known: bool, name: str, positional: list[Value], named: dict[str, Value], owner: Atom | None
    ) -> Value:
        """Calls what a library's function is given, and gives what may come of it."""
        given = join([*positional, *named.values()])
        short = name.rpartition(".")[2]
        if not known:
            self.escape(given, f"`{name}`" if name else "an object of a library")
            return UNKNOWNS
        flows = frozenset(atom for atom in self.deep(given) if self.matters(atom))
        self._shuffled_by(owner, given)
        for method in BY_METHOD.get(short, ()):
            for atom in flows:
                if isinstance(atom, Instance) or (isinstance(atom, Live) and self._is_app_instance(atom.held)):
                    bound = frozenset(part for part in self.attribute_of(atom, method) if isinstance(part, Bound))
                    self.call_value(bound, [UNKNOWNS], {})
        results: list[Value] = []
        box = Box((self.site, name), "known")
        for position, value in enumerate(positional):
            callables = frozenset(atom for atom in value if self.is_callable(atom))
            if callables and short in PASSING:
                results.append(self.call_value(callables, positional[position + 1 :], named))
            elif callables:
                results.append(self._called_back(callables, flows))
        for name_, value in named.items():
            callables = frozenset(atom for atom in value if self.is_callable(atom))
            if callables and name_ == "target":
                results.append(self._thread(callables, named))
            elif callables and short not in PASSING:
                results.append(self._called_back(callables, flows))
        inner = frozenset(a for a in self.deep(given) if self.is_callable(a)) - join([*positional, *named.values()])
        results.append(self._called_back(inner, flows))
        self._looked_at_by_known(flows)
        returned = join(results)
        self.write(box, ALL, flows | returned)
        if isinstance(owner, Live) and short not in GIVING and module_of(owner.held) in DATA_MODULES:
            return returned
        return frozenset((box,)) | flows | returned

    def _looked_at_by_known(self, value: Value) -> None:
        for atom in value:
            if isinstance(atom, Instance) or (isinstance(atom, Live) and self._is_app_instance(atom.held)):
                self.escaped_by_known(atom)
            elif isinstance(atom, Live) and is_type(atom.held) and is_app_class(class_of(atom.held)):
                self.special(frozenset((atom,)), OF_METACLASSES, [])

    def _shuffled_by(self, owner: Atom | None, given: Value) -> None:
        """random.shuffle and heapq move what is in a list."""
        if isinstance(owner, Live) and module_of(owner.held) in ("random", "heapq", "_heapq", "bisect", "_bisect"):
            for atom in given:
                if isinstance(atom, Box) or (isinstance(atom, Live) and is_container(atom.held)):
                    self.shuffle(atom)

    @staticmethod
    def matters(atom: Atom) -> bool:
        """Whether an atom is neither a container, whose contents count instead, nor a constant."""
        return not isinstance(atom, Box) and not (isinstance(atom, Live) and class_of(atom.held) in CONSTANTS)

    def _thread(self, callables: Value, named: dict[str, Value]) -> Value:
        """threading.Thread(target=f, args=(...), kwargs={...})."""
        arguments: list[Value] = []
        keywords: dict[str, Value] = {}
        for atom in named.get("args", EMPTY):
            fields = self.fields(atom)
            numbered = [fields[key] for key in sorted(key for key in fields if isinstance(key, int))]
            arguments = [*numbered]
            if ALL in fields:
                keywords["*"] = fields[ALL]
        for atom in named.get("kwargs", EMPTY):
            keywords.update({key: value for key, value in self.fields(atom).items() if isinstance(key, str)})
        return self.call_value(callables, arguments, keywords)

    def _called_back(self, callables: Value, flows: Value) -> Value:
        """A library calls a function with whatever it was given besides."""
        arguments = (flows - callables) | UNKNOWNS
        return self.call_value(callables, [arguments] * 8, {"**": arguments, "*": arguments})

    def _library_type(self, thing: type[Any], positional: list[Value], named: dict[str, Value]) -> Value:
        given = join([*positional, *named.values()])
        kind: Any = thing
        if issubclass(thing, PLAIN_TYPES) or kind in ITERATING:
            return self._container(kind, positional, named)
        if is_ours(thing.__module__):
            self.given_to_portable(given, f"`{thing.__qualname__}`")
            return UNKNOWNS
        known = thing.__module__.partition(".")[0] in KNOWN_MODULES
        found = self._library_call(known, thing.__qualname__, positional, named, None)
        return EMPTY if thing.__module__ in DATA_MODULES and thing is not object else found

    def _container(self, thing: type, positional: list[Value], named: dict[str, Value]) -> Value:
        kind: Any = thing
        box = Box((self.site, thing.__name__), "plain")
        rest = self.contents(named.get("*", EMPTY))
        if thing in (map, filter):
            given = self.contents(join(positional[1:]))
            columns = [self.contents(column) for column in positional[1:]] or [rest] * 8
            self.write(box, ALL, given if thing is filter else EMPTY)
            if thing is filter:
                self.special(given, ("__bool__", "__len__"), [])
            returned = self.call_value(positional[0] - UNKNOWNS, columns, {}) if positional else EMPTY
            self.write(box, ALL, returned if thing is map else EMPTY)
            return frozenset((box,))
        if issubclass(thing, dict | set | frozenset):
            self._looked_at_by_known(self.contents(join(positional)) | self._keys_of(positional))
        if kind is reversed:
            self.special(join(positional), ("__reversed__", "__len__", "__getitem__"), [])
        for value in positional:
            if thing in (dict, tuple, list) and len(value) == 1:
                self._copy(box, next(iter(value)))
            else:
                self.write(box, ALL, self.contents(value))
            if issubclass(thing, dict):
                self.write(box, ALL, self._paired_values(value))
        if issubclass(thing, dict):
            # A defaultdict's factory.
            factories = frozenset(atom for atom in join(positional) if self.is_callable(atom) or is_plain_type(atom))
            self.write(box, ALL, self.call_value(factories, [], {}))
        if thing in (zip, enumerate):
            pair = Box((self.site, "pair"), "plain")
            for position, value in enumerate(positional if thing is zip else [EMPTY, *positional]):
                self.write(pair, position, self.contents(value))
            self.write(pair, ALL, rest | self.contents(rest))
            return frozenset((Box((self.site, "pairs"), "plain"),)) if self._paired(pair) else EMPTY
        for name, value in named.items():
            self.write(box, ALL if name in ("*", "**") else name, value)
        return frozenset((box,))

    def _keys_of(self, positional: list[Value]) -> Value:
        """What pairs hold of which a dict may be made."""
        return join(self._paired_values(value) for value in positional)

    def _paired_values(self, value: Value) -> Value:
        """What pairs hold of which a dict may be made."""
        pairs = frozenset(
            atom
            for atom in self.contents(value)
            if isinstance(atom, Box) or (isinstance(atom, Live) and isinstance(atom.held, tuple | list))
        )
        return self.contents(pairs)

    def _paired(self, pair: Box) -> bool:
        self.write(Box((self.site, "pairs"), "plain"), ALL, frozenset((pair,)))
        return True

    def _copy(self, box: Box, source: Atom) -> None:
        """Keeps known keys apart."""
        if isinstance(source, Box) and source.trust == "plain":
            for key, value in list(self.fields(source).items()):
                self.write(box, key, value)
        elif isinstance(source, Live) and isinstance(source.held, dict):
            for key, value in source.held.items():  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
                self.write(box, key if isinstance(key, str | int) else ALL, self.live(value))
            self.write(box, ALL, self.read_all(source))
        else:
            self.write(box, ALL, self.contents_of(source))

    def _call_library(self, atom: Live, positional: list[Value], named: dict[str, Value]) -> Value:
        """A function of a library, or an object of one that can be called."""
        thing: Any = atom.held
        if not callable(thing):
            return EMPTY
        module = module_of(thing)
        name = own_attribute(thing, "__name__", class_of(thing).__name__)
        held = self.reach(thing)
        owner = own_attribute(thing, "__self__")
        if is_type_expression(thing):
            self._validated_expression(thing)
        if owner is not None and is_type_expression(owner):
            self._validated_expression(owner)
        if is_container(owner) and not is_type(thing):
            return self._call_method(Method(self.atom(owner), name), positional, named)
        if name == "methodcaller" and isinstance(thing, types.BuiltinFunctionType):
            held = []
        known = module.partition(".")[0] in KNOWN_MODULES
        shown = name if module == "builtins" else f"{module}.{name}"
        result = self._library_call(known, shown, positional, named, atom)
        for inner in held:
            result |= self._held_by(shown, inner, positional, named)
        return result

    def _held_by(self, shown: str, inner: Any, positional: list[Value], named: dict[str, Value]) -> Value:
        """What a library's callable holds of the app: functions get what it is given, a resource may be used anyhow."""
        if is_app_function(inner) or isinstance(inner, MethodType):
            return self.call_value(self.live(inner), positional, named)
        self.escape(self.live(inner), shown)
        return EMPTY

    def _call_method(self, atom: Method, positional: list[Value], named: dict[str, Value]) -> Value:
        owner, name = atom.owner, atom.name
        if name == "__get__" and positional and self.is_callable(owner):
            # `function.__get__(instance)` is a method of it.
            return frozenset(Bound(owner, part) for part in positional[0] if not is_type(part.held))
        if isinstance(owner, Box):
            trust = owner.trust
        elif isinstance(owner, Instance) or (isinstance(owner, Live) and self._is_app_instance(owner.held)):
            return self._inherited_method(owner, name, positional, named)
        elif isinstance(owner, Live) and is_resource(owner.held):
            self.given_to_portable(join([*positional, *named.values()]), f"`{name}` of {owner.held.id}")
            return UNKNOWNS
        elif isinstance(owner, Live) and is_type(owner.held) and name == "__subclasses__":
            return self._subclasses(owner.held)
        else:
            trust = self._trust_of(owner.held)
        if trust == "plain":
            return self._container_method(owner, name, positional, named)
        return self._object_method(owner, trust == "known", name, positional, named)

    def _trust_of(self, thing: Any) -> str:
        """Whether a live object of a library is a container, of a known module, or of another one."""
        if is_type(thing) and is_app_class(thing):
            self.validated(thing)
        if is_type_expression(thing):
            self._validated_expression(thing)
        if is_container(thing):
            return "plain"
        return "known" if class_of(thing).__module__.partition(".")[0] in KNOWN_MODULES else "foreign"

    def _object_method(
        self, owner: Atom, known: bool, name: str, positional: list[Value], named: dict[str, Value]
    ) -> Value:
        """A method of a library's object, which may keep what it is given, and use what it holds."""
        given = join([*positional, *named.values()])
        if name in STORING and known:
            self.write(owner, ALL, given)
            return EMPTY
        result = self._library_call(known, name, positional, named, owner)
        if known:
            self.write(owner, ALL, frozenset(part for part in self.deep(given) if not self.is_callable(part)))
            result |= self.read_all(owner)
        if not isinstance(owner, Live):
            return result | frozenset((owner,))
        shown = f"`.{name}` of an object of {class_of(owner.held).__module__}"
        for inner in self.reach(owner.held):
            if known and is_resource(inner):
                # It only keeps it.
                result |= self.live(inner)
            else:
                result |= self._held_by(shown, inner, [UNKNOWNS], {})
        return result

    def _subclasses(self, cls: Any) -> Value:
        box = Box((self.site, "subclasses"), "plain")
        below: list[Any] = [kind for kind in type.__subclasses__(cls) if is_app_class(kind)]
        self.write(box, ALL, join(self.live(kind) for kind in below))
        return frozenset((box,))

    def _inherited_method(self, owner: Atom, name: str, positional: list[Value], named: dict[str, Value]) -> Value:
        """A method that a class of the app has from a builtin or a library."""
        if name in ("__getattribute__", "__getattr__") and positional:
            names = texts(positional[0])
            return join(self.attribute_of(owner, known) for known in names or ())
        if name == "__setattr__" and len(positional) > 1:
            for known in texts(positional[0]) or {ALL}:
                self.write(owner, known, positional[1])
            return EMPTY
        if name == "__setitem__" and len(positional) > 1:
            self.write(owner, ALL, positional[1])
        if self.holds_elements(owner):
            return self._container_method(owner, name, positional, named) | UNKNOWNS
        self.escape(frozenset((owner,)), f"`{name}`, which its class has from a library")
        return self._library_call(False, name, positional, named, owner)

    def shuffle(self, owner: Atom) -> None:
        """Forgets at which positions the elements of a container are."""
        self.write(owner, ALL, self.contents_of(owner))

    def _compared(self, owner: Atom, name: str, positional: list[Value]) -> None:
        if name in ("send", "asend"):
            self.write(owner, SENT, join(positional))
        if name not in COMPARING:
            return
        for atom in self.deep(join(positional) | frozenset((owner,))):
            if isinstance(atom, Instance) or (isinstance(atom, Live) and self._is_app_instance(atom.held)):
                self.escaped_by_known(atom)

    def _container_method(self, owner: Atom, name: str, positional: list[Value], named: dict[str, Value]) -> Value:
        self._compared(owner, name, positional)
        if name in SHUFFLING:
            self.shuffle(owner)
        if name in STORING:
            for position, value in enumerate(positional):
                known = {constant(key) for key in positional[0]}
                if name == "setdefault":
                    if position == 1:
                        for key in known:
                            self.write(owner, ALL if key is None else key, value)
                elif name in ("update", "extend", "extendleft") and len(value) == 1 and isinstance(owner, Box):
                    self._copy(owner, next(iter(value)))
                    self.write(owner, ALL, self._paired_values(value) if name == "update" else self.contents(value))
                elif name in ("update", "extend", "extendleft"):
                    self.write(owner, ALL, self.contents(value))
                    self.write(owner, ALL, self._paired_values(value))
                elif name != "insert" or position == 1:
                    self.write(owner, ALL, value)
            for key, value in named.items():
                self.write(owner, ALL if key in ("*", "**") else key, value)
            if name != "setdefault":
                return EMPTY
        if name in ("get", "pop", "setdefault", "__getitem__") and positional and positional[0]:
            fallback = positional[1] if len(positional) > 1 else EMPTY
            return self.item_of(owner, positional[0]) | fallback
        contents = self.contents_of(owner)
        if name in ("items", "popitem"):
            pair, pairs = Box((owner.key, "pair"), "plain"), Box((owner.key, "pairs"), "plain")
            self.write(pair, 1, contents)
            self.write(pair, 0, frozenset(a for a in contents if type(a.held) is str))
            self.write(pairs, ALL, frozenset((pair,)))
            return frozenset((pairs if name == "items" else pair,))
        callables = frozenset(atom for atom in join([*positional, *named.values()]) if self.is_callable(atom))
        self.call_value(callables, [contents] * 2, {})
        return contents | frozenset((owner,)) if name in ("copy", "values", "keys", "union") else contents


def is_plain_type(atom: Atom) -> bool:
    """Whether an atom is list, dict and the like, which make containers when they are called."""
    return isinstance(atom, Live) and is_type(atom.held) and issubclass(atom.held, PLAIN_TYPES)


def module_of(thing: Any) -> str:
    """The name of the module that a library's object is of."""
    if isinstance(thing, FunctionType):
        # functools.wraps gives a wrapper the module of what it wraps.
        return str(thing.__globals__.get("__name__", ""))
    return str(own_attribute(thing, "__module__") or class_of(thing).__module__)
