"""Which functions and classes of the app can matter at all: those whose names lead to a resource.

Most code of an app computes with plain data. A function that names nothing from which a resource can be had, and that
is given nothing of the kind, need not be followed. Names are taken from code objects, so this costs little; in doubt a
function matters.
"""

import dis
import functools
import importlib.util
import sys
import types
from opcode import opmap
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

from portable.binding import Registry, Resource

from .kinds import is_container, is_registry, is_resource, is_type, referents
from .schemas import has_schema, hooks_of
from .sources import class_of, is_app_class, is_app_function, is_app_module, is_ours, members, plain
from .state import module_resources

REVEALING = frozenset(("eval", "exec", "globals", "vars", "locals", "__import__", "import_module", "compile"))
PLAIN = (str, bytes, int, float, type(None), CodeType)
IMPORT_NAME = opmap["IMPORT_NAME"]
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


class Relevance:
    """What matters in one app, worked out for all functions of its modules."""

    def __init__(self, modules: dict[str, ModuleType], filled: Filled = NOTHING_FILLED) -> None:
        self._filled = filled
        self._matters: set[FunctionType] = set()
        self._known: dict[FunctionType, bool] = {}
        self._modules: dict[str, bool] = {}
        self._classes: dict[type, bool] = {}
        self._hooks: dict[type, list[Any]] = {}
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
                    self._matters.add(function)
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
        return known

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
            for inner in (inner_functions(value) or ([] if is_type(value) else [value]))
        ) or any(self.thing(hook) for hook in self._hooks_of(cls))

    def _hooks_of(self, cls: type) -> list[Any]:
        """What pydantic calls when it makes a model: also functions that the class itself does not hold."""
        if not has_schema(cls):
            return []
        known = self._hooks.get(cls)
        if known is None:
            known = self._hooks[cls] = [hook.function for hook in hooks_of(cls) if hook.function is not None]
        return known

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
        if any(name in self._names or name == "import_module" for name in others):
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
            # What `idempotent` wraps keeps records in the framework's own table.
            return is_idempotent(thing) or (depth < 4 and self._held(thing, depth))
        if is_type(thing):
            return is_app_class(thing) and (
                any(
                    inner in self._matters if isinstance(inner, FunctionType) else self.thing(inner, depth + 1)
                    for base in (*thing.__mro__, class_of(thing))
                    if is_app_class(base)
                    for name, value in members(base).items()
                    if name not in UNINTERESTING and depth < 4
                    for inner in (inner_functions(value) or ([] if is_type(value) else [value]))
                )
                or (depth < 4 and any(self.thing(hook, depth + 1) for hook in self._hooks_of(thing)))
            )
        return depth < 4 and self._object(thing, depth)

    def _function_now(self, function: FunctionType) -> bool:
        """As far as it is known; a function that the modules do not show is tested when it is met."""
        if function in self._matters or function in self._listed or function in self._known:
            return function in self._matters or self._known.get(function, False)
        self._listed.add(function)
        if self._test(function):
            self._matters.add(function)
            return True
        self._listed.discard(function)
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
        if is_ours(class_of(thing).__module__):
            return False
        return self._held(thing, depth)

    def _held(self, thing: Any, depth: int) -> bool:
        return any(self.thing(part, depth + 1) for part in referents(thing) if not isinstance(part, type | ModuleType))

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
        loaded = frozenset(
            str(instruction.argval)
            for instruction in dis.get_instructions(code)
            if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME")
        )
        others = frozenset(
            str(instruction.argval)
            for instruction in dis.get_instructions(code)
            if instruction.opcode in dis.hasname and instruction.opname not in ("LOAD_GLOBAL", "LOAD_NAME")
        )
        known = _split[code] = (loaded, others)
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
        held = getattr(inner, name, None) if not is_type(inner) else None
        if held is not None:
            found.append(plain(held))
            found.append(getattr(plain(held), "__wrapped__", None))
    return [part for part in found if isinstance(part, FunctionType)]


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
