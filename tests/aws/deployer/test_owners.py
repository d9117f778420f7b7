"""Names of two apps can be one: what is another's is neither taken over nor deleted. Over our fake.

`prod-notes` of the app `shop` in the stage `dev` and `notes` of `shop-dev` in `prod` are both `shop-dev-prod-notes`.
"""

from typing import Any

import pytest

from portable.errors import ConfigurationError
from tests.aws.deployer.fake_aws import FakeAws
from tests.aws.deployer.shop import STACK, Shop, app_of

TABLE = "shop-dev-prod-notes"
BUCKET = "shop-dev-prod-files-123456789012-eu-central-1"
OURS = {"app": "shop", "stage": "dev", "service": "shop"}
THEIRS = {"app": "shop-dev", "stage": "prod", "service": "shop-dev"}


def put(aws: FakeAws, name: str, tags: dict[str, str]) -> None:
    """A table or bucket that belongs to no stack of ours."""
    kind = "AWS::DynamoDB::Table" if name == TABLE else "AWS::S3::Bucket"
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    aws.change(lambda state: state["world"].update({name: {"type": kind, "stack": None, "tags": listed}}))


def app_with(name: str) -> Any:
    return app_of(tables=("orders", "prod-notes")) if name == TABLE else app_of(buckets=("prod-files",))


@pytest.mark.parametrize("name", [TABLE, BUCKET])
@pytest.mark.parametrize(
    ("tags", "said"),
    [
        (THEIRS, "is of shop-dev in prod"),
        ({**OURS, "stage": "qa"}, "is of shop in qa"),
        ({**OURS, "app": "stop"}, "is of stop in dev"),
        ({}, "is nobody's by its tags"),
        ({"app": "shop"}, "is nobody's by its tags"),
    ],
    ids=["another app", "another stage", "another app of the stage", "no tags", "half of the tags"],
)
def test_what_is_another_apps_is_neither_taken_over_nor_deleted(
    shop: Shop, aws: FakeAws, name: str, tags: dict[str, str], said: str
) -> None:
    put(aws, name, tags)
    app = app_with(name)
    # A plan says so before a deploy does, and changes nothing.
    assert [note for note in shop.plan(app).steps if "will be refused: " in note and f"{name} {said}" in note]
    assert shop.plan().steps == ()
    with pytest.raises(ConfigurationError, match=f"{name} {said}"):
        shop.deploy(app)
    # As the first deploy and as an update: nothing was changed.
    assert shop.status() is None
    shop.deploy()
    before = aws.stack(STACK)
    with pytest.raises(ConfigurationError, match=f"{name} {said}"):
        shop.deploy(app)
    assert aws.stack(STACK) == before
    assert "cloudformation.ExecuteChangeSet" not in aws.calls()[-3:]
    with pytest.raises(ConfigurationError, match=f"{name} {said}"):
        shop.destroy(name, app=app)
    assert aws.stack(STACK) == before
    # It is not among what a destroy keeps either: it was never this stage's.
    assert name not in shop.destroy(app=app).kept
    with pytest.raises(ConfigurationError, match=f"{name} {said}"):
        shop.destroy(name, app=app)
    assert name in aws.world()


@pytest.mark.parametrize("name", [TABLE, BUCKET])
def test_what_is_this_stages_by_its_tags_is(shop: Shop, aws: FakeAws, name: str) -> None:
    put(aws, name, {"cost": "7", **OURS})
    app = app_with(name)
    assert shop.plan(app).steps == ()
    shop.deploy(app)
    assert shop.plan(app).steps == ()
    assert name in shop.destroy(app=app).kept
    assert shop.destroy(name, app=app).deleted == (name,)


def test_what_the_stack_has_is_deleted_whatever_its_tags_became(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    aws.change(lambda state: state["world"]["shop-dev-orders"].update(tags=[]))
    assert shop.deploy(code="2").is_changed
    aws.change(lambda state: state["world"]["shop-dev-orders"].update(tags=[]))
    assert shop.destroy("orders").deleted == ("shop-dev-orders",)
