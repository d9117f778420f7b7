"""Retry policies: checked where they are declared, and turned into waits."""

from collections.abc import Callable

from .errors import DeclarationError, Location
from .specs import RetryPolicy

MOST_ATTEMPTS = 100
LONGEST_BACKOFF = 7 * 24 * 3600
"""As long as a task may be delayed on every provider."""

NUMBERS: tuple[type, ...] = (int, float)


def check_retry(what: str, policy: RetryPolicy, location: Location) -> RetryPolicy:
    """The policy as it can be kept on every provider. Raises DeclarationError, naming the option."""
    attempts, low, high = policy
    if type(attempts) is not int or not 1 <= attempts <= MOST_ATTEMPTS:
        raise DeclarationError(
            f"{what}: max_attempts={attempts!r} is not 1-{MOST_ATTEMPTS} (task_attempts, from gcp)",
            hint="1 means: never again",
            location=location,
        )
    for name, seconds in (("min_backoff", low), ("max_backoff", high)):
        # The comparison also refuses NaN.
        if type(seconds) not in NUMBERS or not 0 <= seconds <= LONGEST_BACKOFF:
            raise DeclarationError(
                f"{what}: {name}={seconds!r} is not a number of seconds from 0 to {LONGEST_BACKOFF}",
                hint=f"for instance {name}=2",
                location=location,
            )
    if low > high:
        raise DeclarationError(
            f"{what}: min_backoff={low!r} is more than max_backoff={high!r}",
            hint=f"max_backoff is {RetryPolicy().max_backoff:g} seconds unless you say otherwise",
            location=location,
        )
    return policy


def backoff(policy: RetryPolicy, attempt: int, random: Callable[[], float]) -> float:
    """Seconds to wait after the failed attempt number `attempt` (from 1) before the next.

    `min_backoff * 2**(attempt - 1)`, at most `max_backoff`, of which the upper half is jitter: `random()` gives 0 to 1.
    So that many deliveries that failed together do not come back together, and none comes back at once.
    """
    # 2**63 seconds are past any cap, and a float holds them.
    wait = min(policy.max_backoff, policy.min_backoff * 2.0 ** min(max(attempt, 1) - 1, 63))
    return wait / 2 + wait / 2 * random()
