"""A stage from nothing to deployed and gone again, over the fake control planes and by Google's own clients."""

import re
from typing import Any

import pytest

from portable import App
from portable.adapter import Step
from portable.errors import DataAtRisk, DeployFailed, InvalidArgument, NotFound, ProjectConflict
from tests.gcp.deployer.fake_google import PROJECT, Google
from tests.gcp.deployer.shop import Shop, Watching, app_of

BUCKET, LOCKS = "portable-europe-west1-3d098866", "portable-locks-3d098866"
FUNCTION = f"projects/{PROJECT}/locations/europe-west1/functions/shop-dev-pack"


def everything() -> App:
    return app_of(buckets=("files",), indexes=("by_day",), is_whole=True)


def test_a_first_deploy_makes_bucket_resources_and_release(shop: Shop, google: Google) -> None:
    watcher = Watching()
    done = shop.deploy(everything(), watcher=watcher)
    assert done.is_changed
    assert done.release is not None
    assert done.release.number == 1
    assert watcher.said == [f"the bucket {BUCKET} is ready", f"the bucket {LOCKS} is ready"]
    made = [one for plan in watcher.plans for one in plan.changes if one.kind != "interface"]
    assert {one.action for one in made} == {"create"}
    assert google.names("functions") == [
        "shop-dev--http", "shop-dev-files-stored", "shop-dev-hear", "shop-dev-orders-changed", "shop-dev-pack",
        "shop-dev-sweep",
    ]  # fmt: skip
    assert google.names("queues") == [name for name in google.names("functions") if name != "shop-dev--http"]
    # Behind the name is the mark of what Google does not change in them: topic and filter, the events of a table.
    assert [re.sub("-[0-9a-f]{8}$", "", name) for name in google.names("subscriptions")] == [
        "shop-dev-files-stored", "shop-dev-files-stored-dead", "shop-dev-hear", "shop-dev-hear-dead",
    ]  # fmt: skip
    assert google.names("jobs") == ["shop-dev-sweep"]
    assert [re.sub("-[0-9a-f]{8}$", "", name) for name in google.names("triggers")] == ["shop-dev-orders-changed"]
    assert google.names("secrets") == ["shop-dev--param-rate", "shop-dev-key"]
    assert google.names("databases") == ["shop-dev"]
    assert len(google.names("indexes")) == 2
    assert len(google.names("notificationConfigs")) == 1
    assert shop.deployer.outputs()["ApiUrl"] == "https://shop-dev--http-123456789012.europe-west1.run.app"
    assert shop.deployer.is_prod() is False
    assert shop.deployer.holder() is None


def test_what_the_functions_are_is_what_google_is_told(shop: Shop, google: Google) -> None:
    shop.deploy()
    made = google.project.resources[FUNCTION]
    source = made["buildConfig"]["source"]["storageSource"]
    assert source["bucket"] == BUCKET
    assert f"projects/_/buckets/{BUCKET}/objects/{source['object']}" in google.project.resources
    assert made["serviceConfig"]["environmentVariables"] == {
        "PORTABLE_LOCATION": "europe-west1",
        "PORTABLE_PROJECT": PROJECT,
        "PORTABLE_PROJECT_NUMBER": "123456789012",
        "PORTABLE_SERVES": "background",
        "PORTABLE_STAGE": "dev",
    }


def test_the_steps_of_a_deploy_are_told_in_order_and_once(shop: Shop) -> None:
    watcher = Watching()
    shop.deploy(everything(), watcher=watcher)
    told: dict[str, list[Step]] = {}
    for step in watcher.steps:
        told.setdefault(step.id, []).append(step)
    assert all([one.state for one in steps] == ["started", "done"] for steps in told.values())
    first = {id: watcher.steps.index(steps[0]) for id, steps in told.items()}
    for before, after in (
        ("api:cloudfunctions.googleapis.com", "account:handler:pack"),
        ("account:handler:pack", "function:handler:pack"),
        ("database", "index:orders:x.by_day.a-ascending,x.by_day.b-ascending"),
        ("function:handler:pack", "access:function:handler:pack"),
        ("access:function:handler:orders_changed", "trigger:orders_changed"),
        ("access:events:files", "notification:files"),
        ("dead-topic:hear", "subscription:hear"),
    ):
        assert first[before] < first[after], (before, after)


