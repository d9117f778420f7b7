"""Every state that a stack can be in has a way out, and what a deploy says on the way. Over our fake (fake_aws.py)."""

from typing import Any, get_args

import pytest
from portable_aws.changesets import (
    TO_DEPLOY,
    ChangeSet,
    Move,
    Stack,
    is_settled,
    merged,
    move_to_deploy,
    move_to_destroy,
    verdict,
)

from portable import App
from portable.adapter import Choices
from portable.deploy.plan import Plan
from portable.errors import ConfigurationError, DataAtRisk, DeployFailed, InvalidArgument, NotFound, ProjectConflict
from tests.aws.deployer.fake_aws import REGION, FakeAws
from tests.aws.deployer.fake_cloudformation import CloudFormation
from tests.aws.deployer.shop import STACK, Shop, Watching, app_of


def documented() -> list[str]:
    """All states that AWS's own description of the interface knows."""
    import botocore.session

    model = botocore.session.get_session().get_service_model("cloudformation")
    found: list[str] = model.shape_for("StackStatus").enum
    return found


@pytest.mark.parametrize("status", documented())
def test_every_state_that_aws_knows_has_a_way_out(status: str) -> None:
    stack = Stack("arn", status, "", {})
    assert move_to_deploy(stack) in get_args(Move)
    if is_settled(status):
        assert status in TO_DEPLOY
        assert move_to_destroy(stack) == ("done" if status == "DELETE_COMPLETE" else "delete")
    else:
        assert move_to_deploy(stack) == move_to_destroy(stack) == "wait"


def test_a_state_that_aws_adds_is_waited_out() -> None:
    assert move_to_deploy(Stack("arn", "SOMETHING_NEW", "", {})) == "wait"


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        ("CREATE_PENDING", "", "wait"),
        ("CREATE_IN_PROGRESS", "", "wait"),
        ("CREATE_COMPLETE", "", "ready"),
        ("FAILED", "The submitted information didn't contain changes. Submit different information", "nothing"),
        ("FAILED", "No updates are to be performed.", "nothing"),
        ("FAILED", "Transform failed", "failed"),
        ("DELETE_COMPLETE", "", "failed"),
    ],
)
def test_what_becomes_of_a_change_set(status: str, reason: str, expected: str) -> None:
    assert verdict(ChangeSet(status, reason, ())) == expected


def test_a_first_deploy_makes_bucket_stack_and_release(shop: Shop, aws: FakeAws) -> None:
    watcher = Watching()
    done = shop.deploy(watcher=watcher)
    assert done.is_changed
    assert done.release is not None
    assert done.release.number == 1
    assert shop.status() == "CREATE_COMPLETE"
    settings = aws.read()["buckets"]["portable-123456789012-eu-central-1"]
    assert settings["put_bucket_versioning"]["VersioningConfiguration"] == {"Status": "Enabled"}
    assert all(settings["put_public_access_block"]["PublicAccessBlockConfiguration"].values())
    assert "aws:SecureTransport" in settings["put_bucket_policy"]["Policy"]
    assert "put_bucket_encryption" in settings
    assert [step.state for step in watcher.steps if step.id == "TableOrders"] == ["started", "done"]
    assert done.outputs["TableOrdersName"] == "value of TableOrdersName"


def test_the_steps_of_a_deploy_are_told_in_order_and_once(shop: Shop, aws: FakeAws) -> None:
    watcher = Watching()
    shop.deploy(watcher=watcher)
    stack = aws.stack(STACK)
    assert stack is not None
    there = [(one["LogicalResourceId"], one["ResourceStatus"]) for one in stack["events"]]
    # The first is from before the deploy's own operation.
    assert [(step.id, step.status) for step in watcher.steps] == there[1:]
    assert len(there) > 20


def test_nothing_to_change_is_a_success_and_no_new_release(shop: Shop) -> None:
    shop.deploy()
    again = shop.deploy()
    assert not again.is_changed
    assert again.release is not None
    assert again.release.number == 1
    assert shop.status() == "CREATE_COMPLETE"


def test_other_code_is_an_update_and_a_release(shop: Shop) -> None:
    shop.deploy()
    again = shop.deploy(code="2")
    assert again.is_changed
    assert again.release is not None
    assert again.release.number == 2
    assert [one.number for one in shop.deployer.releases()] == [1, 2]


