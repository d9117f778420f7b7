"""What the layers of the analysis ask of one another: each is written in one of the modules that build on this one."""

from collections.abc import Callable
from typing import Any

from .atoms import Atom, Value, join
from .relevance import Relevance
from .sources import is_app_module
from .state import Call, State, module_resources

MOST_DEPTH = 12


class Following(State):
    """State with the operations that call one another across modules."""

    relevance: Relevance
    modules: set[str]
    """The names of the app's modules."""
    called: str = ""
    """The call that is looked at, as it is written."""
    column: int = 0

    @property
    def site(self) -> Any:
        """Where a container or an instance is made: the place in the code, and which resources are at hand there."""
        return (self.file, self.line, self.column, self.call.place)

    def call_value(
        self, value: Value, positional: list[Value], named: dict[str, Value], doubt: str | None = None
    ) -> Value:
        """Calls whatever `value` may be."""
        return join([self.call_atom(atom, positional, named, doubt) for atom in value])

    def call_atom(
        self, atom: Atom, positional: list[Value], named: dict[str, Value], doubt: str | None = None
    ) -> Value:
        raise NotImplementedError

    def evaluate(self, call: Call) -> None:
        """Goes through what a call does once."""
        raise NotImplementedError

    def attribute_of(self, atom: Atom, name: str) -> Value:
        raise NotImplementedError

    def set_attribute(self, atom: Atom, name: str, value: Value, *, plainly: bool = False) -> None:
        """`atom.name = value`; `plainly` as object.__setattr__ does it."""
        raise NotImplementedError

    def delete_attribute(self, atom: Atom, name: str) -> None:
        """`del atom.name`."""
        raise NotImplementedError

    def special(self, value: Value, names: tuple[str, ...], arguments: list[Value]) -> Value:
        """Special methods that classes of the app define."""
        raise NotImplementedError

    def escape(self, value: Value, what: str) -> None:
        """`value` is handed to code that is not followed; `what` says to which."""
        raise NotImplementedError

    def carries(self, values: list[Value]) -> bool:
        """Whether a resource, or a function that matters, can be had from values."""
        raise NotImplementedError

    def attribute(self, value: Value, name: str) -> Value:
        """`value.name`."""
        return join(self.attribute_of(atom, name) for atom in value)

    def module_names(self) -> dict[str, Any]:
        """The names of the module whose code is being followed."""
        return self.call.code.names if self.call.code is not None else {}

    def unclear(self, what: str) -> None:
        """Something is reached by a name that is not in the code: what the module reaches is counted."""
        self.widen_all(module_resources(self.module_names(), is_app_module), what)

    def hub(self, key: Any, doubt: str | None, work: Callable[[], Value]) -> Value:
        """Calls that are made together, whoever asks for them."""
        found = self.calls.get(key)
        if found is None:
            found = self.calls[key] = Call(key, None, {}, key, work)
        self.follow(found, doubt)
        return self.result(found)

    def result(self, call: Call) -> Value:
        """What a call gives as far as it is known; gone through now unless that would nest too deeply."""
        if call.is_stale and not call.active:
            if self.depth >= MOST_DEPTH:
                self.waiting[call] = None
            else:
                self.evaluate(call)
        return call.result
