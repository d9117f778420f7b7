"""What was changed past the deploys is told by a plan, and is as it was after the next deploy. Over our fake."""

from tests.gcp.deployer.fake_google import PROJECT, Google
from tests.gcp.deployer.shop import Shop

PLACE = f"projects/{PROJECT}/locations/europe-west1"


def test_a_plan_names_what_was_changed_and_what_was_deleted_by_hand(shop: Shop, google: Google) -> None:
    shop.deploy()
    google.project.resources[f"{PLACE}/functions/shop-dev-pack"]["serviceConfig"]["timeoutSeconds"] = 7
    del google.project.resources[f"{PLACE}/queues/shop-dev-pack"]
    plan = shop.plan(drift=True)
    assert plan.steps == (
        "function pack was changed past the deploys: serviceConfig/timeoutSeconds",
        "queue pack was deleted past the deploys",
    )
    changes = {one.id: one for one in plan.changes if one.action != "keep"}
    assert changes["function:handler:pack"].reasons == ("serviceConfig/timeoutSeconds: 7 becomes 302",)
    assert changes["queue:pack"].action == "create"
    assert changes["access:queue:pack"].action == "create"
    shop.deploy()
    assert shop.plan(drift=True).steps == ()
    assert shop.plan().is_empty


def test_an_environment_has_nothing_but_what_a_deploy_puts_there(shop: Shop, google: Google) -> None:
    shop.deploy()
    made = google.project.resources[f"{PLACE}/functions/shop-dev-pack"]["serviceConfig"]
    made["environmentVariables"]["BACKDOOR"] = "1"
    [change] = [one for one in shop.plan().changes if one.action != "keep"]
    assert change.reasons == ("serviceConfig/environmentVariables/BACKDOOR: 1 becomes nothing",)


def test_what_is_not_deployed_has_no_drift(shop: Shop) -> None:
    assert shop.plan(drift=True).steps == ()
