"""The time of projects: each its own where a test has told it, else the machine's."""

import time


class Backwards(ValueError):
    """A time that was told is before the one that is."""


class Clocks:
    """Times are epoch seconds."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}

    def now(self, project: str) -> float:
        return self._told.get(project) or time.time()

    def stands_still(self, project: str) -> bool:
        return project in self._told

    def tell(self, project: str, now: float) -> None:
        """From now on it is `now`. Raises Backwards."""
        known = self._told.get(project)
        if known is not None and now < known:
            raise Backwards(f"it is {known} in {project!r}, and {now} is before that")
        self._told[project] = now

    def forget(self, project: str) -> None:
        self._told.pop(project, None)
