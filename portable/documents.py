"""What an item of a table may hold, and its one JSON form.

`DocumentRules.check` walks a value once, refuses what some provider could not keep and converts the rest into plain
values: None, bool, int, float, Decimal, str, bytes, aware UTC datetime, list, dict. `encode` and `decode` carry these
through JSON. Nothing here knows tables, models or drivers.
"""

import binascii
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from .capabilities import Profile
from .errors import InvalidArgument, PortableError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

Document = dict[str, Any]

DECIMAL_TAG = "__decimal__"
BYTES_TAG = "__bytes__"
DATETIME_TAG = "__datetime__"

Path = tuple[str | int, ...]


class _Fault(Exception):
    """A value that cannot be stored; collects its path (innermost first) on the way out of the walk."""

    def __init__(self, message: str, hint: str | None = None, *, limit: str = "", actual: float = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.limit = limit
        self.actual = actual
        self.path: list[str | int] = []


class DocumentRules:
    """The checks of one profile, made once per profile in force.

    `check(value)` returns the document that is stored for `value` (a dict) or raises InvalidArgument or LimitExceeded
    whose message names the place: `lines[2].price: nan is not a finite number`.

    Tuples are taken as lists; bytearray and memoryview as bytes; UUID, date, time, URLs, paths and network addresses
    become their text, timedelta its seconds, members of an Enum their value. A float of integral value within the
    integer limit becomes an int, -0.0 becomes 0. A datetime is stored in UTC. Sets, naive datetimes, NaN, infinities
    and lone surrogates are refused.
    """

    __slots__ = (
        "_names",
        "depth",
        "digits",
        "exponent_high",
        "exponent_low",
        "integer",
        "name_bytes",
        "profile",
    )

    def __init__(self, profile: Profile) -> None:
        self.profile: Profile = profile
        self.depth: int = profile.value("item_depth")
        self.digits: int = profile.value("decimal_digits")
        self.integer: int = profile.value("integer")
        self.name_bytes: int = profile.value("field_name_bytes")
        self.exponent_high: int = profile.value("float_exponent_max")
        self.exponent_low: int = -profile.value("float_exponent_min")
        self._names: set[str] = set()

    def check(self, value: object, *, what: str = "", resource: str | None = None, key: object = None) -> Document:
        """The document to store for `value`. `what` starts the messages, `resource` and `key` go into the errors."""
        if type(value) is not dict and not isinstance(value, Mapping):
            raise InvalidArgument(
                f"{what + ': ' if what else ''}an item is a dict, not {type(value).__name__}",
                resource=resource,
                key=key,
            )
        try:
            return self._object(cast("dict[Any, Any]", value), 1)
        except _Fault as fault:
            error = self._error(fault, what, resource, key)
            if not fault.limit or not self.profile.warns:
                raise error from None
            self.profile.settle(error)
            lifted = DocumentRules(self.profile.without(fault.limit))
        # Each round lifts one limit more, and there are few.
        return lifted.check(cast("object", value), what=what, resource=resource, key=key)

    def _error(self, fault: _Fault, what: str, resource: str | None, key: object) -> PortableError:
        path: Path = tuple(reversed(fault.path))
        where = ": ".join(part for part in (what, path_text(path)) if part)
        if fault.limit:
            return self.profile.exceeded(
                fault.limit, fault.actual, f"{where}: {fault.message}", resource=resource, key=key
            )
        return InvalidArgument(
            f"{where}: {fault.message}",
            problems=(Problem(path, fault.message),),
            hint=fault.hint,
            resource=resource,
            key=key,
        )

    def _object(self, value: "Mapping[Any, Any]", depth: int) -> Document:
        if depth > self.depth:
            raise _Fault("nested too deep", limit="item_depth", actual=depth)
        names = self._names
        result: Document = {}
        name: Any = ""
        try:
            for name, item in value.items():
                if type(name) is not str or name not in names:
                    name = self._name(name)
                kind = type(item)  # pyright: ignore[reportUnknownVariableType]
                if kind is str:
                    if not item.isascii():
                        _check_text(item)
                elif kind is not bool and item is not None:
                    if kind is dict:
                        item = self._object(item, depth + 1)
                    elif kind is list:
                        item = self._array(item, depth + 1)
                    elif kind is not int or not -self.integer <= item <= self.integer:
                        item = self._other(item, depth, 1)
                result[name] = item
        except _Fault as fault:
            fault.path.append(name if isinstance(name, str) else repr(name))
            raise
        return result

    def _array(self, value: "list[Any] | tuple[Any, ...]", depth: int) -> list[Any]:
        if depth > self.depth:
            raise _Fault("nested too deep", limit="item_depth", actual=depth)
        result: list[Any] = []
        try:
            for item in value:
                kind = type(item)  # pyright: ignore[reportUnknownVariableType]
                if kind is str:
                    if not item.isascii():
                        _check_text(item)
                elif kind is not bool and item is not None:
                    if kind is dict:
                        item = self._object(item, depth + 1)
                    elif kind is not int or not -self.integer <= item <= self.integer:
                        item = self._other(item, depth, 2)
                result.append(item)
        except _Fault as fault:
            fault.path.append(len(result))
            raise
        return result

    def _name(self, name: object) -> str:
        """A field's name: a str of 1-255 bytes that is not `__x__`; a member of a str Enum stands for its value."""
        if not isinstance(name, str):
            raise _Fault(f"a field's name is a str, not {type(name).__name__}", "convert the keys to str")
        text = str.__str__(name) if type(name) is not str else name
        enum: Any = sys.modules.get("enum")
        if enum is not None and isinstance(name, enum.Enum):
            text = str(cast("Any", name).value)
        if not text:
            raise _Fault("a field's name is empty")
        if not text.isascii():
            _check_text(text)
        size = len(text) if text.isascii() else len(text.encode())
        if size > self.name_bytes:
            raise _Fault("a field's name is too long", limit="field_name_bytes", actual=size)
        if len(text) >= 4 and text.startswith("__") and text.endswith("__"):
            raise _Fault("names like __x__ are reserved", "leave out the underscores at one end")
        # Names repeat from item to item; the bound keeps tables with invented names from growing the process.
        if len(self._names) < 4096:
            self._names.add(text)
        return text

    def _other(self, item: Any, depth: int, array_levels: int) -> object:
        """Everything but the commonest types. `array_levels` is what an array here adds to the depth."""
        if isinstance(item, float):
            return self._float(item)
        enum: Any = sys.modules.get("enum")
        if enum is not None and isinstance(item, enum.Enum):
            return self._value(item.value, depth, array_levels)
        if isinstance(item, int):
            return self._integer(item)
        if isinstance(item, str):
            _check_text(item)
            return str.__str__(item)
        if isinstance(item, (list, tuple)):
            return self._array(cast("list[Any]", item), depth + array_levels)
        if isinstance(item, (bytes, bytearray, memoryview)):
            return bytes(cast("bytes", item))
        if isinstance(item, Mapping):
            return self._object(item, depth + 1)  # pyright: ignore[reportUnknownArgumentType]
        if isinstance(item, (set, frozenset)):
            raise _Fault("a set cannot be stored", "use a list; sorted(...) gives it an order")
        return self._library_value(item)

    def _library_value(self, item: Any) -> object:
        """Decimals, moments, UUIDs, and values that are their text: URLs of models, paths, network addresses."""
        # A value's type can only be from a module that is loaded; so nothing is imported to look.
        modules: dict[str, Any] = sys.modules
        decimal, datetime, uuid = modules.get("decimal"), modules.get("datetime"), modules.get("uuid")
        if decimal is not None and isinstance(item, decimal.Decimal):
            return self._decimal(item)
        if datetime is not None:
            if isinstance(item, datetime.datetime):
                return _utc(item)
            if isinstance(item, (datetime.date, datetime.time)):
                return item.isoformat()
            if isinstance(item, datetime.timedelta):
                return self._float(item.total_seconds())
        if uuid is not None and isinstance(item, uuid.UUID):
            return str(item)
        for text_of in ("unicode_string", "__fspath__"):
            if hasattr(item, text_of):
                text = getattr(item, text_of)()
                _check_text(text)
                return text
        if isinstance(getattr(item, "compressed", None), str):
            return str(item)
        raise _Fault(
            f"{type(item).__name__} cannot be stored",
            "None, bool, int, float, Decimal, str, bytes, aware datetime, list and dict can",
        )

    def _value(self, item: Any, depth: int, array_levels: int) -> object:
        kind = type(item)  # pyright: ignore[reportUnknownVariableType]
        if item is None or kind is bool:
            return item
        if kind is dict:
            return self._object(item, depth + 1)
        return self._other(item, depth, array_levels)

    def _integer(self, item: int) -> int:
        if not -self.integer <= item <= self.integer:
            digits = abs(item)
            raise _Fault(
                "the integer is too large",
                limit="integer",
                actual=digits if digits.bit_length() < 1000 else float("inf"),
            )
        return int(item)

    def _float(self, item: float) -> int | float:
        if item - item != 0:
            raise _Fault(f"{float(item)!r} is not a finite number", "store None or a str instead")
        if item.is_integer() and -self.integer <= item <= self.integer:
            return int(item)
        if not 1e-130 <= abs(item) <= 1e125:
            from decimal import Decimal

            self._exponent(Decimal(repr(float(item))).adjusted())
        return float(item)

    def _exponent(self, exponent: int) -> None:
        if exponent > self.exponent_high:
            raise _Fault("the number is too large", limit="float_exponent_max", actual=exponent)
        if exponent < self.exponent_low:
            raise _Fault("the number is too close to zero", limit="float_exponent_min", actual=-exponent)

    def _decimal(self, item: Any) -> object:
        if not item.is_finite():
            raise _Fault(f"Decimal {item} is not a finite number", "store None or a str instead")
        digits = len(item.as_tuple().digits)
        if digits > self.digits:
            raise _Fault("the Decimal has too many digits", limit="decimal_digits", actual=digits)
        self._exponent(item.adjusted())
        return item or item.copy_abs()


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _Fault(
            f"the str holds a lone surrogate at position {error.start}",
            "it came from undecodable bytes: store them as bytes",
        ) from None


def _utc(item: Any) -> object:
    from datetime import timezone

    # `datetime.UTC` is the same object; this name is the one that every type stub agrees on.
    if item.tzinfo is None or item.utcoffset() is None:
        raise _Fault("the datetime has no zone", "use datetime.now(UTC), or .replace(tzinfo=...)")
    try:
        return item.astimezone(timezone.utc)  # noqa: UP017
    except OverflowError:
        raise _Fault("the datetime is outside the years 1 to 9999 in UTC") from None


def path_text(path: Path) -> str:
    """A path inside an item as people write it: `lines[2].price`; odd names in quotes."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


_rules: dict[int, DocumentRules] = {}


def rules_for(profile: Profile) -> DocumentRules:
    """The DocumentRules of `profile`, the same object for the same profile."""
    found = _rules.get(id(profile))
    if found is None or found.profile is not profile:
        found = _rules[id(profile)] = DocumentRules(profile)
    return found


def check_document(
    value: object, profile: Profile, *, what: str = "", resource: str | None = None, key: object = None
) -> Document:
    """The document that is stored for `value` under `profile`; see DocumentRules. Does not measure its size."""
    return rules_for(profile).check(value, what=what, resource=resource, key=key)


# JSON


def _tag(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {BYTES_TAG: binascii.b2a_base64(value, newline=False).decode("ascii")}
    isoformat = getattr(value, "isoformat", None)
    return {DATETIME_TAG: isoformat()} if isoformat is not None else {DECIMAL_TAG: str(value)}


def _untag(value: dict[str, Any]) -> object:
    if len(value) != 1:
        return value
    for name, text in value.items():
        try:
            if name == DECIMAL_TAG:
                from decimal import Decimal

                return Decimal(text)
            if name == BYTES_TAG:
                return binascii.a2b_base64(text)
            if name == DATETIME_TAG:
                from datetime import datetime

                return datetime.fromisoformat(text)
        except (ValueError, TypeError, ArithmeticError) as error:
            raise InvalidArgument(f"{name} does not hold what it says: {text!r}") from error
    return value


_encode = json.JSONEncoder(
    ensure_ascii=False,
    check_circular=False,
    allow_nan=False,
    sort_keys=True,
    separators=(",", ":"),
    default=_tag,
).encode
_decode = json.JSONDecoder().decode
_scan: "Callable[[str, int], tuple[Any, int]]" = cast("Any", json.JSONDecoder()).scan_once
"""What `decode` is made of, without its search for white space, which `encode` writes none of."""
_decode_tagged = json.JSONDecoder(object_hook=_untag).decode


def encode(document: Document) -> str:
    """The canonical JSON of a checked document: compact, names sorted, so that it tells whether two are alike.

    Decimal, bytes and datetime are written as `{"__decimal__": "1.50"}`, `{"__bytes__": base64}` and
    `{"__datetime__": ISO 8601 in UTC}`; no field can have such a name.
    """
    return _encode(document)


def decode(text: str) -> Document:
    """The document that `encode` made `text` of. Raises ValueError or InvalidArgument for any other text."""
    if '"__' in text:
        return cast("Document", _decode_tagged(text))
    try:
        found, end = _scan(text, 0)
    except StopIteration:
        found, end = None, -1
    return cast("Document", found if end == len(text) else _decode(text))


def size_of(encoded: str) -> int:
    """Bytes of canonical JSON: what the limit `item_bytes` counts."""
    return len(encoded) if encoded.isascii() else len(encoded.encode())
