"""What pydantic calls by itself while it makes values of a type and writes them out: it is in the type's schema.

Validators, serializers, factories, computed fields and hooks, those of nested models and of annotations too. The schema
is plain data, and is read here without running anything of the app's.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import (
    Annotated,
    Any,
    ForwardRef,
    NamedTuple,
    NewType,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from portable.codec import Codec, lenient_schema

from .sources import class_of, is_app_class, members


class Hook(NamedTuple):
    """A callable of the app, or an attribute of an instance of `owner` that is read or called."""

    function: Callable[..., Any] | None
    owner: type | None
    name: str


class Unreadable(Exception):
    """A type of which pydantic may make values at run time, though its schema cannot be had now."""


def hooks_of(annotation: Any) -> list[Hook]:
    """The hooks in the schema of a type; none if pydantic can make nothing of it.

    Raises Unreadable when it may make something of it later: a name in it is not there yet, or code of the app's that
    makes the schema fails.
    """
    if not is_worth_reading(annotation):
        return []
    try:
        with warnings.catch_warnings():
            # What pydantic thinks of the app's types it says where the app makes them.
            warnings.simplefilter("ignore")
            return list(_walk(_schema_of(annotation)))
    except Exception as error:  # pydantic's errors are of many kinds, and a class may make its schema by itself.
        if getattr(error, "code", None) in NEVER_MADE:
            return []
        raise Unreadable(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}") from error


NEVER_MADE = ("schema-for-unknown-type", "type-adapter-config-unused")
"""pydantic's codes for types that it makes no values of: what handed one over fails at run time too."""
PLAIN = (str, int, float, bool, bytes, dict, list, tuple, set, frozenset, type(None), None, object, Any)
MAKERS = ("default_factory", "function")
NOT_CALLED = ("metadata", "default", "expected", "members")
"""Parts of a schema in which values stand, not what pydantic calls."""
CARRIERS = ("TypeAdapter", "SchemaValidator", "SchemaSerializer")


def is_worth_reading(annotation: Any) -> bool:
    """Whether a hook can be in it at all: an annotation of builtins only has none, and need not be made a schema of."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        return True
    if arguments:
        origin = get_origin(annotation)
        inner: list[Any] = [part for part in arguments if part is not Ellipsis]
        return any(map(is_worth_reading, inner)) or (isinstance(origin, type) and is_app_class(origin))
    if isinstance(annotation, list):
        # The parameters of a Callable.
        return False
    return not any(annotation is plain for plain in PLAIN)


def _schema_of(annotation: Any) -> Any:
    """The core schema of an annotation, or of an object of pydantic's that was made with one."""
    if class_of(annotation).__name__ in CARRIERS and class_of(annotation).__module__.startswith("pydantic"):
        if class_of(annotation).__name__ == "TypeAdapter":
            return annotation.core_schema
        # Of what is compiled, its copy tells what it was made with.
        return annotation.__reduce__()[1][0]
    if isinstance(annotation, type):
        schema: Any = members(annotation).get("__pydantic_core_schema__")
        return schema if is_mapping(schema) else Codec(annotation).adapter.core_schema
    try:
        return Codec(annotation).adapter.core_schema
    except Exception as error:
        if getattr(error, "code", None) != "schema-for-unknown-type":
            raise
    return lenient_schema(annotation)


def is_mapping(thing: Any) -> bool:
    return isinstance(thing, Mapping)


def is_type_expression(thing: Any) -> bool:
    """Whether an object stands for a type without being a class: `list[Note]`, an alias, a TypeAdapter."""
    if isinstance(thing, FunctionType):
        return False
    if get_origin(thing) is not None or isinstance(thing, NewType | TypeVar | ForwardRef):
        return True
    kind = class_of(thing)
    return kind.__name__ == "TypeAliasType" or (kind.__name__ in CARRIERS and kind.__module__.startswith("pydantic"))


def validated_call(function: Any) -> list[Any]:
    """The annotations that pydantic's validate_call holds a function to; none of other functions."""
    if not isinstance(function, FunctionType) or not str(function.__globals__.get("__name__")).startswith("pydantic."):
        return []
    inner: Any = getattr(function, "__wrapped__", None)
    return [] if inner is None else annotations_of(inner)


def annotations_of(function: Any) -> list[Any]:
    """The annotations of a function's parameters and result; as text where a name in one is not there."""
    function = getattr(function, "__func__", function)
    try:
        return list(get_type_hints(function, include_extras=True).values())
    except Exception:  # whatever evaluating an annotation raises
        return [
            ForwardRef(value) if isinstance(value, str) else value
            for value in getattr(function, "__annotations__", {}).values()
        ]


def has_schema(cls: type) -> bool:
    """Whether a class is a model or dataclass of pydantic's."""
    return "__pydantic_core_schema__" in members(cls)


def may_be_validated(cls: type) -> bool:
    """Whether pydantic makes instances of a class by its annotations: models, dataclasses, TypedDicts, NamedTuples."""
    names = members(cls)
    return any(name in names for name in ("__pydantic_core_schema__", "__dataclass_fields__", "__total__", "_fields"))


def _walk(schema: Any) -> Iterator[Hook]:
    seen: set[int] = set()
    # Of parts that are kept alive by the schema, the identities are enough.
    stack: list[tuple[Any, type | None]] = [(schema, None)]
    while stack:
        part, owner = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Mapping):
            fields: Mapping[Any, Any] = part  # pyright: ignore[reportUnknownVariableType]
            cls = fields.get("cls")
            if isinstance(cls, type):
                owner = cls
                yield from _hooks_of_class(fields, cls)
            name = fields.get("property_name")
            if isinstance(name, str) and owner is not None:
                yield Hook(None, owner, name)
            for key in MAKERS:
                maker = fields.get(key)
                if isinstance(maker, type):
                    # A class that is called to make or check a value.
                    yield Hook(maker, owner, "")
            stack.extend((value, owner) for key, value in fields.items() if key not in NOT_CALLED)
        elif isinstance(part, list | tuple):
            stack.extend((value, owner) for value in cast("list[Any]", part))
        elif callable(part) and not isinstance(part, type):
            yield Hook(part, owner, getattr(part, "__name__", ""))


def _hooks_of_class(fields: Mapping[Any, Any], cls: type) -> Iterator[Hook]:
    if not is_app_class(cls):
        return
    if fields.get("type") == "enum":
        missing = missing_of(cls)
        if missing is not None:
            yield Hook(missing, cls, "")
    check = members(class_of(cls)).get("__instancecheck__") if is_app_class(class_of(cls)) else None
    if check is not None:
        yield Hook(check.__get__(cls), cls, "")
    after = fields.get("post_init")
    if after:
        yield Hook(None, cls, after if isinstance(after, str) else "__post_init__")
    for base in cls.__mro__:
        attributes: dict[str, Any] = members(base).get("__private_attributes__") or {}
        for private in attributes.values():
            factory = getattr(private, "default_factory", None)
            if factory is not None:
                yield Hook(factory, cls, "")
    if fields.get("custom_init"):
        yield Hook(None, cls, "__init__")


def missing_of(cls: type) -> Any:
    """What an Enum of the app's calls for a value that it does not have."""
    for base in cls.__mro__:
        found = members(base).get("_missing_")
        if found is not None:
            return found.__get__(None, cls) if is_app_class(base) else None
    return None


def is_method(hook: Hook) -> bool:
    """Whether a hook is a plain method of the class that it was found with, which gets the instance."""
    if hook.owner is None or class_of(hook.function).__name__ != "function":
        return False
    return any(value is hook.function for base in hook.owner.__mro__ for value in members(base).values())
