"""Writes of several items: all or nothing, and as many as can be.

A transaction is one commit whose writes have preconditions, also those that write nothing: a check of an item that is
there is an update of no field, one of an item that is absent a deletion of nothing. Both leave the item as it is.
"""

from typing import TYPE_CHECKING, Any

from portable.drivers import ALWAYS, DeleteAction, PutAction, WriteAction
from portable.errors import Conflict, Throttled, Unavailable, Unknown

from .errors import GoogleError, classify
from .firestore_conditions import (
    BATCH_TRIES,
    TRIES,
    Precondition,
    check,
    key_of,
    may_repeat,
    overtaken,
    pause,
    precondition_of,
    precondition_on,
    uncertain,
)
from .firestore_items import TEXT_CHARACTERS, Found, mark_of, new_mark, version_of
from .firestore_reads import CONDITIONAL

if TYPE_CHECKING:
    from .firestore import FirestoreTable, Write

BATCH_WRITES = 200
LARGE = 800_000
"""Characters of items in one request, of at most 10 MiB: a digit of their JSON may be 11 in Firestore's.
https://firebase.google.com/docs/firestore/quotas#writes_and_transactions"""
TEXT_IN_LARGE = 8_000
"""Items of more characters are written as text in a request of more than that."""
PASSING = frozenset({4, 8, 10, 13, 14})
"""Codes of writes that may succeed later: deadline, resources, aborted, internal, unavailable.
https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""


def transact(table: "FirestoreTable", actions: list[WriteAction]) -> list[str | None]:
    """See TableDriver.transact."""
    mark = new_mark()
    names = [table._name(*key_of(action)) for action in actions]
    documents = documents_of(table, actions, names, mark)
    preconditions = [precondition_for(table, position, action) for position, action in enumerate(actions)]
    if None in preconditions:
        preconditions = looked(table, actions, names, table._read_all(names, CONDITIONAL))
    for attempt in range(TRIES):
        writes = [
            write
            for action, name, document, precondition in zip(actions, names, documents, preconditions, strict=True)
            if (write := write_of(action, name, document, precondition or {})) is not None
        ]
        if not writes:
            return [None] * len(actions)
        try:
            is_repeated = any(may_repeat(one) for one in preconditions if one)
            answer = table._commit(writes, repeat=is_repeated)
        except GoogleError as error:
            time = own_time(table, names, documents, mark) if error.in_doubt else None
            if time is None:
                raise
            return versions(documents, time)
        if isinstance(answer, list):
            times = [one["updateTime"] for one, write in zip(answer, writes, strict=True) if is_put(write)]
            return versions(documents, times[0] if times else "")
        found = table._read_all(names, CONDITIONAL)
        if answer.in_doubt:
            time = written_time(names, documents, mark, found)
            if time is None:
                raise uncertain()
            return versions(documents, time)
        preconditions = looked(table, actions, names, found)
        pause(attempt, longest=0.2)
    raise overtaken(*key_of(actions[0]))


def documents_of(
    table: "FirestoreTable", actions: "list[WriteAction]", names: list[str], mark: str
) -> list[Found | None]:
    """What is put, else None."""
    puts = [action.item for action in actions if isinstance(action, PutAction)]
    is_large = sum(len(item.encoded) for item in puts) > LARGE
    most = TEXT_IN_LARGE if is_large else TEXT_CHARACTERS
    return [
        table.document(name, action.item, mark, most_characters=most) if isinstance(action, PutAction) else None
        for action, name in zip(actions, names, strict=True)
    ]


def precondition_for(table: "FirestoreTable", position: int, action: WriteAction) -> Precondition | None:
    """As `precondition_of`, whose Conflict says which step it is."""
    try:
        return precondition_of(action.condition, table._second(), expires=table._expires)
    except Conflict as error:
        raise Conflict(f"step {position}, on {key_of(action)!r}: {error}") from None


def looked(
    table: "FirestoreTable", actions: list[WriteAction], names: list[str], found: dict[str, Found]
) -> list[Precondition | None]:
    """Preconditions by what is there. Raises Conflict for the first step whose condition does not hold for that."""
    now = table._second()
    preconditions: list[Precondition | None] = []
    for position, (action, name) in enumerate(zip(actions, names, strict=True)):
        there = found.get(name)
        check(action.condition, there, now, f"step {position}, on {key_of(action)!r}: ")
        preconditions.append({} if action.condition == ALWAYS else precondition_on(there))
    return preconditions


def write_of(action: WriteAction, name: str, document: Found | None, precondition: Precondition) -> "Write | None":
    """What is sent of a step; None for one that needs nothing."""
    current = {"currentDocument": precondition} if precondition else {}
    if document is not None:
        return {"update": document, **current}
    is_absent = precondition == {"exists": False}
    if is_absent or (isinstance(action, DeleteAction) and not action.condition.absent):
        return {"delete": name, **current}
    return {"update": {"name": name}, "updateMask": {}, **current} if precondition else None


def is_put(write: "Write") -> bool:
    return "update" in write and "updateMask" not in write


def versions(documents: list[Found | None], time: str) -> list[str | None]:
    """All that is written in one commit is written at one time."""
    return [None if document is None else version_of({**document, "updateTime": time}) for document in documents]


def own_time(table: "FirestoreTable", names: list[str], documents: list[Found | None], mark: str) -> str | None:
    """When this transaction was carried out, if what it wrote can be seen to be there."""
    try:
        found = table._read_all(names, CONDITIONAL)
    except GoogleError:
        # The commit's own error says more.
        return None
    return written_time(names, documents, mark, found)


def written_time(names: list[str], documents: list[Found | None], mark: str, found: dict[str, Found]) -> str | None:
    """When what is there with this mark was written; one item tells of all. None: none of them is there."""
    for name, document in zip(names, documents, strict=True):
        there = found.get(name)
        if document is not None and there is not None and mark_of(there) == mark:
            time: str = there["updateTime"]
            return time
    return None


# Not atomic


def batch_write(table: "FirestoreTable", actions: list[PutAction | DeleteAction]) -> list[int]:
    """See TableDriver.batch_write. Whoever meets others at an item is sent again."""
    return [position for part in parts(actions) for position in write_part(table, actions, part)]


def parts(actions: list[PutAction | DeleteAction]) -> list[list[int]]:
    """Positions of what goes into one request each."""
    found: list[list[int]] = [[]]
    size = 0
    for position, action in enumerate(actions):
        own = len(action.item.encoded) if isinstance(action, PutAction) else 0
        if len(found[-1]) == BATCH_WRITES or (found[-1] and size + own > LARGE):
            found.append([])
            size = 0
        found[-1].append(position)
        size += own
    return found


def write_part(table: "FirestoreTable", actions: list[PutAction | DeleteAction], positions: list[int]) -> list[int]:
    """The positions of those that were not written."""
    mark = new_mark()
    writes: dict[int, Any] = {}
    for position in positions:
        action = actions[position]
        name = table._name(*key_of(action))
        if isinstance(action, PutAction):
            writes[position] = {"update": table.document(name, action.item, mark)}
        else:
            writes[position] = {"delete": name}
    for attempt in range(BATCH_TRIES):
        if attempt:
            pause(attempt)
        try:
            answer = table._clients.firestore.call(
                "POST", f"{table._path}:batchWrite", body={"writes": list(writes.values())}, is_read=False
            )
        except GoogleError as error:
            if classify(error) in (Throttled, Unavailable, Unknown):
                break
            raise
        left: dict[int, Any] = {}
        for position, status in zip(list(writes), answer["status"], strict=True):
            code = status.get("code", 0)
            if code in PASSING:
                left[position] = writes[position]
            elif code:
                raise refused(code, status.get("message", ""))
        writes = left
        if not writes:
            break
    return list(writes)


def refused(code: int, message: str) -> GoogleError:
    """Of a write in a batch that will not succeed later either, by its code of google.rpc."""
    status, reason = {
        3: (400, "INVALID_ARGUMENT"),
        5: (404, "NOT_FOUND"),
        7: (403, "PERMISSION_DENIED"),
        9: (400, "FAILED_PRECONDITION"),
        16: (401, "UNAUTHENTICATED"),
    }.get(code, (400, f"CODE_{code}"))
    return GoogleError(status, reason, f"{reason}: {message}")
