"""The conformance suite of portable on this adapter: `pytest suite.py`, with portable-memory installed."""

import pytest

from portable.adapter import find_adapter
from portable.testing import conformance
from portable.testing.conformance.harness import Harness, Stand


@pytest.fixture
def harness() -> Harness:
    return Harness(find_adapter("memory"), {"memory": Stand("dicts in the test's process", "itself")})


class TestTables(conformance.TableConformance): ...


class TestTableTypes(conformance.TableTypesConformance): ...


class TestTableQueries(conformance.TableQueryConformance): ...


class TestTableConcurrency(conformance.TableConcurrencyConformance): ...


class TestTableChanges(conformance.TableChangeConformance): ...


class TestBuckets(conformance.BucketConformance): ...


class TestValues(conformance.ValueConformance): ...


class TestIdempotency(conformance.IdempotencyConformance): ...


class TestTasks(conformance.TaskConformance): ...


class TestTopics(conformance.TopicConformance): ...


class TestSchedules(conformance.ScheduleConformance): ...


class TestEvents(conformance.EventConformance): ...


class TestModels(conformance.ModelConformance): ...


class TestHttp(conformance.HttpConformance): ...


class TestTelemetry(conformance.TelemetryConformance): ...


class TestCapabilities(conformance.CapabilityConformance): ...
