"""Queues that are not needed any more are at rest, and wake when they are declared again: Google keeps their names."""

from typing import Any

import pytest

from portable.errors import ConfigurationError, DeployFailed
from tests.gcp.deployer.fake_google import PROJECT, REGION, Google
from tests.gcp.deployer.shop import Shop, Watching, app_of
from tests.gcp_stack.front import error

QUEUE = f"projects/{PROJECT}/locations/{REGION}/queues/shop-dev-pack"
OTHER = app_of(tasks=("ship",))


def queue(google: Google) -> dict[str, Any]:
    found: dict[str, Any] = google.project.resources[QUEUE]
    return found


def test_a_queue_that_is_not_declared_any_more_is_emptied_and_paused(shop: Shop, google: Google) -> None:
    shop.deploy()
    google.calls.clear()
    shop.deploy(OTHER)
    assert queue(google)["state"] == "PAUSED"
    assert f"cloudtasks POST /v2/{QUEUE}:purge" in google.calls
    assert not [call for call in google.calls if call.startswith("cloudtasks DELETE")]
    # For a deploy it is gone.
    assert not shop.deploy(OTHER).is_changed
    [change] = [one for one in shop.plan(app_of(tasks=("pack", "ship"))).changes if one.id == "queue:pack"]
    assert change.action == "create"


@pytest.mark.parametrize("how", ["deploy", "rollback", "destroy and deploy"])
def test_a_queue_at_rest_wakes_empty_as_it_is_declared_now(shop: Shop, google: Google, how: str) -> None:
    shop.deploy()
    before = queue(google)
    if how == "destroy and deploy":
        shop.destroy()
    else:
        shop.deploy(OTHER)
    google.calls.clear()
    if how == "rollback":
        shop.rollback(1)
    else:
        shop.deploy()
    assert queue(google) == {**before, "state": "RUNNING"}
    assert f"cloudtasks POST /v2/{QUEUE}:purge" in google.calls


def test_no_queue_is_deleted_where_its_name_would_be_taken_for_days(shop: Shop, google: Google) -> None:
    both = app_of(tasks=("pack", "ship"))
    shop.deploy(both)
    shop.deploy()
    watcher = Watching()
    shop.deploy(OTHER, watcher=watcher)
    [plan] = watcher.plans
    [change] = [one for one in plan.changes if one.id == "queue:pack"]
    assert change.reasons == ("it is not declared any more; what waits in it is lost",)
    shop.rollback(1)
    shop.destroy()
    shop.deploy(both)
    assert google.project.buried == set()
    # A person's deletion is told in Google's words.
    name = {"name": QUEUE}
    shop.clients.library("cloudtasks").delete_queue(request=name)
    with pytest.raises(DeployFailed, match="existed too recently"):
        shop.deploy(both)


def test_a_queue_that_a_person_paused_stays_paused(shop: Shop, google: Google) -> None:
    shop.deploy()
    queue(google)["state"] = "PAUSED"
    assert not shop.deploy().is_changed
    assert queue(google)["state"] == "PAUSED"


def test_somebody_elses_queue_is_not_woken(shop: Shop, google: Google) -> None:
    google.project.enabled.add("cloudtasks")
    google.project.resources[QUEUE] = {"name": QUEUE, "state": "PAUSED"}
    with pytest.raises(ConfigurationError, match="does not say whose it is"):
        shop.deploy()


@pytest.mark.parametrize("part", ["PATCH", ":purge", ":pause", ":resume"])
def test_falling_asleep_and_waking_go_on_where_they_were_interrupted(shop: Shop, google: Google, part: str) -> None:
    left = [1]

    def hook(when: str, service: str, request: Any) -> Any:
        if when == "after" and service == "cloudtasks" and left[0] and part in f"{request.verb} {request.path}":
            left[0] -= 1
            return error("PERMISSION_DENIED", "interrupted")
        return None

    shop.deploy()
    before = queue(google)
    google.hook = hook
    for app in (OTHER, OTHER, None, None):
        try:
            shop.deploy(app)
        except Exception:
            assert left == [0]
        else:
            assert queue(google)["state"] == ("PAUSED" if app is OTHER else "RUNNING")
    assert left == [0]
    assert {key: queue(google)[key] for key in ("httpTarget", "retryConfig", "state")} == {
        "httpTarget": before["httpTarget"], "retryConfig": before["retryConfig"], "state": "RUNNING",
    }  # fmt: skip
