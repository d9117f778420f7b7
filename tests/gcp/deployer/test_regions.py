"""A stage is in one region, and from another it is neither changed nor deleted: most names have no region in them."""

from collections.abc import Callable

import pytest
from portable_gcp.artifacts import Artifacts

from portable.deploy.plan import Plan
from portable.errors import ConfigurationError, NotFound, ProjectConflict
from tests.gcp.deployer.fake_google import Google
from tests.gcp.deployer.shop import Shop, Watching, app_of

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


def test_of_two_first_deploys_in_two_regions_one_is_told_who_has_the_lock(
    shop: Shop, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(Watching):
        def agree(self, plan: Plan) -> bool:
            with monkeypatch.context() as patch:
                patch.setenv("CLOUDSDK_FUNCTIONS_REGION", ELSEWHERE)
                with pytest.raises(ProjectConflict, match=r"shop in dev is being changed by .*: deploy, since"):
                    Shop(google).deploy()
            self.said.append("refused")
            return True

    watcher = Elsewhere()
    assert shop.deploy(watcher=watcher).is_changed
    assert "refused" in watcher.said
    assert {name.split("/")[3] for name in google.project.resources if "/locations/" in name} == {"europe-west1"}


def test_who_comes_to_the_lock_after_a_first_deploy_in_another_region_is_refused(
    shop: Shop, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has looked before, when there was nothing anywhere."""
    prepare, first = Artifacts.prepare, [Shop(google)]

    def late(artifacts: Artifacts) -> bool:
        while first:
            with monkeypatch.context() as patch:
                patch.setenv("CLOUDSDK_FUNCTIONS_REGION", ELSEWHERE)
                assert first.pop().deploy().is_changed
        return prepare(artifacts)

    monkeypatch.setattr(Artifacts, "prepare", late)
    with pytest.raises(ConfigurationError, match=f"is in {ELSEWHERE}"):
        shop.deploy()
    assert {name.split("/")[3] for name in google.project.resources if "/locations/" in name} == {ELSEWHERE}


@pytest.mark.parametrize("verb", ["rollback", "destroy", "destroy with data"])
def test_where_there_is_no_stage_nothing_is_made(shop: Shop, google: Google, verb: str) -> None:
    with pytest.raises(NotFound, match="shop is not deployed in dev"):
        VERBS[verb](shop)
    assert google.project.resources == {}
