"""The table driver over DynamoDB. How items lie there, and what versions are, stands in dynamodb_items.py.

Every write of an item has a condition: what the caller asked for, and that the version grows. When it fails, DynamoDB
answers with the item that is there, which tells three things apart: the caller's condition does not hold (Conflict);
another process's clock is ahead (draw again); it is what an attempt of ours wrote whose answer was lost (done).
"""

from collections.abc import Callable
from typing import Any, cast

from portable.drivers import ALWAYS, CheckAction, Condition, DeleteAction, NewItem, PutAction, WriteAction
from portable.errors import Conflict, LimitExceeded, NotFound, PortableError, Throttled, Unavailable, Unknown

from .dynamodb_conditions import (
    ABSENT,
    BATCH_TRIES,
    DELETE_ALWAYS,
    INCREMENT,
    INCREMENT_NAMES,
    IS_VERSION,
    JUST_VERSION,
    PASSING,
    PRESENT,
    PUT_ABSENT,
    PUT_ALWAYS,
    PUT_PRESENT,
    PUT_VERSION,
    TRIES,
    VERSION_AND_TTL,
    Refused,
    canceled,
    checked_version,
    fault_of,
    is_own,
    key_of,
    overtaken,
    pause,
    token_of,
)
from .dynamodb_items import (
    ANY_FIELD,
    DOCUMENT,
    FRACTIONS,
    TRACE,
    VERSION,
    Attributes,
    attributes_of,
    is_expired,
    item_key,
    number,
    version_of,
    versions,
)
from .dynamodb_reads import TableReads
from .errors import classify, error_code, is_in_doubt
from .layout import PK, SK
from .traces import trace_mark

BATCH_WRITE = 25
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""
WRITERS = 8


