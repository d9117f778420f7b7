"""Which indexes a database has, and which one a query needs: production refuses it without, Google's emulator does not.

Of an index nothing is assumed that the pages do not promise: none is read backwards.
https://firebase.google.com/docs/firestore/query-data/index-overview
"""

from typing import Any, NamedTuple

from .firestore_protos import DESCENDING, Refused
from .firestore_values import MOST_ENTRIES, leaves, split_path

Order = tuple[tuple[str, ...], bool]
"""A field's path, and whether it is descending."""
NAME = ("__name__",)


class Needed(NamedTuple):
    """What a query asks of an index: fields that equal something in any order, then the order of the rest."""

    group: str
    is_group: bool
    equal: frozenset[tuple[str, ...]]
    order: tuple[Order, ...]


class Indexes:
    """Of one database, from a document in the form of firestore.indexes.json; none declared: only automatic ones."""

    def __init__(self, document: dict[str, Any] | None = None) -> None:
        document = document or {}
        self._composite = [
            (
                one["collectionGroup"],
                one["queryScope"] == "COLLECTION_GROUP",
                tuple(
                    (tuple(split_path(field["fieldPath"])), field["order"] == "DESCENDING") for field in one["fields"]
                ),
            )
            for one in document.get("indexes", ())
        ]
        self._exempt = {
            (one["collectionGroup"], tuple(split_path(one["fieldPath"])))
            for one in document.get("fieldOverrides", ())
            if one.get("indexes") == []
        }

    def demand(self, needed: Needed) -> None:
        """Refuses a query that no index serves."""
        if not self._is_served(needed):
            wanted = [f"{'.'.join(path)} =" for path in sorted(needed.equal)]
            wanted += [f"{'.'.join(path)} {'DESCENDING' if down else 'ASCENDING'}" for path, down in needed.order]
            scope = "COLLECTION_GROUP" if needed.is_group else "COLLECTION"
            raise Refused(
                "FAILED_PRECONDITION",
                f"The query requires an index on {needed.group} ({scope}) that is not declared: {', '.join(wanted)}",
            )

    def _is_served(self, needed: Needed) -> bool:
        order = needed.order
        last = order[-1][1] if order else False
        if order and order[-1][0] == NAME and (len(order) == 1 or order[-2][1] == last):
            # What every index ends with, in the direction of what is before it.
            order = order[:-1]
        fields = {*needed.equal, *(path for path, _ in order)}
        if not fields:
            # By name, ascending: the documents themselves.
            return not last
        if not needed.is_group and self._are_automatic(needed.group, fields):
            if len(fields) == 1 and not (needed.equal and order):
                return True
            if not order and not last:
                # Equalities are found by merging.
                return True
        for group, is_group, declared in self._composite:
            if group != needed.group or is_group != needed.is_group:
                continue
            if declared and declared[-1][0] == NAME:
                declared = declared[:-1]
            count = len(needed.equal)
            if {path for path, _ in declared[:count]} != needed.equal or declared[count:] != order:
                continue
            if order or declared[-1][1] == last:
                return True
        return False

    def _are_automatic(self, group: str, fields: set[tuple[str, ...]]) -> bool:
        return all(not self.is_exempt(group, path) for path in fields)

    def is_exempt(self, group: str, path: tuple[str, ...]) -> bool:
        """Whether a field has no automatic indexes; what is said of a map holds for what is in it."""
        return any((group, path[:length]) in self._exempt for length in range(1, len(path) + 1))

    def check_entries(self, document: Any) -> None:
        """Refuses a document with too many entries in automatic indexes."""
        group = document.name.split("/")[-2]
        entries = sum(
            2
            for name, value in document.fields.items()
            if not self.is_exempt(group, (name,))
            for path in leaves((name,), value)
            if not self.is_exempt(group, path)
        )
        if entries > MOST_ENTRIES:
            raise Refused("INVALID_ARGUMENT", f"too many index entries for entity: {entries}, of {MOST_ENTRIES}")


def orders_of(query: Any, unequal: list[str]) -> list[tuple[str, bool]]:
    """What a query is ordered by: as it says, then by fields that are compared, then by name."""
    found = [(one.field.field_path, one.direction == DESCENDING) for one in query.order_by]
    last = found[-1][1] if found else False
    found += [(path, last) for path in sorted(set(unequal)) if path not in [known for known, _ in found]]
    if not any(path == "__name__" for path, _ in found):
        found.append(("__name__", last))
    return found
