"""What a value may be, as far as the analysis knows: a set of atoms, each hashable by what it stands for.

An empty set is a value of which nothing matters (a number, None). UNKNOWN stands for anything that code outside the
app made; a resource never becomes UNKNOWN without having been counted first.
"""

from typing import Any

Value = frozenset[Any]
EMPTY: Value = frozenset()
ALL = "*"
"""The key of a container under which lies what has no known key."""
SENT = ("sent",)
"""The key of a generator under which lies what is sent into it."""
ANNOTATIONS = ("annotations",)
"""The key of a function or class that is made inside a function, under which lies what its annotations name."""
METACLASS = ("metaclass",)
"""The key of a class that is made inside a function, under which lies what makes it."""


class Atom:
    """Equal to any other of its kind with an equal key. `held` keeps objects alive whose id is in the key."""

    __slots__ = ("_hash", "held", "key")

    def __init__(self, key: Any, held: Any = None) -> None:
        self.key: Any = key
        self.held: Any = held
        self._hash = hash((type(self), key))

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Atom) and type(other) is type(self) and other.key == self.key)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.key!r})"


class Unknown(Atom):
    """Anything that came from outside the app's code."""

    __slots__ = ()


UNKNOWN = Unknown("unknown")
UNKNOWNS: Value = frozenset((UNKNOWN,))


class Live(Atom):
    """An object that exists: a module, a function, a resource, a constant."""

    __slots__ = ()

    @property
    def object(self) -> Any:
        return self.held


class Verb(Atom):
    """A method of a resource that stands for a grant: `notes.put`."""

    __slots__ = ()

    def __init__(self, resource: Any, verb: str) -> None:
        super().__init__((id(resource), verb), resource)

    @property
    def name(self) -> str:
        return str(self.key[1])


class Run(Atom):
    """A TaskRun of a task."""

    __slots__ = ()

    def __init__(self, task: Any) -> None:
        super().__init__(id(task), task)


class Written(Atom):
    """A function or lambda inside a function: its definition, and the call that made it. `held` is its Code."""

    __slots__ = ()


class WrittenClass(Atom):
    """A class inside a function. `held` is (node, bases)."""

    __slots__ = ()


class Bound(Atom):
    """A function with its `self` or `cls`."""

    __slots__ = ()

    def __init__(self, function: Atom, owner: Atom) -> None:
        super().__init__((function, owner))

    @property
    def function(self) -> Atom:
        found: Atom = self.key[0]
        return found

    @property
    def owner(self) -> Atom:
        found: Atom = self.key[1]
        return found


class Instance(Atom):
    """An instance of a class of the app (`cls` is a Live class or a WrittenClass), made at `site`."""

    __slots__ = ()

    def __init__(self, cls: Atom, site: Any) -> None:
        super().__init__((cls, site))

    @property
    def cls(self) -> Atom:
        found: Atom = self.key[0]
        return found


class Box(Atom):
    """A container or an object of a library, made at `site`.

    `trust` is "plain" (a builtin container: keeps what it is given) or "known" (of a module that hands things on and
    calls what it is given, and does nothing else with them). Objects of other libraries are UNKNOWN.
    """

    __slots__ = ()

    def __init__(self, site: Any, trust: str) -> None:
        super().__init__((site, trust))

    @property
    def trust(self) -> str:
        return str(self.key[1])


class Method(Atom):
    """A method of a Box, of a live container or of a live object of a library."""

    __slots__ = ()

    def __init__(self, owner: Atom, name: str) -> None:
        super().__init__((owner, name))

    @property
    def owner(self) -> Atom:
        found: Atom = self.key[0]
        return found

    @property
    def name(self) -> str:
        return str(self.key[1])


class Guess(Atom):
    """A method or property of this name of any class of the app: what an UNKNOWN may turn out to have."""

    __slots__ = ()


class Parent(Atom):
    """`super()`: (owner, the class after which to look)."""

    __slots__ = ()


class Part(Atom):
    """A functools.partial made at a site; what it holds is on the heap."""

    __slots__ = ()


class Same(Atom):
    """A decorator that gives back what it is given, as functools.wraps does."""

    __slots__ = ()


SAME = Same("same")


def join(values: Any) -> Value:
    """The union of several values."""
    found: set[Any] = set()
    for value in values:
        found |= value
    return frozenset(found)