def test_zips_that_are_there_are_not_sent_again(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    before = {key: one["at"] for key, one in aws.read()["objects"].items() if key.startswith("functions/")}
    shop.deploy(app_of(tables=("orders", "lines")))
    after = {key: one["at"] for key, one in aws.read()["objects"].items() if key.startswith("functions/")}
    assert before
    assert before == after


def test_a_plan_changes_nothing(shop: Shop, aws: FakeAws) -> None:
    plan = shop.deployer.plan(shop.options())
    assert plan.counts()["create"] > 5
    assert aws.read()["buckets"] == {}
    shop.deploy()
    before = aws.read()
    assert shop.deployer.plan(shop.options()).is_empty
    assert [one.id for one in shop.deployer.plan(shop.options(code="2")).changes if one.action == "update"] == [
        "HandlerPackFunction"
    ]
    after = aws.read()
    assert {key: after[key] for key in after if key != "calls"} == {
        key: before[key] for key in before if key != "calls"
    }


def test_a_change_that_is_not_agreed_to_leaves_nothing(shop: Shop) -> None:
    done = shop.deploy(watcher=Watching(agrees=False))
    assert done.release is None
    assert shop.status() is None
    assert shop.deployer.releases() == []


def test_a_failed_first_deploy_names_the_first_resource_and_the_next_one_makes_it_anew(
    shop: Shop, aws: FakeAws
) -> None:
    aws.fail("HandlerPackFunction", "create", "Unzipped size must be smaller than 262144000 bytes")
    with pytest.raises(DeployFailed, match=r"function .*HandlerPackFunction.* failed: Unzipped size") as caught:
        shop.deploy()
    assert caught.value.resource == "HandlerPackFunction"
    assert shop.status() == "ROLLBACK_COMPLETE"
    # Tables are retained, also by a rollback.
    assert "shop-dev-orders" in aws.world()
    aws.mend()
    watcher = Watching()
    assert shop.deploy(watcher=watcher).is_changed
    assert shop.status() == "CREATE_COMPLETE"
    assert any("ROLLBACK_COMPLETE" in text for text in watcher.said)
    assert len(watcher.plans) == 1


def test_what_a_destroy_has_kept_is_said_to_be_taken_over(shop: Shop) -> None:
    shop.deploy()
    shop.destroy()
    watcher = Watching()
    shop.deploy(watcher=watcher)
    taken = next(one for one in watcher.plans[0].changes if one.id == "TableOrders")
    assert "taken over" in taken.reasons[0]


STUCK = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "UPDATE_FAILED")


@pytest.mark.parametrize("status", [*STUCK, "UPDATE_ROLLBACK_FAILED", "IMPORT_ROLLBACK_FAILED"])
@pytest.mark.parametrize("verb", ["deploy", "rollback"])
def test_a_stack_that_is_stuck_is_as_it_was_until_somebody_agrees(
    shop: Shop, aws: FakeAws, status: str, verb: str
) -> None:
    shop.deploy()
    aws.change(lambda state: next(iter(state["stacks"].values())).update(status=status))
    before, world = aws.stack(STACK), aws.world()
    watcher = Watching(agrees=False)
    done = shop.deploy(code="2", watcher=watcher) if verb == "deploy" else shop.deployer.rollback(1, Choices(), watcher)
    assert done.release is None
    [plan] = watcher.plans
    assert plan.steps[0].startswith(f"the stack is {status}: ")
    assert aws.stack(STACK) == before
    assert aws.world() == world


@pytest.mark.parametrize("status", STUCK)
def test_the_question_is_asked_once_if_all_is_as_it_was_shown(shop: Shop, aws: FakeAws, status: str) -> None:
    shop.deploy()
    aws.change(lambda state: next(iter(state["stacks"].values())).update(status=status))
    watcher = Watching()
    assert shop.deploy(code="2", watcher=watcher).is_changed
    assert len(watcher.plans) == 1
    assert watcher.plans[0].steps


