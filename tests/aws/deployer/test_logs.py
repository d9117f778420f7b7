"""Logs of many functions: looked at in turn, so that CloudWatch does not throttle. Over our fake."""

from collections.abc import Callable
from typing import Any

from portable_aws.logs import OVERLAP, SECOND, TURN, lines
from portable_aws.stack_calls import Pace

from tests.aws.deployer.fake_aws import FakeAws, FakeClients

FUNCTIONS = [f"shop-dev-f{number:02}" for number in range(2 * TURN + 2)]


def write(aws: FakeAws, function: str, id: str, at: float) -> None:
    event = {"timestamp": int(at * 1000), "message": id, "eventId": id}
    aws.change(lambda state: state["logs"].setdefault(f"/aws/lambda/{function}", []).append(event))


def rounds(count: int, between: Callable[[int], None]) -> Callable[[], bool]:
    """Follows for so many rounds; `between` runs before each."""
    done = iter(range(count))

    def follow() -> bool:
        number = next(done, None)
        if number is None:
            return False
        between(number)
        return True

    return follow


def test_no_more_than_a_turn_of_functions_is_asked_for_in_a_second(aws: FakeAws) -> None:
    slept: list[tuple[float, int]] = []
    asked = 0

    def ask(when: str, _service: str, operation: str) -> None:
        nonlocal asked
        asked += when == "before" and operation == "FilterLogEvents"

    clients = FakeClients(aws, ask)
    pace = Pace(lambda seconds: slept.append((seconds, asked)))
    assert list(lines(clients, FUNCTIONS, 0.0, rounds(3, lambda _: None), pace)) == []
    assert asked == 4 * len(FUNCTIONS)
    counts = [count for _, count in slept]
    assert max(later - earlier for earlier, later in zip([0, *counts], counts, strict=False)) == TURN
    # Of a round of three turns two end with a second's rest; the last with the usual wait.
    assert sum(seconds == SECOND for seconds, _ in slept) == 4 * 2
    assert [list(lines(clients, FUNCTIONS[:1], 0.0, None, pace)), len(slept)] == [[], len(counts)]


def test_a_line_that_was_written_before_what_another_function_told_is_not_missed(aws: FakeAws) -> None:
    first, last = FUNCTIONS[0], FUNCTIONS[-1]
    write(aws, first, "early", 1000.0)
    write(aws, last, "late", 1000.0 + 10 * OVERLAP)

    def between(number: int) -> None:
        if number == 1:
            write(aws, first, "in between", 1000.0 + OVERLAP)

    found: list[Any] = list(lines(FakeClients(aws), FUNCTIONS, 999.0, rounds(3, between), Pace(lambda _: None)))
    assert [one.text for one in found] == ["early", "late", "in between"]
    assert [one.function for one in found] == [first, last, first]
