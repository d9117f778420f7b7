import pytest

from portable.adapter import find_adapter
from portable.testing.conformance.harness import Harness, Stand

CLOUDS = ("test_aws.py", "test_gcp.py", "test_gcp_official.py")
SLOW_IN_A_CLOUD = frozenset(
    {
        "test_a_thousand_and_one_objects_need_two_pages",
        "test_every_odd_key_comes_back_byte_for_byte_in_both_places",
        "test_every_one_of_many_is_run",
        "test_one_that_keeps_failing_holds_up_no_other",
        "test_random_keys_list_as_the_contract_says",
        "test_what_threads_send_at_once_is_all_run",
    }
)
"""What takes longest there, and says little that another test does not."""
SLOW_PARTS_IN_A_CLOUD = frozenset(
    {"bucket_keys", "events", "idempotency", "idempotency_results", "models", "table_model", "task_payloads"}
)
"""Modules of the suite about what is above the driver line, the same code everywhere, and random programs.

They run on clouds in `make test-full`.
"""
HTTP_OF_A_PROVIDER = frozenset({"http_bodies", "http_exchange", "http_limits"})
"""What a gateway can get wrong. The rest of HTTP is above the driver line too."""

RUNTIME = Stand(
    "the local runtime in the test's process; the processes of `portable dev` have tests of their own", "itself"
)


def is_slow_in_a_cloud(item: pytest.Function) -> bool:
    part = item.function.__module__.rpartition(".")[2]
    if part.startswith("http_"):
        return part not in HTTP_OF_A_PROVIDER
    return part in SLOW_PARTS_IN_A_CLOUD or item.name.partition("[")[0] in SLOW_IN_A_CLOUD


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is slow on some adapters and not on all, before pytest leaves out what is slow."""
    for item in items:
        if item.path.name in CLOUDS and isinstance(item, pytest.Function) and is_slow_in_a_cloud(item):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def harness() -> Harness:
    return Harness(find_adapter("local"), {"runtime": RUNTIME})
