"""Increments with a token: applied once, answered alike for at least 10 minutes.

One transaction sets the field and writes down the token with the result, in the framework's table: neither an item
that is put anew nor one that is deleted forgets its tokens. DynamoDB's own ClientRequestToken would do for applying
once; it does not tell the earlier result.
"""

import os
from typing import TYPE_CHECKING, Any

from portable.errors import Conflict, LimitExceeded, NotFound

from .dynamodb_conditions import TRIES, overtaken, pause
from .dynamodb_items import DOCUMENT, VERSION, Attributes, attribute, is_expired, item_key, number, versions
from .layout import PK, SK, TOKEN, TTL, partition

if TYPE_CHECKING:
    from .dynamodb import DynamoTable

TOKEN_SECONDS = 3600
SORT_KEY = "increment"


def increment_once(table: "DynamoTable", pk: str, sk: str, field: str, by: int, token: str, bound: int) -> int:
    """Adds to a field unless it was done with this token already. See TableDriver.increment."""
    record = token_key(table, pk, sk, field, token)
    client = table._clients.dynamodb
    for attempt in range(TRIES):
        found: Attributes | None = client.get_item(
            TableName=table.table, Key=item_key(pk, sk), ConsistentRead=True
        ).get("Item")
        try:
            value = table.counted(found, field, by, bound)
        except (NotFound, Conflict, LimitExceeded):
            known = answer_of(table, record)
            if known is None:
                raise
            return known
        assert found is not None
        steps = [{"Update": table.set_arguments(found, field, value)}, {"Put": token_put(table, record, value)}]
        reasons = table.commit(steps, os.urandom(16).hex())
        if reasons is None:
            return value
        # Whatever came in between, the token may be what did.
        known = answer_of(table, record)
        if known is not None:
            return known
        pause(attempt, longest=0.2)
    raise overtaken(pk, sk)


def token_key(table: "DynamoTable", pk: str, sk: str, field: str, token: str) -> Attributes:
    from hashlib import sha256

    text = "\0".join((repr(pk), repr(sk), repr(field), token))
    return item_key(partition(TOKEN, table.table, sha256(text.encode()).hexdigest()[:40]), SORT_KEY)


def token_put(table: "DynamoTable", record: Attributes, value: int) -> dict[str, Any]:
    now = int(table._now())
    return {
        "TableName": table.state,
        "Item": {
            **record,
            DOCUMENT: attribute({"value": value}),
            VERSION: {"N": versions.draw()},
            TTL: {"N": str(now + TOKEN_SECONDS)},
        },
        "ConditionExpression": "attribute_not_exists(#p) OR #t <= :now",
        "ExpressionAttributeNames": {"#p": PK, "#t": TTL},
        "ExpressionAttributeValues": {":now": {"N": str(now)}},
    }


def answer_of(table: "DynamoTable", record: Attributes) -> int | None:
    """What an increment with this token came to, if there was one within the hour."""
    found = table._clients.dynamodb.get_item(
        TableName=table.state, Key={PK: record[PK], SK: record[SK]}, ConsistentRead=True
    ).get("Item")
    if found is None or is_expired(found, int(table._now())):
        return None
    return int(number(found[DOCUMENT]["M"]["value"]["N"]))
