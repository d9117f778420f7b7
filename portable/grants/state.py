"""What one analysis knows so far: values of fields and variables, the calls it has followed, and what they use.

Everything here only grows. A call whose inputs have grown is gone through again, until nothing grows any more.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

from portable.binding import Resource

from .atoms import EMPTY, Atom, Live, Value
from .kinds import is_registry, is_resource, is_type
from .sources import Definition, Scope, class_of, members, own_attribute

MOST_CALLS = 24
"""Calls of one function with different arguments that are told apart; further ones are taken together."""
MOST_CONSTANTS = 64
NO_FIELDS: dict[Any, Value] = {}
CONSTANTS = (str, int, bytes, bool)
IGNORED = (float, complex, type(None), type(Ellipsis), type(NotImplemented))


class Use(NamedTuple):
    """A verb on a resource, and the line that needs it."""

    resource: str
    verb: str
    file: str
    line: int


class Widening(NamedTuple):
    """What could not be followed, and where."""

    resource: str
    file: str
    line: int
    what: str


class Code(NamedTuple):
    """A function of the app as the analysis runs it. `closure` maps names to live cells, `outer` is the call around."""

    key: Any
    node: Definition
    file: str
    names: dict[str, Any]
    closure: dict[str, Any]
    outer: "Call | None"
    scope: Scope
    owner: Any


class Call(Atom):
    """A function with certain arguments: what calling it so gives and uses, and what it calls in turn."""

    __slots__ = (
        "active",
        "callers",
        "code",
        "doubtful",
        "edges",
        "is_stale",
        "parameters",
        "place",
        "result",
        "scope",
        "uses",
        "widenings",
        "work",
    )

    def __init__(
        self,
        key: Any,
        code: Code | None = None,
        parameters: dict[str, Value] | None = None,
        place: Any = None,
        work: Callable[[], Value] | None = None,
    ) -> None:
        super().__init__(key, code)
        self.code: Code | None = code
        self.work: Callable[[], Value] | None = work
        """What it does, if it is no function but several calls that are made together."""
        self.callers: set[Call] = set()
        self.is_stale: bool = True
        self.active: bool = False
        self.place: Any = place
        self.scope: Atom = Atom(("scope", place))
        """Where variables lie that inner functions see."""
        self.parameters: dict[str, Value] = parameters or {}
        self.result: Value = EMPTY
        self.uses: set[Use] = set()
        self.widenings: set[Widening] = set()
        self.edges: set[Call] = set()
        self.doubtful: dict[tuple[Call, str, int], str] = {}
        """Calls that may happen, by where, with what is not known about them."""


class State:
    """The heap, the calls, and where the analysis stands."""

    def __init__(self) -> None:
        self.heap: dict[Atom, dict[Any, Value]] = {}
        self.calls: dict[Any, Call] = {}
        self.counted: dict[Any, int] = {}
        self.places: dict[Any, set[Any]] = {}
        self.readers: dict[Atom, set[Call]] = {}
        self.waiting: dict[Call, None] = {}
        self.depth = 0
        self.call: Call = Call("nothing")
        self.file: str = ""
        self.line: int = 0
        self.escaped: set[Atom] = set()
        self.between: Callable[[], None] | None = None
        """Called before each step: a thread that derives ahead lets others go first."""
        self.everything: tuple[str, ...] = ()
        """The ids of all resources of the app: what a call may use that the analysis fails at."""
        self._kept: dict[int, Any] = {}

    # The heap

    def fields(self, owner: Atom) -> dict[Any, Value]:
        """What is known of an atom's fields or elements; whoever asks is told when it grows."""
        readers = self.readers.get(owner)
        if readers is None:
            readers = self.readers[owner] = set()
        readers.add(self.call)
        return self.heap.get(owner, NO_FIELDS)

    def read(self, owner: Atom, key: Any) -> Value:
        return self.fields(owner).get(key, EMPTY)

    def read_all(self, owner: Atom) -> Value:
        found: set[Any] = set()
        for value in self.fields(owner).values():
            found |= value
        return frozenset(found)

    def write(self, owner: Atom, key: Any, value: Value) -> None:
        if not value:
            return
        fields = self.heap.setdefault(owner, {})
        known = fields.get(key, EMPTY)
        if not value <= known:
            fields[key] = known | value
            for reader in self.readers.get(owner, ()):
                self.stale(reader)

    def stale(self, call: Call) -> None:
        """An input of a call has grown."""
        call.is_stale = True
        self.waiting[call] = None

    # Live objects

    def live(self, thing: Any) -> Value:
        """An object of the process as a value; numbers and the like do not matter."""
        if isinstance(thing, IGNORED):
            return EMPTY
        return frozenset((self.atom(thing),))

    def atom(self, thing: Any) -> Live:
        if class_of(thing) in CONSTANTS:
            return Live((class_of(thing), thing), thing)
        key = id(thing)
        found = self._kept.get(key)
        if found is None or found.held is not thing:
            found = self._kept[key] = Live(key, thing)
        return found

    # What is used

    def use(self, resource: Resource[Any], verb: str) -> None:
        self.use_id(resource.id, verb)

    def use_id(self, resource: str, verb: str) -> None:
        self.call.uses.add(Use(resource, verb, self.file, self.line))

    def widen(self, resource: Resource[Any], what: str) -> None:
        """Counts every verb of a resource, since `what` cannot be followed."""
        self.widen_id(resource.id, what)

    def widen_id(self, resource: str, what: str) -> None:
        self.call.widenings.add(Widening(resource, self.file, self.line, what))

    def widen_all(self, resources: Iterable[Resource[Any]], what: str) -> None:
        for resource in resources:
            self.widen(resource, what)

    def widen_everything(self, what: str) -> None:
        """Counts every verb of every resource: nothing can be told of what is gone through now."""
        for resource in self.everything:
            self.widen_id(resource, what)

    def follow(self, call: Call, doubt: str | None) -> None:
        """Notes that the current call makes another one, or with a `doubt` that it may."""
        call.callers.add(self.call)
        if doubt is not None:
            self.call.doubtful.setdefault((call, self.file, self.line), doubt)
        else:
            self.call.edges.add(call)


