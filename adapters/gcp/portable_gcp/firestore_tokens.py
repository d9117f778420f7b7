"""Increments with a token: applied once, answered alike for at least 10 minutes.

One commit sets the field and writes down the token with the result, in the framework's collection: neither an item that
is put anew nor one that is deleted forgets its tokens. Both are read at one moment before it.
"""

from typing import TYPE_CHECKING

from portable.documents import encode
from portable.drivers import NewItem

from .firestore_conditions import TRIES, live, overtaken, pause, precondition_on
from .firestore_items import Found, item_fields, item_name, new_mark, stored_item
from .layout import TOKEN
from .names import Names

if TYPE_CHECKING:
    from .firestore import FirestoreTable

STATE = Names("", "", "", "").state_collection()
"""The framework's collection, of the same name in every database."""
TOKEN_SECONDS = 3600
SORT_KEY = "increment"


def increment_once(table: "FirestoreTable", pk: str, sk: str, field: str, by: int, token: str, bound: int) -> int:
    """Adds to a field unless it was done with this token already. See TableDriver.increment."""
    name, owner = table._name(pk, sk), partition_of(table, pk, sk, field, token)
    record = item_name(table.documents, STATE, owner, SORT_KEY)
    for attempt in range(TRIES):
        there = table._read_all([name, record])
        known = live(there.get(record), table._second())
        if known is not None:
            return answer_of(known)
        found = there.get(name)
        value = table.counted(found, field, by, bound)
        assert found is not None
        written = {
            "update": {"name": record, "fields": record_fields(table, owner, value)},
            "currentDocument": precondition_on(there.get(record)),
        }
        # Carried out twice it cannot be; one whose answer was lost finds its token.
        answer = table._commit([table.counting(found, field, value), written], repeat=True)
        if isinstance(answer, list):
            return value
        pause(attempt, longest=0.2)
    raise overtaken(pk, sk)


def partition_of(table: "FirestoreTable", pk: str, sk: str, field: str, token: str) -> str:
    from hashlib import sha256

    text = "\0".join((repr(pk), repr(sk), repr(field), token))
    return f"{TOKEN}#{table.collection}#{sha256(text.encode()).hexdigest()[:40]}"


def record_fields(table: "FirestoreTable", owner: str, value: int) -> dict[str, object]:
    document = {"value": value}
    expires_at = table._second() + TOKEN_SECONDS
    item = NewItem(owner, SORT_KEY, document, encode(document), {}, expires_at)
    return item_fields(item, new_mark(), {}, is_heard=False)


def answer_of(record: Found) -> int:
    """What an increment with this token came to."""
    document = stored_item(record).document
    assert document is not None
    return int(document["value"])
