"""Conditions of writes as Firestore's preconditions, and what it means when one does not hold. No I/O but for pauses.

Firestore knows `exists` and `updateTime`, and answers a precondition that fails with no more than that it did. What is
there is then read, and tells the caller's conflict from what is none: an expired item, which counts as absent, or one
that somebody wrote in between.
https://firebase.google.com/docs/firestore/reference/rest/v1/Precondition
"""

import time
from typing import Any

from portable.drivers import ALWAYS, Condition, PutAction, WriteAction
from portable.errors import Conflict, Throttled, Unknown

from .errors import GoogleError
from .firestore_items import Found, could_be_version, is_expired, is_over, update_time, version_of

TRIES = 60
"""Of a write that others overtake: each failure means that one of theirs has succeeded."""
BATCH_TRIES = 8
LONGEST_PAUSE = 1.0

REFUSALS = frozenset({(400, "FAILED_PRECONDITION"), (404, "NOT_FOUND"), (409, "ALREADY_EXISTS")})
"""Of a commit: a precondition did not hold. Reading what is there shows if it was something else."""

Precondition = dict[str, Any]
IS_ABSENT: Precondition = {"exists": False}
EXISTS: Precondition = {"exists": True}


def is_refusal(error: GoogleError) -> bool:
    return (error.status, error.reason) in REFUSALS


def is_contention(error: GoogleError) -> bool:
    """Whether others were at the same documents; nothing was done."""
    return error.reason == "ABORTED"


def precondition_of(condition: Condition, now: int, *, expires: bool) -> Precondition | None:
    """What Firestore can be asked for without a look at what is there; {} for nothing at all.

    None: only a look tells, since where items expire one that is there may count as absent. Raises Conflict for a
    version that is no item's.
    """
    if condition == ALWAYS:
        return {}
    if condition.absent:
        return IS_ABSENT
    if condition.version is not None:
        return {"updateTime": update_time(checked_version(condition.version, now))}
    return None if expires else EXISTS


def precondition_on(found: Found | None) -> Precondition:
    """That this is still what is there."""
    return IS_ABSENT if found is None else {"updateTime": found["updateTime"]}


def may_repeat(precondition: Precondition) -> bool:
    """Whether a write with it that was carried out would not be carried out again."""
    return "updateTime" in precondition or precondition == IS_ABSENT


def live(found: Found | None, now: int) -> Found | None:
    return None if found is None or is_expired(found, now) else found


def check(condition: Condition, found: Found | None, now: int, where: str = "") -> None:
    """Raises Conflict if the condition does not hold for what is there."""
    there = live(found, now)
    fault = fault_of(condition, None if there is None else version_of(there))
    if fault is not None:
        raise Conflict(f"{where}{fault}")


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


def checked_version(version: str, now: int) -> str:
    """The version of a condition. Raises Conflict for a text that no item has as its version, or none has any more."""
    if not could_be_version(version):
        raise Conflict("it has another version")
    if is_over(version, now):
        raise Conflict("it is not there")
    return version


def key_of(action: WriteAction) -> tuple[str, str]:
    return (action.item.pk, action.item.sk) if isinstance(action, PutAction) else (action.pk, action.sk)


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


def uncertain() -> Unknown:
    return Unknown("an answer was lost, and by the next attempt something else was there; ours may have been before")
