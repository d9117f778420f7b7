"""A function's parameters as they stand in the code, and which of them a background handler gets filled.

Read without `inspect`, which costs more to import than the rest of the framework. Annotations that are strings are
resolved when they are first needed, so that a handler may name a model that is defined below it.
"""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

from .context import Context
from .errors import DeclarationError, Location, caller_location
from .scalars import without_metadata, without_none

VARIABLE = 0x0C
"""The flags of a code object with *args or **kwargs."""


GENERATOR = 0x20 | 0x200
"""Those of a code object that yields: a generator's or an async generator's."""

IDEMPOTENCY = f"{__package__}.idempotency"


class Absent:
    """The type of ABSENT: no default, no value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = Absent()


class Declared(NamedTuple):
    """One parameter of a function as it stands in the code."""

    name: str
    annotation: Any
    default: Any
    keyword: bool


Filling = Literal["payload", "context", "moment"]


class HandlerParameter(NamedTuple):
    """One parameter of a background handler and what fills it: the payload, the Context, a schedule's time."""

    declared: Declared
    what: Filling


def function_name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


def function_location(function: Callable[..., Any]) -> Location:
    """Where a function is defined; the calling line for callables without code of their own."""
    found: Any = function
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    code = getattr(found, "__code__", None)
    return Location(code.co_filename, code.co_firstlineno) if code is not None else caller_location()


def plain_function(function: Callable[..., Any], location: Location) -> tuple[Any, int]:
    """The def under functools.wraps, a bound method or a callable object, and how many leading parameters are bound.

    Raises DeclarationError for what has no readable signature.
    """
    bound = 0
    inner: Any = function
    while True:
        if hasattr(inner, "__wrapped__"):
            inner = inner.__wrapped__
        elif hasattr(inner, "__func__"):
            inner, bound = inner.__func__, 1
        elif getattr(inner, "__code__", None) is None and callable(inner) and not isinstance(inner, type):
            call = vars(type(inner)).get("__call__") or type(inner).__call__
            if getattr(call, "__code__", None) is None:
                raise DeclarationError(
                    f"{function!r} has no signature that can be read", hint="use a def", location=location
                )
            inner, bound = call, 1
        else:
            break
    code = getattr(inner, "__code__", None)
    if code is None:
        raise DeclarationError(f"{function!r} is not a function", hint="decorate a def", location=location)
    if code.co_flags & VARIABLE:
        raise DeclarationError(
            f"{function_name(inner)} takes *args or **kwargs, which nothing can fill",
            hint="name its parameters",
            location=location,
        )
    return inner, bound


def declared_parameters(function: Callable[..., Any], location: Location) -> list[Declared]:
    """A function's parameters, annotations resolved.

    Wrappers made with functools.wraps are looked through; `self` of a bound method is left out. Raises
    DeclarationError for *args, **kwargs, positional-only oddities and annotations that do not resolve.
    """
    inner, bound = plain_function(function, location)
    return _parameters(inner, bound, resolved_annotations(inner, location))


def _parameters(inner: Any, bound: int, annotations: dict[str, Any]) -> list[Declared]:
    count: int = inner.__code__.co_argcount
    names: tuple[str, ...] = inner.__code__.co_varnames
    defaults: tuple[Any, ...] = inner.__defaults__ or ()
    first = count - len(defaults)
    found = [
        Declared(names[i], annotations.get(names[i], ABSENT), defaults[i - first] if i >= first else ABSENT, False)
        for i in range(bound, count)
    ]
    named: dict[str, Any] = inner.__kwdefaults__ or {}
    found.extend(
        Declared(key, annotations.get(key, ABSENT), named.get(key, ABSENT), True)
        for key in names[count : count + inner.__code__.co_kwonlyargcount]
    )
    return found


def resolved_annotations(function: Any, location: Location) -> dict[str, Any]:
    """Annotations with their strings evaluated. Raises DeclarationError, naming what does not resolve."""
    annotations: dict[str, Any] = getattr(function, "__annotations__", {})
    if not any(isinstance(value, str) or get_args(value) for value in annotations.values()):
        return annotations
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:
        raise DeclarationError(
            f"the annotations of {getattr(function, '__name__', function)} do not resolve: {error}",
            hint="import the types at run time, outside `if TYPE_CHECKING:`, at the top of the module",
            location=location,
        ) from error


