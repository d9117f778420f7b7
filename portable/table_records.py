"""What the methods of a table give and take besides items: entries, pages, failures of a batch, steps of a transact."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from .drivers import WriteAction

if TYPE_CHECKING:
    from .table_keys import KeyValue

T = TypeVar("T")


class Entry(NamedTuple, Generic[T]):
    """An item with the version that `if_version=` takes. Versions are opaque; they change with every write."""

    item: T
    version: str


class Page(Generic[T]):
    """Some items of a query in its order; `cursor` leads to the next page and is None on the last one.

    A page may hold fewer items than asked for, even none, and still have a cursor. Iterates over its items.
    """

    __slots__ = ("cursor", "items")

    def __init__(self, items: list[T], cursor: str | None) -> None:
        self.items: list[T] = items
        self.cursor: str | None = cursor

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __repr__(self) -> str:
        return f"Page(items={self.items!r}, cursor={self.cursor!r})"


class Failures(Generic[T]):
    """What a `batch_write` did not write: items of `puts` and keys of `deletes`. False when all was written."""

    __slots__ = ("deletes", "puts")

    def __init__(self, puts: list[T], deletes: "list[tuple[KeyValue, ...]]") -> None:
        self.puts: list[T] = puts
        self.deletes: list[tuple[KeyValue, ...]] = deletes

    def __bool__(self) -> bool:
        return bool(self.puts or self.deletes)

    def __repr__(self) -> str:
        return f"Failures(puts={self.puts!r}, deletes={self.deletes!r})"


class Action(NamedTuple):
    """One step of a transaction, made by `putting`, `deleting` or `checking` of the table that runs it."""

    table: str
    write: WriteAction
