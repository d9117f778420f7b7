"""Releases, and going back to one: code and configuration do, data does not. Over our fake."""

import json

import pytest

from portable import App
from portable.adapter import Choices
from portable.errors import DataAtRisk, NotFound
from tests.gcp.deployer.fake_google import PROJECT, Google
from tests.gcp.deployer.shop import Shop, Watching, app_of

DATABASE = f"projects/{PROJECT}/databases/shop-dev"


def zip_of(google: Google, function: str = "pack") -> str:
    made = google.project.resources[f"projects/{PROJECT}/locations/europe-west1/functions/shop-dev-{function}"]
    return str(made["buildConfig"]["source"]["storageSource"]["object"])


def test_rollback_goes_back_to_the_release_before(shop: Shop, google: Google) -> None:
    shop.deploy()
    first = zip_of(google)
    shop.deploy(code="2")
    assert zip_of(google) != first
    done = shop.rollback()
    assert zip_of(google) == first
    assert done.release is not None
    assert (done.release.number, done.release.of) == (3, 1)
    assert [one.number for one in shop.deployer.releases()] == [1, 2, 3]


def test_rollback_to_a_release_by_its_number(shop: Shop, google: Google) -> None:
    zips = []
    for code in ("1", "2", "3"):
        shop.deploy(code=code)
        zips.append(zip_of(google))
    shop.rollback(1)
    assert zip_of(google) == zips[0]
    shop.rollback(3)
    assert zip_of(google) == zips[2]


def test_a_release_whose_code_is_gone_is_refused_before_anything_is_changed(shop: Shop, google: Google) -> None:
    shop.deploy()
    key = zip_of(google)
    shop.deploy(code="2")
    [lying] = [name for name in google.project.resources if name.endswith(f"/objects/{key}")]
    del google.project.resources[lying]
    google.calls.clear()
    with pytest.raises(NotFound, match=f"release 1 of shop in dev .* {key} is not in portable-.* any more") as caught:
        shop.rollback(1)
    assert "portable releases" in str(caught.value.hint)
    assert [call for call in google.calls if call.startswith("cloudfunctions") and " GET " not in call] == []
    # What is deployed now is no matter of it.
    assert shop.rollback(2).is_changed is False


def test_tables_that_have_come_since_stay_with_their_indexes_and_functions_go(shop: Shop, google: Google) -> None:
    later = app_of(tables=("orders", "lines"), tasks=("pack", "ship"), buckets=("files",), indexes=("by_day",))
    shop.deploy(app_of(indexes=("by_day",)))
    shop.deploy(later, code="2")
    watcher = Watching()
    shop.deployer.rollback(1, Choices(), watcher)
    [plan] = watcher.plans
    changes = {one.id: one.action for one in plan.changes}
    assert {changes[id] for id in ("table:lines", "bucket:files", "table:orders", "database")} == {"keep"}
    assert google.names("functions") == ["shop-dev-pack"]
    assert len(google.names("indexes")) == 4
    assert google.project.erased == []
    # And the next deploy finds it where it was.
    plan = shop.plan(later)
    assert {one.id for one in plan.changes if one.action == "create" and one.is_data_store} == set()
    # What has been left is data all the same.
    with pytest.raises(DataAtRisk, match="delete table lines"):
        shop.deploy(app_of(buckets=("files",)), code="3")


def test_a_rollback_to_before_production_takes_no_protection_off(google: Google) -> None:
    Shop(google).deploy()
    assert google.project.resources[DATABASE]["deleteProtectionState"] == "DELETE_PROTECTION_DISABLED"
    prod = Shop(google, is_prod=True)
    prod.deploy(code="2")
    assert google.project.resources[DATABASE]["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
    prod.rollback(1)
    assert google.project.resources[DATABASE]["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
    assert prod.deployer.is_prod() is True


def test_a_release_that_there_is_not_is_named_with_those_that_there_are(shop: Shop) -> None:
    with pytest.raises(NotFound, match="shop is not deployed in dev"):
        shop.rollback()
    shop.deploy()
    with pytest.raises(NotFound, match="has no release before this one"):
        shop.rollback()
    with pytest.raises(NotFound, match="has no release 7") as e:
        shop.rollback(7)
    assert "there are: 1" in str(e.value.hint)


def test_a_release_holds_no_values_and_no_more_than_the_resources_say(shop: Shop, google: Google) -> None:
    app = App("shop", targets=("gcp",))
    app.param("rate", default="never-in-a-release")
    app.secret("key")
    shop.deploy(app)
    kept = [
        json.loads(one["_data"])
        for name, one in google.project.resources.items()
        if "/objects/releases/" in name or "/objects/resources/" in name or "/objects/stages/" in name
    ]
    assert len(kept) == 3
    assert "never-in-a-release" not in json.dumps(kept)