def return_annotation(function: Callable[..., Any], location: Location) -> Any:
    """What a function says that it returns, or ABSENT. Raises DeclarationError if that does not resolve."""
    inner, _ = plain_function(function, location)
    return resolved_annotations(inner, location).get("return", ABSENT)


def check_function(function: object, location: Location) -> None:
    """What holds for every handler: something that is called and that ends. Raises DeclarationError."""
    if not callable(function):
        raise DeclarationError(f"{function!r} is not a function", hint="decorate a def", location=location)
    if getattr(function, "__module__", "") == IDEMPOTENCY and not hasattr(function, "__wrapped__"):
        raise DeclarationError(
            "idempotent stands above a handler without its key",
            hint='for instance @idempotent("{order.id}")',
            location=caller_location(),
        )
    # Of the function itself and not of what it wraps, which may be a generator that somebody runs.
    inner: Any = getattr(function, "__func__", function)
    code = getattr(inner, "__code__", None)
    if code is None and not isinstance(function, type):
        code = getattr(vars(type(function)).get("__call__"), "__code__", None)
    if code is not None and code.co_flags & GENERATOR:
        raise DeclarationError(
            f"{function_name(function)} is a generator function, which nothing would run",
            hint="return the whole answer: a list, or bytes",
            location=location,
        )


# Background handlers


def check_handler(function: Callable[..., Any], location: Location) -> None:
    """What can be said of a background handler while its annotations may not resolve yet. Raises DeclarationError."""
    inner, bound = plain_function(function, location)
    needed = [declared.name for declared in _parameters(inner, bound, {}) if declared.default is ABSENT]
    if len(needed) > 2:
        raise one_too_many(function_name(function), needed[2], location)


def one_too_many(name: str, parameter: str, location: Location) -> DeclarationError:
    return DeclarationError(
        f"{name}: parameter {parameter!r} is one too many",
        hint="a background handler takes one payload and a Context; put several values into one model",
        location=location,
    )


def handler_parameters(
    function: Callable[..., Any], location: Location, *, name: str, scheduled: bool = False
) -> tuple[HandlerParameter, ...]:
    """What fills each parameter of a background handler: at most one payload (or a schedule's time) and one Context.

    Parameters with a default that nothing fills keep it. Raises DeclarationError for any other.
    """
    found: list[HandlerParameter] = []
    for declared in declared_parameters(function, location):
        inner = without_none(without_metadata(declared.annotation)[0])[0]
        what: Filling
        if inner is Context:
            what = "context"
        elif scheduled and is_datetime(inner):
            what = "moment"
        elif scheduled:
            if declared.default is not ABSENT:
                continue
            raise DeclarationError(
                f"{name}: a schedule has no payload for parameter {declared.name!r}",
                hint="take nothing, Context, or a datetime for the scheduled time",
                location=location,
            )
        else:
            what = "payload"
        if what in [parameter.what for parameter in found]:
            if declared.default is not ABSENT:
                continue
            raise one_too_many(name, declared.name, location)
        found.append(HandlerParameter(declared, what))
    return tuple(found)


def is_datetime(annotation: Any) -> bool:
    """Whether an annotation is `datetime.datetime`, without importing that module."""
    return (
        isinstance(annotation, type) and annotation.__module__ == "datetime" and annotation.__qualname__ == "datetime"
    )


def has_parameters(function: Callable[..., Any], location: Location) -> bool:
    """Whether a function has any parameter at all, which is known before its annotations resolve."""
    inner, bound = plain_function(function, location)
    return bool(_parameters(inner, bound, {}))


def payload_annotation(function: Callable[..., Any], location: Location) -> Any:
    """The annotation of a background handler's payload (Any without one), or ABSENT if it takes none.

    Raises DeclarationError as `handler_parameters` does.
    """
    for parameter in handler_parameters(function, location, name=function_name(function)):
        if parameter.what == "payload":
            annotation = parameter.declared.annotation
            return Any if annotation is ABSENT else annotation
    return ABSENT
