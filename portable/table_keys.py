"""Keys of items, conditions on the sort key, and cursors: what tables.py checks before a driver sees it.

Pure functions over values; no I/O, no models.
"""

import binascii
import sys
from typing import TYPE_CHECKING, Any, Literal

from .capabilities import Profile
from .drivers import IndexValue, SortCondition
from .errors import InvalidArgument
from .specs import FieldType

if TYPE_CHECKING:
    from datetime import date
    from enum import Enum
    from uuid import UUID

    KeyValue = str | UUID | date | Enum
    SortValue = str | int | UUID | date | Enum

CONSTANT_SK = "-"
"""The sort key of every item of a table whose key is one field."""

Operator = Literal["eq", "lt", "le", "gt", "ge", "between", "prefix"]


def plain_key(value: Any) -> object:
    """`value` as documents.py would store it: UUID and date as text, a member of an Enum as its value."""
    if type(value) is str or type(value) is int:
        return value
    modules: dict[str, Any] = sys.modules
    enum, uuid, datetime = modules.get("enum"), modules.get("uuid"), modules.get("datetime")
    if enum is not None and isinstance(value, enum.Enum):
        return plain_key(value.value)
    if uuid is not None and isinstance(value, uuid.UUID):
        return str(value)
    if datetime is not None and isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return value.isoformat()
    return str.__str__(value) if isinstance(value, str) else value


def key_text(value: object, profile: Profile, what: str, resource: str, *, key: object = None) -> str:
    """The text of one key part: 1-330 bytes of UTF-8.

    Raises InvalidArgument for anything but str, UUID, date and Enum, for the empty string and for lone surrogates;
    LimitExceeded (`key_bytes`) for a longer one. Any other character is allowed, also control characters.
    """
    text = plain_key(value)
    if type(text) is not str:
        raise InvalidArgument(
            f"{what} is a str, UUID, date or Enum of str, not {type(value).__name__}",
            hint="numbers as keys: store them as text, zero-padded if their order matters",
            resource=resource,
            key=key,
        )
    if not text:
        raise InvalidArgument(f"{what} is empty", hint="a key has 1-330 bytes", resource=resource, key=key)
    profile.check("key_bytes", byte_length(text, what, resource), what, resource=resource, key=key)
    return text


def byte_length(text: str, what: str, resource: str) -> int:
    """Bytes of UTF-8. Raises InvalidArgument for lone surrogates."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            f"{what} {text!r} holds a lone surrogate at position {error.start}",
            hint="it came from undecodable bytes: encode them, for instance as hex",
            resource=resource,
        ) from None


# Conditions


def eq(value: "SortValue") -> SortCondition:
    """The sort key (or second index field) equals `value`."""
    return _condition("eq", value)


def lt(value: "SortValue") -> SortCondition:
    """It comes before `value`: in UTF-8 bytes, or as numbers for an int index field."""
    return _condition("lt", value)


def le(value: "SortValue") -> SortCondition:
    """It is `value` or comes before it."""
    return _condition("le", value)


def gt(value: "SortValue") -> SortCondition:
    """It comes after `value`."""
    return _condition("gt", value)


def ge(value: "SortValue") -> SortCondition:
    """It is `value` or comes after it."""
    return _condition("ge", value)


def between(low: "SortValue", high: "SortValue") -> SortCondition:
    """It is `low`, `high` or anything in between. Raises InvalidArgument when `low` comes after `high`."""
    condition = SortCondition("between", _bound("between", low), _bound("between", high))
    assert condition.high is not None
    if type(condition.low) is not type(condition.high):
        raise InvalidArgument(f"between({low!r}, {high!r}): the bounds are of two kinds")
    if condition.low > condition.high:  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
        raise InvalidArgument(f"between({low!r}, {high!r}): the low bound comes after the high one")
    return condition


def prefix(text: "KeyValue") -> SortCondition:
    """It starts with `text`; the empty string is every one."""
    condition = _condition("prefix", text)
    if not isinstance(condition.low, str):
        raise InvalidArgument(f"prefix({text!r}): a prefix is a str")
    return condition


def _condition(operator: Operator, value: object) -> SortCondition:
    return SortCondition(operator, _bound(operator, value))


def _bound(operator: Operator, value: object) -> IndexValue:
    bound = plain_key(value)
    if isinstance(bound, bool) or not isinstance(bound, (str, int)):
        raise InvalidArgument(f"{operator}({value!r}): a bound is a str, int, UUID, date or Enum")
    return bound


def check_sort(
    sort: "str | SortCondition | SortValue | None",
    type_: FieldType,
    profile: Profile,
    what: str,
    resource: str,
) -> SortCondition | None:
    """`sort` as the driver takes it, its bounds checked against the type of the sort key; a plain value means eq."""
    if sort is None:
        return None
    condition = sort if isinstance(sort, SortCondition) else _condition("eq", sort)
    if condition.operator == "prefix" and condition.low == "" and type_ == "str":
        return None
    for bound in (condition.low, condition.high):
        if bound is not None:
            index_value(bound, type_, profile, f"{what}: the bound of {condition.operator}", resource)
    if condition.operator == "prefix" and type_ == "int":
        raise InvalidArgument(f"{what}: an int has no prefix", hint="use between, ge or le", resource=resource)
    return condition


def index_value(value: object, type_: FieldType, profile: Profile, what: str, resource: str) -> IndexValue:
    """One index field's value: an int within the integer limit, or a str like a key."""
    plain = plain_key(value)
    if type_ == "str":
        if plain == "":
            raise InvalidArgument(f"{what} is empty", hint="None leaves an item out of the index", resource=resource)
        return key_text(plain, profile, what, resource)
    if type(plain) is not int:
        raise InvalidArgument(f"{what} is an int, not {type(value).__name__}", resource=resource)
    profile.check("integer", abs(plain), what, resource=resource)
    return plain


# Cursors


def seal_cursor(cursor: str | None, scope: tuple[Any, ...]) -> str | None:
    """The driver's cursor as users get it: bound to `scope` (adapter, table and query) by a digest, URL-safe."""
    if cursor is None:
        return None
    raw = cursor.encode()
    text = binascii.b2a_base64(_digest(raw, scope) + raw, newline=False).decode("ascii")
    return text.replace("+", "-").replace("/", "_").rstrip("=")


def open_cursor(cursor: str | None, scope: tuple[Any, ...], resource: str) -> str | None:
    """The driver's cursor. Raises InvalidArgument for one of another query, table or provider, or one made up."""
    if cursor is None:
        return None
    if type(cursor) is str and 0 < len(cursor) <= 8192 and cursor.isascii():
        try:
            text = cursor.replace("-", "+").replace("_", "/") + "=" * (-len(cursor) % 4)
            sealed = binascii.a2b_base64(text, strict_mode=True)
            raw = sealed[12:]
            if sealed[:12] == _digest(raw, scope):
                return raw.decode()
        except (binascii.Error, UnicodeDecodeError):
            raw = b""
    raise InvalidArgument(
        "the cursor is not from this query",
        hint="pass the cursor of the page before, with the same arguments but limit; without one it starts anew",
        resource=resource,
    )


def _digest(raw: bytes, scope: tuple[Any, ...]) -> bytes:
    # Imported here: hashlib loads OpenSSL, and most invocations never turn a page.
    from hashlib import blake2b

    return blake2b(repr(scope).encode(errors="backslashreplace") + b"\0" + raw, digest_size=12).digest()