def test_the_question_is_asked_again_if_the_plan_has_become_another_one(shop: Shop, aws: FakeAws) -> None:
    class Meddling(Watching):
        def say(self, text: str) -> None:
            super().say(text)
            if "is undone first" in text:
                aws.change(taken_back)

    def taken_back(state: dict[str, Any]) -> None:
        stack = next(iter(state["stacks"].values()))
        del stack["template"]["Resources"]["HandlerPackLogs"]
        del state["world"][stack["resources"].pop("HandlerPackLogs")["physical"]]

    shop.deploy()
    aws.change(lambda state: next(iter(state["stacks"].values())).update(status="UPDATE_FAILED"))
    watcher = Meddling()
    shop.deploy(code="2", watcher=watcher)
    first, second = watcher.plans
    assert "HandlerPackLogs" not in {one.id for one in first.changes if one.action == "create"}
    assert "HandlerPackLogs" in {one.id for one in second.changes if one.action == "create"}


def test_another_key_that_is_meant_is_no_news_to_the_next_deploy(shop: Shop, aws: FakeAws) -> None:
    def app_with(key: str) -> App:
        app = app_of(tables=())
        app.table("orders", key=key)
        return app

    shop.deploy(app_with("id"))
    with pytest.raises(DataAtRisk, match=r"its key is \(id\) and would be \(number\)"):
        shop.deploy(app_with("number"))
    # The code of no function has changed, and no property of a resource.
    assert shop.deploy(app_with("number"), lose=("shop-dev-orders",)).is_changed
    assert not shop.deploy(app_with("number")).is_changed
    with pytest.raises(DataAtRisk, match="orders"):
        shop.deploy(app_with("id"))


def test_data_at_risk_is_refused_before_a_stack_that_is_stuck_is_touched(shop: Shop, aws: FakeAws) -> None:
    shop.deploy(app_of(tables=("orders", "lines")))
    aws.change(lambda state: next(iter(state["stacks"].values())).update(status="UPDATE_FAILED"))
    with pytest.raises(DataAtRisk, match="lines"):
        shop.deploy(app_of())
    assert shop.status() == "UPDATE_FAILED"


