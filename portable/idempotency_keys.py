"""What tells the calls of an idempotent function apart: its arguments by name, the key, and hashes of both."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from .errors import DeclarationError, InvalidArgument, Location
from .http import Request

# As Any: what they hold is not known, and nothing depends on it.
DICT: Any = dict
ARRAYS: tuple[type[Any], ...] = (list, tuple)
SETS: tuple[type[Any], ...] = (set, frozenset)


class Signature(NamedTuple):
    """A function's parameters, read without `inspect`: names in order, how many are positional, and the defaults."""

    names: tuple[str, ...]
    positional: int
    defaults: dict[str, Any]

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
        """The arguments by name, or None for a call that Python itself will refuse."""
        if len(args) > self.positional:
            return None
        found = {**self.defaults, **dict(zip(self.names, args, strict=False)), **kwargs}
        return found if found.keys() == set(self.names) else None


def signature_of(function: Any) -> Signature | None:
    """None for what has no Python code of its own."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    bound = 1 if hasattr(function, "__func__") else 0
    names = code.co_varnames[bound : code.co_argcount + code.co_kwonlyargcount]
    positional = code.co_argcount - bound
    values = function.__defaults__ or ()
    defaults = dict(zip(names[positional - len(values) : positional], values, strict=True))
    return Signature(names, positional, {**defaults, **(function.__kwdefaults__ or {})})


# The key


def plan_key(
    key: str | Callable[..., object], signature: Signature, location: Location
) -> Callable[[dict[str, Any]], object]:
    """What makes the key of the arguments. Raises DeclarationError."""
    if isinstance(key, str):
        return plan_template(key, signature, location)
    if not callable(key):
        raise DeclarationError(f"key={key!r} is neither a template nor a function", location=location)
    names = signature.names
    if not names:
        raise DeclarationError("the function has no parameters that could give a key", location=location)
    wanted = signature_of(key)
    if wanted is None or (len(wanted.names) == 1 and wanted.names[0] not in names):
        return lambda arguments: key(arguments[names[0]])
    unknown = [name for name in wanted.names if name not in names and name not in wanted.defaults]
    if unknown:
        raise DeclarationError(
            f"key takes {', '.join(unknown)}, which the function does not", hint=f"it has {', '.join(names)}",
            location=location,
        )  # fmt: skip
    taken = [name for name in wanted.names if name in names]
    positional = wanted.names[: wanted.positional]
    by_place = [name for name in positional if name in names] if set(positional) <= set(names) else []

    def of(arguments: dict[str, Any]) -> object:
        return key(
            *(arguments[name] for name in by_place),
            **{name: arguments[name] for name in taken if name not in by_place},
        )

    return of


def plan_template(template: str, signature: Signature, location: Location) -> Callable[[dict[str, Any]], object]:
    from string import Formatter

    try:
        fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
    except ValueError as error:
        raise DeclarationError(f"key template {template!r}: {error}", location=location) from None
    if not fields:
        raise DeclarationError(
            f"key template {template!r} names no argument, so every call would be the same one",
            hint='for instance "{order.id}"',
            location=location,
        )
    for field in fields:
        name = field.partition(".")[0].partition("[")[0]
        if name not in signature.names:
            raise DeclarationError(
                f"key template {template!r}: there is no parameter {name!r}",
                hint=f"it has {', '.join(signature.names) or 'none'}",
                location=location,
            )
    return lambda arguments: template.format_map(arguments)


def key_text(value: object) -> str:
    """A key as it is hashed; what is empty would join calls that have nothing to do with each other."""
    text = value if isinstance(value, str) else "" if value is None else digestible(value)
    if not text:
        raise InvalidArgument(f"the idempotency key is empty: {value!r}", hint="a key must tell calls apart")
    return text


# Hashes


def digest(text: str) -> str:
    from hashlib import sha256

    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digestible(value: object) -> str:
    """Canonical JSON: equal values give equal text in every process, whatever the order of names and of sets."""
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"))


def canonical(value: Any) -> Any:
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, DICT):
        return {name if isinstance(name, str) else digestible(name): canonical(entry) for name, entry in value.items()}
    if isinstance(value, ARRAYS):
        return [canonical(entry) for entry in value]
    if isinstance(value, SETS):
        return sorted(digestible(entry) for entry in value)
    if isinstance(value, Request):
        return [value.method, value.path, value.query_string, digest(value.body.hex())]
    fields: Any = getattr(cast("Any", type)(value), "model_fields", None) or getattr(
        value, "__dataclass_fields__", None
    )
    if fields is not None:
        extra: dict[str, Any] = getattr(value, "model_extra", None) or {}
        return canonical({**{name: getattr(value, name) for name in fields}, **extra})
    from .codec import to_json

    return json.loads(to_json(value))
