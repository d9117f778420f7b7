"""Which functions and classes of the app can matter at all: those whose names lead to a resource.

Most code of an app computes with plain data. A function that names nothing from which a resource can be had, and that
is given nothing of the kind, need not be followed. Names are taken from code objects, so this costs little; in doubt a
function matters.
"""

import dis
import enum
import functools
import importlib.util
import inspect
import sys
import types
from itertools import pairwise
from opcode import opmap
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple, get_args, get_origin

from portable.binding import Registry, Resource

from .kinds import is_container, is_registry, is_resource, is_type, reached_from, referents
from .schemas import Hook, Unreadable, hooks_of, is_type_expression, may_be_validated, validated_call
from .sources import class_of, is_app_class, is_app_function, is_app_module, is_ours, members, own_attribute, plain
from .state import module_resources

REVEALING = frozenset(("eval", "exec", "globals", "vars", "locals", "__import__", "import_module", "compile"))
REVEALING_ATTRIBUTES = frozenset(
    (
        *("import_module", "modules", "_getframe", "currentframe", "stack", "f_globals", "f_locals", "__globals__"),
        *("locate", "resolve_name", "get_objects", "get_referrers", "run_module", "run_path", "__subclasses__"),
        *("__closure__", "__defaults__", "__kwdefaults__", "exec_module", "load"),
    )
)
PLAIN = (str, bytes, int, float, type(None), CodeType)
IMPORT_NAME, EXTENDED_ARG = opmap["IMPORT_NAME"], opmap["EXTENDED_ARG"]
HAS_NAME = frozenset(dis.hasname)
LOADING = frozenset((opmap["LOAD_GLOBAL"], opmap["LOAD_NAME"]))
READABLE = frozenset(((3, 11), (3, 12), (3, 13)))
"""Versions of Python whose instructions `named_quickly` was compared with `dis` for."""
SHIFTS = {
    opmap[operation]: bits
    for operation, bits in (
        ("LOAD_GLOBAL", 1),
        ("LOAD_ATTR", 1 if sys.version_info >= (3, 12) else 0),
        ("LOAD_SUPER_ATTR", 2),
    )
    if operation in opmap
}
"""Low bits of an argument that say something else: https://docs.python.org/3/library/dis.html."""
MOST_ELEMENTS = 2000
UNINTERESTING = frozenset(
    (
        *("__dict__", "__weakref__", "__module__", "__annotations__", "__doc__", "__slots__", "_abc_impl"),
        *("__signature__", "__class_vars__", "__abstractmethods__", "model_config", "model_fields"),
        *("__pydantic_core_schema__", "__pydantic_serializer__", "__pydantic_validator__"),
        *("__pydantic_parent_namespace__", "__pydantic_generic_metadata__"),
    )
)


class Filled(NamedTuple):
    """Where code was seen to put resources while it runs, and where others may find them.

    `objects` are ids of live ones, `names` of global variables (with the id of their module's names), `attributes` of
    fields of objects that may be met anywhere. With `anywhere` no function can be left out.
    """

    objects: frozenset[int] = frozenset()
    names: frozenset[tuple[int, str]] = frozenset()
    attributes: frozenset[str] = frozenset()
    anywhere: bool = False


NOTHING_FILLED = Filled()
ANY_DEPTH = -1
"""Of a function, which is tested alike wherever it is met."""


