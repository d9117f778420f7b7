"""Waits between attempts, and the policies that give them."""

import random
from typing import Any

import pytest

from portable.errors import DeclarationError, Location
from portable.retries import LONGEST_BACKOFF, MOST_ATTEMPTS, backoff, check_retry
from portable.specs import RetryPolicy

HERE = Location("app.py", 3)


def least() -> float:
    return 0.0


def most() -> float:
    return 1.0 - 2**-53


@pytest.mark.parametrize(
    ("policy", "waits"),
    [
        (RetryPolicy(), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]),
        (RetryPolicy(5, 10, 25), [10, 20, 25, 25]),
        (RetryPolicy(5, 7, 7), [7, 7, 7]),
        (RetryPolicy(5, 0, 300), [0, 0, 0]),
        (RetryPolicy(5, 0.001, 0.004), [0.001, 0.002, 0.004, 0.004]),
    ],
    ids=str,
)
def test_waits_double_up_to_the_cap_and_their_upper_half_is_jitter(policy: RetryPolicy, waits: list[float]) -> None:
    for attempt, wait in enumerate(waits, 1):
        assert backoff(policy, attempt, least) == wait / 2
        assert wait * 0.999 <= backoff(policy, attempt, most) <= wait


@pytest.mark.parametrize("attempt", [-1, 0, 1])
def test_a_count_below_one_waits_as_the_first(attempt: int) -> None:
    assert backoff(RetryPolicy(), attempt, least) == 0.5


@pytest.mark.parametrize("attempt", [64, 65, 1000, 10**9, 10**300])
def test_a_huge_count_waits_the_cap_and_overflows_nothing(attempt: int) -> None:
    assert backoff(RetryPolicy(), attempt, least) == 150
    assert backoff(RetryPolicy(100, 0.0, LONGEST_BACKOFF), attempt, most) == 0


def test_deliveries_that_failed_together_do_not_come_back_together() -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    source = random.Random(seed)
    waits = [backoff(RetryPolicy(), 9, source.random) for _ in range(1000)]
    assert len(set(waits)) > 990
    assert 128 <= min(waits) < 140
    assert 244 < max(waits) <= 256


@pytest.mark.parametrize(
    "policy",
    [
        RetryPolicy(),
        RetryPolicy(1),
        RetryPolicy(MOST_ATTEMPTS),
        RetryPolicy(5, 0, 0),
        RetryPolicy(5, 0.5, 0.5),
        RetryPolicy(5, LONGEST_BACKOFF, LONGEST_BACKOFF),
    ],
    ids=str,
)
def test_policies_that_every_provider_can_keep_are_taken(policy: RetryPolicy) -> None:
    assert check_retry("task 'work'", policy, HERE) is policy


@pytest.mark.parametrize(
    ("policy", "option"),
    [
        *((RetryPolicy(value), "max_attempts") for value in (0, -1, MOST_ATTEMPTS + 1)),
        (RetryPolicy(5, -1), "min_backoff"),
        (RetryPolicy(5, float("nan")), "min_backoff"),
        (RetryPolicy(5, 1, float("inf")), "max_backoff"),
        (RetryPolicy(5, 1, LONGEST_BACKOFF + 1), "max_backoff"),
        (RetryPolicy(5, 10, 5), "min_backoff=10 is more than max_backoff=5"),
        (RetryPolicy(5, 301), "min_backoff"),
    ],
    ids=str,
)
def test_other_policies_are_refused_by_the_option_s_name(policy: RetryPolicy, option: str) -> None:
    with pytest.raises(DeclarationError, match=f"^task 'work': {option}") as caught:
        check_retry("task 'work'", policy, HERE)
    assert caught.value.location == HERE


@pytest.mark.parametrize("value", [None, "5", 1.0, True, [5]], ids=repr)
def test_attempts_that_are_no_whole_number_are_refused(value: Any) -> None:
    with pytest.raises(DeclarationError, match="max_attempts"):
        check_retry("task", RetryPolicy(value), HERE)


@pytest.mark.parametrize("value", [None, "5", True, [5]], ids=repr)
def test_waits_that_are_no_numbers_are_refused(value: Any) -> None:
    with pytest.raises(DeclarationError, match="min_backoff"):
        check_retry("task", RetryPolicy(5, value), HERE)
    with pytest.raises(DeclarationError, match="max_backoff"):
        check_retry("task", RetryPolicy(5, 1, value), HERE)
