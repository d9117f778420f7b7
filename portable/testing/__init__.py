"""Testing an app: it runs in this process, with all its triggers, on a clock that the test moves.

    from portable.testing import running

    def test_a_note_is_kept() -> None:
        with running(app) as started:
            response = started.request("POST", "/notes", body=b'{"text": "x"}')
            started.drain()

The conformance suite for adapters is in portable.testing.conformance.
"""

from contextlib import AbstractContextManager
from typing import Literal

from portable.adapter import Running, find_adapter
from portable.app import App
from portable.capabilities import profile_for

from .clock import ManualClock

__all__ = ["ManualClock", "Running", "running"]


def running(
    app: App, *, profile: str | None = None, limits: Literal["refuse", "warn"] = "refuse"
) -> AbstractContextManager[Running]:
    """Runs `app` on the local adapter, in this process, with empty data until the block ends.

    What it gives sends requests (`request`), delivers what is queued (`drain`), moves the clock (`advance`), and more;
    see portable.adapter.Running. `profile` says whose limits are in force (aws, gcp, azure, strictest; the app's targets
    by default), `limits="warn"` only logs what they would refuse. Raises DeclarationError if it is declared wrongly.
    """
    return find_adapter("local").running(app, profile=profile_for(profile, app.targets, limits))
