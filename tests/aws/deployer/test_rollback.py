"""Releases, and going back to one: code and configuration do, data does not. Over our fake."""

import base64
import json

import pytest
from portable_aws.kept_data import with_data_kept
from portable_aws.releases import nested_keys
from portable_aws.stacks import Template, key_of, text_of

from portable.errors import NotFound
from tests.aws.deployer.fake_aws import FakeAws
from tests.aws.deployer.shop import STACK, Shop, app_of


def zip_of(aws: FakeAws, function: str = "HandlerPackFunction") -> str:
    stack = aws.stack(STACK)
    assert stack is not None
    return str(stack["template"]["Resources"][function]["Properties"]["Code"]["S3Key"])


def test_rollback_goes_back_to_the_release_before(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    first = zip_of(aws)
    shop.deploy(code="2")
    assert zip_of(aws) != first
    done = shop.rollback()
    assert zip_of(aws) == first
    assert done.release is not None
    assert (done.release.number, done.release.of) == (3, 1)
    assert [one.number for one in shop.deployer.releases()] == [1, 2, 3]


def test_rollback_to_a_release_by_its_number(shop: Shop, aws: FakeAws) -> None:
    zips = []
    for code in ("1", "2", "3"):
        shop.deploy(code=code)
        zips.append(zip_of(aws))
    shop.rollback(1)
    assert zip_of(aws) == zips[0]
    shop.rollback(3)
    assert zip_of(aws) == zips[2]


def test_tables_that_have_come_since_stay_where_they_are(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    shop.deploy(app_of(tables=("orders", "lines"), tasks=("pack", "ship")), code="2")
    shop.rollback(1)
    stack = aws.stack(STACK)
    assert stack is not None
    assert "TableLines" in stack["resources"]
    assert "HandlerShipFunction" not in stack["resources"]
    # And the next deploy finds it where it was.
    plan = shop.deployer.plan(shop.options(app_of(tables=("orders", "lines"), tasks=("pack", "ship")), code="2"))
    assert next(one.action for one in plan.changes if one.id == "TableLines") == "keep"
    assert plan.endangered() == []


def protected(aws: FakeAws) -> dict[str, tuple[bool, bool]]:
    """Of each table: whether it cannot be deleted, and can be restored."""
    stack = aws.stack(STACK)
    assert stack is not None
    return {
        id: (
            one["Properties"]["DeletionProtectionEnabled"],
            one["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        )
        for id, one in stack["template"]["Resources"].items()
        if one["Type"] == "AWS::DynamoDB::Table"
    }


def test_a_rollback_to_before_production_takes_no_protection_off(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    assert set(protected(aws).values()) == {(False, False)}
    shop.is_prod = True
    shop.deploy(app_of(tables=("orders", "lines")), code="2")
    shop.rollback(1)
    assert protected(aws) == dict.fromkeys(("StateTable", "TableOrders", "TableLines"), (True, True))
    assert shop.deployer.is_prod() is True
    # And from the release of the rollback, and for a table that was given up since.
    shop.deploy(app_of(tables=("lines",)), code="3", lose=("shop-dev-orders",))
    shop.aws.change(lambda state: state["world"].pop("shop-dev-orders"))
    shop.rollback(3)
    assert protected(aws) == dict.fromkeys(("StateTable", "TableOrders", "TableLines"), (True, True))
    shop.is_prod = False
    shop.deploy(app_of(tables=("orders", "lines")), code="4")
    assert set(protected(aws).values()) == {(False, False)}
    # What was taken off stays off, too.
    shop.rollback(2)
    assert shop.deployer.is_prod() is False
    assert set(protected(aws).values()) == {(False, False)}


def retentions(aws: FakeAws) -> dict[str, int | None]:
    """For how many days the deployed groups of logs keep them."""
    stack = aws.stack(STACK)
    assert stack is not None
    return {
        id: one["Properties"].get("RetentionInDays")
        for id, one in stack["template"]["Resources"].items()
        if one["Type"] == "AWS::Logs::LogGroup"
    }


def test_a_rollback_to_before_production_ends_no_logs_early(shop: Shop, aws: FakeAws) -> None:
    """CloudWatch takes away at once what is older than a new time."""
    shop.deploy(app_of(tasks=("pack", "send")))
    assert set(retentions(aws).values()) == {30}
    shop.is_prod = True
    shop.deploy(app_of(tasks=("pack",)), code="2")
    assert set(retentions(aws).values()) == {365}
    shop.rollback(1)
    # Also of a function that was given up since.
    assert retentions(aws) == {"HandlerPackLogs": 365, "HandlerSendLogs": 365}
    shop.is_prod = False
    shop.deploy(code="3")
    assert set(retentions(aws).values()) == {30}
    shop.rollback(2)
    assert set(retentions(aws).values()) == {365}


def test_logs_of_nested_stacks_are_kept_too_and_those_for_ever_for_ever() -> None:
    def template(days: dict[str, int | None]) -> Template:
        groups = {
            id: {"Type": "AWS::Logs::LogGroup", "Properties": {} if many is None else {"RetentionInDays": many}}
            for id, many in days.items()
        }
        inner = {"Resources": {id: groups[id] for id in groups if id != "A"}}
        url = {"Fn::Sub": f"https://${{ArtifactBucket}}.s3/{key_of(text_of(inner))}"}
        host = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
        root = {"Metadata": {"Portable": {}}, "Resources": {"A": groups["A"], "PartStack": host}}
        return Template(root, {"PartStack": inner}, {}, ())

    old, now = template({"A": 30, "B": 7, "C": 90, "D": 30}), template({"A": 365, "B": 30, "C": 60, "D": None})
    kept = with_data_kept(old, now)
    assert kept.root["Resources"]["A"]["Properties"] == {"RetentionInDays": 365}
    inside = {id: one["Properties"] for id, one in kept.nested["PartStack"]["Resources"].items()}
    assert inside == {"B": {"RetentionInDays": 30}, "C": {"RetentionInDays": 90}, "D": {}}
    assert nested_keys(kept.root) == {"PartStack": key_of(kept.text("PartStack"))}
    assert old.nested["PartStack"]["Resources"]["B"]["Properties"] == {"RetentionInDays": 7}
    again = with_data_kept(now, now)
    assert again.nested["PartStack"] is now.nested["PartStack"]


def test_a_release_that_there_is_not_is_named_with_those_that_there_are(shop: Shop) -> None:
    shop.deploy()
    with pytest.raises(NotFound, match="no release 7") as caught:
        shop.rollback(7)
    assert "there are: 1" in str(caught.value.hint)
    with pytest.raises(NotFound, match="no release before"):
        shop.rollback()


def test_a_release_whose_code_is_gone_is_refused_before_anything_is_changed(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    key = zip_of(aws)
    shop.deploy(code="2")
    aws.change(lambda state: state["objects"].pop(key))
    aws.change(lambda state: state["calls"].clear())
    with pytest.raises(NotFound, match=f"release 1 of shop in dev .* {key} is not in portable-.* any more") as caught:
        shop.rollback(1)
    assert "portable releases" in str(caught.value.hint)
    assert not [call for call in aws.calls() if "change_set" in call]
    assert shop.status() == "UPDATE_COMPLETE"
    # What is deployed now is no matter of it.
    assert shop.rollback(2).is_changed is False


def test_a_release_holds_no_values_and_no_more_than_the_template_says(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    body = base64.b64decode(aws.read()["objects"]["releases/shop-dev/000001.json"]["body"]).decode()
    assert set(json.loads(body)) == {
        "format", "portable", "number", "at", "by", "python", "architecture", "functions", "of", "template",
        "identity", "is_prod",
    }  # fmt: skip
