"""The reading half of the table driver: items by key, queries, pages."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from portable.drivers import IndexValue, SortCondition, StoredItem, StoredPage
from portable.errors import Throttled
from portable.specs import IndexSpec

from .dynamodb_conditions import BATCH_TRIES, LIVE, ask, out_of_reach, pause
from .dynamodb_items import Attributes, index_value, is_expired, item_key, stored_item
from .errors import classify
from .layout import PK, SK, TTL, index_attributes, index_name

if TYPE_CHECKING:
    from portable.binding import Clock

    from .clients import Clients

BATCH_GET = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html"""
MOST_ROUNDS = 10
"""Answers that one page is put together of: past them a page is what was found."""


class TableReads:
    """One table, `table` by its physical name; `state` is that of the framework's, where tokens are kept."""

    def __init__(
        self,
        clients: "Clients",
        table: str,
        clock: "Clock",
        *,
        indexes: tuple[IndexSpec, ...] = (),
        expires: bool = True,
        state: str = "",
        is_heard: bool = False,
    ) -> None:
        self._clients = clients
        self._now = clock.now
        self.table = table
        self.state = state or table
        self._indexes = {index.name: index for index in indexes}
        self._expires = expires
        self._is_heard = is_heard
        """Whether a handler listens to its changes."""

    classify = staticmethod(classify)

    def native(self, type_: type[Any]) -> Any:  # noqa: ARG002 - the Resource checks the type
        """botocore's client."""
        return self._clients.dynamodb

    def get(self, pk: str, sk: str, *, eventual: bool = False) -> StoredItem | None:
        found = self._clients.dynamodb.get_item(
            TableName=self.table, Key={PK: {"S": pk}, SK: {"S": sk}}, ConsistentRead=not eventual
        ).get("Item")
        if found is None or (TTL in found and is_expired(found, int(self._now()))):
            return None
        return stored_item(found)

    def query(
        self,
        pk: str,
        sort: SortCondition | None,
        *,
        reverse: bool,
        limit: int,
        cursor: str | None,
        eventual: bool = False,
    ) -> StoredPage:
        arguments: dict[str, Any] = {"TableName": self.table, "ConsistentRead": not eventual}
        start = None if cursor is None else item_key(pk, cursor)
        if out_of_reach(sort):
            return StoredPage([], None)
        ask(arguments, (PK, pk), (SK, sort), reverse=reverse)
        found, more = self._collect(self._clients.dynamodb.query, arguments, start, limit, [PK, SK])
        return StoredPage([stored_item(item) for item in found], None if more is None else more[SK]["S"])

    def query_index(
        self,
        index: str,
        value: IndexValue,
        sort: SortCondition | None,
        *,
        reverse: bool,
        limit: int,
        cursor: str | None,
    ) -> StoredPage:
        first, second = index_attributes(index)
        arguments: dict[str, Any] = {"TableName": self.table, "IndexName": index_name(index)}
        ask(arguments, (first, value), (second, sort), reverse=reverse)
        start = None
        if cursor is not None:
            pk, sk, order = json.loads(cursor)
            start = {**item_key(pk, sk), first: index_value(value), second: order}
        keys = [PK, SK, first, second]
        found, more = self._collect(self._clients.dynamodb.query, arguments, start, limit, keys)
        next_cursor = None if more is None else json.dumps([more[PK]["S"], more[SK]["S"], more[second]])
        return StoredPage([stored_item(item) for item in found], next_cursor)

    def scan(self, *, limit: int, cursor: str | None) -> StoredPage:
        start = None if cursor is None else item_key(*json.loads(cursor))
        arguments: dict[str, Any] = {"TableName": self.table, "ConsistentRead": True}
        found, more = self._collect(self._clients.dynamodb.scan, arguments, start, limit, [PK, SK])
        next_cursor = None if more is None else json.dumps([more[PK]["S"], more[SK]["S"]])
        return StoredPage([stored_item(item) for item in found], next_cursor)

    def _collect(
        self,
        method: Callable[..., dict[str, Any]],
        arguments: dict[str, Any],
        start: Attributes | None,
        limit: int,
        keys: list[str],
    ) -> tuple[list[Attributes], Attributes | None]:
        """At most `limit` items that have not expired, and where the next page starts (None: there is none).

        One item more is asked for: DynamoDB answers a key to go on from also after the last one.
        """
        now = int(self._now())
        if self._expires:
            arguments["FilterExpression"] = LIVE
            arguments.setdefault("ExpressionAttributeNames", {})["#t"] = TTL
            arguments.setdefault("ExpressionAttributeValues", {})[":now"] = {"N": str(now)}
        found: list[Attributes] = []
        for _ in range(MOST_ROUNDS):
            if start is not None:
                arguments["ExclusiveStartKey"] = start
            arguments["Limit"] = limit + 1 - len(found)
            answer = method(**arguments)
            found += [item for item in answer["Items"] if TTL not in item or not is_expired(item, now)]
            if len(found) > limit:
                last = found[limit - 1]
                return found[:limit], {name: last[name] for name in keys}
            start = answer.get("LastEvaluatedKey")
            if start is None:
                return found, None
        return found, start

    def batch_get(self, keys: list[tuple[str, str]]) -> list[StoredItem]:
        now = int(self._now())
        found: list[StoredItem] = []
        for position in range(0, len(keys), BATCH_GET):
            some = [item_key(pk, sk) for pk, sk in keys[position : position + BATCH_GET]]
            wanted: dict[str, Any] = {self.table: {"Keys": some, "ConsistentRead": True}}
            fruitless = 0
            while wanted:
                answer = self._clients.dynamodb.batch_get_item(RequestItems=wanted)
                items = answer["Responses"].get(self.table, ())
                found += [stored_item(item) for item in items if not is_expired(item, now)]
                wanted = answer.get("UnprocessedKeys") or {}
                # 16 MB fill an answer, and the rest is to be asked for at once; nothing at all means: not so fast.
                fruitless = 0 if items else fruitless + 1
                if wanted and fruitless:
                    if fruitless == BATCH_TRIES:
                        raise Throttled(f"DynamoDB left {len(wanted[self.table]['Keys'])} of the keys unread")
                    pause(fruitless)
        return found
