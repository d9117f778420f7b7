"""The AWS adapter passes the conformance suite, on the components of tests/aws_stack."""

import pytest

from portable.adapter import find_adapter
from portable.testing import conformance
from portable.testing.conformance.harness import Harness
from tests.aws_stack.fixtures import AwsStack, aws_stack
from tests.aws_stack.stands import STANDS

__all__ = ["aws_stack"]


@pytest.fixture
def harness(aws_stack: AwsStack) -> Harness:
    return Harness(find_adapter("aws"), STANDS)


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
    """Each step is a call over the network, and each program has an account of its own."""


class TestHttp(conformance.HttpConformance): ...


class TestTelemetry(conformance.TelemetryConformance): ...


class TestCapabilities(conformance.CapabilityConformance): ...
