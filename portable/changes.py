"""Changes of tables: what an `on_change` handler gets, and how it travels.

At least once, in no order; versions in between may be skipped; erasure by ttl is not reported.
"""

import json
from typing import Any, Generic, Literal, NamedTuple, TypeVar, cast

from .documents import decode
from .errors import InvalidArgument, Problem
from .table_models import ItemModel

T = TypeVar("T")


class Change(NamedTuple, Generic[T]):
    """One item was written (`op` "upsert", `new` is the item) or deleted (`op` "delete", `new` is None).

    `pk` and `sk` are the key's text (`sk` is `tables.CONSTANT_SK` for a key of one field), `time` the epoch second of
    the write. `version` is the item's version, for a deletion a version of its own. Versions of one item sort as text
    in the order of its writes, also across deletion.
    """

    pk: str
    sk: str
    op: Literal["upsert", "delete"]
    new: T | None
    version: str
    time: float

    def is_newer_than(self, seen: str | None) -> bool:
        """Whether this change came after the one of version `seen` (None: nothing seen yet) of the same item.

        Deliveries repeat and overtake one another: keep the version of the last change handled and drop those that
        are not newer.
        """
        return seen is None or self.version > seen


class ChangeCodec(Generic[T]):
    """Makes the Change of an Invocation's body: the `decode` of an on_change handler."""

    def __init__(self, model: ItemModel[T], table: str) -> None:
        self.annotation: Any = Change
        self.item: Any = dict if model.model is None else model.model
        """What `new` of a Change is."""
        self._model = model
        self._table = table

    def decode_json(self, raw: bytes | str) -> Change[T]:
        """Raises InvalidArgument for a body that is none, or whose item does not fit the table's model."""
        try:
            body: Any = decode(raw.decode() if isinstance(raw, bytes) else raw)
        except (ValueError, RecursionError) as error:
            raise InvalidArgument(f"table {self._table!r}: the change is no JSON: {error}") from None
        problems = _faults(body)
        if problems:
            raise InvalidArgument(
                f"table {self._table!r}: not a change: " + "; ".join(problem.message for problem in problems),
                problems=problems,
                hint='{"pk": "a", "sk": "b", "op": "upsert", "new": {...}, "version": "1", "time": 0}',
            )
        new = None if body["op"] == "delete" else self._model.load(body["new"])
        return Change(body["pk"], body["sk"], body["op"], new, body["version"], float(body["time"]))


def _faults(body: Any) -> tuple[Problem, ...]:
    if not isinstance(body, dict):
        return (Problem((), "an object is expected"),)
    fields = cast("dict[str, Any]", body)
    problems = [
        Problem((name,), f"{name} is a str")
        for name in ("pk", "sk", "version")
        if not isinstance(fields.get(name), str)
    ]
    if fields.get("op") not in ("upsert", "delete"):
        problems.append(Problem(("op",), "op is upsert or delete"))
    if fields.get("op") == "upsert" and not isinstance(fields.get("new"), dict):
        problems.append(Problem(("new",), "new is the item"))
    if not isinstance(fields.get("time"), (int, float)) or isinstance(fields.get("time"), bool):
        problems.append(Problem(("time",), "time is an epoch second"))
    return tuple(problems)


def change_body(table: str, pk: str, sk: str, encoded: str | None, version: str, time: float) -> str:
    """The body of a table Invocation, for adapters. `time` is an epoch second.

    `encoded` is the item as documents.encode wrote it, None for a deletion.
    """
    head = json.dumps(
        {"table": table, "pk": pk, "sk": sk, "op": "delete" if encoded is None else "upsert"},
        ensure_ascii=False,
    )
    tail = json.dumps({"version": version, "time": time})
    return f'{head[:-1]}, "new": {encoded or "null"}, {tail[1:]}'