class Relevance:
    """What matters in one app, worked out for all functions of its modules."""

    def __init__(self, modules: dict[str, ModuleType], filled: Filled = NOTHING_FILLED) -> None:
        self._filled = filled
        self._matters: set[FunctionType] = set()
        self._known: dict[FunctionType, bool] = {}
        self._modules: dict[str, bool] = {}
        self._classes: dict[type, bool] = {}
        self._reached: dict[int, tuple[Any, list[Any]]] = {}
        self._hooks: dict[int, tuple[Any, list[Hook] | Unreadable]] = {}
        self._dull: dict[tuple[int, int], Any] = {}
        """What does not matter as far as it is known, by id and depth: the same objects are met again and again."""
        self._names: set[str] = set(filled.attributes)
        """Names of methods that matter, and of such fields: `x.name` may be one of them."""
        functions = functions_of(modules)
        self._listed: set[FunctionType] = {function for function, _ in functions}
        grown = True
        while grown:
            grown = False
            for function, is_method in functions:
                name = function.__code__.co_name
                if function not in self._matters and self._test(function):
                    self._learns(function)
                    if is_method and not name.startswith("__"):
                        self._names.add(name)
                    grown = True

    def function(self, function: FunctionType) -> bool:
        """Whether a function of the app can reach a resource without being given one."""
        if function in self._matters:
            return True
        known = self._known.get(function)
        if known is None:
            known = self._known[function] = self._test(function)
            if known:
                self._dull.clear()
        return known

    def _learns(self, function: FunctionType) -> None:
        """A function matters: so may what leads to it."""
        self._matters.add(function)
        self._dull.clear()

    def cls(self, cls: type) -> bool:
        """Whether a method of a class matters, or something else that it holds."""
        known = self._classes.get(cls)
        if known is None:
            self._classes[cls] = False
            known = self._classes[cls] = self._class_test(cls)
        return known

    def _class_test(self, cls: type) -> bool:
        return any(
            (is_app_function(inner) and self.function(inner))
            if isinstance(inner, FunctionType)
            else self.thing(inner) or (is_app_class(class_of(inner)) and self.cls(class_of(inner)))
            for base in (*cls.__mro__, type(cls))
            if is_app_class(base)
            for name, value in members(base).items()
            if name not in UNINTERESTING
            for inner in parts_of_class(value)
        ) or (may_be_validated(cls) and self._validates(cls))

    def hooks(self, annotation: Any) -> list[Hook]:
        """What pydantic calls when it makes values of a type: also functions that no class holds. Raises Unreadable."""
        known = self._hooks.get(id(annotation))
        if known is None or known[0] is not annotation:
            try:
                found: list[Hook] | Unreadable = hooks_of(annotation)
            except Unreadable as error:
                found = error
            known = self._hooks[id(annotation)] = (annotation, found)
        if isinstance(known[1], Unreadable):
            raise known[1]
        return known[1]

    def _validates(self, annotation: Any, depth: int = 0) -> bool:
        """Whether making values of a type may reach a resource."""
        try:
            return any(self.thing(hook.function or hook.owner, depth + 1) for hook in self.hooks(annotation))
        except Unreadable:
            return True

    def _test(self, function: FunctionType) -> bool:
        if self._filled.anywhere:
            return True
        names = function.__globals__
        held = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values(), *members(function).values()]
        for cell in function.__closure__ or ():
            if id(cell) in self._filled.objects:
                return True
            try:
                held.append(cell.cell_contents)
            except ValueError:
                continue
        return self._test_code(function.__code__, names) or any(self.thing(value) for value in held)

    def _test_code(self, code: CodeType, names: dict[str, Any]) -> bool:
        global_names, others = split_names(code)
        for name in global_names:
            if name in REVEALING or (name == "getattr" and self._names):
                return True
            if (id(names), name) in self._filled.names or (name in names and self.thing(names[name])):
                return True
        if any(name in self._names or name in REVEALING_ATTRIBUTES for name in others):
            return True
        if IMPORT_NAME in code.co_code[::2] and self._imports(code, names):
            return True
        return any(self._test_code(inner, names) for inner in code.co_consts if isinstance(inner, CodeType))

    def _imports(self, code: CodeType, names: dict[str, Any]) -> bool:
        """Whether an import inside the function is of a module of the app that matters, or that is not loaded."""
        package = str(names.get("__package__") or "")
        bases = [""]
        while package:
            bases.append(f"{package}.")
            package = package.rpartition(".")[0]
        for name in code.co_names:
            for base in bases:
                module = sys.modules.get(f"{base}{name}")
                if module is not None and self.thing(module):
                    return True
        return any(name not in sys.modules and self._may_be_apps(name, names) for name in code.co_names)

    @staticmethod
    def _may_be_apps(name: str, names: dict[str, Any]) -> bool:
        """A name that can be a module of the app which is not loaded yet."""
        package = str(names.get("__package__") or "")
        for full in (name, f"{package}.{name}" if package else name):
            if full in sys.modules:
                continue
            try:
                found = (
                    importlib.util.find_spec(full)
                    if "." not in full or full.rpartition(".")[0] in sys.modules
                    else None
                )
            except (ImportError, ValueError, AttributeError):
                continue
            if found is not None and is_app_module(found_module(found)):
                return True
        return False

    def thing(self, thing: Any, depth: int = 0) -> bool:
        """Whether a resource can be had from an object."""
        if isinstance(thing, PLAIN):
            return False
        if id(thing) in self._filled.objects:
            return True
        if isinstance(thing, Resource | Registry):
            return True
        if isinstance(thing, ModuleType):
            return self._module(thing)
        if isinstance(thing, FunctionType):
            if keeps_records(thing):
                return True
            if is_app_function(thing):
                return self._function_now(thing)
            if depth < 4 and any(self._validates(annotation, depth) for annotation in validated_call(thing)):
                return True
            # What `idempotent` wraps keeps records in the framework's own table.
            return is_idempotent(thing) or (depth < 4 and self._held(thing, depth))
        if is_type(thing):
            return is_app_class(thing) and (
                any(
                    self._function_now(inner) if isinstance(inner, FunctionType) else self.thing(inner, depth + 1)
                    for base in (*thing.__mro__, class_of(thing))
                    if is_app_class(base)
                    for name, value in members(base).items()
                    if name not in UNINTERESTING and depth < 4
                    for inner in parts_of_class(value)
                )
                or (depth < 4 and may_be_validated(thing) and self._validates(thing, depth))
            )
        if depth >= 4 or (id(thing), depth) in self._dull:
            return False
        if self._object(thing, depth):
            return True
        # Kept alive with it, so that no other object gets its id.
        self._dull[id(thing), depth] = thing
        return False

    def _function_now(self, function: FunctionType) -> bool:
        """As far as it is known; a function that the modules do not show is tested when it is met."""
        if function in self._matters or function in self._listed or function in self._known:
            return function in self._matters or self._known.get(function, False)
        if (id(function), ANY_DEPTH) in self._dull:
            return False
        self._listed.add(function)
        if self._test(function):
            self._learns(function)
            return True
        self._listed.discard(function)
        self._dull[id(function), ANY_DEPTH] = function
        return False

    def _object(self, thing: Any, depth: int) -> bool:
        if isinstance(thing, MethodType):
            return self.thing(thing.__self__, depth + 1) or self.thing(thing.__func__, depth + 1)
        if isinstance(thing, functools.partial):
            parts: list[Any] = [thing.func, *thing.args, *thing.keywords.values()]
            return any(self.thing(part, depth + 1) for part in parts)
        if is_container(thing):
            values: list[Any] = list(thing.values()) if hasattr(thing, "values") else list(thing)
            return len(values) > MOST_ELEMENTS or any(self.thing(value, depth + 1) for value in values)
        if is_app_class(class_of(thing)) and self.thing(class_of(thing), depth + 1):
            return True
        if is_type_expression(thing) and self._type_expression(thing, depth):
            return True
        if is_ours(class_of(thing).__module__):
            return False
        return self._held(thing, depth)

    def _type_expression(self, thing: Any, depth: int) -> bool:
        """`list[Note]` in a variable: what may be made of it, and what it names."""
        arguments: list[Any] = [get_origin(thing), *get_args(thing)]
        return any(is_type(part) and self.thing(part, depth + 1) for part in arguments) or self._validates(thing, depth)

    def _held(self, thing: Any, depth: int) -> bool:
        kept = self._reached.get(id(thing))
        if kept is None or kept[0] is not thing:
            kept = self._reached[id(thing)] = (thing, reached_from(thing))
        return any(self.thing(part, depth + 1) for part in kept[1])

    def _module(self, module: ModuleType) -> bool:
        known = self._modules.get(module.__name__)
        if known is None:
            names = members(module)
            known = is_app_module(module) and (
                any(owner == id(names) for owner, _ in self._filled.names)
                or bool(module_resources(names, is_app_module))
                or any(isinstance(value, FunctionType) and keeps_records(value) for value in names.values())
            )
            self._modules[module.__name__] = known
        return known


