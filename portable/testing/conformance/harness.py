"""What an adapter brings to the conformance suite.

An adapter's test module defines one fixture and subclasses the classes, nothing else:

    @pytest.fixture
    def harness() -> Harness: return Harness(find_adapter("local"))

    class TestTables(conformance.TableConformance): ...

Each class declares its own app and asks for the `harness` fixture; `with harness.running(app) as running:` binds it.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import pytest

from portable.adapter import Adapter, Running
from portable.app import App
from portable.telemetry import Recorder

C = TypeVar("C", bound=type)


Verification = Literal["fake", "emulator", "vendor", "account", "itself"]
"""Whose code a service was: a fake by whoever tests, an emulator by a third party, the vendor's own, run without an
account; a real account; or the very thing that users run. From the weakest proof to the strongest."""
VERIFICATIONS: tuple[str, ...] = get_args(Verification)


class Stand(NamedTuple):
    """What a service of the provider is while the suite runs: `what` by name and version, `by` whose code that is."""

    what: str
    by: Verification


LACKED = "portable_lacked"
"""Of the exception that skips a test: which capability, of those that the adapter declares to lack, it is about."""


class Harness:
    """One adapter under test. `stands` are for a portability report: what each service of the provider is here."""

    def __init__(self, adapter: Adapter, stands: Mapping[str, Stand] | None = None) -> None:
        self.adapter = adapter
        self.stands: Mapping[str, Stand] = stands or {}

    def running(self, app: App, recorder: Recorder | None = None) -> AbstractContextManager[Running]:
        """Runs `app` with empty data until the block ends."""
        return self.adapter.running(app) if recorder is None else self.adapter.running(app, recorder=recorder)

    def need(self, capability: str) -> None:
        """Skips the test if the adapter declares that it lacks what the test is about; see capabilities.py."""
        if capability in self.adapter.lacks:
            reason = f"{self.adapter.name} declares that it lacks {capability}; that it refuses them is tested"
            skipped = pytest.skip.Exception(reason)
            setattr(skipped, LACKED, capability)
            raise skipped


def needs(capability: str) -> Callable[[C], C]:
    """Of a class of the suite: its own tests are about a capability that an adapter may lack."""

    def decorate(cls: C) -> C:
        for name, function in list(vars(cls).items()):
            if name.startswith("test_"):
                setattr(cls, name, asking(capability, function))
        return cls

    return decorate


def asking(capability: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A test that first asks the harness for a capability."""

    @wraps(function)
    def asked(self: Any, harness: Harness, *args: Any, **kwargs: Any) -> Any:
        harness.need(capability)
        return function(self, harness, *args, **kwargs)

    return asked
