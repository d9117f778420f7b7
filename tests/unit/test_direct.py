"""`portable invoke` of a deployed stage: what the function is sent, and what it runs of that."""

import json
import random
from typing import Any

import pytest

from portable.direct import answer, event_of
from portable.invocation import Invocation, Outcome
from portable.shapes import MalformedEvent

LAPTOP, FUNCTION = 1_000_000.0, 1_000_240.0
"""Two clocks that are four minutes apart, which AWS and Google let pass."""


class Dispatched:
    """Implements portable.attempts.Dispatches: keeps what it is given."""

    def __init__(self) -> None:
        self.given: list[Invocation] = []

    def invoke(self, invocation: Invocation) -> Outcome:
        self.given.append(invocation)
        return Outcome("succeeded", result="1")


def run(event: Any) -> tuple[dict[str, Any], Invocation]:
    dispatched = Dispatched()
    found = answer(json.loads(json.dumps(event)), dispatched, 30.0, FUNCTION)
    [invocation] = dispatched.given
    return found, invocation


@pytest.mark.parametrize("kind", ["task", "schedule"])
def test_what_is_left_to_a_handler_is_told_by_the_functions_clock(kind: str) -> None:
    found, invocation = run(event_of(kind, "work", "{}", LAPTOP))
    assert (found["status"], found["result"]) == ("succeeded", "1")
    assert invocation.deadline == FUNCTION + 30
    assert (invocation.kind, invocation.handler, invocation.body, invocation.attempt) == (kind, "work", "{}", 1)
    assert invocation.scheduled_at == (LAPTOP if kind == "schedule" else None)


def test_what_is_no_such_event_is_refused_and_runs_nothing() -> None:
    good = event_of("task", "work", "{}", LAPTOP)
    source = random.Random(4)
    values: list[Any] = [None, [], {}, "", "x", 2, -1.5, False, ["task"], {"kind": "task"}]
    refused = 0
    for _ in range(2000):
        name, value = source.choice(list(good)), source.choice(values)
        event = {**good, name: value}
        dispatched = Dispatched()
        try:
            answer(event, dispatched, 30.0, FUNCTION)
        except MalformedEvent:
            assert not dispatched.given, event
            refused += 1
        else:
            # Which handlers there are is the Dispatcher's to know, and what a payload may be.
            assert isinstance(value, str) if name in ("handler", "body") else name == "at", event
            assert name != "at" or type(value) in (int, float), event
    assert refused > 1000
