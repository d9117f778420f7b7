"""The conformance suite: the promises of portable as tests that every adapter must pass; harness.py says how to run it.

One class for each resource kind, for HTTP and for triggers. Subclass each; large kinds are spread over several files.
"""

from .buckets import BucketConformance
from .capabilities import CapabilityConformance
from .events import EventConformance
from .harness import Harness
from .http import HttpConformance
from .idempotency import IdempotencyConformance
from .models import ModelConformance
from .schedules import ScheduleConformance
from .table_changes import TableChangeConformance
from .table_concurrency import TableConcurrencyConformance
from .table_queries import TableQueryConformance
from .table_types import TableTypesConformance
from .tables import TableConformance
from .tasks import TaskConformance
from .telemetry import TelemetryConformance
from .topics import TopicConformance
from .values import ValueConformance

__all__ = [
    "BucketConformance",
    "CapabilityConformance",
    "EventConformance",
    "Harness",
    "HttpConformance",
    "IdempotencyConformance",
    "ModelConformance",
    "ScheduleConformance",
    "TableChangeConformance",
    "TableConcurrencyConformance",
    "TableConformance",
    "TableQueryConformance",
    "TableTypesConformance",
    "TaskConformance",
    "TelemetryConformance",
    "TopicConformance",
    "ValueConformance",
]
