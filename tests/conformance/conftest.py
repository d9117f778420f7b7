import pytest

from portable.adapter import find_adapter
from portable.testing.conformance.harness import Harness


@pytest.fixture
def harness() -> Harness:
    return Harness(find_adapter("local"))
