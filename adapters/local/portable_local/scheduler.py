"""Which fire times of a schedule are due: a pure function of the clock and of what was decided before."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

FireTimes = Callable[[str, str, float], Iterator[float]]
"""(cron expression, zone, after) -> the fire times after `after`, in order; all times are epoch seconds."""

ON_TIME = 60.0
"""A fire time that is at most this old is run whatever the policy: contract, "starts within 60 s"."""
RECORDED = 1000
"""Of the missed fire times at most so many are recorded one by one, the newest."""
WINDOWS = (86400.0, 40 * 86400.0, 9 * 366 * 86400.0)
"""How far to look back, step by step: the newest fire times count, and those of a year can be half a million."""


class Due(NamedTuple):
    """`fire`: the one to be run, or None; `skipped`: those that are recorded as skipped, oldest first."""

    fire: float | None
    skipped: list[float]


def due(cron: str, zone: str, missed: str, last: float, now: float, fire_times: FireTimes) -> Due:
    """Decides on the fire times in (last, now].

    At most one of them is run: the newest if it is on time, or if `missed` is "latest". A clock that went back gives an
    empty range, so that nothing fires twice; one that went forward fires once at most.
    """
    times: list[float] = []
    for window in WINDOWS:
        since = max(last, now - window)
        times = newest(fire_times(cron, zone, since), now)
        if len(times) > RECORDED or since <= last:
            break
    if not times:
        return Due(None, [])
    if missed == "latest" or now - times[-1] <= ON_TIME:
        return Due(times[-1], times[:-1])
    return Due(None, times)


def newest(times: Iterator[float], now: float) -> list[float]:
    """The last of the times up to `now`, oldest first."""
    found: list[float] = []
    for at in times:
        if at > now:
            break
        found.append(at)
        if len(found) > 2 * RECORDED:
            del found[: RECORDED - 1]
    return found[-RECORDED - 1 :]
