"""Texts of paths, queries, headers, cookies and form fields -> Python values, without pydantic.

A converter takes one text and raises ValueError with a message for people. Types of uuid, datetime and decimal are
recognised by name, so that none of those modules is loaded for an app that does not use them.
"""

import re
import types
from collections.abc import Callable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from .patterns import Pattern

Converter = Callable[[str], Any]

INTEGER = Pattern(r"[+-]?[0-9]{1,4000}", re.ASCII)
NUMBER = Pattern(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,6})?", re.ASCII)
UUID_TEXT = Pattern(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}", re.ASCII)
DATE_TEXT = Pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
TRUTHS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


def text(value: str) -> str:
    """A str as it came."""
    return value


def integer(value: str) -> int:
    """Decimal digits with an optional sign; nothing else that int() takes."""
    if INTEGER.fullmatch(value) is None:
        raise ValueError("not an integer")
    return int(value)


def number(value: str) -> float:
    """A finite decimal number."""
    if len(value) > 400 or NUMBER.fullmatch(value) is None:
        raise ValueError("not a number")
    found = float(value)
    if found in (float("inf"), float("-inf")):
        raise ValueError("too large a number")
    return found


def truth(value: str) -> bool:
    """true, 1, yes, on or false, 0, no, off in any case."""
    found = TRUTHS.get(value.lower())
    if found is None:
        raise ValueError("neither true nor false")
    return found


def decimal_of(kind: Any) -> Converter:
    def decimal(value: str) -> Any:
        if len(value) > 400 or NUMBER.fullmatch(value) is None:
            raise ValueError("not a decimal number")
        return kind(value)

    return decimal


def uuid_of(kind: Any) -> Converter:
    def uuid(value: str) -> Any:
        if UUID_TEXT.fullmatch(value) is None:
            raise ValueError("not a UUID")
        return kind(value)

    return uuid


def moment_of(kind: Any, what: str) -> Converter:
    def moment(value: str) -> Any:
        if what == "date" and DATE_TEXT.fullmatch(value) is None:
            raise ValueError("not an ISO 8601 date (YYYY-MM-DD)")
        try:
            return kind.fromisoformat(value)
        except ValueError:
            raise ValueError(f"not an ISO 8601 {what}") from None

    return moment


def choice_of(choices: dict[str, Any]) -> Converter:
    def choice(value: str) -> Any:
        if value not in choices:
            raise ValueError(f"not one of {', '.join(choices)}")
        return choices[value]

    return choice


BUILT_IN: dict[Any, Converter] = {str: text, int: integer, float: number, bool: truth}


def scalar_converter(annotation: Any) -> Converter | None:
    """The converter of a scalar annotation, or None if it is no scalar that is known here."""
    try:
        found = BUILT_IN.get(annotation)
    except TypeError:
        return None
    if found is not None:
        return found
    if get_origin(annotation) is Literal:
        return choice_of({str(value): value for value in get_args(annotation)})
    supertype = getattr(annotation, "__supertype__", None)
    if supertype is not None:
        return scalar_converter(supertype)
    if not isinstance(annotation, type):
        return None
    members = getattr(annotation, "__members__", None)
    if members is not None:
        return choice_of({str(member.value): member for member in members.values()})
    place = (annotation.__module__, annotation.__name__)
    if place == ("uuid", "UUID"):
        return uuid_of(annotation)
    if place in (("decimal", "Decimal"), ("_pydecimal", "Decimal")):
        return decimal_of(annotation)
    if place in (("datetime", "date"), ("datetime", "datetime"), ("datetime", "time")):
        return moment_of(annotation, annotation.__name__)
    return None


def without_none(annotation: Any) -> tuple[Any, bool]:
    """(X, True) for `X | None`, else (annotation, False)."""
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        if len(inner) < len(get_args(annotation)) and inner:
            return (inner[0] if len(inner) == 1 else Union[tuple(inner)]), True  # noqa: UP007
    return annotation, False


def without_metadata(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """(X, metadata) for `Annotated[X, ...]`, else (annotation, ())."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return inner, tuple(metadata)
    return annotation, ()


COLLECTIONS: dict[Any, Callable[[list[Any]], Any]] = {list: list, tuple: tuple, set: set, frozenset: frozenset}


def collection(annotation: Any) -> tuple[Any, Callable[[list[Any]], Any]] | None:
    """(X, list) for `list[X]`, likewise `tuple[X, ...]`, `set[X]`, `frozenset[X]`; None for anything else."""
    origin = get_origin(annotation) or annotation
    try:
        make = COLLECTIONS.get(origin)
    except TypeError:
        return None
    if make is None:
        return None
    arguments = get_args(annotation)
    if origin is tuple and (len(arguments) != 2 or arguments[1] is not Ellipsis):
        return None
    return (arguments[0] if arguments else str), make