def test_nothing_to_change_is_a_success_and_no_new_release(shop: Shop, google: Google) -> None:
    shop.deploy(everything())
    before = google.state()
    watcher = Watching()
    done = shop.deploy(everything(), watcher=watcher)
    assert (done.is_changed, watcher.plans, watcher.steps) == (False, [], [])
    assert done.release is not None
    assert done.release.number == 1
    assert google.state() == before


def test_other_code_is_an_update_of_the_functions_alone_and_a_release(shop: Shop) -> None:
    shop.deploy(everything())
    watcher = Watching()
    done = shop.deploy(everything(), code="2", watcher=watcher)
    assert done.release is not None
    assert done.release.number == 2
    [plan] = watcher.plans
    changed = [one for one in plan.changes if one.action != "keep"]
    assert {one.action for one in changed} == {"update"}
    assert {one.kind for one in changed} == {"function"}
    assert all("buildConfig/source/storageSource/object" in one.reasons[0] for one in changed)


def test_zips_that_are_there_are_not_sent_again(shop: Shop, google: Google) -> None:
    shop.deploy()
    google.calls.clear()
    shop.deploy(app_of(tasks=("pack", "ship")))
    sent = [one for name, one in google.project.resources.items() if "/objects/zips/" in name]
    assert len(sent) == 1
    google.calls.clear()
    shop.deploy(app_of(tasks=("pack", "ship")))
    # The lock, taken and let go of.
    assert sum("/upload/" in call for call in google.calls) == 2


def test_a_plan_changes_nothing(shop: Shop, google: Google) -> None:
    plan = shop.plan(everything())
    assert plan.counts()["create"] > 40
    assert google.project.resources == {}
    assert {call.split()[1] for call in google.calls} <= {"GET", "POST"}
    assert not any(call.startswith("storage POST") for call in google.calls)
    shop.deploy(everything())
    before = google.state()
    assert shop.plan(everything()).is_empty
    assert shop.plan(everything()).provider == "gcp"
    assert google.state() == before


def test_a_plan_says_where_things_are_declared(shop: Shop) -> None:
    found = {one.id: one for one in shop.plan(everything()).changes}
    assert "shop.py:" in str(found["table:orders"].where)
    assert "shop.py:" in str(found["queue:pack"].where)
    assert found["database"].where is None


def test_a_change_that_is_not_agreed_to_leaves_nothing(shop: Shop, google: Google) -> None:
    done = shop.deploy(watcher=Watching(agrees=False))
    assert (done.is_changed, done.release) == (False, None)
    assert google.names("functions") == []
    assert google.names("serviceAccounts") == []


def test_a_failed_first_deploy_names_the_resource_and_the_next_one_goes_on(shop: Shop, google: Google) -> None:
    google.project.failing[FUNCTION] = "Build failed: no such requirement"
    watcher = Watching()
    with pytest.raises(DeployFailed, match=r"creating function pack failed: .*Build failed: no such requirement") as e:
        shop.deploy(app_of(tasks=("pack", "ship")), watcher=watcher)
    assert "it goes on from there" in str(e.value.hint)
    assert [one.id for one in watcher.steps if one.state == "failed"] == ["function:handler:pack"]
    # What was made beside it was made to its end, and what comes after it was not begun.
    assert google.project.resources[FUNCTION.replace("pack", "ship")]["state"] == "ACTIVE"
    assert google.names("queues") == []
    assert shop.deployer.releases() == []
    with pytest.raises(NotFound):
        shop.deployer.outputs()
    google.project.failing.clear()
    watcher = Watching()
    done = shop.deploy(app_of(tasks=("pack", "ship")), watcher=watcher)
    assert done.release is not None
    [plan] = watcher.plans
    again = {one.id: one for one in plan.changes}
    assert (again["function:handler:pack"].action, again["function:handler:ship"].action) == ("update", "keep")
    assert again["function:handler:pack"].reasons == ("it is FAILED",)


