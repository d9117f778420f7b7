"""What pydantic calls by itself while it makes values of a type and writes them out: it is in the type's schema.

Validators, serializers, factories, computed fields and hooks, those of nested models and of annotations too. The schema
is plain data, and is read here without running anything of the app's.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from portable.codec import Codec

from .sources import class_of, is_app_class, members


class Hook(NamedTuple):
    """A callable of the app, or an attribute of an instance of `owner` that is read or called."""

    function: Callable[..., Any] | None
    owner: type | None
    name: str


def hooks_of(annotation: Any) -> list[Hook]:
    """The hooks in the schema of a type; none if pydantic can make nothing of it."""
    schema: Any = members(annotation).get("__pydantic_core_schema__") if isinstance(annotation, type) else None
    try:
        if not isinstance(schema, Mapping):
            schema = Codec(annotation).adapter.core_schema
        return list(_walk(schema))
    except Exception:  # pydantic's errors are of many kinds; a type without a schema is made by nobody.
        return []


def has_schema(cls: type) -> bool:
    """Whether a class is a model or dataclass of pydantic's."""
    return "__pydantic_core_schema__" in members(cls)


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
            stack.extend((value, owner) for key, value in fields.items() if key != "metadata")
        elif isinstance(part, list | tuple):
            stack.extend((value, owner) for value in cast("list[Any]", part))
        elif callable(part) and not isinstance(part, type):
            yield Hook(part, owner, getattr(part, "__name__", ""))


def _hooks_of_class(fields: Mapping[Any, Any], cls: type) -> Iterator[Hook]:
    if not is_app_class(cls):
        return
    if fields.get("type") == "enum" and "_missing_" in members(cls):
        missing: Any = members(cls)["_missing_"]
        yield Hook(missing.__get__(None, cls), cls, "")
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


def is_method(hook: Hook) -> bool:
    """Whether a hook is a plain method of the class that it was found with, which gets the instance."""
    if hook.owner is None or class_of(hook.function).__name__ != "function":
        return False
    return any(value is hook.function for base in hook.owner.__mro__ for value in members(base).values())
