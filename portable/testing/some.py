"""A value of which a test knows only the type: an id, a moment."""

from typing import Any, ClassVar


class Some:
    """What `some(type)` gives: equal to every value of that type."""

    def __init__(self, type: type[Any]) -> None:
        self._type = type

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bool) and self._type is not bool:
            return False
        return isinstance(other, self._type)

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # pyright: ignore[reportIncompatibleMethodOverride]

    def __repr__(self) -> str:
        return f"some({self._type.__name__})"


def some(type: type[Any]) -> Any:
    """Stands in an expected value for any value of `type`: `{"id": some(str)}`."""
    return Some(type)
