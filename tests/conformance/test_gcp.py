"""The Google Cloud adapter passes the conformance suite, on the stack of tests/gcp_stack."""

import pytest

from portable.adapter import find_adapter
from portable.testing import conformance
from portable.testing.conformance.harness import Harness
from tests.gcp_stack.session import GcpStack, gcp_stack
from tests.gcp_stack.stands import STANDS

__all__ = ["gcp_stack"]


@pytest.fixture
def harness(gcp_stack: GcpStack) -> Harness:
    return Harness(find_adapter("gcp"), STANDS)


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


class TestModels(conformance.ModelConformance):
    programs = 4
    """Each step is a call over HTTP, and each program has a project of its own."""


class TestHttp(conformance.HttpConformance): ...


class TestTelemetry(conformance.TelemetryConformance): ...


class TestCapabilities(conformance.CapabilityConformance): ...