class DynamoTable(TableReads):
    """One table, `table` by its physical name; `state` is that of the framework's, where tokens are kept."""

    def put(self, item: NewItem, condition: Condition) -> str:
        client = self._clients.dynamodb
        for attempt in range(TRIES):
            version = versions.draw()
            refused = self._attempt(client.put_item, self._put_arguments(item, condition, version))
            if refused is None or is_own(refused, version):
                return version
            self._check(refused, condition)
            pause(attempt, longest=0.05)
        raise overtaken(item.pk, item.sk)

    def _put_arguments(self, item: NewItem, condition: Condition, version: str) -> dict[str, Any]:
        """Of PutItem, and of a Put in a transaction."""
        attributes = attributes_of(item, version, self._indexes)
        mark = trace_mark(version) if self._is_heard else ""
        if mark:
            attributes[TRACE] = {"S": mark}
        arguments: dict[str, Any] = {
            "TableName": self.table,
            "Item": attributes,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if condition is ALWAYS or condition == ALWAYS:
            arguments["ConditionExpression"] = PUT_ALWAYS
            arguments["ExpressionAttributeNames"] = JUST_VERSION
            arguments["ExpressionAttributeValues"] = {":v": {"N": version}}
            return arguments
        arguments["ExpressionAttributeNames"] = VERSION_AND_TTL
        arguments["ExpressionAttributeValues"] = values = {":v": {"N": version}, ":now": self._second()}
        if condition.absent:
            arguments["ConditionExpression"] = PUT_ABSENT
        elif condition.present:
            arguments["ConditionExpression"] = PUT_PRESENT
        else:
            arguments["ConditionExpression"] = PUT_VERSION
            values[":old"] = {"N": checked_version(condition)}
        return arguments

    def delete(self, pk: str, sk: str, condition: Condition) -> None:
        client = self._clients.dynamodb
        for attempt in range(TRIES):
            arguments = self._condition_arguments(pk, sk, condition)
            if condition == ALWAYS:
                # So that a retry does not delete what was written after an attempt whose answer was lost.
                arguments["ConditionExpression"] = DELETE_ALWAYS
                arguments["ExpressionAttributeNames"] = JUST_VERSION
                arguments["ExpressionAttributeValues"] = {":v": {"N": versions.draw()}}
            refused = self._attempt(client.delete_item, arguments)
            if refused is None:
                return
            self._check(refused, condition)
            pause(attempt, longest=0.05)
        raise overtaken(pk, sk)

    def _condition_arguments(self, pk: str, sk: str, condition: Condition) -> dict[str, Any]:
        """Of DeleteItem, and of a Delete or ConditionCheck in a transaction."""
        arguments: dict[str, Any] = {
            "TableName": self.table,
            "Key": item_key(pk, sk),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if condition == ALWAYS:
            return arguments
        arguments["ExpressionAttributeNames"] = VERSION_AND_TTL
        arguments["ExpressionAttributeValues"] = values = {":now": self._second()}
        if condition.absent:
            arguments["ConditionExpression"] = ABSENT
        elif condition.present:
            arguments["ConditionExpression"] = PRESENT
        else:
            arguments["ConditionExpression"] = IS_VERSION
            values[":old"] = {"N": checked_version(condition)}
        return arguments

    def _second(self) -> Attributes:
        return {"N": str(int(self._now()))}

    def _attempt(self, method: Callable[..., Any], arguments: dict[str, Any]) -> Refused | None:
        """A write with a condition: None if it was done. Other transactions on the item are waited for."""
        for attempt in range(BATCH_TRIES):
            try:
                method(**arguments)
            except Exception as error:
                code = error_code(error)
                if code == "ConditionalCheckFailedException":
                    return Refused(cast("Any", error).response.get("Item"), is_in_doubt(error))
                if code != "TransactionConflictException" or is_in_doubt(error) or attempt + 1 == BATCH_TRIES:
                    raise
                pause(attempt + 1)
            else:
                return None
        raise AssertionError("unreachable")

    def _check(self, refused: Refused, condition: Condition, where: str = "") -> None:
        """Raises Conflict if the caller's condition does not hold for what is there, else learns its version."""
        found = refused.found
        if found is not None:
            versions.saw(version_of(found))
        if refused.in_doubt:
            raise Unknown(
                f"{where}an answer was lost, and by the next attempt another write had come; ours may have been before"
            )
        live = found if found is not None and not is_expired(found, int(self._now())) else None
        fault = fault_of(condition, None if live is None else version_of(live))
        if fault is not None:
            raise Conflict(f"{where}{fault}")

    # Counters

    def increment(self, pk: str, sk: str, field: str, by: int, token: str | None, bound: int) -> int:
        if token is not None:
            from .dynamodb_tokens import increment_once

            return increment_once(self, pk, sk, field, by, token, bound)
        arguments = self.increment_arguments(pk, sk, field, by, bound)
        try:
            answer = self._clients.dynamodb_once.update_item(**arguments)
        except Exception as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            found = cast("Any", error).response.get("Item")
            value = self.counted(found, field, by, bound)
            if ANY_FIELD not in found.get(FRACTIONS, {}).get("SS", ()):
                raise Unavailable(f"the item changed while {field!r} was incremented; nothing was added") from error
            return self._increment_unlisted(pk, sk, field, by, bound, found, value)
        new = answer["Attributes"]
        versions.saw(version_of(new))
        return int(number(new[DOCUMENT]["M"][field]["N"]))

    def increment_arguments(self, pk: str, sk: str, field: str, by: int, bound: int) -> dict[str, Any]:
        """Of UpdateItem. The version grows by one: whoever else counts at the same time is not in the way."""
        return {
            "TableName": self.table,
            "Key": item_key(pk, sk),
            "UpdateExpression": "SET #d.#n = if_not_exists(#d.#n, :zero) + :by, #v = #v + :one",
            "ConditionExpression": INCREMENT,
            "ExpressionAttributeNames": {**INCREMENT_NAMES, "#n": field},
            "ExpressionAttributeValues": {
                ":zero": {"N": "0"},
                ":one": {"N": "1"},
                ":by": {"N": str(by)},
                ":now": self._second(),
                ":name": {"S": field},
                ":any": {"S": ANY_FIELD},
                # 38 digits are all that DynamoDB takes, and what is stored is within the bound.
                ":low": {"N": str(max(-bound, -bound - by))},
                ":high": {"N": str(min(bound, bound - by))},
            },
            "ReturnValues": "UPDATED_NEW",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def counted(self, found: Attributes | None, field: str, by: int, bound: int) -> int:
        """What an increment of this item gives. Raises NotFound, Conflict or LimitExceeded."""
        if found is None or is_expired(found, int(self._now())):
            raise NotFound("it is not there")
        stored = found[DOCUMENT]["M"].get(field, {"N": "0"})
        value = number(stored["N"]) if "N" in stored else None
        if type(value) is not int:
            raise Conflict(f"its field {field!r} is no integer")
        value += by
        if abs(value) > bound:
            raise LimitExceeded(f"{field!r} would be {value:,}, past ±{bound:,}", limit="integer")
        return value

    def _increment_unlisted(
        self, pk: str, sk: str, field: str, by: int, bound: int, found: Attributes, value: int
    ) -> int:
        """Of an item with very many fractions, in which only reading it tells what the field holds."""
        for attempt in range(TRIES):
            arguments = self.set_arguments(found, field, value)
            try:
                self._clients.dynamodb_once.update_item(**arguments)
            except Exception as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                found = cast("Any", error).response.get("Item")
                value = self.counted(found, field, by, bound)
                pause(attempt, longest=0.2)
            else:
                return value
        raise overtaken(pk, sk)

    def set_arguments(self, found: Attributes, field: str, value: int) -> dict[str, Any]:
        """Of UpdateItem, and of an Update in a transaction: sets a field of the item if it is still as it was found."""
        return {
            "TableName": self.table,
            "Key": {PK: found[PK], SK: found[SK]},
            "UpdateExpression": "SET #d.#n = :new, #v = #v + :one",
            "ConditionExpression": "#v = :old",
            "ExpressionAttributeNames": {"#v": VERSION, "#d": DOCUMENT, "#n": field},
            "ExpressionAttributeValues": {
                ":new": {"N": str(value)},
                ":old": found[VERSION],
                ":one": {"N": "1"},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    # Several items

    def transact(self, actions: list[WriteAction], token: str) -> list[str | None]:
        for attempt in range(TRIES):
            drawn: list[str | None] = [versions.draw() if isinstance(action, PutAction) else None for action in actions]
            steps = [self._step(action, version) for action, version in zip(actions, drawn, strict=True)]
            reasons = self.commit(steps, token_of(token, attempt))
            if reasons is None:
                return drawn
            for position, (action, reason) in enumerate(zip(actions, reasons, strict=True)):
                if reason.get("Code") == "ConditionalCheckFailed":
                    pk, sk = key_of(action)
                    where = f"step {position}, on {(pk, sk)!r}: "
                    self._check(Refused(reason.get("Item"), False), action.condition, where)
            pause(attempt, longest=0.2)
        raise overtaken(*key_of(actions[0]))

    def _step(self, action: WriteAction, version: str | None) -> dict[str, Any]:
        if isinstance(action, PutAction):
            assert version is not None
            return {"Put": self._put_arguments(action.item, action.condition, version)}
        arguments = self._condition_arguments(action.pk, action.sk, action.condition)
        return {"ConditionCheck" if isinstance(action, CheckAction) else "Delete": arguments}

    def commit(self, steps: list[dict[str, Any]], token: str) -> list[dict[str, Any]] | None:
        """Runs a transaction: None if it was done, else the reason of each step. What may pass is tried again.

        botocore's own retries have the same token, so that the first attempt of theirs that is carried out counts.
        """
        for attempt in range(BATCH_TRIES):
            try:
                self._clients.dynamodb.transact_write_items(TransactItems=steps, ClientRequestToken=token)
            except Exception as error:
                if error_code(error) != "TransactionCanceledException":
                    raise
                reasons: list[dict[str, Any]] = cast("Any", error).response.get("CancellationReasons", [])
                codes = {str(reason.get("Code")) for reason in reasons} - {"None"}
                if "ConditionalCheckFailed" in codes:
                    return reasons
                if not codes or not codes <= PASSING:
                    raise canceled(reasons, error) from error
                if attempt + 1 == BATCH_TRIES:
                    raise Throttled(f"DynamoDB canceled the transaction: {', '.join(sorted(codes))}") from error
                pause(attempt + 1)
            else:
                return None
        raise AssertionError("unreachable")

    def batch_write(self, actions: list[PutAction | DeleteAction]) -> list[int]:
        """Deletions go by 25 in a BatchWriteItem. That takes no condition, so that a put in it could give an item a
        smaller version than it had: puts go one by one, several at a time."""
        deletes = [position for position, action in enumerate(actions) if isinstance(action, DeleteAction)]
        puts = [position for position, action in enumerate(actions) if isinstance(action, PutAction)]
        failed = [
            position
            for start in range(0, len(deletes), BATCH_WRITE)
            for position in self._batch_delete(actions, deletes[start : start + BATCH_WRITE])
        ]

        def put(position: int) -> bool:
            try:
                self.put(cast("PutAction", actions[position]).item, ALWAYS)
            except Exception as error:
                kind = type(error) if isinstance(error, PortableError) else classify(error)
                if kind not in (Throttled, Unavailable, Unknown):
                    raise
                return False
            return True

        if len(puts) > 1:
            from concurrent.futures import ThreadPoolExecutor
            from contextvars import copy_context

            # The client is made before threads race for it.
            _ = self._clients.dynamodb
            with ThreadPoolExecutor(min(WRITERS, len(puts)), thread_name_prefix="portable-put") as pool:
                # Who writes is known by the context, which threads do not inherit.
                written = [pool.submit(copy_context().run, put, position) for position in puts]
                done = [one.result() for one in written]
        else:
            done = [put(position) for position in puts]
        return failed + [position for position, is_done in zip(puts, done, strict=True) if not is_done]

    def _batch_delete(self, actions: list[PutAction | DeleteAction], positions: list[int]) -> list[int]:
        """At most 25 deletions; the positions of those that DynamoDB left undone."""
        by_key = {key_of(actions[position]): position for position in positions}
        requests: list[Any] = [{"DeleteRequest": {"Key": item_key(pk, sk)}} for pk, sk in by_key]
        for attempt in range(BATCH_TRIES):
            try:
                answer = self._clients.dynamodb.batch_write_item(RequestItems={self.table: requests})
            except Exception as error:
                if classify(error) in (Throttled, Unavailable, Unknown):
                    break
                raise
            left: dict[str, list[Any]] = answer.get("UnprocessedItems") or {}
            requests = left.get(self.table, [])
            if not requests:
                return []
            if attempt + 1 < BATCH_TRIES:
                pause(attempt + 1)
        keys: list[Attributes] = [request["DeleteRequest"]["Key"] for request in requests]
        return [by_key[key[PK]["S"], key[SK]["S"]] for key in keys]
