"""What calling a value does: functions of the app are followed, with the arguments that they get."""

import functools
import operator
import types
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Any, cast, get_origin

from portable.binding import Registry, Resource
from portable.tables import Table

from .atoms import (
    ALL,
    EMPTY,
    SAME,
    UNKNOWNS,
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
from .builtin import Builtins
from .instances import HANDED_ON
from .kinds import is_filled, is_function, is_resource, is_task, is_type
from .relevance import keeps_records, receives
from .schemas import validated_call
from .sources import class_of, is_app_class, is_app_function, is_app_module, is_ours, own_attribute
from .state import MOST_CALLS, Call, Code, module_resources, texts

GETTERS = (operator.attrgetter, operator.itemgetter, operator.methodcaller)


def failure(error: Exception) -> str:
    """What is said of code at which the analysis fails."""
    return f"this code, at which the analysis fails ({type(error).__name__}: {error})"


def is_frozen(function: FunctionType) -> bool:
    """Whether it is what a frozen dataclass has instead of `__setattr__`: it raises, or does as `object` does."""
    is_generated = function.__code__.co_filename == "<string>" and "FrozenInstanceError" in function.__code__.co_names
    return is_generated and function.__name__ in ("__setattr__", "__delattr__")


class Calls(Builtins):
    """Calls of all kinds of values."""

    call: Call
    file: str
    line: int
    column: int
    called: str

    def call_atom(
        self, atom: Atom, positional: list[Value], named: dict[str, Value], doubt: str | None = None
    ) -> Value:
        if isinstance(atom, Live):
            return self._call_live(atom, positional, named, doubt)
        if isinstance(atom, Written):
            return self.run(atom.held, positional, named, doubt)
        if isinstance(atom, Bound):
            return self.call_atom(atom.function, [frozenset((atom.owner,)), *positional], named, doubt)
        if isinstance(atom, Verb):
            self.use(atom.held, atom.name if atom.name in atom.held.verbs else "dead_letters")
            given = join([*positional, *named.values()])
            self.given_to_portable(given, f"`{atom.name}` of {atom.held.id}", calls=atom.name == "update")
            held: Any = atom.held
            if isinstance(held, Table):
                # Items are made of the model when they are read, and written out when they are put.
                self.validated(cast("Any", held)._items.model.model)
            return self.verb_result(atom, self.site)
        if isinstance(atom, WrittenClass):
            return self.instantiate(atom, positional, named, doubt)
        if isinstance(atom, Instance):
            return self.call_value(self.attribute_of(atom, "__call__") - UNKNOWNS, positional, named, doubt)
        if isinstance(atom, Part):
            return self._call_part(atom, positional, named, doubt)
        if atom is SAME:
            return positional[0] if positional else EMPTY
        if isinstance(atom, Guess):
            given = join([*positional, *named.values()])
            self.escape(given, f"`.{atom.key}` of a value of unknown type")
            return self._guess(atom.key) | UNKNOWNS
        if isinstance(atom, Method):
            return self._call_method(atom, positional, named)
        return self._call_unknown(atom, positional, named)

    def _call_unknown(self, atom: Atom, positional: list[Value], named: dict[str, Value]) -> Value:
        if isinstance(atom, Box):
            if atom.trust == "plain":
                return EMPTY
            return self._library_call(atom.trust == "known", "", positional, named, atom) | self.read_all(atom)
        if isinstance(atom, Run | Parent):
            return EMPTY
        given = join([*positional, *named.values()])
        self.escape(given, f"`{self.called}`" if self.called else "a function that is not known")
        return UNKNOWNS

    def run(
        self,
        code: Code,
        positional: list[Value],
        named: dict[str, Value],
        doubt: str | None = None,
        defaults: tuple[list[Value], dict[str, Value]] | None = None,
    ) -> Value:
        """The result of a function of the app with these arguments; the call is noted as one of the current call's."""
        found = self.enter(code, self.bind(code, positional, named, defaults))
        self.follow(found, doubt)
        return self.result(found)

    def enter(self, code: Code, parameters: dict[str, Value]) -> Call:
        """The Call of a function with certain arguments."""
        key: Any = (code.key, frozenset(parameters.items()))
        found = self.calls.get(key)
        if found is not None:
            return found
        count = self.counted.get(code.key, 0)
        if count >= MOST_CALLS:
            key = (code.key, "any")
            found = self.calls.get(key)
            if found is not None:
                for name, value in parameters.items():
                    known = found.parameters.get(name, EMPTY)
                    if not value <= known:
                        found.parameters[name] = known | value
                        self.stale(found)
                return found
        self.counted[code.key] = count + 1
        found = self.calls[key] = Call((code.key, count), code, dict(parameters), self.place(code, parameters))
        return found

    def place(self, code: Code, parameters: dict[str, Value]) -> Any:
        """What tells apart what is made in calls of one function: the resources and functions among its arguments."""
        found = (code.key, frozenset((name, self.marks(value)) for name, value in parameters.items()))
        known = self.places.setdefault(code.key, set())
        if found not in known:
            if len(known) >= MOST_CALLS:
                return (code.key, "any")
            known.add(found)
        return found

    def marks(self, value: Value) -> Value:
        """The resources, verbs and functions in a value."""
        return frozenset(atom for atom in value if self.is_mark(atom))

    def is_mark(self, atom: Atom) -> bool:
        if isinstance(atom, Live):
            return isinstance(atom.held, Resource | FunctionType | MethodType)
        return isinstance(atom, Verb | Written | Bound | Part)

    def evaluate(self, call: Call) -> None:
        """Goes through what a call does once."""
        if self.between is not None:
            self.between()
        self.waiting.pop(call, None)
        call.is_stale, call.active = False, True
        kept = self.call, self.file, self.line, self.column, self.called
        self.call = call
        self.depth += 1
        try:
            if call.code is not None:
                self.file, self.line = call.code.file, call.code.node.lineno
                result = self.body(call, call.code)
            else:
                result = call.work() if call.work is not None else EMPTY
        except Exception as error:
            # Whatever the analysis stumbles over is reported and widened, and never keeps the app from running.
            self.widen_everything(failure(error))
            result = UNKNOWNS
        finally:
            self.depth -= 1
            call.active = False
            self.call, self.file, self.line, self.column, self.called = kept
        if not result <= call.result:
            call.result |= result
            for caller in call.callers:
                self.stale(caller)

    def body(self, call: Call, code: Code) -> Value:
        raise NotImplementedError

    def bind(
        self,
        code: Code,
        positional: list[Value],
        named: dict[str, Value],
        defaults: tuple[list[Value], dict[str, Value]] | None,
    ) -> dict[str, Value]:
        """Arguments by the names of their parameters. `*`: further ones that are not known by position."""
        spec = code.node.args
        names = [argument.arg for argument in (*spec.posonlyargs, *spec.args)]
        keywords = [argument.arg for argument in spec.kwonlyargs]
        rest, rest_named = named.get("*", EMPTY), named.get("**", EMPTY)
        given_defaults, given_keywords = defaults or ([], {})
        found: dict[str, Value] = {}
        first = len(names) - len(given_defaults)
        for position, name in enumerate(names):
            if position < len(positional):
                found[name] = positional[position]
            elif name in named:
                found[name] = named[name]
            else:
                default = given_defaults[position - first] if position >= first else UNKNOWNS
                found[name] = default | rest | rest_named
        for name in keywords:
            found[name] = named[name] if name in named else given_keywords.get(name, EMPTY) | rest_named
        if spec.vararg is not None:
            marks = tuple(self.marks(value) for value in positional[len(names) :])
            box = Box((code.key, "args", marks), "plain")
            for position, value in enumerate(positional[len(names) :]):
                self.write(box, position, value)
            self.write(box, ALL, rest)
            found[spec.vararg.arg] = frozenset((box,))
        if spec.kwarg is not None:
            known = {*names, *keywords, "*", "**"}
            marked = frozenset((name, self.marks(named[name])) for name in set(named) - known)
            box = Box((code.key, "kwargs", marked), "plain")
            for name in set(named) - known:
                self.write(box, name, named[name])
            self.write(box, ALL, rest_named)
            found[spec.kwarg.arg] = frozenset((box,))
        return found

    def _call_live(
        self, atom: Live, positional: list[Value], named: dict[str, Value], doubt: str | None = None
    ) -> Value:
        thing: Any = atom.held
        answer = self._builtins.get(id(thing))
        if answer is not None:
            return answer(positional, named)
        if is_task(thing):
            return self.call_value(self.live(thing._function), positional, named, doubt)
        if isinstance(thing, MethodType):
            return self._call_method_of(thing, positional, named, doubt)
        if isinstance(thing, functools.partial):
            return self._call_live_partial(thing, positional, named, doubt)
        if is_type(thing):
            if is_app_class(thing):
                return self.instantiate(atom, positional, named, doubt)
            return self._library_type(thing, positional, named)
        if is_app_function(thing):
            return self._call_function(thing, positional, named, doubt)
        if isinstance(thing, FunctionType) and is_ours(thing.__globals__.get("__name__", "")):
            return self._call_ours(thing, positional, named, doubt)
        if isinstance(thing, GETTERS):
            return self._call_live_getter(thing, positional)
        origin = get_origin(thing)
        if origin is not None:
            return self.call_value(self.live(origin), positional, named, doubt)
        wrapped = own_attribute(thing, "__wrapped__") if callable(thing) else None
        for annotation in validated_call(thing):
            self.validated(annotation)
        if wrapped is not None:
            # A cache hashes what it is given.
            self._looked_at_by_known(self.deep(join([*positional, *named.values()])))
            # Others that it holds may be called as well: singledispatch has one for each type.
            held = self.reach(thing)
            others = [inner for inner in held if is_function(inner) and inner is not wrapped]
            self._looked_at_by_known(join(self.live(inner) for inner in held if not is_function(inner)))
            found = join(self.call_value(self.live(inner), positional, named, doubt) for inner in (wrapped, *others))
            return found | frozenset((Box((self.site, "wrapped"), "known"),)) | self._boxed(found)
        if is_app_class(class_of(thing)):
            method = self.attribute_of(atom, "__call__") - UNKNOWNS
            return self.call_value(method, positional, named, doubt)
        return self._call_library(atom, positional, named)

    def _boxed(self, value: Value) -> Value:
        """What a wrapper of a library may put around a result: a context manager, a cache."""
        box = Box((self.site, "around"), "known")
        self.write(box, ALL, value)
        return frozenset((box,))

    def _call_method_of(
        self, thing: MethodType, positional: list[Value], named: dict[str, Value], doubt: str | None
    ) -> Value:
        owner: Any = thing.__self__
        if is_resource(owner):
            verb = self.attribute(self.live(owner), thing.__func__.__name__)
            return self.call_value(verb, positional, named, doubt)
        if is_app_function(thing.__func__):
            return self.call_value(self.live(thing.__func__), [self.live(owner), *positional], named, doubt)
        return self.call_value(self.attribute(self.live(owner), thing.__func__.__name__), positional, named, doubt)

    def _call_live_partial(
        self, thing: Any, positional: list[Value], named: dict[str, Value], doubt: str | None
    ) -> Value:
        first = [self.live(argument) for argument in thing.args]
        kept = {name: self.live(value) for name, value in thing.keywords.items()}
        return self.call_value(self.live(thing.func), [*first, *positional], {**kept, **named}, doubt)

    def _call_function(
        self, function: FunctionType, positional: list[Value], named: dict[str, Value], doubt: str | None
    ) -> Value:
        if not (
            self.relevance.function(function)
            or self.carries([*positional, *named.values()])
            or receives(function.__code__)
        ):
            return UNKNOWNS
        codes = self.codes(function)
        if not codes and function.__code__.co_filename == "<string>" and function.__name__ in HANDED_ON:
            return join(self.special_of_fields(a, function.__name__, positional[1:]) for a in positional[0]) | UNKNOWNS
        if not codes and is_frozen(function):
            return EMPTY
        if not codes:
            return self._unreadable(function, positional, named)
        defaults = [self.live(value) for value in function.__defaults__ or ()]
        keywords = {name: self.live(value) for name, value in (function.__kwdefaults__ or {}).items()}
        return join(self.run(code, positional, named, doubt, (defaults, keywords)) for code in codes)

    def _unreadable(self, function: FunctionType, positional: list[Value], named: dict[str, Value]) -> Value:
        """Without its source a function may do anything with what it is given and with what it names."""
        what = f"the function {function.__qualname__!r}, whose source cannot be read"
        names: dict[str, Any] = {}
        codes = [function.__code__]
        while codes:
            code = codes.pop()
            for name in code.co_names:
                if name in function.__globals__:
                    names[name] = function.__globals__[name]
            codes.extend(constant for constant in code.co_consts if isinstance(constant, types.CodeType))
        cells = [cell.cell_contents for cell in function.__closure__ or () if is_filled(cell)]
        held = {**names, "": [*cells, *(function.__defaults__ or ())]}
        self.widen_all(module_resources(held, is_app_module), what)
        self.escape(join([*positional, *named.values()]), what)
        return UNKNOWNS

    def _call_ours(
        self, function: FunctionType, positional: list[Value], named: dict[str, Value], doubt: str | None
    ) -> Value:
        """A function of portable: what it wraps is followed, and `idempotent` keeps its records."""
        wrapped = getattr(function, "__wrapped__", None)
        given = join([*positional, *named.values()])
        if wrapped is not None:
            if keeps_records(function):
                self.use_id("state", "idempotent")
            return self.call_value(self.live(wrapped), positional, named, doubt)
        if positional:
            # `Table.get(notes, "1")`
            verbs = [
                self.attribute(frozenset((atom,)), function.__name__)
                for atom in positional[0]
                if isinstance(atom, Live)
                and is_resource(atom.held)
                and getattr(class_of(atom.held), function.__name__, None) is function
            ]
            if verbs:
                return self.call_value(join(verbs), positional[1:], named)
        resources = {atom for atom in given if isinstance(atom, Live) and isinstance(atom.held, Resource | Registry)}
        self.given_to_portable(given - resources, f"`{function.__name__}`")
        return UNKNOWNS

    def _call_live_getter(self, thing: Any, positional: list[Value]) -> Value:
        """An operator.attrgetter, itemgetter or methodcaller that exists: what it was made with is told by its copy."""
        arguments: Any = thing.__reduce__()[1]
        kind = class_of(thing).__name__
        fields: dict[Any, Value] = {"getter": self.live(kind)}
        for position, argument in enumerate(arguments):
            fields[position] = self.live(argument) or UNKNOWNS
        return self._call_getter(fields, positional[0] if positional else EMPTY)

    def _call_getter(self, fields: Mapping[Any, Value], given: Value) -> Value:
        kind = next(iter(texts(fields["getter"]) or ()), "")
        values = [fields[key] for key in sorted(key for key in fields if isinstance(key, int))]
        if kind == "itemgetter":
            return join(self.item(given, value) for value in values)
        results: list[Value] = []
        for value in values if kind == "attrgetter" else values[:1]:
            names = texts(value)
            if names is None:
                results.append(self.any_attribute(given))
                continue
            for name in names:
                found = given
                for part in name.split("."):
                    found = self.attribute(found, part)
                results.append(found)
        found = join(results)
        if kind == "attrgetter":
            return found
        named: dict[str, Value] = {key[1]: value for key, value in fields.items() if type(key) is tuple}
        return self.call_value(found, values[1:], named)

    def _call_part(self, atom: Part, positional: list[Value], named: dict[str, Value], doubt: str | None) -> Value:
        fields = self.fields(atom)
        if "getter" in fields:
            return self._call_getter(fields, positional[0] if positional else EMPTY)
        first = [fields[key] for key in sorted(key for key in fields if isinstance(key, int))]
        kept: dict[str, Value] = {key[1]: value for key, value in fields.items() if type(key) is tuple}
        return self.call_value(fields.get("func", EMPTY), [*first, *positional], {**kept, **named}, doubt)
