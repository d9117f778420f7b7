"""What was changed in AWS by hand: named by a plan, and no hindrance that a deploy does not speak of. Over our fake."""

import pytest

from portable.errors import DeployFailed
from tests.aws.deployer.fake_aws import FakeAws
from tests.aws.deployer.shop import Shop, app_of


def test_a_plan_names_what_was_changed_and_what_was_deleted_by_hand(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    assert shop.deployer.plan(shop.options(), drift=True).steps == ()
    change = {
        "PropertyPath": "/RetentionInDays",
        "ExpectedValue": "30",
        "ActualValue": "1",
        "DifferenceType": "NOT_EQUAL",
    }
    aws.change(lambda state: state["world"]["/aws/lambda/shop-dev-pack"].update(changed=[change]))
    aws.change(lambda state: state["world"].pop("shop-dev-orders"))
    steps = shop.deployer.plan(shop.options(), drift=True).steps
    assert len(steps) == 2
    changed, gone = steps
    group = "log group /aws/lambda/shop-dev-pack (HandlerPackLogs)"
    assert changed == f"{group} was changed past CloudFormation: RetentionInDays: 30 -> 1"
    assert gone.startswith("table shop-dev-orders (TableOrders) is gone")
    assert shop.deployer.plan(shop.options()).steps == ()


def test_what_is_not_deployed_has_no_drift(shop: Shop) -> None:
    assert shop.deployer.plan(shop.options(), drift=True).steps == ()


def test_an_update_of_what_was_deleted_by_hand_fails_by_its_name(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    aws.fail("HandlerPackFunction", "update", "Function not found: shop-dev-pack (Service: Lambda, Status Code: 404)")
    with pytest.raises(
        DeployFailed, match=r"function shop-dev-pack \(HandlerPackFunction\) failed: Function not found"
    ):
        shop.deploy(code="2")
    aws.mend()
    assert shop.deploy(app_of(), code="2").is_changed
