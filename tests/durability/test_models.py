"""L5 at length: as many random programs against the local adapter as a nightly run has time for."""

import pytest

from portable.adapter import find_adapter
from portable.testing.conformance.harness import Harness
from portable.testing.conformance.models import ModelConformance


@pytest.fixture
def harness() -> Harness:
    return Harness(find_adapter("local"))


@pytest.mark.slow
class TestModelsAtLength(ModelConformance):
    programs = 200
    steps = 50
