"""What an adapter brings to the conformance suite.

An adapter's test module defines one fixture and subclasses the classes, nothing else:

    @pytest.fixture
    def harness() -> Harness: return Harness(find_adapter("local"))

    class TestTables(conformance.TableConformance): ...

Each class declares its own app and asks for the `harness` fixture; `with harness.running(app) as running:` binds it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, TypeVar

import pytest

from portable.adapter import Adapter, Running
from portable.app import App

C = TypeVar("C", bound=type)


class Harness:
    """One adapter under test."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter

    def running(self, app: App) -> AbstractContextManager[Running]:
        """Runs `app` with empty data until the block ends."""
        return self.adapter.running(app)

    def need(self, capability: str) -> None:
        """Skips the test if the adapter declares that it lacks what the test is about; see capabilities.py."""
        if capability in self.adapter.lacks:
            pytest.skip(f"{self.adapter.name} declares that it lacks {capability}; that it refuses them is tested")


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