def test_what_google_is_at_is_waited_for_or_refused(shop: Shop, google: Google) -> None:
    shop.deploy()
    project = google.project
    project.resources[FUNCTION]["state"] = "DEPLOYING"
    project.operation("", FUNCTION, lambda: project.resources[FUNCTION].update(state="ACTIVE"), polls=60)
    with pytest.raises(ProjectConflict, match=r"Google is at work on function pack \(DEPLOYING\)"):
        shop.deploy(code="2", wait=False)
    assert any("waited for first" in step for step in shop.plan().steps)
    watcher = Watching()
    assert shop.deploy(code="2", watcher=watcher).is_changed
    assert "Google is at work on function pack (DEPLOYING): waiting" in watcher.said


def test_skipping_is_refused_since_google_undoes_nothing(shop: Shop) -> None:
    with pytest.raises(InvalidArgument, match="nothing can be skipped"):
        shop.deploy(skip=("function:handler:pack",))


def test_an_account_that_is_not_known_everywhere_yet_is_waited_for(shop: Shop, google: Google) -> None:
    """IAM takes a while: https://cloud.google.com/iam/docs/access-change-propagation"""
    from tests.gcp_stack.front import error

    left = [3]

    def hook(when: str, service: str, request: Any) -> Any:
        if when == "before" and service == "cloudfunctions" and request.verb == "POST" and left[0]:
            left[0] -= 1
            return error("INVALID_ARGUMENT", "Service account shop-dev-pack@... does not exist.")
        return None

    google.hook = hook
    assert shop.deploy().is_changed
    assert left == [0]


def test_too_much_asked_at_once_is_asked_again(shop: Shop, google: Google) -> None:
    from tests.gcp_stack.front import error

    left = [2]

    def hook(when: str, service: str, request: Any) -> Any:
        if when == "before" and service == "cloudtasks" and request.verb == "POST" and left[0]:
            left[0] -= 1
            return error("RESOURCE_EXHAUSTED", "Quota exceeded")
        return None

    google.hook = hook
    assert shop.deploy().is_changed
    assert left == [0]


def test_filters_of_a_trigger_in_another_order_are_the_same(shop: Shop, google: Google) -> None:
    shop.deploy(everything())
    one = next(one for name, one in google.project.resources.items() if "/triggers/" in name)
    one["eventFilters"].reverse()
    assert shop.plan(everything()).is_empty


# Data


def test_a_table_that_is_declared_no_more_is_refused_by_name_before_anything_happens(
    shop: Shop, google: Google
) -> None:
    shop.deploy(app_of(tables=("orders", "lines")))
    before = google.state()
    with pytest.raises(DataAtRisk, match=r"delete table lines") as e:
        shop.deploy(app_of(tables=("orders",)), code="2")
    assert "--lose lines" in str(e.value.hint)
    assert google.state() == before
    shop.deploy(app_of(tables=("orders",)), code="2", lose=("lines",))
    assert google.project.erased == ["lines"]
    assert google.names("databases") == ["shop-dev"]


def test_another_key_of_a_table_is_a_replacement_and_refused_by_name(shop: Shop, google: Google) -> None:
    shop.deploy()
    other = App("shop", targets=("gcp",))
    other.table("orders", key=("customer", "id"))
    with pytest.raises(DataAtRisk, match=r"replace table orders: key: \['id'\] becomes \['customer', 'id'\]"):
        shop.deploy(other, code="2")
    shop.deploy(other, code="2", lose=("orders",))
    assert google.project.erased == ["orders"]
    # What was agreed to once is no news.
    assert shop.plan(other).counts()["replace"] == 0


def test_a_bucket_in_another_place_is_a_replacement_and_refused_by_name(shop: Shop, google: Google) -> None:
    shop.deploy(app_of(buckets=("files",)))
    google.project.resources["projects/_/buckets/shop-dev-files-3d098866"]["location"] = "US"
    with pytest.raises(DataAtRisk, match=r"replace bucket files: location: US becomes EUROPE-WEST1"):
        shop.deploy(app_of(buckets=("files",)), code="2")