def test_a_failed_update_is_undone_and_the_next_one_goes_on_from_there(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    aws.fail("HandlerPackFunction", "update", "code is broken")
    with pytest.raises(DeployFailed, match="code is broken"):
        shop.deploy(code="2")
    assert shop.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert [one.number for one in shop.deployer.releases()] == [1]
    aws.mend()
    assert shop.deploy(code="2").is_changed
    assert shop.status() == "UPDATE_COMPLETE"


def failed_undoing(shop: Shop, aws: FakeAws) -> None:
    """Brings the stack to UPDATE_ROLLBACK_FAILED: one task's function cannot be updated, another's not undone."""
    app = app_of(tasks=("pack", "ship"))
    shop.deploy(app)
    aws.fail("HandlerShipFunction", "update", "code is broken")
    aws.fail("HandlerPackFunction", "undo", "role is gone")
    with pytest.raises(DeployFailed, match="code is broken") as caught:
        shop.deploy(app, code="2")
    assert "--skip" in str(caught.value.hint)
    assert shop.status() == "UPDATE_ROLLBACK_FAILED"


def test_an_undoing_that_failed_is_taken_up_again_once_the_cause_is_mended(shop: Shop, aws: FakeAws) -> None:
    failed_undoing(shop, aws)
    aws.mend()
    assert shop.deploy(app_of(tasks=("pack", "ship")), code="2").is_changed
    assert shop.status() == "UPDATE_COMPLETE"


def test_an_undoing_that_fails_again_names_what_hinders_it_and_skips_what_it_is_told(shop: Shop, aws: FakeAws) -> None:
    failed_undoing(shop, aws)
    with pytest.raises(DeployFailed, match="role is gone") as caught:
        shop.deploy(app_of(tasks=("pack", "ship")), code="2")
    assert caught.value.resource == "HandlerPackFunction"
    aws.change(lambda state: state["fail"].pop("HandlerShipFunction"))
    assert shop.deploy(app_of(tasks=("pack", "ship")), code="3", skip=("HandlerPackFunction",)).is_changed
    assert shop.status() == "UPDATE_COMPLETE"


def test_skipping_where_nothing_failed_is_refused(shop: Shop) -> None:
    with pytest.raises(InvalidArgument, match="nothing can be skipped"):
        shop.deploy(skip=("HandlerPackFunction",))


def test_an_update_that_was_left_failed_is_rolled_back_first(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    aws.change(lambda state: next(iter(state["stacks"].values())).update(status="UPDATE_FAILED"))
    assert shop.deploy(code="2").is_changed
    assert shop.status() == "UPDATE_COMPLETE"


@pytest.mark.parametrize("status", ["ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"])
def test_a_stack_that_takes_no_change_is_deleted_and_made_anew(shop: Shop, aws: FakeAws, status: str) -> None:
    shop.deploy()
    aws.change(lambda state: next(iter(state["stacks"].values())).update(status=status))
    assert shop.deploy().is_changed
    assert shop.status() == "CREATE_COMPLETE"
    assert "shop-dev-orders" in aws.world()


def test_a_first_change_set_that_never_ran_is_no_hindrance(shop: Shop, aws: FakeAws) -> None:
    class Stop(Exception):
        pass

    class Dying(Watching):
        def agree(self, plan: Plan) -> bool:
            raise Stop

    with pytest.raises(Stop):
        shop.deploy(watcher=Dying())
    assert shop.status() is None
    # As a killed process leaves it.
    shop.clients.cloudformation.create_change_set(
        StackName=STACK, ChangeSetName="left", ChangeSetType="CREATE", Capabilities=["CAPABILITY_NAMED_IAM"],
        TemplateURL="https://b.s3.eu-central-1.amazonaws.com/" + next(
            key for key in aws.read()["objects"] if key.startswith("templates/")
        ),
        Parameters=[{"ParameterKey": "ArtifactBucket", "ParameterValue": "b"}],
    )  # fmt: skip
    assert shop.status() == "REVIEW_IN_PROGRESS"
    assert shop.deploy().is_changed
    assert shop.status() == "CREATE_COMPLETE"


def working(status: str, then: str) -> Any:
    def change(state: dict[str, Any]) -> None:
        stack = next(iter(state["stacks"].values()))
        stack["status"] = status
        stack["queue"] = [["event", "TableOrders", "AWS::DynamoDB::Table", "x", "UPDATE_COMPLETE", ""]] * 30
        stack["queue"].append(["status", then, ""])

    return change


@pytest.mark.parametrize(
    ("status", "then"),
    [
        ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"),
        ("UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"),
        ("IMPORT_IN_PROGRESS", "IMPORT_COMPLETE"),
    ],
)
def test_what_aws_is_at_is_waited_for_or_refused(shop: Shop, aws: FakeAws, status: str, then: str) -> None:
    shop.deploy()
    aws.change(working(status, then))
    with pytest.raises(ProjectConflict, match="AWS is at work on"):
        shop.deploy(code="2", wait=False)
    watcher = Watching()
    assert shop.deploy(code="2", watcher=watcher).is_changed
    assert any("waiting for AWS" in text for text in watcher.said)
    assert shop.status() == "UPDATE_COMPLETE"


# Data


def test_a_table_that_is_declared_no_more_is_refused_by_name_before_anything_happens(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    before = [call for call in aws.calls() if "Execute" in call]
    with pytest.raises(DataAtRisk, match="shop-dev-orders") as caught:
        shop.deploy(app_of(tables=("others",)))
    assert caught.value.exit_code == 6
    assert [call for call in aws.calls() if "Execute" in call] == before
    assert shop.deploy(app_of(tables=("others",)), lose=("shop-dev-orders",)).is_changed
    # Named or not, CloudFormation keeps the table itself.
    assert "shop-dev-orders" in aws.world()


def test_a_replacement_that_only_cloudformation_sees_is_refused_as_well(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    aws.change(lambda state: state.update(replacing=["PointInTimeRecoverySpecification"]))
    shop.is_prod = True
    with pytest.raises(DataAtRisk, match="CloudFormation would replace it, because of"):
        shop.deploy()
    stack = aws.stack(STACK)
    assert stack is not None
    assert stack["change_sets"] == {}
    assert stack["status"] == "CREATE_COMPLETE"


def test_a_removal_in_a_change_set_that_the_plan_had_not_is_a_risk() -> None:
    change = {"ResourceChange": {"LogicalResourceId": "T", "ResourceType": "AWS::DynamoDB::Table", "Action": "Remove"}}
    plan = merged(Plan("a", "dev", "aws", ()), ChangeSet("CREATE_COMPLETE", "", (change,)))
    assert [one.id for one in plan.endangered()] == ["T"]


# Destroying


def test_destroy_keeps_data_stores_and_a_deploy_takes_them_over_again(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    done = shop.destroy()
    assert shop.status() is None
    assert set(aws.world()) == {"shop-dev-orders", "shop-dev--state"}
    assert set(done.kept) == {"shop-dev-orders", "shop-dev--state"}
    assert done.deleted == ()
    watcher = Watching()
    assert shop.deploy(watcher=watcher).is_changed
    assert shop.status() == "CREATE_COMPLETE"
    assert {one.id for one in watcher.plans[0].changes if "taken over" in " ".join(one.reasons)} == {
        "TableOrders",
        "StateTable",
    }


def test_buckets_are_taken_over_again_too_and_deleted_with_all_versions_if_named(shop: Shop, aws: FakeAws) -> None:
    """CloudFormation takes over only what has a name without references, which a packaged template has not."""
    app = app_of(buckets=("files",))
    bucket = "shop-dev-files-123456789012-eu-central-1"
    shop.deploy(app)
    versions = [["a", "1"], ["a", "2"], ["b", "1"]]
    aws.change(lambda state: state["world"][bucket].update(versions=versions))
    assert bucket in shop.destroy(app=app).kept
    watcher = Watching()
    shop.deploy(app, watcher=watcher)
    assert "taken over" in next(one for one in watcher.plans[0].changes if one.id == "BucketFiles").reasons[0]
    assert shop.deployer.plan(shop.options(app)).is_empty
    assert shop.destroy("bucket:files", app=app).deleted == (bucket,)
    assert bucket not in aws.world()


def test_destroy_deletes_the_data_that_is_named_also_when_the_stack_is_gone(shop: Shop, aws: FakeAws) -> None:
    shop.is_prod = True
    shop.deploy()
    aws.change(lambda state: state["world"]["shop-dev-orders"].update(protected=True))
    shop.destroy()
    done = shop.destroy("orders")
    assert done.deleted == ("shop-dev-orders",)
    assert set(aws.world()) == {"shop-dev--state"}
    assert shop.destroy("StateTable").kept == ()
    assert aws.world() == {}


def test_the_policy_of_a_kept_bucket_goes_with_the_stack_and_comes_with_the_next_one(shop: Shop, aws: FakeAws) -> None:
    app = app_of(buckets=("files",))
    shop.deploy(app)
    assert set(aws.world().values()) >= {"AWS::S3::Bucket", "AWS::S3::BucketPolicy"}
    shop.destroy(app=app)
    # S3 has one policy for a bucket, and CloudFormation neither makes a second one nor takes over what is there.
    assert set(aws.world().values()) == {"AWS::DynamoDB::Table", "AWS::S3::Bucket"}
    watcher = Watching()
    assert shop.deploy(app, watcher=watcher).is_changed
    assert shop.status() == "CREATE_COMPLETE"
    assert "AWS::S3::BucketPolicy" in aws.world().values()
    taken = next(one for one in watcher.plans[0].changes if one.id == "BucketFiles")
    assert "taken over" in taken.reasons[0]


def test_destroy_refuses_a_name_that_nothing_has_before_it_deletes(shop: Shop) -> None:
    shop.deploy()
    with pytest.raises(InvalidArgument, match="no data store is called 'order'"):
        shop.destroy("order")
    assert shop.status() == "CREATE_COMPLETE"


def test_a_resource_that_cannot_be_deleted_is_named_and_can_be_left_behind(shop: Shop, aws: FakeAws) -> None:
    shop.deploy()
    aws.fail("HandlerPackRole", "delete", "Cannot delete entity, must detach all policies first")
    with pytest.raises(DeployFailed, match="must detach all policies") as caught:
        shop.destroy()
    assert caught.value.resource == "HandlerPackRole"
    assert "--keep" in str(caught.value.hint)
    assert shop.status() == "DELETE_FAILED"
    shop.destroy(keep=("HandlerPackRole",))
    assert shop.status() is None


def test_an_app_without_functions_comes_to_have_some_and_loses_them_again(shop: Shop, aws: FakeAws) -> None:
    """The bucket of zips is a parameter of templates that have functions, and CloudFormation takes no other one."""
    for tasks in ((), ("pack",), ()):
        assert shop.deploy(app_of(tasks=tasks)).is_changed
        stack = aws.stack(STACK)
        assert stack is not None
        assert ("ArtifactBucket" in stack["template"].get("Parameters", {})) == bool(tasks)
    assert shop.rollback().is_changed


def test_what_is_not_deployed_has_no_outputs(shop: Shop) -> None:
    with pytest.raises(NotFound, match="shop is not deployed in dev"):
        shop.deployer.outputs()
    assert shop.deployer.is_prod() is None
    shop.deploy()
    assert shop.deployer.is_prod() is False
    assert "StateTable" in shop.deployer.outputs()


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "ROLLBACK_COMPLETE", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED"])
@pytest.mark.parametrize("is_yaml", [False, True], ids=["JSON", "YAML"])
def test_a_stack_of_others_is_not_touched(
    shop: Shop, aws: FakeAws, status: str, is_yaml: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deploy()
    shop.deploy(code="2")
    aws.change(lambda state: next(iter(state["stacks"].values()))["template"].pop("Metadata"))
    aws.change(lambda state: next(iter(state["stacks"].values())).update(status=status))
    if is_yaml:
        monkeypatch.setattr(
            CloudFormation, "get_template", lambda *_: {"TemplateBody": "Resources:\n  A: {Type: AWS::SNS::Topic}\n"}
        )
    for act in (shop.plan, lambda: shop.deploy(code="3"), shop.destroy, shop.rollback, shop.deployer.is_prod):
        with pytest.raises(ConfigurationError, match="portable has not made"):
            act()
    assert shop.status() == status


def test_what_is_left_of_production_stays_productions(aws: FakeAws) -> None:
    """Its tables outlive the stack: a deploy that does not say --prod again takes no protection off them."""
    prod = Shop(aws, is_prod=True)
    assert prod.deployer.is_prod() is None
    prod.deploy()
    prod.destroy()
    assert prod.status() is None
    assert prod.deployer.is_prod() is True
    prod.is_prod = False
    prod.deploy()
    assert prod.deployer.is_prod() is False
    prod.destroy()
    assert prod.deployer.is_prod() is False


def test_what_a_package_has_to_say_is_said_by_plan_and_deploy(shop: Shop, aws: FakeAws) -> None:
    """That it has no byte code, and what was left out of it: once, also where it is made twice."""
    shop.notes = ("there is no Python 3.14 on this machine",)
    assert shop.notes[0] in shop.plan().steps
    aws.fail("HandlerPackFunction", "create", "no")
    with pytest.raises(DeployFailed):
        shop.deploy()
    aws.mend()
    assert shop.status() == "ROLLBACK_COMPLETE"
    watcher = Watching()
    shop.deploy(watcher=watcher)
    assert watcher.said.count("note: there is no Python 3.14 on this machine") == 1
    watcher = Watching()
    assert not shop.deploy(watcher=watcher).is_changed
    assert watcher.said == ["note: there is no Python 3.14 on this machine"]


def test_destroying_what_is_not_there_says_so(shop: Shop) -> None:
    shop.deploy(app_of(buckets=("files",)))
    watcher = Watching()
    app = app_of(buckets=("files",))
    shop.destroy("orders", app=app, watcher=watcher)
    assert watcher.said == ["deleting table shop-dev-orders and all that is in it"]
    watcher = Watching()
    done = shop.destroy("orders", app=app, watcher=watcher)
    assert watcher.said == ["there is no stack shop-dev", "table shop-dev-orders is not there"]
    assert done.deleted == ()


def test_a_topic_of_another_region_is_refused_before_anything_is_changed(shop: Shop, aws: FakeAws) -> None:
    """CloudWatch would take none, in the middle of a first deploy."""
    topic = "arn:aws:sns:{}:123456789012:on-call"
    there, here = ({"dev": {"alarm_topics": [topic.format(region)]}} for region in ("us-west-2", REGION))
    for act in (
        shop.deployer.plan,
        lambda options: shop.deployer.deploy(options, Choices(), Watching()),
    ):
        with pytest.raises(ConfigurationError, match=f"on-call is in us-west-2, and the app is deployed to {REGION}"):
            act(shop.options()._replace(settings=there))
    assert shop.status() is None
    assert shop.deployer.deploy(shop.options()._replace(settings=here), Choices(), Watching()).is_changed
