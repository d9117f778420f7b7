"""What an adapter brings to the conformance suite.

An adapter's test module defines one fixture and subclasses the classes, nothing else:

    @pytest.fixture
    def harness() -> Harness: return Harness(find_adapter("local"))

    class TestTables(conformance.TableConformance): ...

Each class declares its own app and asks for the `harness` fixture; `with harness.running(app) as running:` binds it.
"""

from contextlib import AbstractContextManager

from portable.adapter import Adapter, Running
from portable.app import App


class Harness:
    """One adapter under test."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter

    def running(self, app: App) -> AbstractContextManager[Running]:
        """Runs `app` with empty data until the block ends."""
        return self.adapter.running(app)
