"""The table driver over Firestore in native mode. How items lie there, and what versions are: firestore_items.py.

Writes are commits with preconditions, not transactions: one round trip where Firestore itself can judge the caller's
condition, two where an expired item could be in the way. No locks are held between them, so that writers of one item
are in each other's way only for the moment of a commit. A commit that Firestore refuses is followed by a look at what
is there: the caller's condition does not hold (Conflict); it is what an attempt of ours wrote whose answer was lost
(done); somebody wrote in between (again).
"""

from typing import Any, NamedTuple, cast

from portable.drivers import ALWAYS, Condition, DeleteAction, NewItem, PutAction, WriteAction
from portable.errors import Conflict, LimitExceeded, NotFound

from .errors import GoogleError
from .firestore_conditions import (
    BATCH_TRIES,
    TRIES,
    Precondition,
    check,
    is_contention,
    is_refusal,
    live,
    may_repeat,
    overtaken,
    pause,
    precondition_of,
    precondition_on,
    uncertain,
)
from .firestore_items import (
    TEXT_CHARACTERS,
    Found,
    document_field,
    item_fields,
    mark_of,
    mark_value,
    new_mark,
    size_of,
    version_of,
    with_field,
)
from .firestore_reads import TableReads
from .layout import DOCUMENT, MARK

Write = dict[str, Any]


class Refused(NamedTuple):
    """A commit that Firestore refused, and whether an earlier attempt of it may have been carried out."""

    in_doubt: bool


class FirestoreTable(TableReads):
    """One table: `collection` in `database`, both by their physical names."""

    def put(self, item: NewItem, condition: Condition) -> str:
        name = self._name(item.pk, item.sk)
        mark = new_mark()
        document = self.document(name, item, mark)
        precondition = precondition_of(condition, self._second(), expires=self._expires)
        for attempt in range(TRIES):
            if precondition is None:
                precondition = self._looked(name, condition)
            try:
                answer = self._commit([{"update": document, **on(precondition)}], repeat=may_repeat(precondition))
            except GoogleError as error:
                version = self._own_version(name, mark) if error.in_doubt else None
                if version is None:
                    raise
                return version
            if not isinstance(answer, Refused):
                return version_of({**document, "updateTime": answer[0]["updateTime"]})
            found = self._look(name)
            if answer.in_doubt:
                if found is not None and mark_of(found) == mark:
                    return version_of(found)
                raise uncertain()
            check(condition, found, self._second())
            precondition = precondition_on(found)
            pause(attempt, longest=0.2)
        raise overtaken(item.pk, item.sk)

    def document(self, name: str, item: NewItem, mark: str, *, most_characters: int = TEXT_CHARACTERS) -> Found:
        """An item as it is written; one of more characters than `most_characters` with its document as text."""
        fields = item_fields(
            item, mark, self._indexes, is_heard=self._is_heard, is_text=len(item.encoded) > most_characters
        )
        return {"name": name, "fields": fields}

    def _looked(self, name: str, condition: Condition) -> Precondition:
        """The precondition by what is there. Raises Conflict if the condition does not hold for that."""
        found = self._look(name)
        check(condition, found, self._second())
        return precondition_on(found)

    def _own_version(self, name: str, mark: str) -> str | None:
        """The version of what this write has written, if that can be seen to be there."""
        try:
            found = self._look(name)
        except GoogleError:
            # The write's own error says more.
            return None
        return version_of(found) if found is not None and mark_of(found) == mark else None

    def delete(self, pk: str, sk: str, condition: Condition) -> None:
        name = self._name(pk, sk)
        if condition.absent:
            check(condition, self._look(name), self._second())
            return
        precondition = precondition_of(condition, self._second(), expires=self._expires)
        for attempt in range(TRIES):
            if precondition is None:
                precondition = self._looked(name, condition)
            try:
                answer = self._commit([{"delete": name, **on(precondition)}], repeat=may_repeat(precondition))
            except GoogleError as error:
                # Not sent again: by now somebody may have made it anew.
                if error.in_doubt and condition == ALWAYS and self._is_gone(name):
                    return
                raise
            if not isinstance(answer, Refused):
                return
            if answer.in_doubt:
                raise uncertain()
            precondition = self._looked(name, condition)
            pause(attempt, longest=0.2)
        raise overtaken(pk, sk)

    def _is_gone(self, name: str) -> bool:
        """Whether the item can be seen not to be there."""
        try:
            return self._look(name) is None
        except GoogleError:
            # The write's own error says more.
            return False

    def _commit(self, writes: list[Write], *, repeat: bool) -> list[dict[str, Any]] | Refused:
        """All or none of the writes: what Firestore answers to each, or that a precondition did not hold.

        Others at the same documents are waited for. `repeat`: the writes could not be carried out twice.
        """
        for attempt in range(BATCH_TRIES):
            try:
                answer = self._clients.firestore.call(
                    "POST", f"{self._path}:commit", body={"writes": writes}, is_read=False, repeat=repeat
                )
            except GoogleError as error:
                if is_refusal(error):
                    return Refused(error.in_doubt)
                if not is_contention(error) or error.in_doubt or attempt + 1 == BATCH_TRIES:
                    raise
                pause(attempt + 1)
            else:
                return cast("list[dict[str, Any]]", answer["writeResults"])
        raise AssertionError("unreachable")

    # Counters

    def increment(self, pk: str, sk: str, field: str, by: int, token: str | None, bound: int) -> int:
        if token is not None:
            from .firestore_tokens import increment_once

            return increment_once(self, pk, sk, field, by, token, bound)
        name = self._name(pk, sk)
        for attempt in range(TRIES):
            found = self._read(name)
            value = self.counted(found, field, by, bound)
            assert found is not None
            # A lost answer is not asked for again: without a token the caller hears of it.
            answer = self._commit([self.counting(found, field, value)], repeat=False)
            if not isinstance(answer, Refused):
                return value
            if answer.in_doubt:
                raise uncertain()
            pause(attempt, longest=0.2)
        raise overtaken(pk, sk)

    def counted(self, found: Found | None, field: str, by: int, bound: int) -> int:
        """What an increment of this item gives. Raises NotFound, Conflict or LimitExceeded."""
        found = live(found, self._second())
        if found is None:
            raise NotFound("it is not there")
        stored = document_field(found, field)
        if type(stored) is not int:
            raise Conflict(f"its field {field!r} is no integer")
        value = stored + by
        if abs(value) > bound:
            raise LimitExceeded(f"{field!r} would be {value:,}, past ±{bound:,}", limit="integer")
        return value

    def counting(self, found: Found, field: str, value: int) -> Write:
        """Sets a field of the item if it is still as it was found."""
        written = {
            **found["fields"],
            DOCUMENT: with_field(found, field, value),
            MARK: mark_value(new_mark(), size_of(found), is_heard=self._is_heard),
        }
        return {"update": {"name": found["name"], "fields": written}, **on(precondition_on(found))}

    # Several items

    def transact(self, actions: list[WriteAction], token: str) -> list[str | None]:  # noqa: ARG002 - marks do its work
        from .firestore_batches import transact

        return transact(self, actions)

    def batch_write(self, actions: list[PutAction | DeleteAction]) -> list[int]:
        from .firestore_batches import batch_write

        return batch_write(self, actions)


def on(precondition: Precondition) -> dict[str, Any]:
    """The part of a write that has its precondition."""
    return {"currentDocument": precondition} if precondition else {}
