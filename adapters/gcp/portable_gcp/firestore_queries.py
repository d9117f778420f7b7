"""Conditions on sort keys and index fields as Firestore's filters. No I/O."""

from typing import Any

from portable.drivers import IndexValue, SortCondition

from .firestore_items import index_value

Filter = tuple[str, str, dict[str, Any]]
"""A field's path, an operator, a value."""

OPERATORS = {
    "eq": "EQUAL",
    "lt": "LESS_THAN",
    "le": "LESS_THAN_OR_EQUAL",
    "gt": "GREATER_THAN",
    "ge": "GREATER_THAN_OR_EQUAL",
}


def is_out_of_reach(sort: SortCondition | None) -> bool:
    """Whether no item can be found."""
    if sort is None or sort.operator != "between" or sort.high is None:
        return False
    return in_order(sort.low) > in_order(sort.high)  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]


def in_order(value: IndexValue) -> int | bytes:
    return value if isinstance(value, int) else value.encode()


def where(path: str, sort: SortCondition | None, equal: list[Filter]) -> dict[str, Any]:
    """The part of a query that says which items: {} for all."""
    filters = [*equal, *filters_of(path, sort)]
    if not filters:
        return {}
    plain = [{"fieldFilter": {"field": {"fieldPath": path}, "op": op, "value": value}} for path, op, value in filters]
    return {"where": plain[0] if len(plain) == 1 else {"compositeFilter": {"op": "AND", "filters": plain}}}


def filters_of(path: str, sort: SortCondition | None) -> list[Filter]:
    if sort is None:
        return []
    operator, low, high = sort
    if operator == "between":
        assert high is not None
        return [(path, OPERATORS["ge"], index_value(low)), (path, OPERATORS["le"], index_value(high))]
    if operator == "prefix":
        assert isinstance(low, str)
        beyond = after_prefix(low.encode())
        return [(path, OPERATORS["ge"], index_value(low)), (path, OPERATORS["lt"], beyond)]
    return [(path, OPERATORS[operator], index_value(low))]


def after_prefix(prefix: bytes) -> dict[str, Any]:
    """The first bytes past all that begin with a prefix; no byte of UTF-8 is the last one."""
    from .firestore_values import bytes_value

    return bytes_value(prefix[:-1] + bytes([prefix[-1] + 1]) if prefix else b"\xff")


def ordered_by(*paths: str, reverse: bool) -> list[dict[str, Any]]:
    direction = "DESCENDING" if reverse else "ASCENDING"
    return [{"field": {"fieldPath": path}, "direction": direction} for path in paths]
