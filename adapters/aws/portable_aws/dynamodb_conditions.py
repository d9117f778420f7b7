"""Conditions of writes as DynamoDB's expressions, and what it means when one of them fails. No I/O but for pauses."""

import time
from typing import Any, NamedTuple

from portable.drivers import ALWAYS, Condition, IndexValue, PutAction, SortCondition, WriteAction
from portable.errors import Conflict, LimitExceeded, Throttled

from .dynamodb_items import DOCUMENT, FRACTIONS, VERSION, Attributes, could_be_version, index_value, version_of
from .layout import TTL

TOKEN_CHARACTERS = 36
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""

TRIES = 60
"""Of a write that others overtake: each failure means that one of theirs has succeeded."""
BATCH_TRIES = 8
LONGEST_PAUSE = 1.0

ORDERED = "#v < :v"
LIVE = "(attribute_not_exists(#t) OR #t > :now)"
PUT_ALWAYS = f"attribute_not_exists(#v) OR {ORDERED}"
PUT_ABSENT = f"attribute_not_exists(#v) OR (#t <= :now AND {ORDERED})"
PUT_PRESENT = f"{ORDERED} AND {LIVE}"
PUT_VERSION = f"#v = :old AND {ORDERED} AND {LIVE}"
DELETE_ALWAYS = PUT_ALWAYS
ABSENT = "attribute_not_exists(#v) OR #t <= :now"
PRESENT = f"attribute_exists(#v) AND {LIVE}"
IS_VERSION = f"#v = :old AND {LIVE}"
INCREMENT = (
    f"attribute_exists(#v) AND {LIVE} AND NOT contains(#f, :name) AND NOT contains(#f, :any) "
    "AND (attribute_not_exists(#d.#n) OR #d.#n BETWEEN :low AND :high)"
)
INCREMENT_NAMES = {"#v": VERSION, "#t": TTL, "#f": FRACTIONS, "#d": DOCUMENT}
JUST_VERSION = {"#v": VERSION}
VERSION_AND_TTL = {"#v": VERSION, "#t": TTL}

OPERATORS = {"eq": "=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}

PASSING = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"})


class Refused(NamedTuple):
    """A write that DynamoDB refused: what is there instead (None: nothing), and whether an attempt is in doubt."""

    found: Attributes | None
    in_doubt: bool


def ask(
    arguments: dict[str, Any],
    partition: tuple[str, IndexValue],
    sort: tuple[str, SortCondition | None],
    *,
    reverse: bool,
) -> None:
    """Adds the condition on the keys to the arguments of a Query."""
    expression = "#p = :p"
    names = arguments["ExpressionAttributeNames"] = {"#p": partition[0]}
    values = arguments["ExpressionAttributeValues"] = {":p": index_value(partition[1])}
    condition = sort[1]
    if condition is not None:
        operator, low, high = condition
        names["#s"] = sort[0]
        values[":low"] = index_value(low)
        if operator == "between":
            assert high is not None
            values[":high"] = index_value(high)
            expression += " AND #s BETWEEN :low AND :high"
        elif operator == "prefix":
            expression += " AND begins_with(#s, :low)"
        else:
            expression += f" AND #s {OPERATORS[operator]} :low"
    arguments["KeyConditionExpression"] = expression
    if reverse:
        arguments["ScanIndexForward"] = False


def out_of_reach(sort: SortCondition | None) -> bool:
    """Whether no item can be found; DynamoDB refuses such conditions instead of answering with nothing."""
    return sort is not None and sort.operator == "between" and sort.high is not None and sort.low > sort.high  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]


def fault_of(condition: Condition, version: str | None) -> str | None:
    """Why a condition does not hold for an item of this version (None: there is none), or None if it does."""
    if condition.absent:
        return None if version is None else "it exists already"
    if condition == ALWAYS:
        return None
    if version is None:
        return "it is not there"
    if condition.version is not None and condition.version != version:
        return "it has another version"
    return None


def checked_version(condition: Condition) -> str:
    """The version of a condition. Raises Conflict for a text that no item can have as its version."""
    version = condition.version or ""
    if not could_be_version(version):
        raise Conflict("it has another version")
    return version


def is_own(refused: Refused, version: str) -> bool:
    """Whether what is there is what an earlier attempt of the same call wrote."""
    return refused.in_doubt and refused.found is not None and version_of(refused.found) == version


def key_of(action: WriteAction) -> tuple[str, str]:
    return (action.item.pk, action.item.sk) if isinstance(action, PutAction) else (action.pk, action.sk)


def token_of(token: str, attempt: int) -> str:
    """A ClientRequestToken: another one for a transaction with other versions in it."""
    text = f"{token}-{attempt}" if attempt else token
    if len(text) <= TOKEN_CHARACTERS:
        return text
    from hashlib import sha256

    return sha256(text.encode()).hexdigest()[:TOKEN_CHARACTERS]


def canceled(reasons: list[dict[str, Any]], error: Exception) -> Exception:
    """The error of a transaction that was canceled for what will not pass."""
    for position, reason in enumerate(reasons):
        code = reason.get("Code")
        if code in ("ValidationError", "ItemCollectionSizeLimitExceeded"):
            return LimitExceeded(
                f"step {position}: {reason.get('Message') or code}", limit="item_bytes", provider="aws"
            )
    return error


def overtaken(pk: str, sk: str) -> Throttled:
    return Throttled(
        f"{(pk, sk)!r} was written by others before each of {TRIES} attempts",
        hint="an item takes about one write a second on every provider; spread the load over several items",
    )


def pause(attempt: int, *, longest: float = LONGEST_PAUSE) -> None:
    """Waits before the next attempt: not at all after the first one (0), then longer and longer, with jitter."""
    if attempt:
        from random import random

        time.sleep(min(longest, 0.025 * 2.0 ** min(attempt - 1, 10)) * (0.5 + random() / 2))  # noqa: S311 - jitter
