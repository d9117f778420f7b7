"""Testing an app: it runs in this process, with all its triggers, on a clock that the test moves.

    from portable.testing import running

    def test_a_note_is_kept() -> None:
        with running(app) as started:
            assert started.client.post("/notes", json={"text": "x"}).status == 201
            started.drain()

pytest has the same as fixtures, see plugin.py. The conformance suite for adapters is in portable.testing.conformance.
"""

import threading
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from portable.adapter import Running
    from portable.app import App

    from .client import Client, ClientResponse
    from .clock import ManualClock
    from .cookies import Cookies
    from .running_app import AppClock, RunningApp
    from .some import some

__all__ = ["AppClock", "Client", "ClientResponse", "Cookies", "ManualClock", "Running", "RunningApp", "running", "some"]

_started: set[int] = set()
_starting = threading.Lock()


def running(
    app: "App",
    *,
    adapter: str = "local",
    profile: str | None = None,
    limits: Literal["refuse", "warn"] = "refuse",
) -> "AbstractContextManager[RunningApp]":
    """Runs `app` in this process, with empty data, until the block ends; nothing listens, nothing runs by itself.

    `profile` says whose limits are in force (aws, gcp, azure, strictest; by default those of the app's targets),
    `limits="warn"` only logs what they would refuse. `adapter` is the name of an installed one. Several apps may run at
    once. Raises DeclarationError for an app that is declared wrongly, InvalidArgument for one that runs already.
    """
    return start(app, adapter, profile, limits)


@contextmanager
def start(app: "App", adapter: str, profile: str | None, limits: Literal["refuse", "warn"]) -> "Generator[RunningApp]":
    """What `running` is."""
    from portable.adapter import find_adapter
    from portable.app import App
    from portable.capabilities import profile_for
    from portable.errors import InvalidArgument

    from .recorder import MemoryRecorder
    from .running_app import RunningApp

    if not isinstance(cast("object", app), App):
        raise InvalidArgument(f"running() takes an App, not {type(app).__name__}")
    found, chosen = find_adapter(adapter), profile_for(profile, app.targets, limits)
    with _starting:
        if id(app) in _started:
            raise InvalidArgument(
                f"app {app.name!r} runs already",
                hint="its resources have one place at a time: end the other `with running(app)` first",
            )
        _started.add(id(app))
    try:
        recorder = MemoryRecorder()
        with found.running(app, profile=chosen, recorder=recorder) as started:
            running = RunningApp(started, recorder)
            try:
                yield running
            finally:
                running.end()
    finally:
        with _starting:
            _started.discard(id(app))


if not TYPE_CHECKING:
    # The pytest plugin is loaded wherever portable is installed, so that this package must cost nothing until it is
    # used (PEP 562).
    _HOMES = {
        "AppClock": "portable.testing.running_app",
        "Client": "portable.testing.client",
        "ClientResponse": "portable.testing.client",
        "Cookies": "portable.testing.cookies",
        "ManualClock": "portable.testing.clock",
        "Running": "portable.adapter",
        "RunningApp": "portable.testing.running_app",
        "some": "portable.testing.some",
    }

    def __getattr__(name):
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(home), name)
        return value
