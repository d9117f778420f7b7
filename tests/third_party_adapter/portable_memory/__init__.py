"""An adapter that keeps everything in dicts: what is left of one when there is no provider behind it.

It shows what an adapter has to do, and proves that the suite asks for nothing that only the local adapter can do.
"""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portable import App
    from portable.adapter import Running, Support
    from portable.capabilities import Profile
    from portable.telemetry import Recorder


class MemoryAdapter:
    """Implements portable.adapter.Adapter and Supports; it has no server, and nothing of it outlives the process."""

    name = "memory"
    lacks = frozenset({"signed_urls"})
    """There is no address at which somebody else could reach an object."""

    def running(
        self, app: "App", *, profile: "Profile | None" = None, recorder: "Recorder | None" = None
    ) -> "AbstractContextManager[Running]":
        """Runs `app` in this process, empty at first, on a clock that stands until it is advanced."""
        from .running import running

        return running(app, profile, recorder)

    def support(self) -> "Mapping[str, Support]":
        """What is native here and what is refused, for a portability matrix."""
        from .support import SUPPORT

        return SUPPORT


adapter = MemoryAdapter()