def constant(atom: Atom) -> Any:
    """The str or int that an atom is, or None."""
    return atom.held if isinstance(atom, Live) and class_of(atom.held) in (str, int) else None


def texts(value: Value) -> set[str] | None:
    """The strings that a value can be, or None when it can be something else."""
    found = {atom.held for atom in value if isinstance(atom, Live) and class_of(atom.held) is str}
    return found if found and len(found) == len(value) else None


def module_resources(names: Mapping[str, Any], is_app: Any) -> list[Resource[Any]]:
    """The resources that a module reaches: its names, what its containers hold, the app's modules that it imports."""
    found: dict[int, Resource[Any]] = {}
    seen: set[int] = set()
    stack: list[tuple[Any, int]] = [(names, 0)]
    while stack:
        thing, depth = stack.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if is_resource(thing):
            found[id(thing)] = thing  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(thing, ModuleType):
            if is_app(thing):
                stack.append((members(thing), 0))
        elif is_registry(thing):
            stack.append((list(thing.resources.values()), 0))
        elif depth < 4:
            stack.extend((inner, depth + 1) for inner in parts_of(thing))
    return sorted(found.values(), key=lambda resource: resource.id)


def parts_of(thing: Any) -> list[Any]:
    """What a live container or instance holds, or the app's module that a function is of."""
    if isinstance(thing, dict):
        return [value for name, value in thing.items() if name != "__builtins__"]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(thing, list | tuple | set | frozenset):
        return list(thing)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(thing, FunctionType):
        module = sys.modules.get(thing.__module__ or "")
        return [module] if module is not None else []
    inner = own_attribute(thing, "__self__")
    if inner is not None:
        return [inner]
    if is_type(thing):
        return []
    try:
        return [object.__getattribute__(thing, "__dict__")]
    except AttributeError:
        return []
