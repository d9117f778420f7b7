"""What an operation came to: a value or a refusal, as it crosses a socket and as drivers raise it."""

from typing import Any, NamedTuple

from portable.errors import (
    ConfigurationError,
    Conflict,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    PortableError,
    Unavailable,
    Unknown,
)

ERRORS: dict[str, type[PortableError]] = {
    "conflict": Conflict,
    "not_found": NotFound,
    "invalid": InvalidArgument,
    "configuration": ConfigurationError,
    "unavailable": Unavailable,
    "unknown": Unknown,
}


class Refusal(Exception):
    """Raised inside an operation before it has written anything: the operation fails, the others go on."""

    def __init__(self, code: str, message: str, *, hint: str | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.detail = detail


class StoreBug(RuntimeError):
    """An operation was called wrongly, or is wrong; nothing was changed."""


class Result(NamedTuple):
    """`value` if `code` is None; else which error, in words. `detail` is the limit's name for "limit"."""

    value: Any = None
    code: str | None = None
    message: str = ""
    hint: str | None = None
    detail: str = ""

    def to_json(self) -> Any:
        """JSON-able: `[value]`, or `[null, code, message, hint, detail]`."""
        return [self.value] if self.code is None else list(self)

    @classmethod
    def from_json(cls, value: Any) -> "Result":
        return cls(*value)

    def unwrap(self) -> Any:
        """The value. Raises the portable error that the code stands for, StoreBug for a bug."""
        if self.code is None:
            return self.value
        if self.code == "limit":
            raise LimitExceeded(self.message, limit=self.detail, hint=self.hint)
        kind = ERRORS.get(self.code)
        if kind is None:
            raise StoreBug(self.message)
        raise kind(self.message, hint=self.hint)
