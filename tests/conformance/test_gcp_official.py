"""Tables of the Google Cloud adapter pass the conformance suite on Google's own Firestore emulator, where there is one.

It demands no indexes and tells no function of changes: both are seen on our stand-in, in test_gcp.py.
"""

import pytest

from portable.adapter import find_adapter
from portable.testing import conformance
from portable.testing.conformance.harness import Harness
from tests.gcp_stack.official_front import OfficialFront, firestore_official, official_stack

__all__ = ["firestore_official", "official_stack"]


@pytest.fixture
def harness(official_stack: OfficialFront) -> Harness:
    return Harness(find_adapter("gcp"))


class TestTables(conformance.TableConformance): ...


class TestTableTypes(conformance.TableTypesConformance): ...


class TestTableQueries(conformance.TableQueryConformance): ...


class TestTableConcurrency(conformance.TableConcurrencyConformance): ...


class Programs(conformance.ModelConformance):
    programs = 3


@pytest.mark.slow
class TestTableModel:
    def test_a_table_answers_any_program_as_a_dict_does(self, harness: Harness) -> None:
        Programs().test_a_table_answers_any_program_as_a_dict_does(harness)
