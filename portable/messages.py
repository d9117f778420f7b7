"""What tasks and topics have in common: ids, trace parents, and payloads as the JSON that every queue carries.

Bodies are ASCII-escaped, since SQS takes only the characters of XML 1.0
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html).
"""

import os
import re
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from .binding import current_context
from .codec import Codec, invalid, lost_fields, parse_json
from .errors import InvalidArgument, Location, PortableError, Problem
from .identifiers import is_traceparent, new_ids
from .patterns import Pattern
from .signatures import ABSENT, payload_annotation

T = TypeVar("T")

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, whose order is that of the values."""

MESSAGE_ID = Pattern(r"[0-9A-Za-z][0-9A-Za-z_.:-]{0,127}", re.ASCII)
MASK = "*" * 10
"""What pydantic writes of a secret."""
# As Any: what they hold is not known, and nothing depends on it.
DICT: Any = dict
ARRAYS: Any = (list, tuple, set, frozenset)
NOT_ASCII = Pattern(r"[^\x00-\x7f]")


def new_message_id(now: float) -> str:
    """26 characters: 48 bits of milliseconds and 80 random ones, so that ids sort by time (https://github.com/ulid/spec)."""
    number = (int(now * 1000) & 0xFFFFFFFFFFFF) << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def check_message_id(id: object, what: str, resource: str) -> str:
    """An id as ours and those of providers look. Raises InvalidArgument."""
    if not isinstance(id, str) or MESSAGE_ID.fullmatch(id) is None:
        raise InvalidArgument(
            f"{id!r:.80} is not the id of a {what}", hint="pass the id as it was given", resource=resource
        )
    return id


def outgoing_traceparent() -> str:
    """The trace of the running handler, or a new one."""
    context = current_context.get()
    if context is not None and is_traceparent(context.traceparent):
        return context.traceparent
    return new_ids()[1]


def escaped(text: str) -> str:
    """JSON text in ASCII. Control characters are escaped in any JSON. Raises ValueError for a lone surrogate."""
    if text.isascii():
        return text
    text.encode()
    return NOT_ASCII.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


class MessageCodec(Codec[T]):
    """A Codec whose two ends are both ours: what it writes, it reads, also where fields have aliases."""

    def decode_json(self, raw: bytes | str) -> T:
        if self._plain is not None:
            return super().decode_json(raw)
        try:
            found: T = self.adapter.validate_json(raw, by_alias=True, by_name=True)
        except (ValueError, RecursionError) as error:
            raise invalid(error) from None
        return found

    def encode_json(self, value: T) -> str:
        """ASCII JSON of a value that fits. Raises InvalidArgument, also for what would not be read back."""
        if self._plain is not None:
            kind, name = self._plain
            if not isinstance(value, kind):
                message = f"Input should be {name}"
                raise InvalidArgument(message, problems=(Problem((), message, f"{kind.__name__}_type"),))
            return escaped(super().encode_json(value))
        try:
            checked = self.adapter.validate_python(value, by_alias=True, by_name=True)
            self._check_whole(checked)
            # round_trip leaves out computed fields, which would be read as fields that there are not.
            text = escaped(self.adapter.dump_json(checked, warnings=False, round_trip=True).decode())
            if MASK in text:
                self._check_open(checked)
            if "NaN" in text or "Infinity" in text:
                parse_json(text)
        except InvalidArgument:
            raise
        except (ValueError, TypeError, RecursionError) as error:
            found = invalid(error)
            if "utf-8" in found.message:
                found.hint = (
                    "bytes travel as UTF-8: give the model ConfigDict(ser_json_bytes='base64', "
                    "val_json_bytes='base64'), or put them into a bucket and send the key"
                )
            raise found from None
        # A model may have been changed since it was made, or may write what it does not read.
        self.decode_json(text)
        return text

    def _check_whole(self, value: object) -> None:
        """Raises InvalidArgument for an instance of a subclass, of which only the fields of the model would travel."""
        lost = lost_fields(value, self.annotation)
        if lost:
            raise InvalidArgument(
                f"a {type(value).__name__} is more than a {self.annotation.__name__}: {', '.join(lost)} would be lost",
                hint=f"declare it with {type(value).__name__}, or send a {self.annotation.__name__}",
            )

    def _check_open(self, value: object) -> None:
        """Raises InvalidArgument for a SecretStr or SecretBytes, of which JSON has only asterisks."""
        pending: list[Any] = [self.adapter.dump_python(value, warnings=False)]
        while pending:
            part = pending.pop()
            if hasattr(part, "get_secret_value"):
                raise InvalidArgument(
                    f"a {type(part).__name__} does not travel: JSON has only asterisks of it",
                    hint="keep secrets in app.secret(...), or send a str on purpose",
                )
            if isinstance(part, DICT):
                pending.extend(part.values())
            elif isinstance(part, ARRAYS):
                pending.extend(part)


class HandlerPayload(Generic[T]):
    """The `decode` of a handler: the codec of its payload, found when it is first needed.

    Until then its annotation may be a string that names what is defined further down.
    """

    def __init__(self, function: Callable[..., Any], location: Location) -> None:
        self._function = function
        self._location = location
        self._codec: MessageCodec[T] | None = None
        self._resolved = False

    @property
    def codec(self) -> MessageCodec[T] | None:
        """None for a handler without a payload. Raises DeclarationError for annotations that do not resolve."""
        if not self._resolved:
            annotation = payload_annotation(self._function, self._location)
            self._codec = None if annotation is ABSENT else MessageCodec(annotation)
            self._resolved = True
        return self._codec

    @property
    def annotation(self) -> Any:
        return type(None) if self.codec is None else self.codec.annotation

    def decode_json(self, raw: bytes | str) -> T | None:
        return None if self.codec is None else self.codec.decode_json(raw)


def model_name(annotation: Any) -> str | None:
    """`module:QualifiedName` of a class that is no built-in one, else None: what a spec shows."""
    if isinstance(annotation, type) and annotation.__module__ != "builtins":
        return f"{annotation.__module__}:{annotation.__qualname__}"
    return None


def at(what: str, resource: str, error: PortableError) -> PortableError:
    """The same error, saying what it is about."""
    error.message = f"{what}: {error.message}"
    error.args = (error.message,)
    error.resource = error.resource or resource
    return error
