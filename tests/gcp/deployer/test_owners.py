"""Names of two apps can be one: what is another's is neither taken over nor deleted. Over our fake.

`prod-files` of the app `shop` in the stage `dev` and `files` of `shop-dev` in `prod` are both `shop-dev-prod-files`.
"""

from typing import Any

import pytest

from portable.errors import ConfigurationError, DeployFailed
from tests.gcp.deployer.fake_google import PROJECT, Google
from tests.gcp.deployer.shop import Shop, app_of

PLACE = f"projects/{PROJECT}/locations/europe-west1"
BUCKET = "shop-dev-prod-files-3d098866"
THEIRS: dict[str, Any] = {"labels": {"app": "shop-dev", "stage": "prod", "service": "shop-dev"}}
OURS: dict[str, Any] = {"labels": {"app": "shop", "stage": "dev", "service": "shop"}}


def put(google: Google, name: str, body: dict[str, Any]) -> None:
    """Something that no deploy of ours has made; Google's interfaces are enabled."""
    if "/buckets/" in name:
        body = {**body, "kind": "storage#bucket", "projectNumber": "123456789012", "location": "EUROPE-WEST1"}
        body |= {"id": BUCKET, "name": BUCKET}
    google.project.resources[name] = {"name": name, **body}
    google.project.enabled |= {"cloudfunctions", "cloudtasks", "pubsub", "firestore", "cloudscheduler", "eventarc"}


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        (f"projects/_/buckets/{BUCKET}", THEIRS, "is of shop-dev in prod"),
        (f"projects/_/buckets/{BUCKET}", {"labels": {"app": "shop"}}, "does not say whose it is"),
        (f"projects/_/buckets/{BUCKET}", {}, "does not say whose it is"),
        (f"{PLACE}/functions/shop-dev-pack", {**THEIRS, "state": "ACTIVE"}, "is of shop-dev in prod"),
        (f"{PLACE}/queues/shop-dev-pack", {"state": "RUNNING"}, "does not say whose it is"),
        (f"projects/{PROJECT}/databases/shop-dev", {"type": "FIRESTORE_NATIVE"}, "does not say whose it is"),
        (
            f"projects/{PROJECT}/serviceAccounts/shop-dev-pack@{PROJECT}.iam.gserviceaccount.com",
            {"email": f"shop-dev-pack@{PROJECT}.iam.gserviceaccount.com", "description": "mine"},
            "does not say whose it is",
        ),
    ],
    ids=["bucket", "half of the labels", "no labels", "function", "queue", "database", "service account"],
)
def test_what_is_another_apps_is_neither_taken_over_nor_deleted(
    shop: Shop, google: Google, name: str, body: dict[str, Any], said: str
) -> None:
    put(google, name, body)
    before = google.state()
    app = app_of(buckets=("prod-files",))
    with pytest.raises(ConfigurationError, match=f"{name.rpartition('/')[2]} {said}"):
        shop.plan(app)
    with pytest.raises(ConfigurationError, match=f"{name.rpartition('/')[2]} {said}"):
        shop.deploy(app)
    for bucket in ("portable-europe-west1-3d098866", "portable-locks-3d098866"):
        google.project.resources.pop(f"projects/_/buckets/{bucket}")
    assert google.state() == before
    if "/buckets/" in name:
        shop.deploy()
        with pytest.raises(ConfigurationError, match=f"{name.rpartition('/')[2]} {said}"):
            shop.destroy("prod-files", app=app)
        # It is not among what a destroy keeps either: it was never this stage's.
        assert name.rpartition("/")[2] not in shop.destroy(app=app).kept
    assert name in google.project.resources


def test_what_is_this_stages_by_its_labels_is(shop: Shop, google: Google) -> None:
    put(google, f"projects/_/buckets/{BUCKET}", OURS)
    app = app_of(buckets=("prod-files",))
    shop.deploy(app)
    assert BUCKET in shop.destroy(app=app).kept
    assert shop.destroy("prod-files", app=app).deleted == (BUCKET,)


def test_what_a_deploy_has_made_is_its_own_whatever_its_labels_became(shop: Shop, google: Google) -> None:
    app = app_of(buckets=("prod-files",))
    shop.deploy(app)
    google.project.resources[f"projects/_/buckets/{BUCKET}"]["labels"] = {}
    assert shop.deploy(app, code="2").is_changed
    google.project.resources[f"projects/_/buckets/{BUCKET}"]["labels"] = {}
    assert shop.destroy("prod-files", app=app).deleted == (BUCKET,)


def test_a_name_that_the_world_has_already_is_told_by_name(shop: Shop, google: Google) -> None:
    theirs = {"name": BUCKET, "kind": "storage#bucket", "location": "US", "projectNumber": "999", "id": BUCKET}
    google.plane.projects["others-project"].resources[f"projects/_/buckets/{BUCKET}"] = theirs
    with pytest.raises((DeployFailed, ConfigurationError), match=f"{BUCKET}.*not by this project"):
        shop.deploy(app_of(buckets=("prod-files",)))
