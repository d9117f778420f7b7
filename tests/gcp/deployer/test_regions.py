"""A stage is in one region, and from another it is neither changed nor deleted: most names have no region in them."""

from collections.abc import Callable

import pytest

from portable.errors import ConfigurationError, NotFound
from tests.gcp.deployer.fake_google import Google
from tests.gcp.deployer.shop import Shop, app_of

APP = app_of(buckets=("files",), is_whole=True)
ELSEWHERE = "us-central1"
VERBS: dict[str, Callable[[Shop], object]] = {
    "plan": lambda shop: shop.plan(APP),
    "deploy": lambda shop: shop.deploy(APP),
    "rollback": lambda shop: shop.rollback(),
    "destroy": lambda shop: shop.destroy(app=APP),
    "destroy with data": lambda shop: shop.destroy("bucket:files", "database", app=APP),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("is_kept", [False, True], ids=["deployed", "data kept"])
def test_from_another_region_a_stage_is_left_alone(
    shop: Shop, google: Google, monkeypatch: pytest.MonkeyPatch, verb: str, is_kept: bool
) -> None:
    shop.deploy(APP)
    if is_kept:
        shop.destroy(app=APP)
    before = google.project.resources.copy()
    monkeypatch.setenv("CLOUDSDK_FUNCTIONS_REGION", ELSEWHERE)
    with pytest.raises(ConfigurationError, match=f"shop in dev is in europe-west1, and .* is {ELSEWHERE}") as e:
        VERBS[verb](Shop(google))
    assert "CLOUDSDK_FUNCTIONS_REGION=europe-west1" in str(e.value.hint)
    assert google.project.resources == before


def test_a_stage_that_is_gone_with_its_data_can_be_made_elsewhere(
    shop: Shop, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.deploy()
    shop.destroy("database")
    monkeypatch.setenv("CLOUDSDK_FUNCTIONS_REGION", ELSEWHERE)
    there = Shop(google)
    assert there.deploy().is_changed
    monkeypatch.setenv("CLOUDSDK_FUNCTIONS_REGION", "europe-west1")
    with pytest.raises(ConfigurationError, match=f"is in {ELSEWHERE}"):
        shop.deploy()


@pytest.mark.parametrize("verb", ["rollback", "destroy", "destroy with data"])
def test_where_there_is_no_stage_nothing_is_made(shop: Shop, google: Google, verb: str) -> None:
    with pytest.raises(NotFound, match="shop is not deployed in dev"):
        VERBS[verb](shop)
    assert google.project.resources == {}
