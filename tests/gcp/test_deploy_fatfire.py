"""fatfire on the stack: three services, uploads, tasks, a topic and changes of tables, from a deploy to a net worth.

The number is the one that examples/fatfire/tests pins, worked out once by other means.
"""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.gcp.deploying import Deployed, copy_of
from tests.gcp_stack.host_fixtures import Host, gcp_host

__all__ = ["gcp_host"]

NET_WORTH = "2111752.59"
NAME = """

@service.get("/users/{user}/name")
def read_name(user: str) -> dict[str, str]:
    return {"id": users.require(user).id}
"""


@pytest.fixture
def fatfire(gcp_host: Host, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Generator[Deployed]:
    with copy_of("fatfire", tmp_path / "fatfire", gcp_host, capfd) as found:
        yield found


def test_the_sample_household_is_worth_what_it_is_worth_elsewhere(fatfire: Deployed) -> None:
    outputs = fatfire.deploy()["outputs"]
    status, records = fatfire.request("POST", "/api/users/me/sample")
    assert status == 202, records
    assert len(records) == 4
    target = "/api/users/me/net-worth?on=2026-10-31"
    fatfire.seen(lambda: fatfire.request("GET", target)[1].get("net_worth"), NET_WORTH)
    history = "/api/users/me/history"
    fatfire.seen(lambda: bool(fatfire.request("GET", history)[1]["points"]), True)

    assert [one for one in fatfire.judged() if one.role is None] == []
    assert len({one.account for one in fatfire.judged()}) > 5

    # An update of one service, with what the others have stored still there.
    code = fatfire.folder / "fatfire" / "services" / "core" / "users.py"
    code.write_text(code.read_text() + NAME)
    assert fatfire.deploy()["changed"]
    assert fatfire.request("GET", "/api/users/me/name") == (200, {"id": "me"})
    assert fatfire.request("GET", target)[1]["net_worth"] == NET_WORTH

    gone = fatfire.on_stage("destroy --yes")
    assert gone["deleted"] == []
    buckets = {name for output, name in outputs.items() if "Bucket" in output}
    param = f"secret {fatfire.names.value('param', 'exchange.rates-url')}"
    buckets |= {fatfire.names.release_bucket(), fatfire.names.lock_bucket()}
    kept = {"database fatfire-dev", param, *(f"bucket {name}" for name in buckets)}
    assert fatfire.left() == kept