def keeps_records(function: FunctionType) -> bool:
    """Whether it is what `idempotent` made of a function: it uses the framework's own table, which no name shows."""
    return function.__globals__.get("__name__") == "portable.idempotency" and hasattr(function, "__wrapped__")


_split: dict[CodeType, tuple[frozenset[str], frozenset[str]]] = {}


def split_names(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The names of `co_names` that are global variables, and the others: attributes and modules."""
    known = _split.get(code)
    if known is None:
        named = named_quickly(code) if sys.version_info[:2] in READABLE else named_by_dis(code)
        loaded = frozenset(name for operation, name in named if operation in LOADING)
        known = _split[code] = (loaded, frozenset(name for operation, name in named if operation not in LOADING))
    return known


def named_by_dis(code: CodeType) -> set[tuple[int, str]]:
    """The instructions of a function that have a name of `co_names`: operation and name."""
    return {(one.opcode, str(one.argval)) for one in dis.get_instructions(code) if one.opcode in dis.hasname}


def named_quickly(code: CodeType) -> set[tuple[int, str]]:
    """The same, where we know how the argument of an instruction is made of the name's number.

    To let `dis` take instructions apart is a tenth of an analysis.
    """
    names = code.co_names
    found: set[tuple[int, str]] = set()
    if not names:
        return found
    high = 0
    raw = code.co_code
    for operation, low in zip(raw[::2], raw[1::2], strict=True):
        if operation in HAS_NAME:
            found.add((operation, names[(high | low) >> SHIFTS.get(operation, 0)]))
        high = (high | low) << 8 if operation == EXTENDED_ARG else 0
    return found


_receiving: dict[CodeType, bool] = {}


def receives(code: CodeType) -> bool:
    """Whether it is a generator that does something with what is sent into it: that may be a resource."""
    known = _receiving.get(code)
    if known is None:
        known = False
        if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
            names = [step.opname for step in dis.get_instructions(code) if step.opname not in ("RESUME", "CACHE")]
            known = any(name == "YIELD_VALUE" and after != "POP_TOP" for name, after in pairwise(names))
        _receiving[code] = known
    return known


def is_idempotent(function: FunctionType) -> bool:
    """Whether a function is what `idempotent` makes."""
    return function.__globals__.get("__name__") == "portable.idempotency" and hasattr(function, "__wrapped__")


def found_module(specification: Any) -> Any:
    """What is_app_module looks at, of a module that is not loaded."""
    return types.SimpleNamespace(__name__=specification.name, __file__=specification.origin)


def inner_functions(value: Any) -> list[Any]:
    """The functions behind an attribute of a class: of properties, wrappers, and what pydantic keeps in proxies."""
    if isinstance(value, property):
        return [part for part in (value.fget, value.fset, value.fdel) if part is not None]
    inner: Any = plain(value)
    found = [inner]
    for name in ("wrapped", "__wrapped__", "func"):
        kept = own_attribute(inner, name) if not is_type(inner) else None
        if kept is not None:
            found.append(plain(kept))
            found.append(own_attribute(plain(kept), "__wrapped__"))
    return [part for part in found if isinstance(part, FunctionType)]


def parts_of_class(value: Any) -> list[Any]:
    """The functions behind an attribute of a class, and what else it holds: the arguments of a partialmethod."""
    found = inner_functions(value)
    if not is_type(value) and not isinstance(value, FunctionType | staticmethod | classmethod | property):
        found.append(value)
    if isinstance(value, enum.Enum):
        found.append(value._value_)
    return found


DEPTH = 4


def deeper(value: Any) -> list[Any]:
    """What an object holds, if it is small: containers, fields of models, partials."""
    if isinstance(value, (*PLAIN, ModuleType)) or is_resource(value) or is_registry(value):
        return []
    if is_container(value):
        found: list[Any] = list(value.values()) if hasattr(value, "values") else list(value)
    else:
        found = referents(value)
    return [part for part in found[:MOST_ELEMENTS] if not isinstance(part, PLAIN)]


def functions_of(modules: dict[str, ModuleType]) -> list[tuple[FunctionType, bool]]:
    """Every function of the app that its modules hold, and whether it is a method of a class."""
    found: dict[int, tuple[FunctionType, bool]] = {}
    seen: set[int] = set()
    stack: list[tuple[Any, bool, int]] = [
        (value, False, DEPTH) for name in modules for value in members(modules[name]).values()
    ]
    while stack:
        value, is_method, depth = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if is_type(value):
            if is_app_class(value):
                stack.extend((inner, True, depth) for inner in members(value).values())
            continue
        if depth and not isinstance(value, FunctionType) and not is_ours(class_of(value).__module__):
            stack.extend((part, is_method, depth - 1) for part in deeper(value))
        # A Task is called as its function.
        inner: Any = getattr(value, "_function", None) if class_of(value).__module__ == "portable.tasks" else value
        for function in inner_functions(inner):
            if is_app_function(function):
                found[id(function)] = (function, is_method or found.get(id(function), (None, False))[1])
            for cell in function.__closure__ or ():
                try:
                    stack.append((cell.cell_contents, is_method, depth))
                except ValueError:
                    continue
    return list(found.values())
