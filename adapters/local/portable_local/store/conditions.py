"""When a write may happen, as operations take it."""

from typing import Any

from portable.drivers import Condition

from .results import Refusal
from .session import version_number


def to_json(condition: Condition) -> Any:
    """A driver's Condition as an operation's argument."""
    if condition.absent:
        return "absent"
    if condition.present:
        return "present"
    return None if condition.version is None else {"version": condition.version}


def check(condition: Any, found: int | None) -> None:
    """Refuses if the condition does not hold for what is there: the number of its version, or None for nothing."""
    if condition is None:
        return
    if condition == "absent":
        if found is not None:
            raise Refusal("conflict", "it exists already")
    elif found is None:
        raise Refusal("conflict", "it is not there")
    elif condition != "present" and version_number(condition["version"]) != found:
        raise Refusal("conflict", "it has another version")
