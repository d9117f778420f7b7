"""Queries: which documents match, in which order, from where to where."""

import functools
from collections.abc import Callable, Iterable
from typing import Any

from .firestore_indexes import Indexes, Needed, orders_of
from .firestore_protos import Document, Refused, StructuredQuery
from .firestore_values import RANKS, field_of, order_of, set_field, split_path

OPERATORS = StructuredQuery.FieldFilter.Operator
UNARY = StructuredQuery.UnaryFilter.Operator
UNEQUAL = frozenset({"LESS_THAN", "LESS_THAN_OR_EQUAL", "GREATER_THAN", "GREATER_THAN_OR_EQUAL", "NOT_EQUAL", "NOT_IN"})
IN = frozenset({"EQUAL", "IN", "ARRAY_CONTAINS", "ARRAY_CONTAINS_ANY"})


Row = tuple[list[Any], Any]
"""What a document is ordered by, and the document."""


def operator_of(filter_: Any) -> str:
    name: str = OPERATORS.Name(filter_.op)
    return name


def leaves_of(filter_: Any) -> list[Any]:
    kind = filter_.WhichOneof("filter_type")
    if kind is None:
        return []
    if kind == "composite_filter":
        return [leaf for one in filter_.composite_filter.filters for leaf in leaves_of(one)]
    return [getattr(filter_, kind)]


def is_field_filter(leaf: Any) -> bool:
    return "value" in leaf.DESCRIPTOR.fields_by_name


def matches(document: Any, filter_: Any) -> bool:
    kind = filter_.WhichOneof("filter_type")
    if kind is None:
        return True
    if kind == "composite_filter":
        found = (matches(document, one) for one in filter_.composite_filter.filters)
        return any(found) if filter_.composite_filter.op == 2 else all(found)
    leaf = getattr(filter_, kind)
    value = field_of(document, leaf.field.field_path)
    if value is None:
        return False
    return field_matches(value, leaf) if kind == "field_filter" else unary_matches(value, leaf)


def unary_matches(value: Any, leaf: Any) -> bool:
    is_null = value.WhichOneof("value_type") == "null_value"
    is_nan = value.WhichOneof("value_type") == "double_value" and value.double_value != value.double_value
    found = {"IS_NULL": is_null, "IS_NOT_NULL": not is_null, "IS_NAN": is_nan, "IS_NOT_NAN": not is_nan}
    return bool(found[UNARY.Name(leaf.op)])


def field_matches(value: Any, leaf: Any) -> bool:
    own, other = order_of(value), order_of(leaf.value)
    is_same = RANKS[value.WhichOneof("value_type")] == RANKS[leaf.value.WhichOneof("value_type")]
    tests: dict[str, Callable[[], bool]] = {
        "EQUAL": lambda: own == other,
        "NOT_EQUAL": lambda: own != other and own[0] != 0,
        "LESS_THAN": lambda: is_same and own < other,
        "LESS_THAN_OR_EQUAL": lambda: is_same and own <= other,
        "GREATER_THAN": lambda: is_same and own > other,
        "GREATER_THAN_OR_EQUAL": lambda: is_same and own >= other,
        "IN": lambda: own in other[1],
        "NOT_IN": lambda: own not in other[1] and own[0] != 0,
        "ARRAY_CONTAINS": lambda: own[0] == RANKS["array_value"] and other in own[1],
        "ARRAY_CONTAINS_ANY": lambda: own[0] == RANKS["array_value"] and any(one in own[1] for one in other[1]),
    }
    return tests[operator_of(leaf)]()


def needed_by(query: Any, orders: list[tuple[str, bool]]) -> Needed:
    equal = frozenset(
        tuple(split_path(leaf.field.field_path))
        for leaf in leaves_of(query.where)
        if is_field_filter(leaf) and operator_of(leaf) in IN
    )
    order = tuple((tuple(split_path(path)), down) for path, down in orders)
    # What equals one value needs no order.
    order = tuple(one for one in order if one[0] not in equal)
    selector = query.from_[0]
    return Needed(selector.collection_id, selector.all_descendants, equal, order)


def run(documents: Iterable[Any], query: Any, indexes: Indexes) -> list[Any]:
    """What a query finds among the documents of its collection or group. Refuses one without an index."""
    unequal = [
        leaf.field.field_path
        for leaf in leaves_of(query.where)
        if (is_field_filter(leaf) and operator_of(leaf) in UNEQUAL)
        or (not is_field_filter(leaf) and UNARY.Name(leaf.op).startswith("IS_NOT"))
    ]
    orders = orders_of(query, unequal)
    indexes.demand(needed_by(query, orders))
    rows: list[Row] = [
        (place, document)
        for document in documents
        if matches(document, query.where) and (place := place_of(document, orders)) is not None
    ]

    def compare(one: list[Any], other: list[Any]) -> int:
        for left, right, (_, is_down) in zip(one, other, orders, strict=False):
            if left != right:
                return (1 if left > right else -1) * (-1 if is_down else 1)
        return 0

    def compare_rows(one: Row, other: Row) -> int:
        return compare(one[0], other[0])

    rows.sort(key=functools.cmp_to_key(compare_rows))
    if query.HasField("start_at"):
        start = cursor_of(query.start_at, orders)
        least = 0 if query.start_at.before else 1
        rows = [row for row in rows if compare(row[0][: len(start)], start) >= least]
    if query.HasField("end_at"):
        end = cursor_of(query.end_at, orders)
        most = -1 if query.end_at.before else 0
        rows = [row for row in rows if compare(row[0][: len(end)], end) <= most]
    found = [document for _, document in rows][query.offset :]
    return found[: query.limit.value] if query.HasField("limit") else found


def place_of(document: Any, orders: list[tuple[str, bool]]) -> list[Any] | None:
    """What it is ordered by; None for a document that lacks one of the fields, and is in no such index."""
    found: list[Any] = []
    for path, _ in orders:
        value = field_of(document, path)
        if value is None:
            return None
        found.append(order_of(value))
    return found


def cursor_of(cursor: Any, orders: list[tuple[str, bool]]) -> list[Any]:
    if len(cursor.values) > len(orders):
        raise Refused("INVALID_ARGUMENT", "Cursor has too many values.")
    for value, (path, _) in zip(cursor.values, orders, strict=False):
        if path == "__name__" and value.WhichOneof("value_type") != "reference_value":
            raise Refused("INVALID_ARGUMENT", "Cursor position for __name__ is no reference.")
    return [order_of(value) for value in cursor.values]


def selected(document: Any, query: Any) -> Any:
    """The document with the fields that are asked for."""
    if not query.HasField("select"):
        return document
    return projected(document, [one.field_path for one in query.select.fields])


def projected(document: Any, paths: Iterable[str]) -> Any:
    found = Document(name=document.name, create_time=document.create_time, update_time=document.update_time)
    for path in paths:
        value = field_of(document, path)
        if path != "__name__" and value is not None:
            set_field(found, path, value)
    return found