@pytest.mark.parametrize("name", ["files", "rate", "key"])
def test_no_bucket_param_or_secret_goes_unnamed(shop: Shop, google: Google, name: str) -> None:
    shop.deploy(everything())
    others = tuple(one for one in ("files", "rate", "key") if one != name)
    with pytest.raises(DataAtRisk, match=rf"delete \w+ {name}: it is not declared any more"):
        shop.deploy(code="2", lose=others)


def test_an_index_comes_and_another_goes_in_one_deploy(shop: Shop, google: Google) -> None:
    shop.deploy(app_of(indexes=("old",)))
    shop.deploy(app_of(indexes=("new",)), code="2")
    fields = [
        field["fieldPath"]
        for name, one in google.project.resources.items()
        if "/indexes/" in name
        for field in one["fields"]
    ]
    assert {field for field in fields if field != "__name__"} == {"x.new.a", "x.new.b"}
    assert google.project.erased == []


def test_an_index_that_google_cannot_serve_is_made_anew(shop: Shop, google: Google) -> None:
    shop.deploy(app_of(indexes=("by_day",)))
    name, broken = next((name, one) for name, one in google.project.resources.items() if "/indexes/" in name)
    broken["state"] = "NEEDS_REPAIR"
    watcher = Watching()
    shop.deploy(app_of(indexes=("by_day",)), watcher=watcher)
    [plan] = watcher.plans
    assert [(one.action, one.kind) for one in plan.changes if one.action != "keep"] == [("replace", "index")]
    assert name not in google.project.resources
    assert len(google.names("indexes")) == 2


# Destroying


def test_destroy_keeps_data_stores_and_a_deploy_takes_them_over_again(shop: Shop, google: Google) -> None:
    shop.deploy(everything())
    done = shop.destroy(app=everything())
    assert done.deleted == ()
    assert set(done.kept) == {
        "shop-dev", "shop-dev/orders", "shop-dev-files-3d098866", "shop-dev--param-rate", "shop-dev-key",
    }  # fmt: skip
    for kind in ("functions", "queues", "subscriptions", "topics", "jobs", "triggers", "serviceAccounts", "services"):
        assert google.names(kind) == [], kind
    assert google.names("databases") == ["shop-dev"]
    assert google.project.erased == []
    assert [policy for policy in google.project.policies.values() if policy.get("bindings")] == []
    with pytest.raises(NotFound):
        shop.deployer.outputs()
    # What is left of a stage is what the stage was.
    assert shop.deployer.is_prod() is False
    watcher = Watching()
    shop.deploy(everything(), watcher=watcher)
    actions = {one.id: one.action for plan in watcher.plans for one in plan.changes}
    assert {actions[id] for id in ("database", "table:orders", "bucket:files", "secret:key", "param:rate")} == {"keep"}


def test_destroy_deletes_the_data_that_is_named_also_when_the_rest_is_gone(shop: Shop, google: Google) -> None:
    shop.deploy(everything())
    shop.destroy(app=everything())
    put_object(google, "projects/_/buckets/shop-dev-files-3d098866")
    done = shop.destroy("table:orders", "bucket:files", "key", app=everything())
    assert set(done.deleted) == {"shop-dev/orders", "shop-dev-files-3d098866", "shop-dev-key"}
    assert google.project.erased == ["orders"]
    assert google.names("buckets") == [BUCKET, LOCKS]
    assert set(shop.destroy(app=everything()).kept) == {"shop-dev", "shop-dev--param-rate"}


def put_object(google: Google, bucket: str) -> None:
    google.project.resources[f"{bucket}/objects/a"] = {
        "kind": "storage#object", "name": "a", "bucket": bucket.rpartition("/")[2], "generation": "7", "_data": b"a",
    }  # fmt: skip


def test_a_database_goes_with_all_that_is_in_it_if_it_is_named(google: Google) -> None:
    shop = Shop(google, is_prod=True)
    shop.deploy(app_of(indexes=("by_day",)))
    place = f"projects/{PROJECT}/databases/shop-dev"
    assert google.project.resources[place]["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
    done = shop.destroy("database", app=app_of(indexes=("by_day",)))
    assert done.kept == ()
    assert not any(name.startswith(place) for name in google.project.resources)


def test_destroy_refuses_a_name_that_nothing_has_before_it_deletes(shop: Shop, google: Google) -> None:
    shop.deploy()
    before = google.state()
    with pytest.raises(InvalidArgument, match="no data store is called 'orderz'"):
        shop.destroy("orderz")
    assert google.state() == before


def test_a_resource_that_cannot_be_deleted_is_named_and_can_be_left_behind(shop: Shop, google: Google) -> None:
    shop.deploy()
    google.project.failing[FUNCTION] = "the function is stuck"
    with pytest.raises(DeployFailed, match=r"deleting function pack failed: .*the function is stuck"):
        shop.destroy()
    shop.destroy(keep=("function:handler:pack",))
    assert google.names("functions") == ["shop-dev-pack"]
    assert google.names("serviceAccounts") == []


def test_an_app_that_does_not_import_is_destroyed_by_what_was_deployed(shop: Shop, google: Google) -> None:
    shop.deploy(everything())
    done = shop.deployer.destroy(None, ["table:orders"], (), Watching())
    assert done.deleted == ("shop-dev/orders",)
    assert google.names("functions") == []


def test_what_is_not_deployed_has_no_outputs_releases_or_holder(shop: Shop) -> None:
    with pytest.raises(NotFound, match="shop is not deployed in dev") as e:
        shop.deployer.outputs()
    assert "portable deploy --target gcp --stage dev" in str(e.value.hint)
    assert shop.deployer.releases() == []
    assert shop.deployer.holder() is None
    assert shop.deployer.is_prod() is None


def test_an_app_without_functions_comes_to_have_some_and_loses_them_again(shop: Shop, google: Google) -> None:
    shop.deploy(app_of(tasks=()))
    assert google.names("functions") == []
    shop.deploy(app_of())
    assert google.names("functions") == ["shop-dev-pack"]
    shop.deploy(app_of(tasks=()))
    assert google.names("functions") == []
    assert google.names("serviceAccounts") == []


# Access


def test_a_function_whose_grants_change_is_given_and_taken_what_it_needs(shop: Shop, google: Google) -> None:
    shop.deploy(everything())
    others = {"role": "roles/viewer", "members": ["serviceAccount:service-123456789012@a.iam.gserviceaccount.com"]}
    policy = google.project.policies[f"projects/{PROJECT}"]
    policy["bindings"].append(others)
    roles = {one["role"] for one in policy["bindings"]}
    assert "roles/eventarc.eventReceiver" in roles
    shop.deploy(code="2", lose=("files", "rate", "key"))
    after = google.project.policies[f"projects/{PROJECT}"]["bindings"]
    assert "roles/eventarc.eventReceiver" not in {one["role"] for one in after}
    assert others in after


def test_a_right_that_somebody_took_away_is_given_again(shop: Shop, google: Google) -> None:
    shop.deploy()
    service = FUNCTION.replace("/functions/", "/services/")
    google.project.policies[service]["bindings"] = []
    watcher = Watching()
    shop.deploy(watcher=watcher)
    [plan] = watcher.plans
    assert [one.id for one in plan.changes if one.action != "keep"] == ["access:function:handler:pack"]
    assert google.project.policies[service]["bindings"][0]["role"] == "roles/run.invoker"


def test_policies_that_others_change_meanwhile_are_read_again(shop: Shop, google: Google) -> None:
    left = [2]

    def hook(when: str, service: str, request: Any) -> Any:
        if when == "before" and request.path.endswith(f"projects/{PROJECT}:setIamPolicy") and left[0]:
            left[0] -= 1
            google.project.policies[f"projects/{PROJECT}"] = {"version": 1, "etag": f"b3R{left[0]}", "bindings": []}
        return None

    google.hook = hook
    assert shop.deploy().is_changed
    assert left == [0]


def test_what_a_package_has_to_say_is_said_by_plan_and_deploy(shop: Shop) -> None:
    """That it has no byte code, and what was left out of it."""
    shop.notes = ("there is no Python 3.13 on this machine",)
    assert shop.notes[0] in shop.plan().steps
    watcher = Watching()
    shop.deploy(watcher=watcher)
    assert watcher.said.count("note: there is no Python 3.13 on this machine") == 1
